//! A seller, a customer and an invoice over 100.00 that is to be charged, with everything the function works with.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use chrono::{DateTime, TimeDelta, Utc};
use payment_collection::gateways::Gateways;
use payment_collection::handler::{Collection, handle};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, SellerId};
use saldo_billing::invoice::{Collection as Means, Draft, Invoice, Line, LineOrigin, Origin};
use saldo_billing::mail::Purpose;
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::Payment;
use saldo_billing::provider::ProviderAccount;
use saldo_billing::terms::NetTerms;
use saldo_gateways::Gateway;
use saldo_gateways::memory::MemoryGateway;
use saldo_messages::{CollectionsMessage, Destination, MemoryQueue, RemindersMessage, V1};
use saldo_money::Money;
use saldo_runtime::budget::Budget;
use saldo_runtime::logs::Metrics;
use saldo_store::entities::{customer_key, invoice_key, payment_key};
use saldo_store::memory::ShakyStore;
use saldo_store::{DUE_SHARDS, DueKind, Store, Stored, Transaction, due_page, load};

const NEW_METHOD: &str = include_str!("../../../events/payment-collection/new-method.json");

/// 1 October 2026, 10:00 in Berlin.
pub(crate) const NOW: &str = "2026-10-01T08:00:00Z";

thread_local! {
    /// The clock on the wall.
    static CLOCK: std::cell::Cell<DateTime<Utc>> = std::cell::Cell::new(at(0));
}

/// Sets the clock on the wall of this test.
pub(crate) fn set_clock(now: DateTime<Utc>) {
    CLOCK.set(now);
}

pub(crate) fn at(minutes: i64) -> DateTime<Utc> {
    NOW.parse::<DateTime<Utc>>().unwrap().checked_add_signed(TimeDelta::minutes(minutes)).unwrap()
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

pub(crate) struct World {
    pub(crate) store: Arc<ShakyStore>,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) gateway: Arc<MemoryGateway>,
    pub(crate) collection: Collection,
}

impl World {
    /// The world at 10:00: the invoice was just rendered and is to be charged.
    pub(crate) async fn new() -> Self {
        let gateway = Arc::new(MemoryGateway::new(account(), at(0)));
        Self::with_gateway(Arc::clone(&gateway), |gateway, _| gateway).await
    }

