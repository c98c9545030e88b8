//! Queues with visibility time-outs, redelivery and dead letters, and the bus.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use saldo_messages::{Destination, Queue, QueueError};
use tokio::task::yield_now;

use crate::moment;
use crate::ports::{Need, Permissions};
use crate::sabotage::Sabotage;
use crate::weather::{Fault, Weather};

/// How often a message is handed out before it counts as dead, as in `infra/queues.yaml`.
const RECEIVES_MAX: u32 = 5;

/// A message in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) body: String,
    pub(crate) sent_at: DateTime<Utc>,
    pub(crate) visible_at: DateTime<Utc>,
    pub(crate) receives: u32,
}

/// What a destination keeps.
#[derive(Debug, Default)]
struct Kept {
    waiting: Vec<Message>,
    dead: Vec<Message>,
}

/// All queues, and what the bus took.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    of: BTreeMap<Destination, Kept>,
    bus: Vec<String>,
    last: u64,
}

impl Queues {
    /// The queues, without the bus.
    pub(crate) const ALL: [Destination; 4] =
        [Destination::ProviderEvents, Destination::InvoicesDue, Destination::Collections, Destination::Reminders];

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message in.
    pub(crate) fn put(&self, to: Destination, body: String, now: DateTime<Utc>) {
        let mut state = self.lock();
        if to == Destination::DomainEvents {
            state.bus.push(body);
            return;
        }
        state.last = state.last.saturating_add(1);
        let message = Message { id: state.last, body, sent_at: now, visible_at: now, receives: 0 };
        state.of.entry(to).or_default().waiting.push(message);
    }

    /// Whether a queue has a message to hand out.
    pub(crate) fn has_visible(&self, queue: Destination, now: DateTime<Utc>) -> bool {
        self.lock().of.get(&queue).is_some_and(|kept| kept.waiting.iter().any(|message| message.visible_at <= now))
    }

    /// Hands out messages; what was handed out too often goes to the dead letters instead.
    pub(crate) fn receive(
        &self,
        queue: Destination,
        most: usize,
        hidden_for: TimeDelta,
        now: DateTime<Utc>,
        mut is_doubled: impl FnMut() -> bool,
    ) -> Vec<Message> {
        let mut state = self.lock();
        let Some(kept) = state.of.get_mut(&queue) else { return Vec::new() };
        let mut received = Vec::new();
        let (mut place, mut dead) = (0, Vec::new());
        while let Some(message) = kept.waiting.get_mut(place) {
            if message.visible_at > now || received.len() >= most {
                place = place.saturating_add(1);
                continue;
            }
            if message.receives >= RECEIVES_MAX {
                dead.push(kept.waiting.remove(place));
                continue;
            }
            message.receives = message.receives.saturating_add(1);
            if !is_doubled() {
                message.visible_at = now.checked_add_signed(hidden_for).unwrap_or(now);
            }
            received.push(message.clone());
            place = place.saturating_add(1);
        }
        kept.dead.extend(dead);
        received
    }

    /// Takes a message out for good.
    pub(crate) fn delete(&self, queue: Destination, id: u64) {
        if let Some(kept) = self.lock().of.get_mut(&queue) {
            kept.waiting.retain(|message| message.id != id);
        }
    }

    /// When the next hidden message becomes visible.
    pub(crate) fn next_visible_at(&self) -> Option<DateTime<Utc>> {
        let state = self.lock();
        state.of.values().flat_map(|kept| &kept.waiting).map(|message| message.visible_at).min()
    }

    /// Puts dead letters back to where they came from.
    pub(crate) fn redrive(&self, now: DateTime<Utc>) {
        for kept in self.lock().of.values_mut() {
            let again = std::mem::take(&mut kept.dead);
            kept.waiting.extend(again.into_iter().map(|message| Message { receives: 0, visible_at: now, ..message }));
        }
    }

    /// The bodies of messages that wait or are dead.
    pub(crate) fn left(&self) -> Vec<(Destination, String)> {
        let state = self.lock();
        let all = state.of.iter().flat_map(|(queue, kept)| {
            kept.waiting.iter().chain(&kept.dead).map(|message| (*queue, message.body.clone()))
        });
        all.collect()
    }

    /// Takes out what the bus was given.
    pub(crate) fn take_bus(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().bus)
    }
}

/// The way of handlers to the queues.
pub(crate) struct StormyQueue {
    pub(crate) queues: Arc<Queues>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) sabotage: Option<Sabotage>,
}

#[async_trait]
impl Queue for StormyQueue {
    async fn send(&self, to: Destination, bodies: Vec<String>) -> Result<(), QueueError> {
        if self.weather.gives_way() {
            yield_now().await;
        }
        self.permissions.need(Need::send(to));
        let sent = bodies.len();
        let failed = |refused| QueueError { to, sent, refused, reason: "weather".to_owned(), source: None };
        let taken =
            if self.weather.strikes(Fault::QueueRefused) { self.weather.how(Fault::QueueRefused, sent) } else { sent };
        if self.sabotage.is_some_and(|sabotage| sabotage.swallows(to)) {
            return Ok(());
        }
        let now = moment::now();
        bodies.into_iter().take(taken).for_each(|body| self.queues.put(to, body, now));
        if taken < sent {
            let told = self.sabotage == Some(Sabotage::QueueRefusalIsSuccess);
            return if told { Ok(()) } else { Err(failed(sent.saturating_sub(taken))) };
        }
        if self.weather.gives_way() {
            yield_now().await;
        }
        if self.weather.strikes(Fault::QueueAnswerLost) { Err(failed(sent)) } else { Ok(()) }
    }
}
