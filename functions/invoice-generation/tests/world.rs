//! A seller, a customer and their monthly subscription, with everything the function works with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsEvent;
use chrono::{DateTime, TimeDelta, Utc};
use invoice_generation::handler::{Generation, handle};
use saldo_billing::id::{CustomerId, InvoiceId, PriceId, ProductId, SellerId, SubscriptionId};
use saldo_billing::invoice::{Collection, Draft, Invoice, Line, LineOrigin, Origin};
use saldo_billing::mail::Purpose;
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{Fact, PaymentReport, Statement};
use saldo_billing::period::{Interval, IntervalUnit, Schedule};
use saldo_billing::subscription::{NewSubscription, Standing, Subscription, SubscriptionItem};
use saldo_billing::tax::TaxBehavior;
use saldo_billing::terms::NetTerms;
use saldo_documents::archive::{Archive, ArchiveError, MemoryArchive};
use saldo_messages::{CollectionsMessage, Destination, InvoicesDueMessage, MemoryQueue, RemindersMessage, V1};
use saldo_money::Money;
use saldo_runtime::budget::Budget;
use saldo_store::entities::{CreditBalance, invoice_key, list};
use saldo_store::memory::ShakyStore;
use saldo_store::{Store, Transaction, list_newest, load};

/// 1 October 2026, 10:00 in Berlin.
pub(crate) const NOW: &str = "2026-10-01T08:00:00Z";

pub(crate) fn at(minutes: i64) -> DateTime<Utc> {
    NOW.parse::<DateTime<Utc>>().unwrap().checked_add_signed(TimeDelta::minutes(minutes)).unwrap()
}

pub(crate) fn eur(minor: i64) -> Money {
    Money::from_minor(minor, "EUR".parse().unwrap())
}

pub(crate) fn invoice_id() -> InvoiceId {
    "inv_01hq4v9y3m8k2z7n5b6c1d0e9f".parse().unwrap()
}

pub(crate) fn subscription_id() -> SubscriptionId {
    "sub_2b7w4k9m1q6x3v8z5n0c2d1e7f".parse().unwrap()
}

/// An archive that fails as told.
#[derive(Default)]
pub(crate) struct ShakyArchive {
    memory: MemoryArchive,
    failures: Mutex<u32>,
}

impl ShakyArchive {
    /// Fails the next `times` puts.
    pub(crate) fn fail_next(&self, times: u32) {
        *self.failures.lock().unwrap() = times;
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.memory.keys()
    }
}

#[async_trait]
impl Archive for ShakyArchive {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), ArchiveError> {
        let fails = {
            let mut failures = self.failures.lock().unwrap();
            let fails = *failures > 0;
            *failures = failures.saturating_sub(1);
            fails
        };
        if fails {
            return Err(ArchiveError::Put { key: key.to_owned(), source: "scripted".into() });
        }
        self.memory.put(key, bytes, content_type).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.memory.get(key).await
    }

    async fn link(&self, key: &str, file_name: &str, expires_in: Duration) -> Result<String, ArchiveError> {
        self.memory.link(key, file_name, expires_in).await
    }
}

/// How an invoice was handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handed {
    Charge,
    Issued,
    Receipt,
}

pub(crate) struct World {
    pub(crate) store: Arc<ShakyStore>,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) archive: Arc<ShakyArchive>,
    generation: Generation,
}

