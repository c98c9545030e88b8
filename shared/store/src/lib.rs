//! Keys, items and access patterns; DynamoDB and its in-memory twin.

mod cursor;
mod item;
mod number;
mod port;
mod query;
mod table;
mod transaction;

pub use cursor::{Cursor, CursorError};
pub use item::{MAX_ITEM_BYTES, canonical_json, size, write_units};
pub use number::NumberError;
pub use port::{Cause, CommitError, Committed, Consistency, FailedWrite, Store, StoreError};
pub use query::{MAX_PAGE, Order, Page, Query, Range};
pub use serde_dynamo::{AttributeValue, Item};
pub use table::{Index, Key, Table, attribute, text, version};
pub use transaction::{Condition, MAX_TRANSACTION_BYTES, MAX_WRITES, Transaction, TransactionError, Write};
