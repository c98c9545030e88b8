//! The inbox: every provider event as it was received, for good.
//!
//! An event is kept under (provider, account, event id), so a second delivery meets the first one's key. Its body is
//! compressed against a dictionary of typical events, which brings a payment's event from 2.1 KB to well below the
//! 1 KB that a write unit pays for.

mod body;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saldo_billing::provider::ProviderAccount;
use serde::{Deserialize, Serialize};

pub use self::body::{Body, BodyError, MAX_BODY_BYTES};
use crate::{Entity, Key, Table};

/// A provider event as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxEvent {
    /// The account it was sent to.
    pub account: ProviderAccount,
    /// The provider's id of the event.
    pub event_id: String,
    /// What happened, in the provider's word.
    pub kind: String,
    /// When it was received first.
    pub received_at: DateTime<Utc>,
    /// The headers that matter, in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body, to the byte.
    pub body: Body,
    /// What became of it.
    pub status: InboxStatus,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboxStatus {
    /// Its facts are in the books.
    Applied,
    /// It tells nothing that the books want to know.
    Ignored,
    /// It refers to something that is not known yet, and waits for it.
    Parked,
    /// It waited in vain; a person has to look at it.
    GivenUp,
}

impl InboxEvent {
    /// The key of an event.
    #[must_use]
    pub fn key_of(account: &ProviderAccount, event_id: &str) -> Key {
        Key::new(format!("{account}/{event_id}"), "EVENT")
    }
}

impl Entity for InboxEvent {
    fn key(&self) -> Key {
        Self::key_of(&self.account, &self.event_id)
    }

    fn table() -> Table {
        Table::Inbox
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;
    use crate::{CommitError, Store, Stored, Transaction, load, size, to_item};

    /// Written after Stripe's documented example of the object, with ids and texts of a real one's length.
    const PAYMENT: &str = include_str!("inbox/payment_intent_succeeded.json");

    fn event(body: &[u8]) -> InboxEvent {
        let signature =
            format!("t=1772443804,v1={}", "5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd");
        InboxEvent {
            account: ProviderAccount::try_new("stripe", "main").unwrap(),
            event_id: "evt_3QxNbKLkdIwHu7ix1fUvZ8bM".into(),
            kind: "payment_intent.succeeded".into(),
            received_at: DateTime::from_timestamp_millis(1_772_443_804_417).unwrap(),
            headers: BTreeMap::from([("stripe-signature".into(), signature)]),
            body: Body::try_new(body.to_vec()).unwrap(),
            status: InboxStatus::Applied,
        }
    }

    #[test]
    fn a_payments_event_fits_one_write_unit_with_room_to_spare() {
        assert!(PAYMENT.len() > 2100);
        let bytes = size(&to_item(&event(PAYMENT.as_bytes()), 1).unwrap());
        assert!(bytes <= 768, "{bytes} bytes");
    }

    #[tokio::test]
    async fn an_event_comes_back_to_the_byte_and_only_once() {
        let store = MemoryStore::new();
        let first = event(PAYMENT.as_bytes());
        let create = |event: &InboxEvent| {
            let mut transaction = Transaction::new();
            transaction.create(event).unwrap();
            transaction
        };
        store.commit(create(&first)).await.unwrap();
        let again = InboxEvent { received_at: DateTime::UNIX_EPOCH, ..first.clone() };
        let Err(CommitError::Conflict { failed }) = store.commit(create(&again)).await else {
            panic!("a second delivery was stored")
        };
        let kept: Stored<InboxEvent> = Stored::from_item(failed[0].existing.clone().unwrap()).unwrap();
        assert_eq!(kept.value, first);
        let read = load::<InboxEvent>(&store, &first.key()).await.unwrap().unwrap();
        assert_eq!(read.value.body.bytes(), PAYMENT.as_bytes());
    }

    #[test]
    fn accounts_keep_their_events_apart() {
        let key = |account: &str| InboxEvent::key_of(&account.parse().unwrap(), "evt_1");
        assert_ne!(key("stripe/main"), key("stripe/second"));
        assert_eq!(key("stripe/main"), Key::new("stripe/main/evt_1", "EVENT"));
    }
}
