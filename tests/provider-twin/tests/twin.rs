//! What the twin promises: Stripe's idempotency, caps on refunds, and books that count each movement once.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Request};
use provider_twin::{Endpoint, Fault, FaultKind, Handled, Sums, Twin};
use serde_json::{Value, json};

const KEY: &str = "sk_test_twin";

fn now() -> DateTime<Utc> {
    "2026-10-31T08:00:00Z".parse().unwrap()
}

fn twin() -> Twin {
    let mut twin = Twin::new(1, now());
    twin.open_account(KEY);
    twin
}

fn request(method: &str, path: &str, key: Option<&str>, body: &str) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {KEY}"));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn taken_apart(handled: Handled) -> (u16, HeaderMap, Value) {
    let (head, body) = handled.answer.unwrap().into_parts();
    (head.status.as_u16(), head.headers, serde_json::from_slice(&body).unwrap())
}

fn post(twin: &mut Twin, path: &str, key: Option<&str>, body: &str) -> (u16, Value) {
    let (status, _, value) = taken_apart(twin.handle(&request("POST", path, key, body)));
    (status, value)
}

fn get(twin: &mut Twin, path: &str) -> Value {
    let (status, _, value) = taken_apart(twin.handle(&request("GET", path, None, "")));
    assert_eq!(status, 200, "{value}");
    value
}

fn pay(twin: &mut Twin, key: &str, method: &str, amount: i64) -> (u16, Value) {
    let body = format!("amount={amount}&currency=eur&payment_method={method}&confirm=true&off_session=true");
    post(twin, "/v1/payment_intents", Some(key), &body)
}

fn sums(twin: &Twin) -> Sums {
    twin.books(KEY).unwrap().summary().totals.get("eur").copied().unwrap_or_default()
}

fn fault(kind: FaultKind, commit: bool) -> Fault {
    Fault { kind, method: Some("POST".to_owned()), path: None, times: 1, commit, delay_ms: Some(5) }
}

#[test]
fn the_first_answer_under_a_key_is_the_answer() {
    let mut twin = twin();
    let (status, first) = pay(&mut twin, "k", "pm_card_visa", 2_379);
    assert_eq!((status, &first["status"]), (200, &json!("succeeded")));
    let body = "amount=2379&currency=eur&payment_method=pm_card_visa&confirm=true&off_session=true";
    let (status, headers, again) = taken_apart(twin.handle(&request("POST", "/v1/payment_intents", Some("k"), body)));
    assert_eq!((status, again), (200, first));
    assert_eq!(headers["idempotent-replayed"], "true");
    let (status, other) = pay(&mut twin, "k", "pm_card_visa", 2_380);
    assert_eq!((status, &other["error"]["type"]), (400, &json!("idempotency_error")));
    assert_eq!(sums(&twin).charges, 1);
}

#[test]
fn a_method_that_was_detached_may_not_be_used_again() {
    let mut twin = twin();
    let (_, customer) = post(&mut twin, "/v1/customers", None, "");
    let customer = customer["id"].as_str().unwrap();
    let form = format!("customer={customer}");
    let (_, method) = post(&mut twin, "/v1/payment_methods/pm_card_visa/attach", None, &form);
    let method = method["id"].as_str().unwrap();
    assert_eq!(post(&mut twin, &format!("/v1/payment_methods/{method}/detach"), None, "").0, 200);
    let (status, refused) = pay(&mut twin, "detached", method, 2_379);
    assert_eq!((status, &refused["error"]["type"]), (400, &json!("invalid_request_error")));
    assert_eq!(post(&mut twin, &format!("/v1/payment_methods/{method}/attach"), None, &form).0, 400);
    assert_eq!(sums(&twin).charges, 0);
}

