//! From a batch of messages to one piece of work after the other.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, Utc};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId};
use saldo_books::attempts;
use saldo_messages::{CollectionsMessage, Queue};
use saldo_runtime::batch::{self, BatchError};
use saldo_runtime::budget::Budget;
use saldo_runtime::logs::Metrics;
use saldo_runtime::several::each;
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
    /// The clock on the wall: how old a request, an unknown outcome or a stranded payment is. What is due goes by the scheduled time.
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
    let has_time = |_done| budget.remaining() >= CALL;
    match saldo_messages::decode(body)? {
        CollectionsMessage::Charge { invoices, as_of, .. } => {
            each(invoices, has_time, |invoice| collect(collection, invoice, as_of)).await
        }
        CollectionsMessage::NewMethod { customers, as_of, .. } => {
            each(customers, has_time, |customer| new_method(collection, customer, as_of)).await
        }
        CollectionsMessage::Refund { payments, as_of, .. } => {
            each(payments, has_time, |payment| refund(collection, payment, as_of)).await
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
