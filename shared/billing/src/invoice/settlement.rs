//! What was paid on an invoice, and what follows from it for the ledger and for the customer's credit.

use chrono::{DateTime, Utc};
use saldo_money::{Money, MoneyError};
use serde::{Deserialize, Serialize};

use super::{Invoice, InvoiceError};
use crate::Outcome;
use crate::id::PaymentId;
use crate::ledger::{Account, Entry, Position};
use crate::payment::{Payment, PaymentStatus, Standing};
use crate::provider::ProviderAccount;

/// What one payment did for an invoice, as its facts tell; nothing yet, for one that took nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Where it was paid.
    pub account: ProviderAccount,
    /// The payment's money; left out while it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Submitted and not decided: neither paid nor overdue.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub processing: bool,
    /// A dispute is open: chasing pauses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disputed: bool,
}

/// What a change of an invoice means for the books around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What to post; has no postings when the change moved no money.
    pub entry: Entry,
    /// By how much the customer's credit grows or shrinks.
    pub credit: Money,
}

impl Invoice {
    /// Takes over what the facts of `payment` now say.
    ///
    /// # Errors
    /// When amounts are of unlike currencies or do not add up.
    pub fn record_payment(
        &mut self,
        payment: &Payment,
        cause: &str,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Change>, InvoiceError> {
        let standing = payment.standing().map_err(|source| match source {
            crate::payment::PaymentError::Money { source, .. } => InvoiceError::Money { invoice: self.id, source },
            crate::payment::PaymentError::Currency { expected, found, .. } => {
                InvoiceError::Money { invoice: self.id, source: MoneyError::UnlikeCurrencies { expected, found } }
            }
            crate::payment::PaymentError::Invoice { .. } => {
                InvoiceError::Money { invoice: self.id, source: MoneyError::Overflow }
            }
        })?;
        let received = Received {
            account: payment.account.clone(),
            standing: (standing != Standing::none(Money::zero(payment.currency))).then_some(standing),
            processing: payment.status() == PaymentStatus::Processing,
            disputed: payment.is_disputed(),
        };
        if self.received.get(&payment.id) == Some(&received) {
            return Ok(Outcome::AlreadyApplied);
        }
        self.changed(cause, at, |invoice| {
            invoice.received.insert(payment.id, received);
        })
        .map(Outcome::Applied)
    }

    /// The invoice as our own decisions made it: what payments did for it is to be recorded anew.
    #[must_use]
    pub fn without_payments(&self) -> Self {
        Self { received: Default::default(), ..self.clone() }
    }

    /// All payments that were made, or tried, for this invoice.
    pub fn received(&self) -> impl Iterator<Item = (PaymentId, &Received)> {
        self.received.iter().map(|(id, received)| (*id, received))
    }

    /// Credit of the customer that pays part of it.
    #[must_use]
    pub fn credit_used(&self) -> Money {
        self.credit_used.unwrap_or(self.zero())
    }

    /// Whether a payment is submitted and not decided.
    #[must_use]
    pub fn is_processing(&self) -> bool {
        self.received.values().any(|received| received.processing)
    }

    /// Whether a dispute is open.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        self.received.values().any(|received| received.disputed)
    }

