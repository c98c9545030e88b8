//! A payment is a fold over the set of facts that were stated about it.

pub mod fact;
mod refund;
mod standing;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saldo_money::{Currency, MoneyError};
use serde::{Deserialize, Serialize};

pub use self::fact::{Decline, DisputeOutcome, Fact, RefundStatus, Statement};
pub use self::refund::{RefundError, RefundRequest, RefundState};
pub use self::standing::Standing;
use crate::Outcome;
use crate::id::{CustomerId, InvoiceId, PaymentId, RefundId};
use crate::provider::ProviderAccount;

/// Failures of one payment that are kept; somebody who tries stolen cards can make thousands.
const FAILURES_KEPT: usize = 20;

/// What a provider reported: which payment, and what is true of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReport {
    /// Where it was paid.
    pub account: ProviderAccount,
    /// The provider's id of the payment, `pi_…` at Stripe.
    pub reference: String,
    /// The invoice it was made for, when the report tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceId>,
    /// Which attempt of ours it was, when the report tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The mark of the hosted page on which it was paid, when the report tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// How it was paid, when the report tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<MethodUsed>,
    /// In which currency.
    pub currency: Currency,
    /// Whether the report describes the payment itself, so that it may be kept without having heard of it before.
    /// A dispute or a refund does not: it waits for the payment it belongs to.
    pub introduces: bool,
    /// What is stated.
    pub facts: Vec<Fact>,
}

impl PaymentReport {
    /// The id of the payment that is reported on.
    #[must_use]
    pub fn payment(&self) -> PaymentId {
        payment_at(&self.account, &self.reference)
    }
}

/// The id of the payment that an account has under this reference: every way to it comes to the same.
#[must_use]
pub fn payment_at(account: &ProviderAccount, reference: &str) -> PaymentId {
    PaymentId::derive(&[account.provider(), account.account(), reference])
}

/// By what a payment was made, as far as people need to recognise it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MethodUsed {
    /// `card`, `sepa_debit`, …, in the provider's word.
    pub kind: String,
    /// The card network, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The last four digits or characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
}

/// Money taken, or tried to be taken, by one provider payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its id, derived from the provider's.
    pub id: PaymentId,
    /// Where it was paid.
    pub account: ProviderAccount,
    /// The provider's id.
    pub reference: String,
    /// The invoice it pays, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceId>,
    /// Who pays, as the invoice says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// Which attempt of ours it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// How it is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<MethodUsed>,
    /// In which currency.
    pub currency: Currency,
    /// What was stated, by the key of the statement.
    facts: BTreeMap<String, Fact>,
    /// Refunds that we asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refunds: BTreeMap<RefundId, RefundRequest>,
}

/// Where a payment stands, derived from its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Waits for somebody.
    Pending,
    /// Waits for the customer.
    RequiresAction,
    /// Submitted, and decided later.
    Processing,
    /// Held and not yet taken.
    Authorised,
    /// Taken.
    Succeeded,
    /// The last attempt failed.
    Failed,
    /// Called off.
    Cancelled,
}

impl PaymentStatus {
    /// Whether it will not become another one. One that failed may: the customer tries another card, and only the provider knows
    /// whether they still can.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Cancelled => true,
            Self::Failed | Self::Pending | Self::RequiresAction | Self::Processing | Self::Authorised => false,
        }
    }
}

/// Why a report could not be applied to a payment.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// A payment has one currency.
    #[error("payment {payment} is in {expected}, the report in {found}")]
    Currency {
        /// Of which payment.
        payment: PaymentId,
        /// Its currency.
        expected: Currency,
        /// The report's.
        found: Currency,
    },
    /// A payment pays one invoice.
    #[error("payment {payment} is for invoice {expected}, the report says {found}")]
    Invoice {
        /// Of which payment.
        payment: PaymentId,
        /// Its invoice.
        expected: InvoiceId,
        /// The report's.
        found: InvoiceId,
    },
    /// Amounts beyond what money can hold.
    #[error("amounts of payment {payment} do not add up")]
    Money {
        /// Of which payment.
        payment: PaymentId,
        /// Why.
        #[source]
        source: MoneyError,
    },
}

impl Payment {
    /// A payment that was reported for the first time, with nothing stated yet: apply the report next.
    #[must_use]
    pub fn introduced_by(report: &PaymentReport) -> Self {
        Self {
            id: report.payment(),
            account: report.account.clone(),
            reference: report.reference.clone(),
            invoice: report.invoice,
            customer: None,
            attempt: report.attempt,
            method: report.method.clone(),
            currency: report.currency,
            facts: BTreeMap::new(),
            refunds: BTreeMap::new(),
        }
    }

