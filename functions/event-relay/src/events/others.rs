//! Credit, mail, and webhooks that wait.

use saldo_billing::mail::{MailRecord, MailState};
use saldo_store::entities::{CreditBalance, ParkedEvent};
use serde_json::json;

use super::{Happened, Images};

pub(super) fn credit_changed(images: &Images<CreditBalance>) -> Vec<Happened> {
    let Some(after) = &images.after else { return Vec::new() };
    let was = images.before.as_ref().map(|before| before.balance);
    if was == Some(after.balance) || (was.is_none() && after.balance.is_zero()) {
        return Vec::new();
    }
    let of = format!("{}/{}", after.customer, after.balance.currency());
    let data = json!({ "customer": after.customer, "balance": after.balance });
    vec![Happened { kind: "customer.credit_changed", at: None, of, data }]
}

pub(super) fn mail_sent(images: &Images<MailRecord>) -> Vec<Happened> {
    let is_sent = |record: &MailRecord| matches!(record.state, MailState::Sent { .. });
    let Some(after) = images.after.as_ref().filter(|record| is_sent(record)) else { return Vec::new() };
    if images.before.as_ref().is_some_and(is_sent) {
        return Vec::new();
    }
    let of = format!("{}/{}", after.invoice, after.purpose);
    let data = json!({ "invoice": after.invoice, "purpose": after.purpose });
    vec![Happened { kind: "mail.sent", at: None, of, data }]
}

pub(super) fn parked(images: &Images<ParkedEvent>) -> Vec<Happened> {
    let (None, Some(event)) = (&images.before, &images.after) else { return Vec::new() };
    let of = format!("{}/{}", event.account, event.event_id);
    let data = json!({ "account": event.account, "event_id": event.event_id, "waits_for": event.waits_for });
    vec![Happened { kind: "provider_event.parked", at: Some(event.parked_at), of, data }]
}
