//! A batch of a table's stream: changes in order, with a checkpoint at the first one that failed.
//!
//! A shard of a stream is a line, not a heap: the handler stops at the first failure and reports its sequence number, and
//! Lambda comes back with that change and everything after it. The event source must report batch item failures,
//! bound its retries and have a failure destination, or one bad change blocks its shard for a day.

mod twin;

pub use self::twin::delivered;

use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use saldo_messages::Disposed;
use serde_dynamo::Item;
use tracing::Instrument;

use crate::batch;
use crate::budget::Budget;

/// What happened to an item, with its images as the stream shows them.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangeKind {
    /// The item was added.
    Insert {
        /// The item.
        new: Item,
    },
    /// The item was changed.
    Modify {
        /// The item before.
        old: Item,
        /// The item after.
        new: Item,
    },
    /// The item was deleted.
    Remove {
        /// The item before.
        old: Item,
    },
}

/// One change of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The place of the change in its shard.
    pub sequence_number: String,
    /// The stream's id of the change, the same on redelivery.
    pub event_id: String,
    /// When the change was made, to the second.
    pub changed_at: DateTime<Utc>,
    /// The primary key of the item.
    pub keys: Item,
    /// What happened.
    pub kind: ChangeKind,
}

impl Change {
    /// The item after the change, if it still exists.
    pub fn new_image(&self) -> Option<&Item> {
        match &self.kind {
            ChangeKind::Insert { new } | ChangeKind::Modify { new, .. } => Some(new),
            ChangeKind::Remove { .. } => None,
        }
    }

    /// The item before the change, if it existed.
    pub fn old_image(&self) -> Option<&Item> {
        match &self.kind {
            ChangeKind::Modify { old, .. } | ChangeKind::Remove { old } => Some(old),
            ChangeKind::Insert { .. } => None,
        }
    }
}

/// Why a batch of changes as a whole failed; all of it comes again.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// A change without its place in the shard cannot be a checkpoint.
    #[error("change {position} of the batch has no sequence number")]
    NoSequenceNumber {
        /// Its place in the batch, from 0.
        position: usize,
    },
    /// The stream says something that the version of the format we know does not have.
    #[error("change {event_id} is of the unknown kind {kind:?}")]
    UnknownKind {
        /// The stream's id of the change.
        event_id: String,
        /// What the stream said.
        kind: String,
    },
}

/// How a group of changes failed: the first `done` of it are done, the next one is where the stream goes on.
#[derive(Debug)]
pub struct GroupFailure<E> {
    /// How many changes of the group are done.
    pub done: usize,
    /// Why the next one is not.
    pub error: E,
}

impl<E> From<E> for GroupFailure<E> {
    /// Nothing of the group counts as done.
    fn from(error: E) -> Self {
        Self { done: 0, error }
    }
}

/// Hands the changes to `handle` one by one, in order, and stops at the first failure.
///
/// # Errors
/// When a change has no sequence number or is of an unknown kind: then nothing is started.
pub async fn process<F, Fut, E>(event: Event, budget: Budget, handle: F) -> Result<DynamoDbEventResponse, StreamError>
where
    F: Fn(Change) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Disposed + 'static,
{
    let one = |mut group: Vec<Change>| {
        let work = group.pop().map(&handle);
        async move {
            match work {
                Some(work) => work.await.map_err(GroupFailure::from),
                None => Ok(()),
            }
        }
    };
    process_groups(event, budget, 1, one).await
}

/// Hands the changes to `handle` in order, up to `group` at a time, and stops at the first group that fails.
///
/// For handlers that do the work of several changes in one call. Changes of a failed group that the failure does not count
/// as done come again, so the handler must bear to see them twice, as it must bear redelivery anyway.
///
/// # Errors
/// When a change has no sequence number or is of an unknown kind: then nothing is started.
pub async fn process_groups<F, Fut, E>(
    event: Event,
    budget: Budget,
    group: usize,
    handle: F,
) -> Result<DynamoDbEventResponse, StreamError>
where
    F: Fn(Vec<Change>) -> Fut,
    Fut: Future<Output = Result<(), GroupFailure<E>>>,
    E: Disposed + 'static,
{
    let changes = event.records.into_iter().enumerate().map(|(position, record)| read(position, record));
    let changes = changes.collect::<Result<Vec<_>, _>>()?;
    let mut response = DynamoDbEventResponse::default();
    for (position, changes) in changes.chunks(group.max(1)).enumerate() {
        let place = |done: usize| changes.get(done).or(changes.last()).map(|change| change.sequence_number.clone());
        let span = tracing::info_span!("changes", stream.sequence_number = place(0), stream.changes = changes.len());
        let may_start = position == 0 || budget.allows_start();
        if let Err(done) = one_group(changes.to_vec(), budget, may_start, &handle).instrument(span).await {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = place(done);
            response.batch_item_failures.push(failure);
            break;
        }
    }
    Ok(response)
}

/// Runs `handle` on one group and logs what went wrong; an error tells how many of its changes are done.
async fn one_group<F, Fut, E>(changes: Vec<Change>, budget: Budget, may_start: bool, handle: &F) -> Result<(), usize>
where
    F: Fn(Vec<Change>) -> Fut,
    Fut: Future<Output = Result<(), GroupFailure<E>>>,
    E: Disposed + 'static,
{
    if !may_start {
        tracing::warn!("no time left to start these changes, they come again");
        return Err(0);
    }
    let work = AssertUnwindSafe(async { handle(changes).await }).catch_unwind();
    match tokio::time::timeout_at(budget.ends_at(), work).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(failure))) => {
            batch::log(&failure.error);
            Err(failure.done)
        }
        Ok(Err(_reported_by_the_panic_hook)) => {
            tracing::error!("the handler panicked on these changes");
            Err(0)
        }
        Err(_elapsed) => {
            tracing::warn!("given up at the end of the invocation, the changes come again");
            Err(0)
        }
    }
}

