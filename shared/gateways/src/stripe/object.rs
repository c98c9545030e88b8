//! Stripe's objects, as far as Saldo reads them. Fields that a version may leave out have defaults; others must be there.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saldo_money::{Currency, Money, UnknownCurrency};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::amount::{AmountError, from_stripe};

/// Why an object cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObjectError {
    #[error("{object} has the impossible time {seconds}")]
    Time { object: String, seconds: i64 },
    #[error("{object} has an unknown currency")]
    Currency {
        object: String,
        #[source]
        source: UnknownCurrency,
    },
    #[error("{object} has an amount that cannot be read")]
    Amount {
        object: String,
        #[source]
        source: AmountError,
    },
    #[error("{object} lacks {field}")]
    Missing { object: String, field: &'static str },
}

/// The instant that Stripe writes as seconds.
pub(super) fn instant(object: &str, seconds: i64) -> Result<DateTime<Utc>, ObjectError> {
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| ObjectError::Time { object: object.to_owned(), seconds })
}

/// The currency that Stripe writes in lower case.
pub(super) fn currency(object: &str, code: &str) -> Result<Currency, ObjectError> {
    code.to_ascii_uppercase().parse().map_err(|source| ObjectError::Currency { object: object.to_owned(), source })
}

/// The amount that Stripe writes as a number.
pub(super) fn money(object: &str, number: i64, currency: Currency) -> Result<Money, ObjectError> {
    from_stripe(number, currency).map_err(|source| ObjectError::Amount { object: object.to_owned(), source })
}

pub(super) type Metadata = BTreeMap<String, String>;

/// Another object, or only its id.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    Id(String),
    Object(Box<T>),
}

/// An object of which only the id matters.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    id: String,
}

/// Something that has an id.
pub(super) trait Identified {
    fn id(&self) -> &str;
}

impl Identified for Named {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for Charge {
    fn id(&self) -> &str {
        &self.id
    }
}

impl<T: Identified> Expandable<T> {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => object.id(),
        }
    }

    pub(super) fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// What kind a method is, and what that kind tells: `{"type": "card", "card": {…}}`.
#[derive(Debug, Deserialize)]
pub(super) struct MethodDetails {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(flatten)]
    kinds: Map<String, Value>,
}

impl MethodDetails {
    fn detail(&self, name: &str) -> Option<&Value> {
        self.kinds.get(&self.kind)?.get(name)
    }

    /// The card network; charges tell the one used, methods the brand.
    pub(super) fn network(&self) -> Option<&str> {
        self.detail("network").and_then(Value::as_str).or_else(|| self.detail("brand").and_then(Value::as_str))
    }

    pub(super) fn last4(&self) -> Option<&str> {
        self.detail("last4").and_then(Value::as_str)
    }

    /// The last month in which it can be used, `YYYY-MM`.
    pub(super) fn expires(&self) -> Option<String> {
        let year = self.detail("exp_year")?.as_u64()?;
        let month = self.detail("exp_month")?.as_u64().filter(|month| (1..=12).contains(month))?;
        Some(format!("{year:04}-{month:02}"))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentMethod {
    pub(super) id: String,
    pub(super) customer: Option<Expandable<Named>>,
    #[serde(default)]
    pub(super) metadata: Option<Metadata>,
    #[serde(flatten)]
    details: MethodDetails,
}

impl PaymentMethod {
    pub(super) const fn details(&self) -> &MethodDetails {
        &self.details
    }
}

/// `last_payment_error`, and the body of an error that an answer carries: they have the same fields.
#[derive(Debug, Deserialize)]
pub(super) struct PaymentFailure {
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) decline_code: Option<String>,
    #[serde(default)]
    pub(super) advice_code: Option<String>,
    #[serde(default)]
    pub(super) network_decline_code: Option<String>,
    #[serde(default)]
    pub(super) network_advice_code: Option<String>,
    #[serde(default)]
    pub(super) param: Option<String>,
    #[serde(default)]
    pub(super) charge: Option<String>,
    #[serde(default)]
    pub(super) payment_method: Option<Box<PaymentMethod>>,
    #[serde(default)]
    pub(super) payment_intent: Option<Box<PaymentIntent>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentIntent {
    pub(super) id: String,
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) amount_capturable: i64,
    #[serde(default)]
    pub(super) amount_received: i64,
    pub(super) currency: String,
    pub(super) status: IntentStatus,
    pub(super) created: i64,
    #[serde(default)]
    pub(super) canceled_at: Option<i64>,
    #[serde(default)]
    pub(super) cancellation_reason: Option<String>,
    #[serde(default)]
    pub(super) latest_charge: Option<Expandable<Charge>>,
    #[serde(default)]
    pub(super) last_payment_error: Option<PaymentFailure>,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChargeStatus {
    Succeeded,
    Pending,
    Failed,
}

#[derive(Debug, Deserialize)]
pub(super) struct ChargeVerdict {
    #[serde(default)]
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) advice_code: Option<String>,
    #[serde(default)]
    pub(super) network_decline_code: Option<String>,
    #[serde(default)]
    pub(super) network_advice_code: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) amount_captured: i64,
    #[serde(default)]
    pub(super) amount_refunded: i64,
    pub(super) captured: bool,
    pub(super) created: i64,
    pub(super) currency: String,
    pub(super) status: ChargeStatus,
    #[serde(default)]
    pub(super) failure_code: Option<String>,
    #[serde(default)]
    pub(super) outcome: Option<ChargeVerdict>,
    #[serde(default)]
    pub(super) payment_intent: Option<Expandable<Named>>,
    #[serde(default)]
    pub(super) payment_method_details: Option<MethodDetails>,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

impl Charge {
    pub(super) fn network(&self) -> Option<&str> {
        self.payment_method_details.as_ref().and_then(MethodDetails::network)
    }

