//! Sound books are found sound, and each way in which they can be broken is found.

mod carrying;
mod paying;
mod walking;

use anyhow::bail;
use chrono::{DateTime, TimeZone as _, Utc};
use rust_decimal::Decimal;
use saldo_billing::id::{CustomerId, InvoiceId, SellerId};
use saldo_billing::invoice::{Collection, Draft, Invoice, Line, LineOrigin, Origin};
use saldo_billing::ledger::Entry;
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{Fact, PaymentReport, Statement};
use saldo_billing::terms::NetTerms;
use saldo_books::{invoices, nothing_more, payments};
use saldo_money::Money;
use saldo_store::entities::{DocumentPart, LedgerEntry, NumberSeries, invoice_key, payment_key};
use saldo_store::{Condition, Entity, Item, Table, Transaction, attribute, load, to_item};
use serde_json::json;

use super::*;
use crate::verify::numbers::counters;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 2, 28, 23, 30, 0).unwrap()
}

async fn put<T: Entity>(store: &MemoryStore, entity: &T) {
    put_item(store, to_item(entity, 1).unwrap()).await;
}

async fn put_item(store: &MemoryStore, item: Item) {
    let mut transaction = Transaction::new();
    transaction.put(Table::Billing, item, Condition::Always).unwrap();
    store.commit(transaction).await.unwrap();
}

