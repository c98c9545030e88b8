//! What is sent to Stripe: the same to the byte each time, under its key, and recorded for the judge `tests/judges/stripe_params.py`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod bench;

use std::path::Path;

use bench::{Behaves, Bench, OnTwin, Sent, charge, looking_for, money, opened, order, page};
use serde_json::{Value, json};

/// Every call of the port, with the forms it can take.
async fn everything(bench: &OnTwin) {
    let gateway = bench.gateway();
    let method = bench.method(Behaves::Pays);
    let request = charge(&method, 1, money("23.79", "EUR"));
    let reference = gateway.charge(&request).await.unwrap().report.unwrap().reference;
    gateway.look_up(&looking_for(&request)).await.unwrap();
    // Taken already: the state is asked for.
    gateway.call_off(&reference).await.unwrap();
    let order = order(1, &reference, money("3.79", "EUR"));
    gateway.refund(&order).await.unwrap();
    gateway.look_up_refund(&order).await.unwrap();
    let mut page = page(money("1250", "JPY"));
    let opened = opened(gateway.open_page(&page).await.unwrap());
    gateway.close_page(&opened.reference).await.unwrap();
    // Closed already: the state is asked for.
    gateway.close_page(&opened.reference).await.unwrap();
    page.provider_customer = Some(method.customer);
    page.idempotency_key.push_str("/known");
    gateway.open_page(&page).await.unwrap();
    page.provider_customer = None;
    page.save_method = false;
    page.idempotency_key.push_str("/unsaved");
    gateway.open_page(&page).await.unwrap();
}

/// The requests as the judge reads them. The folder is Cargo's own for what tests leave behind, `target/tmp`.
#[tokio::test]
async fn every_call_is_recorded_for_the_judge() {
    let bench = OnTwin::new();
    everything(&bench).await;
    let requests: Vec<Value> = bench
        .sent()
        .iter()
        .map(|sent| {
            let form = if sent.method == "GET" { &sent.query } else { &sent.body };
            json!({ "method": sent.method, "path": sent.path, "form": form, "idempotency_key": sent.idempotency_key, "version": sent.version })
        })
        .collect();
    assert!(requests.len() >= 10, "{}", requests.len());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stripe-requests.json");
    std::fs::write(file, serde_json::to_string_pretty(&requests).unwrap()).unwrap();
}

#[tokio::test]
async fn the_same_calls_are_the_same_bytes() {
    let (first, second) = (OnTwin::new(), OnTwin::new());
    everything(&first).await;
    everything(&second).await;
    assert_eq!(first.sent(), second.sent());
}

#[tokio::test]
async fn a_charge_carries_its_key_its_version_and_who_it_is_for() {
    let bench = OnTwin::new();
    let method = bench.method(Behaves::Pays);
    let request = charge(&method, 3, money("35.20", "BHD"));
    bench.gateway().charge(&request).await.unwrap();
    let sent: Sent = bench.sent().pop().unwrap();
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/v1/payment_intents"));
    assert_eq!(sent.idempotency_key, Some(request.idempotency_key.clone()));
    assert_eq!(sent.version.as_deref(), Some(saldo_gateways::stripe::API_VERSION));
    let expected = [
        "amount=35200",
        "currency=bhd",
        &format!("customer={}", method.customer),
        &format!("payment_method={}", method.token),
        "off_session=true",
        "confirm=true",
        "automatic_payment_methods%5Benabled%5D=true",
        "automatic_payment_methods%5Ballow_redirects%5D=never",
        "description=Rechnung+RE-2026-0007+f%C3%BCr+Zo%C3%AB+%E5%90%8D%E5%89%8D",
        &format!("metadata%5Bsaldo_invoice%5D={}", request.invoice),
        "metadata%5Bsaldo_attempt%5D=3",
        "expand%5B0%5D=latest_charge",
    ];
    assert_eq!(sent.body, expected.join("&"));
}

#[tokio::test]
async fn what_is_paid_on_a_page_names_the_invoice_and_the_page() {
    let bench = OnTwin::new();
    bench.gateway().open_page(&page(money("23.79", "EUR"))).await.unwrap();
    let body = bench.sent().pop().unwrap().body;
    let invoice = page(money("23.79", "EUR")).invoice;
    for part in [format!("%5Bsaldo_invoice%5D={invoice}"), "%5Bsaldo_page%5D=1f0c93ab".to_owned()] {
        let metadata = format!("payment_intent_data%5Bmetadata%5D{part}");
        assert!(body.split('&').any(|field| field == metadata), "{metadata} is not in {body}");
    }
}

#[tokio::test]
async fn a_look_up_asks_for_the_customers_payments_since_before_the_charge() {
    let bench = OnTwin::new();
    let method = bench.method(Behaves::Pays);
    let request = charge(&method, 1, money("23.79", "EUR"));
    bench.gateway().look_up(&looking_for(&request)).await.unwrap();
    let sent = bench.sent().pop().unwrap();
    let since = bench::now().timestamp() - 3_600;
    assert_eq!((sent.method.as_str(), sent.path.as_str(), sent.idempotency_key), ("GET", "/v1/payment_intents", None));
    assert_eq!(
        sent.query,
        format!("customer={}&created%5Bgte%5D={since}&limit=100&expand%5B0%5D=data.latest_charge", method.customer)
    );
}
