//! A small business in memory, driven through the use cases of the books.

use chrono::{DateTime, Duration, NaiveDate, TimeZone, Utc};
use rust_decimal::Decimal;
use saldo_billing::Outcome;
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, PriceId, ProductId, SellerId, SubscriptionId};
use saldo_billing::invoice::{Collection, Draft, Line, LineOrigin, Origin};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{Decline, Fact, MethodUsed, PaymentReport, RefundStatus, Statement};
use saldo_billing::period::{Interval, Schedule};
use saldo_billing::report::{By, Days, ReportName};
use saldo_billing::subscription::{NewSubscription, Subscription, SubscriptionItem};
use saldo_billing::tax::TaxBehavior;
use saldo_billing::terms::NetTerms;
use saldo_money::{Currency, Money};
use saldo_store::entities::customer_key;
use saldo_store::memory::{Change, MemoryStore};
use saldo_store::{Entity, Store, Stored, Transaction, load};

use crate::reports::{Hint, apply, query};
use crate::{BooksError, invoices, nothing_more, payments, subscriptions};

pub(super) const CURRENCIES: [Currency; 3] = [Currency::EUR, Currency::USD, Currency::JPY];
const ZONES: [&str; 2] = ["Europe/Berlin", "America/Los_Angeles"];
const REGIONS: [&str; 4] = ["EMEA", "APAC 名前", "a#b%23", ""];
const CHANNELS: [&str; 3] = ["web", "partner", "field"];
const RATES: [&str; 3] = ["0.19", "0.07", "0"];
const METHODS: [Option<&str>; 3] = [Some("card"), Some("sepa_debit"), None];
const GATEWAYS: [&str; 2] = ["stripe/main", "stripe/asia"];
pub(super) const CUSTOMERS: u128 = 6;

pub(super) struct World {
    pub(super) store: MemoryStore,
    pub(super) now: DateTime<Utc>,
    pub(super) invoices: Vec<(InvoiceId, Currency)>,
    pub(super) payments: Vec<PaymentReport>,
    pub(super) subscriptions: Vec<SubscriptionId>,
    made: u128,
}

impl World {
    pub(super) async fn new() -> Self {
        let store = MemoryStore::new();
        let now = Utc.with_ymd_and_hms(2026, 9, 27, 21, 0, 0).unwrap();
        let mut transaction = Transaction::new();
        for n in 0..2_u128 {
            transaction.create(&seller(n)).unwrap();
        }
        for n in 0..CUSTOMERS {
            transaction.create(&customer(n)).unwrap();
        }
        store.commit(transaction).await.unwrap();
        Self { store, now, invoices: vec![], payments: vec![], subscriptions: vec![], made: 100 }
    }

    pub(super) fn next_id(&mut self) -> u128 {
        self.made += 1;
        self.made
    }

    pub(super) fn wait(&mut self, hours: i64) {
        self.now += Duration::hours(hours);
    }

    /// Drafts and finalises an invoice of lines (product, minor units, tax rate).
    pub(super) async fn invoice(
        &mut self,
        customer: usize,
        currency: usize,
        lines: &[(u128, i64, usize)],
    ) -> InvoiceId {
        let (id, currency) = (InvoiceId::from_random(self.next_id()), CURRENCIES[currency % 3]);
        let lines: Vec<Line> = lines
            .iter()
            .map(|(product, minor, rate)| line(*product, Money::from_minor(*minor, currency), *rate))
            .collect();
        let draft = Draft {
            id,
            origin: Origin::OneOff,
            collection: Collection::SendInvoice,
            terms: NetTerms::try_new(14, false).unwrap(),
            currency,
        };
        let customer: Customer = self.read(customer_key(customer_id(customer))).await;
        invoices::draft(&self.store, draft, &customer, lines, self.now, &nothing_more).await.unwrap();
        let outcome = invoices::finalise(&self.store, id, self.now, &nothing_more).await.unwrap();
        assert!(matches!(outcome, Outcome::Applied(_)));
        self.invoices.push((id, currency));
        id
    }

