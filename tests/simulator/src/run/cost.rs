//! What a webhook costs on its whole way: write units are the bill.

use aws_lambda_events::sqs::SqsEvent;
use saldo_billing::mail::Purpose;
use saldo_messages::{Destination, RemindersMessage, V1, encode};
use saldo_store::Table;
use saldo_store::memory::Usage;
use serde_json::{Value, json};

use super::*;
use crate::people::{provider_call, twin_call};
use crate::world::ACCOUNTS;
use http::Method;
use provider_twin::Delivery;

type MakeInvoice = fn(&mut Run) -> String;
type Pay = fn(&mut Run) -> Vec<Delivery>;

const COMPLETED: &str = "checkout.session.completed";

/// A stack without weather and people, on which mail is swallowed: a receipt is another piece of work.
fn quiet() -> Run {
    let plan = Plan { seed: 1, days: 0, without: Vec::new(), sabotage: Some(Sabotage::RemindersSwallowed) };
    let begun = DateTime::from_timestamp(1_772_323_200, 0).unwrap();
    moment::begin(plan.seed);
    moment::set(begun);
    let world = World::new(plan.seed, begun, Weather::of(plan.seed, &[]), plan.sabotage).unwrap();
    Run::new(&plan, world, begun)
}

fn made(run: &mut Run, path: &str, body: &Value) -> String {
    run.ask_now("POST", path, Some(body)).unwrap()["id"].as_str().unwrap().to_owned()
}

/// Sends the invoice to the customer, so that they will be reminded of it.
fn send(run: &mut Run, invoice: &str) {
    let (invoice, as_of) = (invoice.parse().unwrap(), run.now);
    let message = RemindersMessage::Send { v: V1, invoice, purpose: Purpose::Issued, as_of };
    let mut batch = SqsEvent::default();
    batch.records = vec![event::sqs_message(1, &encode(&message).unwrap(), 1, as_of)];
    run.start_batch(Destination::Reminders, Vec::new(), batch);
    run.rest().unwrap();
}

fn customer(run: &mut Run) -> String {
    let customer = json!({
        "name": "Cost", "email": "cost@saldo.example", "country": "DE", "zone": "Europe/Berlin", "language": "de",
        "region": "Nord", "channel": "web",
    });
    made(run, "/v1/customers", &customer)
}

/// Somebody's invoice for something once.
fn one_off(run: &mut Run) -> String {
    let customer = customer(run);
    let line = json!({ "description": "Consulting", "quantity": "1", "unit_amount": "100.00", "tax_rate": "0.19" });
    let invoice = json!({ "customer": customer, "currency": "EUR", "lines": [line], "net_terms_days": 14 });
    let invoice = made(run, "/v1/invoices", &invoice);
    run.ask_now("POST", &format!("/v1/invoices/{invoice}/finalise"), Some(&json!({}))).unwrap();
    invoice
}

/// The invoice of the first period of a subscription.
fn of_subscription(run: &mut Run) -> String {
    let customer = customer(run);
    let price = json!({
        "product": "Plan", "currency": "EUR", "unit_amount": "100.00", "interval": "month", "tax_rate": "0.19",
    });
    let price = made(run, "/v1/prices", &price);
    let subscription = json!({
        "customer": customer, "items": [{ "price": price }], "start_on": run.now.date_naive(), "collection": "send_invoice", "net_terms_days": 14,
    });
    made(run, "/v1/subscriptions", &subscription);
    run.begin_tick(run.now);
    run.rest().unwrap();
    let invoices = run.ask_now("GET", &format!("/v1/invoices?customer={customer}"), None).unwrap();
    invoices["data"][0]["id"].as_str().unwrap().to_owned()
}

/// The invoice, once it was sent.
fn sent(run: &mut Run, invoice: MakeInvoice) -> String {
    let id = invoice(run);
    run.rest().unwrap();
    send(run, &id);
    id
}

/// Somebody pays at the provider: what that tells by webhooks, none of which has come yet.
fn paid_there(run: &mut Run, invoice: MakeInvoice) -> Vec<Delivery> {
    let invoice = sent(run, invoice);
    let form = [
        ("amount", "11900"),
        ("currency", "eur"),
        ("confirm", "true"),
        ("payment_method", "pm_card_visa"),
        ("metadata[saldo_invoice]", &invoice),
        ("metadata[outside]", "1"),
    ];
    let mut twin = run.world.twin();
    provider_call(&mut twin, ACCOUNTS[0], Method::POST, "/v1/payment_intents", &form).unwrap();
    twin.take_due_deliveries()
}

