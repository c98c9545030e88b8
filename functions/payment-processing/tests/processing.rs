//! The function against inbox and books in memory.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod cost;
mod events_once;
mod joining;
mod kinds;
mod money;
mod paying_methods;
mod world;