/// Takes a change out of the stream's record.
fn read(position: usize, record: EventRecord) -> Result<Change, StreamError> {
    let change = record.change;
    let kind = match record.event_name.as_str() {
        "INSERT" => ChangeKind::Insert { new: change.new_image },
        "MODIFY" => ChangeKind::Modify { old: change.old_image, new: change.new_image },
        "REMOVE" => ChangeKind::Remove { old: change.old_image },
        unknown => return Err(StreamError::UnknownKind { event_id: record.event_id, kind: unknown.to_owned() }),
    };
    let sequence_number = change.sequence_number.filter(|number| !number.is_empty());
    Ok(Change {
        sequence_number: sequence_number.ok_or(StreamError::NoSequenceNumber { position })?,
        event_id: record.event_id,
        changed_at: change.approximate_creation_date_time,
        keys: change.keys,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use saldo_messages::Disposition;
    use std::sync::Mutex;
    use std::time::Duration;

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct Refused;

    impl Disposed for Refused {
        fn disposition(&self) -> Disposition {
            Disposition::Retry
        }
    }

    fn event(kinds: &[&str]) -> Event {
        let records: Vec<_> = kinds
            .iter()
            .enumerate()
            .map(|(n, kind)| {
                let image = serde_json::json!({ "pk": { "S": format!("inv_{n}") }, "sk": { "S": "invoice" } });
                let mut record = serde_json::json!({
                    "eventID": format!("e-{n}"), "eventName": kind, "awsRegion": "eu-central-1",
                    "dynamodb": {
                        "ApproximateCreationDateTime": 1_767_225_600, "SequenceNumber": format!("{}00", n.saturating_add(1)), "SizeBytes": 59,
                        "Keys": image, "StreamViewType": "NEW_AND_OLD_IMAGES",
                    },
                });
                if *kind != "REMOVE" {
                    record["dynamodb"]["NewImage"] = image.clone();
                }
                if *kind != "INSERT" {
                    record["dynamodb"]["OldImage"] = image;
                }
                record
            })
            .collect();
        serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
    }

    fn checkpoints(response: &DynamoDbEventResponse) -> Vec<&str> {
        response.batch_item_failures.iter().filter_map(|failure| failure.item_identifier.as_deref()).collect()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn the_first_failure_is_the_checkpoint_and_nothing_after_it_runs() {
        let seen = Mutex::new(Vec::new());
        let response = process(event(&["INSERT", "MODIFY", "MODIFY", "REMOVE"]), Budget::lasting(LONG), |change| {
            seen.lock().unwrap().push(change.event_id.clone());
            async move { if change.event_id == "e-2" { Err(Refused) } else { Ok(()) } }
        });
        assert_eq!(checkpoints(&response.await.unwrap()), ["300"]);
        assert_eq!(*seen.lock().unwrap(), ["e-0", "e-1", "e-2"]);
    }

    #[tokio::test]
    async fn groups_are_cut_in_order_and_fail_where_they_say() {
        for (done, checkpoint) in [(0, "400"), (1, "500"), (2, "600"), (9, "600")] {
            let seen = Mutex::new(Vec::new());
            let response = process_groups(event(&["INSERT"; 7]), Budget::lasting(LONG), 3, |changes| {
                seen.lock().unwrap().push(changes.len());
                let is_second = changes[0].event_id == "e-3";
                async move { if is_second { Err(GroupFailure { done, error: Refused }) } else { Ok(()) } }
            });
            assert_eq!(checkpoints(&response.await.unwrap()), [checkpoint]);
            assert_eq!(*seen.lock().unwrap(), [3, 3]);
        }
    }

    #[tokio::test]
    async fn an_empty_batch_and_a_good_one_report_nothing() {
        for batch in [event(&[]), event(&["INSERT", "REMOVE"])] {
            let response = process(batch, Budget::lasting(LONG), |_| async { Ok::<(), Refused>(()) }).await.unwrap();
            assert_eq!(checkpoints(&response), [""; 0]);
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_checkpoint_like_any_failure() {
        async fn buggy(_: Change) -> Result<(), Refused> {
            panic!("a bug")
        }
        let result = process(event(&["INSERT"]), Budget::lasting(LONG), buggy);
        assert_eq!(checkpoints(&result.await.unwrap()), ["100"]);
    }

    #[tokio::test]
    async fn a_change_without_its_place_fails_the_batch() {
        let mut event = event(&["INSERT", "INSERT"]);
        event.records[1].change.sequence_number = None;
        let result = process(event, Budget::lasting(LONG), |_| async { Ok::<(), Refused>(()) }).await;
        assert!(matches!(result, Err(StreamError::NoSequenceNumber { position: 1 })));
    }

    #[test]
    fn images_follow_the_kind() {
        let images = |kind: &str| {
            let change = read(0, event(&[kind]).records.remove(0)).unwrap();
            (change.old_image().is_some(), change.new_image().is_some())
        };
        assert_eq!(
            [images("INSERT"), images("MODIFY"), images("REMOVE")],
            [(false, true), (true, true), (true, false)]
        );
    }
}
