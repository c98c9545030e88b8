//! One mail: decided from the books, written down, composed, handed over, its outcome recorded.

use std::time::Duration;

use chrono::{DateTime, Utc};
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::collection::StepKind;
use saldo_billing::invoice::{Invoice, Step};
use saldo_billing::mail::{MailRecord, MailState, Purpose};
use saldo_books::mail::{self, Decision, Letter};
use saldo_documents::archive::invoice_pdf_key;
use saldo_documents::mail::{Mail, MailContext, MailError, Occasion, compose};
use saldo_runtime::budget::Budget;
use saldo_runtime::logs;
use saldo_store::entities::{invoice_key, mail_key};
use saldo_store::{deadline, load};

use crate::MailingError;
use crate::handler::{CALL, Mailing};

/// What is kept of [`CALL`] for composing the mail and handing it over.
const HAND_OVER: Duration = Duration::from_secs(7);

/// Sends the reminder that is due for an invoice, if any.
///
/// # Errors
/// When it was certainly not sent, or the books cannot be kept.
pub(crate) async fn remind(
    mailing: &Mailing,
    id: InvoiceId,
    now: DateTime<Utc>,
    budget: Budget,
) -> Result<(), MailingError> {
    let due = match mail::due_reminder(&*mailing.store, id, now).await? {
        Some(purpose) => Some(purpose),
        None => refused_reminder(mailing, id).await?,
    };
    match due {
        Some(purpose) => send(mailing, id, purpose, now, budget).await,
        None => Ok(()),
    }
}

/// The last reminder, when the mailer did not take it: the ladder has moved on, and this message is all that is left of it.
async fn refused_reminder(mailing: &Mailing, id: InvoiceId) -> Result<Option<Purpose>, MailingError> {
    let invoice = load::<Invoice>(&*mailing.store, &invoice_key(id)).await?;
    let Some(step) = invoice.and_then(|invoice| invoice.value.progress.reminded) else { return Ok(None) };
    let purpose = Purpose::Reminder(step);
    let record = load::<MailRecord>(&*mailing.store, &mail_key(id, purpose)).await?;
    Ok(record.filter(|record| matches!(record.value.state, MailState::NotSent { .. })).map(|_refused| purpose))
}

/// Sends a mail if there still is reason to, and if it was not sent before.
///
/// # Errors
/// When it was certainly not sent, or the books cannot be kept.
pub(crate) async fn send(
    mailing: &Mailing,
    id: InvoiceId,
    purpose: Purpose,
    now: DateTime<Utc>,
    budget: Budget,
) -> Result<(), MailingError> {
    // What takes time and may fail comes before it is written down: what is planned and not sent is not sent again.
    let pdf = enclosure(mailing, id, purpose).await?;
    if budget.remaining() < CALL {
        return Err(MailingError::OutOfTime);
    }
    // Nor may the store be asked again and again until no time is left for the mail.
    let decided = mail::decide(&*mailing.store, id, purpose, now);
    let letter = match deadline::scope(budget.ends_before(HAND_OVER), decided).await? {
        Decision::Send(letter) => letter,
        Decision::AlreadyPlanned => {
            tracing::info!(invoice.id = %id, mail.purpose = %purpose, "sent before, or may have been");
            return Ok(());
        }
        Decision::NoReason => {
            tracing::info!(invoice.id = %id, mail.purpose = %purpose, "no reason any more");
            return Ok(());
        }
    };
    let (state, outcome) = match hand_over(mailing, &letter, pdf, now).await {
        Ok(HandedOver::Taken { message_id }) => (MailState::Sent { message_id }, Ok(())),
        Ok(HandedOver::NoAnswer(error)) => {
            let chain = logs::chain(&error);
            tracing::error!(invoice.id = %id, mail.purpose = %purpose, error.chain = chain, "may be sent, is not sent again");
            let (invoice, purpose) = (id.to_string(), purpose.to_string());
            let fields = [("invoice.id", invoice.as_str()), ("mail.purpose", purpose.as_str())];
            mailing.metrics.count((mailing.clock)(), "UnknownMails", 1, &fields);
            return Ok(());
        }
        Err(error) => (MailState::NotSent { reason: logs::chain(&error) }, Err(error)),
    };
    mail::record(&*mailing.store, id, purpose, state).await?;
    if outcome.is_ok() {
        tracing::info!(invoice.id = %id, mail.purpose = %purpose, "sent");
    }
    outcome
}

