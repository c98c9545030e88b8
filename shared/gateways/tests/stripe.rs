//! Stripe's adapter where it differs from the contract, and its events against its answers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test stops at the first surprise"
)]

mod bench;

use std::collections::BTreeMap;
use std::sync::Arc;

use bench::{API_KEY, Behaves, Bench, OnTwin, account, charge, looking_for, money, now, opened, order, page};
use bytes::Bytes;
use chrono::TimeDelta;
use http::{HeaderMap, Request, Response};
use proptest::prelude::*;
use proptest::sample::Index;
use provider_twin::{Endpoint, Fault, FaultKind};
use saldo_billing::id::InvoiceId;
use saldo_billing::payment::{Payment, PaymentReport, PaymentStatus};
use saldo_gateways::http::{Transport, TransportError};
use saldo_gateways::memory::MemoryGateway;
use saldo_gateways::provider::ConnectError;
use saldo_gateways::stripe::amount::from_stripe;
use saldo_gateways::{
    ChargeKind, Connection, Gateway, GatewayError, LookUpOutcome, News, PageClosed, PageOpened, Rejection, connect,
    provider,
};
use saldo_money::{Currency, Money};

const SECRET: &str = "whsec_bench";

fn fault(kind: FaultKind, method: &str) -> Fault {
    Fault {
        kind,
        method: Some(method.to_owned()),
        path: Some("/v1/".to_owned()),
        times: 1,
        commit: true,
        delay_ms: None,
    }
}

#[tokio::test]
async fn what_stripe_cannot_express_stays_open() {
    let bench = OnTwin::new();
    let request = charge(&bench.method(Behaves::Pays), 1, money("5.124", "KWD"));
    let report = bench.gateway().charge(&request).await.unwrap().report.unwrap();
    let mut payment = Payment::introduced_by(&report);
    payment.apply(&report).unwrap();
    assert_eq!(payment.standing().unwrap().captured, money("5.120", "KWD"));
}

#[tokio::test]
async fn a_currency_that_stripe_does_not_take_is_refused_unsent() {
    let bench = OnTwin::new();
    let request = charge(&bench.method(Behaves::Pays), 1, money("1.0000", "CLF"));
    assert!(matches!(bench.gateway().charge(&request).await, Err(GatewayError::Refused { .. })));
    assert!(bench.sent().is_empty());
}

#[tokio::test]
async fn a_method_that_is_gone_is_a_hard_decline_without_a_payment() {
    let bench = OnTwin::new();
    let mut method = bench.method(Behaves::Pays);
    method.token = "pm_gone".to_owned();
    let outcome = bench.gateway().charge(&charge(&method, 1, money("23.79", "EUR"))).await.unwrap();
    assert!(
        matches!(outcome.kind, ChargeKind::Declined { decline } if decline.hard && decline.code == "resource_missing")
    );
    assert_eq!(outcome.report, None);
}

#[tokio::test]
async fn html_with_status_200_and_a_conflict_are_unknown() {
    for kind in [FaultKind::Html, FaultKind::Conflict] {
        let bench = OnTwin::new();
        let request = charge(&bench.method(Behaves::Pays), 1, money("23.79", "EUR"));
        bench.fault(fault(kind, "POST"));
        assert!(bench.gateway().charge(&request).await.unwrap_err().is_unknown(), "{kind:?}");
        assert_eq!(bench.gateway().charge(&request).await.unwrap().kind, ChargeKind::Succeeded);
        assert_eq!(bench.times_taken(), 1);
    }
}

#[tokio::test]
async fn a_key_that_is_not_let_in_changes_nothing() {
    let bench = OnTwin::new();
    let request = charge(&bench.method(Behaves::Pays), 1, money("23.79", "EUR"));
    let stranger = OnTwin::connected(&bench.transport, "sk_test_stranger");
    assert!(matches!(stranger.charge(&request).await, Err(GatewayError::Forbidden { .. })));
    assert_eq!(bench.times_taken(), 0);
}

#[tokio::test]
async fn a_charge_is_found_behind_pages_of_others() {
    let bench = OnTwin::new();
    let method = bench.method(Behaves::Pays);
    let wanted = charge(&method, 1, money("23.79", "EUR"));
    bench.gateway().charge(&wanted).await.unwrap();
    for other in 2..260 {
        let mut request = charge(&method, other, money("1.00", "EUR"));
        request.invoice = InvoiceId::from_random(u128::from(other));
        bench.gateway().charge(&request).await.unwrap();
    }
    let before = bench.sent().len();
    let LookUpOutcome::Found(found) = bench.gateway().look_up(&looking_for(&wanted)).await.unwrap() else {
        panic!("the charge was not found");
    };
    assert_eq!(found.report.unwrap().attempt, Some(1));
    assert_eq!(bench.sent().len() - before, 3);
}

