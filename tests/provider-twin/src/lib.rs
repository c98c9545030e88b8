#![doc = include_str!("../README.md")]
#![recursion_limit = "256"]

mod account;
mod admin;
mod books;
mod delivery;
mod error;
mod fault;
mod form;
mod idempotency;
mod object;
mod page;
mod render;
mod route;
#[cfg(feature = "server")]
pub mod server;
mod twin;

pub use books::{Books, Entry, Movement, PaymentSums, Summary, Sums};
pub use delivery::{Delivery, Endpoint, all as all_events};
pub use fault::{Fault, FaultKind};
pub use twin::{Flight, Handled, Twin};
