//! The books rebuilt from the facts, and held against those that are kept.
//!
//! The books are a fold over facts: every event of a provider is in the inbox for good, and what we decided stands in the billing
//! table. Everything else follows: which payments there are and where they stand, what an invoice received, the sums of the
//! ledger, the customers' credit, the reports. [`replay`] takes the decisions over, tells the events again to the code that takes
//! them into the books in production, in tables in memory, and holds what comes out against what is kept.
//!
//! What is *not* rebuilt, and counts as decided: parties, prices, subscriptions, documents, numbers, which credit an invoice used,
//! what was carried forward, voids and write-offs, refunds that were asked for, how far collecting and reminding came (it depends on when things were
//! heard), mails, methods of payment. Entries of the ledger tell in which steps the books came to where they stand, which
//! depends on the order in which events were heard; so their sums are compared, per invoice and payment, and not the entries.

mod again;
mod answers;
mod compare;
mod kept;
mod rebuild;
mod swap;
mod told;
mod view;

pub use self::compare::{Difference, Kind, Mending, Replay, Tally};
pub use self::kept::Kept;
pub use self::rebuild::{Event, Events, OnlyAnswered};
pub use self::swap::Swap;
pub use self::told::Told;

use saldo_books::BooksError;
use saldo_money::MoneyError;
use saldo_store::{CommitError, EntityError, Key, StoreError, TransactionError};

/// Why the books could not be rebuilt, which says nothing about whether they are right.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// An item is not what its key says; `saldo verify` lists all of them.
    #[error("the books have an item that cannot be read")]
    Item(#[from] EntityError),
    /// An item without key.
    #[error("an item of the {table} table has no key")]
    Key {
        /// In which table.
        table: saldo_store::Table,
    },
    /// Amounts of something do not add up.
    #[error("the amounts of {key} do not add up")]
    Amounts {
        /// Of what.
        key: Key,
        /// Why.
        #[source]
        source: MoneyError,
    },
    /// The books refused where they never may.
    #[error("{what} could not be rebuilt")]
    Books {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: Box<BooksError>,
    },
    /// The reports could not be counted anew.
    #[error("the reports could not be counted anew")]
    Reports(#[source] Box<BooksError>),
    /// What was rebuilt could not be kept in memory.
    #[error("a rebuilt item could not be made")]
    Transaction(#[from] TransactionError),
    /// What was rebuilt could not be kept in memory.
    #[error("a rebuilt item could not be kept")]
    Commit(#[from] CommitError),
    /// The books could not be read once more.
    #[error("the books could not be read again")]
    Read(#[from] StoreError),
}

/// Rebuilds the books and holds them against those that are kept.
///
/// # Errors
/// When something that is kept cannot be read as what it is.
pub async fn replay(kept: Kept) -> Result<Replay, ReplayError> {
    let rebuilt = rebuild::rebuild(&kept).await?;
    Replay::between(kept, rebuilt)
}

#[cfg(test)]
mod tests;
