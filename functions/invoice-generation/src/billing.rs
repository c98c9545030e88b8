//! Billing one subscription: every period that is due, each in its own transaction.

use chrono::{DateTime, Utc};
use saldo_billing::id::SubscriptionId;
use saldo_books::subscriptions::{self, Billed};
use saldo_runtime::budget::Budget;
use saldo_runtime::several::Several;

use crate::GenerationError;
use crate::handler::Generation;
use crate::rendering;

/// Periods of one subscription that are billed for one message: more than a year of days.
pub const PERIODS_MAX: usize = 500;

/// Bills every period that is due at `now` and renders each invoice.
///
/// A document that cannot be made does not stop the billing; it is due in the books until it is made.
///
/// # Errors
/// When a period could not be billed or a document not be made.
pub async fn bill(
    generation: &Generation,
    id: SubscriptionId,
    budget: Budget,
    now: DateTime<Utc>,
) -> Result<(), GenerationError> {
    let (mut failures, mut tried) = (Several::default(), 0_usize);
    while tried < PERIODS_MAX && (tried == 0 || budget.allows_start()) {
        match subscriptions::bill_next(&*generation.store, id, now).await? {
            Billed::NothingDue => return Ok(failures.outcome(tried)?),
            Billed::Period(invoice) => {
                tried = tried.saturating_add(1);
                let number = invoice.issued().map_or("", |issued| issued.number.text.as_str());
                tracing::info!(subscription.id = %id, invoice.id = %invoice.id, invoice.number = number, "billed");
                if let Err(error) = rendering::render(generation, invoice.id, now).await {
                    failures.note(&invoice.id, &error);
                }
            }
        }
    }
    tracing::info!(subscription.id = %id, "more periods are due, they come with the next tick");
    Ok(failures.outcome(tried)?)
}
