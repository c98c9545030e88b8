//! Events that refer to something that is not there yet: visible, tried again, never dropped.

use chrono::{DateTime, Duration, Utc};
use saldo_billing::provider::ProviderAccount;
use saldo_store::entities::ParkedEvent;
use saldo_store::{Store, Stored, Transaction, load};

use crate::{BooksError, ROUNDS, committed};

/// Lets an event wait, or wait longer: after 5 minutes, an hour, six hours, then daily for 30 days, then weekly.
///
/// # Errors
/// When the books cannot be written.
pub async fn park(
    store: &dyn Store,
    account: &ProviderAccount,
    event_id: &str,
    waits_for: &str,
    now: DateTime<Utc>,
) -> Result<ParkedEvent, BooksError> {
    for _ in 0..ROUNDS {
        let known: Option<Stored<ParkedEvent>> = load(store, &ParkedEvent::key_of(account, event_id)).await?;
        let tries = known.as_ref().map_or(0, |known| known.value.tries.saturating_add(1));
        let wait = match tries {
            0 => Duration::minutes(5),
            1 => Duration::hours(1),
            2 => Duration::hours(6),
            3..=32 => Duration::days(1),
            _ => Duration::weeks(1),
        };
        let parked = ParkedEvent {
            account: account.clone(),
            event_id: event_id.to_owned(),
            waits_for: waits_for.to_owned(),
            parked_at: known.as_ref().map_or(now, |known| known.value.parked_at),
            tries,
            retry_at: now.checked_add_signed(wait).unwrap_or(now),
        };
        let mut transaction = Transaction::new();
        match known {
            Some(known) => transaction.update(&Stored { value: parked.clone(), version: known.version })?,
            None => transaction.create(&parked)?,
        };
        if committed(store, transaction).await? {
            return Ok(parked);
        }
    }
    Err(BooksError::Contended { attempted: "park an event" })
}

/// Lets an event go that waits no more.
///
/// # Errors
/// When the books cannot be written.
pub async fn unpark(store: &dyn Store, account: &ProviderAccount, event_id: &str) -> Result<(), BooksError> {
    for _ in 0..ROUNDS {
        let Some(parked) = load::<ParkedEvent>(store, &ParkedEvent::key_of(account, event_id)).await? else {
            return Ok(());
        };
        let mut transaction = Transaction::new();
        transaction.remove(&parked)?;
        if committed(store, transaction).await? {
            return Ok(());
        }
    }
    Err(BooksError::Contended { attempted: "let an event go" })
}
