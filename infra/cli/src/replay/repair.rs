//! Repair in the way of production: events are handled again, which has no effect but that what is missing is booked.

use anyhow::Result;
use chrono::{DateTime, Utc};
use saldo_messages::provider_events::ParkedKey;
use saldo_messages::{Destination, ProviderEventsMessage, Queue, V1, encode};
use saldo_replay::{Replay, Told};
use saldo_store::Table;

/// Events in one message: as many as are handled within one run of the function with time to spare.
const EVENTS_PER_MESSAGE: usize = 10;

/// Has those events handled again that mend something, and says what is left to do.
///
/// # Errors
/// When the queue does not take the messages; then some events may be handled again, and all of them may be sent once more.
pub(super) async fn repair(
    replay: &Replay,
    queue: &dyn Queue,
    now: DateTime<Utc>,
    does_it: bool,
) -> Result<Vec<String>> {
    let mending = replay.mending();
    let key = |told: &&Told| ParkedKey { account: told.account.clone(), event_id: told.event_id.clone() };
    let events: Vec<ParkedKey> = mending.events.iter().map(key).collect();
    let mut lines = vec![if does_it {
        format!("asked for: {} events are handled again; replay again in a minute", events.len())
    } else {
        format!("{} events would be handled again; do it with `--repair --yes`", events.len())
    }];
    let held_back = mending.held_back.into_iter();
    lines.extend(held_back.map(|partition| {
        format!("not touched: the entries of {partition} are not what it says, so its events could be posted twice")
    }));
    if does_it {
        for parked in events.chunks(EVENTS_PER_MESSAGE) {
            let message =
                encode(&ProviderEventsMessage::Retry { v: V1, parked: parked.to_vec(), as_of: now, at_once: true })?;
            queue.send(Destination::ProviderEvents, vec![message]).await?;
        }
    }
    if replay.differences().iter().any(|difference| difference.table == Table::Reports) {
        lines.push(
            "reports are brought up to date by `saldo reports rebuild`: after the books, since reports follow them"
                .to_owned(),
        );
    }
    Ok(lines)
}
