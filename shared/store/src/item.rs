//! What an item weighs, whether DynamoDB would take it, and its one canonical text.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::number::{self, Number, NumberError};
use crate::{AttributeValue, Item};

/// Largest item, names and values together: 400 KB.
pub const MAX_ITEM_BYTES: usize = 400 * 1024;

/// Bytes of a write unit.
const UNIT_BYTES: usize = 1024;
/// Bytes that a list or a map takes, and again each of its elements.
const CONTAINER_BYTES: usize = 3;

/// Bytes of the item as DynamoDB counts them: UTF-8 names plus values.
#[must_use]
pub fn size(item: &Item) -> usize {
    map_size(item)
}

/// Write units for an item of so many bytes: one for each begun KB.
#[must_use]
pub fn write_units(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).unwrap_or(u64::MAX)
}

fn map_size(map: &HashMap<String, AttributeValue>) -> usize {
    map.iter().fold(0, |sum: usize, (name, value)| sum.saturating_add(name.len()).saturating_add(value_size(value)))
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::N(digits) => number_size(digits),
        AttributeValue::S(text) => text.len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::M(map) => map_size(map).saturating_add(container_size(map.len())),
        AttributeValue::L(list) => {
            list.iter().fold(container_size(list.len()), |sum, value| sum.saturating_add(value_size(value)))
        }
        AttributeValue::Ss(set) => set.iter().fold(0, |sum: usize, text| sum.saturating_add(text.len())),
        AttributeValue::Ns(set) => set.iter().fold(0, |sum: usize, digits| sum.saturating_add(number_size(digits))),
        AttributeValue::Bs(set) => set.iter().fold(0, |sum: usize, bytes| sum.saturating_add(bytes.len())),
    }
}

fn container_size(elements: usize) -> usize {
    CONTAINER_BYTES.saturating_add(elements)
}

fn number_size(digits: &str) -> usize {
    Number::parse(digits).map_or(digits.len(), Number::size)
}

/// Brings every number of the item to its one text, as DynamoDB does when it stores it.
pub(crate) fn normalise(item: &mut Item) -> Result<(), NumberError> {
    item.values_mut().try_for_each(normalise_value)
}

fn normalise_value(value: &mut AttributeValue) -> Result<(), NumberError> {
    match value {
        AttributeValue::N(digits) => normalise_number(digits),
        AttributeValue::Ns(set) => {
            set.iter_mut().try_for_each(normalise_number)?;
            set.sort();
            Ok(())
        }
        AttributeValue::M(map) => map.values_mut().try_for_each(normalise_value),
        AttributeValue::L(list) => list.iter_mut().try_for_each(normalise_value),
        AttributeValue::Ss(set) => {
            set.sort();
            Ok(())
        }
        AttributeValue::Bs(set) => {
            set.sort();
            Ok(())
        }
        AttributeValue::S(_) | AttributeValue::Bool(_) | AttributeValue::B(_) | AttributeValue::Null(_) => Ok(()),
    }
}

fn normalise_number(digits: &mut String) -> Result<(), NumberError> {
    if !number::is_plain_integer(digits) {
        *digits = Number::parse(digits)?.to_string();
    }
    Ok(())
}

/// The item as DynamoDB JSON with sorted names: equal items have equal texts, so books can be hashed and compared.
///
/// ```
/// use saldo_store::{AttributeValue, Item, canonical_json};
///
/// let item = Item::from(std::collections::HashMap::from([
///     ("sk".to_owned(), AttributeValue::S("A".into())),
///     ("pk".to_owned(), AttributeValue::S("CUSTOMER#1".into())),
/// ]));
/// assert_eq!(canonical_json(&item), r#"{"pk":{"S":"CUSTOMER#1"},"sk":{"S":"A"}}"#);
/// ```
#[must_use]
pub fn canonical_json(item: &Item) -> String {
    sorted(item).to_string()
}

fn sorted(map: &HashMap<String, AttributeValue>) -> Value {
    let ordered: BTreeMap<&String, Value> = map.iter().map(|(name, value)| (name, value_json(value))).collect();
    ordered.into_iter().map(|(name, value)| (name.clone(), value)).collect::<serde_json::Map<_, _>>().into()
}

fn value_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::M(map) => serde_json::json!({ "M": sorted(map) }),
        AttributeValue::L(list) => serde_json::json!({ "L": list.iter().map(value_json).collect::<Vec<_>>() }),
        AttributeValue::N(_)
        | AttributeValue::S(_)
        | AttributeValue::Bool(_)
        | AttributeValue::B(_)
        | AttributeValue::Null(_)
        | AttributeValue::Ss(_)
        | AttributeValue::Ns(_)
        | AttributeValue::Bs(_) => serde_json::json!(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<HashMap<_, _>>().into()
    }

    #[test]
    fn sizes_follow_the_published_rules() {
        let n = |digits: &str| AttributeValue::N(digits.into());
        let cases = [
            (AttributeValue::S("名前".into()), 6),
            (n("0"), 2),
            (n("1234"), 3),
            (n("-1234"), 4),
            (AttributeValue::Bool(true), 1),
            (AttributeValue::Null(true), 1),
            (AttributeValue::B(vec![0; 10]), 10),
            (AttributeValue::M(HashMap::from([("a".into(), n("1"))])), 3 + 1 + 1 + 2),
            (AttributeValue::L(vec![n("1"), n("2")]), 3 + 2 + 4),
        ];
        for (value, bytes) in cases {
            assert_eq!(value_size(&value), bytes, "{value:?}");
        }
        assert_eq!(size(&item([("pk", AttributeValue::S("ab".into())), ("v", n("1"))])), 4 + 3);
    }

    #[test]
    fn a_write_unit_is_a_begun_kilobyte() {
        assert_eq!([0, 1, 1024, 1025, 409_600].map(write_units), [1, 1, 1, 2, 400]);
    }

    #[test]
    fn normalising_reaches_every_depth() {
        let n = |digits: &str| AttributeValue::N(digits.into());
        let mut given = item([
            ("a", n("1.50")),
            ("b", AttributeValue::M(HashMap::from([("c".into(), AttributeValue::L(vec![n("1E2")]))]))),
        ]);
        normalise(&mut given).unwrap();
        assert_eq!(canonical_json(&given), r#"{"a":{"N":"1.5"},"b":{"M":{"c":{"L":[{"N":"100"}]}}}}"#);
        assert!(normalise(&mut item([("a", AttributeValue::L(vec![n("ten")]))])).is_err());
    }

    #[test]
    fn sets_have_one_order() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let mut given = item([
            ("a", AttributeValue::Ss(texts(&["b", "a"]))),
            ("b", AttributeValue::Ns(texts(&["2", "1.0"]))),
            ("c", AttributeValue::Bs(vec![vec![2], vec![1]])),
        ]);
        normalise(&mut given).unwrap();
        assert_eq!(given.get("a"), Some(&AttributeValue::Ss(texts(&["a", "b"]))));
        assert_eq!(given.get("b"), Some(&AttributeValue::Ns(texts(&["1", "2"]))));
        assert_eq!(given.get("c"), Some(&AttributeValue::Bs(vec![vec![1], vec![2]])));
    }
}
