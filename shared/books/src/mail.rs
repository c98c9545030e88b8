//! Mail: decided from the state when it is sent, written down before it is handed over, at most one per purpose.

use chrono::{DateTime, Utc};
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::{Attempt, AttemptState, Collection, Invoice, InvoiceStatus};
use saldo_billing::mail::{MailRecord, MailState, Purpose};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{Payment, PaymentStatus};
use saldo_messages::{Destination, Queue, RemindersMessage, V1};
use saldo_store::entities::{customer_key, invoice_key, mail_key, payment_key, seller_key};
use saldo_store::{Store, Stored, Transaction, load};

use crate::{BooksError, ROUNDS, attempts, committed, expect};

/// What to do about a mail.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Send it: it is written down, and this caller is the only one who may.
    Send(Box<Letter>),
    /// It was sent, or may have been: not again.
    AlreadyPlanned,
    /// There is no reason any more.
    NoReason,
}

/// What a mail is about, as it stood when it was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// Why.
    pub purpose: Purpose,
    /// The invoice.
    pub invoice: Invoice,
    /// The payment, where it is about one.
    pub payment: Option<Payment>,
    /// From whom.
    pub seller: Seller,
    /// To whom.
    pub customer: Customer,
    /// Where what is due can be paid.
    pub pay_url: Option<String>,
}

/// The reminder that is due for an invoice; when none is, the invoice is planned anew, so that it is not asked for again.
///
/// # Errors
/// When something is missing or the books cannot be written.
pub async fn due_reminder(store: &dyn Store, id: InvoiceId, now: DateTime<Utc>) -> Result<Option<Purpose>, BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
        if let Some(step) = invoice.value.due_reminder(&seller.value.dunning, now) {
            return Ok(Some(Purpose::Reminder(step)));
        }
        let mut transaction = Transaction::new();
        let before = invoice.value.progress.next;
        invoice.value.plan(&seller.value.dunning, now)?;
        if invoice.value.progress.next != before {
            transaction.update(&invoice)?;
        }
        if committed(store, transaction).await? {
            return Ok(None);
        }
    }
    Err(BooksError::Contended { attempted: "plan a reminder" })
}

/// Decides whether a mail is to be sent, and writes that down; the ladder of reminders moves on in any case.
///
/// # Errors
/// When something is missing or the books cannot be written.
pub async fn decide(
    store: &dyn Store,
    id: InvoiceId,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Decision, BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
        let customer: Stored<Customer> = expect(store, customer_key(invoice.value.customer)).await?;
        let payment = match purpose {
            Purpose::Receipt(payment) => Some(expect::<Payment>(store, payment_key(payment)).await?.value),
            Purpose::Issued | Purpose::Reminder(_) | Purpose::PaymentFailed(_) => None,
        };
        let known: Option<Stored<MailRecord>> = load(store, &mail_key(id, purpose)).await?;
        let may_send = known.as_ref().is_none_or(|known| matches!(known.value.state, MailState::NotSent { .. }));
        let reason = customer.value.suppressed_at.is_none() && has_reason(&invoice.value, purpose, payment.as_ref())?;

        let pay_url = if reason && may_send { pay_url(store, &invoice.value, now).await? } else { None };

        let mut transaction = Transaction::new();
        let before = invoice.value.progress.clone();
        match purpose {
            Purpose::Issued => invoice.value.handed_over(&seller.value.dunning, now)?,
            Purpose::Reminder(step) => invoice.value.reminded(step, &seller.value.dunning, now)?,
            Purpose::Receipt(_) | Purpose::PaymentFailed(_) => {}
        }
        if invoice.value.progress != before {
            transaction.update(&invoice)?;
        } else if reason && may_send {
            // Of a payment that comes at this moment and a mail that complains, one is first.
            transaction.check_version(&invoice)?;
        }
        if reason && may_send {
            let record = MailRecord { invoice: id, purpose, planned_at: now, state: MailState::Planned };
            match known {
                Some(known) => transaction.update(&Stored { value: record, version: known.version })?,
                None => transaction.create(&record)?,
            };
        }
        if committed(store, transaction).await? {
            return Ok(if !may_send {
                Decision::AlreadyPlanned
            } else if reason {
                let (invoice, seller, customer) = (invoice.value, seller.value, customer.value);
                Decision::Send(Box::new(Letter { purpose, invoice, payment, seller, customer, pay_url }))
            } else {
                Decision::NoReason
            });
        }
    }
    Err(BooksError::Contended { attempted: "decide on a mail" })
}

