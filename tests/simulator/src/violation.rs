//! A promise that was broken, and how to see it again.

use std::fmt;

/// What must hold, by the names of ARCHITECTURE.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Charges at the provider = payments in the books = receipts; never two for one attempt.
    I1,
    /// Entries balance and are only appended.
    I2,
    /// Periods tile, each has one invoice.
    I3,
    /// Numbers are gapless.
    I4,
    /// What is issued never changes.
    I5,
    /// No more is refunded than was taken.
    I6,
    /// The order of facts does not matter.
    I7,
    /// Nothing is stuck in the end.
    I8,
    /// Reports equal the slow computation.
    I9,
    /// At most one mail for a purpose, and none without reason.
    I10,
    /// The same request is answered alike.
    Answer,
    /// A handler panicked, or the simulator itself is at its end.
    Bug,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// One broken promise.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was found.
    pub found: String,
}

/// Makes a violation.
pub(crate) fn broken(invariant: Invariant, found: impl Into<String>) -> Violation {
    Violation { invariant, found: found.into() }
}

/// Anything unexpected inside the simulator counts as found.
pub(crate) fn bug(error: impl fmt::Display) -> Violation {
    broken(Invariant::Bug, error.to_string())
}
