//! From a batch of messages to events in the inbox and facts in the books.

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, Utc};
use saldo_billing::provider::ProviderAccount;
use saldo_books::parking;
use saldo_gateways::{News, Reading};
use saldo_messages::provider_events::ParkedKey;
use saldo_messages::{Disposed, Disposition, ProviderEvent, ProviderEventsMessage, Queue};
use saldo_runtime::batch::{self, BatchError};
use saldo_runtime::budget::Budget;
use saldo_runtime::logs::Metrics;
use saldo_runtime::several::Several;
use saldo_store::entities::ParkedEvent;
use saldo_store::inbox::InboxStatus;
use saldo_store::{Store, load};

use crate::ProcessingError;
use crate::applying::{self, Came};
use crate::inbox::{self, Kept};

/// Messages worked on at a time: events have no order that matters, and wait for the tables most of the time.
const CONCURRENCY: usize = 4;

/// What the function works with.
pub struct Processing {
    /// Inbox and books.
    pub store: Arc<dyn Store>,
    /// Where mails are asked for.
    pub queue: Arc<dyn Queue>,
    /// Where events are counted that somebody should know of.
    pub metrics: Metrics,
}

/// Works on a batch; what failed comes again.
///
/// # Errors
/// When a message has no id.
pub async fn handle(processing: &Processing, event: SqsEvent, budget: Budget) -> Result<SqsBatchResponse, BatchError> {
    let one = |record: batch::Record| async move {
        match saldo_messages::decode(&record.body)? {
            ProviderEventsMessage::Take { event, .. } => Box::pin(take(processing, &event)).await,
            ProviderEventsMessage::Retry { parked, as_of, at_once, .. } => {
                retry_all(processing, &parked, as_of, at_once).await
            }
        }
    };
    batch::process(event, budget, CONCURRENCY, one).await
}

/// Keeps the event, then takes what it states into the books.
///
/// The time is that at which the event was received: a redelivery or a replay comes to the same books.
async fn take(processing: &Processing, event: &ProviderEvent) -> Result<(), ProcessingError> {
    let reading = read(&event.account, event.body.as_bytes());
    let status = match &reading {
        Ok(reading) if reading.news.iter().any(is_for_the_books) => InboxStatus::Applied,
        Ok(_) => InboxStatus::Ignored,
        Err(_) => InboxStatus::GivenUp,
    };
    let kept = inbox::keep(&*processing.store, event, status).await?;
    let reading = reading?;
    match kept {
        Kept::New => count_kind(processing, event, &reading),
        Kept::Known(InboxStatus::Ignored) if status == InboxStatus::Ignored => return Ok(()),
        // Even when it was applied: the process may have died between the inbox and the books. And one that an older version
        // could not read may be sent again.
        Kept::Known(InboxStatus::Ignored | InboxStatus::Applied | InboxStatus::Parked | InboxStatus::GivenUp) => {}
    }
    let waited = matches!(kept, Kept::Known(InboxStatus::Ignored | InboxStatus::Parked | InboxStatus::GivenUp));
    let known = Event { account: &event.account, event_id: &event.event_id, waited, is_retry: false };
    settle(processing, &known, &reading, event.received_at).await
}

/// Tries each parked event again, also when another one failed.
async fn retry_all(
    processing: &Processing,
    parked: &[ParkedKey],
    now: DateTime<Utc>,
    at_once: bool,
) -> Result<(), ProcessingError> {
    let mut failures = Several::default();
    for key in parked {
        if let Err(error) = Box::pin(retry(processing, key, now, at_once)).await {
            failures.note(&format_args!("{} {}", key.account, key.event_id), &error);
        }
    }
    Ok(failures.outcome(parked.len())?)
}

