//! Work for reminder-emails.

use chrono::{DateTime, Utc};
use saldo_billing::id::InvoiceId;
use saldo_billing::mail::Purpose;
use serde::{Deserialize, Serialize};

use crate::V1;

/// What reminder-emails is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum RemindersMessage {
    /// Send whichever reminder is due for each of these invoices.
    Remind {
        /// The version.
        v: V1,
        /// Which invoices.
        invoices: Vec<InvoiceId>,
        /// When it is.
        as_of: DateTime<Utc>,
    },
    /// Send one mail, if there still is reason to.
    Send {
        /// The version.
        v: V1,
        /// About which invoice.
        invoice: InvoiceId,
        /// Why.
        purpose: Purpose,
        /// When it is.
        as_of: DateTime<Utc>,
    },
}
