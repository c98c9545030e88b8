//! What a change of an item means, in events.

mod customer;
mod invoice;
mod others;
mod payment;
mod subscription;

use chrono::{DateTime, Utc};
use saldo_billing::invoice::InvoiceError;
use saldo_billing::payment::PaymentError;
use saldo_messages::{DomainEvent, V1};
use saldo_runtime::stream::Change;
use saldo_store::{Entity, EntityError, Item, Stored, attribute, text};
use serde_json::{Map, Value};

/// Why the events of a change cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// An image is not the entity that its key promises.
    #[error("an image cannot be read")]
    Entity(#[from] EntityError),
    /// The amounts of an invoice do not add up.
    #[error("where the invoice stands cannot be told")]
    Invoice(#[from] InvoiceError),
    /// The amounts of a payment do not add up.
    #[error("where the payment stands cannot be told")]
    Payment(#[from] PaymentError),
}

/// The events of a change, in the order in which they happened; most items have none.
///
/// # Errors
/// When an image cannot be read.
pub fn events(change: &Change) -> Result<Vec<DomainEvent>, EventError> {
    let key = |name| text(&change.keys, name).unwrap_or_default();
    let (pk, sk) = (key(attribute::PK), key(attribute::SK));
    let told = match (pk.split('#').next().unwrap_or_default(), sk.split('#').next().unwrap_or_default()) {
        ("CUSTOMER", "CUSTOMER") => customer::happened(&images(change)?),
        ("CUSTOMER", "CREDIT") => others::credit_changed(&images(change)?),
        ("SUBSCRIPTION", "SUBSCRIPTION") => subscription::happened(&images(change)?),
        ("INVOICE", "INVOICE") => invoice::happened(&images(change)?)?,
        ("INVOICE", "MAIL") => others::mail_sent(&images(change)?),
        ("PAYMENT", "PAYMENT") => payment::happened(&images(change)?)?,
        ("PARKED", "PARKED") => others::parked(&images(change)?),
        _ => Vec::new(),
    };
    Ok(told.into_iter().map(|one| one.into_event(change)).collect())
}

/// An entity before and after a change.
struct Images<T> {
    before: Option<T>,
    after: Option<T>,
}

fn images<T: Entity>(change: &Change) -> Result<Images<T>, EntityError> {
    let read = |image: Option<&Item>| image.map(|item| Stored::from_item(item.clone())).transpose();
    let value = |stored: Option<Stored<T>>| stored.map(|stored| stored.value);
    Ok(Images { before: value(read(change.old_image())?), after: value(read(change.new_image())?) })
}

/// A kind of event, and when it happened where the entity tells.
type Kind = (&'static str, Option<DateTime<Utc>>);

/// Something that happened, before it has its id.
struct Happened {
    kind: &'static str,
    /// When, where the entity tells; otherwise it is when the change was made.
    at: Option<DateTime<Utc>>,
    of: String,
    data: Value,
}

impl Happened {
    fn into_event(self, change: &Change) -> DomainEvent {
        // An item that is gone has no version: its last one stands for the removal, which comes once.
        let version = change.new_image().or(change.old_image()).map_or(0, saldo_store::version);
        DomainEvent {
            v: V1,
            id: format!("{}/{version}/{}", self.of, self.kind),
            kind: self.kind.to_owned(),
            at: self.at.unwrap_or(change.changed_at),
            data: fields(self.data),
        }
    }
}

/// The fields of an object, without those that say nothing.
fn fields(data: Value) -> Map<String, Value> {
    match data {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
