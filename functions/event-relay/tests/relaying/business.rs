//! A small business to which everything happens that events are told of.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, PriceId, ProductId, RefundId, SellerId, SubscriptionId};
use saldo_billing::invoice::{AttemptState, Collection, Draft, Invoice, Line, LineOrigin, Origin};
use saldo_billing::mail::{MailState, Purpose};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{
    Decline, DisputeOutcome, Fact, MethodUsed, PaymentReport, RefundState, RefundStatus, Statement,
};
use saldo_billing::period::{Interval, Schedule};
use saldo_billing::subscription::{NewSubscription, Standing, Subscription, SubscriptionItem};
use saldo_billing::tax::TaxBehavior;
use saldo_billing::tax::TaxRate;
use saldo_billing::terms::NetTerms;
use saldo_books::{attempts, invoices, mail, nothing_more, parking, payments, refunds, subscriptions};
use saldo_money::Money;
use saldo_store::entities::{customer_key, invoice_key};
use saldo_store::memory::MemoryStore;
use saldo_store::{Entity, Store, Stored, Transaction, load};
use serde_json::json;

/// Seconds after which nothing has happened yet.
pub(crate) const NOW: i64 = 0;

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    let now: DateTime<Utc> = "2026-10-01T08:00:00Z".parse().unwrap();
    now.checked_add_signed(TimeDelta::seconds(seconds)).unwrap()
}

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, "EUR".parse().unwrap())
}

