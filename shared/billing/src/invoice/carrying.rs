//! What is too small to be charged alone: it stays open, and is owed with the customer's next invoice (C8).

use chrono::{DateTime, Utc};
use saldo_money::{Money, MoneyError};
use serde::{Deserialize, Serialize};
use serde_with::{As, DisplayFromStr};

use super::{Change, Invoice, InvoiceError, InvoiceStatus};
use crate::Outcome;
use crate::dunning::DunningPolicy;
use crate::id::InvoiceId;

/// What was due on an earlier invoice and is owed with this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroughtForward {
    /// The earlier invoice.
    pub from: InvoiceId,
    /// Its number.
    pub number: String,
    /// What was due on it.
    #[serde(with = "As::<DisplayFromStr>")]
    pub amount: Money,
}

/// What was due on this invoice and is owed with a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedForward {
    /// The later invoice.
    pub to: InvoiceId,
    /// What was due.
    #[serde(with = "As::<DisplayFromStr>")]
    pub amount: Money,
}

impl Invoice {
    /// What earlier invoices left to this one.
    #[must_use]
    pub fn brought_forward(&self) -> &[BroughtForward] {
        &self.brought_forward
    }

    /// What earlier invoices left to it, together.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn amount_brought_forward(&self) -> Result<Money, InvoiceError> {
        self.money(self.brought())
    }

    /// What it left to a later one.
    #[must_use]
    pub const fn carried_forward(&self) -> Option<CarriedForward> {
        self.carried_forward
    }

    /// Whether what is due on it can be owed with another invoice: the provider charges nothing so small, and nobody is paying
    /// it at this moment.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn may_be_carried(&self) -> Result<bool, InvoiceError> {
        let idle = !self.is_processing() && !self.is_disputed() && self.page().is_none();
        Ok(idle && self.is_too_small_to_charge() && self.status()?.is_owed())
    }

    /// Leaves what is due on it to the invoice `to`, which has to [bring it forward](Self::bring_forward) at the same time.
    ///
    /// # Errors
    /// When it could be charged alone, or nothing is due.
    pub fn carry_forward(&mut self, to: InvoiceId, now: DateTime<Utc>) -> Result<BroughtForward, InvoiceError> {
        let (amount, may) = (self.amount_due()?, to != self.id && self.may_be_carried()?);
        let Some(number) = self.issued().filter(|_| may).map(|issued| issued.number.text.clone()) else {
            return Err(InvoiceError::Status { command: "carry forward", invoice: self.id, status: self.status()? });
        };
        self.carried_forward = Some(CarriedForward { to, amount });
        self.progress.next = self.unfinished(now)?;
        Ok(BroughtForward { from: self.id, number, amount })
    }

    /// Whether it will ask for money once it is issued, beyond what was paid and the customer's `credit`: only to such an invoice
    /// something is left, for nobody would pay a small debt alone there either.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn will_be_due(&self, credit: Money) -> Result<bool, InvoiceError> {
        self.money(self.unsettled().and_then(|open| Ok(open.checked_sub(credit.max(self.zero())?)?.is_positive())))
    }

    /// Takes on what is due on an earlier invoice, before it is issued.
    ///
    /// # Errors
    /// When it is issued already.
    pub fn bring_forward(&mut self, debt: BroughtForward) -> Result<(), InvoiceError> {
        match self.status()? {
            InvoiceStatus::Draft => {
                self.brought_forward.push(debt);
                Ok(())
            }
            status @ (InvoiceStatus::Open
            | InvoiceStatus::PartlyPaid
            | InvoiceStatus::Paid
            | InvoiceStatus::Void
            | InvoiceStatus::Uncollectible) => {
                Err(InvoiceError::Status { command: "bring something forward to", invoice: self.id, status })
            }
        }
    }

    /// Owes again what it had left to the invoice `to`, which is void.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn take_back_from(
        &mut self,
        to: InvoiceId,
        policy: &DunningPolicy,
        now: DateTime<Utc>,
    ) -> Result<Outcome<Change>, InvoiceError> {
        if self.carried_forward.is_none_or(|carried| carried.to != to) {
            return Ok(Outcome::AlreadyApplied);
        }
        let change = self.changed(&format!("taken-back/{to}"), now, |invoice| invoice.carried_forward = None)?;
        self.plan(policy, now)?;
        Ok(Outcome::Applied(change))
    }

    /// What earlier invoices left to it, less what it left to a later one.
    pub(super) fn moved(&self) -> Result<Money, MoneyError> {
        self.brought()?.checked_sub(self.carried_forward.map_or(self.zero(), |carried| carried.amount))
    }

    pub(super) fn brought(&self) -> Result<Money, MoneyError> {
        self.brought_forward.iter().try_fold(self.zero(), |sum, debt| sum.checked_add(debt.amount))
    }
}
