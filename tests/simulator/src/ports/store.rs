//! The store in memory, which fails as DynamoDB can fail.

use std::ops::Neg as _;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use saldo_store::memory::MemoryStore;
use saldo_store::{
    CommitError, Committed, Consistency, Index, Item, Key, Page, Query, Store, StoreError, Table, Transaction,
    instant_text, text,
};
use tokio::task::yield_now;

use crate::moment::now;
use crate::ports::{Need, Permissions};
use crate::run::later;
use crate::sabotage::Sabotage;
use crate::weather::{Fault, Weather};

/// How long what was made may be missing in the lists.
const INDEX_LAG_MAX: TimeDelta = TimeDelta::seconds(5);

/// A store between whose calls others get their turn.
pub(crate) struct StormyStore {
    pub(crate) memory: Arc<MemoryStore>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) sabotage: Option<Sabotage>,
}

impl StormyStore {
    async fn turn(&self) {
        if self.weather.gives_way() {
            yield_now().await;
        }
    }

    fn read_fault(&self, attempted: &'static str, table: Table) -> Result<(), StoreError> {
        if self.weather.strikes(Fault::Throttled) {
            return Err(StoreError::Throttled { attempted, table, source: "weather".into() });
        }
        if self.weather.strikes(Fault::StoreDown) {
            return Err(StoreError::Unavailable { attempted, table, source: "weather".into() });
        }
        Ok(())
    }
}

/// Where the items are that an index may not have yet: work that is planned anew all the time, and what was just made.
fn fresh(index: Index, items: &[Item]) -> Vec<usize> {
    let bound = instant_text(later(now(), INDEX_LAG_MAX.neg()));
    let is_fresh =
        |item: &Item| index == Index::Due || text(item, index.sort_attribute()).is_some_and(|at| at >= bound.as_str());
    items.iter().enumerate().filter(|(_, item)| is_fresh(item)).map(|(place, _)| place).collect()
}

#[async_trait]
impl Store for StormyStore {
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError> {
        self.turn().await;
        self.permissions.need(Need::read(table, false));
        self.read_fault("a read", table)?;
        self.memory.get(table, key, consistency).await
    }

    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        self.turn().await;
        self.permissions.need(Need::read(table, true));
        self.read_fault("a read of many items", table)?;
        self.memory.get_many(table, keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        self.turn().await;
        let index = query.of_index();
        self.permissions.need(Need::query(query.of_table(), index));
        self.read_fault("a query", query.of_table())?;
        let mut page = self.memory.query(query).await?;
        let Some(index) = index else { return Ok(page) };
        let fresh = fresh(index, &page.items);
        if !fresh.is_empty() && self.weather.strikes(Fault::IndexLag) {
            page.items.remove(fresh[self.weather.how(Fault::IndexLag, fresh.len())]);
        }
        Ok(page)
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let (attempted, table) = ("a commit", transaction.writes().first().map_or(Table::Billing, |one| one.table()));
        self.turn().await;
        transaction.writes().iter().for_each(|write| self.permissions.need(Need::write(write)));
        self.read_fault(attempted, table)?;
        if self.weather.strikes(Fault::Contention) {
            return Err(CommitError::Contention { table, source: "weather".into() });
        }
        let committed = match self.sabotage {
            None => self.memory.commit(transaction).await,
            Some(sabotage) => sabotage.commit(&self.memory, transaction).await,
        };
        self.turn().await;
        if committed.is_ok() && self.weather.strikes(Fault::CommitAnswerLost) {
            return Err(StoreError::Unknown { attempted, table, source: "weather".into() }.into());
        }
        committed
    }
}
