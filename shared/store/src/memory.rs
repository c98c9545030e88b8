//! The twin: the same semantics as DynamoDB in ordered maps, without time, threads or chance.
//!
//! It counts what DynamoDB would charge and keeps the billing table's stream, so costs and stream handlers are tested
//! offline. It never fails by itself: [`ShakyStore`] fails as a test tells it, and a simulator adds faults of its own.

mod rows;
mod shaky;
mod usage;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rust_decimal::Decimal;

pub use self::shaky::{Fate, ShakyStore};
pub use self::usage::Usage;

use self::rows::{Row, Rows};
use crate::number::Number;
use crate::table::{attribute, version};
use crate::{
    AttributeValue, CommitError, Committed, Consistency, FailedWrite, Item, Key, MAX_ITEM_BYTES, Page, Query, Store,
    StoreError, Table, Transaction, Write,
};

/// A change of an item of the billing table, as the table's stream reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Place in the stream: 1 is the first change.
    pub sequence: u64,
    /// The item that changed.
    pub key: Key,
    /// The item before; `None` when it was created.
    pub old: Option<Arc<Item>>,
    /// The item after; `None` when it was removed.
    pub new: Option<Arc<Item>>,
}

/// The in-memory store.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use saldo_store::memory::MemoryStore;
/// use saldo_store::{Condition, Item, Store, Table, Transaction, attribute};
/// use saldo_store::AttributeValue::S;
///
/// let store = MemoryStore::new();
/// let mut item = Item::default();
/// item.insert(attribute::PK.into(), S("CUSTOMER#cus_1".into()));
/// item.insert(attribute::SK.into(), S("PROFILE".into()));
/// let mut transaction = Transaction::new();
/// transaction.put(Table::Billing, item, Condition::Absent)?;
/// store.commit(transaction.clone()).await?;
/// assert!(store.commit(transaction).await.unwrap_err().is_conflict());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    inbox: Rows,
    billing: Rows,
    reports: Rows,
    usage: [Usage; 3],
    changes: Vec<Change>,
    sequence: u64,
}

impl MemoryStore {
    /// Three empty tables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All items of a table, in the order of their keys.
    #[must_use]
    pub fn items(&self, table: Table) -> Vec<Arc<Item>> {
        self.lock().rows(table).all().cloned().collect()
    }

    /// The changes of the billing table after this place in its stream, in order; 0 is before the first.
    #[must_use]
    pub fn changes_since(&self, sequence: u64) -> Vec<Change> {
        let state = self.lock();
        let first = state.changes.partition_point(|change| change.sequence <= sequence);
        state.changes.iter().skip(first).cloned().collect()
    }

    /// Forgets the changes up to and including this place, as a stream does after a day.
    pub fn forget_changes_until(&self, sequence: u64) {
        self.lock().changes.retain(|change| change.sequence > sequence);
    }

    /// What has been consumed on a table since the store was made.
    #[must_use]
    pub fn usage(&self, table: Table) -> Usage {
        *self.lock().usage_of(table)
    }

