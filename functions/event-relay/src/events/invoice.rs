//! Invoices: issued, settled, given up.

use chrono::{DateTime, Utc};
use saldo_billing::invoice::{BroughtForward, Invoice, InvoiceError, InvoiceStatus, Origin};
use serde_json::{Value, json};

use super::{Happened, Images, Kind};

pub(super) fn happened(images: &Images<Invoice>) -> Result<Vec<Happened>, InvoiceError> {
    let Some(after) = &images.after else {
        let deleted = images.before.as_ref().map(|draft| told("invoice.deleted", None, draft)).transpose()?;
        return Ok(deleted.into_iter().collect());
    };
    let mut happened = Vec::new();
    if images.before.is_none() && after.issued().is_none() {
        happened.push(told("invoice.created", Some(after.created_at), after)?);
    }
    let was_issued = images.before.as_ref().is_some_and(|before| before.issued().is_some());
    if let Some(issued) = after.issued().filter(|_| !was_issued) {
        happened.push(told("invoice.finalised", Some(issued.at), after)?);
    }
    let was_carried = images.before.as_ref().is_some_and(|before| before.carried_forward().is_some());
    if was_carried && after.carried_forward().is_none() {
        happened.push(told("invoice.taken_back", None, after)?);
    }
    if let Some((kind, at)) = settled(images.before.as_ref(), after)? {
        happened.push(told(kind, at, after)?);
    }
    Ok(happened)
}

/// What became of what is due.
fn settled(before: Option<&Invoice>, after: &Invoice) -> Result<Option<Kind>, InvoiceError> {
    let was = before.map(Invoice::status).transpose()?;
    let status = after.status()?;
    Ok(match status {
        InvoiceStatus::Draft | InvoiceStatus::Open => None,
        InvoiceStatus::PartlyPaid => {
            let was_due = before.map(Invoice::amount_due).transpose()?;
            (was != Some(status) || was_due != Some(after.amount_due()?)).then_some(("invoice.partly_paid", None))
        }
        // Nothing is due on it any more, but nobody has paid.
        InvoiceStatus::Paid if after.carried_forward().is_some() => {
            (was != Some(status)).then_some(("invoice.carried_forward", None))
        }
        InvoiceStatus::Paid => {
            let was_carried = before.is_some_and(|before| before.carried_forward().is_some());
            (was != Some(status) || was_carried).then_some(("invoice.paid", None))
        }
        InvoiceStatus::Void => (was != Some(status)).then_some(("invoice.voided", after.voided_at())),
        InvoiceStatus::Uncollectible => {
            (was != Some(status)).then_some(("invoice.uncollectible", after.written_off_at()))
        }
    })
}

fn told(kind: &'static str, at: Option<DateTime<Utc>>, invoice: &Invoice) -> Result<Happened, InvoiceError> {
    Ok(Happened { kind, at, of: invoice.id.to_string(), data: data(invoice)? })
}

fn data(invoice: &Invoice) -> Result<Value, InvoiceError> {
    let (subscription, period) = match invoice.origin {
        Origin::OneOff => (None, None),
        Origin::Subscription { subscription, period } => (Some(subscription), Some(period)),
    };
    let issued = invoice.issued();
    let mut data = json!({
        "id": invoice.id,
        "number": issued.map(|issued| issued.number.text.as_str()),
        "status": invoice.status()?,
        "customer": invoice.customer,
        "seller": invoice.seller,
        "subscription": subscription,
        "period": period,
        "collection": invoice.collection,
        "net": invoice.totals.net,
        "tax": invoice.totals.tax,
        "total": invoice.totals.total,
        "amount_due": invoice.amount_due()?,
        "amount_paid": invoice.amount_paid()?,
        "amount_refunded": invoice.amount_refunded()?,
        "due_on": issued.map(|issued| issued.due_on),
        "finalised_at": issued.map(|issued| issued.at),
    });
    // What a void one had brought forward is owed on the earlier ones again.
    let brought = Some(invoice.brought_forward()).filter(|all| !all.is_empty() && invoice.voided_at().is_none());
    let brought = brought.map(|all| ("brought_forward", all.iter().map(brought_forward).collect::<Value>()));
    let left = invoice.carried_forward();
    let left = left.map(|left| ("carried_forward", json!({ "invoice": left.to, "amount": left.amount })));
    if let Value::Object(fields) = &mut data {
        fields.extend(brought.into_iter().chain(left).map(|(name, value)| (name.to_owned(), value)));
    }
    Ok(data)
}

fn brought_forward(debt: &BroughtForward) -> Value {
    json!({ "invoice": debt.from, "number": debt.number, "amount": debt.amount })
}
