//! The store on DynamoDB.
//!
//! One policy decides about trying again (see `retry`); the SDK's own is off. A write whose answer was lost is sent
//! again only when its own conditions would refuse a second application, and then under the same client token; after
//! that, a failed condition is reported as [`StoreError::Unknown`], because it may be our own write that stands there.

mod commit;
mod retry;
mod trouble;

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::{AttributeValue as Value, KeysAndAttributes};

use self::retry::{Answered, Repeat, until_deadline};
use self::trouble::Trouble;
use crate::memory::distinct;
use crate::port::KEYS_PER_READ;
use crate::table::attribute;
use crate::{
    CommitError, Committed, Consistency, Item, Key, Order, Page, Query, Range, Store, StoreError, Table, Transaction,
    item,
};

/// The names that the tables have in this deployment; a function knows only those that it uses.
#[derive(Debug, Clone, Default)]
pub struct TableNames {
    /// The inbox table.
    pub inbox: Option<String>,
    /// The billing table.
    pub billing: Option<String>,
    /// The reports table.
    pub reports: Option<String>,
}

impl TableNames {
    /// With this name of a table.
    #[must_use]
    pub fn with(mut self, table: Table, name: impl Into<String>) -> Self {
        *match table {
            Table::Inbox => &mut self.inbox,
            Table::Billing => &mut self.billing,
            Table::Reports => &mut self.reports,
        } = Some(name.into());
        self
    }

    /// The name of a table, if this function uses it.
    #[must_use]
    pub fn get(&self, table: Table) -> Option<&str> {
        match table {
            Table::Inbox => self.inbox.as_deref(),
            Table::Billing => self.billing.as_deref(),
            Table::Reports => self.reports.as_deref(),
        }
    }
}

/// The DynamoDB store.
#[derive(Debug, Clone)]
pub struct DynamoStore {
    client: Client,
    tables: TableNames,
}

impl DynamoStore {
    /// A store on these tables. The client's connection and credentials are used; its retries and time-outs are not.
    #[must_use]
    pub fn new(client: &Client, tables: TableNames) -> Self {
        let quiet = client.config().to_builder().retry_config(RetryConfig::disabled());
        let quiet = quiet.timeout_config(TimeoutConfig::disabled());
        Self { client: Client::from_conf(quiet.build()), tables }
    }

    /// Opens the connection by reading an item that does not exist, so that the first invocation does not wait for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn warm_up(&self) -> Result<(), StoreError> {
        let Some(table) = Table::ALL.into_iter().find(|table| self.tables.get(*table).is_some()) else {
            return Ok(());
        };
        self.get(table, &Key::new("-", "-"), Consistency::Eventual).await.map(|_none| ())
    }

    fn name(&self, table: Table) -> Result<&str, StoreError> {
        let missing = || StoreError::rejected("a request", table, "this function was not given the table's name");
        self.tables.get(table).ok_or_else(missing)
    }

    async fn read_batch(&self, table: Table, keys: &[&Key]) -> Result<Vec<Item>, StoreError> {
        let name = self.name(table)?;
        let mut wanted: Vec<HashMap<String, Value>> = keys.iter().map(|key| key_attributes(key)).collect();
        let mut found = Vec::with_capacity(keys.len());
        let mut rounds = retry::Rounds::new();
        loop {
            let request = keys_and_attributes(table, std::mem::take(&mut wanted))?;
            let answered = until_deadline(Repeat::Harmless, || async {
                let request = self.client.batch_get_item().request_items(name, request.clone()).send();
                Box::pin(request).await.map_err(Trouble::of)
            })
            .await;
            let mut output = read_result("a read of many items", table, answered)?;
            let items = output.responses.as_mut().and_then(|responses| responses.remove(name)).unwrap_or_default();
            found.extend(items.into_iter().map(received));
            let left = output.unprocessed_keys.as_mut().and_then(|left| left.remove(name));
            wanted = left.map(|left| left.keys).unwrap_or_default();
            if wanted.is_empty() {
                return Ok(found);
            }
            if !rounds.wait().await {
                let source = format!("{} keys were left unprocessed", wanted.len()).into();
                return Err(StoreError::Throttled { attempted: "a read of many items", table, source });
            }
        }
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError> {
        let name = self.name(table)?;
        let answered = until_deadline(Repeat::Harmless, || async {
            let request = self.client.get_item().table_name(name).set_key(Some(key_attributes(key)));
            let request = request.consistent_read(consistency == Consistency::Strong).send();
            Box::pin(request).await.map_err(Trouble::of)
        })
        .await;
        Ok(read_result("a read", table, answered)?.item.map(received))
    }

    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        let keys = distinct(keys);
        let mut found = HashMap::with_capacity(keys.len());
        for batch in keys.chunks(KEYS_PER_READ) {
            let items = self.read_batch(table, batch).await?;
            found.extend(items.into_iter().filter_map(|item| Some((Key::of(&item)?, item))));
        }
        Ok(keys.into_iter().filter_map(|key| found.remove(key)).collect())
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        query.check()?;
        if query.range.is_void() {
            return Ok(Page::default());
        }
        let request = self.query_request(&query)?;
        let answered =
            until_deadline(Repeat::Harmless, || async { Box::pin(request.clone().send()).await.map_err(Trouble::of) })
                .await;
        let output = read_result("a query", query.table, answered)?;
        let cut_short = output.last_evaluated_key.is_some();
        let mut items: Vec<Item> = output.items.unwrap_or_default().into_iter().map(received).collect();
        // One more than the limit was asked for: whether it came tells whether there is a next page.
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more || cut_short);
        let next = last.and_then(|last| query.cursor_after(last));
        Ok(Page { items, next })
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        self.commit_writes(transaction).await
    }
}