fn seller(number: u128) -> Seller {
    serde_json::from_value(json!({
        "id": SellerId::from_random(number), "name": "Nordwind GmbH", "address": {"country": "DE"}, "zone": "Europe/Berlin",
        "email": "billing@nordwind.example", "number_prefix": "N-", "provider_account": "stripe/main",
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

fn customer(number: u128) -> Customer {
    serde_json::from_value(json!({
        "id": CustomerId::from_random(number), "seller": SellerId::from_random(number), "name": "Zoë 名前",
        "email": "zoe@example.com", "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "en",
        "region": "EMEA", "channel": "web", "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

fn line(minor: i64, currency: &str, tax_rate: &str) -> Line {
    let net = Money::from_minor(minor, currency.parse().unwrap());
    Line {
        description: "Support".to_owned(),
        quantity: Decimal::ONE,
        unit_amount: net.amount(),
        net,
        gross: None,
        tax_rate: tax_rate.parse().unwrap(),
        product: None,
        origin: LineOrigin::Manual,
    }
}

async fn issued(store: &MemoryStore, number: u128, of: u128, lines: Vec<Line>) -> InvoiceId {
    let id = InvoiceId::from_random(number);
    let draft = Draft {
        id,
        origin: Origin::OneOff,
        collection: Collection::SendInvoice,
        terms: NetTerms::try_new(14, false).unwrap(),
        currency: lines[0].net.currency(),
    };
    invoices::draft(store, draft, &customer(of), lines, now(), &nothing_more).await.unwrap();
    invoices::finalise(store, id, now(), &nothing_more).await.unwrap();
    id
}

/// Two sellers, three invoices of the first in three currencies and one of the second.
pub(crate) async fn books() -> MemoryStore {
    let store = MemoryStore::new();
    for number in [1, 2] {
        put(&store, &seller(number)).await;
        put(&store, &customer(number)).await;
    }
    // Thirds of a cent: per rate the sum is rounded, not the line.
    issued(&store, 1, 1, vec![line(3_333, "EUR", "0.19"), line(3_333, "EUR", "0.19"), line(3_334, "EUR", "0.07")])
        .await;
    issued(&store, 2, 1, vec![line(5_000, "JPY", "0.1")]).await;
    issued(&store, 3, 1, vec![line(1_234, "KWD", "0")]).await;
    issued(&store, 4, 2, vec![line(9_900, "EUR", "0.21")]).await;
    store
}

/// Pages of a few items, so that every walk crosses several.
async fn page(store: &MemoryStore, after: Option<Key>) -> Result<Page> {
    let key = |item: &Item| Key::of(item).unwrap();
    let items = store.items(Table::Billing).into_iter().map(|item| (*item).clone());
    let mut rest = items.filter(|item| after.as_ref().is_none_or(|after| key(item) > *after));
    let items: Vec<Item> = rest.by_ref().take(3).collect();
    let next = rest.next().and_then(|_| items.last().map(key));
    Ok(Page { items, next })
}

async fn verified(store: &MemoryStore) -> (Vec<String>, String) {
    let mut progress = Progress::begin("billing", counters(store).await.unwrap());
    walk(store, &mut progress, Duration::ZERO, async |after| page(store, after).await, None).await.unwrap();
    let findings = progress.conclude(store, Duration::ZERO).await.unwrap();
    (findings.iter().map(ToString::to_string).collect(), progress.summary(findings.len()))
}

/// The one finding there is.
async fn finding(store: &MemoryStore) -> String {
    let (findings, _) = verified(store).await;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings[0].clone()
}

#[tokio::test]
async fn sound_books_are_found_sound_and_their_balances_told() {
    let (findings, summary) = verified(&books().await).await;
    assert_eq!(findings, [""; 0]);
    assert!(summary.contains("4 invoices and 4 entries verified: all is well"), "{summary}");
    // 100.00 and 99.00 net; 66.66 × 0.19 + 33.34 × 0.07 + 99.00 × 0.21 tax.
    for balance in ["-199.00 EUR", "-35.79 EUR", "234.79 EUR", "5500 JPY", "1.234 KWD"] {
        assert!(summary.contains(balance), "{balance} is missing in {summary}");
    }
}

#[tokio::test]
async fn an_entry_that_does_not_balance_is_found() {
    let store = books().await;
    let postings = serde_json::from_value(json!({
        "receivable": {"amount": "1.00", "currency": "EUR"}, "revenue": {"amount": "-0.99", "currency": "EUR"},
    }));
    let entry =
        Entry { seller: SellerId::from_random(1), cause: "typo".into(), at: now(), postings: postings.unwrap() };
    put(&store, &LedgerEntry::of_invoice(InvoiceId::from_random(1), entry)).await;
    let (findings, _) = verified(&store).await;
    let id = InvoiceId::from_random(1);
    assert_eq!(
        findings[0],
        format!("I2 ledger   entry INVOICE#{id}|ENTRY#typo does not balance: 0.01 EUR is left over")
    );
    assert!(findings[1].contains(&format!("invoice {id}: its facts come to")), "{findings:#?}");
    assert_eq!(findings[2], "I2 ledger   all accounts in EUR sum to 0.01 EUR, expected zero");
}

#[tokio::test]
async fn an_entry_that_is_missing_is_found_though_the_others_balance() {
    let store = books().await;
    let id = InvoiceId::from_random(4);
    remove(&store, Key::new(format!("INVOICE#{id}"), "ENTRY#finalised")).await;
    let found = finding(&store).await;
    assert!(found.starts_with("I2 ledger") && found.ends_with("its entries to nothing"), "{found}");
}

async fn remove(store: &MemoryStore, key: Key) {
    let mut transaction = Transaction::new();
    transaction.delete(Table::Billing, key, Condition::Present).unwrap();
    store.commit(transaction).await.unwrap();
}

#[tokio::test]
async fn entries_without_their_invoice_are_found() {
    let store = books().await;
    remove(&store, invoice_key(InvoiceId::from_random(4))).await;
    let (findings, _) = verified(&store).await;
    assert!(findings[0].ends_with("has 1 entries, and neither an invoice nor a payment"), "{findings:#?}");
    assert!(findings[1].starts_with("I4 numbers") && findings[1].ends_with("no invoice has 1"), "{findings:#?}");
}

#[tokio::test]
async fn a_payment_without_invoice_whose_entry_is_missing_is_found() {
    let store = books().await;
    let captured =
        Statement::Captured { reference: "ch_9".into(), amount: Money::from_minor(700, "EUR".parse().unwrap()) };
    let report = PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: "pi_9".into(),
        invoice: None,
        attempt: None,
        page: None,
        method: None,
        currency: "EUR".parse().unwrap(),
        introduces: true,
        facts: vec![Fact::new(now(), captured)],
    };
    payments::report(&store, &report, now()).await.unwrap();
    assert_eq!(verified(&store).await.0, [""; 0]);
    let keys: Vec<Key> = store.items(Table::Billing).iter().filter_map(|item| Key::of(item)).collect();
    let entry = keys.into_iter().find(|key| key.pk.starts_with("PAYMENT#") && key.sk.starts_with(LedgerEntry::PREFIX));
    remove(&store, entry.unwrap()).await;
    let found = finding(&store).await;
    assert!(
        found.contains("I2 ledger   payment pay_") && found.contains("7.00 EUR, its entries to nothing"),
        "{found}"
    );
}

#[tokio::test]
async fn a_number_that_no_invoice_has_is_found() {
    let store = books().await;
    let series = NumberSeries::INVOICES.to_owned();
    put(&store, &NumberSeries { seller: SellerId::from_random(1), series, last: 5 }).await;
    let found = finding(&store).await;
    assert!(
        found.starts_with("I4 numbers") && found.ends_with("has given out 5 numbers; no invoice has 4 to 5"),
        "{found}"
    );
}

#[tokio::test]
async fn a_number_on_two_invoices_and_one_beyond_the_counter_are_found() {
    let store = books().await;
    let mut invoice = load::<Invoice>(&store, &invoice_key(InvoiceId::from_random(2))).await.unwrap().unwrap().value;
    let with_number = |invoice: &Invoice, sequence: u64| -> Invoice {
        let mut value = serde_json::to_value(invoice).unwrap();
        value["issued"]["number"]["sequence"] = sequence.into();
        let mut numbered: Invoice = serde_json::from_value(value).unwrap();
        numbered.progress.next = invoice.progress.next;
        numbered
    };
    invoice = with_number(&invoice, 3);
    put(&store, &invoice).await;
    let (findings, _) = verified(&store).await;
    assert!(findings[0].contains("number 3 of seller"), "{findings:#?}");
    assert!(findings[1].ends_with("no invoice has 2"), "{findings:#?}");
    put(&store, &with_number(&invoice, 7)).await;
    let (findings, _) = verified(&store).await;
    assert!(findings[1].contains("has number 7, seller") && findings[1].ends_with("has given out 3"), "{findings:#?}");
}

#[tokio::test]
async fn numbers_given_out_during_the_walk_are_no_gaps() {
    let store = books().await;
    let mut progress = Progress::begin("billing", counters(&store).await.unwrap());
    walk(&store, &mut progress, Duration::ZERO, async |after| page(&store, after).await, None).await.unwrap();
    // Behind the place where the walk is: it will not be seen.
    issued(&store, 5, 1, vec![line(1, "EUR", "0")]).await;
    assert_eq!(progress.conclude(&store, Duration::ZERO).await.unwrap(), []);
}

#[tokio::test]
async fn totals_that_are_not_those_of_the_lines_are_found() {
    let store = books().await;
    let id = InvoiceId::from_random(1);
    let key = Key::new(format!("INVOICE#{id}"), format!("{}0000", DocumentPart::PREFIX));
    let mut part = load::<DocumentPart>(&store, &key).await.unwrap().unwrap().value;
    part.document.as_mut().unwrap().lines[0].net = Money::from_minor(3_332, "EUR".parse().unwrap());
    put(&store, &part).await;
    let found = finding(&store).await;
    assert!(found.contains("come to 99.99 + 14.99 = 114.98, its totals say 100.00 + 15.00 = 115.00 EUR"), "{found}");
    part.parts = 2;
    put(&store, &part).await;
    assert!(finding(&store).await.ends_with("parts of its document are missing"));
}
