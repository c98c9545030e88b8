//! The API in process, on the in-memory twins; every answer is judged by the document that the API serves.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod access;
mod bad_input;
mod catalogue;
mod document;
mod events;
mod idempotency;
mod invoices;
mod money;
mod parties;
mod subscriptions;
mod support;
