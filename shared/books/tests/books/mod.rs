//! A small business in memory, and what the tests ask of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeZone, Utc};
use rust_decimal::Decimal;
use saldo_billing::Outcome;
use saldo_billing::id::{CustomerId, InvoiceId, PriceId, ProductId, SellerId, SubscriptionId};
use saldo_billing::invoice::{Collection, Draft, Invoice, Line, LineOrigin, Origin};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{Fact, PaymentReport, Statement};
use saldo_billing::period::{Interval, Schedule};
use saldo_billing::subscription::{NewSubscription, Standing, Subscription, SubscriptionItem};
use saldo_billing::tax::TaxBehavior;
use saldo_billing::tax::TaxRate;
use saldo_billing::terms::NetTerms;
use saldo_books::{invoices, nothing_more};
use saldo_money::Money;
use saldo_store::entities::{CreditBalance, LedgerEntry, invoice_key};
use saldo_store::memory::MemoryStore;
use saldo_store::{
    CommitError, Committed, Consistency, Entity, Item, Key, Page, Query, Store, StoreError, Stored, Table, Transaction,
    load,
};

pub fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 1, 8, 0, 0).unwrap()
}

pub fn eur(minor: i64) -> Money {
    Money::from_minor(minor, "EUR".parse().unwrap())
}