    /// What was given back. A capture of less than was held shows the rest as refunded, though it was never taken.
    pub(super) fn given_back(&self) -> i64 {
        let never_taken = self.amount.saturating_sub(self.amount_captured);
        if self.captured { self.amount_refunded.saturating_sub(never_taken).max(0) } else { 0 }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) created: i64,
    pub(super) status: String,
    #[serde(default)]
    pub(super) charge: Option<Expandable<Named>>,
    #[serde(default)]
    pub(super) payment_intent: Option<Expandable<Named>>,
    #[serde(default)]
    pub(super) metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BalanceTransaction {
    pub(super) amount: i64,
    pub(super) fee: i64,
    pub(super) currency: String,
    pub(super) created: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) created: i64,
    pub(super) reason: String,
    pub(super) status: String,
    pub(super) charge: Expandable<Named>,
    #[serde(default)]
    pub(super) payment_intent: Option<Expandable<Named>>,
    #[serde(default)]
    pub(super) balance_transactions: Vec<BalanceTransaction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

#[derive(Debug, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: Option<SessionStatus>,
    #[serde(default)]
    pub(super) url: Option<String>,
    pub(super) expires_at: i64,
    pub(super) payment_status: String,
    #[serde(default)]
    pub(super) payment_intent: Option<Expandable<Named>>,
    #[serde(default)]
    pub(super) customer: Option<Expandable<Named>>,
    #[serde(default)]
    pub(super) metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SetupIntent {
    pub(super) id: String,
    #[serde(default)]
    pub(super) customer: Option<Expandable<Named>>,
    #[serde(default)]
    pub(super) payment_method: Option<Expandable<Named>>,
    #[serde(default)]
    pub(super) last_setup_error: Option<PaymentFailure>,
    #[serde(default)]
    pub(super) metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Payout {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: String,
    pub(super) arrival_date: i64,
    #[serde(default)]
    pub(super) failure_code: Option<String>,
}

/// One page of a list, newest first.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    pub(super) has_more: bool,
}

impl Identified for PaymentIntent {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for Refund {
    fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn charge(captured: bool, amount_captured: i64, amount_refunded: i64) -> Charge {
        serde_json::from_value(json!({
            "id": "ch_1", "amount": 1000, "amount_captured": amount_captured, "amount_refunded": amount_refunded,
            "captured": captured, "created": 1, "currency": "eur", "status": "succeeded"
        }))
        .unwrap()
    }

    #[test]
    fn what_was_held_and_never_taken_is_not_a_refund() {
        assert_eq!(charge(true, 1_000, 300).given_back(), 300);
        assert_eq!(charge(true, 700, 300).given_back(), 0);
        assert_eq!(charge(true, 700, 500).given_back(), 200);
        assert_eq!(charge(false, 0, 1_000).given_back(), 0);
    }

    #[test]
    fn an_impossible_month_is_no_expiry() {
        let details = |month: u8| -> MethodDetails {
            serde_json::from_value(json!({ "type": "card", "card": { "exp_year": 2031, "exp_month": month } })).unwrap()
        };
        assert_eq!(details(8).expires().as_deref(), Some("2031-08"));
        assert_eq!(details(13).expires(), None);
    }
}
