//! The moment at which a handler runs, for those that ask a clock, want random bytes, or want to know which handler it is: one
//! per thread, as one run is.

use std::cell::{Cell, RefCell};

use chrono::{DateTime, Utc};

use crate::chance::Chance;

thread_local! {
    static NOW: Cell<DateTime<Utc>> = const { Cell::new(DateTime::UNIX_EPOCH) };
    static FUNCTION: Cell<&'static str> = const { Cell::new("") };
    static ENTROPY: RefCell<Chance> = RefCell::new(Chance::of(0, "entropy"));
}

/// Begins a run on this thread.
pub(crate) fn begin(seed: u64) {
    ENTROPY.set(Chance::of(seed, "entropy"));
}

/// Sets the clock that everybody sees.
pub(crate) fn set(now: DateTime<Utc>) {
    NOW.set(now);
}

/// Gives the next step to a function, and sets the clock that it sees.
pub(crate) fn give_to(function: &'static str, now: DateTime<Utc>) {
    FUNCTION.set(function);
    NOW.set(now);
}

/// The function at work.
pub(crate) fn function() -> &'static str {
    FUNCTION.get()
}

/// The clock that handlers see.
pub(crate) fn now() -> DateTime<Utc> {
    NOW.get()
}

/// Random bytes that come again with the seed.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the operating system's source")]
pub(crate) fn entropy(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    ENTROPY.with_borrow_mut(|chance| chance.fill(bytes));
    Ok(())
}