#[test]
fn declines_and_failures_are_kept_under_their_key_and_what_was_turned_away_is_not() {
    let mut twin = twin();
    for _ in 0..2 {
        let (status, declined) = pay(&mut twin, "declined", "pm_card_visa_chargeDeclinedLostCard", 2_379);
        assert_eq!((status, &declined["error"]["decline_code"]), (402, &json!("lost_card")));
    }
    assert_eq!(get(&mut twin, "/v1/payment_intents")["data"].as_array().unwrap().len(), 1);
    for commit in [true, false] {
        twin.add_fault(fault(FaultKind::Error, commit));
        let key = format!("failed-{commit}");
        for _ in 0..2 {
            assert_eq!(pay(&mut twin, &key, "pm_card_visa", 2_379).0, 500);
        }
    }
    assert_eq!(sums(&twin).charges, 1);
    for kind in [FaultKind::RateLimit, FaultKind::Conflict] {
        twin.add_fault(fault(kind, true));
        let key = format!("{kind:?}");
        assert!([409, 429].contains(&pay(&mut twin, &key, "pm_card_visa", 100).0));
        assert_eq!(pay(&mut twin, &key, "pm_card_visa", 100).0, 200);
    }
    assert_eq!(pay(&mut twin, "small", "pm_card_visa", 1).0, 400);
    assert_eq!(pay(&mut twin, "small", "pm_card_visa", 100).0, 200);
}

#[test]
fn a_key_is_in_use_until_its_answer_has_left_and_forgotten_after_a_day() {
    let mut twin = twin();
    twin.add_fault(fault(FaultKind::Delay, true));
    let body = "amount=500&currency=eur&payment_method=pm_card_visa&confirm=true&off_session=true";
    let handled = twin.handle(&request("POST", "/v1/payment_intents", Some("slow"), body));
    assert!(handled.delay.is_some());
    assert_eq!(pay(&mut twin, "slow", "pm_card_visa", 500).0, 409);
    twin.landed(&handled.flight.unwrap());
    assert_eq!(pay(&mut twin, "slow", "pm_card_visa", 500).0, 200);
    twin.set_now(now() + TimeDelta::hours(23));
    pay(&mut twin, "slow", "pm_card_visa", 500);
    assert_eq!(sums(&twin).charges, 1);
    twin.set_now(now() + TimeDelta::hours(24));
    pay(&mut twin, "slow", "pm_card_visa", 500);
    assert_eq!(sums(&twin).charges, 2);
}

#[test]
fn a_key_whose_answer_nobody_waits_for_comes_free() {
    let mut twin = twin();
    twin.add_fault(fault(FaultKind::Delay, true));
    let body = "amount=500&currency=eur&payment_method=pm_card_visa&confirm=true&off_session=true";
    drop(twin.handle(&request("POST", "/v1/payment_intents", Some("left"), body)));
    twin.set_now(now() + TimeDelta::minutes(4));
    assert_eq!(pay(&mut twin, "left", "pm_card_visa", 500).0, 409);
    twin.set_now(now() + TimeDelta::minutes(5));
    assert_eq!(pay(&mut twin, "left", "pm_card_visa", 500).0, 200);
    assert_eq!(sums(&twin).charges, 1);
}

