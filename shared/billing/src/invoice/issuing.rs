//! Drafting and issuing an invoice, and taking it back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saldo_money::{Currency, Money};

use super::{
    Attempt, Change, Collection, Document, Invoice, InvoiceError, InvoiceStatus, Issued, Line, Number, Origin,
    Progress, Step, line,
};
use crate::Outcome;
use crate::calendar::local_date;
use crate::id::InvoiceId;
use crate::party::{Customer, Seller};
use crate::terms::NetTerms;

/// What a draft is made of, besides its lines.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The id it shall have.
    pub id: InvoiceId,
    /// What it is made for.
    pub origin: Origin,
    /// How it is to be paid.
    pub collection: Collection,
    /// How long the customer has.
    pub terms: NetTerms,
    /// In which currency.
    pub currency: Currency,
}

impl Invoice {
    /// Drafts an invoice and its document.
    ///
    /// # Errors
    /// When the lines cannot be invoiced.
    pub fn draft(
        draft: Draft,
        seller: &Seller,
        customer: &Customer,
        lines: Vec<Line>,
        now: DateTime<Utc>,
    ) -> Result<(Self, Document), InvoiceError> {
        let invoice = draft.id;
        let (totals, taxes) =
            line::add_up(&lines, draft.currency).map_err(|source| InvoiceError::Lines { invoice, source })?;
        let document = Document::between(invoice, seller, customer, lines, taxes);
        let header = Self {
            id: invoice,
            seller: seller.id,
            customer: customer.id,
            origin: draft.origin,
            collection: draft.collection,
            terms: draft.terms,
            totals,
            created_at: now,
            issued: None,
            voided_at: None,
            written_off_at: None,
            credit_used: None,
            brought_forward: Vec::new(),
            carried_forward: None,
            received: BTreeMap::new(),
            progress: Progress::default(),
        };
        Ok((header, document))
    }

    /// Issues the invoice under `number` and pays what it can from `credit`, the customer's balance in its currency.
    ///
    /// # Errors
    /// When it is void, or amounts do not add up.
    pub fn finalise(
        &mut self,
        number: Number,
        seller: &Seller,
        customer: &Customer,
        credit: Money,
        now: DateTime<Utc>,
    ) -> Result<Outcome<Change>, InvoiceError> {
        match self.status()? {
            InvoiceStatus::Draft => {}
            InvoiceStatus::Open | InvoiceStatus::PartlyPaid | InvoiceStatus::Paid => {
                return Ok(Outcome::AlreadyApplied);
            }
            status @ (InvoiceStatus::Void | InvoiceStatus::Uncollectible) => {
                return Err(InvoiceError::Status { command: "finalise", invoice: self.id, status });
            }
        }
        let on = local_date(now, seller.zone);
        // Counted from the date on the document; but never due on a day that is over for the customer.
        let due_on = self.terms.due_on(on).max(local_date(now, customer.zone));
        // What came while it was a draft pays it before credit does.
        let usable = self.money(self.unsettled().and_then(|open| credit.min(open)?.max(self.zero())))?;
        let paid = Some(self.amount_paid()?).filter(|paid| paid.is_positive());
        self.changed("finalised", now, |invoice| {
            invoice.issued = Some(Issued { number, at: now, on, due_on, zone: customer.zone, paid });
            invoice.credit_used = usable.is_positive().then_some(usable);
            invoice.progress.next = Some(Step::render(now));
        })
        .map(Outcome::Applied)
    }

    /// Declares the invoice void: it keeps its number and is owed no more; credit it had used goes back. What earlier ones left
    /// to it they have to [take back](Self::take_back_from) at the same time.
    ///
    /// # Errors
    /// When it is a draft, or something was paid on it and not refunded, or what was due was left to a later one.
    pub fn void(&mut self, now: DateTime<Utc>) -> Result<Outcome<Change>, InvoiceError> {
        match self.status()? {
            InvoiceStatus::Void => return Ok(Outcome::AlreadyApplied),
            status @ InvoiceStatus::Draft => {
                return Err(InvoiceError::Status { command: "void", invoice: self.id, status });
            }
            InvoiceStatus::Open | InvoiceStatus::PartlyPaid | InvoiceStatus::Paid | InvoiceStatus::Uncollectible => {}
        }
        if self.carried_forward.is_some() {
            let (command, status) = ("void, after what was due was left to a later one,", self.status()?);
            return Err(InvoiceError::Status { command, invoice: self.id, status });
        }
        let paid = self.money(self.kept())?;
        if paid.is_positive() || self.is_processing() {
            return Err(InvoiceError::AlreadyPaid { invoice: self.id, paid });
        }
        if self.progress.attempt.as_ref().is_some_and(Attempt::is_open) {
            let (command, status) = ("void, before its charge is decided,", self.status()?);
            return Err(InvoiceError::Status { command, invoice: self.id, status });
        }
        let change = self.changed("voided", now, |invoice| invoice.voided_at = Some(now))?;
        self.progress.next = self.unfinished(now)?;
        Ok(Outcome::Applied(change))
    }

    /// Gives up what is still due. A late payment is accepted and takes the write-off back (D15).
    ///
    /// # Errors
    /// When nothing is due that could be given up.
    pub fn write_off(&mut self, now: DateTime<Utc>) -> Result<Outcome<Change>, InvoiceError> {
        match self.status()? {
            InvoiceStatus::Uncollectible => return Ok(Outcome::AlreadyApplied),
            status @ (InvoiceStatus::Draft | InvoiceStatus::Paid | InvoiceStatus::Void) => {
                return Err(InvoiceError::Status { command: "write off", invoice: self.id, status });
            }
            InvoiceStatus::Open | InvoiceStatus::PartlyPaid => {}
        }
        let change = self.changed("written-off", now, |invoice| invoice.written_off_at = Some(now))?;
        // What was asked for is not forgotten with it: money may have been taken.
        self.progress.next = self.unfinished(now)?;
        Ok(Outcome::Applied(change))
    }

    /// What was to be paid when it was issued, after what was paid before and after credit; none on drafts.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn due_at_issue(&self) -> Result<Option<Money>, InvoiceError> {
        let Some(issued) = &self.issued else { return Ok(None) };
        let paid = issued.paid.unwrap_or(self.zero());
        let asked = self.brought().and_then(|brought| self.totals.total.checked_add(brought));
        let due = asked.and_then(|asked| asked.checked_sub(paid)?.checked_sub(self.credit_used()));
        self.money(due.and_then(|due| due.max(self.zero()))).map(Some)
    }
}
