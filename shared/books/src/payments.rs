//! What providers report about payments: joined to the facts, to the invoice and to the ledger.

use chrono::{DateTime, Utc};
use saldo_billing::Outcome;
use saldo_billing::id::{InvoiceId, PaymentId, SellerId};
use saldo_billing::invoice::{Attempt, AttemptState, Invoice};
use saldo_billing::ledger::{Account, Entry, Position};
use saldo_billing::mail::Purpose;
use saldo_billing::party::Seller;
use saldo_billing::payment::{Decline, Payment, PaymentReport, PaymentStatus, Standing};
use saldo_billing::provider::ProviderAccount;
use saldo_money::Money;
use saldo_store::entities::{LedgerEntry, invoice_key, payment_key, seller_key};
use saldo_store::{Store, Stored, Transaction, load};

use crate::{BooksError, ROUNDS, committed, credit_moved_by, expect, write_change};

/// What a report did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reported {
    /// It is in the books, now or before.
    Booked(Booked),
    /// It refers to something that is not there yet.
    WaitsFor(WaitsFor),
}

/// A report in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// On which payment.
    pub payment: PaymentId,
    /// For which invoice, if any.
    pub invoice: Option<InvoiceId>,
    /// Whether it said anything new.
    pub news: bool,
    /// The mail that the customer should get, if there still is reason to when it is sent.
    pub mail: Option<(InvoiceId, Purpose)>,
}

/// What a report waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// The payment it is about.
    Payment(PaymentId),
    /// The invoice it was made for.
    Invoice(InvoiceId),
}

impl std::fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Payment(payment) => payment.fmt(f),
            Self::Invoice(invoice) => invoice.fmt(f),
        }
    }
}

/// Takes a report into the books, once, in whatever order and however often it comes.
///
/// # Errors
/// When the report contradicts the books, or they cannot be written.
pub async fn report(store: &dyn Store, report: &PaymentReport, now: DateTime<Utc>) -> Result<Reported, BooksError> {
    for _ in 0..ROUNDS {
        match try_report(store, report, now).await? {
            Some(reported) => return Ok(reported),
            None => continue,
        }
    }
    Err(BooksError::Contended { attempted: "book a payment" })
}

/// One round; nothing when something was changed meanwhile.
async fn try_report(
    store: &dyn Store,
    report: &PaymentReport,
    now: DateTime<Utc>,
) -> Result<Option<Reported>, BooksError> {
    let id = report.payment();
    let known: Option<Stored<Payment>> = load(store, &payment_key(id)).await?;
    if known.is_none() && !report.introduces {
        return Ok(Some(Reported::WaitsFor(WaitsFor::Payment(id))));
    }
    let wanted = known.as_ref().and_then(|known| known.value.invoice).or(report.invoice);
    let mut invoice: Option<Stored<Invoice>> = match wanted {
        None => None,
        Some(wanted) => match load(store, &invoice_key(wanted)).await? {
            None => return Ok(Some(Reported::WaitsFor(WaitsFor::Invoice(wanted)))),
            found @ Some(_) => found,
        },
    };
    // Money in another currency cannot pay the invoice. It was taken all the same, and is booked as nobody's (W7).
    let is_foreign = invoice.as_ref().is_some_and(|invoice| invoice.value.currency() != report.currency);
    let unnamed = PaymentReport { invoice: None, ..report.clone() };
    let report = if is_foreign { &unnamed } else { report };
    if is_foreign {
        invoice = None;
    }
    let mut payment = known.unwrap_or_else(|| Stored { value: Payment::introduced_by(report), version: 0 });
    let before = payment.value.clone();
    let news = payment.value.apply(report)? == Outcome::Applied(());
    payment.value.customer = payment.value.customer.or(invoice.as_ref().map(|invoice| invoice.value.customer));
    let mut booked = Booked {
        payment: id,
        invoice: invoice.as_ref().map(|invoice| invoice.value.id),
        news,
        mail: invoice.as_ref().and_then(|invoice| mail_about(&payment.value, invoice.value.id)),
    };
    let mut transaction = Transaction::new();
    let is_written = news || payment.version == 0;
    if is_written {
        if payment.version == 0 {
            transaction.create(&payment.value)?
        } else {
            transaction.update(&payment)?
        };
    }
    write_unallocated(&mut transaction, &before, &payment, now)?;
    if let Some(invoice) = invoice {
        let is_invoice_written = write_invoice(store, &mut transaction, invoice, &payment, report, now).await?;
        if is_invoice_written && !is_written {
            // The invoice takes over what the payment said when it was read: that must still be what it says. And the next news
            // must not come under the same cause: entries are named for the payment's version.
            transaction.update(&payment)?;
        }
        booked.news |= is_invoice_written;
    }
    Ok(committed(store, transaction).await?.then_some(Reported::Booked(booked)))
}