    /// What has been consumed on all tables together.
    #[must_use]
    pub fn total_usage(&self) -> Usage {
        Table::ALL.into_iter().fold(Usage::default(), |sum, table| sum.plus(self.usage(table)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A commit changes the state only after nothing can fail any more, so a panic elsewhere leaves it sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError> {
        let mut state = self.lock();
        let row = state.rows(table).get(key).cloned();
        state.usage_of(table).count_read(1, [row.as_ref().map_or(0, |row| row.bytes)], consistency);
        Ok(row.map(|row| Item::clone(&row.item)))
    }

    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        let mut state = self.lock();
        let keys = distinct(keys);
        let found: Vec<Option<Row>> = keys.iter().map(|key| state.rows(table).get(key).cloned()).collect();
        let sizes = found.iter().map(|row| row.as_ref().map_or(0, |row| row.bytes));
        let calls = keys.len().div_ceil(crate::port::KEYS_PER_READ);
        state.usage_of(table).count_read(calls, sizes, Consistency::Strong);
        Ok(found.into_iter().flatten().map(|row| Item::clone(&row.item)).collect())
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        let start = query.check()?;
        if query.range.is_void() {
            return Ok(Page::default());
        }
        let mut state = self.lock();
        let (page, bytes) = state.rows(query.table).page(&query, start);
        state.usage_of(query.table).count_read(1, [bytes], query.consistency);
        Ok(page)
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let writes = transaction.into_writes();
        self.lock().commit(writes)
    }
}

/// The keys, each once, in order of first appearance.
pub(crate) fn distinct(keys: &[Key]) -> Vec<&Key> {
    let mut seen = std::collections::BTreeSet::new();
    keys.iter().filter(|key| seen.insert(*key)).collect()
}

/// What a write leaves under its key.
enum After {
    Unchanged,
    Removed,
    Stored(Row),
}

impl State {
    fn rows(&self, table: Table) -> &Rows {
        match table {
            Table::Inbox => &self.inbox,
            Table::Billing => &self.billing,
            Table::Reports => &self.reports,
        }
    }

    fn rows_mut(&mut self, table: Table) -> &mut Rows {
        match table {
            Table::Inbox => &mut self.inbox,
            Table::Billing => &mut self.billing,
            Table::Reports => &mut self.reports,
        }
    }

    fn usage_of(&mut self, table: Table) -> &mut Usage {
        let [inbox, billing, reports] = &mut self.usage;
        match table {
            Table::Inbox => inbox,
            Table::Billing => billing,
            Table::Reports => reports,
        }
    }

    fn commit(&mut self, writes: Vec<Write>) -> Result<Committed, CommitError> {
        // A single write is sent as such; a condition alone and several writes are a transaction, which costs double.
        let factor = if matches!(writes.as_slice(), [one] if !matches!(one, Write::Check { .. })) { 1 } else { 2 };
        if let Some(first) = writes.first() {
            self.usage_of(first.table()).count_call();
        }
        let failed = self.failed(&writes);
        if !failed.is_empty() {
            for write in &writes {
                let bytes = self.rows(write.table()).get(write.key()).map_or(0, |row| row.bytes);
                self.usage_of(write.table()).count_write(factor, bytes);
            }
            return Err(CommitError::Conflict { failed });
        }
        let planned = writes.into_iter().map(|write| self.plan(write)).collect::<Result<Vec<_>, _>>()?;
        let units = planned.into_iter().map(|(table, key, after)| self.apply(table, key, after, factor));
        Ok(Committed { write_units: Some(units.fold(0, u64::saturating_add)) })
    }

    fn failed(&self, writes: &[Write]) -> Vec<FailedWrite> {
        let mut failed = Vec::new();
        for (place, write) in writes.iter().enumerate() {
            let (table, key) = (write.table(), write.key());
            let existing = self.rows(table).get(key).map(|row| &*row.item);
            if !write.condition().holds(existing) {
                failed.push(FailedWrite { write: place, table, key: key.clone(), existing: existing.cloned() });
            }
        }
        failed
    }

    fn plan(&self, write: Write) -> Result<(Table, Key, After), StoreError> {
        Ok(match write {
            Write::Put { table, key, item, .. } => (table, key, After::Stored(Row::new(item))),
            Write::Delete { table, key, .. } => (table, key, After::Removed),
            Write::Check { table, key, .. } => (table, key, After::Unchanged),
            Write::Add { table, key, amounts, set } => {
                let row = self.sum(table, &key, &amounts, set)?;
                (table, key, After::Stored(row))
            }
        })
    }

    /// The item under the key with these amounts added and these attributes set.
    fn sum(&self, table: Table, key: &Key, amounts: &BTreeMap<String, Decimal>, set: Item) -> Result<Row, StoreError> {
        let refused = |reason: String| StoreError::rejected("add", table, reason);
        let mut item = self.rows(table).get(key).map_or_else(|| key_only(key), |row| Item::clone(&row.item));
        for (name, amount) in amounts {
            let before = match item.get(name) {
                None => Number::parse("0"),
                Some(AttributeValue::N(digits)) => Number::parse(digits),
                Some(_) => return Err(refused(format!("{name} of {key} is not a number"))),
            };
            let sum = before.and_then(|before| before.add(Number::of(*amount)));
            let sum = sum.map_err(|error| StoreError::rejected("add", table, error))?;
            item.insert(name.clone(), AttributeValue::N(sum.to_string()));
        }
        item.extend(set.into_inner());
        let next = version(&item).saturating_add(1);
        item.insert(attribute::VERSION.to_owned(), AttributeValue::N(next.to_string()));
        let row = Row::new(item);
        if row.bytes > MAX_ITEM_BYTES {
            return Err(refused(format!("{key} would have {} bytes, more than {MAX_ITEM_BYTES}", row.bytes)));
        }
        Ok(row)
    }

    fn apply(&mut self, table: Table, key: Key, after: After, factor: u64) -> u64 {
        let (old, new) = match after {
            After::Unchanged => {
                let bytes = self.rows(table).get(&key).map_or(0, |row| row.bytes);
                return self.usage_of(table).count_write(factor, bytes);
            }
            After::Removed => (self.rows_mut(table).remove(table, &key), None),
            After::Stored(row) => (self.rows_mut(table).put(table, &key, row.clone()), Some(row)),
        };
        let bytes = old.as_ref().map_or(0, |row| row.bytes).max(new.as_ref().map_or(0, |row| row.bytes));
        let (old, new) = (old.map(|row| row.item), new.map(|row| row.item));
        let indexes = usage::index_units(table, old.as_deref(), new.as_deref());
        let units = self.usage_of(table).count_write(factor, bytes).saturating_add(indexes);
        self.usage_of(table).count_index_writes(indexes);
        if table == Table::Billing && old != new {
            self.sequence = self.sequence.saturating_add(1);
            self.changes.push(Change { sequence: self.sequence, key, old, new });
        }
        units
    }
}

fn key_only(key: &Key) -> Item {
    let mut item = Item::default();
    item.insert(attribute::PK.to_owned(), AttributeValue::S(key.pk.clone()));
    item.insert(attribute::SK.to_owned(), AttributeValue::S(key.sk.clone()));
    item
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::Condition;

    fn thing(sk: &str, attributes: &[(&str, &str)]) -> Item {
        let all = [("pk", "P"), ("sk", sk)];
        let map: HashMap<_, _> = all
            .iter()
            .chain(attributes)
            .map(|(name, text)| ((*name).to_owned(), AttributeValue::S((*text).to_owned())))
            .collect();
        map.into()
    }

    async fn put(store: &MemoryStore, items: &[Item]) -> u64 {
        let mut transaction = Transaction::new();
        for item in items {
            transaction.put(Table::Billing, item.clone(), Condition::Always).unwrap();
        }
        store.commit(transaction).await.unwrap().write_units.unwrap()
    }

    #[tokio::test]
    async fn write_units_are_counted_as_dynamodb_does() {
        let store = MemoryStore::new();
        let due = |at: &str, kind: &str| thing("1", &[("due_shard", "3"), ("due_at", at), ("due_kind", kind)]);
        assert_eq!(put(&store, &[thing("1", &[])]).await, 1, "a small item");
        assert_eq!(put(&store, &[thing("1", &[("x", &"y".repeat(1100))])]).await, 2, "a second kilobyte");
        assert_eq!(put(&store, &[thing("1", &[])]).await, 2, "the larger of before and after");
        assert_eq!(put(&store, &[due("a", "bill")]).await, 2, "a new index entry");
        assert_eq!(put(&store, &[due("a", "bill")]).await, 1, "an index entry that stays");
        assert_eq!(put(&store, &[due("b", "bill")]).await, 3, "an index key that changes: removed and written");
        assert_eq!(put(&store, &[due("b", "render")]).await, 2, "an included attribute that changes");
        assert_eq!(put(&store, &[thing("1", &[])]).await, 2, "an index entry that goes");
        assert_eq!(put(&store, &[thing("1", &[]), due("a", "bill").with_sk("2")]).await, 5, "a transaction: double");
        assert_eq!(store.usage(Table::Billing).write_units, 20);
        assert_eq!(store.total_usage(), store.usage(Table::Billing));
    }

    trait WithSk {
        fn with_sk(self, sk: &str) -> Self;
    }

    impl WithSk for Item {
        fn with_sk(mut self, sk: &str) -> Self {
            self.insert("sk".into(), AttributeValue::S(sk.into()));
            self
        }
    }

    #[tokio::test]
    async fn a_lone_check_and_a_failed_condition_cost_too() {
        let store = MemoryStore::new();
        let mut check = Transaction::new();
        check.check(Table::Billing, Key::new("P", "1"), Condition::Absent).unwrap();
        assert_eq!(store.commit(check).await.unwrap().write_units, Some(2));
        let mut failing = Transaction::new();
        failing.delete(Table::Billing, Key::new("P", "1"), Condition::Present).unwrap();
        assert!(store.commit(failing).await.unwrap_err().is_conflict());
        assert_eq!(store.usage(Table::Billing).write_units, 3);
    }

    #[tokio::test]
    async fn reads_are_counted_in_half_units() {
        let store = MemoryStore::new();
        put(&store, &[thing("1", &[("x", &"y".repeat(5000))])]).await;
        let key = Key::new("P", "1");
        store.get(Table::Billing, &key, Consistency::Strong).await.unwrap();
        assert_eq!(store.usage(Table::Billing).half_read_units, 4);
        store.query(Query::table(Table::Billing, "none")).await.unwrap();
        assert_eq!(store.usage(Table::Billing).half_read_units, 5);
        store.get_many(Table::Billing, &[key.clone(), key, Key::new("P", "2")]).await.unwrap();
        assert_eq!(store.usage(Table::Billing).half_read_units, 5 + 4 + 2);
    }

    #[tokio::test]
    async fn the_stream_tells_every_change_once_in_order() {
        let store = MemoryStore::new();
        put(&store, &[thing("1", &[]), thing("2", &[])]).await;
        put(&store, &[thing("1", &[])]).await;
        let mut transaction = Transaction::new();
        transaction.delete(Table::Billing, Key::new("P", "1"), Condition::Present).unwrap();
        transaction.delete(Table::Billing, Key::new("P", "9"), Condition::Always).unwrap();
        transaction.put(Table::Reports, thing("1", &[]), Condition::Always).unwrap();
        store.commit(transaction).await.unwrap();
        let told: Vec<_> = store
            .changes_since(0)
            .into_iter()
            .map(|c| (c.sequence, c.key.sk, c.old.is_some(), c.new.is_some()))
            .collect();
        assert_eq!(told, [(1, "1".into(), false, true), (2, "2".into(), false, true), (3, "1".into(), true, false)]);
        store.forget_changes_until(2);
        assert_eq!(store.changes_since(0), store.changes_since(2));
        assert_eq!(store.changes_since(0).len(), 1);
    }

    #[tokio::test]
    async fn a_page_ends_after_a_megabyte() {
        let store = MemoryStore::new();
        let large: Vec<Item> = (0..5).map(|sk| thing(&sk.to_string(), &[("x", &"y".repeat(300_000))])).collect();
        put(&store, &large).await;
        let query = Query::table(Table::Billing, "P");
        let page = store.query(query.clone()).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (4, true));
        let page = store.query(query.after(page.next)).await.unwrap();
        assert_eq!((page.items.len(), page.next), (1, None));
    }
}
