//! The port: what the rest of Saldo may ask of a store, and what can go wrong.

use async_trait::async_trait;
use saldo_messages::disposition::{Disposed, Disposition};

use crate::{CursorError, Item, Key, Page, Query, Table, Transaction};

/// Keys that one request for many items takes.
pub(crate) const KEYS_PER_READ: usize = 100;

/// What lies under an error, when an adapter has something to show.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Whether a read must see every write that was committed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// It must. Costs twice as much.
    Strong,
    /// It may lag by some milliseconds.
    Eventual,
}

/// The store: three tables with conditional, all-or-nothing commits.
///
/// [`crate::dynamodb::DynamoStore`] is the real one, [`crate::memory::MemoryStore`] its twin; one contract suite runs
/// on both. Keys, item mapping and access patterns are plain functions on top, the same for both.
#[async_trait]
pub trait Store: Send + Sync {
    /// One item by its key.
    ///
    /// # Errors
    /// [`StoreError`]; that the item does not exist is `Ok(None)`.
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError>;

    /// The items that exist under these keys, in the order of the keys, each once, strongly consistent. Any number of
    /// keys; they are read 100 at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError>;

    /// One page of a partition.
    ///
    /// # Errors
    /// [`StoreError`], among them [`StoreError::Cursor`] for a cursor of another list.
    async fn query(&self, query: Query) -> Result<Page, StoreError>;

    /// All writes of the transaction, or none. An empty one does nothing and succeeds.
    ///
    /// # Errors
    /// [`CommitError`]; only [`StoreError::Unknown`] leaves open whether the transaction was committed.
    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError>;
}

/// What is known of a commit that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Committed {
    /// Write units it consumed, index writes included, where the engine tells.
    pub write_units: Option<u64>,
}

/// A write whose condition did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedWrite {
    /// Its place in the transaction, as returned by the call that added it.
    pub write: usize,
    /// The table it would have changed.
    pub table: Table,
    /// The key it would have changed.
    pub key: Key,
    /// The item that stood in the way, `None` when there is no item.
    pub existing: Option<Item>,
}

/// Why a commit did not happen, or may not have happened.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A condition did not hold: nothing was written. Read again and decide again.
    #[error("nothing was committed: {}", describe(.failed))]
    Conflict {
        /// The writes whose conditions failed, in their order; at least one.
        failed: Vec<FailedWrite>,
    },
    /// Other transactions held an item until the time ran out: nothing was written. The same may work later.
    #[error("nothing was committed: other transactions held {} items until the time ran out", .table)]
    Contention {
        /// A table that was fought over.
        table: Table,
        /// What the engine said.
        #[source]
        source: Cause,
    },
    /// The store failed; see [`StoreError::Unknown`] for the one case where something may have been written.
    #[error("the transaction failed")]
    Store(#[from] StoreError),
}

impl CommitError {
    /// The failed write at this place in the transaction, if its condition was among those that did not hold.
    #[must_use]
    pub fn failed(&self, write: usize) -> Option<&FailedWrite> {
        match self {
            Self::Conflict { failed } => failed.iter().find(|one| one.write == write),
            Self::Contention { .. } | Self::Store(_) => None,
        }
    }

    /// Whether a condition did not hold.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

impl Disposed for CommitError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Conflict { .. } | Self::Contention { .. } => Disposition::Retry,
            Self::Store(error) => error.disposition(),
        }
    }
}

fn describe(failed: &[FailedWrite]) -> String {
    let each = |one: &FailedWrite| {
        let state = if one.existing.is_some() { "is otherwise there" } else { "is not there" };
        format!("{} of the {} table {state}", one.key, one.table)
    };
    failed.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Too many requests until the time ran out; nothing was written.
    #[error("{attempted} on the {table} table was throttled until the time ran out")]
    Throttled {
        /// What was attempted.
        attempted: &'static str,
        /// Where.
        table: Table,
        /// What the engine said.
        #[source]
        source: Cause,
    },
    /// The engine did not answer or could not be reached; nothing was written.
    #[error("{attempted} on the {table} table got no answer in time")]
    Unavailable {
        /// What was attempted.
        attempted: &'static str,
        /// Where.
        table: Table,
        /// What the engine or the connection said.
        #[source]
        source: Cause,
    },
    /// The answer to a write was lost: it may or may not have been committed. Read before deciding anything.
    #[error("the outcome of {attempted} on the {table} table is unknown")]
    Unknown {
        /// What was attempted.
        attempted: &'static str,
        /// Where.
        table: Table,
        /// What the connection said.
        #[source]
        source: Cause,
    },
    /// The engine refuses the request; it will refuse it again. Nothing was written.
    #[error("{attempted} on the {table} table was refused")]
    Rejected {
        /// What was attempted.
        attempted: &'static str,
        /// Where.
        table: Table,
        /// The reason.
        #[source]
        source: Cause,
    },
    /// The cursor is not one of this list.
    #[error("the cursor cannot be used")]
    Cursor(#[from] CursorError),
}

impl StoreError {
    /// A refusal with its reason.
    pub fn rejected(attempted: &'static str, table: Table, reason: impl Into<Cause>) -> Self {
        Self::Rejected { attempted, table, source: reason.into() }
    }
}

impl Disposed for StoreError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } | Self::Unknown { .. } => Disposition::Retry,
            Self::Rejected { .. } | Self::Cursor(_) => Disposition::Poison,
        }
    }
}
