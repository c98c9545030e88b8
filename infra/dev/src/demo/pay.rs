//! Customers pay: on the hosted page, or at the provider by a way of which Saldo hears only by webhook.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use local_stack::LocalStack;
use saldo_money::{Money, Ratio, Rounding};
use serde_json::{Value, json};

use super::at_once;
use super::business::{CUSTOMERS, Customer, Pays, SELLERS};
use super::load::{Loaded, text};

/// What a customer pays.
#[derive(Debug)]
struct Due {
    how: Pays,
    account: &'static str,
    invoice: String,
    amount: Money,
}

/// Lets the customers with these habits pay what they owe.
pub(super) fn open_invoices(
    stack: &LocalStack,
    loaded: &Loaded,
    at: DateTime<Utc>,
    who: impl Fn(Pays) -> bool,
) -> Result<()> {
    let payers: Vec<_> = CUSTOMERS.iter().zip(&loaded.customers).filter(|(customer, _)| who(customer.pays)).collect();
    let due = at_once(&payers, |(customer, id)| due_of(stack, customer, id))?;
    let (on_page, by_webhook): (Vec<Due>, Vec<Due>) =
        due.into_iter().flatten().partition(|due| due.how == Pays::OnPage);
    pay_on_pages(stack, &on_page, at)?;
    at_once(&by_webhook, |due| pay_by_webhook(stack, due, at))?;
    stack.settle_all()
}

/// What a customer pays now, by their habits.
fn due_of(stack: &LocalStack, customer: &Customer, id: &str) -> Result<Vec<Due>> {
    let account = SELLERS.get(customer.seller).context("a customer without seller")?.account;
    let mut found = Vec::new();
    for invoice in stack.list(&format!("/v1/invoices?customer={id}"))? {
        let status = text(&invoice, "/status")?;
        if status != "open" && status != "partly_paid" {
            continue;
        }
        let due: Money = serde_json::from_value(invoice.pointer("/amount_due").cloned().unwrap_or_default())?;
        let amount = match customer.pays {
            Pays::OnPage | Pays::Late => due,
            Pays::InPart if status == "partly_paid" => continue,
            Pays::InPart => part(due, Ratio::of(1, 2)?)?,
            Pays::TooMuch => part(due, Ratio::of(11, 10)?)?,
            Pays::ByMethod(_) | Pays::Never => continue,
        };
        found.push(Due { how: customer.pays, account, invoice: text(&invoice, "/id")?, amount });
    }
    Ok(found)
}

fn part(due: Money, share: Ratio) -> Result<Money> {
    Ok(due.times(share, Rounding::HalfAwayFromZero)?)
}

/// Opens the links that the CRM would send, and presses the button there at `at`.
fn pay_on_pages(stack: &LocalStack, all: &[Due], at: DateTime<Utc>) -> Result<()> {
    let account = SELLERS.first().context("a seller")?.account;
    // The API goes by the clock on the wall, and the provider refuses a page that would last for months by its own.
    #[expect(clippy::disallowed_methods, reason = "the clock on the wall is what is meant")]
    let now = Utc::now();
    stack.twin_admin(account, "POST", "clock", &json!({ "now": now }))?;
    let links = at_once(all, |due| stack.post(&format!("/v1/invoices/{}/payment-link", due.invoice), &json!({})))?;
    stack.twin_admin(account, "POST", "clock", &json!({ "now": at }))?;
    let press = |link: &Value| {
        let paid = stack.send("POST", &text(link, "/url")?, &[], "")?;
        if paid.status != 303 {
            bail!("the hosted page answered {}: {}", paid.status, paid.text);
        }
        Ok(())
    };
    at_once(&links, press)?;
    Ok(())
}

/// A payment of which the provider only tells by webhook: the intent's event first, then the charge's, and of a late payment the
/// intent's again.
fn pay_by_webhook(stack: &LocalStack, due: &Due, at: DateTime<Utc>) -> Result<()> {
    let Due { how, account, invoice, amount } = due;
    let mark = format!("{}{}", invoice.trim_start_matches("inv_"), at.format("%m%d"));
    let (intent, charge) = (format!("pi_{mark}"), format!("ch_{mark}"));
    let (minor, currency) = (amount.to_minor()?, amount.currency().code().to_lowercase());
    let created = at.timestamp();
    let metadata = json!({ "saldo_invoice": invoice });
    let intent_object = json!({
        "id": intent, "object": "payment_intent", "amount": minor, "amount_received": minor, "currency": currency,
        "created": created, "latest_charge": charge, "metadata": metadata, "payment_method_types": ["card"], "status": "succeeded",
    });
    let charge_object = json!({
        "id": charge, "object": "charge", "amount": minor, "amount_captured": minor, "amount_refunded": 0, "captured": true,
        "currency": currency, "created": created, "metadata": metadata, "paid": true, "payment_intent": intent,
        "payment_method_details": { "type": "card", "card": { "brand": "visa", "last4": "4242" } }, "refunded": false,
        "status": "succeeded",
    });
    let event = |id: &str, kind: &str, object: &Value| {
        json!({
            "id": format!("evt_{id}{mark}"), "object": "event", "api_version": "2026-10-28.endive", "created": created,
            "livemode": false, "type": kind, "data": { "object": object },
        })
    };
    let paid = event("a", "payment_intent.succeeded", &intent_object);
    let charged = event("b", "charge.succeeded", &charge_object);
    for event in [&paid, &charged].into_iter().chain((*how == Pays::Late).then_some(&paid)) {
        stack.deliver(account, event)?.success()?;
    }
    Ok(())
}

/// One customer gets money back, another disputes a payment and wins.
pub(super) fn give_back(stack: &LocalStack, loaded: &Loaded) -> Result<()> {
    let refunded = payment_of(stack, loaded, 0)?;
    let amount: Money = serde_json::from_value(refunded.pointer("/amount_captured").cloned().unwrap_or_default())?;
    let amount = part(amount, Ratio::of(1, 4)?)?;
    stack.post("/v1/refunds", &json!({ "payment": text(&refunded, "/id")?, "amount": amount }))?;
    stack.settle_all()?;
    let disputed = payment_of(stack, loaded, 6)?;
    let account = SELLERS.get(1).context("the second seller")?.account;
    let intent = text(&disputed, "/reference")?;
    let dispute = stack.twin_admin(account, "POST", "disputes", &json!({ "payment_intent": intent }))?;
    stack.settle_all()?;
    let id = text(&dispute, "/id")?;
    stack.twin_admin(account, "POST", &format!("disputes/{id}/close"), &json!({ "won": false }))?;
    stack.settle_all()
}

/// The first payment of a customer that pays by card.
fn payment_of(stack: &LocalStack, loaded: &Loaded, customer: usize) -> Result<Value> {
    let customer = loaded.customers.get(customer).context("a customer")?;
    for invoice in stack.list(&format!("/v1/invoices?customer={customer}"))? {
        let payments = stack.list(&format!("/v1/payments?invoice={}", text(&invoice, "/id")?))?;
        if let Some(paid) = payments.into_iter().find(|payment| payment.pointer("/status") == Some(&json!("succeeded")))
        {
            return Ok(paid);
        }
    }
    bail!("the customer {customer} has no payment that succeeded")
}