/// What became of a mail that was handed over and not refused.
enum HandedOver {
    Taken { message_id: String },
    NoAnswer(MailError),
}

/// Composes the mail and hands it to the mailer; whatever fails here, the mail was certainly not sent.
async fn hand_over(
    mailing: &Mailing,
    letter: &Letter,
    pdf: Option<Vec<u8>>,
    now: DateTime<Utc>,
) -> Result<HandedOver, MailingError> {
    let pdf = match pdf {
        // Another one was refused between the two looks at its record.
        None if encloses(letter.purpose) => Some(self::pdf(mailing, &letter.invoice).await?),
        known => known,
    };
    let mail = write(mailing, letter, pdf.as_deref(), now)?;
    match mailing.mailer.send(&mail).await {
        Ok(receipt) => Ok(HandedOver::Taken { message_id: receipt.message_id }),
        Err(source @ MailError::NotSent { again, .. }) => Err(MailingError::NotSent { again, source }),
        Err(source @ MailError::Unknown { .. }) => Ok(HandedOver::NoAnswer(source)),
    }
}

/// Whether a mail has the PDF with it.
fn encloses(purpose: Purpose) -> bool {
    match purpose {
        Purpose::Issued | Purpose::Receipt(_) => true,
        // Who forgot an invoice may have lost it.
        Purpose::Reminder(step) => step.is_overdue(),
        Purpose::PaymentFailed(_) => false,
    }
}

/// The PDF for the mails that have it enclosed, unless the mail was sent before or may have been.
async fn enclosure(mailing: &Mailing, id: InvoiceId, purpose: Purpose) -> Result<Option<Vec<u8>>, MailingError> {
    if !encloses(purpose) {
        return Ok(None);
    }
    let record = load::<MailRecord>(&*mailing.store, &mail_key(id, purpose)).await?;
    if record.is_some_and(|record| !matches!(record.value.state, MailState::NotSent { .. })) {
        return Ok(None);
    }
    match load::<Invoice>(&*mailing.store, &invoice_key(id)).await? {
        Some(invoice) if invoice.value.issued().is_some() => Ok(Some(pdf(mailing, &invoice.value).await?)),
        Some(_) | None => Ok(None),
    }
}

fn write(mailing: &Mailing, letter: &Letter, pdf: Option<&[u8]>, now: DateTime<Utc>) -> Result<Mail, MailingError> {
    let occasion = occasion(letter)?;
    Ok(compose(&MailContext {
        occasion,
        sender: &mailing.sender,
        seller: &letter.seller,
        customer: &letter.customer,
        invoice: &letter.invoice,
        pdf,
        pay_url: letter.pay_url.as_deref(),
        now,
    })?)
}

/// The PDF as it was archived; made from the books when it is not there yet, which gives the same.
async fn pdf(mailing: &Mailing, invoice: &Invoice) -> Result<Vec<u8>, MailingError> {
    if let Some(bytes) = mailing.archive.get(&invoice_pdf_key(invoice)).await? {
        return Ok(bytes);
    }
    let document = saldo_books::invoices::document(&*mailing.store, invoice.id).await?;
    Ok((mailing.draw)(invoice, &document)?)
}

fn occasion(letter: &Letter) -> Result<Occasion<'_>, MailingError> {
    let nothing = MailingError::NothingToTell { invoice: letter.invoice.id, purpose: letter.purpose };
    match letter.purpose {
        Purpose::Issued => Ok(Occasion::Issued),
        Purpose::Reminder(step) => Ok(Occasion::Reminder(step)),
        Purpose::Receipt(id) => {
            let payment = letter.payment.as_ref().ok_or(nothing)?;
            Ok(Occasion::Receipt {
                payment: id,
                amount: payment.standing()?.captured,
                received_at: payment.captured_at().ok_or(MailingError::NotTaken { payment: id })?,
                method: payment.method.as_ref(),
            })
        }
        Purpose::PaymentFailed(number) => {
            let progress = &letter.invoice.progress;
            let attempt = progress.attempt.as_ref().filter(|attempt| attempt.number == number).ok_or(nothing)?;
            let retry_at = match progress.next {
                Some(Step { kind: StepKind::Collect, at }) => Some(at),
                Some(Step { kind: StepKind::Render | StepKind::LookUp | StepKind::Remind, .. }) | None => None,
            };
            Ok(Occasion::PaymentFailed { attempt: number, amount: attempt.amount, retry_at })
        }
    }
}
