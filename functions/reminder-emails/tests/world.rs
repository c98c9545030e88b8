//! A seller, a customer and an invoice over 100.00 that is to be paid, with everything the function works with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsEvent;
use chrono::{DateTime, TimeDelta, Utc};
use reminder_emails::handler::{Mailing, handle};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, SellerId};
use saldo_billing::invoice::{Collection, Draft, Invoice, Line, LineOrigin, Origin};
use saldo_billing::mail::{MailRecord, Purpose};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{Fact, MethodUsed, PaymentReport, Statement};
use saldo_billing::terms::NetTerms;
use saldo_documents::archive::{Archive, ArchiveError, MemoryArchive};
use saldo_documents::mail::{Mail, MemoryMailer};
use saldo_messages::{RemindersMessage, V1};
use saldo_money::Money;
use saldo_runtime::budget::Budget;
use saldo_runtime::logs::Metrics;
use saldo_store::entities::{CreditBalance, customer_key, invoice_key, mail_key};
use saldo_store::memory::ShakyStore;
use saldo_store::{Store, Stored, Transaction, load};

/// 1 October 2026, 10:00 in Berlin; the invoice is due on the 15th.
pub(crate) fn on(day: i64) -> DateTime<Utc> {
    let first: DateTime<Utc> = "2026-10-01T08:00:00Z".parse().unwrap();
    first.checked_add_signed(TimeDelta::days(day.checked_sub(1).unwrap())).unwrap()
}

pub(crate) fn eur(minor: i64) -> Money {
    Money::from_minor(minor, "EUR".parse().unwrap())
}

pub(crate) fn invoice_id() -> InvoiceId {
    "inv_01hq4v9y3m8k2z7n5b6c1d0e9f".parse().unwrap()
}

/// The archive in memory, which can be out of reach, or slow.
#[derive(Default)]
pub(crate) struct ShakyArchive {
    pub(crate) memory: MemoryArchive,
    pub(crate) is_away: Mutex<bool>,
    pub(crate) takes: Mutex<Duration>,
}

#[async_trait]
impl Archive for ShakyArchive {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), ArchiveError> {
        self.memory.put(key, bytes, content_type).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let takes = *self.takes.lock().unwrap();
        tokio::time::sleep(takes).await;
        if *self.is_away.lock().unwrap() {
            return Err(ArchiveError::Get { key: key.to_owned(), source: "scripted".into() });
        }
        self.memory.get(key).await
    }

    async fn link(&self, key: &str, file_name: &str, expires_in: Duration) -> Result<String, ArchiveError> {
        self.memory.link(key, file_name, expires_in).await
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<ShakyStore>,
    pub(crate) mailer: Arc<MemoryMailer>,
    pub(crate) archive: Arc<ShakyArchive>,
    pub(crate) mailing: Mailing,
}

impl World {
    /// The world at 10:00: the invoice was just issued.
    pub(crate) async fn new() -> Self {
        let world = Self::empty();
        world.put_parties().await;
        world.issue(invoice_id(), Collection::SendInvoice).await;
        world
    }

    /// The same for a customer who has credit.
    pub(crate) async fn with_credit(minor: i64, collection: Collection) -> Self {
        let world = Self::empty();
        world.put_parties().await;
        let credit = CreditBalance { customer: CustomerId::from_random(2), balance: eur(minor) };
        let mut transaction = Transaction::new();
        transaction.create(&credit).unwrap();
        world.store.memory.commit(transaction).await.unwrap();
        world.issue(invoice_id(), collection).await;
        world
    }

    /// The invoice is a draft, to be charged once it is issued.
    pub(crate) async fn with_draft() -> Self {
        let world = Self::empty();
        world.put_parties().await;
        world.draft(invoice_id(), Collection::Automatic).await;
        world
    }

    fn empty() -> Self {
        let store = Arc::new(ShakyStore::default());
        let (mailer, archive) = (Arc::new(MemoryMailer::new()), Arc::new(ShakyArchive::default()));
        let mailing = Mailing {
            draw: saldo_documents::pdf::invoice,
            store: Arc::<ShakyStore>::clone(&store),
            mailer: Arc::<MemoryMailer>::clone(&mailer),
            archive: Arc::<ShakyArchive>::clone(&archive),
            sender: "billing@mail.nordwind.example".parse().unwrap(),
            metrics: Metrics::in_memory(),
            clock: || DateTime::UNIX_EPOCH,
        };
        Self { store, mailer, archive, mailing }
    }

    /// The same a moment later: the invoice was sent.
    pub(crate) async fn with_invoice_sent() -> Self {
        let world = Self::new().await;
        assert!(world.send(Purpose::Issued, 1).await);
        assert_eq!(world.mailer.sent().len(), 1);
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
            "email": "zoe@example.com", "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "en",
            "region": "EMEA", "channel": "web", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        let mut transaction = Transaction::new();
        transaction.create(&seller).unwrap();
        transaction.create(&customer).unwrap();
        self.store.memory.commit(transaction).await.unwrap();
    }