#[tokio::test]
async fn another_customers_or_another_attempts_charge_is_not_taken_for_ours() {
    let bench = OnTwin::new();
    let method = bench.method(Behaves::Pays);
    bench.gateway().charge(&charge(&method, 1, money("23.79", "EUR"))).await.unwrap();
    let second = charge(&method, 2, money("23.79", "EUR"));
    assert_eq!(bench.gateway().look_up(&looking_for(&second)).await.unwrap(), LookUpOutcome::NotFound);
    let elsewhere = charge(&bench.method(Behaves::Pays), 1, money("23.79", "EUR"));
    assert_eq!(bench.gateway().look_up(&looking_for(&elsewhere)).await.unwrap(), LookUpOutcome::NotFound);
}

#[tokio::test]
async fn a_debit_that_bounced_is_found_failed_even_after_its_processing_was_told_later() {
    let bench = OnTwin::new();
    let request = charge(&bench.method(Behaves::PaysLater), 1, money("119.00", "EUR"));
    let begun = bench.gateway().charge(&request).await.unwrap().report.unwrap();
    let mut event = begun.clone();
    for fact in &mut event.facts {
        fact.at += TimeDelta::seconds(2);
    }
    let mut payment = Payment::introduced_by(&event);
    payment.apply(&event).unwrap();
    bench.transport.twin.lock().unwrap().set_now(now() + TimeDelta::days(3));
    bench.call(
        &format!("/_twin/payment_intents/{}/settle", begun.reference),
        r#"{"decline_code":"insufficient_funds"}"#,
    );
    let LookUpOutcome::Found(found) = bench.gateway().look_up(&looking_for(&request)).await.unwrap() else {
        panic!("the charge was not found");
    };
    assert!(matches!(found.kind, ChargeKind::Declined { .. }));
    payment.apply(&found.report.unwrap()).unwrap();
    assert_eq!(payment.status(), PaymentStatus::Failed);
}

#[tokio::test]
async fn a_page_that_was_never_opened_cannot_be_closed() {
    let bench = OnTwin::new();
    for reference in ["cs_test_none", "", "../customers", "cs_1?x=1"] {
        assert!(
            matches!(bench.gateway().close_page(reference).await, Err(GatewayError::Refused { .. })),
            "{reference}"
        );
    }
}

#[test]
fn a_connection_needs_a_key_and_a_private_address() {
    let attempt = |account: &str, key: &str, base: Option<&str>| {
        let transport = OnTwin::new().transport;
        let api_base = base.map(ToOwned::to_owned);
        connect(Connection { account: account.parse().unwrap(), api_key: key.into(), api_base, transport })
    };
    assert!(attempt("stripe/main", "sk_test_1", None).is_ok());
    assert!(attempt("stripe/main", "sk_test_1", Some("http://127.0.0.1:1")).is_ok());
    assert!(matches!(attempt("stripe/main", "", None), Err(ConnectError::ApiKey { .. })));
    assert!(matches!(attempt("stripe/main", "sk\n", None), Err(ConnectError::ApiKey { .. })));
    assert!(matches!(attempt("stripe/main", "sk", Some("http://stripe.example")), Err(ConnectError::ApiBase { .. })));
    assert!(matches!(attempt("nobody/main", "sk", None), Err(ConnectError::UnknownProvider { .. })));
}

#[test]
fn no_error_and_no_debug_text_shows_the_key() {
    let bench = OnTwin::new();
    let connection = Connection {
        account: account(),
        api_key: "sk_live_secret".into(),
        api_base: None,
        transport: Arc::<bench::InProcess>::clone(&bench.transport),
    };
    assert!(!format!("{connection:?}").contains("sk_live_secret"));
}

/// A transport that is never reached, and one that says where it was asked to go.
#[derive(Debug)]
struct Unreachable;

#[async_trait::async_trait]
impl Transport for Unreachable {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        Err(TransportError::NotSent { host: "api.stripe.com".to_owned(), source: "no route".into() })
    }
}

