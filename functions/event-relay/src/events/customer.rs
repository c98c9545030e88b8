//! Customers: who they are stays out of the events.

use saldo_billing::party::Customer;
use serde_json::{Value, json};

use super::{Happened, Images};

pub(super) fn happened(images: &Images<Customer>) -> Vec<Happened> {
    let (kind, at, customer) = match (&images.before, &images.after) {
        (None, Some(customer)) => ("customer.created", Some(customer.created_at), customer),
        (Some(before), Some(customer)) if is_changed(before, customer) => ("customer.updated", None, customer),
        _ => return Vec::new(),
    };
    vec![Happened { kind, at, of: customer.id.to_string(), data: data(customer) }]
}

/// Whether anything but our own progress with a new method has changed.
fn is_changed(before: &Customer, after: &Customer) -> bool {
    let (method_new_since, too_small) = (before.method_new_since, before.too_small.clone());
    *before != Customer { method_new_since, too_small, ..after.clone() }
}

fn data(customer: &Customer) -> Value {
    json!({
        "id": customer.id,
        "seller": customer.seller,
        "country": customer.address.country,
        "zone": customer.zone,
        "language": customer.language,
        "region": customer.region,
        "channel": customer.channel,
        "has_payment_method": customer.payment_method.is_some(),
        "suppressed_at": customer.suppressed_at,
    })
}
