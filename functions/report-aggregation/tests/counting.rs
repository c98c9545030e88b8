//! Batches of the stream and walks, through the handler.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test stops at the first surprise"
)]

mod business;

use std::time::Duration;

use aws_lambda_events::dynamodb::Event;
use report_aggregation::config::Config;
use report_aggregation::handler::{HandleError, Input, Output, handle};
use saldo_billing::report::{By, Days, ReportName};
use saldo_books::reports::query;
use saldo_runtime::budget::Budget;
use saldo_runtime::config::Environment;
use saldo_runtime::stream::delivered;
use saldo_store::memory::MemoryStore;
use saldo_store::{AttributeValue, Condition, Item, Key, Store, Table, Transaction};

use self::business::{Business, now};

fn budget() -> Budget {
    Budget::lasting(Duration::from_secs(50))
}

fn input(event: Event) -> Input {
    serde_json::from_value(serde_json::to_value(event).unwrap()).unwrap()
}

async fn answer(store: &dyn Store, event: Event) -> serde_json::Value {
    serde_json::to_value(handle(store, input(event), budget()).await.unwrap()).unwrap()
}

async fn revenue(store: &dyn Store) -> Vec<String> {
    let days = Days::try_new("2026-10-01".parse().unwrap(), "2026-10-31".parse().unwrap()).unwrap();
    let report = query(store, ReportName::Revenue, By::Region, days, None).await.unwrap();
    let rows = serde_json::to_value(&report.rows).unwrap();
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row["key"], row["net"]["amount"]).replace('"', ""))
        .collect()
}

