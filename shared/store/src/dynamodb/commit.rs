//! Transactions as DynamoDB requests: one write alone as such, which costs half, several as a transaction.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue as Value, CancellationReason, ConditionCheck, ConsumedCapacity, Delete, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use rust_decimal::Decimal;

use super::retry::{Answered, Repeat, until_deadline};
use super::trouble::Trouble;
use super::{DynamoStore, key_attributes, received};
use crate::number::Number;
use crate::table::attribute;
use crate::{Cause, CommitError, Committed, Condition, FailedWrite, Item, Key, StoreError, Table, Transaction, Write};

const OLD_ITEM: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// An old item as the SDK returns it.
type Attributes = HashMap<String, Value>;

/// What the engine answered to a commit.
#[derive(Debug)]
enum Outcome {
    Done(Vec<ConsumedCapacity>),
    /// Conditions that did not hold: the places of their writes and what stood there.
    Conditions(Vec<(usize, Option<Attributes>)>),
}

impl DynamoStore {
    pub(super) async fn commit_writes(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let repeat = if transaction.refuses_itself() { Repeat::Harmless } else { Repeat::Harmful };
        let writes = transaction.into_writes();
        let Some(first) = writes.first() else { return Ok(Committed { write_units: Some(0) }) };
        let table = first.table();
        let answered = match writes.as_slice() {
            [Write::Put { .. } | Write::Add { .. } | Write::Delete { .. }] => self.write_one(first, repeat).await?,
            _ => self.write_all(&writes, repeat).await?,
        };
        conclude(&writes, table, answered)
    }

    async fn write_one(&self, write: &Write, repeat: Repeat) -> Result<Answered<Outcome>, StoreError> {
        let item = self.request(write)?;
        Ok(until_deadline(repeat, || async {
            match &item {
                Request::Put(put) => Box::pin(self.put(put.clone())).await,
                Request::Update(update) => Box::pin(self.update(update.clone())).await,
                Request::Delete(delete) => Box::pin(self.delete(delete.clone())).await,
                Request::Check(_) => Ok(Outcome::Done(vec![])),
            }
        })
        .await)
    }

