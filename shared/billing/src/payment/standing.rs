//! The money of a payment: what its facts come to.

use std::collections::BTreeMap;

use saldo_money::{Money, MoneyError};
use serde::{Deserialize, Serialize};
use serde_with::{As, DisplayFromStr};

use super::{DisputeOutcome, Payment, PaymentError, RefundStatus, Statement};

/// What an invoice, a report or a person wants to know of a payment's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StandingFields", into = "StandingFields")]
pub struct Standing {
    /// Taken.
    pub captured: Money,
    /// Given back.
    pub refunded: Money,
    /// Withdrawn by disputes that are not decided.
    pub disputed: Money,
    /// Lost in disputes.
    pub lost: Money,
    /// Charged for disputes.
    pub dispute_fees: Money,
}

impl Standing {
    /// Nothing yet.
    #[must_use]
    pub const fn none(zero: Money) -> Self {
        Self { captured: zero, refunded: zero, disputed: zero, lost: zero, dispute_fees: zero }
    }
}

/// A standing as it is kept: most payments were only captured, and what is kept costs by its size.
#[derive(Serialize, Deserialize)]
struct StandingFields {
    #[serde(with = "As::<DisplayFromStr>")]
    captured: Money,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "As::<Option<DisplayFromStr>>")]
    refunded: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "As::<Option<DisplayFromStr>>")]
    disputed: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "As::<Option<DisplayFromStr>>")]
    lost: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "As::<Option<DisplayFromStr>>")]
    dispute_fees: Option<Money>,
}

impl From<Standing> for StandingFields {
    fn from(standing: Standing) -> Self {
        let kept = |amount: Money| (!amount.is_zero()).then_some(amount);
        Self {
            captured: standing.captured,
            refunded: kept(standing.refunded),
            disputed: kept(standing.disputed),
            lost: kept(standing.lost),
            dispute_fees: kept(standing.dispute_fees),
        }
    }
}

impl From<StandingFields> for Standing {
    fn from(fields: StandingFields) -> Self {
        let zero = Money::zero(fields.captured.currency());
        Self {
            captured: fields.captured,
            refunded: fields.refunded.unwrap_or(zero),
            disputed: fields.disputed.unwrap_or(zero),
            lost: fields.lost.unwrap_or(zero),
            dispute_fees: fields.dispute_fees.unwrap_or(zero),
        }
    }
}

impl Payment {
    /// The money of this payment.
    ///
    /// # Errors
    /// When amounts are of unlike currencies or leave what money can hold.
    pub fn standing(&self) -> Result<Standing, PaymentError> {
        self.fold_standing().map_err(|source| PaymentError::Money { payment: self.id, source })
    }

    fn fold_standing(&self) -> Result<Standing, MoneyError> {
        let zero = Money::zero(self.currency);
        let mut standing = Standing::none(zero);
        let mut in_all = zero;
        for (_, statement) in self.statements() {
            match statement {
                Statement::Captured { amount, .. } => standing.captured = standing.captured.checked_add(*amount)?,
                Statement::RefundedInAll { amount, .. } => in_all = in_all.checked_add(*amount)?,
                Statement::Created { .. }
                | Statement::RequiresAction
                | Statement::Processing
                | Statement::Authorised { .. }
                | Statement::Failed { .. }
                | Statement::Cancelled
                | Statement::Refund { .. }
                | Statement::DisputeOpened { .. }
                | Statement::DisputeFundsWithdrawn { .. }
                | Statement::DisputeFundsReinstated { .. }
                | Statement::DisputeClosed { .. } => {}
            }
        }
        let (one_by_one, any_undone) = self.refunded_one_by_one()?;
        // A cumulative sum still counts a refund that failed afterwards; then only the refunds themselves tell.
        standing.refunded = if any_undone { one_by_one } else { one_by_one.max(in_all)? };
        self.fold_disputes(&mut standing)?;
        Ok(standing)
    }

    /// What the refunds themselves tell was given back, and whether one of them came to nothing.
    pub(super) fn refunded_one_by_one(&self) -> Result<(Money, bool), MoneyError> {
        let zero = Money::zero(self.currency);
        let mut refunds: BTreeMap<&str, (u8, Money)> = BTreeMap::new();
        for (_, statement) in self.statements() {
            if let Statement::Refund { reference, amount, status, .. } = statement {
                let stage = match status {
                    RefundStatus::Pending => (0, zero),
                    RefundStatus::Succeeded => (1, *amount),
                    RefundStatus::Cancelled | RefundStatus::Failed => (2, zero),
                };
                let known = refunds.entry(reference).or_insert(stage);
                if stage.0 > known.0 {
                    *known = stage;
                }
            }
        }
        let sum = refunds.values().try_fold(zero, |sum, (_, amount)| sum.checked_add(*amount))?;
        Ok((sum, refunds.values().any(|(stage, _)| *stage == 2)))
    }

    fn fold_disputes(&self, standing: &mut Standing) -> Result<(), MoneyError> {
        let zero = Money::zero(self.currency);
        let mut disputes: BTreeMap<&str, (Money, Money, bool)> = BTreeMap::new();
        for (_, statement) in self.statements() {
            match statement {
                Statement::DisputeFundsWithdrawn { reference, amount, fee } => {
                    let dispute = disputes.entry(reference).or_insert((zero, zero, false));
                    dispute.0 = dispute.0.checked_add(*amount)?;
                    dispute.1 = dispute.1.checked_add(fee.unwrap_or(zero))?;
                }
                Statement::DisputeFundsReinstated { reference, amount, fee } => {
                    let dispute = disputes.entry(reference).or_insert((zero, zero, false));
                    dispute.0 = dispute.0.checked_sub(*amount)?;
                    dispute.1 = dispute.1.checked_sub(fee.unwrap_or(zero))?;
                }
                Statement::DisputeClosed { reference, outcome: DisputeOutcome::Lost } => {
                    disputes.entry(reference).or_insert((zero, zero, false)).2 = true;
                }
                Statement::DisputeClosed { outcome: DisputeOutcome::Won | DisputeOutcome::WarningClosed, .. }
                | Statement::Created { .. }
                | Statement::RequiresAction
                | Statement::Processing
                | Statement::Authorised { .. }
                | Statement::Captured { .. }
                | Statement::Failed { .. }
                | Statement::Cancelled
                | Statement::Refund { .. }
                | Statement::RefundedInAll { .. }
                | Statement::DisputeOpened { .. } => {}
            }
        }
        for (withdrawn, fee, lost) in disputes.into_values() {
            let account = if lost { &mut standing.lost } else { &mut standing.disputed };
            *account = account.checked_add(withdrawn)?;
            standing.dispute_fees = standing.dispute_fees.checked_add(fee)?;
        }
        Ok(())
    }
}
