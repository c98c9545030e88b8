//! Keeping events for good, each once, with what became of it.

use saldo_billing::provider::ProviderAccount;
use saldo_books::BooksError;
use saldo_messages::ProviderEvent;
use saldo_store::inbox::{Body, InboxEvent, InboxStatus};
use saldo_store::{CommitError, EntityError, Item, Store, Stored, Transaction, load};

use crate::ProcessingError;

/// How often a status is written again when somebody else wrote it meanwhile.
const ROUNDS: usize = 10;

/// What the inbox had under an event's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: this was its first delivery.
    New,
    /// The event, and what became of it.
    Known(InboxStatus),
}

/// Puts an event into the inbox unless it is there: one write, or one failed condition.
///
/// # Errors
/// When the inbox cannot be written.
pub async fn keep(store: &dyn Store, event: &ProviderEvent, status: InboxStatus) -> Result<Kept, ProcessingError> {
    let kept = InboxEvent {
        account: event.account.clone(),
        event_id: event.event_id.clone(),
        kind: event.kind.clone(),
        received_at: event.received_at,
        headers: event.headers.clone(),
        body: Body::try_new(event.body.as_bytes())?,
        status,
    };
    let mut transaction = Transaction::new();
    transaction.create(&kept)?;
    match store.commit(transaction).await {
        Ok(_) => Ok(Kept::New),
        Err(CommitError::Conflict { failed }) => match failed.into_iter().find_map(|write| write.existing) {
            Some(item) => Ok(Kept::Known(status_of(item)?)),
            None => Err(BooksError::Contended { attempted: "keep an event" }.into()),
        },
        Err(error) => Err(error.into()),
    }
}

fn status_of(item: Item) -> Result<InboxStatus, EntityError> {
    Ok(Stored::<InboxEvent>::from_item(item)?.value.status)
}

/// Reads an event back.
///
/// # Errors
/// When it is not there or cannot be read.
pub async fn event(
    store: &dyn Store,
    account: &ProviderAccount,
    event_id: &str,
) -> Result<Stored<InboxEvent>, ProcessingError> {
    let missing = || ProcessingError::NotInInbox { account: account.clone(), event_id: event_id.to_owned() };
    load(store, &InboxEvent::key_of(account, event_id)).await?.ok_or_else(missing)
}

/// Writes down what became of an event, where that is news.
///
/// # Errors
/// When the inbox cannot be written.
pub async fn mark(
    store: &dyn Store,
    account: &ProviderAccount,
    event_id: &str,
    status: InboxStatus,
) -> Result<(), ProcessingError> {
    for _ in 0..ROUNDS {
        let mut kept = event(store, account, event_id).await?;
        if kept.value.status == status {
            return Ok(());
        }
        kept.value.status = status;
        let mut transaction = Transaction::new();
        transaction.update(&kept)?;
        match store.commit(transaction).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(BooksError::Contended { attempted: "mark an event" }.into())
}
