//! The function against books, queue and archive in memory.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod billing_once;
mod rendering;
mod world;
