//! Invoices: drafted, finalised with a number, settled by payments and credit; their status is derived.

mod attempt;
mod carrying;
mod charging;
pub mod collection;
pub mod document;
mod issuing;
pub mod line;
mod page;
mod settlement;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use saldo_money::{Currency, Money, MoneyError};
use serde::{Deserialize, Serialize};
use serde_with::{As, DisplayFromStr};
use std::collections::BTreeMap;

pub use self::attempt::{Attempt, AttemptState};
pub use self::carrying::{BroughtForward, CarriedForward};
pub use self::charging::Begun;
pub use self::collection::{Progress, Step};
pub use self::document::Document;
pub use self::issuing::Draft;
pub use self::line::{Line, LineError, LineOrigin, Totals};
pub use self::page::HostedPage;
pub use self::settlement::{Change, Received};
use crate::calendar::start_of_day;
use crate::dunning::DunningPolicy;
use crate::id::{CustomerId, InvoiceId, PaymentId, SellerId, SubscriptionId};
use crate::ledger::{Entry, Position};
use crate::period::Period;
use crate::terms::NetTerms;

/// How an invoice is to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// The customer's payment method is charged.
    Automatic,
    /// The customer is sent the invoice and pays it.
    SendInvoice,
}

/// What an invoice was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
pub enum Origin {
    /// Something once.
    OneOff,
    /// One period of a subscription.
    Subscription {
        /// Which subscription.
        subscription: SubscriptionId,
        /// Which period.
        period: Period,
    },
}

/// The place of an invoice in its seller's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// Its position in the series, from 1, without a gap.
    pub sequence: u64,
    /// How it is written, `INV-000042`.
    pub text: String,
}

impl Number {
    /// The number at `sequence` of a series whose numbers begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &str, sequence: u64) -> Self {
        Self { sequence, text: format!("{prefix}{sequence:06}") }
    }
}

/// What finalising fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Its number.
    pub number: Number,
    /// When it was finalised.
    pub at: DateTime<Utc>,
    /// The date on it, in the seller's zone.
    pub on: NaiveDate,
    /// The last day to pay, in the customer's zone.
    pub due_on: NaiveDate,
    /// The customer's zone when it was issued.
    pub zone: Tz,
    /// What was paid by then, while it was a draft.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "As::<Option<DisplayFromStr>>")]
    pub paid: Option<Money>,
}

/// An invoice. Its lines are in its [`Document`]; this is what changes, kept small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// Who issues it.
    pub seller: SellerId,
    /// Who owes it.
    pub customer: CustomerId,
    /// What it was made for.
    #[serde(flatten)]
    pub origin: Origin,
    /// How it is to be paid.
    pub collection: Collection,
    /// How long the customer has.
    pub terms: NetTerms,
    /// What its lines come to.
    pub totals: Totals,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued: Option<Issued>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voided_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written_off_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "As::<Option<DisplayFromStr>>")]
    credit_used: Option<Money>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    brought_forward: Vec<BroughtForward>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carried_forward: Option<CarriedForward>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    received: BTreeMap<PaymentId, Received>,
    /// How far collecting and reminding have come.
    #[serde(default)]
    pub progress: Progress,
}

/// Where an invoice stands, derived from what happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Not issued: no number, may be changed or deleted.
    Draft,
    /// Issued, nothing paid.
    Open,
    /// Issued, something paid.
    PartlyPaid,
    /// Nothing is due any more.
    Paid,
    /// Issued by mistake; keeps its number.
    Void,
    /// Given up, and would be accepted if it were paid after all.
    Uncollectible,
}

impl InvoiceStatus {
    /// Whether something is due that was not given up.
    #[must_use]
    pub const fn is_owed(self) -> bool {
        match self {
            Self::Open | Self::PartlyPaid => true,
            Self::Draft | Self::Paid | Self::Void | Self::Uncollectible => false,
        }
    }
}