#[test]
fn refunds_never_exceed_the_charge_and_one_that_bounces_comes_back() {
    let mut twin = twin();
    let (_, intent) = pay(&mut twin, "k", "pm_card_visa", 10_000);
    let id = intent["id"].as_str().unwrap();
    let refund =
        |twin: &mut Twin, amount: i64| post(twin, "/v1/refunds", None, &format!("payment_intent={id}&amount={amount}"));
    let (_, first) = refund(&mut twin, 3_000);
    assert_eq!(refund(&mut twin, 7_001).0, 400);
    assert_eq!(refund(&mut twin, 7_000).0, 200);
    assert_eq!(refund(&mut twin, 1).1["error"]["code"], "charge_already_refunded");
    assert_eq!(sums(&twin).refunded, 10_000);
    let path = format!("/_twin/refunds/{}/finish", first["id"].as_str().unwrap());
    assert_eq!(post(&mut twin, &path, None, r#"{"failure_reason":"lost_or_stolen_card"}"#).0, 200);
    assert_eq!(sums(&twin).refunded, 7_000);
}

#[test]
fn a_dispute_takes_money_and_gives_it_back_only_when_won() {
    let mut twin = twin();
    for (key, won, left) in [("a", true, 0), ("b", false, 10_000)] {
        let (_, intent) = pay(&mut twin, key, "pm_card_visa", 10_000);
        let body = json!({ "payment_intent": intent["id"] }).to_string();
        let (_, dispute) = post(&mut twin, "/_twin/disputes", None, &body);
        assert_eq!(dispute["balance_transactions"][0]["amount"], -10_000);
        let path = format!("/_twin/disputes/{}/close", dispute["id"].as_str().unwrap());
        post(&mut twin, &path, None, &json!({ "won": won }).to_string());
        assert_eq!(sums(&twin).disputed, left);
    }
}

#[test]
fn a_direct_debit_is_decided_after_five_days() {
    let mut twin = twin();
    for (method, charges, status) in
        [("pm_sepa_debit", 1, "succeeded"), ("pm_sepa_debit_fails", 1, "requires_payment_method")]
    {
        let (_, intent) = pay(&mut twin, method, method, 11_900);
        assert_eq!(intent["status"], "processing");
        let begun = twin.now();
        twin.set_now(begun + TimeDelta::days(5));
        let path = format!("/v1/payment_intents/{}", intent["id"].as_str().unwrap());
        assert_eq!((get(&mut twin, &path)["status"].as_str(), sums(&twin).charges), (Some(status), charges));
    }
}

#[test]
fn a_page_runs_out_by_itself_and_is_paid_once() {
    let mut twin = twin();
    let body = format!(
        "mode=payment&success_url=https://s.example&expires_at={}&line_items[0][price_data][currency]=eur\
         &line_items[0][price_data][unit_amount]=2379&line_items[0][price_data][product_data][name]=RE-1",
        (now() + TimeDelta::hours(1)).timestamp()
    );
    let open = |twin: &mut Twin| post(twin, "/v1/checkout/sessions", None, &body).1["id"].as_str().unwrap().to_owned();
    let (paid, left) = (open(&mut twin), open(&mut twin));
    let pay = |twin: &mut Twin, id: &str, method: &str| {
        post(twin, &format!("/_twin/sessions/{id}/pay"), None, &json!({ "payment_method": method }).to_string())
    };
    assert_eq!(pay(&mut twin, &paid, "pm_card_chargeDeclined").0, 402);
    assert_eq!(pay(&mut twin, &paid, "pm_card_visa").1["payment_status"], "paid");
    assert_eq!(pay(&mut twin, &paid, "pm_card_visa").0, 400);
    twin.set_now(now() + TimeDelta::hours(1));
    assert_eq!(get(&mut twin, &format!("/v1/checkout/sessions/{left}"))["status"], "expired");
    assert_eq!(sums(&twin).charges, 1);
}

#[test]
fn an_inquiry_leaves_the_money_to_be_given_back_and_a_dispute_does_not() {
    for (inquiry, status) in [(true, 200), (false, 400)] {
        let mut twin = twin();
        let (_, intent) = pay(&mut twin, "a", "pm_card_visa", 10_000);
        let intent = intent["id"].as_str().unwrap();
        let body = json!({ "payment_intent": intent, "inquiry": inquiry }).to_string();
        post(&mut twin, "/_twin/disputes", None, &body);
        assert_eq!(post(&mut twin, "/v1/refunds", None, &format!("payment_intent={intent}")).0, status);
    }
}

#[test]
fn a_payout_is_the_sum_of_its_lines() {
    let mut twin = twin();
    let (_, intent) = pay(&mut twin, "a", "pm_card_visa", 10_000);
    pay(&mut twin, "b", "pm_card_visa", 2_379);
    post(&mut twin, "/v1/refunds", None, &format!("payment_intent={}&amount=1000", intent["id"].as_str().unwrap()));
    let (_, payout) = post(&mut twin, "/_twin/payouts", None, r#"{"currency":"eur"}"#);
    let lines =
        get(&mut twin, &format!("/v1/balance_transactions?limit=100&payout={}", payout["id"].as_str().unwrap()));
    let lines = lines["data"].as_array().unwrap();
    let net: i64 = lines.iter().filter(|line| line["type"] != "payout").map(|line| line["net"].as_i64().unwrap()).sum();
    assert_eq!((lines.len(), payout["amount"].as_i64().unwrap()), (4, net));
    assert_eq!(post(&mut twin, "/_twin/payouts", None, r#"{"currency":"eur"}"#).0, 400);
    // What the bank sends back is paid out with the next one.
    let id = payout["id"].as_str().unwrap();
    let failed =
        post(&mut twin, &format!("/_twin/payouts/{id}/finish"), None, r#"{"failure_code":"account_closed"}"#).1;
    let (_, second) = post(&mut twin, "/_twin/payouts", None, r#"{"currency":"eur"}"#);
    assert_eq!(second["amount"], payout["amount"]);
    let lines = get(&mut twin, &format!("/v1/balance_transactions?payout={}", second["id"].as_str().unwrap()));
    let back = lines["data"].as_array().unwrap().iter().find(|line| line["type"] == "payout_failure").unwrap();
    assert_eq!(back["id"], failed["failure_balance_transaction"]);
}

#[test]
fn events_go_out_as_often_as_asked_for_and_again_when_told_to() {
    let mut twin = twin();
    let endpoint = json!({ "url": "http://127.0.0.1:1/", "secret": "whsec_1", "copies": 2 });
    let endpoint: Endpoint = serde_json::from_value(endpoint).unwrap();
    assert!(twin.set_endpoint(KEY, Some(endpoint)));
    pay(&mut twin, "a", "pm_card_visa", 10_000);
    let deliveries = twin.take_due_deliveries();
    let kinds: Vec<Value> = deliveries
        .iter()
        .map(|delivery| serde_json::from_str::<Value>(&delivery.body).unwrap()["type"].clone())
        .collect();
    let expected = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"];
    assert_eq!(kinds, expected.iter().flat_map(|kind| [json!(kind), json!(kind)]).collect::<Vec<_>>());
    assert!(twin.take_due_deliveries().is_empty());
    assert!(twin.deliver(KEY, &deliveries[0].event, 3) && !twin.deliver(KEY, "evt_none", 1));
    assert_eq!(twin.take_due_deliveries().len(), 3);
    twin.bounced(deliveries[0].clone());
    assert!(twin.take_due_deliveries().is_empty());
    twin.set_now(now() + TimeDelta::minutes(1));
    assert_eq!(twin.take_due_deliveries().len(), 1);
}

#[test]
fn two_seeds_never_give_the_same_id_and_one_seed_always_does() {
    let id = |seed: u64| {
        let mut twin = Twin::new(seed, now());
        twin.open_account(KEY);
        pay(&mut twin, "k", "pm_card_visa", 100).1["id"].clone()
    };
    assert_eq!(id(1), id(1));
    assert_ne!(id(1), id(2));
}

#[test]
fn a_person_can_pay_on_the_page() {
    let mut twin = twin();
    twin.set_base("http://127.0.0.1:9");
    let body = "mode=payment&success_url=https://s.example/ok&line_items[0][price_data][currency]=eur\
                &line_items[0][price_data][unit_amount]=2379&line_items[0][price_data][product_data][name]=RE-1";
    let (_, session) = post(&mut twin, "/v1/checkout/sessions", None, body);
    let path = session["url"].as_str().unwrap().strip_prefix("http://127.0.0.1:9").unwrap().to_owned();
    let answer = twin.handle(&request("POST", &path, None, "")).answer.unwrap();
    assert_eq!(answer.status().as_u16(), 303);
    assert_eq!(answer.headers()["location"], "https://s.example/ok");
    assert_eq!(sums(&twin).charges, 1);
}

#[cfg(feature = "server")]
#[test]
fn a_clock_that_was_set_stands_until_it_is_let_go() {
    let server = provider_twin::server::Server::new(twin());
    assert!(server.twin().now() > now(), "by the wall clock");
    post(&mut server.twin(), "/_twin/clock", None, &json!({ "now": now() }).to_string());
    assert_eq!(server.twin().now(), now());
    server.twin().handle(&request("DELETE", "/_twin/clock", None, ""));
    assert!(server.twin().now() > now(), "by the wall clock");
}