    pub(super) async fn read<T: Entity>(&self, key: saldo_store::Key) -> T {
        let stored: Stored<T> = load(&self.store, &key).await.unwrap().unwrap();
        stored.value
    }

    /// A payment of which something is told; to one that is known, more is told.
    pub(super) async fn tell(&mut self, payment: usize, invoice: Option<InvoiceId>, statement: Statement) -> bool {
        let mut report = self.payments[payment].clone();
        report.invoice = report.invoice.or(invoice);
        report.facts = vec![Fact::new(self.now, statement)];
        let told = payments::report(&self.store, &report, self.now).await;
        let is_booked = !matches!(told, Err(BooksError::Invoice(_) | BooksError::Payment(_)));
        if is_booked {
            told.unwrap();
            self.payments[payment].invoice = report.invoice;
        }
        is_booked
    }

    /// Introduces a payment, without saying anything yet.
    pub(super) fn payment(&mut self, invoice: Option<InvoiceId>, currency: Currency, kind: usize) -> usize {
        let reference = format!("pi_{}", self.next_id());
        let method = METHODS[kind % 3];
        self.payments.push(PaymentReport {
            account: GATEWAYS[kind % 2].parse().unwrap(),
            reference,
            invoice,
            attempt: None,
            page: None,
            method: method.map(|kind| MethodUsed { kind: kind.to_owned(), network: None, last4: None }),
            currency,
            introduces: true,
            facts: vec![],
        });
        self.payments.len() - 1
    }

    pub(super) async fn void(&self, invoice: InvoiceId) -> bool {
        invoices::void(&self.store, invoice, self.now, &nothing_more).await.is_ok()
    }

    pub(super) async fn subscribe(&mut self, customer: usize, products: &[(u128, i64)], interval: Interval) {
        let (id, customer) = (SubscriptionId::from_random(self.next_id()), customer_id(customer));
        let customer: Customer = self.read(customer_key(customer)).await;
        let start_on = self.now.date_naive() + Duration::days(i64::try_from(self.made % 40).unwrap());
        let started_as = subscriptions::standing(&self.store, customer.id, None, start_on).await.unwrap();
        let item = |(product, minor): &(u128, i64)| SubscriptionItem {
            price: PriceId::from_random(*product),
            product: ProductId::from_random(*product),
            description: "Plan".to_owned(),
            unit_amount: Decimal::new(*minor, 2),
            quantity: Decimal::ONE,
            tax_rate: RATES[0].parse().unwrap(),
            tax_behavior: TaxBehavior::Exclusive,
        };
        let new = NewSubscription {
            id,
            customer: customer.id,
            seller: customer.seller,
            currency: CURRENCIES[usize::try_from(self.made % 2).unwrap()],
            items: products.iter().map(item).collect(),
            schedule: Schedule::try_new(start_on, None, interval).unwrap(),
            trial_from: None,
            ends_on: self.made.is_multiple_of(5).then(|| start_on + Duration::days(45)),
            collection: Collection::Automatic,
            terms: NetTerms::try_new(0, false).unwrap(),
            started_as,
        };
        let subscription = Subscription::try_new(new, customer.zone, self.now).unwrap();
        self.create(&subscription).await;
        self.subscriptions.push(id);
    }

    pub(super) async fn create<T: Entity>(&self, entity: &T) {
        let mut transaction = Transaction::new();
        transaction.create(entity).unwrap();
        self.store.commit(transaction).await.unwrap();
    }

    pub(super) async fn cancel(&self, subscription: SubscriptionId, at_period_end: bool) {
        subscriptions::cancel(&self.store, subscription, at_period_end, self.now, &nothing_more).await.unwrap();
    }

