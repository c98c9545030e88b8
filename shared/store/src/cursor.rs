//! Where a list goes on: opaque text that a client may keep and send back.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::Key;

/// Longest cursor text that is looked at; keys are short, so anything longer was not made here.
const MAX_LENGTH: usize = 8192;

/// A place in a list. As text it is base64url of the last key seen, safe in JSON and in URLs.
///
/// ```
/// use saldo_store::Cursor;
///
/// let error = "not a cursor!".parse::<Cursor>().unwrap_err();
/// assert_eq!(error.to_string(), "a cursor is text from an earlier page's `next_cursor`; this one is not base64url");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor(Place);

/// What a cursor holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// After this item of a table's partition.
    #[serde(rename = "t")]
    Item(Key),
    /// After this entry of an index partition.
    #[serde(rename = "i")]
    Entry {
        /// The item the entry stands for.
        key: Key,
        /// Partition of the index.
        partition: String,
        /// Sort key of the entry.
        sort: String,
    },
    /// After this moment in the merged shards of a kind, or in a list that another entity keeps.
    #[serde(rename = "k")]
    Kind {
        /// The kind, or the list, that was listed.
        kind: String,
        /// Sort key of the last entry.
        at: String,
    },
}

/// The longest sort key that DynamoDB takes, which is more than any of ours.
const KEY_BYTES_MAX: usize = 1024;

impl Place {
    /// Whether a table could have such keys.
    fn is_possible(&self) -> bool {
        let parts = match self {
            Self::Item(key) => vec![&key.pk, &key.sk],
            Self::Entry { key, partition, sort } => vec![&key.pk, &key.sk, partition, sort],
            Self::Kind { kind, at } => vec![kind, at],
        };
        parts.into_iter().all(|part| (1..=KEY_BYTES_MAX).contains(&part.len()))
    }
}

impl Cursor {
    pub(crate) fn new(place: Place) -> Self {
        Self(place)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Strings in an enum always serialise; a formatter error is the only way this type may report otherwise.
        let json = serde_json::to_vec(&self.0).map_err(|_json| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        if text.len() > MAX_LENGTH {
            return Err(CursorError::TooLong { length: text.len() });
        }
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|source| CursorError::NotBase64 { source })?;
        let place: Place = serde_json::from_slice(&json).map_err(|source| CursorError::NotAPlace { source })?;
        if place.is_possible() {
            Ok(Self(place))
        } else {
            Err(CursorError::NotAPlace { source: serde::de::Error::custom("no key is empty or that long") })
        }
    }
}

impl TryFrom<String> for Cursor {
    type Error = CursorError;

    fn try_from(text: String) -> Result<Self, CursorError> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

/// Why a text is no cursor, or not one for this list.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// It has characters, or a length, that base64url does not have.
    #[error("a cursor is text from an earlier page's `next_cursor`; this one is not base64url")]
    NotBase64 {
        /// Where it fails.
        #[source]
        source: base64::DecodeError,
    },
    /// It decodes to something that no page has given out.
    #[error("a cursor is text from an earlier page's `next_cursor`; this one does not name a place in a list")]
    NotAPlace {
        /// What was expected.
        #[source]
        source: serde_json::Error,
    },
    /// It is longer than any cursor.
    #[error("a cursor has at most {MAX_LENGTH} characters, this one has {length}")]
    TooLong {
        /// Characters found.
        length: usize,
    },
    /// It is a cursor, but for a list with another partition, index or range.
    #[error("the cursor belongs to another list than {list}")]
    OtherList {
        /// The list that was asked for.
        list: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_no_table_could_have_given_out_is_refused() {
        let long = "x".repeat(KEY_BYTES_MAX + 1);
        for place in [
            Place::Item(Key::new("", "b")),
            Place::Entry { key: Key::new("a", "b"), partition: String::new(), sort: "1".into() },
            Place::Kind { kind: "CUSTOMER".into(), at: long },
        ] {
            let text = Cursor::new(place).to_string();
            assert!(matches!(text.parse::<Cursor>(), Err(CursorError::NotAPlace { .. })), "{text}");
        }
    }

    #[test]
    fn a_cursor_survives_text_and_json_with_any_key() {
        for place in [
            Place::Item(Key::new("CUSTOMER#cus_名前", "é|\u{1F600}\"\\")),
            Place::Entry { key: Key::new("a", "b"), partition: "3".into(), sort: "2026-01-31T00:00:00.000Z".into() },
            Place::Kind { kind: "INVOICE".into(), at: "2026-01-31T00:00:00.000Z#1f".into() },
        ] {
            let cursor = Cursor::new(place);
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
            let json = serde_json::to_string(&cursor).unwrap();
            assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);
            assert!(
                json.trim_matches('"').chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'),
                "{json}"
            );
        }
    }

    #[test]
    fn a_broken_cursor_says_what_is_wrong_with_it() {
        assert!(matches!("%%".parse::<Cursor>(), Err(CursorError::NotBase64 { .. })));
        assert!(matches!("e30".parse::<Cursor>(), Err(CursorError::NotAPlace { .. })));
        assert!(matches!("".parse::<Cursor>(), Err(CursorError::NotAPlace { .. })));
        assert!(matches!("A".repeat(9000).parse::<Cursor>(), Err(CursorError::TooLong { length: 9000 })));
    }
}