async fn retry(
    processing: &Processing,
    key: &ParkedKey,
    now: DateTime<Utc>,
    at_once: bool,
) -> Result<(), ProcessingError> {
    let kept = inbox::event(&*processing.store, &key.account, &key.event_id).await?.value;
    if !at_once {
        // The same work comes with each tick while it rests in the queue: once is enough, and each time it would wait longer.
        let parked = load::<ParkedEvent>(&*processing.store, &ParkedEvent::key_of(&key.account, &key.event_id)).await?;
        let is_over = match parked {
            Some(parked) => parked.value.retry_at > now,
            // What was given up comes again until its message is a dead letter.
            None => kept.status != InboxStatus::GivenUp,
        };
        if is_over {
            return Ok(());
        }
    }
    let known = Event { account: &key.account, event_id: &key.event_id, waited: true, is_retry: true };
    match read(&key.account, kept.body.bytes()) {
        Ok(reading) if reading.news.iter().any(is_for_the_books) => settle(processing, &known, &reading, now).await,
        Ok(_) => match kept.status {
            // For good reason, or by a version that read it otherwise.
            InboxStatus::Ignored | InboxStatus::GivenUp => {
                inbox::mark(&*processing.store, &key.account, &key.event_id, InboxStatus::Ignored).await?;
                Ok(parking::unpark(&*processing.store, &key.account, &key.event_id).await?)
            }
            // By a version that read more, and may come back.
            InboxStatus::Parked => wait(processing, &known, "a version that reads more of it", now).await,
            // Its mark may be left by a process that died between the two.
            InboxStatus::Applied => Ok(parking::unpark(&*processing.store, &key.account, &key.event_id).await?),
        },
        Err(error) => {
            give_up(processing, &known).await?;
            Err(error)
        }
    }
}

/// An event that is in the inbox.
struct Event<'a> {
    account: &'a ProviderAccount,
    event_id: &'a str,
    /// Whether it waited, or was given up, before.
    waited: bool,
    is_retry: bool,
}

/// Takes what the event states into the books, and sees to it that it waits no more, or longer.
async fn settle(
    processing: &Processing,
    event: &Event<'_>,
    reading: &Reading,
    now: DateTime<Utc>,
) -> Result<(), ProcessingError> {
    let store = &*processing.store;
    let outcome = applying::apply(processing, event.account, reading, now).await;
    match outcome {
        Ok(Came::ToTheBooks) if event.waited => {
            inbox::mark(store, event.account, event.event_id, InboxStatus::Applied).await?;
            Ok(parking::unpark(store, event.account, event.event_id).await?)
        }
        Ok(Came::ToTheBooks) => Ok(()),
        Ok(Came::ToWait { on }) => wait(processing, event, &on, now).await,
        Err(error) if error.disposition() == Disposition::Poison => {
            give_up(processing, event).await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Parks the event. A further delivery of an event that waits already leaves its plan alone.
async fn wait(processing: &Processing, event: &Event<'_>, on: &str, now: DateTime<Utc>) -> Result<(), ProcessingError> {
    let store = &*processing.store;
    let key = ParkedEvent::key_of(event.account, event.event_id);
    if event.is_retry || load::<ParkedEvent>(store, &key).await?.is_none() {
        let parked = parking::park(store, event.account, event.event_id, on, now).await?;
        let account = event.account.to_string();
        let fields = [("provider.account", account.as_str()), ("event.id", event.event_id), ("event.waits_for", on)];
        processing.metrics.count(now, "ParkedEvents", 1, &fields);
        tracing::warn!(
            provider.account = account,
            event.id = event.event_id,
            event.waits_for = on,
            event.tries = parked.tries,
            "waits for something that is not there yet"
        );
    }
    inbox::mark(store, event.account, event.event_id, InboxStatus::Parked).await
}

/// Leaves the event to a person: it is marked in the inbox, its message ends in the dead-letter queue.
async fn give_up(processing: &Processing, event: &Event<'_>) -> Result<(), ProcessingError> {
    let store = &*processing.store;
    inbox::mark(store, event.account, event.event_id, InboxStatus::GivenUp).await?;
    Ok(parking::unpark(store, event.account, event.event_id).await?)
}

fn read(account: &ProviderAccount, body: &[u8]) -> Result<Reading, ProcessingError> {
    let unknown = || ProcessingError::UnknownProvider { account: account.clone() };
    Ok(saldo_gateways::provider(account.provider()).ok_or_else(unknown)?.read(account, body)?)
}

fn is_for_the_books(news: &News) -> bool {
    match news {
        News::Payment(_) | News::Method(_) | News::MethodDetached { .. } | News::Page(_) => true,
        News::Setup(setup) => setup.decline.is_none(),
        // Kept until there are reports of payouts.
        News::Payout(_) => false,
    }
}

fn count_kind(processing: &Processing, event: &ProviderEvent, reading: &Reading) {
    let account = event.account.to_string();
    let fields = [("provider.account", account.as_str()), ("event.id", &event.event_id), ("event.kind", &event.kind)];
    if !reading.known {
        processing.metrics.count(event.received_at, "UnknownEvents", 1, &fields);
    }
    if reading.news.iter().any(|news| matches!(news, News::Payout(_))) {
        processing.metrics.count(event.received_at, "PayoutEvents", 1, &fields);
    }
}