fn customer() -> Customer {
    serde_json::from_value(json!({
        "id": CustomerId::from_random(1), "seller": SellerId::from_random(1), "name": "Zoë 名前", "email": "zoe@example.com",
        "address": { "lines": ["Keizersgracht 1"], "country": "NL" }, "zone": "Europe/Amsterdam", "language": "en",
        "region": "EMEA", "channel": "web", "tax_ids": [{ "kind": "eu_vat", "value": "NL123456789B01" }],
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

async fn create<T: Entity>(store: &dyn Store, entity: &T) {
    let mut transaction = Transaction::new();
    transaction.create(entity).unwrap();
    store.commit(transaction).await.unwrap();
}

async fn business() -> MemoryStore {
    let store = MemoryStore::new();
    let seller: Seller = serde_json::from_value(json!({
        "id": SellerId::from_random(1), "name": "Nordwind GmbH", "address": { "country": "DE" }, "zone": "Europe/Berlin",
        "email": "billing@nordwind.example", "number_prefix": "N1-", "provider_account": "stripe/main",
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap();
    create(&store, &seller).await;
    create(&store, &customer()).await;
    store
}

async fn draft(store: &dyn Store, number: u128) -> InvoiceId {
    draft_over(store, number, 10_000, Collection::SendInvoice).await
}

async fn draft_over(store: &dyn Store, number: u128, minor: i64, collection: Collection) -> InvoiceId {
    let id = InvoiceId::from_random(number);
    let draft = Draft {
        id,
        origin: Origin::OneOff,
        collection,
        terms: NetTerms::try_new(14, false).unwrap(),
        currency: "EUR".parse().unwrap(),
    };
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
    invoices::draft(store, draft, &customer(), vec![line], at(NOW), &nothing_more).await.unwrap();
    id
}

async fn issued(store: &dyn Store, number: u128) -> InvoiceId {
    let id = draft(store, number).await;
    invoices::finalise(store, id, at(1), &nothing_more).await.unwrap();
    id
}

/// Reports what happened to a payment, one statement after the other.
async fn paid(store: &dyn Store, reference: &str, invoice: InvoiceId, statements: Vec<Statement>) -> PaymentId {
    let mut report = PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: reference.to_owned(),
        invoice: Some(invoice),
        attempt: None,
        page: None,
        method: Some(MethodUsed {
            kind: "card".to_owned(),
            network: Some("visa".to_owned()),
            last4: Some("4242".to_owned()),
        }),
        currency: "EUR".parse().unwrap(),
        introduces: true,
        facts: Vec::new(),
    };
    for (second, statement) in (10..).zip(statements) {
        report.facts = vec![Fact::new(at(second), statement)];
        payments::report(store, &report, at(second)).await.unwrap();
    }
    report.payment()
}

fn captured(minor: i64) -> Statement {
    Statement::Captured { reference: "ch_1".to_owned(), amount: eur(minor) }
}

pub(crate) async fn paid_in_two_parts() -> MemoryStore {
    let store = business().await;
    let invoice = issued(&store, 1).await;
    paid(&store, "pi_1", invoice, vec![captured(4_000)]).await;
    paid(&store, "pi_2", invoice, vec![captured(6_000)]).await;
    store
}

pub(crate) async fn everything_that_can_happen() -> MemoryStore {
    let store = paid_in_two_parts().await;
    customer_moves(&store).await;
    subscription_lives(&store).await;
    invoices_end(&store).await;
    payments_go_all_ways(&store).await;
    let purpose = Purpose::Issued;
    let invoice = issued(&store, 20).await;
    mail::decide(&store, invoice, purpose, at(30)).await.unwrap();
    mail::record(&store, invoice, purpose, MailState::Sent { message_id: "0102".to_owned() }).await.unwrap();
    parking::park(&store, &"stripe/main".parse().unwrap(), "evt_9", "payment pi_9", at(40)).await.unwrap();
    carried_forward(&store).await;
    store
}

/// A customer gets a method of payment.
async fn method_comes(store: &dyn Store) {
    let key = customer_key(CustomerId::from_random(1));
    let mut customer: Stored<Customer> = load(store, &key).await.unwrap().unwrap();
    let method = serde_json::json!({"account": "stripe/main", "token": "pm_1", "customer": "cus_1", "kind": "card"});
    customer.value.change_method(serde_json::from_value(method).unwrap(), at(10));
    let mut transaction = Transaction::new();
    transaction.update(&customer).unwrap();
    store.commit(transaction).await.unwrap();
}

/// A customer gets a method of payment, of which their invoices hear.
pub(crate) async fn method_comes_and_is_told() -> MemoryStore {
    let store = business().await;
    method_comes(&store).await;
    attempts::method_changed(&store, CustomerId::from_random(1), at(20)).await.unwrap();
    store
}

/// An invoice is too small to be charged, and is owed with the next one.
pub(crate) async fn carried_forward(store: &dyn Store) {
    method_comes(store).await;
    let small = draft_over(store, 30, 30, Collection::Automatic).await;
    invoices::finalise(store, small, at(50), &nothing_more).await.unwrap();
    let reached = async |_: &_| Ok::<_, saldo_books::BooksError>(());
    attempts::permission(store, small, at(51), at(51), reached).await.unwrap();
    let decline = Decline { code: Decline::TOO_SMALL.to_owned(), hard: true };
    attempts::settle(store, small, 1, AttemptState::Declined { at: at(51), decline }, at(51)).await.unwrap();
    let next = issued(store, 31).await;
    invoices::void(store, next, at(52), &nothing_more).await.unwrap();
}

pub(crate) async fn small_is_carried() -> MemoryStore {
    let store = business().await;
    carried_forward(&store).await;
    store
}

async fn customer_moves(store: &dyn Store) {
    let mut customer: Stored<Customer> = load(store, &customer_key(CustomerId::from_random(1))).await.unwrap().unwrap();
    customer.value.region = "APAC".to_owned();
    let mut transaction = Transaction::new();
    transaction.update(&customer).unwrap();
    store.commit(transaction).await.unwrap();
}

async fn subscription_lives(store: &dyn Store) {
    let item = SubscriptionItem {
        price: PriceId::from_random(1),
        product: ProductId::from_random(1),
        description: "Team plan".to_owned(),
        unit_amount: eur(4_900).amount(),
        quantity: Decimal::ONE,
        tax_rate: "0.21".parse().unwrap(),
        tax_behavior: TaxBehavior::Exclusive,
    };
    let id = SubscriptionId::from_random(1);
    let new = NewSubscription {
        id,
        customer: CustomerId::from_random(1),
        seller: SellerId::from_random(1),
        currency: "EUR".parse().unwrap(),
        items: vec![item],
        schedule: Schedule::try_new("2026-10-15".parse().unwrap(), None, Interval::MONTHLY).unwrap(),
        trial_from: None,
        ends_on: None,
        collection: Collection::Automatic,
        terms: NetTerms::try_new(14, false).unwrap(),
        started_as: Standing::Only,
    };
    create(store, &Subscription::try_new(new, chrono_tz::Europe::Amsterdam, at(NOW)).unwrap()).await;
    subscriptions::pause(store, id, at(5), &nothing_more).await.unwrap();
    subscriptions::resume(store, id, at(6), &nothing_more).await.unwrap();
    subscriptions::cancel(store, id, true, at(7), &nothing_more).await.unwrap();
}

async fn invoices_end(store: &dyn Store) {
    let void = issued(store, 2).await;
    invoices::void(store, void, at(3), &nothing_more).await.unwrap();
    let given_up = issued(store, 3).await;
    invoices::write_off(store, given_up, at(4), &nothing_more).await.unwrap();
    let dropped: Stored<Invoice> = load(store, &invoice_key(draft(store, 4).await)).await.unwrap().unwrap();
    let mut transaction = Transaction::new();
    transaction.remove(&dropped).unwrap();
    store.commit(transaction).await.unwrap();
}

async fn payments_go_all_ways(store: &dyn Store) {
    let decline = || Decline { code: "insufficient_funds".to_owned(), hard: false };
    let refund =
        |status| Statement::Refund { reference: "re_1".to_owned(), amount: eur(2_500), status, requested_as: None };
    let dispute = || "dp_1".to_owned();
    let invoice = issued(store, 5).await;
    let statements = vec![
        Statement::RequiresAction,
        Statement::Failed { reference: "ch_0".to_owned(), decline: decline() },
        Statement::Processing,
        Statement::Authorised { amount: eur(10_000) },
        // More than the invoice asks for: the rest becomes credit.
        captured(12_000),
        refund(RefundStatus::Succeeded),
        refund(RefundStatus::Failed),
        Statement::DisputeOpened { reference: dispute(), amount: eur(12_000), reason: "fraudulent".to_owned() },
        Statement::DisputeFundsWithdrawn { reference: dispute(), amount: eur(12_000), fee: Some(eur(1_500)) },
        Statement::DisputeFundsReinstated { reference: dispute(), amount: eur(12_000), fee: Some(eur(1_500)) },
        Statement::DisputeClosed { reference: dispute(), outcome: DisputeOutcome::Won },
    ];
    let payment = paid(store, "pi_5", invoice, statements).await;
    let id = RefundId::from_random(1);
    refunds::request(store, payment, id, eur(1_000), at(25), &nothing_more).await.unwrap();
    refunds::settle(store, payment, id, RefundState::Refused { decline: decline() }, at(26)).await.unwrap();
    let other = issued(store, 6).await;
    paid(store, "pi_6", other, vec![Statement::Created { amount: eur(10_000) }, Statement::Cancelled]).await;
}
