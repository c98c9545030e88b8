//! The store in memory, which fails as DynamoDB can fail.

use std::sync::Arc;

use async_trait::async_trait;
use saldo_store::memory::MemoryStore;
use saldo_store::{CommitError, Committed, Consistency, Item, Key, Page, Query, Store, StoreError, Table, Transaction};

use crate::moment::pause;
use crate::sabotage::Sabotage;
use crate::weather::{Fault, Weather};

/// A store between whose calls others get their turn.
pub(crate) struct StormyStore {
    pub(crate) memory: Arc<MemoryStore>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) sabotage: Option<Sabotage>,
}

impl StormyStore {
    async fn turn(&self) {
        if self.weather.gives_way() {
            pause().await;
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

#[async_trait]
impl Store for StormyStore {
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError> {
        self.turn().await;
        self.read_fault("a read", table)?;
        self.memory.get(table, key, consistency).await
    }

    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        self.turn().await;
        self.read_fault("a read of many items", table)?;
        self.memory.get_many(table, keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        self.turn().await;
        self.read_fault("a query", query.of_table())?;
        let lags = query.of_index().is_some();
        let mut page = self.memory.query(query).await?;
        if lags && !page.items.is_empty() && self.weather.strikes(Fault::IndexLag) {
            let place = self.weather.how(Fault::IndexLag, page.items.len());
            page.items.remove(place);
        }
        Ok(page)
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let (attempted, table) = ("a commit", transaction.writes().first().map_or(Table::Billing, |one| one.table()));
        self.turn().await;
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
