//! Identifiers: a prefix that tells what is meant, and 128 bits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Crockford's base32 in lower case: no `i`, `l`, `o` or `u` to misread.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 26;

/// Why a text is not the identifier that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id like `{prefix}_` followed by 26 characters of 0-9 a-z, found `{found}`")]
pub struct IdError {
    prefix: &'static str,
    found: String,
}

fn encode(bits: u128) -> String {
    (0..TEXT_LEN)
        .rev()
        .map(|place| {
            let shift = u32::try_from(place).unwrap_or(0).saturating_mul(5);
            let digit = usize::try_from((bits >> shift) & 31).unwrap_or(0);
            ALPHABET.get(digit).copied().map_or('0', char::from)
        })
        .collect()
}

fn decode(text: &str) -> Option<u128> {
    // 26 digits of 5 bits are 130 bits: the first digit may only use its lower 3.
    if text.len() != TEXT_LEN || text.as_bytes().first().is_some_and(|first| *first > b'7') {
        return None;
    }
    text.bytes().try_fold(0_u128, |bits, byte| {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        Some((bits << 5) | u128::try_from(digit).ok()?)
    })
}

/// The first 128 bits of SHA-256 over the parts, each with its length before it, so that no two lists of parts collide.
fn digest(domain: &str, parts: &[&str]) -> u128 {
    let mut hasher = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().take(16).fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What the text of this id begins with.
            pub const PREFIX: &'static str = $prefix;

            /// The id made of 128 random bits drawn by the caller.
            #[must_use]
            pub const fn from_random(bits: u128) -> Self {
                Self(bits)
            }

            /// The one id that belongs to these parts: the same parts always give the same id.
            #[must_use]
            pub fn derive(parts: &[&str]) -> Self {
                Self(digest($prefix, parts))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or_else(|| IdError { prefix: $prefix, found: text.chars().take(64).collect() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A legal entity that sells, with a number series of its own.
    SellerId = "sel";
    /// Who buys.
    CustomerId = "cus";
    /// What is sold.
    ProductId = "prd";
    /// What a product costs at which interval.
    PriceId = "pri";
    /// An agreement to be billed at an interval.
    SubscriptionId = "sub";
    /// An invoice, draft or issued.
    InvoiceId = "inv";
    /// Money taken, or tried to be taken, by one provider payment.
    PaymentId = "pay";
    /// Money given back.
    RefundId = "ref";
    /// A key for the API.
    ApiKeyId = "key";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let id = InvoiceId::from_random(bits);
            assert_eq!(id.to_string().parse::<InvoiceId>(), Ok(id));
            assert_eq!(id.to_string().len(), 30);
        }
    }

    #[test]
    fn another_kinds_id_is_refused_with_both_sides_named() {
        let error = "cus_00000000000000000000000000".parse::<InvoiceId>().unwrap_err();
        assert!(error.to_string().contains("`inv_`") && error.to_string().contains("cus_000"));
    }

    #[test]
    fn what_does_not_fit_128_bits_is_refused() {
        assert!("inv_80000000000000000000000000".parse::<InvoiceId>().is_err());
        assert!("inv_7zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<InvoiceId>().is_ok());
        assert!("inv_0000000000000000000000000l".parse::<InvoiceId>().is_err());
        assert!("inv_".parse::<InvoiceId>().is_err());
    }

    #[test]
    fn derived_ids_depend_on_each_part_and_on_where_it_ends() {
        let id = PaymentId::derive(&["stripe", "main", "pi_1"]);
        assert_eq!(id, PaymentId::derive(&["stripe", "main", "pi_1"]));
        assert_ne!(id, PaymentId::derive(&["stripe", "mainpi", "_1"]));
        assert_ne!(id.to_string(), RefundId::derive(&["stripe", "main", "pi_1"]).to_string());
    }
}
