//! From a batch of messages to one mail after the other.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, Utc};
use saldo_billing::id::InvoiceId;
use saldo_billing::party::Email;
use saldo_documents::archive::Archive;
use saldo_documents::mail::Mailer;
use saldo_documents::pdf::Draw;
use saldo_messages::{Disposed, Disposition, RemindersMessage};
use saldo_runtime::batch::{self, BatchError};
use saldo_runtime::budget::Budget;
use saldo_runtime::logs;
use saldo_store::Store;

use crate::{MailingError, sending};

/// Messages worked on at a time: SES counts mails per second, and the template runs several of us.
const CONCURRENCY: usize = 1;

/// What one mail may take from when it is decided on: none is when less is left, since one that is cut off may be out and is not
/// sent again.
pub(crate) const CALL: Duration = Duration::from_secs(10);

/// What the function works with.
pub struct Mailing {
    /// The books.
    pub store: Arc<dyn Store>,
    /// Who takes the mail.
    pub mailer: Arc<dyn Mailer>,
    /// Where the documents are.
    pub archive: Arc<dyn Archive>,
    /// How a document that is not there yet is drawn.
    pub draw: Draw,
    /// The address that mail is sent from.
    pub sender: Email,
}

/// Works on a batch; what failed comes again.
///
/// # Errors
/// When a message has no id.
pub async fn handle(mailing: &Mailing, event: SqsEvent, budget: Budget) -> Result<SqsBatchResponse, BatchError> {
    let one = |record: batch::Record| async move { take(mailing, &record.body, budget).await };
    batch::process(event, budget, CONCURRENCY, one).await
}

async fn take(mailing: &Mailing, body: &str, budget: Budget) -> Result<(), MailingError> {
    match saldo_messages::decode(body)? {
        RemindersMessage::Remind { invoices, as_of, .. } => remind_all(mailing, &invoices, as_of, budget).await,
        RemindersMessage::Send { invoice, purpose, as_of, .. } => {
            Box::pin(sending::send(mailing, invoice, purpose, as_of, budget)).await
        }
    }
}

/// Reminds of each invoice, also when it failed for another, as long as there is time.
async fn remind_all(
    mailing: &Mailing,
    invoices: &[InvoiceId],
    now: DateTime<Utc>,
    budget: Budget,
) -> Result<(), MailingError> {
    let of = invoices.len();
    let mut failures = Vec::new();
    for (done, invoice) in invoices.iter().enumerate() {
        if budget.remaining() < CALL {
            return Err(MailingError::OutOfTime { left: of.saturating_sub(done), of });
        }
        if let Err(error) = Box::pin(sending::remind(mailing, *invoice, now, budget)).await {
            failures.push((invoice, error));
        }
    }
    if of == 1
        && let Some((_, error)) = failures.pop()
    {
        return Err(error);
    }
    for (invoice, error) in &failures {
        let chain = logs::chain(error);
        match error.disposition() {
            Disposition::Retry => tracing::warn!(invoice.id = %invoice, error.chain = chain, "failed, comes again"),
            Disposition::Poison => tracing::error!(invoice.id = %invoice, error.chain = chain, "cannot be reminded of"),
        }
    }
    let may_succeed = failures.iter().any(|(_, error)| error.disposition() == Disposition::Retry);
    let disposition = if may_succeed { Disposition::Retry } else { Disposition::Poison };
    if failures.is_empty() { Ok(()) } else { Err(MailingError::Some { failed: failures.len(), of, disposition }) }
}
