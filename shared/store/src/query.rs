//! Reading one partition of a table or of an index, in order, a page at a time.

use crate::cursor::Place;
use crate::{Consistency, Cursor, CursorError, Index, Item, Key, StoreError, Table};

/// Largest page that is read at once; a larger limit is cut down to it.
pub const MAX_PAGE: u32 = 1000;

/// Page size when none is asked for.
const DEFAULT_PAGE: u32 = 100;

/// Which part of a partition, by sort key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    /// The whole partition.
    All,
    /// Sort keys that begin with this text.
    Prefix(String),
    /// Sort keys up to and including this one.
    AtMost(String),
    /// Sort keys below this one.
    Before(String),
    /// Sort keys from this one on.
    From(String),
    /// Sort keys between these two, both included.
    Between(String, String),
}

impl Range {
    /// Whether a sort key is in the range.
    #[must_use]
    pub fn contains(&self, sort: &str) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => sort.starts_with(prefix.as_str()),
            Self::AtMost(last) => sort <= last.as_str(),
            Self::Before(end) => sort < end.as_str(),
            Self::From(first) => sort >= first.as_str(),
            Self::Between(first, last) => sort >= first.as_str() && sort <= last.as_str(),
        }
    }

    /// Whether no sort key can be in the range; sort keys are never empty.
    pub(crate) fn is_void(&self) -> bool {
        match self {
            Self::All | Self::Prefix(_) | Self::From(_) => false,
            Self::AtMost(last) => last.is_empty(),
            Self::Before(end) => end.is_empty(),
            Self::Between(first, last) => last.is_empty() || first > last,
        }
    }
}

/// The order of a page, by sort key (UTF-8 bytes). Entries of an index with equal sort keys come in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest sort key first.
    Ascending,
    /// Largest sort key first.
    Descending,
}

/// A query of one partition.
///
/// ```
/// use saldo_store::{Index, Query, Range, Table};
///
/// let invoices = Query::table(Table::Billing, "CUSTOMER#cus_1").range(Range::Prefix("INVOICE#".into())).limit(20);
/// let due = Query::index(Index::Due, "3").range(Range::AtMost("2026-01-31T00:00:00.000Z".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub(crate) table: Table,
    pub(crate) index: Option<Index>,
    pub(crate) partition: String,
    pub(crate) range: Range,
    pub(crate) order: Order,
    pub(crate) limit: u32,
    pub(crate) after: Option<Cursor>,
    pub(crate) consistency: Consistency,
}

impl Query {
    /// All items of a partition of a table, ascending, eventually consistent.
    pub fn table(table: Table, partition: impl Into<String>) -> Self {
        Self {
            table,
            index: None,
            partition: partition.into(),
            range: Range::All,
            order: Order::Ascending,
            limit: DEFAULT_PAGE,
            after: None,
            consistency: Consistency::Eventual,
        }
    }

    /// All entries of a partition of an index of the billing table, ascending. An entry carries the keys of the item
    /// and of the index, and what the index includes, no more.
    pub fn index(index: Index, partition: impl Into<String>) -> Self {
        Self { index: Some(index), ..Self::table(Table::Billing, partition) }
    }

    /// Only this part of the partition.
    #[must_use]
    pub fn range(self, range: Range) -> Self {
        Self { range, ..self }
    }

    /// Sort keys in this order.
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// Largest sort key first.
    #[must_use]
    pub fn descending(self) -> Self {
        self.order(Order::Descending)
    }

    /// At most so many items in a page; at least 1 and at most [`MAX_PAGE`] are asked for.
    #[must_use]
    pub fn limit(self, limit: u32) -> Self {
        Self { limit: limit.clamp(1, MAX_PAGE), ..self }
    }

    /// The page after this place; `None` is the first page.
    #[must_use]
    pub fn after(self, after: Option<Cursor>) -> Self {
        Self { after, ..self }
    }

    /// Sees every write that was committed before. Costs twice as much, and an index cannot do it.
    #[must_use]
    pub fn consistent(self) -> Self {
        Self { consistency: Consistency::Strong, ..self }
    }

    /// The table that is read.
    #[must_use]
    pub fn of_table(&self) -> Table {
        self.table
    }

    /// The index that is read, if it is not the table itself.
    #[must_use]
    pub fn of_index(&self) -> Option<Index> {
        self.index
    }

    /// Refuses what DynamoDB would refuse, and a cursor of another list.
    pub(crate) fn check(&self) -> Result<Option<Start<'_>>, StoreError> {
        if self.partition.is_empty() {
            return Err(StoreError::rejected("query", self.table, "the partition key is empty"));
        }
        if self.index.is_some() && self.consistency == Consistency::Strong {
            return Err(StoreError::rejected("query", self.table, "an index has no consistent reads"));
        }
        self.after.as_ref().map(|cursor| self.start(cursor)).transpose()
    }

    fn start<'a>(&self, cursor: &'a Cursor) -> Result<Start<'a>, StoreError> {
        let start = match (cursor.place(), self.index) {
            (Place::Item(key), None) if key.pk == self.partition => Some(Start { sort: &key.sk, key }),
            (Place::Entry { key, partition, sort }, Some(_)) if *partition == self.partition => {
                Some(Start { sort, key })
            }
            (Place::Item(_) | Place::Entry { .. } | Place::Kind { .. }, _) => None,
        };
        start
            .filter(|start| self.range.contains(start.sort))
            .ok_or_else(|| StoreError::Cursor(CursorError::OtherList { list: self.describe() }))
    }

    /// The cursor that goes on after this item of the query's result.
    pub(crate) fn cursor_after(&self, item: &Item) -> Option<Cursor> {
        let key = Key::of(item)?;
        Some(Cursor::new(match self.index {
            None => Place::Item(key),
            Some(index) => Place::Entry {
                key,
                partition: self.partition.clone(),
                sort: crate::table::text(item, index.sort_attribute())?.to_owned(),
            },
        }))
    }

    fn describe(&self) -> String {
        match self.index {
            None => format!("{} of the {} table", self.partition, self.table),
            Some(index) => format!("{} of the {} index", self.partition, index.name()),
        }
    }
}

/// Where a page begins: after this entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    pub(crate) sort: &'a str,
    pub(crate) key: &'a Key,
}

/// A page of a query's result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The items, in the order asked for. A page of very large items may hold fewer than the limit.
    pub items: Vec<Item>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}
