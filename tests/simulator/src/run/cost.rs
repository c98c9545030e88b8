//! What a webhook costs on its whole way: write units are the bill.

use std::sync::Arc;

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

type MakeInvoice = fn(&mut Run, &Payer);
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

/// Who pays, and how their invoices are to be paid.
struct Payer {
    customer: String,
    collection: &'static str,
}

fn customer(run: &mut Run, method: &Value) -> String {
    let customer = json!({
        "name": "Cost", "email": "cost@saldo.example", "country": "NL", "zone": "Europe/Amsterdam", "language": "en",
        "region": "West", "channel": "web", "payment_method": method,
    });
    made(run, "/v1/customers", &customer)
}

/// Somebody who is sent their invoices.
fn sent_to(run: &mut Run) -> Payer {
    Payer { customer: customer(run, &Value::Null), collection: "send_invoice" }
}

/// Somebody whose card is charged.
fn charged(run: &mut Run) -> Payer {
    let mut twin = run.world.twin();
    let owner = provider_call(&mut twin, ACCOUNTS[0], Method::POST, "/v1/customers", &[]).unwrap();
    let owner = owner["id"].as_str().unwrap().to_owned();
    let attach = "/v1/payment_methods/pm_card_visa/attach";
    let method = provider_call(&mut twin, ACCOUNTS[0], Method::POST, attach, &[("customer", owner.as_str())]).unwrap();
    twin.take_due_deliveries();
    drop(twin);
    let card = json!({
        "customer": owner, "token": method["id"], "kind": "card", "network": "visa", "last4": "4242", "expires": "2031-08",
    });
    Payer { customer: customer(run, &card), collection: "automatic" }
}

/// Somebody's invoice for something once.
fn one_off(run: &mut Run, Payer { customer, collection }: &Payer) {
    let line = json!({ "description": "Consulting", "quantity": "10", "unit_amount": "100.00", "tax_rate": "0.19" });
    let invoice = json!({ "customer": customer, "currency": "EUR", "lines": [line], "collection": collection });
    let invoice = made(run, "/v1/invoices", &invoice);
    run.ask_now("POST", &format!("/v1/invoices/{invoice}/finalise"), Some(&json!({}))).unwrap();
}

/// The invoice of the first period of a subscription.
fn of_subscription(run: &mut Run, Payer { customer, collection }: &Payer) {
    let price = json!({
        "product": "Plan", "currency": "EUR", "unit_amount": "1000.00", "interval": "month", "tax_rate": "0.19",
    });
    let price = made(run, "/v1/prices", &price);
    let subscription = json!({
        "customer": customer, "items": [{ "price": price }], "start_on": run.now.date_naive(), "collection": collection,
    });
    made(run, "/v1/subscriptions", &subscription);
    run.begin_tick(run.now);
}

/// The invoice, once it was sent.
fn sent(run: &mut Run, invoice: MakeInvoice) -> String {
    let payer = sent_to(run);
    invoice(run, &payer);
    run.rest().unwrap();
    let invoices = run.ask_now("GET", &format!("/v1/invoices?customer={}", payer.customer), None).unwrap();
    let id = invoices["data"][0]["id"].as_str().unwrap().to_owned();
    send(run, &id);
    id
}

/// Somebody pays at the provider: what that tells by webhooks, none of which has come yet.
fn paid_there(run: &mut Run, invoice: MakeInvoice) -> Vec<Delivery> {
    let invoice = sent(run, invoice);
    let form = [
        ("amount", "119000"),
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

/// The provider takes the money of an invoice that is charged, and its answer is lost, likewise.
fn charged_and_not_answered(run: &mut Run, invoice: MakeInvoice) -> Vec<Delivery> {
    let payer = charged(run);
    let lost = json!({ "kind": "lose_answer", "method": "POST", "path": "/v1/payment_intents", "commit": true });
    run.world.twin().add_fault(serde_json::from_value(lost).unwrap());
    invoice(run, &payer);
    rest_unheard(run)
}

/// Works until there is nothing to do, and holds back what the provider tells meanwhile.
fn rest_unheard(run: &mut Run) -> Vec<Delivery> {
    let mut unheard = Vec::new();
    loop {
        while run.work().unwrap() {}
        let soon = run.world.queues.next_visible_at();
        run.now = soon.unwrap_or(run.now);
        let mut twin = run.world.twin();
        twin.set_now(run.now);
        unheard.append(&mut twin.take_due_deliveries());
        if soon.is_none() {
            return unheard;
        }
    }
}

/// What a webhook costs, from the intake to reports and bus.
#[derive(Debug)]
struct Cost {
    all: Usage,
    inbox: Usage,
    reports: Usage,
}

/// What the webhook of that kind costs.
fn cost(run: &mut Run, deliveries: &[Delivery], kind: &str) -> Cost {
    let delivery = deliveries.iter().find(|delivery| event::kind_of(&delivery.body) == kind).unwrap();
    let memory = Arc::clone(&run.world.memory);
    let usage = || [memory.total_usage(), memory.usage(Table::Inbox), memory.usage(Table::Reports)];
    let before = usage();
    run.begin_webhook(delivery.clone(), ACCOUNTS[0]);
    run.rest().unwrap();
    let [all, inbox, reports] = usage();
    Cost { all: all.since(before[0]), inbox: inbox.since(before[1]), reports: reports.since(before[2]) }
}

#[test]
fn a_webhook_that_pays_an_invoice_costs_twelve_write_units_from_intake_to_report() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = tokio.enter();
    // Whether the webhook is the first to tell of the payment, as on a hosted page or of a charge whose answer was lost, or the
    // payment was known before.
    let known = Some("payment_intent.created");
    let cases: [(&str, Pay, Option<&str>); 8] = [
        ("one-off", |run| paid_there(run, one_off), None),
        ("one-off, known", |run| paid_there(run, one_off), known),
        ("one-off, on a page", |run| paid_on_page(run, one_off), None),
        ("one-off, charged", |run| charged_and_not_answered(run, one_off), None),
        ("subscription", |run| paid_there(run, of_subscription), None),
        ("subscription, known", |run| paid_there(run, of_subscription), known),
        ("subscription, on a page", |run| paid_on_page(run, of_subscription), None),
        ("subscription, charged", |run| charged_and_not_answered(run, of_subscription), None),
    ];
    for (what, pay, before) in cases {
        let mut run = quiet();
        let deliveries = pay(&mut run);
        if let Some(kind) = before {
            cost(&mut run, &deliveries, kind);
        }
        let paid = cost(&mut run, &deliveries, "payment_intent.succeeded");
        let units = [paid.inbox, paid.reports, paid.all].map(|usage| usage.write_units);
        assert_eq!(units, [1, 4, 12], "{what}: {paid:?}");
        let again = cost(&mut run, &deliveries, "payment_intent.succeeded");
        assert_eq!(again.all.write_units, 1, "the condition that it is not in the inbox yet");
        if deliveries.iter().any(|delivery| event::kind_of(&delivery.body) == COMPLETED) {
            let page = cost(&mut run, &deliveries, COMPLETED);
            assert_eq!(page.all.write_units, page.inbox.write_units, "that the page is done is known already: {what}");
            assert!(page.inbox.write_units <= 2, "{page:?}");
        }
    }
}