    async fn write_all(&self, writes: &[Write], repeat: Repeat) -> Result<Answered<Outcome>, StoreError> {
        let items = writes.iter().map(|write| self.request(write).map(Request::into_item));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "a client token: for the SDK's own repetitions, and nothing relies on it"
        )]
        let token = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        Ok(until_deadline(repeat, || async {
            let request = self
                .client
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .client_request_token(token.clone())
                .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
                .send();
            match Box::pin(request).await {
                Ok(output) => Ok(Outcome::Done(output.consumed_capacity.unwrap_or_default())),
                Err(error) => cancelled(error),
            }
        })
        .await)
    }

    async fn put(&self, put: Put) -> Result<Outcome, Trouble> {
        let request = self
            .client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_values(put.expression_attribute_values)
            .return_values_on_condition_check_failure(OLD_ITEM)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let sent = request.send().await;
        if let Err(SdkError::ServiceError(error)) = &sent
            && let PutItemError::ConditionalCheckFailedException(failed) = error.err()
        {
            return Ok(Outcome::Conditions(vec![(0, failed.item.clone())]));
        }
        sent.map(|output| Outcome::Done(Vec::from_iter(output.consumed_capacity))).map_err(Trouble::of)
    }

    async fn update(&self, update: Update) -> Result<Outcome, Trouble> {
        let request = self
            .client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let sent = request.send().await;
        sent.map(|output| Outcome::Done(Vec::from_iter(output.consumed_capacity))).map_err(Trouble::of)
    }

    async fn delete(&self, delete: Delete) -> Result<Outcome, Trouble> {
        let request = self
            .client
            .delete_item()
            .table_name(delete.table_name)
            .set_key(Some(delete.key))
            .set_condition_expression(delete.condition_expression)
            .set_expression_attribute_values(delete.expression_attribute_values)
            .return_values_on_condition_check_failure(OLD_ITEM)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let sent = request.send().await;
        if let Err(SdkError::ServiceError(error)) = &sent
            && let DeleteItemError::ConditionalCheckFailedException(failed) = error.err()
        {
            return Ok(Outcome::Conditions(vec![(0, failed.item.clone())]));
        }
        sent.map(|output| Outcome::Done(Vec::from_iter(output.consumed_capacity))).map_err(Trouble::of)
    }

    fn request(&self, write: &Write) -> Result<Request, StoreError> {
        let (table, key) = (write.table(), write.key());
        let name = self.name(table)?;
        let (condition, values) = condition(write.condition());
        let invalid = |error: aws_sdk_dynamodb::error::BuildError| StoreError::rejected("a write", table, error);
        Ok(match write {
            Write::Put { item, .. } => {
                let put = Put::builder().table_name(name).set_item(Some(item.clone().into()));
                let put = put.set_condition_expression(condition).set_expression_attribute_values(values);
                Request::Put(put.return_values_on_condition_check_failure(OLD_ITEM).build().map_err(invalid)?)
            }
            Write::Delete { .. } => {
                let delete = Delete::builder().table_name(name).set_key(Some(key_attributes(key)));
                let delete = delete.set_condition_expression(condition).set_expression_attribute_values(values);
                Request::Delete(delete.return_values_on_condition_check_failure(OLD_ITEM).build().map_err(invalid)?)
            }
            Write::Check { .. } => {
                // A check of nothing at all: a condition that always holds, since DynamoDB wants one.
                let condition = condition.or_else(|| Some("attribute_exists(pk) OR attribute_not_exists(pk)".into()));
                let check = ConditionCheck::builder().table_name(name).set_key(Some(key_attributes(key)));
                let check = check.set_condition_expression(condition).set_expression_attribute_values(values);
                Request::Check(check.return_values_on_condition_check_failure(OLD_ITEM).build().map_err(invalid)?)
            }
            Write::Add { amounts, set, .. } => {
                Request::Update(addition(name, key, amounts, set).build().map_err(invalid)?)
            }
        })
    }
}

/// A write in DynamoDB's form.
#[derive(Debug)]
enum Request {
    Put(Put),
    Update(Update),
    Delete(Delete),
    Check(ConditionCheck),
}

impl Request {
    fn into_item(self) -> TransactWriteItem {
        let item = TransactWriteItem::builder();
        match self {
            Self::Put(put) => item.put(put),
            Self::Update(update) => item.update(update),
            Self::Delete(delete) => item.delete(delete),
            Self::Check(check) => item.condition_check(check),
        }
        .build()
    }
}

fn condition(condition: Condition) -> (Option<String>, Option<Attributes>) {
    match condition {
        Condition::Always => (None, None),
        Condition::Absent => (Some("attribute_not_exists(pk)".to_owned()), None),
        Condition::Present => (Some("attribute_exists(pk)".to_owned()), None),
        Condition::Version(version) => {
            let values = HashMap::from([(":version".to_owned(), Value::N(version.to_string()))]);
            (Some("v = :version".to_owned()), Some(values))
        }
    }
}

fn addition(
    table_name: &str,
    key: &Key,
    amounts: &BTreeMap<String, Decimal>,
    set: &Item,
) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
    let mut update = Update::builder()
        .table_name(table_name)
        .set_key(Some(key_attributes(key)))
        .expression_attribute_names("#v", attribute::VERSION)
        .expression_attribute_values(":one", Value::N("1".to_owned()));
    let mut adds = vec!["#v :one".to_owned()];
    for (place, (name, amount)) in amounts.iter().enumerate() {
        adds.push(format!("#a{place} :a{place}"));
        update = update
            .expression_attribute_names(format!("#a{place}"), name)
            .expression_attribute_values(format!(":a{place}"), Value::N(Number::of(*amount).to_string()));
    }
    let mut sets = Vec::with_capacity(set.len());
    for (place, (name, value)) in set.iter().enumerate() {
        sets.push(format!("#s{place} = :s{place}"));
        update = update
            .expression_attribute_names(format!("#s{place}"), name)
            .expression_attribute_values(format!(":s{place}"), value.clone().into());
    }
    let set_clause = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
    update.update_expression(format!("ADD {}{set_clause}", adds.join(", ")))
}