pub fn seller(number: u128) -> Seller {
    serde_json::from_value(serde_json::json!({
        "id": SellerId::from_random(number), "name": "Nordwind GmbH", "address": {"country": "DE"}, "zone": "Europe/Berlin",
        "email": "billing@nordwind.example", "number_prefix": format!("N{number}-"), "provider_account": "stripe/main",
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

pub fn customer(number: u128, seller: u128) -> Customer {
    serde_json::from_value(serde_json::json!({
        "id": CustomerId::from_random(number), "seller": SellerId::from_random(seller), "name": "Zoë 名前",
        "email": "zoe@example.com", "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "en",
        "region": "EMEA", "channel": "web", "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

pub async fn create<T: Entity>(store: &dyn Store, entity: &T) {
    let mut transaction = Transaction::new();
    transaction.create(entity).unwrap();
    store.commit(transaction).await.unwrap();
}

/// Two sellers with a customer each.
pub async fn business() -> MemoryStore {
    let store = MemoryStore::new();
    for number in [1, 2] {
        create(&store, &seller(number)).await;
        create(&store, &customer(number, number)).await;
    }
    store
}

pub fn lines(count: usize, minor: i64) -> Vec<Line> {
    let line = Line {
        description: "Support".to_owned(),
        quantity: Decimal::ONE,
        unit_amount: eur(minor).amount(),
        net: eur(minor),
        gross: None,
        tax_rate: TaxRate::ZERO,
        product: None,
        origin: LineOrigin::Manual,
    };
    vec![line; count]
}

pub async fn draft(store: &dyn Store, invoice: u128, customer_number: u128, lines: Vec<Line>) -> InvoiceId {
    let id = InvoiceId::from_random(invoice);
    let draft = Draft {
        id,
        origin: Origin::OneOff,
        collection: Collection::SendInvoice,
        terms: NetTerms::try_new(14, false).unwrap(),
        currency: "EUR".parse().unwrap(),
    };
    let customer = customer(customer_number, customer_number);
    let made = invoices::draft(store, draft, &customer, lines, now(), &nothing_more).await.unwrap();
    assert!(matches!(made, Outcome::Applied(_)));
    id
}

/// An invoice over 100.00, finalised.
pub async fn issued(store: &dyn Store, invoice: u128) -> InvoiceId {
    let id = draft(store, invoice, 1, lines(1, 10_000)).await;
    invoices::finalise(store, id, now(), &nothing_more).await.unwrap();
    id
}

pub async fn read(store: &dyn Store, id: InvoiceId) -> Invoice {
    load::<Invoice>(store, &invoice_key(id)).await.unwrap().unwrap().value
}

pub async fn find<T: Entity>(store: &dyn Store, key: Key) -> Option<T> {
    load::<T>(store, &key).await.unwrap().map(|stored: Stored<T>| stored.value)
}

pub fn subscription(number: u128, start_on: &str) -> Subscription {
    let item = SubscriptionItem {
        price: PriceId::from_random(1),
        product: ProductId::from_random(1),
        description: "Team plan".to_owned(),
        unit_amount: eur(4_900).amount(),
        quantity: Decimal::ONE,
        tax_rate: "0.21".parse().unwrap(),
        tax_behavior: TaxBehavior::Exclusive,
    };
    let new = NewSubscription {
        id: SubscriptionId::from_random(number),
        customer: CustomerId::from_random(1),
        seller: SellerId::from_random(1),
        currency: "EUR".parse().unwrap(),
        items: vec![item],
        schedule: Schedule::try_new(start_on.parse().unwrap(), None, Interval::MONTHLY).unwrap(),
        trial_from: None,
        ends_on: None,
        collection: Collection::SendInvoice,
        terms: NetTerms::try_new(14, false).unwrap(),
        started_as: Standing::Only,
    };
    Subscription::try_new(new, chrono_tz::Europe::Amsterdam, now()).unwrap()
}

pub fn report(reference: &str, invoice: Option<InvoiceId>, statement: Statement, second: i64) -> PaymentReport {
    let introduces = !matches!(statement, Statement::RefundedInAll { .. } | Statement::DisputeFundsWithdrawn { .. });
    PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: reference.to_owned(),
        invoice,
        attempt: None,
        page: None,
        method: None,
        currency: "EUR".parse().unwrap(),
        introduces,
        facts: vec![Fact::new(now() + chrono::Duration::seconds(second), statement)],
    }
}

pub fn captured(minor: i64) -> Statement {
    Statement::Captured { reference: "ch_1".to_owned(), amount: eur(minor) }
}

/// All items of the billing table but what the order in which facts came leaves behind: the entries one by one, whose sums
/// are compared instead, and a credit that came and went.
pub fn books(store: &MemoryStore) -> Vec<Item> {
    let mut items: Vec<Item> = store.items(Table::Billing).iter().map(|item| (**item).clone()).collect();
    items.retain(|item| {
        let spent = Stored::<CreditBalance>::from_item(item.clone()).is_ok_and(|credit| credit.value.balance.is_zero());
        !Key::of(item).unwrap().sk.starts_with("ENTRY#") && !spent
    });
    for item in &mut items {
        // How often something was written depends on the order, too.
        item.remove("v");
    }
    items
}

/// The sum of all entries by account, as text.
pub fn balances(store: &MemoryStore) -> Vec<(String, Decimal)> {
    let mut sums = std::collections::BTreeMap::<String, Decimal>::new();
    for item in store.items(Table::Billing) {
        if Key::of(&item).unwrap().sk.starts_with("ENTRY#") {
            let entry = Stored::<LedgerEntry>::from_item((*item).clone()).unwrap().value.entry;
            for (account, amount) in entry.postings.postings() {
                *sums.entry(account.to_string()).or_default() += amount.amount();
            }
        }
    }
    sums.retain(|_, sum| !sum.is_zero());
    sums.into_iter().collect()
}

/// A store that breaks off at one of its calls: before it does anything, or after a commit whose answer is lost.
pub struct Breaking<'a> {
    store: &'a MemoryStore,
    calls_left: AtomicUsize,
    loses_answers: bool,
}

impl<'a> Breaking<'a> {
    pub fn new(store: &'a MemoryStore, calls: usize, loses_answers: bool) -> Self {
        Self { store, calls_left: AtomicUsize::new(calls), loses_answers }
    }

    fn breaks(&self) -> bool {
        self.calls_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
    }

    fn failure() -> StoreError {
        StoreError::Unknown { attempted: "a call", table: Table::Billing, source: "the line went dead".into() }
    }
}

#[async_trait::async_trait]
impl Store for Breaking<'_> {
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError> {
        if self.breaks() { Err(Self::failure()) } else { self.store.get(table, key, consistency).await }
    }

    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        if self.breaks() { Err(Self::failure()) } else { self.store.get_many(table, keys).await }
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        if self.breaks() { Err(Self::failure()) } else { self.store.query(query).await }
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        if self.breaks() {
            if self.loses_answers {
                self.store.commit(transaction).await?;
            }
            return Err(Self::failure().into());
        }
        self.store.commit(transaction).await
    }
}
