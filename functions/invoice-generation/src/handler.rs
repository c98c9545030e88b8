//! From a batch of messages to one subscription or invoice after the other.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, Utc};
use saldo_billing::id::{InvoiceId, SubscriptionId};
use saldo_documents::archive::Archive;
use saldo_documents::pdf::Draw;
use saldo_messages::{Disposed, Disposition, InvoicesDueMessage, Queue};
use saldo_runtime::batch::{self, BatchError};
use saldo_runtime::budget::Budget;
use saldo_runtime::logs;
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
    match saldo_messages::decode(body)? {
        InvoicesDueMessage::Bill { subscriptions, as_of, .. } => {
            each(subscriptions, budget, |subscription| bill(generation, subscription, budget, as_of)).await
        }
        InvoicesDueMessage::Render { invoices, as_of, .. } => {
            each(invoices, budget, |invoice| render(generation, invoice, as_of)).await
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

/// Does the work for each, also when it failed for another, as long as there is time.
async fn each<T, Fut>(wanted: Vec<T>, budget: Budget, work: impl Fn(T) -> Fut) -> Result<(), GenerationError>
where
    T: Copy + Display,
    Fut: Future<Output = Result<(), GenerationError>>,
{
    let of = wanted.len();
    let mut failures = Failures::default();
    for (done, id) in wanted.into_iter().enumerate() {
        if done > 0 && !budget.allows_start() {
            return Err(GenerationError::OutOfTime { left: of.saturating_sub(done), of });
        }
        if let Err(error) = work(id).await {
            failures.note(&id, &error);
        }
    }
    failures.outcome(of)
}

/// What failed among many, each logged with its reason.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    count: usize,
    may_succeed: bool,
}

impl Failures {
    pub(crate) fn note(&mut self, id: &dyn Display, error: &GenerationError) {
        self.count = self.count.saturating_add(1);
        let chain = logs::chain(error);
        match error.disposition() {
            Disposition::Retry => {
                self.may_succeed = true;
                tracing::warn!(work.id = %id, error.chain = chain, "failed, comes again");
            }
            Disposition::Poison => tracing::error!(work.id = %id, error.chain = chain, "cannot be done"),
        }
    }

    pub(crate) fn outcome(&self, of: usize) -> Result<(), GenerationError> {
        let disposition = if self.may_succeed { Disposition::Retry } else { Disposition::Poison };
        if self.count == 0 { Ok(()) } else { Err(GenerationError::Some { failed: self.count, of, disposition }) }
    }
}