/// Reads why a transaction was cancelled: conditions first, since they are an answer; the rest is trouble.
fn cancelled(error: SdkError<TransactWriteItemsError>) -> Result<Outcome, Trouble> {
    let reasons: Vec<CancellationReason> = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons().to_vec()
        }
        _ => return Err(Trouble::of(error)),
    };
    let failed: Vec<_> = reasons
        .iter()
        .enumerate()
        .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
        .map(|(place, reason)| (place, reason.item.clone().filter(|item| !item.is_empty())))
        .collect();
    if !failed.is_empty() {
        return Ok(Outcome::Conditions(failed));
    }
    let codes: Vec<&str> = reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None").collect();
    let said = reasons.iter().filter_map(CancellationReason::message).collect::<Vec<_>>().join("; ");
    let cause: Cause = format!("the transaction was cancelled: {} ({said})", codes.join(", ")).into();
    // A refusal outweighs the rest, since the transaction can never succeed.
    let refused = codes.iter().find(|code| code.starts_with("Validation") || code.starts_with("ItemCollection"));
    match refused.or_else(|| codes.first()) {
        _ if refused.is_some() => Err(Trouble::Refused(cause)),
        Some(code) => Err(Trouble::of_code(code, cause, Trouble::Contention)),
        None => Err(Trouble::Contention(cause)),
    }
}

/// What the last answer says about the whole commit, lost answers before it included.
fn conclude(writes: &[Write], table: Table, answered: Answered<Outcome>) -> Result<Committed, CommitError> {
    let attempted = if writes.len() == 1 { "a write" } else { "a transaction" };
    let unknown = |source: Cause| CommitError::Store(StoreError::Unknown { attempted, table, source });
    match answered.result {
        Ok(Outcome::Done(consumed)) => Ok(Committed { write_units: write_units(&consumed) }),
        Ok(Outcome::Conditions(_)) if answered.lost_before => Err(unknown(
            "an answer was lost, and now a condition fails, perhaps because of the lost write itself".into(),
        )),
        Ok(Outcome::Conditions(failed)) => Err(CommitError::Conflict { failed: failed_writes(writes, failed) }),
        Err(Trouble::Lost(source)) => Err(unknown(source)),
        Err(
            Trouble::Throttled(source)
            | Trouble::Contention(source)
            | Trouble::Unreachable(source)
            | Trouble::Closed(source)
            | Trouble::Refused(source),
        ) if answered.lost_before => Err(unknown(source)),
        Err(Trouble::Contention(source)) => Err(CommitError::Contention { table, source }),
        Err(Trouble::Throttled(source)) => Err(StoreError::Throttled { attempted, table, source }.into()),
        Err(Trouble::Unreachable(source) | Trouble::Closed(source)) => {
            Err(StoreError::Unavailable { attempted, table, source }.into())
        }
        Err(Trouble::Refused(source)) => Err(StoreError::Rejected { attempted, table, source }.into()),
    }
}

fn failed_writes(writes: &[Write], failed: Vec<(usize, Option<Attributes>)>) -> Vec<FailedWrite> {
    let named = |(place, existing): (usize, Option<Attributes>)| {
        let write = writes.get(place)?;
        let existing = existing.map(received);
        Some(FailedWrite { write: place, table: write.table(), key: write.key().clone(), existing })
    };
    failed.into_iter().filter_map(named).collect()
}

/// The units consumed in all, tables and indexes; `None` where the engine does not tell.
fn write_units(consumed: &[ConsumedCapacity]) -> Option<u64> {
    if consumed.is_empty() {
        return None;
    }
    // Units of writes are whole numbers that the API gives as floats; their text without decimals is exact.
    let units =
        consumed.iter().map(|one| format!("{:.0}", one.capacity_units().unwrap_or_default()).parse::<u64>().ok());
    units.sum()
}
