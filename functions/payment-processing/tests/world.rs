//! A seller, a customer and an invoice over 119.00 that was sent, with everything the function works with.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use chrono::{DateTime, Utc};
use payment_processing::handler::{Processing, handle};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, SellerId};
use saldo_billing::invoice::{Collection, Draft, Invoice, Line, LineOrigin, Origin};
use saldo_billing::mail::Purpose;
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::Payment;
use saldo_billing::provider::{PaymentMethod, ProviderAccount};
use saldo_billing::terms::NetTerms;
use saldo_messages::provider_events::ParkedKey;
use saldo_messages::{Destination, MemoryQueue, ProviderEventsMessage, RemindersMessage, V1};
use saldo_money::Money;
use saldo_runtime::budget::Budget;
use saldo_runtime::logs::Metrics;
use saldo_store::entities::{ParkedEvent, customer_key, invoice_key, payment_key};
use saldo_store::inbox::{InboxEvent, InboxStatus};
use saldo_store::memory::ShakyStore;
use saldo_store::{Store, Stored, Table, Transaction, load};

/// The provider's id of the payment in the sample events.
pub(crate) const PAYMENT: &str = "pi_3SkXqBLkdIwHu7ix0kPzYq5C";

/// 1 October 2026, 10:00 in Berlin; the sample events begin a day later.
pub(crate) fn issued_at() -> DateTime<Utc> {
    "2026-10-01T08:00:00Z".parse().unwrap()
}

pub(crate) fn eur(minor: i64) -> Money {
    Money::from_minor(minor, "EUR".parse().unwrap())
}

pub(crate) fn account() -> ProviderAccount {
    "stripe/main".parse().unwrap()
}

pub(crate) fn invoice_id() -> InvoiceId {
    "inv_01hq4v9y3m8k2z7n5b6c1d0e9f".parse().unwrap()
}

pub(crate) fn customer_id() -> CustomerId {
    "cus_4m7q1x9z2c5v8b3n6k0h1j2g3f".parse().unwrap()
}

pub(crate) fn payment_id() -> PaymentId {
    PaymentId::derive(&["stripe", "main", PAYMENT])
}

pub(crate) struct World {
    pub(crate) store: Arc<ShakyStore>,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) processing: Processing,
}

