//! From a batch of messages to one piece of work after the other.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, Utc};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId};
use saldo_books::attempts;
use saldo_messages::{CollectionsMessage, Disposed, Disposition, Queue};
use saldo_runtime::batch::{self, BatchError};
use saldo_runtime::budget::Budget;
use saldo_runtime::logs::{self, Metrics};
use saldo_store::Store;

use crate::gateways::Gateways;
use crate::{CollectionError, charging, refunding};

/// Messages worked on at a time: they wait for the provider most of the time.
const CONCURRENCY: usize = 4;

/// A provider may take this long to answer: no call is begun when less is left, since one that is cut off has an unknown outcome.
const CALL: Duration = Duration::from_secs(30);

/// What the function works with.
pub struct Collection {
    /// The books.
    pub store: Arc<dyn Store>,
    /// Where mails are asked for.
    pub queue: Arc<dyn Queue>,
    /// The providers.
    pub gateways: Gateways,
    /// Where unknown outcomes are counted.
    pub metrics: Metrics,
    /// The clock on the wall, which the providers' keys run out by; everything else goes by the scheduled time.
    pub clock: fn() -> DateTime<Utc>,
}

/// Works on a batch; what failed comes again.
///
/// # Errors
/// When a message has no id.
pub async fn handle(collection: &Collection, event: SqsEvent, budget: Budget) -> Result<SqsBatchResponse, BatchError> {
    let one = |record: batch::Record| async move { take(collection, &record.body, budget).await };
    batch::process(event, budget, CONCURRENCY, one).await
}

async fn take(collection: &Collection, body: &str, budget: Budget) -> Result<(), CollectionError> {
    match saldo_messages::decode(body)? {
        CollectionsMessage::Charge { invoices, as_of, .. } => {
            each(invoices, budget, |invoice| collect(collection, invoice, as_of)).await
        }
        CollectionsMessage::NewMethod { customers, as_of, .. } => {
            each(customers, budget, |customer| new_method(collection, customer, as_of)).await
        }
        CollectionsMessage::Refund { payments, as_of, .. } => {
            each(payments, budget, |payment| refund(collection, payment, as_of)).await
        }
    }
}

async fn collect(collection: &Collection, invoice: InvoiceId, now: DateTime<Utc>) -> Result<(), CollectionError> {
    Box::pin(charging::collect(collection, invoice, now)).await
}

async fn refund(collection: &Collection, payment: PaymentId, now: DateTime<Utc>) -> Result<(), CollectionError> {
    Box::pin(refunding::refund(collection, payment, now)).await
}

async fn new_method(collection: &Collection, customer: CustomerId, now: DateTime<Utc>) -> Result<(), CollectionError> {
    Ok(attempts::method_changed(&*collection.store, customer, now).await?)
}

/// Does the work for each, also when it failed for another, as long as there is time.
async fn each<T, Fut>(wanted: Vec<T>, budget: Budget, work: impl Fn(T) -> Fut) -> Result<(), CollectionError>
where
    T: Copy + Display,
    Fut: Future<Output = Result<(), CollectionError>>,
{
    let of = wanted.len();
    let mut failures = Vec::new();
    for (done, id) in wanted.into_iter().enumerate() {
        if budget.remaining() < CALL {
            return Err(CollectionError::OutOfTime { left: of.saturating_sub(done), of });
        }
        if let Err(error) = work(id).await {
            failures.push((id, error));
        }
    }
    if of == 1
        && let Some((_, error)) = failures.pop()
    {
        return Err(error);
    }
    for (id, error) in &failures {
        let chain = logs::chain(error);
        match error.disposition() {
            Disposition::Retry => tracing::warn!(work.id = %id, error.chain = chain, "failed, comes again"),
            Disposition::Poison => tracing::error!(work.id = %id, error.chain = chain, "cannot be done"),
        }
    }
    let may_succeed = failures.iter().any(|(_, error)| error.disposition() == Disposition::Retry);
    let disposition = if may_succeed { Disposition::Retry } else { Disposition::Poison };
    if failures.is_empty() { Ok(()) } else { Err(CollectionError::Some { failed: failures.len(), of, disposition }) }
}