    pub(super) async fn pause_or_resume(&self, subscription: SubscriptionId, pauses: bool) {
        if pauses {
            subscriptions::pause(&self.store, subscription, self.now, &nothing_more).await.unwrap();
        } else {
            subscriptions::resume(&self.store, subscription, self.now, &nothing_more).await.unwrap();
        }
    }

    pub(super) async fn relocate(&self, customer: usize, region: usize) {
        let key = customer_key(customer_id(customer));
        let mut stored: Stored<Customer> = load(&self.store, &key).await.unwrap().unwrap();
        stored.value.region = REGIONS[region % REGIONS.len()].to_owned();
        let mut transaction = Transaction::new();
        transaction.update(&stored).unwrap();
        self.store.commit(transaction).await.unwrap();
    }

    /// Everything that the stream has told after this place, counted as one batch.
    pub(super) async fn count_since(&self, sequence: u64) {
        count(&self.store, &self.store.changes_since(sequence)).await;
    }

    pub(super) fn told(&self) -> u64 {
        self.store.changes_since(0).last().map_or(0, |change| change.sequence)
    }
}

/// Counts a batch of the stream.
pub(super) async fn count(store: &dyn Store, changes: &[Change]) {
    let hints =
        changes.iter().filter_map(|change| Hint::of_change(&change.key, change.old.as_deref(), change.new.as_deref()));
    let refused = apply(store, hints.collect()).await.unwrap();
    assert!(refused.is_empty(), "{refused:?}");
}

/// A report as JSON text.
pub(super) async fn shown(store: &dyn Store, name: ReportName, by: By, days: Days) -> String {
    serde_json::to_string(&query(store, name, by, days, None).await.unwrap()).unwrap()
}

pub(super) fn days(from: &str, to: &str) -> Days {
    let day = |text: &str| -> NaiveDate { text.parse().unwrap() };
    Days::try_new(day(from), day(to)).unwrap()
}

pub(super) fn customer_id(n: usize) -> CustomerId {
    CustomerId::from_random(10 + u128::try_from(n).unwrap() % CUSTOMERS)
}

pub(super) fn captured(minor: i64, currency: Currency, reference: u128) -> Statement {
    Statement::Captured { reference: format!("ch_{reference}"), amount: Money::from_minor(minor, currency) }
}

pub(super) fn failed(reference: u128) -> Statement {
    let decline = Decline { code: "insufficient_funds".to_owned(), hard: false };
    Statement::Failed { reference: format!("ch_{reference}"), decline }
}

pub(super) fn refund(minor: i64, currency: Currency, reference: u128, status: RefundStatus) -> Statement {
    let amount = Money::from_minor(minor, currency);
    Statement::Refund { reference: format!("re_{reference}"), amount, status, requested_as: None }
}

pub(super) fn id_of(report: &PaymentReport) -> PaymentId {
    report.payment()
}

pub(super) fn line(product: u128, net: Money, rate: usize) -> Line {
    Line {
        description: "Support".to_owned(),
        quantity: Decimal::ONE,
        unit_amount: net.amount(),
        net,
        gross: None,
        tax_rate: RATES[rate % 3].parse().unwrap(),
        product: (product > 0).then(|| ProductId::from_random(product)),
        origin: LineOrigin::Manual,
    }
}

fn seller(n: u128) -> Seller {
    serde_json::from_value(serde_json::json!({
        "id": SellerId::from_random(n + 1), "name": "Nordwind GmbH", "address": {"country": "DE"},
        "zone": ZONES[usize::try_from(n).unwrap()], "email": "billing@nordwind.example", "number_prefix": "NW-",
        "provider_account": "stripe/main", "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

fn customer(n: u128) -> Customer {
    let place = usize::try_from(n).unwrap();
    serde_json::from_value(serde_json::json!({
        "id": customer_id(place), "seller": SellerId::from_random(n % 2 + 1), "name": "Zoë 名前", "email": "zoe@example.com",
        "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "nl",
        "region": REGIONS[place % REGIONS.len()], "channel": CHANNELS[place % CHANNELS.len()],
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}
