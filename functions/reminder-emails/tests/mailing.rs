//! The function against the books, the mailer and the archive in memory.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod deciding;
mod sending_once;
mod world;
