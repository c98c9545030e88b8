//! What travels on queues and on the event bus.
//!
//! Every message is JSON with a version `v`. Fields are only ever added, and always with a default, so that a message sent
//! before a deployment is understood after it, and the reverse. The files in `golden/` hold every shape that was ever sent;
//! they are never changed.

pub mod collections;
pub mod disposition;
pub mod event;
pub mod invoices_due;
pub mod provider_events;
pub mod queue;
pub mod reminders;
mod version;

pub use self::collections::CollectionsMessage;
pub use self::disposition::{Disposed, Disposition};
pub use self::event::DomainEvent;
pub use self::invoices_due::InvoicesDueMessage;
pub use self::provider_events::{ProviderEvent, ProviderEventsMessage};
pub use self::queue::{Destination, MemoryQueue, Queue, QueueError};
pub use self::reminders::RemindersMessage;
pub use self::version::{MessageError, V1};

/// Writes a message as the body that travels.
///
/// # Errors
/// When the message cannot be written as JSON, which only a defect in its own definition can cause.
pub fn encode<T: serde::Serialize>(message: &T) -> Result<String, MessageError> {
    serde_json::to_string(message).map_err(MessageError::Encode)
}

/// Reads a message from a body that travelled.
///
/// # Errors
/// When the body is not this message: asking again will not help.
pub fn decode<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, MessageError> {
    serde_json::from_str(body).map_err(MessageError::Decode)
}
