#![doc = include_str!("../README.md")]

pub mod deadline;
pub mod dynamodb;
pub mod entities;
pub mod inbox;
pub mod memory;

mod cursor;
mod due;
mod entity;
mod item;
mod listing;
mod number;
mod port;
mod query;
mod table;
mod transaction;

pub use cursor::{Cursor, CursorError};
pub use due::{DUE_SHARDS, Due, DueEntry, DueKind, DuePage, UnknownDueKind, due_page, due_shard};
pub use entity::{Entity, EntityError, Indexes, Stored, instant_text, load, load_many, to_item};
pub use item::{MAX_ITEM_BYTES, canonical_json, size, write_units};
pub use listing::{
    KIND_SHARDS, KeyPage, Listing, customer_keys, list_among, list_by_customer, list_newest, newest_keys, page_among,
};
pub use number::NumberError;
pub use port::{Cause, CommitError, Committed, Consistency, FailedWrite, Store, StoreError};
pub use query::{MAX_PAGE, Order, Page, Query, Range};
pub use serde_dynamo::{AttributeValue, Item};
pub use table::{Index, Key, Table, attribute, text, version};
pub use transaction::{Condition, MAX_TRANSACTION_BYTES, MAX_WRITES, Transaction, TransactionError, Write};