/// Somebody pays on a hosted page, likewise.
fn paid_on_page(run: &mut Run, invoice: MakeInvoice) -> Vec<Delivery> {
    let invoice = sent(run, invoice);
    let page = run.ask_now("POST", &format!("/v1/invoices/{invoice}/payment-link"), Some(&json!({}))).unwrap();
    let session = page["url"].as_str().unwrap().split(['/', '#']).find(|part| part.starts_with("cs_")).unwrap();
    let mut twin = run.world.twin();
    twin.take_due_deliveries();
    let paid = json!({ "payment_method": "pm_card_visa" });
    twin_call(&mut twin, ACCOUNTS[0], &format!("sessions/{session}/pay"), &paid).unwrap();
    twin.take_due_deliveries()
}

/// What the webhook of that kind costs, from the intake to reports and bus.
fn cost(run: &mut Run, deliveries: &[Delivery], kind: &str) -> (Usage, Usage) {
    let delivery = deliveries.iter().find(|delivery| event::kind_of(&delivery.body) == kind).unwrap();
    let usage = |run: &Run| (run.world.memory.total_usage(), run.world.memory.usage(Table::Reports));
    let before = usage(run);
    run.begin_webhook(delivery.clone(), ACCOUNTS[0]);
    run.rest().unwrap();
    let after = usage(run);
    (after.0.since(before.0), after.1.since(before.1))
}

/// The provider takes the money of an invoice that is charged, and its answer is lost, likewise.
fn charged_and_not_answered(run: &mut Run) -> Vec<Delivery> {
    let mut twin = run.world.twin();
    let owner = provider_call(&mut twin, ACCOUNTS[0], Method::POST, "/v1/customers", &[]).unwrap();
    let owner = owner["id"].as_str().unwrap().to_owned();
    let form = [("customer", owner.as_str())];
    let attach = "/v1/payment_methods/pm_card_visa/attach";
    let method = provider_call(&mut twin, ACCOUNTS[0], Method::POST, attach, &form).unwrap();
    twin.take_due_deliveries();
    let lost = json!({ "kind": "lose_answer", "method": "POST", "path": "/v1/payment_intents", "commit": true });
    twin.add_fault(serde_json::from_value(lost).unwrap());
    drop(twin);
    let customer = json!({
        "name": "Cost", "email": "cost@saldo.example", "country": "DE", "zone": "Europe/Berlin", "language": "de",
        "payment_method": { "customer": owner, "token": method["id"], "kind": "card" },
    });
    let customer = made(run, "/v1/customers", &customer);
    let line = json!({ "description": "Consulting", "quantity": "1", "unit_amount": "100.00", "tax_rate": "0.19" });
    let invoice = json!({ "customer": customer, "currency": "EUR", "lines": [line], "collection": "automatic" });
    let invoice = made(run, "/v1/invoices", &invoice);
    run.ask_now("POST", &format!("/v1/invoices/{invoice}/finalise"), Some(&json!({}))).unwrap();
    // Without any time passing, in which the webhooks would come.
    while run.work().unwrap() {}
    run.world.twin().take_due_deliveries()
}

#[test]
fn a_webhook_that_pays_an_invoice_costs_twelve_write_units_from_intake_to_report() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = tokio.enter();
    // Whether the webhook is the first to tell of the payment, as on a hosted page, or the payment was known before.
    let known = Some("payment_intent.created");
    let cases: [(&str, Pay, Option<&str>); 6] = [
        ("one-off", |run| paid_there(run, one_off), None),
        ("one-off, known", |run| paid_there(run, one_off), known),
        ("one-off, on a page", |run| paid_on_page(run, one_off), None),
        ("subscription", |run| paid_there(run, of_subscription), None),
        ("subscription, known", |run| paid_there(run, of_subscription), known),
        ("subscription, on a page", |run| paid_on_page(run, of_subscription), None),
    ];
    for (what, pay, before) in cases {
        let mut run = quiet();
        let deliveries = pay(&mut run);
        if let Some(kind) = before {
            cost(&mut run, &deliveries, kind);
        }
        let (all, reports) = cost(&mut run, &deliveries, "payment_intent.succeeded");
        assert!(reports.write_units > 0, "the reports have heard of it");
        assert_eq!(all.write_units, 12, "{all:?}, of which {reports:?} for reports: {what}");
        let (again, _) = cost(&mut run, &deliveries, "payment_intent.succeeded");
        assert_eq!(again.write_units, 1, "the condition that it is not in the inbox yet");
        if deliveries.iter().any(|delivery| event::kind_of(&delivery.body) == COMPLETED) {
            let (page, _) = cost(&mut run, &deliveries, COMPLETED);
            assert_eq!(page.write_units, 1, "that the page is done is known already: {what}");
        }
    }
}

#[test]
fn a_charge_of_which_only_the_webhook_tells_costs_two_more_for_its_invoice_knows_the_attempt() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = tokio.enter();
    let mut run = quiet();
    let deliveries = charged_and_not_answered(&mut run);
    let (all, _) = cost(&mut run, &deliveries, "payment_intent.succeeded");
    assert_eq!(all.write_units, 14, "an item of more than 1 KB, {all:?}");
}
