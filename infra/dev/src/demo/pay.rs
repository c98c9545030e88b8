//! Customers pay: on the hosted page, or at the provider by a way of which Saldo hears only by webhook.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use local_stack::LocalStack;
use saldo_money::{Money, Ratio, Rounding};
use serde_json::{Value, json};

use super::business::{CUSTOMERS, Pays, SELLERS};
use super::load::{Loaded, text};

/// Lets the customers with these habits pay what they owe.
pub(super) fn open_invoices(
    stack: &LocalStack,
    loaded: &Loaded,
    at: DateTime<Utc>,
    who: impl Fn(Pays) -> bool,
) -> Result<()> {
    for (customer, id) in CUSTOMERS.iter().zip(&loaded.customers).filter(|(customer, _)| who(customer.pays)) {
        let account = SELLERS.get(customer.seller).context("a customer without seller")?.account;
        for invoice in stack.list(&format!("/v1/invoices?customer={id}"))? {
            let status = text(&invoice, "/status")?;
            if status != "open" && status != "partly_paid" {
                continue;
            }
            let due: Money = serde_json::from_value(invoice.pointer("/amount_due").cloned().unwrap_or_default())?;
            let invoice = text(&invoice, "/id")?;
            match customer.pays {
                Pays::OnPage => on_page(stack, account, &invoice, at)?,
                Pays::InPart if status == "partly_paid" => {}
                Pays::InPart => by_webhook(stack, account, &invoice, part(due, Ratio::of(1, 2)?)?, at)?,
                Pays::TooMuch => by_webhook(stack, account, &invoice, part(due, Ratio::of(11, 10)?)?, at)?,
                Pays::Late => by_webhook(stack, account, &invoice, due, at)?,
                Pays::ByMethod(_) | Pays::Never => {}
            }
        }
    }
    stack.settle_all()
}

fn part(due: Money, share: Ratio) -> Result<Money> {
    Ok(due.times(share, Rounding::HalfAwayFromZero)?)
}

/// Opens the link that the CRM would send, and presses the button there at `at`.
fn on_page(stack: &LocalStack, account: &str, invoice: &str, at: DateTime<Utc>) -> Result<()> {
    // The API goes by the clock on the wall, and the provider refuses a page that would last for months by its own.
    #[expect(clippy::disallowed_methods, reason = "the clock on the wall is what is meant")]
    let now = Utc::now();
    stack.twin_admin(account, "POST", "clock", &json!({ "now": now }))?;
    let link = stack.post(&format!("/v1/invoices/{invoice}/payment-link"), &json!({}))?;
    stack.twin_admin(account, "POST", "clock", &json!({ "now": at }))?;
    let paid = stack.send("POST", &text(&link, "/url")?, &[], "")?;
    if paid.status != 303 {
        bail!("the hosted page answered {}: {}", paid.status, paid.text);
    }
    Ok(())
}

/// A payment of which the provider only tells by webhook: the intent's event first, then the charge's, then the intent's again.
fn by_webhook(stack: &LocalStack, account: &str, invoice: &str, amount: Money, at: DateTime<Utc>) -> Result<()> {
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
            "id": format!("evt_{id}{mark}"), "object": "event", "api_version": "2026-04-22.dahlia", "created": created,
            "livemode": false, "type": kind, "data": { "object": object },
        })
    };
    let paid = event("a", "payment_intent.succeeded", &intent_object);
    for event in [&paid, &event("b", "charge.succeeded", &charge_object), &paid] {
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
