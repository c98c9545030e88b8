//! From changes of the table to events on the bus.

use std::collections::BTreeSet;

use aws_lambda_events::dynamodb::Event;
use aws_lambda_events::streams::DynamoDbEventResponse;
use saldo_messages::{Destination, Disposed, Disposition, MessageError, Queue, QueueError};
use saldo_runtime::budget::Budget;
use saldo_runtime::logs;
use saldo_runtime::stream::{self, Change, GroupFailure, StreamError};
use saldo_store::Key;

use crate::events::{EventError, events};

/// Why a change's events are not on the bus.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The change cannot be told.
    #[error("the events of change {change} cannot be told")]
    Event {
        /// The stream's id of the change.
        change: String,
        /// Why.
        #[source]
        source: EventError,
    },
    /// An event could not be written.
    #[error("an event could not be written")]
    Message(#[from] MessageError),
    /// The bus did not take them.
    #[error("the events were not put on the bus")]
    Queue(#[from] QueueError),
}

impl Disposed for RelayError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Event { .. } => Disposition::Poison,
            Self::Message(error) => error.disposition(),
            Self::Queue(error) => error.disposition(),
        }
    }
}

/// Puts the events of a batch of changes on the bus, in order, and reports where to go on.
///
/// # Errors
/// When the batch itself cannot be read; then all of it comes again.
pub async fn handle(queue: &dyn Queue, event: Event, budget: Budget) -> Result<DynamoDbEventResponse, StreamError> {
    // The batch as a whole: when the tries of a change are over, what is behind it in its batch goes with it.
    stream::process_groups(event, budget, usize::MAX, |changes| relay(queue, changes)).await
}

/// Puts the events of these changes on the bus. One that cannot be told is where the stream goes on; of everything else only
/// what happened to the same thing later waits for it.
async fn relay(queue: &dyn Queue, changes: Vec<Change>) -> Result<(), GroupFailure<RelayError>> {
    let mut bodies = Vec::new();
    let (mut failure, mut held_up) = (None, BTreeSet::new());
    for (done, change) in changes.iter().enumerate() {
        let partition = Key::of(&change.keys).map(|key| key.pk);
        if held_up.contains(&partition) {
            continue;
        }
        match told(change) {
            Ok(told) => bodies.extend(told),
            Err(error) => {
                held_up.insert(partition);
                match failure {
                    None => failure = Some(GroupFailure { done, error }),
                    Some(_) => tracing::error!(error.chain = logs::chain(&error), "this cannot be told either"),
                }
            }
        }
    }
    if !bodies.is_empty() {
        let sent = queue.send(Destination::DomainEvents, bodies).await.map_err(RelayError::from);
        if let (Err(_), Some(GroupFailure { error, .. })) = (&sent, &failure) {
            tracing::error!(error.chain = logs::chain(error), "this cannot be told");
        }
        sent?;
    }
    failure.map_or(Ok(()), Err)
}

fn told(change: &Change) -> Result<Vec<String>, RelayError> {
    let told = events(change).map_err(|source| RelayError::Event { change: change.event_id.clone(), source })?;
    Ok(told.iter().map(saldo_messages::encode).collect::<Result<_, _>>()?)
}
