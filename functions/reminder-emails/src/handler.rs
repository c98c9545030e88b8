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
use saldo_messages::RemindersMessage;
use saldo_runtime::batch::{self, BatchError};
use saldo_runtime::budget::Budget;
use saldo_runtime::logs::Metrics;
use saldo_runtime::several::each;
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
    /// Where mails are counted of which nobody knows whether they were sent.
    pub metrics: Metrics,
    /// The clock on the wall, by which they are counted; everything else goes by the message's time.
    pub clock: fn() -> DateTime<Utc>,
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
        RemindersMessage::Remind { invoices, as_of, .. } => {
            let has_time = |_done| budget.remaining() >= CALL;
            each(invoices, has_time, |invoice| remind(mailing, invoice, as_of, budget)).await
        }
        RemindersMessage::Send { invoice, purpose, as_of, .. } => {
            Box::pin(sending::send(mailing, invoice, purpose, as_of, budget)).await
        }
    }
}

async fn remind(mailing: &Mailing, invoice: InvoiceId, now: DateTime<Utc>, budget: Budget) -> Result<(), MailingError> {
    Box::pin(sending::remind(mailing, invoice, now, budget)).await
}
