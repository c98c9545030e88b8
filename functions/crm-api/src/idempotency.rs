//! `Idempotency-Key`: the answer is remembered in the same transaction as the effect, so that a repetition gets it again.
//!
//! An answer is remembered only when something was done. A request that was refused may be corrected and sent again under
//! the same key.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, Uri};
use saldo_store::entities::IdempotencyRecord;
use saldo_store::{
    CommitError, Committed, Consistency, Entity, Item, Key, Page, Query, Store, StoreError, Stored, Table, Transaction,
    TransactionError, load,
};
use sha2::{Digest, Sha256};

use crate::auth::Caller;
use crate::card;
use crate::problem::Problem;
use crate::reply::Reply;

/// The header.
pub const HEADER: &str = "idempotency-key";
/// The longest key.
pub const LONGEST: usize = 255;

/// Another request with the same key has committed meanwhile.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the idempotency key was used by another request meanwhile")]
pub struct KeyTaken;

/// A request that was made under a key.
#[derive(Debug, Clone)]
pub struct Keyed {
    caller: String,
    key: String,
    request_hash: String,
    /// The version of a record that has run out and is to be replaced.
    replaces: Option<u64>,
}

/// What is known of a key.
pub enum Known {
    /// Nothing: the request is to be carried out.
    New(Keyed),
    /// The same request was answered so.
    Answered(Reply),
}

/// Reads the header, if it is there.
///
/// # Errors
/// When it is there twice, empty, too long, or has other than printable ASCII characters.
pub fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(first) = given.next() else { return Ok(None) };
    let invalid = |reason: &str| Problem::invalid("Idempotency-Key", reason);
    if given.next().is_some() {
        return Err(invalid("expected the header once"));
    }
    let key = first.to_str().ok().filter(|key| (1..=LONGEST).contains(&key.len()) && !key.trim().is_empty());
    let key = key.ok_or_else(|| invalid("expected 1 to 255 printable ASCII characters"))?;
    if card::is_in(key) {
        return Err(invalid("this looks like a card number, which must never be sent here"));
    }
    Ok(Some(key.to_owned()))
}

/// What makes two requests the same: method, path with query, and body, each with its length before it.
pub fn request_hash(method: &Method, uri: &Uri, body: &[u8]) -> String {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let mut hasher = Sha256::new();
    for part in [method.as_str().as_bytes(), path.as_bytes(), body] {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}

/// Asks what is known of a key.
///
/// # Errors
/// When it was used for another request, or the record cannot be read.
pub async fn look(
    store: &dyn Store,
    caller: &Caller,
    key: String,
    request_hash: String,
    now: DateTime<Utc>,
) -> Result<Known, Problem> {
    let record: Option<Stored<IdempotencyRecord>> = load(store, &IdempotencyRecord::key_of(&caller.0, &key)).await?;
    let new = |replaces| {
        Known::New(Keyed { caller: caller.0.clone(), key: key.clone(), request_hash: request_hash.clone(), replaces })
    };
    let Some(Stored { value: record, version }) = record else { return Ok(new(None)) };
    if record.expires_at().is_some_and(|at| at <= now) {
        return Ok(new(Some(version)));
    }
    if record.request_hash != request_hash {
        return Err(Problem::key_reused());
    }
    Ok(Known::Answered(Reply::replayed(record.status, record.body)?))
}

impl Keyed {
    fn record_key(&self) -> Key {
        IdempotencyRecord::key_of(&self.caller, &self.key)
    }

    /// Remembers the answer in the transaction that has the effect.
    ///
    /// # Errors
    /// When the answer is too long to be kept.
    pub fn keep(
        &self,
        transaction: &mut Transaction,
        reply: &Reply,
        now: DateTime<Utc>,
    ) -> Result<(), TransactionError> {
        let record = IdempotencyRecord {
            caller: self.caller.clone(),
            key: self.key.clone(),
            request_hash: self.request_hash.clone(),
            status: reply.status().as_u16(),
            body: reply.kept_body().to_owned(),
            answered_at: now,
        };
        match self.replaces {
            None => transaction.create(&record)?,
            Some(version) => transaction.update(&Stored { value: record, version })?,
        };
        Ok(())
    }

    /// The store as this request sees it: a transaction that fails because the key was taken is not tried again.
    pub fn guard(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Guarded { store, record: self.record_key() })
    }
}

/// A store whose commits end with [`KeyTaken`] when another request with the same key was faster. Use cases start over after a
/// conflict; this one cannot be won.
struct Guarded {
    store: Arc<dyn Store>,
    record: Key,
}

#[async_trait]
impl Store for Guarded {
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError> {
        self.store.get(table, key, consistency).await
    }

    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        self.store.get_many(table, keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        self.store.query(query).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        match self.store.commit(transaction).await {
            Err(CommitError::Conflict { failed }) if failed.iter().any(|one| one.key == self.record) => {
                Err(StoreError::rejected("commit", Table::Billing, KeyTaken).into())
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (HEADER.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_key_is_read_once_and_bounded() {
        assert_eq!(key_of(&headers(&[])).unwrap(), None);
        assert_eq!(key_of(&headers(&["order 17"])).unwrap().as_deref(), Some("order 17"));
        for bad in [&["a", "b"][..], &[""], &["   "], &["4242 4242 4242 4242"], &[&"k".repeat(256)]] {
            assert!(key_of(&headers(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn requests_are_the_same_only_in_all_their_parts() {
        let hash =
            |method: Method, uri: &str, body: &str| request_hash(&method, &uri.parse().unwrap(), body.as_bytes());
        let first = hash(Method::POST, "/v1/a?x=1", "{}");
        assert_eq!(first, hash(Method::POST, "/v1/a?x=1", "{}"));
        for other in [
            hash(Method::PATCH, "/v1/a?x=1", "{}"),
            hash(Method::POST, "/v1/a?x=2", "{}"),
            hash(Method::POST, "/v1/a?x=1", "{ }"),
            hash(Method::POST, "/v1/a?x=1{", "}"),
        ] {
            assert_ne!(first, other);
        }
    }
}
