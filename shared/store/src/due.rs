//! Work that waits for its time: the sparse, sharded `due` index.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::table::{attribute, text};
use crate::{Cursor, EntityError, Index, Item, Key, Query, Range, Store, instant_text};

/// How many partitions the index is spread over: each takes 1,000 writes a second.
pub const DUE_SHARDS: u8 = 8;

/// That an entity waits for something to be done, and from when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// From this instant on the step is due.
    pub at: DateTime<Utc>,
    /// The step.
    pub kind: DueKind,
}

impl Due {
    /// What waits, by the attributes of an item; nothing where it has none of them.
    ///
    /// # Errors
    /// [`EntityError::Entry`] where only some are there, or they say no instant or no step.
    pub fn of(item: &Item) -> Result<Option<Self>, EntityError> {
        let names = [attribute::DUE_SHARD, attribute::DUE_AT, attribute::DUE_KIND];
        if names.iter().all(|name| !item.contains_key(*name)) {
            return Ok(None);
        }
        text(item, attribute::DUE_SHARD).ok_or_else(|| unusable(item, attribute::DUE_SHARD))?;
        let at = text(item, attribute::DUE_AT).and_then(|at| at.parse().ok());
        let at = at.ok_or_else(|| unusable(item, attribute::DUE_AT))?;
        Ok(Some(Self { at, kind: kind_of(item)? }))
    }
}

/// The steps that wait in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DueKind {
    /// Bill the next period of a subscription.
    Bill,
    /// Render the document of an invoice.
    Render,
    /// Collect an open invoice.
    Collect,
    /// Ask the provider what became of a charge.
    LookUp,
    /// Carry out a refund.
    Refund,
    /// Send a reminder.
    Remind,
    /// Tell a customer's invoices of their new method of payment.
    NewMethod,
    /// Try an event again that could not be joined yet.
    Parked,
}

impl DueKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Bill,
        Self::Render,
        Self::Collect,
        Self::LookUp,
        Self::Refund,
        Self::Remind,
        Self::NewMethod,
        Self::Parked,
    ];

    /// Its name in the index and in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bill => "bill",
            Self::Render => "render",
            Self::Collect => "collect",
            Self::LookUp => "look_up",
            Self::Refund => "refund",
            Self::Remind => "remind",
            Self::NewMethod => "new_method",
            Self::Parked => "parked",
        }
    }
}

impl fmt::Display for DueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DueKind {
    type Err = UnknownDueKind;

    fn from_str(name: &str) -> Result<Self, UnknownDueKind> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| UnknownDueKind { name: name.to_owned() })
    }
}

/// A text that names no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected bill, render, collect, look_up, refund, remind, new_method or parked, found {name:?}")]
pub struct UnknownDueKind {
    name: String,
}

/// The shard of something by its id: 0 to 7, always the same.
#[must_use]
pub fn due_shard(id: &str) -> u8 {
    u8::try_from(stable_hash(id).checked_rem(u64::from(DUE_SHARDS)).unwrap_or(0)).unwrap_or(0)
}

/// FNV-1a with a final mix: stable over builds and machines, which the standard library's hashers are not.
pub(crate) fn stable_hash(text: &str) -> u64 {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// One piece of work that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEntry {
    /// The entity.
    pub key: Key,
    /// From when on, as [`instant_text`].
    pub at: String,
    /// What.
    pub kind: DueKind,
}

/// A page of waiting work.
#[derive(Debug, Default)]
pub struct DuePage {
    /// Longest waiting first.
    pub entries: Vec<DueEntry>,
    /// Why others could not be read: a kind that only a newer version knows must not hold up what is behind it.
    pub unreadable: Vec<EntityError>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// What is due in a shard until this instant, itself included: one query, half a read unit when there is nothing.
///
/// # Errors
/// [`EntityError`].
pub async fn due_page(
    store: &dyn Store,
    shard: u8,
    until: DateTime<Utc>,
    limit: u32,
    after: Option<Cursor>,
) -> Result<DuePage, EntityError> {
    let query = Query::index(Index::Due, shard.to_string()).range(Range::AtMost(instant_text(until)));
    let page = store.query(query.limit(limit).after(after)).await?;
    let mut due = DuePage { next: page.next, ..DuePage::default() };
    for item in &page.items {
        match due_entry(item) {
            Ok(entry) => due.entries.push(entry),
            Err(error) => due.unreadable.push(error),
        }
    }
    Ok(due)
}

fn due_entry(item: &Item) -> Result<DueEntry, EntityError> {
    let key = Key::of(item).ok_or_else(|| unusable(item, attribute::PK))?;
    let at = text(item, attribute::DUE_AT).ok_or_else(|| unusable(item, attribute::DUE_AT))?.to_owned();
    Ok(DueEntry { key, at, kind: kind_of(item)? })
}

fn kind_of(item: &Item) -> Result<DueKind, EntityError> {
    let kind = text(item, attribute::DUE_KIND).and_then(|name| name.parse().ok());
    kind.ok_or_else(|| unusable(item, attribute::DUE_KIND))
}

fn unusable(item: &Item, attribute: &'static str) -> EntityError {
    EntityError::unusable(Index::Due, item, attribute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_never_moves_and_ids_spread_evenly() {
        assert_eq!(["sub_1", "sub_2", "inv_名前", ""].map(due_shard), [3, 4, 3, 2]);
        let mut counts = [0_u32; 8];
        for n in 0..8000 {
            counts[usize::from(due_shard(&format!("sub_{n:026}")))] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in DueKind::ALL {
            assert_eq!(kind.name().parse::<DueKind>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert!("Bill".parse::<DueKind>().is_err());
    }
}
