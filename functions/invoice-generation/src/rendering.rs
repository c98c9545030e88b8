//! Rendering one issued invoice, and handing it on to be charged or sent.

use chrono::{DateTime, Utc};
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::{Collection, Invoice, InvoiceStatus};
use saldo_billing::mail::Purpose;
use saldo_books::invoices;
use saldo_documents::archive::invoice_pdf_key;
use saldo_messages::{CollectionsMessage, Destination, RemindersMessage, V1};
use saldo_store::entities::invoice_key;
use saldo_store::load;

use crate::GenerationError;
use crate::handler::Generation;

/// Makes the document of an invoice, unless it is there, and hands the invoice on, unless it was.
///
/// # Errors
/// When it is not there or a draft, or the document could not be made or kept.
pub async fn render(generation: &Generation, id: InvoiceId, now: DateTime<Utc>) -> Result<(), GenerationError> {
    let invoice = load::<Invoice>(&*generation.store, &invoice_key(id)).await?;
    let invoice = invoice.ok_or(GenerationError::NoInvoice { invoice: id })?.value;
    let key = invoice_pdf_key(&invoice);
    // What was issued stays as it is: a later version of this function might draw it differently.
    if generation.archive.get(&key).await?.is_none() {
        let document = invoices::document(&*generation.store, id).await?;
        let bytes = (generation.draw)(&invoice, &document)?;
        generation.archive.put(&key, bytes, "application/pdf").await?;
    }
    hand_on(generation, &invoice, now).await
}

/// Sends the invoice on its way. The books hold it due until somebody has it in hand, so a message that is lost is repeated.
async fn hand_on(generation: &Generation, invoice: &Invoice, now: DateTime<Utc>) -> Result<(), GenerationError> {
    if invoice.progress.handed_over {
        return Ok(());
    }
    let id = invoice.id;
    // For what came while it was a draft there was nothing to send a receipt with. What has its receipt gets no second one.
    let receipt =
        |(payment, _)| RemindersMessage::Send { v: V1, invoice: id, purpose: Purpose::Receipt(payment), as_of: now };
    let receipts = invoice
        .received()
        .filter(|(_, received)| received.standing.is_some())
        .map(receipt)
        .map(|message| saldo_messages::encode(&message));
    let receipts = receipts.collect::<Result<Vec<_>, _>>()?;
    if !receipts.is_empty() {
        generation.queue.send(Destination::Reminders, receipts).await?;
    }
    let (to, body) = match (invoice.status()?, invoice.collection) {
        // What is too little to be charged is told like what is paid.
        (InvoiceStatus::Open | InvoiceStatus::PartlyPaid, Collection::Automatic) if !invoice.is_below_payable()? => {
            let message = CollectionsMessage::Charge { v: V1, invoices: vec![id], as_of: now };
            (Destination::Collections, saldo_messages::encode(&message)?)
        }
        (InvoiceStatus::Open | InvoiceStatus::PartlyPaid | InvoiceStatus::Paid, _) => {
            let message = RemindersMessage::Send { v: V1, invoice: id, purpose: Purpose::Issued, as_of: now };
            (Destination::Reminders, saldo_messages::encode(&message)?)
        }
        // It has its document, and nobody is to be asked for anything.
        (InvoiceStatus::Void | InvoiceStatus::Uncollectible, _) => {
            return Ok(invoices::filed(&*generation.store, id, now).await?);
        }
        (InvoiceStatus::Draft, _) => return Ok(()),
    };
    generation.queue.send(to, vec![body]).await?;
    Ok(())
}
