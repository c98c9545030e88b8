//! The items of one table and their index entries, in the order in which they are queried.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::query::Start;
use crate::table::{attribute, text};
use crate::{AttributeValue, Index, Item, Key, Order, Page, Query, Range, Table, item};

/// A page ends after this many bytes, whatever its limit.
const PAGE_BYTES: usize = 1024 * 1024;

/// An item with its size, so that the size is computed once.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) item: Arc<Item>,
    pub(super) bytes: usize,
}

impl Row {
    pub(super) fn new(item: Item) -> Self {
        Self { bytes: item::size(&item), item: Arc::new(item) }
    }
}

/// Entries of an index partition: by sort key, then by the key of the item.
type Entries = BTreeMap<String, BTreeMap<Key, Row>>;

/// The items of a table and the entries of its indexes.
#[derive(Debug, Default)]
pub(super) struct Rows {
    partitions: BTreeMap<String, BTreeMap<String, Row>>,
    indexes: BTreeMap<Index, BTreeMap<String, Entries>>,
}

/// Where an item is in an index; `None` when it lacks one of its keys.
pub(super) fn place(index: Index, item: &Item) -> Option<(&str, &str)> {
    Some((text(item, index.partition_attribute())?, text(item, index.sort_attribute())?))
}

impl Rows {
    pub(super) fn get(&self, key: &Key) -> Option<&Row> {
        self.partitions.get(&key.pk)?.get(&key.sk)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.partitions.values().flat_map(BTreeMap::values).map(|row| &row.item)
    }

    pub(super) fn put(&mut self, table: Table, key: &Key, row: Row) -> Option<Row> {
        let partition = self.partitions.entry(key.pk.clone()).or_default();
        let old = partition.insert(key.sk.clone(), row.clone());
        self.reindex(table, key, old.as_ref(), Some(&row));
        old
    }

    pub(super) fn remove(&mut self, table: Table, key: &Key) -> Option<Row> {
        let partition = self.partitions.get_mut(&key.pk)?;
        let old = partition.remove(&key.sk);
        if partition.is_empty() {
            self.partitions.remove(&key.pk);
        }
        self.reindex(table, key, old.as_ref(), None);
        old
    }

    fn reindex(&mut self, table: Table, key: &Key, old: Option<&Row>, new: Option<&Row>) {
        for &index in table.indexes() {
            let before = old.and_then(|row| place(index, &row.item));
            let after = new.and_then(|row| place(index, &row.item));
            let entries = self.indexes.entry(index).or_default();
            if let Some((partition, sort)) = before.filter(|before| Some(*before) != after) {
                forget(entries, partition, sort, key);
            }
            if let (Some((partition, sort)), Some(row)) = (after, new) {
                let partition = entries.entry(partition.to_owned()).or_default();
                partition.entry(sort.to_owned()).or_default().insert(key.clone(), row.clone());
            }
        }
    }

    /// A page of a query that was checked, and the bytes read for it.
    pub(super) fn page(&self, query: &Query, start: Option<Start<'_>>) -> (Page, usize) {
        let mut page = Page::default();
        let mut bytes: usize = 0;
        for row in self.found(query, start) {
            if page.items.len() >= usize::try_from(query.limit).unwrap_or(usize::MAX) || bytes >= PAGE_BYTES {
                page.next = page.items.last().and_then(|last| query.cursor_after(last));
                break;
            }
            let item = query.index.map_or_else(|| Item::clone(&row.item), |index| entry_item(index, &row.item));
            bytes = bytes.saturating_add(if query.index.is_some() { item::size(&item) } else { row.bytes });
            page.items.push(item);
        }
        (page, bytes)
    }

