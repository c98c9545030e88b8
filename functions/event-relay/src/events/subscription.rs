//! Subscriptions.

use saldo_billing::subscription::Subscription;
use serde_json::{Map, Value, json};

use super::{Happened, Images};

pub(super) fn happened(images: &Images<Subscription>) -> Vec<Happened> {
    let Some(after) = &images.after else { return Vec::new() };
    let told = |kind, at| Happened { kind, at, of: after.id.to_string(), data: data(after) };
    let Some(before) = &images.before else {
        return vec![told("subscription.created", Some(after.created_at))];
    };
    let mut happened = Vec::new();
    if after.cancellation() != before.cancellation() {
        let at = after.cancellation().map(|cancellation| cancellation.requested_at);
        happened.push(told("subscription.cancelled", at));
    }
    match (before.paused_at(), after.paused_at()) {
        (None, Some(at)) => happened.push(told("subscription.paused", Some(at))),
        (Some(_), None) => happened.push(told("subscription.resumed", None)),
        (None, None) | (Some(_), Some(_)) => {}
    }
    happened
}

fn data(subscription: &Subscription) -> Value {
    let items = subscription.items.iter().map(|item| {
        let mut told = Map::from_iter([
            ("price".to_owned(), json!(item.price)),
            ("product".to_owned(), json!(item.product)),
            ("unit_amount".to_owned(), json!(item.unit_amount.to_string())),
            ("quantity".to_owned(), json!(item.quantity.to_string())),
        ]);
        // That the tax comes on top goes without saying.
        if !item.tax_behavior.is_exclusive() {
            told.insert("tax_behavior".to_owned(), json!(item.tax_behavior));
        }
        told
    });
    json!({
        "id": subscription.id,
        "customer": subscription.customer,
        "seller": subscription.seller,
        "currency": subscription.currency,
        "items": items.collect::<Vec<_>>(),
        "start_on": subscription.schedule.anchor_on(),
        "collection": subscription.collection,
        "effective_on": subscription.cancellation().map(|cancellation| cancellation.effective_on),
        "paused_at": subscription.paused_at(),
    })
}
