//! The three tables, the keys of their items and the three indexes of the billing table.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AttributeValue, Item};

/// Names of the attributes that the store itself reads; everything else in an item belongs to its entity.
pub mod attribute {
    /// Partition key of every table (text).
    pub const PK: &str = "pk";
    /// Sort key of every table (text).
    pub const SK: &str = "sk";
    /// Version of the item (number): 1 when created, one more with each write.
    pub const VERSION: &str = "v";
    /// When housekeeping may remove the item (number, seconds since 1970): the tables' time-to-live attribute.
    pub const EXPIRES: &str = "expires_at";
    /// Partition of the `due` index: `"0"` to `"7"`.
    pub const DUE_SHARD: &str = "due_shard";
    /// Sort key of the `due` index: the instant from which the work waits.
    pub const DUE_AT: &str = "due_at";
    /// What is due; the one attribute the `due` index carries besides its keys.
    pub const DUE_KIND: &str = "due_kind";
    /// Partition of the `by_customer` index.
    pub const CUSTOMER_KEY: &str = "customer_key";
    /// Sort key of the `by_customer` index.
    pub const CUSTOMER_AT: &str = "customer_at";
    /// Partition of the `by_kind` index: `INVOICE#2`, the kind and its write shard.
    pub const KIND_KEY: &str = "kind_key";
    /// Sort key of the `by_kind` index.
    pub const KIND_AT: &str = "kind_at";

    /// Every name above: an entity must not have a field called so.
    pub const RESERVED: [&str; 11] =
        [PK, SK, VERSION, EXPIRES, DUE_SHARD, DUE_AT, DUE_KIND, CUSTOMER_KEY, CUSTOMER_AT, KIND_KEY, KIND_AT];
}

/// One of the three tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Every provider event as it was received, for good.
    Inbox,
    /// The books: customers, subscriptions, invoices, payments, ledger entries, intents. It has indexes and a stream.
    Billing,
    /// Aggregates, kept up to date from the billing table's stream.
    Reports,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 3] = [Self::Inbox, Self::Billing, Self::Reports];

    /// The indexes this table has.
    #[must_use]
    pub fn indexes(self) -> &'static [Index] {
        match self {
            Self::Billing => &Index::ALL,
            Self::Inbox | Self::Reports => &[],
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbox => "inbox",
            Self::Billing => "billing",
            Self::Reports => "reports",
        })
    }
}

/// The key of an item in its table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Partition key: items that share it are queried together.
    pub pk: String,
    /// Sort key: the place of the item in its partition.
    pub sk: String,
}

impl Key {
    /// A key from its two parts.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// The key that an item carries, if it carries a whole one.
    #[must_use]
    pub fn of(item: &Item) -> Option<Self> {
        Some(Self::new(text(item, attribute::PK)?, text(item, attribute::SK)?))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.pk, self.sk)
    }
}

/// A secondary index of the billing table. All are sparse (an item without the attributes is not in them) and lag
/// behind the table by some milliseconds, so what they return is a hint to be read again by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Index {
    /// Work that waits, by shard and instant; carries `due_kind`.
    Due,
    /// What belongs to a customer, in order of time.
    ByCustomer,
    /// All items of a kind, in order of time, write-sharded.
    ByKind,
}

impl Index {
    /// All indexes.
    pub const ALL: [Self; 3] = [Self::Due, Self::ByCustomer, Self::ByKind];

    /// Its name on the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::ByCustomer => "by_customer",
            Self::ByKind => "by_kind",
        }
    }

    /// The attribute that is its partition key.
    #[must_use]
    pub fn partition_attribute(self) -> &'static str {
        match self {
            Self::Due => attribute::DUE_SHARD,
            Self::ByCustomer => attribute::CUSTOMER_KEY,
            Self::ByKind => attribute::KIND_KEY,
        }
    }

    /// The attribute that is its sort key.
    #[must_use]
    pub fn sort_attribute(self) -> &'static str {
        match self {
            Self::Due => attribute::DUE_AT,
            Self::ByCustomer => attribute::CUSTOMER_AT,
            Self::ByKind => attribute::KIND_AT,
        }
    }

    /// Attributes it carries besides the keys.
    #[must_use]
    pub fn included_attributes(self) -> &'static [&'static str] {
        match self {
            Self::Due => &[attribute::DUE_KIND],
            Self::ByCustomer | Self::ByKind => &[],
        }
    }
}

/// The text in an attribute of an item, if it is there and is text.
#[must_use]
pub fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

/// The version of an item; 0 when it carries none.
#[must_use]
pub fn version(item: &Item) -> u64 {
    match item.get(attribute::VERSION) {
        Some(AttributeValue::N(digits)) => digits.parse().unwrap_or(0),
        _ => 0,
    }
}