    /// What is still to be paid; zero on drafts and void invoices. A refund or a dispute does not make it due again.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn amount_due(&self) -> Result<Money, InvoiceError> {
        if self.issued.is_none() {
            return Ok(self.zero());
        }
        self.money(self.unsettled())
    }

    /// Whether something is due, and less than anybody can pay. Nobody is asked for it.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn is_below_payable(&self) -> Result<bool, InvoiceError> {
        let due = self.amount_due()?;
        let currency = due.currency();
        let least = 10_i64.saturating_pow(currency.exponent().saturating_sub(currency.payable_places()));
        Ok(due.is_positive() && self.money(due.to_minor())? < least)
    }

    /// What was paid by payments, gross of refunds.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn amount_paid(&self) -> Result<Money, InvoiceError> {
        self.money(self.total_of(|standing| standing.captured))
    }

    /// What was given back.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn amount_refunded(&self) -> Result<Money, InvoiceError> {
        self.money(self.total_of(|standing| standing.refunded))
    }

    /// What the invoice asks for: its total and what earlier ones left to it, less what it left to a later one; nothing when it
    /// is void.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn owed(&self) -> Result<Money, InvoiceError> {
        self.money(self.asked_for())
    }

    fn asked_for(&self) -> Result<Money, MoneyError> {
        if self.voided_at.is_some() { Ok(self.zero()) } else { self.totals.total.checked_add(self.moved()?) }
    }

    /// What neither payments nor credit brought of what is owed, or will be once it is issued.
    pub(super) fn unsettled(&self) -> Result<Money, MoneyError> {
        self.asked_for()?.checked_sub(self.settled()?)?.max(self.zero())
    }

    /// What payments and credit brought.
    fn settled(&self) -> Result<Money, MoneyError> {
        self.total_of(|standing| standing.captured)?.checked_add(self.credit_used())
    }

    /// What payments brought and is still ours.
    pub(super) fn kept(&self) -> Result<Money, MoneyError> {
        let paid = self.total_of(|standing| standing.captured)?;
        paid.checked_sub(self.total_of(|standing| standing.refunded)?)?
            .checked_sub(self.total_of(|standing| standing.lost)?)
    }

    fn total_of(&self, part: impl Fn(&Standing) -> Money) -> Result<Money, MoneyError> {
        self.received
            .values()
            .filter_map(|received| received.standing.as_ref())
            .try_fold(self.zero(), |sum, standing| sum.checked_add(part(standing)))
    }

    /// What was settled beyond what is owed, before refunds.
    fn surplus(&self) -> Result<Money, MoneyError> {
        self.settled()?.checked_sub(self.asked_for()?)?.max(self.zero())
    }

    /// What this invoice adds to the customer's credit: what was paid too much and neither given back
    /// nor lost, less the credit it uses.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn credit(&self) -> Result<Money, InvoiceError> {
        if self.issued.is_none() {
            return Ok(self.zero());
        }
        self.money(self.granted().and_then(|granted| granted.checked_sub(self.credit_used())))
    }

    /// What was paid too much on it and is kept as the customer's credit.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn credited(&self) -> Result<Money, InvoiceError> {
        if self.issued.is_none() {
            return Ok(self.zero());
        }
        self.money(self.granted())
    }

    fn granted(&self) -> Result<Money, MoneyError> {
        let back =
            self.total_of(|standing| standing.refunded)?.checked_add(self.total_of(|standing| standing.lost)?)?;
        self.surplus()?.checked_sub(back)?.max(self.zero())
    }

    /// What stands in the ledger because of this invoice.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn position(&self) -> Result<Position, InvoiceError> {
        self.money(self.fold_position())
    }

    fn fold_position(&self) -> Result<Position, MoneyError> {
        let mut position = Position::default();
        // Money that came for a draft is on the books too: it waits as what the customer will owe.
        if self.issued.is_some() && self.voided_at.is_none() {
            position.transfer(Account::Receivable, Account::Revenue, self.totals.net)?;
            position.transfer(Account::Receivable, Account::TaxPayable, self.totals.tax)?;
        }
        // What goes back to the customer takes their credit first; only the rest is a loss of ours.
        let mut from_credit = if self.issued.is_some() { self.surplus()? } else { self.zero() };
        for received in self.received.values() {
            let Some(standing) = received.standing else { continue };
            let clearing = || Account::Clearing(received.account.clone());
            position.transfer(clearing(), Account::Receivable, standing.captured)?;
            let credit = from_credit.min(standing.refunded)?;
            from_credit = from_credit.checked_sub(credit)?;
            position.transfer(Account::Receivable, clearing(), credit)?;
            position.transfer(Account::Refunds, clearing(), standing.refunded.checked_sub(credit)?)?;
            position.transfer(Account::Disputed, clearing(), standing.disputed)?;
            let credit = from_credit.min(standing.lost)?;
            from_credit = from_credit.checked_sub(credit)?;
            position.transfer(Account::Receivable, clearing(), credit)?;
            position.transfer(Account::DisputeLosses, clearing(), standing.lost.checked_sub(credit)?)?;
            position.transfer(Account::DisputeFees, clearing(), standing.dispute_fees)?;
        }
        if self.written_off_at.is_some() {
            let due = self.asked_for()?.checked_sub(self.settled()?)?.max(self.zero())?;
            position.transfer(Account::BadDebt, Account::Receivable, due)?;
        }
        Ok(position)
    }
}
