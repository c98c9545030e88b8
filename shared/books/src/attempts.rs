//! Attempts to charge an invoice, and the hosted page beside them: never both at once.

use chrono::{DateTime, Utc};
use saldo_billing::Outcome;
use saldo_billing::dunning::EndAction;
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::collection::{Duty, HostedPage};
use saldo_billing::invoice::{Attempt, AttemptState, Begun, Invoice, InvoiceError, InvoiceStatus, Origin};
use saldo_billing::party::{Customer, Seller};
use saldo_store::entities::{customer_key, invoice_key, seller_key};
use saldo_store::{Store, Stored, Transaction};

use crate::{Also, BooksError, ROUNDS, committed, expect, invoices, nothing_more, subscriptions};

/// What a collector may do now.
#[derive(Debug, Clone, PartialEq)]
pub enum Permission {
    /// Ask the provider for this attempt; it is written down.
    Charge(Box<(Invoice, Attempt)>),
    /// Ask the provider what became of this attempt.
    LookUp(Box<(Invoice, Attempt)>),
    /// Close this page first, then ask again.
    ClosePage(Box<(Invoice, HostedPage)>),
    /// The customer has no payment method: they are asked to pay.
    NoMethod(Box<Invoice>),
    /// Nothing is due, or the card network allows no more.
    Nothing,
}

/// Asks what is to be done for an invoice, and writes a new attempt down before anybody is asked for money.
///
/// # Errors
/// When something is missing or the books cannot be written.
pub async fn permission(store: &dyn Store, id: InvoiceId, now: DateTime<Utc>) -> Result<Permission, BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        match invoice.value.collector_duty(now)? {
            Duty::Nothing => return Ok(Permission::Nothing),
            Duty::ClosePage(page) => return Ok(Permission::ClosePage(Box::new((invoice.value, page)))),
            Duty::Repeat(attempt) => return Ok(Permission::Charge(Box::new((invoice.value, attempt)))),
            Duty::LookUp(attempt) => return Ok(Permission::LookUp(Box::new((invoice.value, attempt)))),
            Duty::Begin => {}
        }
        let customer: Stored<Customer> = expect(store, customer_key(invoice.value.customer)).await?;
        let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
        let begun = match customer.value.payment_method {
            Some(method) => Some(invoice.value.begin_attempt(method, now)?),
            None => {
                invoice.value.leave_to_customer(&seller.value.dunning, now)?;
                None
            }
        };
        let mut transaction = Transaction::new();
        transaction.update(&invoice)?;
        if committed(store, transaction).await? {
            return Ok(match begun {
                Some(Begun::Attempt(attempt)) => Permission::Charge(Box::new((invoice.value, *attempt))),
                Some(Begun::NotBefore(_)) => Permission::Nothing,
                None => Permission::NoMethod(Box::new(invoice.value)),
            });
        }
    }
    Err(BooksError::Contended { attempted: "begin an attempt" })
}

/// Records what became of an attempt that has no payment to tell it: it is unknown, was never made, or was refused outright.
///
/// # Errors
/// When the invoice is not there or the books cannot be written.
pub async fn settle(
    store: &dyn Store,
    id: InvoiceId,
    number: u32,
    state: AttemptState,
    now: DateTime<Utc>,
) -> Result<Outcome<Invoice>, BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
        let outcome = invoice.value.settle_attempt(number, state.clone(), &seller.value.dunning, now)?;
        if outcome == Outcome::AlreadyApplied {
            return Ok(Outcome::AlreadyApplied);
        }
        let mut transaction = Transaction::new();
        transaction.update(&invoice)?;
        if committed(store, transaction).await? {
            return Ok(Outcome::Applied(invoice.value));
        }
    }
    Err(BooksError::Contended { attempted: "settle an attempt" })
}

/// Does what the seller's policy says when charging an invoice has failed for the last time: gives it up, or calls off or
/// pauses its subscription. Nothing as long as a charge is still to come, or when the policy leaves it to the customer.
///
/// # Errors
/// When something is missing or the books cannot be written.
pub async fn end_dunning(store: &dyn Store, id: InvoiceId, now: DateTime<Utc>) -> Result<(), BooksError> {
    let invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
    let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
    let policy = &seller.value.dunning;
    let owed = matches!(invoice.value.status()?, InvoiceStatus::Open | InvoiceStatus::PartlyPaid);
    if !owed || !invoice.value.retries_are_used_up(policy, now) {
        return Ok(());
    }
    match (policy.when_exhausted(), invoice.value.origin) {
        (EndAction::Uncollectible, _) => {
            invoices::write_off(store, id, now, &nothing_more).await?;
        }
        (EndAction::Cancel, Origin::Subscription { subscription, .. }) => {
            subscriptions::cancel(store, subscription, false, now, &nothing_more).await?;
        }
        (EndAction::Pause, Origin::Subscription { subscription, .. }) => {
            subscriptions::pause(store, subscription, now, &nothing_more).await?;
        }
        (EndAction::Cancel | EndAction::Pause, Origin::OneOff) => {}
    }
    Ok(())
}

/// Puts a hosted page beside an invoice, unless a charge is under way or another page is there.
///
/// # Errors
/// When the invoice is not to be paid now, or not on a second page, or the books cannot be written.
pub async fn open_page(
    store: &dyn Store,
    id: InvoiceId,
    page: &HostedPage,
    also: Also<'_, Invoice>,
) -> Result<Invoice, BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        may_open_page(&invoice.value)?;
        if invoice.value.progress.page.as_ref().is_some_and(|other| other.reference != page.reference) {
            // Of two that are opened at once, the second would hide the first, which could still be paid.
            let (command, status) = ("open a second page to pay", invoice.value.status()?);
            return Err(InvoiceError::Status { command, invoice: id, status }.into());
        }
        invoice.value.progress.page = Some(page.clone());
        let mut transaction = Transaction::new();
        transaction.update(&invoice)?;
        also(&invoice.value, &mut transaction)?;
        if committed(store, transaction).await? {
            return Ok(invoice.value);
        }
    }
    Err(BooksError::Contended { attempted: "open a page" })
}

/// Takes a page away that the provider has closed.
///
/// # Errors
/// When the invoice is not there or the books cannot be written.
pub async fn page_closed(store: &dyn Store, id: InvoiceId, reference: &str) -> Result<(), BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        if invoice.value.progress.page.as_ref().is_none_or(|page| page.reference != reference) {
            return Ok(());
        }
        invoice.value.progress.page = None;
        let mut transaction = Transaction::new();
        transaction.update(&invoice)?;
        if committed(store, transaction).await? {
            return Ok(());
        }
    }
    Err(BooksError::Contended { attempted: "close a page" })
}

/// Whether the customer may be given a page on which to pay.
///
/// # Errors
/// When nothing is due, or a charge or debit is under way.
pub fn may_open_page(invoice: &Invoice) -> Result<(), InvoiceError> {
    let status = invoice.status()?;
    let charging = invoice.progress.attempt.as_ref().is_some_and(Attempt::is_open) || invoice.is_processing();
    let owed = match status {
        InvoiceStatus::Open | InvoiceStatus::PartlyPaid | InvoiceStatus::Uncollectible => true,
        InvoiceStatus::Draft | InvoiceStatus::Paid | InvoiceStatus::Void => false,
    };
    if owed && !charging {
        Ok(())
    } else {
        Err(InvoiceError::Status { command: "open a page to pay", invoice: invoice.id, status })
    }
}
