//! From a tick to messages.

use chrono::{DateTime, Utc};
use saldo_messages::{Destination, Queue, QueueError};
use saldo_runtime::budget::Budget;
use saldo_runtime::logs;
use saldo_store::{Cursor, DUE_SHARDS, Store, due_page};
use serde::{Deserialize, Serialize};

use crate::messages::{Ready, Waiting};

/// Entries read at a time: what stays in memory.
const ENTRIES_PER_PAGE: u32 = 500;

/// The event of the schedule, of which only this counts; `{"time": "2026-01-31T09:00:00Z"}` by hand does as well.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Tick {
    /// The scheduled time, which everything this tick starts is done as of.
    pub time: DateTime<Utc>,
}

/// What a tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct Ticked {
    /// Entries found due and sent on.
    pub due: u64,
    /// Messages they were sent in.
    pub messages: u64,
    /// Whether everything that was due was sent on; if not, the next tick continues.
    pub is_complete: bool,
}

/// Why a tick failed; what it sent before stays sent.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// Shards of the index could not be read, each logged with its reason; the other shards were.
    #[error("shards {shards:?} of the due index could not be read")]
    Shards {
        /// Which shards.
        shards: Vec<u8>,
    },
    /// A queue did not take the work.
    #[error("due work could not be sent on")]
    Queue(#[from] QueueError),
}

/// A shard, and how far it has been read.
struct Reading {
    shard: u8,
    after: Option<Cursor>,
}

/// Sends on everything that is due at the tick's time, as far as the budget allows.
///
/// # Errors
/// [`TickError`], after everything that could be sent was sent.
pub async fn handle(store: &dyn Store, queue: &dyn Queue, tick: Tick, budget: Budget) -> Result<Ticked, TickError> {
    let mut ticked = Ticked::default();
    let mut waiting = Waiting::default();
    let (mut failed, mut refused) = (Vec::new(), None);
    // Shards take turns; whichever has nothing more drops out.
    let mut round: Vec<Reading> = shards(tick.time).map(|shard| Reading { shard, after: None }).collect();
    while !round.is_empty() && budget.allows_start() {
        let mut next = Vec::with_capacity(round.len());
        for Reading { shard, after } in round {
            if !budget.allows_start() {
                next.push(Reading { shard, after });
                continue;
            }
            match due_page(store, shard, tick.time, ENTRIES_PER_PAGE, after).await {
                Ok(page) => {
                    ticked.due = ticked.due.saturating_add(u64::try_from(page.entries.len()).unwrap_or(u64::MAX));
                    page.entries.into_iter().for_each(|entry| waiting.add(entry));
                    page.unreadable.iter().for_each(left_out);
                    next.extend(page.next.map(|cursor| Reading { shard, after: Some(cursor) }));
                    refused = refused.or(send(queue, waiting.take(false, tick.time), &mut ticked).await.err());
                }
                Err(error) => {
                    tracing::error!(due.shard = shard, error.chain = logs::chain(&error), "a shard was left out");
                    failed.push(shard);
                }
            }
        }
        round = next;
    }
    refused = refused.or(send(queue, waiting.take(true, tick.time), &mut ticked).await.err());
    ticked.is_complete = round.is_empty() && failed.is_empty();
    tracing::info!(
        tick.time = tick.time.to_rfc3339(),
        tick.due = ticked.due,
        tick.messages = ticked.messages,
        "ticked"
    );
    if !round.is_empty() {
        tracing::warn!(due.shards = round.len(), "out of time, the next tick continues");
    }
    match refused {
        Some(error) => Err(error.into()),
        None if failed.is_empty() => Ok(ticked),
        None => Err(TickError::Shards { shards: failed }),
    }
}

/// All shards, beginning with another one each minute.
fn shards(time: DateTime<Utc>) -> impl Iterator<Item = u8> {
    let minute = time.timestamp().div_euclid(60).rem_euclid(i64::from(DUE_SHARDS));
    let first = u8::try_from(minute).unwrap_or(0);
    (first..DUE_SHARDS).chain(0..first)
}

/// Says that something that is due is left to a person.
fn left_out(error: &(impl std::error::Error + 'static)) {
    tracing::error!(error.chain = logs::chain(error), "due work was left out");
}

/// Hands messages over, each queue's together, also when another queue refuses; keys that fit no message are left to a person.
async fn send<E: std::error::Error + 'static>(
    queue: &dyn Queue,
    ready: Vec<Result<Ready, E>>,
    ticked: &mut Ticked,
) -> Result<(), QueueError> {
    let mut by_queue: std::collections::BTreeMap<Destination, Vec<String>> = std::collections::BTreeMap::new();
    for message in ready {
        match message {
            Ok((to, body)) => by_queue.entry(to).or_default().push(body),
            Err(error) => left_out(&error),
        }
    }
    let mut sent = Ok(());
    for (to, bodies) in by_queue {
        let count = u64::try_from(bodies.len()).unwrap_or(u64::MAX);
        match queue.send(to, bodies).await {
            Ok(()) => ticked.messages = ticked.messages.saturating_add(count),
            Err(error) => {
                tracing::error!(queue.name = ?to, error.chain = logs::chain(&error), "a queue refused its messages");
                sent = sent.and(Err(error));
            }
        }
    }
    sent
}
