//! A batch of queue messages, each with its own outcome.
//!
//! A message ends *done* (SQS deletes it), *failed* (it comes again after the visibility timeout) or *poison* (repeating
//! cannot help; it is reported as failed too, so that after `maxReceiveCount` it rests in the dead-letter queue, with the
//! reason in the log). The function's event source must report batch item failures.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, StreamExt};
use saldo_messages::{Disposed, Disposition};
use tracing::Instrument;

use crate::budget::Budget;
use crate::logs;

/// One message of a batch, its body still text.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The queue's id of the message.
    pub message_id: String,
    /// How many times the message has been received, this time included.
    pub receive_count: u32,
    /// When the message was put into the queue.
    pub sent_at: Option<DateTime<Utc>>,
    /// What was sent.
    pub body: String,
}

impl fmt::Debug for Record {
    /// Leaves out the body, which may hold personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("message_id", &self.message_id)
            .field("receive_count", &self.receive_count)
            .field("sent_at", &self.sent_at)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// Why a batch as a whole failed; all of its messages come again.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A message without an id cannot be reported as failed on its own.
    #[error("message {position} of the batch has no id")]
    NoMessageId {
        /// Its place in the batch, from 0.
        position: usize,
    },
}

/// Hands each message to `handle`, at most `concurrency` at a time, and reports those that failed.
///
/// One at a time keeps the order of the batch. Messages that the budget no longer allows to start are reported as failed
/// untouched, and one that is still running at its end is given up; the first message is always started, so that a
/// batch makes progress.
///
/// # Errors
/// When a message has no id: then nothing is started.
pub async fn process<F, Fut, E>(
    event: SqsEvent,
    budget: Budget,
    concurrency: usize,
    handle: F,
) -> Result<SqsBatchResponse, BatchError>
where
    F: Fn(Record) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Disposed + 'static,
{
    let records = event.records.into_iter().enumerate().map(|(position, message)| read(position, message));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    let handle = &handle;
    let outcomes: Vec<Option<String>> = futures_util::stream::iter(records.into_iter().enumerate())
        .map(|(position, record)| async move {
            let message_id = record.message_id.clone();
            let span =
                tracing::info_span!("record", sqs.message_id = %message_id, sqs.receive_count = record.receive_count);
            let may_start = position == 0 || budget.allows_start();
            let is_done = one(record, budget, may_start, handle).instrument(span).await;
            (!is_done).then_some(message_id)
        })
        .buffered(concurrency.max(1))
        .collect()
        .await;
    let mut response = SqsBatchResponse::default();
    response.set_failures(outcomes.into_iter().flatten());
    Ok(response)
}