impl World {
    /// A seller and nobody else.
    pub(crate) async fn empty() -> Self {
        let (store, queue) = (Arc::new(ShakyStore::default()), Arc::new(MemoryQueue::default()));
        let processing = Processing {
            store: Arc::<ShakyStore>::clone(&store),
            queue: Arc::<MemoryQueue>::clone(&queue),
            metrics: Metrics::in_memory(),
        };
        let seller: Seller = serde_json::from_value(serde_json::json!({
            "id": SellerId::from_random(1), "name": "Nordwind GmbH", "address": {"country": "DE"},
            "zone": "Europe/Berlin", "email": "billing@nordwind.example", "number_prefix": "NW-",
            "provider_account": "stripe/main", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        let world = Self { store, queue, processing };
        let mut transaction = Transaction::new();
        transaction.create(&seller).unwrap();
        world.store.memory.commit(transaction).await.unwrap();
        world
    }

    /// The customer has an invoice over 119.00 that was sent to them.
    pub(crate) async fn new() -> Self {
        let world = Self::empty().await;
        world.add_customer().await;
        world.issue(Collection::SendInvoice).await;
        world
    }

    pub(crate) async fn add_customer(&self) {
        let customer: Customer = serde_json::from_value(serde_json::json!({
            "id": customer_id(), "seller": SellerId::from_random(1), "name": "Zoë 名前", "email": "zoe@example.com",
            "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "de", "region": "EMEA",
            "channel": "web", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        let mut transaction = Transaction::new();
        transaction.create(&customer).unwrap();
        self.store.memory.commit(transaction).await.unwrap();
    }

    /// Issues the invoice that the sample events are about.
    pub(crate) async fn issue(&self, collection: Collection) {
        let customer = self.customer().await;
        let line = Line {
            description: "Support".to_owned(),
            quantity: 1.into(),
            unit_amount: eur(10_000).amount(),
            net: eur(10_000),
            gross: None,
            tax_rate: "0.19".parse().unwrap(),
            product: None,
            origin: LineOrigin::Manual,
        };
        let draft = Draft {
            id: invoice_id(),
            origin: Origin::OneOff,
            collection,
            terms: NetTerms::try_new(14, false).unwrap(),
            currency: "EUR".parse().unwrap(),
        };
        let (store, nothing) = (&self.store.memory, &saldo_books::nothing_more);
        saldo_books::invoices::draft(store, draft, &customer, vec![line], issued_at(), nothing).await.unwrap();
        saldo_books::invoices::finalise(store, invoice_id(), issued_at(), nothing).await.unwrap();
        if collection == Collection::SendInvoice {
            saldo_books::mail::decide(store, invoice_id(), Purpose::Issued, issued_at()).await.unwrap();
        }
    }

    /// Handles an event and tells which messages failed.
    pub(crate) async fn handle(&self, event: SqsEvent) -> Vec<String> {
        let response = handle(&self.processing, event, Budget::lasting(Duration::from_secs(25))).await.unwrap();
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// Handles a sample event; tells whether all of it is done.
    pub(crate) async fn take(&self, text: &str) -> bool {
        self.handle(sample(text)).await.is_empty()
    }

    /// Has billing-tick bring an event that waits; tells whether the message is done.
    pub(crate) async fn retry(&self, event_id: &str, as_of: &str) -> bool {
        self.try_again(event_id, as_of, false).await
    }

    /// Has a person ask for an event to be tried again; tells whether the message is done.
    pub(crate) async fn retry_at_once(&self, event_id: &str, as_of: &str) -> bool {
        self.try_again(event_id, as_of, true).await
    }

    async fn try_again(&self, event_id: &str, as_of: &str, at_once: bool) -> bool {
        let parked = vec![ParkedKey { account: account(), event_id: event_id.to_owned() }];
        let message = ProviderEventsMessage::Retry { v: V1, parked, as_of: as_of.parse().unwrap(), at_once };
        let body = saldo_messages::encode(&message).unwrap();
        let event = serde_json::json!({"Records": [{"messageId": "m-0", "body": body}]});
        self.handle(serde_json::from_value(event).unwrap()).await.is_empty()
    }

    pub(crate) async fn customer(&self) -> Customer {
        load::<Customer>(&self.store.memory, &customer_key(customer_id())).await.unwrap().unwrap().value
    }

    /// The CRM has the customer charged by another method, or by none.
    pub(crate) async fn choose(&self, method: Option<PaymentMethod>) {
        let mut customer: Stored<Customer> =
            load(&self.store.memory, &customer_key(customer_id())).await.unwrap().unwrap();
        customer.value.payment_method = method;
        let mut transaction = Transaction::new();
        transaction.update(&customer).unwrap();
        self.store.memory.commit(transaction).await.unwrap();
    }

    pub(crate) async fn invoice(&self) -> Invoice {
        load::<Invoice>(&self.store.memory, &invoice_key(invoice_id())).await.unwrap().unwrap().value
    }

    pub(crate) async fn payment(&self) -> Option<Payment> {
        let stored: Option<Stored<Payment>> = load(&self.store.memory, &payment_key(payment_id())).await.unwrap();
        stored.map(|stored| stored.value)
    }

    pub(crate) async fn parked(&self, event_id: &str) -> Option<ParkedEvent> {
        let stored: Option<Stored<ParkedEvent>> =
            load(&self.store.memory, &ParkedEvent::key_of(&account(), event_id)).await.unwrap();
        stored.map(|stored| stored.value)
    }

    /// What the inbox says became of an event.
    pub(crate) async fn status(&self, event_id: &str) -> Option<InboxStatus> {
        let stored: Option<Stored<InboxEvent>> =
            load(&self.store.memory, &InboxEvent::key_of(&account(), event_id)).await.unwrap();
        stored.map(|stored| stored.value.status)
    }

    /// The mails that were asked for since this was last asked.
    pub(crate) fn mails(&self) -> Vec<Purpose> {
        let read = |(to, body): (Destination, String)| {
            assert_eq!(to, Destination::Reminders);
            match saldo_messages::decode(&body).unwrap() {
                RemindersMessage::Send { purpose, .. } => purpose,
                other @ RemindersMessage::Remind { .. } => panic!("expected one mail, found {other:?}"),
            }
        };
        self.queue.drain().into_iter().map(read).collect()
    }

    /// The items of the books as text, to the byte.
    pub(crate) fn books(&self) -> Vec<String> {
        self.store.memory.items(Table::Billing).iter().map(|item| saldo_store::canonical_json(item)).collect()
    }

    pub(crate) fn counted(&self, name: &str) -> u64 {
        self.processing.metrics.counted(name)
    }
}

/// An event that a file holds.
pub(crate) fn sample(text: &str) -> SqsEvent {
    serde_json::from_str(text).unwrap()
}
