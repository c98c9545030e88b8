//! Mail about an invoice: at most one per purpose, decided when it is sent.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dunning::ReminderStep;
use crate::id::{InvoiceId, PaymentId};

/// Why a mail is sent; its text is part of the key that keeps it from being sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The invoice itself.
    Issued,
    /// A step of the ladder of reminders.
    Reminder(ReminderStep),
    /// A payment was received.
    Receipt(PaymentId),
    /// This attempt to charge failed.
    PaymentFailed(u32),
}

/// Why a text names no purpose of a mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the purpose of a mail like `issued` or `payment_failed/2`, found `{found}`")]
pub struct PurposeError {
    found: String,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issued => f.write_str("issued"),
            Self::Reminder(step) => write!(f, "reminder/{step}"),
            Self::Receipt(payment) => write!(f, "receipt/{payment}"),
            Self::PaymentFailed(attempt) => write!(f, "payment_failed/{attempt}"),
        }
    }
}

impl FromStr for Purpose {
    type Err = PurposeError;

    fn from_str(text: &str) -> Result<Self, PurposeError> {
        let purpose = match text.split_once('/') {
            None => (text == "issued").then_some(Self::Issued),
            Some(("reminder", step)) => step.parse().ok().map(Self::Reminder),
            Some(("receipt", payment)) => payment.parse().ok().map(Self::Receipt),
            Some(("payment_failed", attempt)) => attempt.parse().ok().map(Self::PaymentFailed),
            Some(_) => None,
        };
        purpose.ok_or_else(|| PurposeError { found: text.chars().take(80).collect() })
    }
}

impl Serialize for Purpose {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Purpose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One mail: written down before it is handed to the mailer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailRecord {
    /// About which invoice.
    pub invoice: InvoiceId,
    /// Why.
    pub purpose: Purpose,
    /// When it was decided.
    pub planned_at: DateTime<Utc>,
    /// What became of it.
    #[serde(flatten)]
    pub state: MailState,
}

/// What became of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MailState {
    /// It may have been handed to the mailer. It is not sent again: a second mail is worse than a missing one.
    Planned,
    /// The mailer took it.
    Sent {
        /// The mailer's id of it.
        message_id: String,
    },
    /// The mailer said for certain that it did not take it; it may be tried again.
    NotSent {
        /// The mailer's word.
        reason: String,
    },
}
