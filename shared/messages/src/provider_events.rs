//! Webhooks on their way from intake to the books.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saldo_billing::provider::ProviderAccount;
use serde::{Deserialize, Serialize};

use crate::V1;

/// A webhook as it was received and found authentic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderEvent {
    /// To which account it was sent.
    pub account: ProviderAccount,
    /// The provider's id of the event.
    pub event_id: String,
    /// What happened, in the provider's word.
    pub kind: String,
    /// When we received it.
    pub received_at: DateTime<Utc>,
    /// The headers that matter, in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body, to the byte.
    pub body: String,
}

/// What payment-processing is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum ProviderEventsMessage {
    /// Take this event into the books.
    Take {
        /// The version.
        v: V1,
        /// The event.
        event: ProviderEvent,
    },
    /// Try again to join these events, which wait in the inbox for something they refer to.
    Retry {
        /// The version.
        v: V1,
        /// Which events.
        parked: Vec<ParkedKey>,
        /// When it is.
        as_of: DateTime<Utc>,
        /// Whether a person asks for it: also of what does not wait, or not that long yet.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        at_once: bool,
    },
}

/// Names an event in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParkedKey {
    /// To which account it was sent.
    pub account: ProviderAccount,
    /// The provider's id of the event.
    pub event_id: String,
}
