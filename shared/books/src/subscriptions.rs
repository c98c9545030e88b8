//! Subscriptions: billed period by period, called off.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use saldo_billing::Outcome;
use saldo_billing::id::{CustomerId, SubscriptionId};
use saldo_billing::invoice::{Draft, Invoice, Origin};
use saldo_billing::party::Customer;
use saldo_billing::subscription::{Standing, Subscription, SubscriptionError};
use saldo_store::entities::{customer_key, list, subscription_key};
use saldo_store::{Store, Stored, Transaction, list_by_customer};

use crate::invoices::{Parties, write_all_but_first};
use crate::{Also, BooksError, ROUNDS, committed, expect, write_change};

/// What billing one subscription did.
#[derive(Debug, Clone, PartialEq)]
pub enum Billed {
    /// One period was invoiced; there may be more.
    Period(Box<Invoice>),
    /// Nothing is due at this time.
    NothingDue,
}

/// Invoices the next period of a subscription that is due, if one is.
///
/// The invoice, its number, its entry and the subscription's step forward are one transaction under the key (subscription,
/// first day), so that a period is billed once however many ticks and workers there are.
///
/// # Errors
/// When something is missing or the books cannot be written.
pub async fn bill_next(store: &dyn Store, id: SubscriptionId, now: DateTime<Utc>) -> Result<Billed, BooksError> {
    for _ in 0..ROUNDS {
        let mut subscription: Stored<Subscription> = expect(store, subscription_key(id)).await?;
        let (seller, currency) = (subscription.value.seller, subscription.value.currency);
        let parties = Parties::load(store, seller, subscription.value.customer, currency).await?;
        let (seller, customer) = (&parties.seller.value, &parties.customer.value);
        let planned_at = subscription.value.bill_at();
        let due = subscription.value.bill_next(customer.zone, now)?;
        let mut transaction = Transaction::new();
        let Some(due) = due else {
            // The customer moved: the period is due at another instant than the index says.
            if subscription.value.bill_at() != planned_at {
                transaction.update(&subscription)?;
            }
            if committed(store, transaction).await? {
                return Ok(Billed::NothingDue);
            }
            continue;
        };
        let draft = Draft {
            id: due.invoice,
            origin: Origin::Subscription { subscription: id, period: due.period },
            collection: subscription.value.collection,
            terms: subscription.value.terms,
            currency,
        };
        let (mut invoice, document) = Invoice::draft(draft, seller, customer, due.lines, now)?;
        parties.carry_to(&mut invoice, &mut transaction, now)?;
        let outcome = invoice.finalise(parties.next_number(), seller, customer, parties.balance(currency), now)?;
        transaction.update(&subscription)?;
        transaction.create(&invoice)?;
        transaction.create(&write_all_but_first(store, document).await?)?;
        parties.take_number(&mut transaction)?;
        if let Outcome::Applied(change) = outcome {
            write_change(&mut transaction, &invoice, change, parties.credit)?;
        }
        if committed(store, transaction).await? {
            return Ok(Billed::Period(Box::new(invoice)));
        }
    }
    Err(BooksError::Contended { attempted: "bill a subscription" })
}

/// Calls a subscription off, today or when what is billed has run out.
///
/// # Errors
/// When it is not there or the books cannot be written.
pub async fn cancel(
    store: &dyn Store,
    id: SubscriptionId,
    at_period_end: bool,
    now: DateTime<Utc>,
    also: Also<'_, Subscription>,
) -> Result<Outcome<Subscription>, BooksError> {
    for _ in 0..ROUNDS {
        let mut subscription: Stored<Subscription> = expect(store, subscription_key(id)).await?;
        let customer: Stored<Customer> = expect(store, customer_key(subscription.value.customer)).await?;
        let called_off = subscription.value.would_end_on(at_period_end, customer.value.zone, now)?;
        let ends_on = subscription.value.end_on().map_or(called_off, |agreed| agreed.min(called_off));
        let standing = standing(store, customer.value.id, Some(id), ends_on).await?;
        let outcome = subscription.value.cancel(at_period_end, standing, customer.value.zone, now)?;
        if outcome == Outcome::AlreadyApplied {
            return Ok(Outcome::AlreadyApplied);
        }
        let mut transaction = Transaction::new();
        transaction.update(&subscription)?;
        also(&subscription.value, &mut transaction)?;
        if committed(store, transaction).await? {
            return Ok(Outcome::Applied(subscription.value));
        }
    }
    Err(BooksError::Contended { attempted: "cancel a subscription" })
}

