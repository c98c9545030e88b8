//! Domain events: what the CRM and others listen to on the bus.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::V1;

/// Something that happened in the books; the detail of an `EventBridge` event whose detail type is its kind.
///
/// It is delivered at least once: `id` is the same each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainEvent {
    /// The version.
    pub v: V1,
    /// The same for every delivery of the same event.
    pub id: String,
    /// What happened: `invoice.finalised`, `payment.succeeded`, ….
    pub kind: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The thing it happened to, as the API shows it.
    pub data: serde_json::Map<String, serde_json::Value>,
}
