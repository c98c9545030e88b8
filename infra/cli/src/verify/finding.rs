//! What is broken.

use std::fmt;

use anyhow::Result;
use saldo_store::EntityError;
use serde::{Deserialize, Serialize};

/// What must hold, as ARCHITECTURE.md numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Invariant {
    /// What an invoice was paid is what its payments say, once for each attempt, and with a receipt.
    I1,
    /// Every entry of the ledger balances, and their sum is what the facts say; so do balances of credit.
    I2,
    /// Numbers are gapless and unique.
    I4,
    /// The totals of an issued document are those of its lines.
    I5,
    /// What is unfinished is planned.
    I8,
    /// Reports equal those that are computed anew.
    I9,
    /// An item can be read as what its key says it is.
    Readable,
}

/// One thing that is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// What does not hold.
    pub(crate) invariant: Invariant,
    /// Of what, and how it shows.
    pub(crate) what: String,
}

impl Finding {
    /// Something broken.
    pub(crate) fn new(invariant: Invariant, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}

/// The finding that an entity cannot be read; when it was the store that failed, nothing is found yet.
///
/// # Errors
/// When it was the store.
pub(super) fn unreadable(error: EntityError) -> Result<Finding> {
    match error {
        EntityError::Store(error) => Err(error.into()),
        error @ (EntityError::Decode { .. } | EntityError::Entry { .. }) => {
            Ok(Finding::new(Invariant::Readable, saldo_runtime::logs::chain(&error)))
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.invariant {
            Invariant::I1 => "I1 payments",
            Invariant::I2 => "I2 ledger",
            Invariant::I4 => "I4 numbers",
            Invariant::I5 => "I5 totals",
            Invariant::I8 => "I8 planned",
            Invariant::I9 => "I9 reports",
            Invariant::Readable => "unreadable",
        };
        write!(f, "{name:<10}  {}", self.what)
    }
}
