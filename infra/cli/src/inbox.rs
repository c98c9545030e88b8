//! The inbox: what a provider told, what became of it, and another try.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use saldo_billing::provider::ProviderAccount;
use saldo_messages::provider_events::ParkedKey;
use saldo_messages::{Destination, ProviderEventsMessage, Queue, V1, encode};
use saldo_store::entities::ParkedEvent;
use saldo_store::inbox::{InboxEvent, InboxStatus};
use saldo_store::{Store, instant_text, load};

use crate::card_data::masked_text;
use crate::dead_letters::readable;

/// Names an event of a provider.
#[derive(Debug, clap::Args)]
pub(crate) struct EventName {
    /// To which account it was sent, as in the webhook's path: stripe/main.
    #[arg(value_name = "PROVIDER/ACCOUNT")]
    account: ProviderAccount,
    /// The provider's id of the event.
    event_id: String,
}

/// The event in readable form.
///
/// # Errors
/// When it is not there, or the tables cannot be read.
pub(crate) async fn show(store: &dyn Store, name: &EventName) -> Result<String> {
    let event = event(store, name).await?;
    let parked = load::<ParkedEvent>(store, &ParkedEvent::key_of(&name.account, &name.event_id)).await?;
    Ok(shown(&event, parked.map(|parked| parked.value).as_ref()))
}

/// Has the event tried again now: the same message as the tick sends for an event that waits.
///
/// # Errors
/// When it is not there, or the queue does not take the message.
pub(crate) async fn retry(
    store: &dyn Store,
    queue: &dyn Queue,
    name: &EventName,
    now: DateTime<Utc>,
) -> Result<&'static str> {
    let event = event(store, name).await?;
    let outcome = match event.status {
        InboxStatus::Ignored => {
            "unless this version reads more in it than the one that ignored it, it is ignored again"
        }
        InboxStatus::Applied => "it is in the books already, which another try leaves as they are",
        InboxStatus::Parked => "if what it waits for is there now, it is taken into the books; else it waits on",
        InboxStatus::GivenUp => "if it is refused again, its message comes to `dlq show provider-events`",
    };
    let parked = vec![ParkedKey { account: name.account.clone(), event_id: name.event_id.clone() }];
    let message = encode(&ProviderEventsMessage::Retry { v: V1, parked, as_of: now, at_once: true })?;
    queue.send(Destination::ProviderEvents, vec![message]).await?;
    Ok(outcome)
}

async fn event(store: &dyn Store, name: &EventName) -> Result<InboxEvent> {
    let found = load::<InboxEvent>(store, &InboxEvent::key_of(&name.account, &name.event_id)).await?;
    let found = found.with_context(|| {
        format!(
            "the inbox has no event {} of {}: it may still be on its way (`saldo dlq show provider-events`), belong to \
             another account, or never have been delivered; the provider's dashboard can send it again",
            name.event_id, name.account
        )
    })?;
    Ok(found.value)
}

/// What is known of an event.
fn shown(event: &InboxEvent, parked: Option<&ParkedEvent>) -> String {
    let mut lines = vec![
        format!("event     {} of {}", masked_text(&event.event_id), event.account),
        format!("kind      {}", masked_text(&event.kind)),
        format!("received  {}", instant_text(event.received_at)),
        format!("status    {}", described(event.status)),
    ];
    if let Some(parked) = parked {
        lines.push(format!("waits for {}", masked_text(&parked.waits_for)));
        let (since, next) = (instant_text(parked.parked_at), instant_text(parked.retry_at));
        lines.push(format!("          since {since}, tried again {} times, next at {next}", parked.tries));
    }
    lines.extend(event.headers.iter().map(|(name, value)| format!("header    {name}: {}", masked_text(value))));
    lines.push(match std::str::from_utf8(event.body.bytes()) {
        Ok(body) => readable(body),
        Err(error) => format!("the body is no text: {error}"),
    });
    lines.join("\n")
}

const fn described(status: InboxStatus) -> &'static str {
    match status {
        InboxStatus::Applied => {
            "applied: what it tells is in the books, or was on its way there when it was last handled"
        }
        InboxStatus::Ignored => "ignored: it tells nothing that the books want to know",
        InboxStatus::Parked => "parked: it refers to something that is not there yet, and is tried again by the tick",
        InboxStatus::GivenUp => "given up: it cannot be read or contradicts the books; a person has to look at it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone as _;
    use saldo_messages::{MemoryQueue, decode};
    use saldo_store::Transaction;
    use saldo_store::inbox::Body;
    use saldo_store::memory::MemoryStore;
    use std::collections::BTreeMap;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 2, 28, 23, 30, 0).unwrap()
    }

    fn name(event_id: &str) -> EventName {
        EventName { account: "stripe/main".parse().unwrap(), event_id: event_id.to_owned() }
    }

    async fn inbox_with(status: InboxStatus) -> MemoryStore {
        let store = MemoryStore::new();
        let body = r#"{"id":"evt_1","data":{"name":"Zoë","note":"4242424242424242","card":{"cvc":"123"}}}"#;
        let event = InboxEvent {
            account: "stripe/main".parse().unwrap(),
            event_id: "evt_1".into(),
            kind: "charge.refunded".into(),
            received_at: now(),
            headers: BTreeMap::from([("stripe-signature".into(), "t=1772443804,v1=5257a8".into())]),
            body: Body::try_new(body).unwrap(),
            status,
        };
        let mut transaction = Transaction::new();
        transaction.create(&event).unwrap();
        if status == InboxStatus::Parked {
            let parked = ParkedEvent {
                account: event.account,
                event_id: event.event_id,
                waits_for: "payment pi_1".into(),
                parked_at: now(),
                tries: 2,
                retry_at: now(),
            };
            transaction.create(&parked).unwrap();
        }
        store.commit(transaction).await.unwrap();
        store
    }

    #[tokio::test]
    async fn an_event_is_shown_without_card_data() {
        let shown = show(&inbox_with(InboxStatus::Parked).await, &name("evt_1")).await.unwrap();
        for part in ["charge.refunded", "2026-02-28T23:30:00.000Z", "parked", "payment pi_1", "t=1772443804", "Zoë"] {
            assert!(shown.contains(part), "{part} is missing in {shown}");
        }
        assert!(!shown.contains("4242") && !shown.contains("\"123\""), "{shown}");
    }

    #[tokio::test]
    async fn a_retry_is_the_ticks_message_that_does_not_wait() {
        for status in [InboxStatus::Parked, InboxStatus::GivenUp, InboxStatus::Applied, InboxStatus::Ignored] {
            let queue = MemoryQueue::default();
            retry(&inbox_with(status).await, &queue, &name("evt_1"), now()).await.unwrap();
            let sent = queue.drain();
            let [(Destination::ProviderEvents, body)] = sent.as_slice() else { panic!("{sent:?}") };
            let parked = vec![ParkedKey { account: "stripe/main".parse().unwrap(), event_id: "evt_1".into() }];
            assert_eq!(
                decode::<ProviderEventsMessage>(body).unwrap(),
                ProviderEventsMessage::Retry { v: V1, parked, as_of: now(), at_once: true }
            );
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_for_what_is_unknown() {
        let queue = MemoryQueue::default();
        let error = retry(&MemoryStore::new(), &queue, &name("evt_9"), now()).await.unwrap_err().to_string();
        assert!(error.contains("evt_9 of stripe/main") && error.contains("dlq show"), "{error}");
        assert_eq!(queue.drain(), []);
    }
}