    /// Issues an invoice to be paid within 14 days.
    pub(crate) async fn issue(&self, id: InvoiceId, collection: Collection) {
        self.draft(id, collection).await;
        self.finalise(id).await;
    }

    pub(crate) async fn finalise(&self, id: InvoiceId) {
        saldo_books::invoices::finalise(&*self.store, id, on(1), &saldo_books::nothing_more).await.unwrap();
    }

    async fn draft(&self, id: InvoiceId, collection: Collection) {
        let customer: Stored<Customer> =
            load(&*self.store, &customer_key(CustomerId::from_random(2))).await.unwrap().unwrap();
        let line = Line {
            description: "Support".to_owned(),
            quantity: 1.into(),
            unit_amount: eur(10_000).amount(),
            net: eur(10_000),
            gross: None,
            tax_rate: "0".parse().unwrap(),
            product: None,
            origin: LineOrigin::Manual,
        };
        let draft = Draft {
            id,
            origin: Origin::OneOff,
            collection,
            terms: NetTerms::try_new(14, false).unwrap(),
            currency: "EUR".parse().unwrap(),
        };
        let nothing = &saldo_books::nothing_more;
        saldo_books::invoices::draft(&*self.store, draft, &customer.value, vec![line], on(1), nothing).await.unwrap();
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

    /// Changes the invoice.
    pub(crate) async fn change_invoice(&self, change: impl FnOnce(&mut Invoice)) {
        let mut invoice: Stored<Invoice> = load(&*self.store, &invoice_key(invoice_id())).await.unwrap().unwrap();
        change(&mut invoice.value);
        let mut transaction = Transaction::new();
        transaction.update(&invoice).unwrap();
        self.store.memory.commit(transaction).await.unwrap();
    }

    /// A provider reports something about a card payment of the invoice.
    pub(crate) async fn report(&self, statement: Statement, day: i64) -> PaymentId {
        let report = PaymentReport {
            account: "stripe/main".parse().unwrap(),
            reference: "pi_1".to_owned(),
            invoice: Some(invoice_id()),
            attempt: None,
            page: None,
            method: Some(MethodUsed { kind: "card".to_owned(), network: None, last4: Some("4242".to_owned()) }),
            currency: "EUR".parse().unwrap(),
            introduces: true,
            facts: vec![Fact::new(on(day), statement)],
        };
        saldo_books::payments::report(&*self.store, &report, on(day)).await.unwrap();
        report.payment()
    }

    pub(crate) async fn pay(&self, minor: i64, day: i64) -> PaymentId {
        self.report(Statement::Captured { reference: "ch_1".to_owned(), amount: eur(minor) }, day).await
    }

    /// Handles an event and tells which messages failed.
    pub(crate) async fn handle(&self, event: SqsEvent) -> Vec<String> {
        let response = handle(&self.mailing, event, Budget::lasting(Duration::from_secs(55))).await.unwrap();
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// Asks for one mail; tells whether the message is done.
    pub(crate) async fn send(&self, purpose: Purpose, day: i64) -> bool {
        let message = RemindersMessage::Send { v: V1, invoice: invoice_id(), purpose, as_of: on(day) };
        self.handle(event(&message)).await.is_empty()
    }

    /// Asks for the reminder that is due; tells whether the message is done.
    pub(crate) async fn remind(&self, day: i64) -> bool {
        let message = RemindersMessage::Remind { v: V1, invoices: vec![invoice_id()], as_of: on(day) };
        self.handle(event(&message)).await.is_empty()
    }

    pub(crate) async fn invoice(&self) -> Invoice {
        load::<Invoice>(&*self.store, &invoice_key(invoice_id())).await.unwrap().unwrap().value
    }

    pub(crate) async fn record(&self, purpose: Purpose) -> Option<MailRecord> {
        load(&*self.store, &mail_key(invoice_id(), purpose)).await.unwrap().map(|record| record.value)
    }

    /// The mail that was sent last.
    pub(crate) fn last(&self) -> Mail {
        self.mailer.sent().pop().unwrap()
    }

    pub(crate) fn subjects(&self) -> Vec<String> {
        self.mailer.sent().into_iter().map(|mail| mail.subject).collect()
    }
}

/// An event that a file holds.
pub(crate) fn sample(text: &str) -> SqsEvent {
    serde_json::from_str(text).unwrap()
}

/// A batch of one message.
pub(crate) fn event(message: &RemindersMessage) -> SqsEvent {
    let body = saldo_messages::encode(message).unwrap();
    serde_json::from_value(serde_json::json!({"Records": [{"messageId": "m-0", "body": body}]})).unwrap()
}
