//! Parameters as Stripe takes them: `metadata[key]=value`, `expand[0]=latest_charge`, `created[gte]=1`.

use std::collections::BTreeMap;

use crate::error::ApiError;

/// Nested deeper than any call.
const DEPTH_MAX: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Text(String),
    Map(BTreeMap<String, Node>),
}

/// The parameters of one call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Params(BTreeMap<String, Node>);

fn invalid(name: &str) -> ApiError {
    ApiError::invalid("parameter_invalid_string", Some(name), &format!("Invalid parameter name: {name}"))
}

fn path(name: &str) -> Result<Vec<String>, ApiError> {
    let (first, rest) = name.split_once('[').map_or((name, None), |(first, rest)| (first, Some(rest)));
    let mut path = vec![first.to_owned()];
    if let Some(rest) = rest {
        let rest = rest.strip_suffix(']').ok_or_else(|| invalid(name))?;
        path.extend(rest.split("][").map(ToOwned::to_owned));
    }
    if first.is_empty() || path.len() > DEPTH_MAX { Err(invalid(name)) } else { Ok(path) }
}

fn insert(map: &mut BTreeMap<String, Node>, path: &[String], value: String, name: &str) -> Result<(), ApiError> {
    let [first, rest @ ..] = path else { return Err(invalid(name)) };
    // `expand[]` counts on by itself.
    let key = if first.is_empty() { map.len().to_string() } else { first.clone() };
    if rest.is_empty() {
        map.insert(key, Node::Text(value));
        return Ok(());
    }
    match map.entry(key).or_insert_with(|| Node::Map(BTreeMap::new())) {
        Node::Map(inner) => insert(inner, rest, value, name),
        Node::Text(_) => Err(invalid(name)),
    }
}

impl Params {
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, ApiError> {
        let mut map = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            insert(&mut map, &path(&name)?, value.into_owned(), &name)?;
        }
        Ok(Self(map))
    }

    /// Refuses parameters that the call does not have, as Stripe does.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let message = format!("Received unknown parameter: {name}");
                Err(ApiError::invalid("parameter_unknown", Some(name), &message))
            }
            None => Ok(()),
        }
    }

    /// The text of a top-level parameter; an empty one counts as not given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Node::Text(text) if !text.is_empty() => Some(text),
            Node::Text(_) | Node::Map(_) => None,
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        let missing =
            || ApiError::invalid("parameter_missing", Some(name), &format!("Missing required param: {name}."));
        self.text(name).ok_or_else(missing)
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let wrong = |text: &str| {
            ApiError::invalid("parameter_invalid_integer", Some(name), &format!("Invalid integer: {text}"))
        };
        self.text(name).map(|text| text.parse().ok().ok_or_else(|| wrong(text))).transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The parameters inside of one.
    pub(crate) fn inner(&self, name: &str) -> Self {
        match self.0.get(name) {
            Some(Node::Map(map)) => Self(map.clone()),
            Some(Node::Text(_)) | None => Self::default(),
        }
    }

    /// The texts of a list or a map, in the order of their keys.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .filter_map(|(key, node)| match node {
                Node::Text(text) => Some((key.clone(), text.clone())),
                Node::Map(_) => None,
            })
            .collect()
    }

    /// Whether the call asks for this object in full.
    pub(crate) fn expands(&self, field: &str) -> bool {
        self.inner("expand").texts().values().any(|wanted| wanted == field || wanted.starts_with(&format!("{field}.")))
    }

    /// One text in which any two different sets of parameters differ.
    pub(crate) fn fingerprint(&self) -> String {
        format!("{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_names_become_a_tree() {
        let params =
            Params::parse(b"amount=100&metadata[saldo_invoice]=inv_1&expand[]=a&expand[]=b&x[y][0][z]=%E2%82%AC")
                .unwrap();
        assert_eq!(params.integer("amount").unwrap(), Some(100));
        assert_eq!(params.inner("metadata").text("saldo_invoice"), Some("inv_1"));
        assert_eq!(params.inner("x").inner("y").inner("0").text("z"), Some("€"));
        assert!(params.expands("a") && params.expands("b") && !params.expands("c"));
    }

    #[test]
    fn unknown_missing_and_malformed_parameters_are_named() {
        let params = Params::parse(b"amount=ten&colour=red").unwrap();
        assert_eq!(params.only(&["amount"]).unwrap_err().param(), Some("colour"));
        assert_eq!(params.required("currency").unwrap_err().param(), Some("currency"));
        assert!(params.integer("amount").is_err());
        assert!(Params::parse(b"a[b=1").is_err());
    }
}
