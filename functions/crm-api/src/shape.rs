//! Where objects and lists may stand in a body. The readers that serde derives take a list of its values for an object, and an
//! object for a word, neither of which the document allows.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Fields in which an object may stand.
const OBJECTS: &[&str] = &["address", "amount", "dunning", "payment_method", "unit_amount"];

/// Fields with a list in which objects may stand. Elsewhere, `lines` are texts: those of an address.
const LISTS_OF_OBJECTS: &[&str] = &["items", "lines", "tax_ids"];

/// Fields with a list of texts or numbers only.
const LISTS: &[&str] = &["reminder_days", "retry_after_days", "scopes"];

/// A body in which every object and every list stands where one may; reading it fails at the first that does not.
pub struct Shaped;

impl<'de> Deserialize<'de> for Shaped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Place::Object.deserialize(deserializer)
    }
}

/// What may stand here, beside a text, a number, `true`, `false` and `null`.
#[derive(Debug, Clone, Copy)]
enum Place {
    Plain,
    Object,
    List,
    ListOfObjects,
}

impl Place {
    fn of(field: &str) -> Self {
        if OBJECTS.contains(&field) {
            Self::Object
        } else if LISTS_OF_OBJECTS.contains(&field) {
            Self::ListOfObjects
        } else if LISTS.contains(&field) {
            Self::List
        } else {
            Self::Plain
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Plain => "a text, a number, true or false",
            Self::Object => "an object",
            Self::List | Self::ListOfObjects => "a list",
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place {
    type Value = Shaped;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shaped, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place {
    type Value = Shaped;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Shaped, E> {
        Ok(Shaped)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Shaped, E> {
        Ok(Shaped)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Shaped, E> {
        Ok(Shaped)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Shaped, E> {
        Ok(Shaped)
    }

    fn visit_unit<E: Error>(self) -> Result<Shaped, E> {
        Ok(Shaped)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Shaped, E> {
        Ok(Shaped)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shaped, A::Error> {
        let element = match self {
            Self::List => Self::Plain,
            Self::ListOfObjects => Self::Object,
            Self::Plain | Self::Object => {
                return Err(A::Error::custom(format!("expected {}, found a list", self.expected())));
            }
        };
        while list.next_element_seed(element)?.is_some() {}
        Ok(Shaped)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Shaped, A::Error> {
        match self {
            Self::Object => {}
            Self::Plain | Self::List | Self::ListOfObjects => {
                return Err(A::Error::custom(format!("expected {}, found an object", self.expected())));
            }
        }
        while let Some(field) = object.next_key::<String>()? {
            object.next_value_seed(Self::of(&field))?;
        }
        Ok(Shaped)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// What may stand in the fields of a request by the document: objects, lists of objects, other lists.
    #[derive(Debug, Default, PartialEq)]
    struct Fields([BTreeSet<String>; 3]);

    fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
        let name = schema.get("$ref").and_then(Value::as_str);
        name.map_or(schema, |name| document.pointer(name.trim_start_matches('#')).unwrap())
    }

    /// The schema and, where it leaves a choice, its alternatives.
    fn choices<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
        let schema = resolved(document, schema);
        let more = ["oneOf", "anyOf", "allOf"].iter().filter_map(|name| schema.get(*name)?.as_array());
        let more = more.flatten().flat_map(|choice| choices(document, choice));
        std::iter::once(schema).chain(more).collect()
    }

    fn is(schema: &Value, kind: &str) -> bool {
        let kinds = &schema["type"];
        kinds == kind || kinds.as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind))
    }

    impl Fields {
        fn collect(&mut self, document: &Value, schema: &Value) {
            for schema in choices(document, schema) {
                for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                    self.add(document, name, field);
                }
            }
        }

        fn add(&mut self, document: &Value, name: &str, field: &Value) {
            for choice in choices(document, field) {
                if is(choice, "object") {
                    self.0[0].insert(name.to_owned());
                    self.collect(document, choice);
                } else if is(choice, "array") {
                    let objects = choices(document, &choice["items"]).iter().any(|item| is(item, "object"));
                    self.0[if objects { 1 } else { 2 }].insert(name.to_owned());
                    self.collect(document, &choice["items"]);
                }
            }
        }
    }

    #[test]
    fn objects_and_lists_stand_where_the_document_has_them() {
        let document = crate::routes::document().unwrap();
        let mut fields = Fields::default();
        for operations in document["paths"].as_object().unwrap().values() {
            for operation in operations.as_object().unwrap().values() {
                let content = operation.pointer("/requestBody/content").and_then(Value::as_object);
                for body in content.into_iter().flat_map(serde_json::Map::values) {
                    fields.collect(&document, &body["schema"]);
                }
            }
        }
        let Fields([_, with_objects, others]) = &mut fields;
        others.retain(|name| !with_objects.contains(name));
        let ours =
            [OBJECTS, LISTS_OF_OBJECTS, LISTS].map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(fields, Fields(ours));
    }
}