/// Takes what Saldo needs from a message; attributes that are missing or odd do not stop it.
fn read(position: usize, message: SqsMessage) -> Result<Record, BatchError> {
    let attribute = |name: &str| message.attributes.get(name);
    let receive_count = attribute("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    let sent_at = attribute("SentTimestamp").and_then(|ms| DateTime::from_timestamp_millis(ms.parse().ok()?));
    match message.message_id.filter(|id| !id.is_empty()) {
        Some(message_id) => Ok(Record { message_id, receive_count, sent_at, body: message.body.unwrap_or_default() }),
        None => Err(BatchError::NoMessageId { position }),
    }
}

/// Runs `handle` on one message and logs what went wrong; whether the message is done.
async fn one<F, Fut, E>(record: Record, budget: Budget, may_start: bool, handle: &F) -> bool
where
    F: Fn(Record) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Disposed + 'static,
{
    if !may_start {
        tracing::warn!("no time left to start this message, it comes again");
        return false;
    }
    // A bug in one message's path must not take the other messages of the batch with it.
    let work = AssertUnwindSafe(async { handle(record).await }).catch_unwind();
    match tokio::time::timeout_at(budget.ends_at(), work).await {
        Ok(Ok(Ok(()))) => true,
        Ok(Ok(Err(error))) => {
            log(&error);
            false
        }
        Ok(Err(_reported_by_the_panic_hook)) => {
            tracing::error!("the handler panicked on this message");
            false
        }
        Err(_elapsed) => {
            tracing::warn!("given up at the end of the invocation, the message comes again");
            false
        }
    }
}

/// Logs a failure once, with its causes: `error` when only a person can help, `warn` when the next delivery may.
pub(crate) fn log<E: Disposed + 'static>(error: &E) {
    let chain = logs::chain(error);
    match error.disposition() {
        Disposition::Retry => tracing::warn!(error.chain = chain, error.disposition = "retry", "failed, comes again"),
        Disposition::Poison => tracing::error!(error.chain = chain, error.disposition = "poison", "poison message"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::Duration;

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct Refused(Disposition);

    impl Disposed for Refused {
        fn disposition(&self) -> Disposition {
            self.0
        }
    }

    fn batch(bodies: &[&str]) -> SqsEvent {
        let records: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(n, body)| {
                serde_json::json!({
                    "messageId": format!("m-{n}"), "body": body,
                    "attributes": { "ApproximateReceiveCount": "3", "SentTimestamp": "1767225600123" },
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
    }

    fn failed(response: &SqsBatchResponse) -> Vec<&str> {
        response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
    }

    async fn by_body(record: Record) -> Result<(), Refused> {
        match record.body.as_str() {
            "retry" => Err(Refused(Disposition::Retry)),
            "poison" => Err(Refused(Disposition::Poison)),
            "panic" => panic!("a bug"),
            "hang" => std::future::pending().await,
            "slow" => {
                tokio::time::sleep(Duration::from_secs(4)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn bad_neighbours_do_not_stop_the_good_ones() {
        let event = batch(&["ok", "poison", "ok", "panic", "retry", "ok"]);
        let response = process(event, Budget::lasting(LONG), 1, by_body).await.unwrap();
        assert_eq!(failed(&response), ["m-1", "m-3", "m-4"]);
    }

    #[tokio::test]
    async fn a_message_without_id_fails_the_batch_before_anything_starts() {
        let mut event = batch(&["ok", "ok"]);
        event.records[1].message_id = None;
        let started = Mutex::new(0);
        let result = process(event, Budget::lasting(LONG), 1, |_| async {
            *started.lock().unwrap() += 1;
            Ok::<(), Refused>(())
        });
        assert!(matches!(result.await, Err(BatchError::NoMessageId { position: 1 })));
        assert_eq!(*started.lock().unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_keeps_the_order() {
        let seen = Mutex::new(Vec::new());
        let event = batch(&["3", "1", "2"]);
        let response = process(event, Budget::lasting(LONG), 1, |record| {
            let seen = &seen;
            async move {
                tokio::time::sleep(Duration::from_secs(record.body.parse().unwrap())).await;
                seen.lock().unwrap().push(record.body);
                Ok::<(), Refused>(())
            }
        });
        assert_eq!(failed(&response.await.unwrap()), [""; 0]);
        assert_eq!(*seen.lock().unwrap(), ["3", "1", "2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_time_does_not_allow_comes_again() {
        let event = batch(&["slow", "slow", "ok"]);
        let response = process(event, Budget::lasting(Duration::from_secs(9)), 1, by_body).await.unwrap();
        assert_eq!(failed(&response), ["m-2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_message_is_given_up_and_costs_only_itself() {
        let event = batch(&["ok", "hang", "ok"]);
        let response = process(event, Budget::lasting(Duration::from_secs(9)), 3, by_body).await.unwrap();
        assert_eq!(failed(&response), ["m-1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_message_is_tried_however_little_time_is_left() {
        let event = batch(&["ok", "ok"]);
        let response = process(event, Budget::lasting(Duration::from_millis(10)), 1, by_body).await.unwrap();
        assert_eq!(failed(&response), ["m-1"]);
    }

    #[tokio::test]
    async fn a_record_knows_when_and_how_often_and_hides_its_body() {
        let event = batch(&["name: Zoë"]);
        let record = read(0, event.records[0].clone()).unwrap();
        assert_eq!(record.receive_count, 3);
        assert_eq!(record.sent_at.unwrap().timestamp_millis(), 1_767_225_600_123);
        assert!(!format!("{record:?}").contains("Zoë"));
    }
}