#[tokio::test]
async fn not_connected_is_not_sent() {
    let connection =
        Connection { account: account(), api_key: "sk".into(), api_base: None, transport: Arc::new(Unreachable) };
    let gateway = connect(connection).unwrap();
    assert!(matches!(gateway.open_page(&page(money("23.79", "EUR"))).await, Err(GatewayError::NotSent { .. })));
}

#[tokio::test]
async fn c4_a_page_asks_for_what_stripe_can_take_in_a_currency_it_takes() {
    let bench = OnTwin::new();
    opened(bench.gateway().open_page(&page(money("5.124", "KWD"))).await.unwrap());
    let sent = bench.sent();
    assert!(sent[0].body.contains("unit_amount%5D=5120&"), "{}", sent[0].body);
    let refused = bench.gateway().open_page(&page(money("1.0000", "CLF"))).await.unwrap();
    assert_eq!(refused, PageOpened::NotInCurrency);
    assert_eq!(bench.sent().len(), 1, "nobody was asked");
}

/// Everything that an account's events say about payments, each with its signature checked.
fn told(bench: &OnTwin) -> Vec<PaymentReport> {
    let mut twin = bench.transport.twin.lock().unwrap();
    let stripe = provider("stripe").unwrap();
    let mut reports = Vec::new();
    for delivery in twin.take_due_deliveries() {
        let mut headers = HeaderMap::new();
        headers.insert("stripe-signature", delivery.signature(twin.now()).parse().unwrap());
        let body = delivery.body.as_bytes();
        let head = stripe.authenticate(body, &headers, &[SECRET.to_owned()], twin.now()).unwrap();
        assert_eq!(
            stripe.authenticate(body, &headers, &["whsec_b".to_owned()], twin.now()),
            Err(Rejection::BadSignature)
        );
        let reading = stripe.read(&account(), body).unwrap();
        assert_eq!((reading.id, reading.kind, reading.created_at), (head.id, head.kind, head.created_at));
        reports.extend(reading.news.into_iter().filter_map(|news| match news {
            News::Payment(report) => Some(report),
            News::Method(_) | News::MethodDetached { .. } | News::Page(_) | News::Setup(_) | News::Payout(_) => None,
        }));
    }
    reports
}

/// The books of all payments that were told of, in the order of the reports; what nobody introduced yet waits.
fn fold(reports: impl Iterator<Item = PaymentReport>) -> BTreeMap<String, Payment> {
    let (introducing, adding): (Vec<_>, Vec<_>) = reports.partition(|report| report.introduces);
    let mut payments = BTreeMap::new();
    for report in introducing.iter().chain(&adding) {
        let payment = payments.entry(report.reference.clone()).or_insert_with(|| Payment::introduced_by(report));
        payment.apply(report).unwrap();
    }
    payments
}