    /// The same, with something between the function and the provider.
    pub(crate) async fn with_gateway<G: Gateway + 'static>(
        gateway: Arc<MemoryGateway>,
        between: impl FnOnce(Arc<MemoryGateway>, Arc<ShakyStore>) -> Arc<G>,
    ) -> Self {
        let (store, queue) = (Arc::new(ShakyStore::default()), Arc::new(MemoryQueue::default()));
        let asked: Arc<dyn Gateway> = between(Arc::clone(&gateway), Arc::clone(&store));
        let collection = Collection {
            store: Arc::<ShakyStore>::clone(&store),
            queue: Arc::<MemoryQueue>::clone(&queue),
            gateways: Gateways::fixed([(account(), asked)]),
            metrics: Metrics::in_memory(),
            clock: || CLOCK.get(),
        };
        let world = Self { store, queue, gateway, collection };
        world.put_parties().await;
        world.issue(invoice_id(), 10_000).await;
        world
    }

    async fn put_parties(&self) {
        let seller: Seller = serde_json::from_value(serde_json::json!({
            "id": SellerId::from_random(1), "name": "Nordwind GmbH", "address": {"country": "DE"},
            "zone": "Europe/Berlin", "email": "billing@nordwind.example", "number_prefix": "NW-",
            "provider_account": "stripe/main", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        let customer: Customer = serde_json::from_value(serde_json::json!({
            "id": CustomerId::from_random(2), "seller": SellerId::from_random(1), "name": "Zoë 名前",
            "email": "zoe@example.com", "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "de",
            "region": "EMEA", "channel": "web", "created_at": "2026-01-01T00:00:00Z",
            "payment_method": {
                "account": "stripe/main", "token": "pm_1SkXpzLkdIwHu7ixT4nQ8RbD", "customer": "cus_TiYk2xJv0Gz8Qp",
                "kind": "card", "network": "visa", "last4": "4242", "expires": "2029-04",
            },
        }))
        .unwrap();
        let mut transaction = Transaction::new();
        transaction.create(&seller).unwrap();
        transaction.create(&customer).unwrap();
        self.store.memory.commit(transaction).await.unwrap();
    }

    /// Issues an invoice to be charged automatically.
    pub(crate) async fn issue(&self, id: InvoiceId, minor: i64) {
        let customer: Stored<Customer> =
            load(&*self.store, &customer_key(CustomerId::from_random(2))).await.unwrap().unwrap();
        let line = Line {
            description: "Support".to_owned(),
            quantity: 1.into(),
            unit_amount: eur(minor).amount(),
            net: eur(minor),
            gross: None,
            tax_rate: "0".parse().unwrap(),
            product: None,
            origin: LineOrigin::Manual,
        };
        let draft = Draft {
            id,
            origin: Origin::OneOff,
            collection: Means::Automatic,
            terms: NetTerms::DUE_ON_ISSUE,
            currency: "EUR".parse().unwrap(),
        };
        let nothing = &saldo_books::nothing_more;
        saldo_books::invoices::draft(&*self.store, draft, &customer.value, vec![line], at(0), nothing).await.unwrap();
        saldo_books::invoices::finalise(&*self.store, id, at(0), nothing).await.unwrap();
    }

    /// Changes the customer.
    pub(crate) async fn change_customer(&self, change: impl FnOnce(&mut Customer)) {
        let key = customer_key(CustomerId::from_random(2));
        let mut customer: Stored<Customer> = load(&*self.store, &key).await.unwrap().unwrap();
        change(&mut customer.value);
        let mut transaction = Transaction::new();
        transaction.update(&customer).unwrap();
        self.store.memory.commit(transaction).await.unwrap();
    }

    pub(crate) async fn customer(&self) -> Customer {
        load::<Customer>(&*self.store, &customer_key(CustomerId::from_random(2))).await.unwrap().unwrap().value
    }

    /// What is due by this time.
    pub(crate) async fn due(&self, minutes: i64) -> Vec<DueKind> {
        let mut due = Vec::new();
        for shard in 0..DUE_SHARDS {
            let page = due_page(&self.store.memory, shard, at(minutes), 100, None).await.unwrap();
            due.extend(page.entries.into_iter().map(|entry| entry.kind));
        }
        due
    }

    /// Has the customer's invoices hear of the new method at this time; tells whether the message is done.
    pub(crate) async fn new_method(&self, minutes: i64) -> bool {
        let now = at(minutes).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        self.handle(sample(&NEW_METHOD.replace(NOW, &now))).await.is_empty()
    }

    /// Handles an event and tells which messages failed.
    pub(crate) async fn handle(&self, event: SqsEvent) -> Vec<String> {
        let response = handle(&self.collection, event, Budget::lasting(Duration::from_secs(110))).await.unwrap();
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// Has the invoice charged at this time; tells whether the message is done.
    pub(crate) async fn charge(&self, minutes: i64) -> bool {
        self.gateway.set_now(at(minutes));
        set_clock(at(minutes));
        self.handle(charge_event(vec![invoice_id()], at(minutes))).await.is_empty()
    }

    pub(crate) async fn invoice(&self) -> Invoice {
        load::<Invoice>(&*self.store, &invoice_key(invoice_id())).await.unwrap().unwrap().value
    }

    pub(crate) async fn payment(&self, id: PaymentId) -> Payment {
        load::<Payment>(&*self.store, &payment_key(id)).await.unwrap().unwrap().value
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
}

/// An event that a file holds.
pub(crate) fn sample(text: &str) -> SqsEvent {
    serde_json::from_str(text).unwrap()
}

/// A batch of one message.
pub(crate) fn event(message: &CollectionsMessage) -> SqsEvent {
    let body = saldo_messages::encode(message).unwrap();
    serde_json::from_value(serde_json::json!({"Records": [{"messageId": "m-0", "body": body}]})).unwrap()
}

pub(crate) fn charge_event(invoices: Vec<InvoiceId>, as_of: DateTime<Utc>) -> SqsEvent {
    event(&CollectionsMessage::Charge { v: V1, invoices, as_of })
}
