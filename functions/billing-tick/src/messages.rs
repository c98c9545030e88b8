//! Due keys into bounded messages.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, SubscriptionId};
use saldo_messages::provider_events::ParkedKey;
use saldo_messages::{
    CollectionsMessage, Destination, InvoicesDueMessage, MessageError, ProviderEventsMessage, RemindersMessage, V1,
};
use saldo_store::{DueEntry, DueKind, Key};

/// The work of one message; kinds of due work that the same message covers are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Bill,
    Render,
    Charge,
    Refund,
    Remind,
    NewMethod,
    Retry,
}

impl Work {
    /// The most keys in one message: a whole batch of such messages is done within the time of one invocation, also when the
    /// provider takes four seconds for each charge, and the mailer one for each mail. What is received and not begun would count
    /// as a failure, and five of those lead to the dead-letter queue.
    const fn keys_per_message(self) -> usize {
        match self {
            Self::Bill | Self::Render | Self::Retry => 50,
            Self::Charge | Self::Refund | Self::NewMethod => 10,
            Self::Remind => 5,
        }
    }

    fn of(kind: DueKind) -> Self {
        match kind {
            DueKind::Bill => Self::Bill,
            DueKind::Render => Self::Render,
            DueKind::Collect | DueKind::LookUp => Self::Charge,
            DueKind::Refund => Self::Refund,
            DueKind::Remind => Self::Remind,
            DueKind::NewMethod => Self::NewMethod,
            DueKind::Parked => Self::Retry,
        }
    }
}

/// The keys that wait for their message to be full.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    keys: BTreeMap<Work, Vec<Key>>,
}

/// A message ready to be sent.
pub(crate) type Ready = (Destination, String);

/// Why due work could not be put into a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The entity under the key cannot have work of this kind.
    #[error("the due index names {key} as work of the kind {work:?}, which it cannot be")]
    Unexpected { key: Key, work: &'static str },
    /// The message could not be written.
    #[error("a message could not be written")]
    Message(#[from] MessageError),
}

impl Waiting {
    /// Adds a due entry.
    pub(crate) fn add(&mut self, entry: DueEntry) {
        self.keys.entry(Work::of(entry.kind)).or_default().push(entry.key);
    }

    /// Takes out the messages that are full, or all of them.
    pub(crate) fn take(&mut self, all: bool, as_of: DateTime<Utc>) -> Vec<Result<Ready, KeyError>> {
        let mut ready = Vec::new();
        for (work, keys) in &mut self.keys {
            let most = work.keys_per_message();
            while keys.len() >= most || (all && !keys.is_empty()) {
                let rest = keys.split_off(keys.len().min(most));
                let full = std::mem::replace(keys, rest);
                ready.extend(message(*work, &full, as_of));
            }
        }
        ready
    }
}

/// The message for these keys, and an error for each key that cannot be in it.
fn message(work: Work, keys: &[Key], as_of: DateTime<Utc>) -> Vec<Result<Ready, KeyError>> {
    let v = V1;
    match work {
        Work::Bill => written(keys, "bill", subscription, Destination::InvoicesDue, |subscriptions| {
            InvoicesDueMessage::Bill { v, subscriptions, as_of }
        }),
        Work::Render => written(keys, "render", invoice, Destination::InvoicesDue, |invoices| {
            InvoicesDueMessage::Render { v, invoices, as_of }
        }),
        Work::Charge => written(keys, "collect", invoice, Destination::Collections, |invoices| {
            CollectionsMessage::Charge { v, invoices, as_of }
        }),
        Work::Refund => written(keys, "refund", payment, Destination::Collections, |payments| {
            CollectionsMessage::Refund { v, payments, as_of }
        }),
        Work::Remind => written(keys, "remind", invoice, Destination::Reminders, |invoices| RemindersMessage::Remind {
            v,
            invoices,
            as_of,
        }),
        Work::NewMethod => written(keys, "new_method", customer, Destination::Collections, |customers| {
            CollectionsMessage::NewMethod { v, customers, as_of }
        }),
        Work::Retry => written(keys, "parked", parked, Destination::ProviderEvents, |parked| {
            ProviderEventsMessage::Retry { v, parked, as_of, at_once: false }
        }),
    }
}

fn written<T, M: serde::Serialize>(
    keys: &[Key],
    work: &'static str,
    read: impl Fn(&Key) -> Option<T>,
    to: Destination,
    message: impl FnOnce(Vec<T>) -> M,
) -> Vec<Result<Ready, KeyError>> {
    let mut out = Vec::new();
    let mut ids = Vec::with_capacity(keys.len());
    for key in keys {
        match read(key) {
            Some(id) => ids.push(id),
            None => out.push(Err(KeyError::Unexpected { key: key.clone(), work })),
        }
    }
    if !ids.is_empty() {
        out.push(saldo_messages::encode(&message(ids)).map(|body| (to, body)).map_err(KeyError::from));
    }
    out
}

fn subscription(key: &Key) -> Option<SubscriptionId> {
    key.pk.strip_prefix("SUBSCRIPTION#")?.parse().ok()
}

fn invoice(key: &Key) -> Option<InvoiceId> {
    key.pk.strip_prefix("INVOICE#")?.parse().ok()
}

fn payment(key: &Key) -> Option<PaymentId> {
    key.pk.strip_prefix("PAYMENT#")?.parse().ok()
}

fn customer(key: &Key) -> Option<CustomerId> {
    key.pk.strip_prefix("CUSTOMER#")?.parse().ok()
}

fn parked(key: &Key) -> Option<ParkedKey> {
    let (account, event_id) = key.pk.strip_prefix("PARKED#")?.split_once('#')?;
    Some(ParkedKey { account: account.parse().ok()?, event_id: event_id.to_owned() })
}