/// Why an invoice refused a command.
#[derive(Debug, thiserror::Error)]
pub enum InvoiceError {
    /// It is in a state in which this cannot be done.
    #[error("cannot {command} invoice {invoice}: it is {status:?}")]
    Status {
        /// What was asked for.
        command: &'static str,
        /// Of which invoice.
        invoice: InvoiceId,
        /// Where it stands.
        status: InvoiceStatus,
    },
    /// Something was paid on it.
    #[error("cannot void invoice {invoice}: {paid} was paid on it, refund that first")]
    AlreadyPaid {
        /// Which invoice.
        invoice: InvoiceId,
        /// How much.
        paid: Money,
    },
    /// The lines cannot be invoiced.
    #[error("invoice {invoice} cannot be made of these lines")]
    Lines {
        /// Which invoice.
        invoice: InvoiceId,
        /// Why.
        #[source]
        source: LineError,
    },
    /// Amounts beyond what money can hold, or of unlike currencies.
    #[error("amounts of invoice {invoice} do not add up")]
    Money {
        /// Which invoice.
        invoice: InvoiceId,
        /// Why.
        #[source]
        source: MoneyError,
    },
}

impl Invoice {
    /// What finalising fixed, once it is issued.
    #[must_use]
    pub const fn issued(&self) -> Option<&Issued> {
        self.issued.as_ref()
    }

    /// When it was voided.
    #[must_use]
    pub const fn voided_at(&self) -> Option<DateTime<Utc>> {
        self.voided_at
    }

    /// When it was given up.
    #[must_use]
    pub const fn written_off_at(&self) -> Option<DateTime<Utc>> {
        self.written_off_at
    }

    /// Its currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.totals.total.currency()
    }

    /// When what is due becomes overdue: the first instant of the day after the due date where the customer is.
    #[must_use]
    pub fn overdue_from(&self) -> Option<DateTime<Utc>> {
        let issued = self.issued.as_ref()?;
        Some(start_of_day(issued.due_on.succ_opt()?, issued.zone))
    }

    /// Whether something was due and the time for it is over.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> Result<bool, InvoiceError> {
        let is_owed = self.status()?.is_owed();
        Ok(is_owed && !self.is_processing() && self.overdue_from().is_some_and(|from| now >= from))
    }

    /// Where it stands.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn status(&self) -> Result<InvoiceStatus, InvoiceError> {
        if self.voided_at.is_some() {
            return Ok(InvoiceStatus::Void);
        }
        if self.issued.is_none() {
            return Ok(InvoiceStatus::Draft);
        }
        let due = self.amount_due()?;
        Ok(if due.is_zero() {
            InvoiceStatus::Paid
        } else if self.written_off_at.is_some() {
            InvoiceStatus::Uncollectible
        } else if due == self.owed()? {
            InvoiceStatus::Open
        } else {
            InvoiceStatus::PartlyPaid
        })
    }

    /// The steps by which the seller's policy chases this invoice are planned anew.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn plan(&mut self, policy: &DunningPolicy, now: DateTime<Utc>) -> Result<(), InvoiceError> {
        self.progress.next = self.next_step(policy, now)?;
        Ok(())
    }

    fn zero(&self) -> Money {
        Money::zero(self.currency())
    }

    fn money<T>(&self, result: Result<T, MoneyError>) -> Result<T, InvoiceError> {
        result.map_err(|source| InvoiceError::Money { invoice: self.id, source })
    }

    /// Makes a change and tells what it means for the ledger and for the customer's credit.
    fn changed(
        &mut self,
        cause: &str,
        at: DateTime<Utc>,
        change: impl FnOnce(&mut Self),
    ) -> Result<Change, InvoiceError> {
        let (position, credit) = (self.position()?, self.credit()?);
        change(self);
        let postings: Position = self.money(self.position()?.since(&position))?;
        let credit = self.money(self.credit()?.checked_sub(credit))?;
        Ok(Change { entry: Entry { seller: self.seller, cause: cause.to_owned(), at, postings }, credit })
    }
}

#[cfg(test)]
mod tests;
