//! Payments against the invoices that they pay: what an invoice took over is what the payment says, one attempt takes money
//! once, and who paid has a receipt. Whether the provider took as much is for `saldo replay`, which goes by its events.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use chrono::{DateTime, Duration, Utc};
use saldo_billing::id::PaymentId;
use saldo_billing::invoice::Invoice;
use saldo_billing::mail::{MailRecord, Purpose};
use saldo_billing::party::Customer;
use saldo_billing::payment::{Payment, PaymentStatus, Standing};
use saldo_money::Money;
use saldo_store::entities::{customer_key, invoice_key, mail_key, payment_key};
use saldo_store::{EntityError, Store, load, load_many};

use super::finding::{Finding, Invariant, unreadable};

/// For how long a receipt may be on its way.
const RECEIPT_WITHIN: Duration = Duration::days(1);

/// Judges what an invoice took over from payments.
pub(super) async fn check_received(store: &dyn Store, invoice: &Invoice) -> Result<Vec<Finding>> {
    let received: BTreeMap<PaymentId, Option<Standing>> =
        invoice.received().map(|(id, received)| (id, received.standing)).collect();
    let keys: Vec<_> = received.keys().map(|id| payment_key(*id)).collect();
    let payments = match load_many::<Payment>(store, &keys).await {
        Ok(payments) => payments,
        Err(error) => return Ok(vec![unreadable(error).context("payments cannot be read")?]),
    };
    let payments: BTreeMap<PaymentId, Payment> =
        payments.into_iter().map(|payment| (payment.value.id, payment.value)).collect();
    let of = format!("invoice {}", invoice.id);
    let mut findings = Vec::new();
    for (id, standing) in received {
        match payments.get(&id).map(Payment::standing).transpose() {
            Ok(Some(told)) if told == standing.unwrap_or(nothing(invoice)) => {}
            Ok(Some(_)) => findings.push(broken(format!("{of} took over something else than payment {id} says"))),
            Ok(None) => findings.push(broken(format!("{of} knows of payment {id}, which is not there"))),
            Err(error) => findings.push(broken(format!("payment {id} of {of}: {error}"))),
        }
    }
    let mut taken_by: BTreeMap<u32, PaymentId> = BTreeMap::new();
    for payment in payments.values().filter(|payment| payment.captured_at().is_some()) {
        let Some(attempt) = payment.attempt else { continue };
        if let Some(other) = taken_by.insert(attempt, payment.id) {
            let what = format!("{of}: attempt {attempt} took money twice, by payment {other} and by {}", payment.id);
            findings.push(broken(what));
        }
    }
    Ok(findings)
}

/// Judges a payment that names an invoice: the invoice knows of it, and the customer has a receipt.
pub(super) async fn check_payment(store: &dyn Store, payment: &Payment, now: DateTime<Utc>) -> Result<Vec<Finding>> {
    let Some(id) = payment.invoice else { return Ok(Vec::new()) };
    let of = format!("payment {}", payment.id);
    let invoice = match load::<Invoice>(store, &invoice_key(id)).await {
        Ok(Some(invoice)) => invoice.value,
        Ok(None) => return Ok(vec![broken(format!("{of} is for invoice {id}, which is not there"))]),
        Err(error) => return Ok(vec![unreadable(error).context("an invoice cannot be read")?]),
    };
    let mut findings = Vec::new();
    if !invoice.received().any(|(known, _)| known == payment.id) {
        findings.push(broken(format!("{of} is for invoice {id}, which does not know of it")));
    }
    // What came for a draft is receipted once that is issued.
    let is_old = invoice.issued().is_some()
        && payment.captured_at().is_some_and(|at| now.signed_duration_since(at) > RECEIPT_WITHIN);
    if payment.status() == PaymentStatus::Succeeded && is_old {
        match has_receipt(store, &invoice, payment.id).await {
            Ok(true) => {}
            Ok(false) => {
                let what =
                    format!("{of} of invoice {id} has no receipt; if it was heard of today, verify once more tomorrow");
                findings.push(broken(what));
            }
            Err(error) => findings.push(unreadable(error).context("mails cannot be read")?),
        }
    }
    Ok(findings)
}

/// Whether a receipt was decided on, or is not sent for a reason.
async fn has_receipt(store: &dyn Store, invoice: &Invoice, payment: PaymentId) -> Result<bool, EntityError> {
    let key = mail_key(invoice.id, Purpose::Receipt(payment));
    if load::<MailRecord>(store, &key).await?.is_some() {
        return Ok(true);
    }
    let customer = load::<Customer>(store, &customer_key(invoice.customer)).await?;
    Ok(customer.is_some_and(|customer| customer.value.suppressed_at.is_some()))
}

fn nothing(invoice: &Invoice) -> Standing {
    Standing::none(Money::zero(invoice.currency()))
}

fn broken(what: String) -> Finding {
    Finding::new(Invariant::I1, what)
}
