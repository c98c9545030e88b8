//! From a batch of messages to one subscription or invoice after the other.

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, Utc};
use saldo_billing::id::{InvoiceId, SubscriptionId};
use saldo_documents::archive::Archive;
use saldo_documents::pdf::Draw;
use saldo_messages::{InvoicesDueMessage, Queue};
use saldo_runtime::batch::{self, BatchError};
use saldo_runtime::budget::Budget;
use saldo_runtime::several::each;
use saldo_store::Store;

use crate::{GenerationError, billing, rendering};

/// Messages worked on at a time: while one waits for the tables, another is rendered.
const CONCURRENCY: usize = 4;

/// What the function works with.
pub struct Generation {
    /// The books.
    pub store: Arc<dyn Store>,
    /// Where invoices are handed on.
    pub queue: Arc<dyn Queue>,
    /// Where documents are kept.
    pub archive: Arc<dyn Archive>,
    /// How a document is drawn.
    pub draw: Draw,
}

/// Works on a batch; what failed comes again.
///
/// # Errors
/// When a message has no id.
pub async fn handle(generation: &Generation, event: SqsEvent, budget: Budget) -> Result<SqsBatchResponse, BatchError> {
    let one = |record: batch::Record| async move { take(generation, &record.body, budget).await };
    batch::process(event, budget, CONCURRENCY, one).await
}

async fn take(generation: &Generation, body: &str, budget: Budget) -> Result<(), GenerationError> {
    let has_time = |done| done == 0 || budget.allows_start();
    match saldo_messages::decode(body)? {
        InvoicesDueMessage::Bill { subscriptions, as_of, .. } => {
            each(subscriptions, has_time, |subscription| bill(generation, subscription, budget, as_of)).await
        }
        InvoicesDueMessage::Render { invoices, as_of, .. } => {
            each(invoices, has_time, |invoice| render(generation, invoice, as_of)).await
        }
    }
}

async fn bill(
    generation: &Generation,
    subscription: SubscriptionId,
    budget: Budget,
    now: DateTime<Utc>,
) -> Result<(), GenerationError> {
    Box::pin(billing::bill(generation, subscription, budget, now)).await
}

async fn render(generation: &Generation, invoice: InvoiceId, now: DateTime<Utc>) -> Result<(), GenerationError> {
    Box::pin(rendering::render(generation, invoice, now)).await
}
