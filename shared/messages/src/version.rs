//! The version that each message carries.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::disposition::{Disposed, Disposition};

/// The version 1 of a message; another one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct V1;

impl Serialize for V1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for V1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(serde::de::Error::custom(format_args!("expected message version 1, found {other}"))),
        }
    }
}

/// Why a message could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It cannot be written as JSON.
    #[error("the message could not be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// It is not the message that was expected here.
    #[error("the body is not a message of this queue")]
    Decode(#[source] serde_json::Error),
}

impl Disposed for MessageError {
    fn disposition(&self) -> Disposition {
        Disposition::Poison
    }
}