/// Whether there still is reason for a mail (N10): decided from what is known at this moment.
fn has_reason(invoice: &Invoice, purpose: Purpose, payment: Option<&Payment>) -> Result<bool, BooksError> {
    let status = invoice.status()?;
    let owed = status.is_owed();
    Ok(match purpose {
        Purpose::Issued => match status {
            InvoiceStatus::Open | InvoiceStatus::PartlyPaid | InvoiceStatus::Paid => {
                // What is charged is told by its receipt; what credit paid has none.
                let mut payments = invoice.received();
                let is_charged = payments.any(|(_, received)| received.standing.is_some());
                invoice.collection == Collection::SendInvoice || owed || !is_charged
            }
            InvoiceStatus::Draft | InvoiceStatus::Void | InvoiceStatus::Uncollectible => false,
        },
        Purpose::Reminder(_) => {
            let nobody_can = invoice.is_below_payable()? || invoice.is_too_small_to_charge();
            owed && !invoice.is_processing() && !invoice.is_disputed() && !nobody_can
        }
        // A draft has no document to send; what came for it is receipted once it is issued.
        Purpose::Receipt(_) => {
            status != InvoiceStatus::Draft
                && payment.is_some_and(|payment| payment.status() == PaymentStatus::Succeeded)
        }
        Purpose::PaymentFailed(number) => owed && invoice.progress.attempt.as_ref().is_some_and(|a| failed(a, number)),
    })
}

/// Where what is due can be paid: a page that asks for another amount, or for none any more, is no help.
async fn pay_url(store: &dyn Store, invoice: &Invoice, now: DateTime<Utc>) -> Result<Option<String>, BooksError> {
    let due = invoice.amount_due()?;
    match invoice.page().filter(|page| page.expires_at > now && page.amount == due) {
        Some(page) => attempts::page_url(store, invoice.id, page).await,
        None => Ok(None),
    }
}

fn failed(attempt: &Attempt, number: u32) -> bool {
    attempt.number == number && matches!(attempt.state, AttemptState::Declined { .. })
}

/// Asks for a mail unless it was decided on before: a thousand deliveries cost a thousand reads, and no message.
///
/// # Errors
/// When the books cannot be read, or the queue does not take the message.
pub async fn ask(
    store: &dyn Store,
    queue: &dyn Queue,
    invoice: InvoiceId,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<(), BooksError> {
    if load::<MailRecord>(store, &mail_key(invoice, purpose)).await?.is_some() {
        return Ok(());
    }
    let message = RemindersMessage::Send { v: V1, invoice, purpose, as_of: now };
    queue.send(Destination::Reminders, vec![saldo_messages::encode(&message)?]).await?;
    Ok(())
}

/// Records what became of a mail that was handed to the mailer.
///
/// # Errors
/// When the books cannot be written.
pub async fn record(store: &dyn Store, id: InvoiceId, purpose: Purpose, state: MailState) -> Result<(), BooksError> {
    for _ in 0..ROUNDS {
        let mut known: Stored<MailRecord> = expect(store, mail_key(id, purpose)).await?;
        if known.value.state != MailState::Planned {
            return Ok(());
        }
        known.value.state = state.clone();
        let mut transaction = Transaction::new();
        transaction.update(&known)?;
        if committed(store, transaction).await? {
            return Ok(());
        }
    }
    Err(BooksError::Contended { attempted: "record a mail" })
}