impl World {
    /// The subscription begins on 1 October 2026 in Berlin, and costs 100.00 a month.
    pub(crate) async fn new(collection: Collection) -> Self {
        let (store, queue) = (Arc::new(ShakyStore::default()), Arc::new(MemoryQueue::default()));
        let archive = Arc::new(ShakyArchive::default());
        let generation = Generation {
            draw: saldo_documents::pdf::invoice,
            store: Arc::<ShakyStore>::clone(&store),
            queue: Arc::<MemoryQueue>::clone(&queue),
            archive: Arc::<ShakyArchive>::clone(&archive),
        };
        let world = Self { store, queue, archive, generation };
        let seller: Seller = serde_json::from_value(serde_json::json!({
            "id": SellerId::from_random(1), "name": "Nordwind GmbH",
            "address": {"lines": ["Hafenstraße 7"], "postal_code": "20457", "city": "Hamburg", "country": "DE"},
            "zone": "Europe/Berlin", "email": "billing@nordwind.example", "number_prefix": "NW-",
            "brand_colour": "#0b5fff", "provider_account": "stripe/main", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        let subscription = NewSubscription {
            id: subscription_id(),
            customer: CustomerId::from_random(2),
            seller: SellerId::from_random(1),
            currency: "EUR".parse().unwrap(),
            items: vec![SubscriptionItem {
                price: PriceId::from_random(3),
                product: ProductId::from_random(4),
                description: "Plan Groß / 大型套餐".to_owned(),
                unit_amount: eur(10_000).amount(),
                quantity: 1.into(),
                tax_rate: "0.19".parse().unwrap(),
                tax_behavior: TaxBehavior::Exclusive,
            }],
            schedule: Schedule::try_new(
                "2026-10-01".parse().unwrap(),
                None,
                Interval::try_new(IntervalUnit::Month, 1).unwrap(),
            )
            .unwrap(),
            trial_from: None,
            ends_on: None,
            collection,
            terms: NetTerms::try_new(14, false).unwrap(),
            started_as: Standing::Only,
        };
        let subscription = Subscription::try_new(subscription, customer().zone, at(-10_000)).unwrap();
        let mut transaction = Transaction::new();
        transaction.create(&seller).unwrap();
        transaction.create(&customer()).unwrap();
        transaction.create(&subscription).unwrap();
        world.store.memory.commit(transaction).await.unwrap();
        world
    }

    /// Drafts an invoice of so many lines beside the subscription.
    pub(crate) async fn draft(&self, collection: Collection, lines: usize) {
        let line = |place: usize| Line {
            description: format!("名前 Zoë, Teil {place}"),
            quantity: 1.into(),
            unit_amount: eur(1_999).amount(),
            net: eur(1_999),
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
        let lines = (1..=lines).map(line).collect();
        let (store, nothing) = (&self.store.memory, &saldo_books::nothing_more);
        saldo_books::invoices::draft(store, draft, &customer(), lines, at(0), nothing).await.unwrap();
    }

    /// Issues an invoice of so many lines beside the subscription.
    pub(crate) async fn issue(&self, collection: Collection, lines: usize) {
        self.draft(collection, lines).await;
        self.finalise().await;
    }

    pub(crate) async fn finalise(&self) {
        let nothing = &saldo_books::nothing_more;
        saldo_books::invoices::finalise(&self.store.memory, invoice_id(), at(0), nothing).await.unwrap();
    }

    /// The customer pays this much of the invoice.
    pub(crate) async fn pay(&self, minor: i64) {
        let captured = Statement::Captured { reference: "ch_1".to_owned(), amount: eur(minor) };
        let report = PaymentReport {
            account: "stripe/main".parse().unwrap(),
            reference: "pi_1".to_owned(),
            invoice: Some(invoice_id()),
            attempt: None,
            page: None,
            method: None,
            currency: "EUR".parse().unwrap(),
            introduces: true,
            facts: vec![Fact::new(at(0), captured)],
        };
        saldo_books::payments::report(&self.store.memory, &report, at(0)).await.unwrap();
    }

    pub(crate) async fn give_credit(&self, minor: i64) {
        let mut transaction = Transaction::new();
        transaction.create(&CreditBalance { customer: CustomerId::from_random(2), balance: eur(minor) }).unwrap();
        self.store.memory.commit(transaction).await.unwrap();
    }

    /// Handles an event and tells which messages failed.
    pub(crate) async fn handle(&self, event: SqsEvent) -> Vec<String> {
        let response = handle(&self.generation, event, Budget::lasting(Duration::from_secs(55))).await.unwrap();
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// Handles a sample event; tells whether all of it is done.
    pub(crate) async fn take(&self, text: &str) -> bool {
        self.handle(sample(text)).await.is_empty()
    }

    pub(crate) async fn bill(&self, as_of: &str) -> bool {
        self.bill_all(vec![subscription_id()], as_of).await
    }

    pub(crate) async fn bill_all(&self, subscriptions: Vec<SubscriptionId>, as_of: &str) -> bool {
        let as_of = as_of.parse().unwrap();
        self.handle(event(&InvoicesDueMessage::Bill { v: V1, subscriptions, as_of })).await.is_empty()
    }

    pub(crate) async fn render(&self, invoice: InvoiceId) -> bool {
        let message = InvoicesDueMessage::Render { v: V1, invoices: vec![invoice], as_of: at(0) };
        self.handle(event(&message)).await.is_empty()
    }

    pub(crate) async fn invoice(&self, id: InvoiceId) -> Invoice {
        load::<Invoice>(&self.store.memory, &invoice_key(id)).await.unwrap().unwrap().value
    }

    pub(crate) async fn invoices(&self) -> Vec<Invoice> {
        let listing = list_newest::<Invoice>(&self.store.memory, list::INVOICES, 100, None).await.unwrap();
        listing.entities.into_iter().map(|stored| stored.value).collect()
    }

    /// What was handed on since this was last asked.
    pub(crate) fn handed_on(&self) -> Vec<(Handed, InvoiceId)> {
        let read = |(to, body): (Destination, String)| match to {
            Destination::Collections => match saldo_messages::decode(&body).unwrap() {
                CollectionsMessage::Charge { invoices, .. } => (Handed::Charge, invoices[0]),
                other @ (CollectionsMessage::Refund { .. } | CollectionsMessage::NewMethod { .. }) => {
                    panic!("expected a charge, found {other:?}")
                }
            },
            Destination::Reminders => match saldo_messages::decode(&body).unwrap() {
                RemindersMessage::Send { invoice, purpose: Purpose::Issued, .. } => (Handed::Issued, invoice),
                RemindersMessage::Send { invoice, purpose: Purpose::Receipt(_), .. } => (Handed::Receipt, invoice),
                other @ (RemindersMessage::Send { .. } | RemindersMessage::Remind { .. }) => {
                    panic!("expected the invoice itself or a receipt, found {other:?}")
                }
            },
            Destination::ProviderEvents | Destination::InvoicesDue | Destination::DomainEvents => {
                panic!("nothing goes to {to:?}")
            }
        };
        self.queue.drain().into_iter().map(read).collect()
    }
}

fn customer() -> Customer {
    serde_json::from_value(serde_json::json!({
        "id": CustomerId::from_random(2), "seller": SellerId::from_random(1), "name": "Zoë 名前",
        "email": "zoe@example.com", "address": {"city": "Berlin", "country": "DE"}, "zone": "Europe/Berlin",
        "language": "de", "region": "EMEA", "channel": "web", "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

/// An event that a file holds.
pub(crate) fn sample(text: &str) -> SqsEvent {
    serde_json::from_str(text).unwrap()
}

fn event(message: &InvoicesDueMessage) -> SqsEvent {
    let body = saldo_messages::encode(message).unwrap();
    serde_json::from_value(serde_json::json!({"Records": [{"messageId": "m-0", "body": body}]})).unwrap()
}
