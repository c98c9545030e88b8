//! The sample events of `events/providers/stripe`, one by one: what each states.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::path::PathBuf;

use saldo_billing::payment::{Fact, PaymentReport};
use saldo_billing::provider::ProviderAccount;
use saldo_gateways::{News, Reading, provider};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events/providers/stripe")
}

fn account() -> ProviderAccount {
    "stripe/main".parse().unwrap()
}

fn read(name: &str) -> Reading {
    let body = std::fs::read(folder().join(format!("{name}.json"))).unwrap();
    provider("stripe").unwrap().read(&account(), &body).unwrap()
}

/// A fact in one line: `captured 23.79 EUR`.
fn line(fact: &Fact) -> String {
    let value = serde_json::to_value(fact).unwrap();
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let amount = value
        .get("amount")
        .map(|money| format!("{} {}", money["amount"].as_str().unwrap(), money["currency"].as_str().unwrap()));
    let fee = value.get("fee").map(|money| format!("fee {}", money["amount"].as_str().unwrap()));
    let decline = value.get("decline").map(|no| format!("{} hard={}", no["code"].as_str().unwrap(), no["hard"]));
    let parts = [
        text(&value["kind"]),
        amount,
        fee,
        text(&value["status"]),
        text(&value["outcome"]),
        text(&value["reason"]),
        decline,
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn told(news: &News) -> String {
    match news {
        News::Payment(report) => {
            let facts: Vec<_> = report.facts.iter().map(line).collect();
            format!("{}: {}", if report.introduces { "payment" } else { "addition" }, facts.join(", "))
        }
        News::Method(report) => {
            format!("method {} {:?} {:?}", report.method.kind, report.method.network, report.method.expires)
        }
        News::MethodDetached { customer, .. } => format!("detached, known customer: {}", customer.is_some()),
        News::Page(report) => format!(
            "page {:?}, invoice: {}, payment: {}",
            report.state,
            report.invoice.is_some(),
            report.payment.is_some()
        ),
        News::Setup(report) => format!(
            "setup, token: {}, decline: {:?}",
            report.token.is_some(),
            report.decline.as_ref().map(|no| &no.code)
        ),
        News::Payout(report) => format!("payout {} {:?} {:?}", report.amount, report.status, report.failure),
    }
}

fn payment(name: &str) -> PaymentReport {
    match read(name).news.as_slice() {
        [News::Payment(report)] => report.clone(),
        other => panic!("{name} states {other:?}"),
    }
}

#[test]
fn every_kind_that_is_read_has_a_sample() {
    let (_, news) = include_str!("../src/stripe/event.rs").split_once("fn news(").unwrap();
    let (news, _) = news.split_once("_ => Ok(None)").unwrap();
    let kinds: Vec<&str> = news.split('"').skip(1).step_by(2).filter(|text| text.contains('.')).collect();
    assert!(["payment_intent.created", "payout.reconciliation_completed"].iter().all(|kind| kinds.contains(kind)));
    for kind in kinds {
        assert!(folder().join(format!("{kind}.json")).exists(), "{kind}");
    }
}

const EXPECTED: &str = include_str!("events.txt");

#[test]
fn every_sample_states_what_it_should() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|file| file.strip_suffix(".json").map(ToOwned::to_owned))
        .collect();
    names.sort();
    let mut found = String::new();
    for name in names {
        let reading = read(&name);
        assert!(reading.known, "{name}");
        assert!(name.starts_with(&reading.kind) && !reading.live_mode, "{name}");
        let news: Vec<_> = reading.news.iter().map(told).collect();
        found.push_str(&format!("{name}\n    {}\n", news.join("\n    ")));
    }
    assert_eq!(found, EXPECTED);
}

#[test]
fn w6_the_intents_and_the_charges_event_state_the_same_taking() {
    for currency in ["", ".jpy", ".kwd"] {
        let of_intent = payment(&format!("payment_intent.succeeded{currency}"));
        let of_charge = payment(&format!("charge.succeeded{currency}"));
        assert_eq!(of_intent.payment(), of_charge.payment());
        assert_eq!(of_intent.facts.last(), of_charge.facts.first());
        assert_eq!((of_intent.invoice, of_intent.attempt), (of_charge.invoice, of_charge.attempt));
        assert!(of_intent.invoice.is_some() && of_intent.attempt.is_some());
    }
}

#[test]
fn the_intents_and_the_charges_event_state_the_same_failure() {
    let (of_intent, of_charge) = (payment("payment_intent.payment_failed"), payment("charge.failed"));
    assert_eq!(of_intent.facts.last(), of_charge.facts.first());
}

#[test]
fn a_refund_says_which_of_ours_it_is() {
    let refund = serde_json::to_value(&payment("refund.created").facts).unwrap();
    assert_eq!(refund[0]["requested_as"], "ref_5c8d1e4f7g0h3j6k9m2n5p8q1r");
}

#[test]
fn w14_an_unknown_kind_is_kept_and_states_nothing() {
    let body = br#"{"id":"evt_1","type":"issuing_card.created","created":1793520021,"livemode":true,"data":{"object":{"id":"ic_1"}}}"#;
    let reading = provider("stripe").unwrap().read(&account(), body).unwrap();
    assert_eq!((reading.known, reading.live_mode, reading.news.len()), (false, true, 0));
}

#[test]
fn what_cannot_be_understood_is_an_error_that_names_the_event_and_repeats_nothing() {
    let text = std::fs::read_to_string(folder().join("payment_intent.succeeded.json")).unwrap();
    for (from, to) in [
        ("\"eur\"", "\"zoe\""),
        ("\"created\": ", "\"created\": 99999999999999"),
        ("\"amount_received\": 2379", "\"amount_received\": \"zoe\""),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from}");
        let error = provider("stripe").unwrap().read(&account(), broken.as_bytes()).unwrap_err();
        assert!(!error.to_string().contains("zoe"), "{error}");
    }
    let without_charge = without(&text, "latest_charge");
    let error = provider("stripe").unwrap().read(&account(), without_charge.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("evt_"), "{error}");
}

/// The event with a field of its object set to null.
fn without(event: &str, field: &str) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    event["data"]["object"][field] = Value::Null;
    event.to_string()
}

#[test]
fn deep_or_large_bodies_are_refused_unread() {
    let deep =
        format!(r#"{{"id":"evt_1","type":"x","created":1,"data":{{"object":{}{}}}}}"#, "[".repeat(60), "]".repeat(60));
    assert!(provider("stripe").unwrap().read(&account(), deep.as_bytes()).is_err());
    let large = format!(r#"{{"id":"evt_1","type":"x","created":1,"data":{{"object":"{}"}}}}"#, "x".repeat(600_000));
    assert!(provider("stripe").unwrap().read(&account(), large.as_bytes()).is_err());
}