/// A business with every turn that a payment can take; returns what the answers told.
async fn lively(bench: &OnTwin) -> Vec<PaymentReport> {
    let endpoint = Endpoint {
        url: "http://127.0.0.1:1/".to_owned(),
        secret: SECRET.to_owned(),
        enabled_events: provider_twin::all_events(),
        automatic: true,
        copies: 1,
        newest_first: false,
        delay_seconds: 0,
        at_once: 1,
    };
    assert!(bench.transport.twin.lock().unwrap().set_endpoint(API_KEY, Some(endpoint)));
    let gateway = bench.gateway();
    let mut answers = Vec::new();
    let mut at = now();
    let turns = [
        (Behaves::Pays, "23.79", "EUR"),
        (Behaves::LacksFunds, "23.79", "EUR"),
        (Behaves::PaysLater, "119.00", "EUR"),
        (Behaves::Pays, "35.20", "BHD"),
        (Behaves::Pays, "500", "JPY"),
        (Behaves::Pays, "99.00", "EUR"),
        (Behaves::Pays, "42.00", "EUR"),
    ];
    for (attempt, (behaves, amount, currency)) in (1..).zip(turns) {
        let request = charge(&bench.method(behaves), attempt, money(amount, currency));
        answers.extend(gateway.charge(&request).await.unwrap().report);
        at += TimeDelta::hours(5);
        bench.transport.twin.lock().unwrap().set_now(at);
    }
    let reference = |index: usize| answers[index].reference.clone();
    let (refunded, disputed, lost, debit) = (reference(0), reference(5), reference(6), reference(2));
    let first = gateway.refund(&order(1, &refunded, money("3.79", "EUR"))).await.unwrap().report.unwrap();
    let second = gateway.refund(&order(2, &refunded, money("10.00", "EUR"))).await.unwrap().report.unwrap();
    for (payment, won) in [(disputed, true), (lost, false)] {
        let dispute = bench.call("/_twin/disputes", &format!(r#"{{"payment_intent":"{payment}"}}"#))["id"].clone();
        at += TimeDelta::days(1);
        bench.transport.twin.lock().unwrap().set_now(at);
        bench.call(&format!("/_twin/disputes/{}/close", dispute.as_str().unwrap()), &format!(r#"{{"won":{won}}}"#));
    }
    bench.transport.twin.lock().unwrap().set_now(at + TimeDelta::days(6));
    let back = gateway.refund(&order(3, &debit, money("119.00", "EUR"))).await.unwrap().report.unwrap();
    let serde = serde_json::to_value(&back.facts).unwrap();
    bench.call(
        &format!("/_twin/refunds/{}/finish", serde[0]["reference"].as_str().unwrap()),
        r#"{"failure_reason":"declined"}"#,
    );
    answers.extend([first, second, back]);
    answers
}

fn minor(amount: i64, code: &str) -> Money {
    from_stripe(amount, code.to_ascii_uppercase().parse::<Currency>().unwrap()).unwrap()
}

/// Compares our books with those that the twin kept where the money moved.
fn agree(payments: &BTreeMap<String, Payment>, bench: &OnTwin) {
    let twin = bench.transport.twin.lock().unwrap();
    let summary = twin.books(API_KEY).unwrap().summary();
    assert!(!summary.payments.is_empty());
    for (reference, payment) in payments {
        let standing = payment.standing().unwrap();
        match summary.payments.get(reference) {
            None => assert!(standing.captured.is_zero(), "{reference}"),
            Some(theirs) => {
                let ours =
                    (standing.captured, standing.refunded, standing.disputed.checked_add(standing.lost).unwrap());
                let code = theirs.currency.as_str();
                let sums = theirs.sums;
                assert_eq!(
                    ours,
                    (minor(sums.charged, code), minor(sums.refunded, code), minor(sums.disputed, code)),
                    "{reference}"
                );
            }
        }
    }
    assert!(summary.payments.keys().all(|reference| payments.contains_key(reference)));
}

#[tokio::test]
async fn events_alone_give_the_books_that_the_provider_keeps() {
    let bench = OnTwin::new();
    lively(&bench).await;
    let events = told(&bench);
    agree(&fold(events.into_iter()), &bench);
}

#[tokio::test]
async fn answers_and_events_together_count_nothing_twice() {
    let bench = OnTwin::new();
    let answers = lively(&bench).await;
    let events = told(&bench);
    let payments = fold(answers.into_iter().chain(events));
    agree(&payments, &bench);
    assert_eq!(payments.values().filter(|payment| payment.status() == PaymentStatus::Failed).count(), 1);
}

/// The reports of one life, told once for all cases.
fn life() -> Vec<PaymentReport> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let bench = OnTwin::new();
        let mut reports = lively(&bench).await;
        reports.extend(told(&bench));
        reports
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn w2_the_provider_may_tell_in_any_order_and_as_often_as_it_likes(
        order in Just((0..life().len()).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(any::<Index>(), 0..40),
    ) {
        let reports = life();
        let shuffled: Vec<_> = order.iter().map(|index| reports[*index].clone()).collect();
        let repeated: Vec<_> = again.iter().map(|index| index.get(&reports).clone()).collect();
        let told = fold(shuffled.into_iter().chain(repeated));
        prop_assert_eq!(serde_json::to_string(&told).unwrap(), serde_json::to_string(&fold(reports.into_iter())).unwrap());
    }
}

#[tokio::test]
async fn the_twin_in_memory_decides_a_debit_when_told_to() {
    let gateway = MemoryGateway::new(account(), now());
    gateway.script_charges([saldo_gateways::memory::Scripted::Process]);
    let memory = bench::Memory::new();
    let request = charge(&memory.method(Behaves::Pays), 1, money("23.79", "EUR"));
    let reference = gateway.charge(&request).await.unwrap().report.unwrap().reference;
    assert!(gateway.decide(&reference, None) && !gateway.decide(&reference, None));
    assert_eq!(gateway.times_taken(), 1);
    let page = opened(gateway.open_page(&page(money("23.79", "EUR"))).await.unwrap());
    gateway.close_page(&page.reference).await.unwrap();
    assert_eq!(gateway.pay_page(&page.reference), None);
    assert!(matches!(gateway.close_page(&page.reference).await, Ok(PageClosed::Closed)));
}
