//! The function against the books and the provider in memory.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod charging_once;
mod collecting;
mod paying_on_pages;
mod refunding;
mod world;
