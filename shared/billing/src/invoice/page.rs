//! The hosted page on which the customer can pay an invoice: at most one, and never beside a charge.

use chrono::{DateTime, Duration, Utc};
use saldo_money::Money;
use serde::{Deserialize, Serialize};
use serde_with::{As, DisplayFromStr};

use super::{Attempt, Invoice, InvoiceError, InvoiceStatus};
use crate::Outcome;
use crate::dunning::DunningPolicy;
use crate::id::PaymentId;
use crate::payment::{Payment, PaymentStatus};
use crate::provider::ProviderAccount;

/// How long the provider has to tell by itself that a page is done, before it is asked.
pub(super) const PAGE_ASKED_AFTER: Duration = Duration::minutes(5);

/// A provider's page on which one invoice can be paid. Its address is kept beside the invoice, which stays small without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostedPage {
    /// At which account, whatever the seller's is by now.
    pub account: ProviderAccount,
    /// The provider's id of it.
    pub reference: String,
    /// What the metadata of a payment on it carry, so that the first report tells on which page it was made.
    pub mark: String,
    /// What it asks for.
    #[serde(with = "As::<DisplayFromStr>")]
    pub amount: Money,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
    /// The payment that was made on it, once the provider said that the customer went through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
}

impl HostedPage {
    /// From when on nobody can pay on it by anybody's clock; only the provider knows whether somebody did.
    pub(super) fn over_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at.checked_add_signed(PAGE_ASKED_AFTER)
    }

    /// Whether it has run out.
    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.over_at().is_some_and(|at| at <= now)
    }
}

impl Invoice {
    /// The page on which it can be paid.
    #[must_use]
    pub const fn page(&self) -> Option<&HostedPage> {
        self.progress.page.as_ref()
    }

    /// How many pages there were so far.
    #[must_use]
    pub const fn pages_opened(&self) -> u32 {
        self.progress.pages
    }

    /// Whether the customer may be given a page on which to pay.
    ///
    /// # Errors
    /// When nothing is due that could be paid, or a charge or debit is under way.
    pub fn may_open_page(&self) -> Result<(), InvoiceError> {
        let status = self.status()?;
        let charging = self.progress.attempt.as_ref().is_some_and(Attempt::is_open) || self.is_processing();
        let owed = match status {
            InvoiceStatus::Open | InvoiceStatus::PartlyPaid | InvoiceStatus::Uncollectible => true,
            InvoiceStatus::Draft | InvoiceStatus::Paid | InvoiceStatus::Void => false,
        };
        if owed && !charging && !self.is_below_payable()? {
            Ok(())
        } else {
            Err(InvoiceError::Status { command: "open a page to pay", invoice: self.id, status })
        }
    }

    /// Puts a page beside it, and plans when to ask about it: the webhook that tells of a payment on it may never come.
    ///
    /// # Errors
    /// When it is not to be paid now, or another page is open: the second would hide the first, which could still be paid.
    pub fn open_page(
        &mut self,
        page: HostedPage,
        policy: &DunningPolicy,
        now: DateTime<Utc>,
    ) -> Result<Outcome<()>, InvoiceError> {
        self.may_open_page()?;
        match &self.progress.page {
            None => {}
            Some(open) if open.reference == page.reference => return Ok(Outcome::AlreadyApplied),
            Some(_other) => {
                let (command, status) = ("open a second page to pay", self.status()?);
                return Err(InvoiceError::Status { command, invoice: self.id, status });
            }
        }
        self.progress.pages = self.progress.pages.saturating_add(1);
        self.progress.page = Some(page);
        self.plan(policy, now)?;
        Ok(Outcome::Applied(()))
    }

    /// Takes a page away on which nobody can pay any more, and plans what follows.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn close_page(
        &mut self,
        reference: &str,
        policy: &DunningPolicy,
        now: DateTime<Utc>,
    ) -> Result<Outcome<()>, InvoiceError> {
        if self.progress.page.take_if(|page| page.reference == reference).is_none() {
            return Ok(Outcome::AlreadyApplied);
        }
        self.plan(policy, now)?;
        Ok(Outcome::Applied(()))
    }

    /// Remembers by which payment the customer paid on a page, which stays until that payment is final, so that nobody charges
    /// or opens another page in between. `status` is where that payment stands, if it is known.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn use_page(
        &mut self,
        reference: &str,
        payment: PaymentId,
        status: Option<PaymentStatus>,
        policy: &DunningPolicy,
        now: DateTime<Utc>,
    ) -> Result<Outcome<()>, InvoiceError> {
        if status.is_some_and(PaymentStatus::is_final) {
            return self.close_page(reference, policy, now);
        }
        let before = self.progress.clone();
        let Some(page) = self.progress.page.as_mut().filter(|page| page.reference == reference) else {
            return Ok(Outcome::AlreadyApplied);
        };
        page.payment = Some(payment);
        self.plan(policy, now)?;
        Ok(if self.progress == before { Outcome::AlreadyApplied } else { Outcome::Applied(()) })
    }

    /// Takes the page away on which `payment` was made, once that is final: it is paid on once. What follows is still to be
    /// planned. `mark` is that of its page, as the provider reports it.
    pub fn settle_page(&mut self, payment: &Payment, mark: Option<&str>) -> Outcome<()> {
        let is_done = |page: &mut HostedPage| {
            let is_marked = page.account == payment.account && mark.is_some_and(|mark| mark == page.mark);
            payment.status().is_final() && (is_marked || page.payment == Some(payment.id))
        };
        match self.progress.page.take_if(is_done) {
            Some(_done) => Outcome::Applied(()),
            None => Outcome::AlreadyApplied,
        }
    }
}