/// Stops billing a subscription until it is resumed.
///
/// # Errors
/// When it is not there or the books cannot be written.
pub async fn pause(
    store: &dyn Store,
    id: SubscriptionId,
    now: DateTime<Utc>,
    also: Also<'_, Subscription>,
) -> Result<Outcome<Subscription>, BooksError> {
    change(store, id, "pause a subscription", |subscription, zone| subscription.pause(zone, now), also).await
}

/// Bills a paused subscription again, from the next period that begins.
///
/// # Errors
/// When it is not there or the books cannot be written.
pub async fn resume(
    store: &dyn Store,
    id: SubscriptionId,
    now: DateTime<Utc>,
    also: Also<'_, Subscription>,
) -> Result<Outcome<Subscription>, BooksError> {
    change(store, id, "resume a subscription", |subscription, zone| subscription.resume(zone, now), also).await
}

/// Lets the trial of a subscription last longer.
///
/// # Errors
/// When it is not there, no trial goes on or it would not become longer, or the books cannot be written.
pub async fn extend_trial(
    store: &dyn Store,
    id: SubscriptionId,
    end_on: NaiveDate,
    now: DateTime<Utc>,
    also: Also<'_, Subscription>,
) -> Result<Outcome<Subscription>, BooksError> {
    let command = |subscription: &mut Subscription, zone| subscription.extend_trial(end_on, zone, now);
    change(store, id, "extend a trial", command, also).await
}

async fn change(
    store: &dyn Store,
    id: SubscriptionId,
    attempted: &'static str,
    command: impl Fn(&mut Subscription, Tz) -> Result<Outcome<()>, SubscriptionError> + Send,
    also: Also<'_, Subscription>,
) -> Result<Outcome<Subscription>, BooksError> {
    for _ in 0..ROUNDS {
        let mut subscription: Stored<Subscription> = expect(store, subscription_key(id)).await?;
        let customer: Stored<Customer> = expect(store, customer_key(subscription.value.customer)).await?;
        if command(&mut subscription.value, customer.value.zone)? == Outcome::AlreadyApplied {
            return Ok(Outcome::AlreadyApplied);
        }
        let mut transaction = Transaction::new();
        transaction.update(&subscription)?;
        also(&subscription.value, &mut transaction)?;
        if committed(store, transaction).await? {
            return Ok(Outcome::Applied(subscription.value));
        }
    }
    Err(BooksError::Contended { attempted })
}

/// What a subscription that begins or ends on a day is to its customer's others, leaving out `but`: the only one, one of several,
/// or the first again.
///
/// # Errors
/// When the books cannot be read.
pub async fn standing(
    store: &dyn Store,
    customer: CustomerId,
    but: Option<SubscriptionId>,
    on: NaiveDate,
) -> Result<Standing, BooksError> {
    let customers = list::of_customer(customer, list::SUBSCRIPTIONS);
    let (mut after, mut had_others) = (None, false);
    loop {
        let page = list_by_customer::<Subscription>(store, &customers, 100, after.as_ref()).await?;
        for other in page.entities.iter().map(|stored| &stored.value).filter(|other| Some(other.id) != but) {
            if other.end_on().is_none_or(|end_on| end_on > on) {
                return Ok(Standing::OneOfSeveral);
            }
            had_others = true;
        }
        after = page.next;
        if after.is_none() {
            return Ok(if had_others { Standing::Returned } else { Standing::Only });
        }
    }
}
