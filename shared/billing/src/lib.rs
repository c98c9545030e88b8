//! The billing domain: pure, without clocks, network or storage.

pub mod calendar;
pub mod catalogue;
pub mod dunning;
pub mod id;
pub mod invoice;
pub mod ledger;
pub mod mail;
pub mod metrics;
pub mod party;
pub mod payment;
pub mod period;
pub mod provider;
pub mod report;
pub mod subscription;
pub mod tax;
pub mod terms;

/// What a command did: something, or nothing because the very same was done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The change was made.
    Applied(T),
    /// The very same operation was applied before.
    AlreadyApplied,
}