/// Brings the invoice up to what the payment's facts now say, and its open attempt to its end. Tells whether that was news.
async fn write_invoice(
    store: &dyn Store,
    transaction: &mut Transaction,
    mut invoice: Stored<Invoice>,
    payment: &Stored<Payment>,
    report: &PaymentReport,
    now: DateTime<Utc>,
) -> Result<bool, BooksError> {
    let cause = format!("{}#{}", payment.value.id, payment.version.saturating_add(1));
    let recorded = invoice.value.record_payment(&payment.value, &cause, now)?;
    // Attempts are only numbered: what another account says of its own is not about this one.
    let is_at_its_account = |attempt: &Attempt| attempt.method.account == payment.value.account;
    let may_settle = invoice.value.progress.attempt.as_ref().is_some_and(is_at_its_account);
    let number = report.attempt.or(payment.value.attempt).filter(|_| may_settle);
    let attempt = number.zip(attempt_state(&payment.value));
    let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
    let policy = &seller.value.dunning;
    let settled = match attempt {
        Some((number, state)) => invoice.value.settle_attempt(number, state, policy, now)?,
        None => Outcome::AlreadyApplied,
    };
    let page_settled = invoice.value.settle_page(&payment.value, report.page.as_deref());
    let news = [settled, page_settled].contains(&Outcome::Applied(())) || matches!(recorded, Outcome::Applied(_));
    if news {
        invoice.value.plan(policy, now)?;
        transaction.update(&invoice)?;
    }
    if let Outcome::Applied(change) = recorded {
        let credit = credit_moved_by(store, &invoice.value, &change).await?;
        write_change(transaction, &invoice.value, change, credit)?;
    }
    Ok(news)
}

/// What the payment's facts mean for the attempt of ours that made it.
fn attempt_state(payment: &Payment) -> Option<AttemptState> {
    match payment.status() {
        PaymentStatus::Succeeded => Some(AttemptState::Succeeded { payment: payment.id }),
        PaymentStatus::Processing | PaymentStatus::RequiresAction | PaymentStatus::Authorised => {
            Some(AttemptState::Pending { payment: payment.id })
        }
        PaymentStatus::Failed => {
            payment.last_failure().map(|(at, decline)| AttemptState::Declined { at, decline: decline.clone() })
        }
        PaymentStatus::Cancelled => {
            let decline = Decline { code: Decline::CANCELED.to_owned(), hard: false };
            payment.facts().last().map(|fact| AttemptState::Declined { at: fact.at, decline })
        }
        PaymentStatus::Pending => None,
    }
}

/// The mail that a payment in this state gives reason to.
fn mail_about(payment: &Payment, invoice: InvoiceId) -> Option<(InvoiceId, Purpose)> {
    match payment.status() {
        PaymentStatus::Succeeded => Some((invoice, Purpose::Receipt(payment.id))),
        // Of ours; what is given up on a page is the customer's own doing.
        PaymentStatus::Failed | PaymentStatus::Cancelled => {
            payment.attempt.map(|attempt| (invoice, Purpose::PaymentFailed(attempt)))
        }
        PaymentStatus::Pending
        | PaymentStatus::RequiresAction
        | PaymentStatus::Processing
        | PaymentStatus::Authorised => None,
    }
}

/// Books money that belongs to no invoice of ours, so that nothing the provider took is missing from the ledger; and takes it
/// back when a later report names the invoice.
fn write_unallocated(
    transaction: &mut Transaction,
    before: &Payment,
    payment: &Stored<Payment>,
    now: DateTime<Utc>,
) -> Result<(), BooksError> {
    let postings = unallocated(&payment.value)?.since(&unallocated(before)?)?;
    if !postings.is_empty() {
        let cause = format!("{}#{}", payment.value.id, payment.version.saturating_add(1));
        let entry = Entry { seller: unallocated_seller(&payment.value.account), cause, at: now, postings };
        transaction.create(&LedgerEntry::of_payment(payment.value.id, entry))?;
    }
    Ok(())
}

/// In whose books money stands that belongs to no invoice: no seller is known, so the provider account stands for one.
#[must_use]
pub fn unallocated_seller(account: &ProviderAccount) -> SellerId {
    SellerId::derive(&[account.provider(), account.account()])
}

/// What stands in the ledger because of a payment itself; the invoice speaks for one that has an invoice.
///
/// # Errors
/// When amounts do not add up.
pub fn unallocated(payment: &Payment) -> Result<Position, BooksError> {
    let standing = payment.standing()?;
    let mut position = Position::default();
    if payment.invoice.is_some() || standing == Standing::none(Money::zero(payment.currency)) {
        return Ok(position);
    }
    let clearing = || Account::Clearing(payment.account.clone());
    position.transfer(clearing(), Account::Unallocated, standing.captured)?;
    position.transfer(Account::Unallocated, clearing(), standing.refunded)?;
    position.transfer(Account::Disputed, clearing(), standing.disputed)?;
    position.transfer(Account::DisputeLosses, clearing(), standing.lost)?;
    position.transfer(Account::DisputeFees, clearing(), standing.dispute_fees)?;
    Ok(position)
}