    /// Joins the report's facts to those already known.
    ///
    /// # Errors
    /// When the report is of another currency or for another invoice.
    pub fn apply(&mut self, report: &PaymentReport) -> Result<Outcome<()>, PaymentError> {
        if report.currency != self.currency {
            return Err(PaymentError::Currency { payment: self.id, expected: self.currency, found: report.currency });
        }
        if let (Some(expected), Some(found)) = (self.invoice, report.invoice)
            && expected != found
        {
            return Err(PaymentError::Invoice { payment: self.id, expected, found });
        }
        let before = self.clone();
        self.invoice = self.invoice.or(report.invoice);
        self.attempt = self.attempt.or(report.attempt);
        // The greatest of all methods told: any rule that does not ask for the order would do.
        self.method = self.method.take().max(report.method.clone());
        for fact in &report.facts {
            if let Some(statement) = fact.statement() {
                let key = statement.key();
                let kept = self.facts.remove(&key).map_or_else(|| fact.clone(), |known| known.merge(fact.clone()));
                self.facts.insert(key, kept);
            }
        }
        self.forget_old_failures();
        self.join_refunds();
        Ok(if *self == before { Outcome::AlreadyApplied } else { Outcome::Applied(()) })
    }

    /// Keeps the newest failures only; which those are does not depend on the order in which they were heard.
    fn forget_old_failures(&mut self) {
        let mut failures: Vec<_> = self
            .facts
            .iter()
            .filter(|(key, _)| key.starts_with("failed/"))
            .map(|(key, fact)| (fact.at, key.clone()))
            .collect();
        failures.sort();
        let surplus = failures.len().saturating_sub(FAILURES_KEPT);
        for (_, key) in failures.into_iter().take(surplus) {
            self.facts.remove(&key);
        }
    }

    /// What was stated, oldest first.
    #[must_use]
    pub fn facts(&self) -> Vec<&Fact> {
        let mut facts: Vec<_> = self.facts.iter().collect();
        facts.sort_by_key(|(key, fact)| (fact.at, (*key).clone()));
        facts.into_iter().map(|(_, fact)| fact).collect()
    }

    fn statements(&self) -> impl Iterator<Item = (DateTime<Utc>, &Statement)> {
        self.facts.values().filter_map(|fact| Some((fact.at, fact.statement()?)))
    }

    /// When the first fact came true.
    #[must_use]
    pub fn began_at(&self) -> Option<DateTime<Utc>> {
        self.facts.values().map(|fact| fact.at).min()
    }

    /// When money was taken for the first time.
    #[must_use]
    pub fn captured_at(&self) -> Option<DateTime<Utc>> {
        self.statements().filter(|(_, s)| matches!(s, Statement::Captured { .. })).map(|(at, _)| at).min()
    }

    /// The last failure: when, and how the provider said no.
    #[must_use]
    pub fn last_failure(&self) -> Option<(DateTime<Utc>, &Decline)> {
        self.statements()
            .filter_map(|(at, statement)| match statement {
                Statement::Failed { reference, decline } => Some((at, reference, decline)),
                Statement::Created { .. }
                | Statement::RequiresAction
                | Statement::Processing
                | Statement::Authorised { .. }
                | Statement::Captured { .. }
                | Statement::Cancelled
                | Statement::Refund { .. }
                | Statement::RefundedInAll { .. }
                | Statement::DisputeOpened { .. }
                | Statement::DisputeFundsWithdrawn { .. }
                | Statement::DisputeFundsReinstated { .. }
                | Statement::DisputeClosed { .. } => None,
            })
            .max_by_key(|(at, reference, _)| (*at, (*reference).clone()))
            .map(|(at, _, decline)| (at, decline))
    }

    /// Where the payment stands. Money that was taken outranks everything, a later statement outranks an earlier one, and
    /// within one second the further state wins (W19).
    #[must_use]
    pub fn status(&self) -> PaymentStatus {
        let ranked = |at: DateTime<Utc>, statement: &Statement| {
            let (rank, status) = match statement {
                Statement::Captured { .. } => return Some((2, at, 0, PaymentStatus::Succeeded)),
                Statement::Cancelled => return Some((1, at, 0, PaymentStatus::Cancelled)),
                Statement::Failed { .. } => (4, PaymentStatus::Failed),
                Statement::Authorised { .. } => (3, PaymentStatus::Authorised),
                Statement::Processing => (2, PaymentStatus::Processing),
                Statement::RequiresAction => (1, PaymentStatus::RequiresAction),
                Statement::Created { .. } => (0, PaymentStatus::Pending),
                Statement::Refund { .. }
                | Statement::RefundedInAll { .. }
                | Statement::DisputeOpened { .. }
                | Statement::DisputeFundsWithdrawn { .. }
                | Statement::DisputeFundsReinstated { .. }
                | Statement::DisputeClosed { .. } => return None,
            };
            Some((0, at, rank, status))
        };
        self.statements()
            .filter_map(|(at, statement)| ranked(at, statement))
            .max_by_key(|(class, at, rank, _)| (*class, *at, *rank))
            .map_or(PaymentStatus::Pending, |(_, _, _, status)| status)
    }

    /// Whether a dispute is open.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        let closed = |wanted: &str| {
            self.statements()
                .any(|(_, s)| matches!(s, Statement::DisputeClosed { reference, .. } if reference == wanted))
        };
        self.statements().any(|(_, s)| matches!(s, Statement::DisputeOpened { reference, .. } if !closed(reference)))
    }
}

#[cfg(test)]
mod tests;
