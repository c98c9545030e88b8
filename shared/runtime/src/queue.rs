//! The queue port on SQS and `EventBridge`.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use saldo_messages::{Destination, DomainEvent, Queue, QueueError};

/// The source of every domain event on the bus.
pub const EVENT_SOURCE: &str = "saldo";

/// The most messages that one call of either service takes.
const MESSAGES_PER_CALL: usize = 10;

/// The most bytes handed over in one call. SQS takes 1 MiB by now; the bus and older emulators take a quarter of it.
const BYTES_PER_CALL: usize = 256 * 1024;

/// What a message costs on the bus besides its body: source, detail type, time.
const BYTES_PER_ENVELOPE: usize = 256;

/// How often the messages of one call are handed over before they count as refused.
const ROUNDS: u32 = 3;

/// The wait before the second round; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The queues and the bus that one function may send to.
#[derive(Debug, Clone, Default)]
pub struct AwsQueue {
    queues: Option<(aws_sdk_sqs::Client, BTreeMap<Destination, String>)>,
    bus: Option<(aws_sdk_eventbridge::Client, String)>,
}

/// A message that a service did not take, while the call as such succeeded.
struct Refused {
    index: usize,
    code: String,
    is_final: bool,
}

impl AwsQueue {
    /// Sends to these queues, each given by its URL.
    pub fn to_queues(client: aws_sdk_sqs::Client, urls: impl IntoIterator<Item = (Destination, String)>) -> Self {
        Self { queues: Some((client, urls.into_iter().collect())), bus: None }
    }

    /// Sends domain events to the bus of this name.
    pub fn to_bus(client: aws_sdk_eventbridge::Client, name: String) -> Self {
        Self { queues: None, bus: Some((client, name)) }
    }

    /// Hands one call's worth of messages over until all are taken, or repeating is of no use.
    async fn hand_over(&self, to: Destination, mut bodies: Vec<String>) -> Result<(), QueueError> {
        let mut wait = FIRST_WAIT;
        for round in 1..=ROUNDS {
            let refused = self.call(to, &bodies).await?;
            let Some(first) = refused.first() else { return Ok(()) };
            if round == ROUNDS || refused.iter().any(|one| one.is_final) {
                let (sent, reason) = (bodies.len(), first.code.clone());
                return Err(QueueError { to, sent, refused: refused.len(), reason, source: None });
            }
            let mut index = 0_usize;
            bodies.retain(|_| {
                let is_refused = refused.iter().any(|one| one.index == index);
                index = index.saturating_add(1);
                is_refused
            });
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2);
        }
        Ok(())
    }

    async fn call(&self, to: Destination, bodies: &[String]) -> Result<Vec<Refused>, QueueError> {
        match to {
            Destination::DomainEvents => self.put_events(to, bodies).await,
            Destination::ProviderEvents
            | Destination::InvoicesDue
            | Destination::Collections
            | Destination::Reminders => self.send_messages(to, bodies).await,
        }
    }

    async fn send_messages(&self, to: Destination, bodies: &[String]) -> Result<Vec<Refused>, QueueError> {
        let configured = self.queues.as_ref().and_then(|(client, urls)| Some((client, urls.get(&to)?)));
        let (client, url) = configured.ok_or_else(|| failed(to, bodies, "this function has no such queue", None))?;
        let mut call = client.send_message_batch().queue_url(url);
        for (index, body) in bodies.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body).build();
            call = call.entries(entry.map_err(|error| failed(to, bodies, "cannot be sent", Some(error.into())))?);
        }
        let answer = call.send().await.map_err(|error| failed(to, bodies, "SQS failed", Some(error.into())))?;
        let refused = answer.failed().iter().filter_map(|entry| {
            Some(Refused {
                index: entry.id().parse().ok()?,
                code: entry.code().to_owned(),
                is_final: entry.sender_fault(),
            })
        });
        let refused: Vec<_> = refused.collect();
        // An entry that is neither taken nor refused would be lost silently.
        if answer.successful().len().saturating_add(refused.len()) != bodies.len() {
            return Err(failed(to, bodies, "SQS did not answer for every message", None));
        }
        Ok(refused)
    }

    async fn put_events(&self, to: Destination, bodies: &[String]) -> Result<Vec<Refused>, QueueError> {
        let (client, bus) = self.bus.as_ref().ok_or_else(|| failed(to, bodies, "this function has no bus", None))?;
        let mut call = client.put_events();
        for body in bodies {
            let event: DomainEvent = saldo_messages::decode(body)
                .map_err(|error| failed(to, bodies, "the body is no domain event", Some(error.into())))?;
            let at = aws_smithy_types::DateTime::from_millis(event.at.timestamp_millis());
            let entry =
                PutEventsRequestEntry::builder().event_bus_name(bus).source(EVENT_SOURCE).detail_type(event.kind);
            call = call.entries(entry.time(at).detail(body).build());
        }
        let answer = call.send().await.map_err(|error| failed(to, bodies, "EventBridge failed", Some(error.into())))?;
        // The call succeeds even when every one of its events was refused.
        let entries = answer.entries().iter().enumerate();
        let refused = entries.filter_map(|(index, entry)| {
            let code = entry.error_code()?.to_owned();
            let is_final = !matches!(code.as_str(), "ThrottlingException" | "InternalFailure" | "InternalException");
            Some(Refused { index, code, is_final })
        });
        if answer.entries().len() != bodies.len() {
            return Err(failed(to, bodies, "EventBridge did not answer for every event", None));
        }
        Ok(refused.collect())
    }
}

#[async_trait::async_trait]
impl Queue for AwsQueue {
    async fn send(&self, to: Destination, bodies: Vec<String>) -> Result<(), QueueError> {
        let sent = bodies.len();
        let mut taken = 0_usize;
        for call in calls(bodies) {
            let size = call.len();
            self.hand_over(to, call).await.map_err(|error| {
                let behind = sent.saturating_sub(taken).saturating_sub(size);
                QueueError { sent, refused: error.refused.saturating_add(behind), ..error }
            })?;
            taken = taken.saturating_add(size);
        }
        Ok(())
    }
}

/// A call that failed as a whole.
fn failed(
    to: Destination,
    bodies: &[String],
    reason: &str,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
) -> QueueError {
    QueueError { to, sent: bodies.len(), refused: bodies.len(), reason: reason.to_owned(), source }
}

/// Cuts messages into calls, in order; one that is too large on its own travels alone, for the service to judge.
fn calls(bodies: Vec<String>) -> Vec<Vec<String>> {
    let mut calls: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0_usize;
    for body in bodies {
        let size = body.len().saturating_add(BYTES_PER_ENVELOPE);
        match calls.last_mut().filter(|call| call.len() < MESSAGES_PER_CALL) {
            Some(call) if bytes.saturating_add(size) <= BYTES_PER_CALL => {
                call.push(body);
                bytes = bytes.saturating_add(size);
            }
            _ => {
                calls.push(vec![body]);
                bytes = size;
            }
        }
    }
    calls
}

#[cfg(test)]
mod tests;
