//! Work for payment-collection.

use chrono::{DateTime, Utc};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId};
use serde::{Deserialize, Serialize};

use crate::V1;

/// What payment-collection is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum CollectionsMessage {
    /// Charge these invoices, or ask what became of their charges: whichever each of them needs.
    Charge {
        /// The version.
        v: V1,
        /// Which invoices.
        invoices: Vec<InvoiceId>,
        /// When it is.
        as_of: DateTime<Utc>,
    },
    /// Charge the invoices of these customers that wait for another method of payment: they have one now.
    NewMethod {
        /// The version.
        v: V1,
        /// Which customers.
        customers: Vec<CustomerId>,
        /// When it is.
        as_of: DateTime<Utc>,
    },
    /// Carry out the refunds that were asked for on these payments.
    Refund {
        /// The version.
        v: V1,
        /// Which payments.
        payments: Vec<PaymentId>,
        /// When it is.
        as_of: DateTime<Utc>,
    },
}
