//! The twin as others see it who are not alone, and whose process can die: for tests of what a crash leaves behind.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::MemoryStore;
use crate::{CommitError, Committed, Consistency, Item, Key, Page, Query, Store, StoreError, Table, Transaction};

/// What happens to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Succeeds,
    /// The process dies before it.
    IsNeverSent,
    /// It is committed, and the process dies before it hears so.
    IsNeverHeardOf,
}

/// The store in memory, between whose calls others get their turn, and whose commits fail as told.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use saldo_store::memory::{Fate, ShakyStore};
/// use saldo_store::{Store, Transaction};
///
/// let store = ShakyStore::default();
/// store.script([Fate::IsNeverHeardOf]);
/// assert!(store.commit(Transaction::new()).await.is_err());
/// assert!(store.commit(Transaction::new()).await.is_ok());
/// # }
/// ```
#[derive(Debug, Default)]
pub struct ShakyStore {
    /// What is stored.
    pub memory: MemoryStore,
    fates: Mutex<VecDeque<Fate>>,
}

impl ShakyStore {
    /// Adds to what happens to the next commits, one after the other.
    pub fn script(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner).extend(fates);
    }

    fn next_fate(&self) -> Fate {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(Fate::Succeeds)
    }
}

#[async_trait]
impl Store for ShakyStore {
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError> {
        tokio::task::yield_now().await;
        self.memory.get(table, key, consistency).await
    }

    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        tokio::task::yield_now().await;
        self.memory.get_many(table, keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        tokio::task::yield_now().await;
        self.memory.query(query).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        tokio::task::yield_now().await;
        let (attempted, table) = ("a commit", Table::Billing);
        match self.next_fate() {
            Fate::Succeeds => self.memory.commit(transaction).await,
            Fate::IsNeverSent => Err(StoreError::Unavailable { attempted, table, source: "scripted".into() }.into()),
            Fate::IsNeverHeardOf => {
                self.memory.commit(transaction).await?;
                Err(StoreError::Unknown { attempted, table, source: "scripted".into() }.into())
            }
        }
    }
}
