//! Work for invoice-generation.

use chrono::{DateTime, Utc};
use saldo_billing::id::{InvoiceId, SubscriptionId};
use serde::{Deserialize, Serialize};

use crate::V1;

/// What invoice-generation is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum InvoicesDueMessage {
    /// Bill every period of these subscriptions that is due.
    Bill {
        /// The version.
        v: V1,
        /// Which subscriptions.
        subscriptions: Vec<SubscriptionId>,
        /// When it is.
        as_of: DateTime<Utc>,
    },
    /// Make the documents of these invoices and hand them on.
    Render {
        /// The version.
        v: V1,
        /// Which invoices.
        invoices: Vec<InvoiceId>,
        /// When it is.
        as_of: DateTime<Utc>,
    },
}