fn sample_text(name: &str) -> String {
    let path = format!("{}/../../events/report-aggregation/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn sample(name: &str) -> Event {
    serde_json::from_str(&sample_text(name)).unwrap()
}

async fn put(store: &MemoryStore, item: Item) {
    let mut transaction = Transaction::new();
    transaction.put(Table::Billing, item, Condition::Always).unwrap();
    store.commit(transaction).await.unwrap();
}

#[tokio::test]
async fn the_sample_events_are_counted() {
    let mut business = Business::new().await;
    let invoice = business.invoice(1, 10_000).await;
    business.pay(invoice, 1, 11_900).await;
    for name in ["invoice-finalised", "invoice-paid", "invoice-finalised"] {
        assert_eq!(answer(&business.store, sample(name)).await["batchItemFailures"], serde_json::json!([]), "{name}");
    }
    assert_eq!(revenue(&business.store).await, ["EMEA 100.00"]);
}

#[tokio::test]
async fn a_batch_told_twice_is_counted_once() {
    let mut business = Business::new().await;
    for n in 1..=3 {
        business.invoice(n, 10_000).await;
    }
    let event = delivered(&business.store.changes_since(0), now());
    for _ in 0..2 {
        answer(&business.store, event.clone()).await;
    }
    assert_eq!(revenue(&business.store).await, ["EMEA 300.00"]);
}

#[tokio::test]
async fn a_change_that_cannot_be_read_is_the_checkpoint_and_all_around_it_is_counted() {
    let mut business = Business::new().await;
    business.invoice(1, 10_000).await;
    let poison = business.told();
    let bad = business.invoice(2, 500).await;
    business.invoice(3, 2_000).await;
    let changes = business.store.changes_since(0);
    let item = business
        .store
        .items(Table::Billing)
        .into_iter()
        .find(|item| Key::of(item).is_some_and(|key| key == saldo_store::entities::invoice_key(bad)));
    let mut item = (*item.unwrap()).clone();
    item.insert("totals".to_owned(), AttributeValue::S("none".to_owned()));
    put(&business.store, item).await;
    let answer = answer(&business.store, delivered(&changes, now())).await;
    // The draft of the invoice is the first change that leads to it.
    let expected = serde_json::json!([{ "itemIdentifier": format!("{:021}", poison + 1) }]);
    assert_eq!(answer["batchItemFailures"], expected);
    assert_eq!(revenue(&business.store).await, ["EMEA 120.00"]);
}

#[tokio::test]
async fn a_sale_that_cannot_be_counted_goes_on_at_the_first_change_that_leads_to_it() {
    let mut business = Business::new().await;
    let invoice = business.invoice(1, 10_000).await;
    let issued = business.told();
    for n in 1..=3 {
        business.pay(invoice, n, 1_000).await;
    }
    let mut payments = business.store.changes_since(issued);
    payments.retain(|change| change.key.sk == "PAYMENT");
    let invoices = business.store.changes_since(0).into_iter().filter(|change| change.key.sk == "INVOICE");
    // What the invoice sold is not known, as when the store does not answer.
    for item in business.store.items(Table::Billing) {
        if Key::of(&item).is_some_and(|key| key.pk.starts_with("INVOICE#") && key.sk.starts_with("DOCUMENT")) {
            let mut item = (*item).clone();
            item.retain(|name, _| ["pk", "sk"].contains(&name.as_str()));
            put(&business.store, item).await;
        }
    }
    assert_eq!(payments.len(), 3);
    // The ids of payments are in no order, and the invoice's come before them.
    for _ in &payments.clone() {
        payments.rotate_left(1);
        let changes: Vec<_> = payments.iter().cloned().chain(invoices.clone()).collect();
        let answer = answer(&business.store, delivered(&changes, now())).await;
        let expected = serde_json::json!([{ "itemIdentifier": format!("{:021}", payments[0].sequence) }]);
        assert_eq!(answer["batchItemFailures"], expected);
    }
    assert_eq!(revenue(&business.store).await, [""; 0]);
}

#[tokio::test]
async fn the_sample_with_poison_names_it() {
    let business = Business::new().await;
    let event = sample("poison-neighbours");
    for record in &event.records {
        put(&business.store, record.change.new_image.clone()).await;
    }
    let answer = answer(&business.store, event).await;
    assert_eq!(answer["batchItemFailures"], serde_json::json!([{ "itemIdentifier": "000000000000000000002" }]));
    assert_eq!(revenue(&business.store).await, ["EMEA 100.00"]);
}

#[tokio::test]
async fn a_walk_fills_an_empty_table_and_goes_on_where_it_stopped() {
    let mut business = Business::new().await;
    for n in 1..=70 {
        let invoice = business.invoice(n, 1_000).await;
        business.pay(invoice, n, 1_190).await;
    }
    let (mut input, mut steps, mut looked_at) = (sample_text("rebuild"), 0, 0);
    loop {
        let wish = serde_json::from_str(&input).unwrap();
        // With no time left, a walk takes one step and says where it stopped.
        let Output::Walked(walked) = handle(&business.store, wish, Budget::lasting(Duration::ZERO)).await.unwrap()
        else {
            panic!("a walk was asked for");
        };
        assert!(walked.refused.is_empty());
        looked_at += walked.looked_at;
        steps += 1;
        let next = serde_json::to_value(walked).unwrap()["next"].clone();
        if next.is_null() {
            break;
        }
        input = serde_json::json!({ "rebuild": next }).to_string();
    }
    assert_eq!((steps, looked_at), (4, 140));
    assert_eq!(revenue(&business.store).await, ["EMEA 700.00"]);
}

#[tokio::test]
async fn an_input_of_another_kind_fails_with_what_was_expected() {
    let error = handle(&MemoryStore::new(), Input::default(), budget()).await.unwrap_err();
    assert!(matches!(error, HandleError::Input));
    assert_eq!(error.to_string(), "expected `Records` of a table's stream or `rebuild`, found neither");
}

#[test]
fn a_missing_variable_is_named() {
    let error = Config::read(&Environment::from_pairs([("BILLING_TABLE", "billing")])).unwrap_err();
    assert!(error.to_string().contains("REPORTS_TABLE"), "{error}");
}