impl DynamoStore {
    fn query_request(
        &self,
        query: &Query,
    ) -> Result<aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder, StoreError> {
        let (partition, sort) = query
            .index
            .map_or((attribute::PK, attribute::SK), |index| (index.partition_attribute(), index.sort_attribute()));
        let text = |value: &str| Value::S(value.to_owned());
        let mut request = self
            .client
            .query()
            .table_name(self.name(query.table)?)
            .set_index_name(query.index.map(|index| index.name().to_owned()))
            .expression_attribute_names("#p", partition)
            .expression_attribute_values(":p", text(&query.partition))
            .scan_index_forward(query.order == Order::Ascending)
            .consistent_read(query.consistency == Consistency::Strong)
            .limit(i32::try_from(query.limit.saturating_add(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start_key(query));
        let (condition, values) = match &query.range {
            Range::All => (None, vec![]),
            Range::Prefix(prefix) if prefix.is_empty() => (None, vec![]),
            Range::Prefix(prefix) => (Some("begins_with(#s, :a)"), vec![prefix]),
            Range::AtMost(last) => (Some("#s <= :a"), vec![last]),
            Range::Before(end) => (Some("#s < :a"), vec![end]),
            Range::From(first) if first.is_empty() => (None, vec![]),
            Range::From(first) => (Some("#s >= :a"), vec![first]),
            Range::Between(first, last) if first.is_empty() => (Some("#s <= :a"), vec![last]),
            Range::Between(first, last) => (Some("#s BETWEEN :a AND :b"), vec![first, last]),
        };
        if condition.is_some() {
            request = request.expression_attribute_names("#s", sort);
        }
        for (name, value) in [":a", ":b"].into_iter().zip(values) {
            request = request.expression_attribute_values(name, text(value));
        }
        let condition = condition.map_or_else(|| "#p = :p".to_owned(), |range| format!("#p = :p AND {range}"));
        Ok(request.key_condition_expression(condition))
    }
}

/// The key after which a page begins, in DynamoDB's form.
fn start_key(query: &Query) -> Option<HashMap<String, Value>> {
    let start = query.check().ok()??;
    let mut attributes = key_attributes(start.key);
    if let Some(index) = query.index {
        attributes.insert(index.partition_attribute().to_owned(), Value::S(query.partition.clone()));
        attributes.insert(index.sort_attribute().to_owned(), Value::S(start.sort.to_owned()));
    }
    Some(attributes)
}

fn key_attributes(key: &Key) -> HashMap<String, Value> {
    HashMap::from([
        (attribute::PK.to_owned(), Value::S(key.pk.clone())),
        (attribute::SK.to_owned(), Value::S(key.sk.clone())),
    ])
}

/// An item as the engine returned it, with its numbers in their one form: some engines keep the zeros of a sum.
#[must_use]
pub fn received(attributes: HashMap<String, Value>) -> Item {
    let mut item = Item::from(attributes);
    match item::normalise(&mut item) {
        // A number that cannot be read is left for the entity to report.
        Ok(()) | Err(_) => item,
    }
}

fn keys_and_attributes(table: Table, keys: Vec<HashMap<String, Value>>) -> Result<KeysAndAttributes, StoreError> {
    let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
    request.map_err(|error| StoreError::rejected("a read of many items", table, error))
}

/// The outcome of a read: nothing of it can have been done, so a lost answer is just none.
fn read_result<T>(attempted: &'static str, table: Table, answered: Answered<T>) -> Result<T, StoreError> {
    answered.result.map_err(|trouble| match trouble {
        Trouble::Throttled(source) | Trouble::Contention(source) => StoreError::Throttled { attempted, table, source },
        Trouble::Unreachable(source) | Trouble::Closed(source) | Trouble::Lost(source) => {
            StoreError::Unavailable { attempted, table, source }
        }
        Trouble::Refused(source) => StoreError::Rejected { attempted, table, source },
    })
}
