//! Sound books are rebuilt as they are, and each way in which they can differ from their facts is named.

mod again;
mod answers;
mod differences;
mod orders;
mod swap;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use proptest::prelude::*;
use rust_decimal::Decimal;
use saldo_billing::dunning::DunningPolicy;
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, RefundId, SellerId};
use saldo_billing::invoice::{Collection, Draft, Invoice, Line, LineOrigin, Origin};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{Decline, Fact, Payment, PaymentReport, RefundState, RefundStatus, Statement};
use saldo_billing::terms::NetTerms;
use saldo_books::payments::Reported;
use saldo_books::reports::{self, Place};
use saldo_books::{invoices, nothing_more, payments, refunds};
use saldo_money::Money;
use saldo_store::entities::{CreditBalance, LedgerEntry, invoice_key, payment_key};
use saldo_store::inbox::InboxStatus;
use saldo_store::memory::MemoryStore;
use saldo_store::{AttributeValue, Condition, Entity, Item, Key, Store as _, Table, Transaction, load, text, to_item};
use serde_json::json;

use crate::{Difference, Kept, Kind, Replay, Told, replay};

fn at(minutes: i64) -> DateTime<Utc> {
    let start = Utc.with_ymd_and_hms(2026, 2, 28, 23, 30, 0).unwrap();
    start.checked_add_signed(TimeDelta::minutes(minutes)).unwrap()
}

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, "EUR".parse().unwrap())
}

fn invoice(number: u128) -> InvoiceId {
    InvoiceId::from_random(number)
}

fn customer_id() -> CustomerId {
    CustomerId::from_random(1)
}

fn pay(reference: &str) -> PaymentId {
    PaymentId::derive(&["stripe", "main", reference])
}

fn told_of(reference: &str, of: Option<InvoiceId>, facts: Vec<Fact>) -> PaymentReport {
    PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: reference.into(),
        invoice: of,
        attempt: None,
        page: None,
        method: None,
        currency: "EUR".parse().unwrap(),
        introduces: true,
        facts,
    }
}

fn captured(reference: &str, minor: i64, minute: i64) -> Fact {
    Fact::new(at(minute), Statement::Captured { reference: format!("ch_{reference}"), amount: eur(minor) })
}

fn withdrawn(minor: i64, minute: i64) -> Fact {
    let reference = "dp_1".to_owned();
    Fact::new(at(minute), Statement::DisputeFundsWithdrawn { reference, amount: eur(minor), fee: Some(eur(1_500)) })
}

/// A stack whose inbox is held as it was read.
struct Stack {
    store: MemoryStore,
    events: Vec<Told>,
}

impl Stack {
    /// Three invoices of one customer, over 119.00 each: paid, paid too much and disputed, open; and money that nobody knows.
    async fn new() -> Self {
        let mut stack = Self { store: MemoryStore::new(), events: Vec::new() };
        let seller: Seller = serde_json::from_value(json!({
            "id": SellerId::from_random(1), "name": "Nordwind GmbH", "address": {"country": "DE"},
            "zone": "Europe/Berlin", "email": "billing@nordwind.example", "number_prefix": "N-",
            "provider_account": "stripe/main", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        let customer: Customer = serde_json::from_value(json!({
            "id": customer_id(), "seller": SellerId::from_random(1), "name": "Zoë 名前", "email": "zoe@example.com",
            "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "en", "region": "EMEA",
            "channel": "web", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        stack.put(&seller).await;
        stack.put(&customer).await;
        for number in 1..=3 {
            stack.issue(invoice(number), &customer).await;
        }
        stack.event(told_of("pi_1", Some(invoice(1)), vec![captured("1", 11_900, 10)]), 10).await;
        stack.event(told_of("pi_2", Some(invoice(2)), vec![captured("2", 20_000, 11)]), 11).await;
        stack.event(told_of("pi_2", None, vec![withdrawn(20_000, 20)]), 20).await;
        stack.event(told_of("pi_9", None, vec![captured("9", 700, 30)]), 30).await;
        stack.count().await;
        stack
    }

    async fn put<T: Entity>(&self, entity: &T) {
        self.put_item(T::table(), to_item(entity, 1).unwrap()).await;
    }

    async fn put_item(&self, table: Table, item: Item) {
        let mut transaction = Transaction::new();
        transaction.put(table, item, Condition::Always).unwrap();
        self.store.commit(transaction).await.unwrap();
    }

    async fn issue(&self, id: InvoiceId, customer: &Customer) {
        let draft = Draft {
            id,
            origin: Origin::OneOff,
            collection: Collection::SendInvoice,
            terms: NetTerms::try_new(14, false).unwrap(),
            currency: "EUR".parse().unwrap(),
        };
        let line = Line {
            description: "Support".to_owned(),
            quantity: Decimal::ONE,
            unit_amount: eur(10_000).amount(),
            net: eur(10_000),
            gross: None,
            tax_rate: "0.19".parse().unwrap(),
            product: None,
            origin: LineOrigin::Manual,
        };
        invoices::draft(&self.store, draft, customer, vec![line], at(0), &nothing_more).await.unwrap();
        invoices::finalise(&self.store, id, at(1), &nothing_more).await.unwrap();
    }

    /// An event that is put into the inbox and taken into the books.
    async fn event(&mut self, report: PaymentReport, minute: i64) {
        payments::report(&self.store, &report, at(minute)).await.unwrap();
        self.inbox(report, minute);
    }

    fn inbox(&mut self, report: PaymentReport, minute: i64) {
        self.events.push(Told {
            account: report.account.clone(),
            event_id: format!("evt_{}", self.events.len()),
            received_at: at(minute),
            status: InboxStatus::Applied,
            reports: Ok(vec![report]),
        });
    }

    async fn count(&self) {
        let mut place = Some(Place::default());
        while let Some(next) = place {
            place = reports::rebuild(&self.store, next).await.unwrap().next;
        }
    }

    async fn replayed(&self) -> Replay {
        let mut kept = Kept::in_memory(&self.store).unwrap();
        kept.events.clone_from(&self.events);
        replay(kept).await.unwrap()
    }

    async fn differences(&self) -> Vec<Difference> {
        self.replayed().await.differences()
    }

    /// The one difference outside of the reports.
    async fn difference(&self) -> Difference {
        let found: Vec<Difference> =
            self.differences().await.into_iter().filter(|one| one.table != Table::Reports).collect();
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].clone()
    }

    async fn payment(&self, reference: &str) -> Payment {
        load::<Payment>(&self.store, &payment_key(pay(reference))).await.unwrap().unwrap().value
    }

    async fn edit<T: Entity>(&self, entity: &T, edit: impl FnOnce(&mut serde_json::Value)) {
        let mut value = serde_json::to_value(entity).unwrap();
        edit(&mut value);
        self.put::<T>(&serde_json::from_value(value).unwrap()).await;
    }

    async fn remove(&self, table: Table, key: Key) {
        let mut transaction = Transaction::new();
        transaction.delete(table, key, Condition::Present).unwrap();
        self.store.commit(transaction).await.unwrap();
    }
}