    fn found<'a>(&'a self, query: &'a Query, start: Option<Start<'a>>) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        let end = if let Range::Prefix(prefix) = &query.range { successor(prefix) } else { None };
        let (low, high) = bounds(&query.range, end.as_deref());
        let Some(index) = query.index else {
            let Some(partition) = self.partitions.get(&query.partition) else { return Box::new(std::iter::empty()) };
            let start = start.map(|start| Bound::Excluded(start.sort));
            return match query.order {
                Order::Ascending => {
                    Box::new(partition.range::<str, _>((start.unwrap_or(low), high)).map(|(_, row)| row))
                }
                Order::Descending => {
                    Box::new(partition.range::<str, _>((low, start.unwrap_or(high))).rev().map(|(_, row)| row))
                }
            };
        };
        let Some(entries) = self.indexes.get(&index).and_then(|partitions| partitions.get(&query.partition)) else {
            return Box::new(std::iter::empty());
        };
        let first = start.map(|start| Bound::Included(start.sort));
        let passed = move |sort: &str, key: &Key| {
            start.is_some_and(|start| match query.order {
                Order::Ascending => sort == start.sort && key <= start.key,
                Order::Descending => sort == start.sort && key >= start.key,
            })
        };
        let fresh = move |(sort, key, row): (&'a String, &'a Key, &'a Row)| (!passed(sort, key)).then_some(row);
        match query.order {
            Order::Ascending => {
                let groups = entries.range::<str, _>((first.unwrap_or(low), high));
                Box::new(
                    groups
                        .flat_map(|(sort, rows)| rows.iter().map(move |(key, row)| (sort, key, row)))
                        .filter_map(fresh),
                )
            }
            Order::Descending => {
                let groups = entries.range::<str, _>((low, first.unwrap_or(high))).rev();
                Box::new(
                    groups
                        .flat_map(|(sort, rows)| rows.iter().rev().map(move |(key, row)| (sort, key, row)))
                        .filter_map(fresh),
                )
            }
        }
    }
}

fn forget(index: &mut BTreeMap<String, Entries>, partition: &str, sort: &str, key: &Key) {
    let Some(entries) = index.get_mut(partition) else { return };
    if let Some(group) = entries.get_mut(sort) {
        group.remove(key);
        if group.is_empty() {
            entries.remove(sort);
        }
    }
    if entries.is_empty() {
        index.remove(partition);
    }
}

/// What an index shows of an item.
fn entry_item(index: Index, item: &Item) -> Item {
    let keys = [attribute::PK, attribute::SK, index.partition_attribute(), index.sort_attribute()];
    let names = keys.iter().chain(index.included_attributes());
    let shown = names.filter_map(|name| Some(((*name).to_owned(), AttributeValue::clone(item.get(*name)?))));
    Item::from(shown.collect::<std::collections::HashMap<_, _>>())
}

fn bounds<'a>(range: &'a Range, end: Option<&'a str>) -> (Bound<&'a str>, Bound<&'a str>) {
    match range {
        Range::All => (Bound::Unbounded, Bound::Unbounded),
        Range::Prefix(prefix) => (Bound::Included(prefix.as_str()), end.map_or(Bound::Unbounded, Bound::Excluded)),
        Range::AtMost(last) => (Bound::Unbounded, Bound::Included(last.as_str())),
        Range::Before(end) => (Bound::Unbounded, Bound::Excluded(end.as_str())),
        Range::From(first) => (Bound::Included(first.as_str()), Bound::Unbounded),
        Range::Between(first, last) => (Bound::Included(first.as_str()), Bound::Included(last.as_str())),
    }
}

/// The smallest text above all that begin with this prefix; `None` when there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The surrogates are no characters: after U+D7FF comes U+E000.
        let next = u32::from(last).checked_add(1).map(|code| if code == 0xD800 { 0xE000 } else { code });
        if let Some(next) = next.and_then(char::from_u32) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_ends_a_prefix() {
        assert_eq!(successor("INVOICE#").as_deref(), Some("INVOICE$"));
        assert_eq!(successor("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(successor("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(successor("\u{10FFFF}"), None);
        assert_eq!(successor(""), None);
    }
}
