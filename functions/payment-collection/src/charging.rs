//! Charging one invoice: an attempt at a time, each under its own key, and under no other while its outcome is unknown.

use chrono::{DateTime, Duration, Utc};
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::collection::{Step, StepKind};
use saldo_billing::invoice::{Attempt, AttemptState, Collection as Means, HostedPage, Invoice, InvoiceError, Received};
use saldo_billing::mail::Purpose;
use saldo_billing::payment::{Decline, PaymentReport};
use saldo_billing::provider::ProviderAccount;
use saldo_books::attempts::{self, Permission};
use saldo_books::mail;
use saldo_books::payments::{self, Booked, Reported};
use saldo_gateways::{
    ChargeKind, ChargeOutcome, ChargeRequest, Gateway, GatewayError, LookUpOutcome, LookUpRequest, PageClosed,
};
use saldo_runtime::logs;
use saldo_store::entities::invoice_key;
use saldo_store::load;

use crate::CollectionError;
use crate::handler::Collection;

/// The steps that one invoice can need at once: close its page, look an attempt up that was not made, charge; and one that others
/// were faster with.
const STEPS: usize = 4;

/// A payment of an attempt that is still not decided after this long, and not in a bank's hands, is called off.
const CALLED_OFF_AFTER: Duration = Duration::days(1);

/// Charges the invoice or asks what became of its charge, whichever is to be done at `now`, and asks for the mail that follows.
///
/// # Errors
/// When the provider was not reached or the books cannot be kept; trying again is always safe.
pub async fn collect(collection: &Collection, id: InvoiceId, now: DateTime<Utc>) -> Result<(), CollectionError> {
    for _ in 0..STEPS {
        let reaches = async |account: &ProviderAccount| collection.gateways.of(account).await.map(drop);
        let permission = attempts::permission(&*collection.store, id, now, (collection.clock)(), reaches).await?;
        let goes_on = match permission {
            Permission::Charge(asked) => charge(collection, &asked.0, &asked.1, now).await?,
            Permission::LookUp(asked) => look_up_when_due(collection, &asked.0, &asked.1, now).await?,
            Permission::ClosePage(asked) => close(collection, &asked.0, &asked.1, now).await?,
            Permission::NoMethod(_) => {
                mail::ask(&*collection.store, &*collection.queue, id, Purpose::Issued, now).await?;
                false
            }
            Permission::Nothing => false,
        };
        if !goes_on {
            return follow_up(collection, id, now).await;
        }
    }
    Err(CollectionError::Endless { invoice: id })
}

/// Asks the provider for an attempt that is written down. Tells whether there is more to do at once.
async fn charge(
    collection: &Collection,
    invoice: &Invoice,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<bool, CollectionError> {
    if !invoice.wants(attempt)? {
        // It was begun before something else paid: the provider may have been asked, and shall not be asked now.
        return look_up(collection, invoice, attempt, now).await;
    }
    let gateway = collection.gateways.of(&attempt.method.account).await?;
    let request = ChargeRequest {
        invoice: invoice.id,
        attempt: attempt.number,
        amount: attempt.amount,
        method: attempt.method.clone(),
        idempotency_key: attempt.idempotency_key(invoice.id),
        description: invoice.issued().map_or_else(|| invoice.id.to_string(), |issued| issued.number.text.clone()),
    };
    match gateway.charge(&request).await {
        Ok(outcome) => conclude(collection, invoice.id, attempt, outcome, now).await.map(|()| false),
        Err(error @ GatewayError::Unknown { .. }) => {
            unknown(collection, invoice.id, attempt, &error, now).await.map(|()| false)
        }
        Err(error @ GatewayError::Refused { .. }) => {
            refused(collection, &*gateway, invoice, attempt, &error, now).await.map(|()| false)
        }
        // Surely without effect: the attempt stays begun, and is repeated under the same key.
        Err(error @ (GatewayError::NotSent { .. } | GatewayError::Forbidden { .. })) => Err(error.into()),
    }
}

/// Takes what the provider decided into the books.
async fn conclude(
    collection: &Collection,
    invoice: InvoiceId,
    attempt: &Attempt,
    outcome: ChargeOutcome,
    now: DateTime<Utc>,
) -> Result<(), CollectionError> {
    let ChargeOutcome { kind, report } = outcome;
    let is_reported = report.is_some();
    if let Some(report) = report {
        // We know what we asked for, whatever became of the metadata.
        let report = PaymentReport { invoice: Some(invoice), attempt: Some(attempt.number), ..report };
        let booked = book(collection, &report, now).await?;
        tracing::info!(invoice.id = %invoice, payment.id = %booked.payment, attempt.number, attempt.outcome = ?kind, "booked");
    }
    let declined = |decline| AttemptState::Declined { at: now, decline };
    let state = match kind {
        // The report has told it.
        ChargeKind::Succeeded | ChargeKind::Processing | ChargeKind::RequiresAction | ChargeKind::Declined { .. }
            if is_reported =>
        {
            return Ok(());
        }
        ChargeKind::Declined { decline } => declined(decline),
        ChargeKind::TooSmall { minimum } => {
            let minimum = minimum.map(|minimum| minimum.to_string()).unwrap_or_default();
            let (amount, id) = (attempt.amount.to_string(), invoice.to_string());
            let fields = [("invoice.id", id.as_str()), ("payment.amount", &amount), ("payment.minimum", &minimum)];
            collection.metrics.count((collection.clock)(), "PaymentsTooSmall", 1, &fields);
            declined(Decline { code: Decline::TOO_SMALL.to_owned(), hard: true })
        }
        // There is a payment, and nothing that tells where it stands.
        ChargeKind::Succeeded | ChargeKind::Processing | ChargeKind::RequiresAction | ChargeKind::Undecided => {
            count_unknown(collection, invoice, attempt);
            let clock = (collection.clock)();
            match attempt.state {
                // It was in the provider's hands, and is not any more.
                AttemptState::Pending { .. } => attempt.lost(false, clock),
                AttemptState::Begun
                | AttemptState::Unknown { .. }
                | AttemptState::Succeeded { .. }
                | AttemptState::Declined { .. }
                | AttemptState::NeverMade => attempt.looked_up(false, clock),
            }
        }
    };
    attempts::settle(&*collection.store, invoice, attempt.number, state, now).await?;
    Ok(())
}

/// Takes a report into the books.
pub(crate) async fn book(
    collection: &Collection,
    report: &PaymentReport,
    now: DateTime<Utc>,
) -> Result<Booked, CollectionError> {
    match payments::report(&*collection.store, report, now).await? {
        Reported::Booked(booked) => Ok(booked),
        Reported::WaitsFor(what) => Err(CollectionError::Waits { what: what.to_string() }),
    }
}

/// Writes down that nobody knows what became of an attempt that was asked for: it is looked up now (I7).
async fn unknown(
    collection: &Collection,
    invoice: InvoiceId,
    attempt: &Attempt,
    error: &GatewayError,
    now: DateTime<Utc>,
) -> Result<(), CollectionError> {
    tell_unknown(collection, invoice, attempt, error);
    let answered = matches!(error, GatewayError::Unknown { answered: true, .. });
    let state = attempt.lost(answered, (collection.clock)());
    attempts::settle(&*collection.store, invoice, attempt.number, state, now).await?;
    Ok(())
}

/// Writes down that a look-up failed. It is asked again at the next planned time: a provider that is down must not fill the
/// dead-letter queue.
async fn look_up_failed(
    collection: &Collection,
    invoice: InvoiceId,
    attempt: &Attempt,
    error: &GatewayError,
    now: DateTime<Utc>,
) -> Result<(), CollectionError> {
    tell_unknown(collection, invoice, attempt, error);
    let state = attempt.looked_up(true, (collection.clock)());
    attempts::looked_up(&*collection.store, invoice, attempt, state, now).await?;
    Ok(())
}

fn tell_unknown(collection: &Collection, invoice: InvoiceId, attempt: &Attempt, error: &GatewayError) {
    let chain = logs::chain(error);
    tracing::warn!(invoice.id = %invoice, attempt.number, error.chain = chain, "the outcome is unknown, it is looked up");
    count_unknown(collection, invoice, attempt);
}

fn count_unknown(collection: &Collection, invoice: InvoiceId, attempt: &Attempt) {
    let (invoice, number) = (invoice.to_string(), attempt.number.to_string());
    let fields = [("invoice.id", invoice.as_str()), ("attempt.number", &number)];
    collection.metrics.count((collection.clock)(), "UnknownPayments", 1, &fields);
}

/// A request that the provider finds wrong had no effect; whether an earlier one under the same key had, it is asked.
async fn refused(
    collection: &Collection,
    gateway: &dyn Gateway,
    invoice: &Invoice,
    attempt: &Attempt,
    error: &GatewayError,
    now: DateTime<Utc>,
) -> Result<(), CollectionError> {
    let chain = logs::chain(error);
    tracing::error!(invoice.id = %invoice.id, attempt.number, error.chain = chain, "the provider refused the request");
    match gateway.look_up(&question(invoice, attempt)).await {
        Ok(LookUpOutcome::Found(outcome)) => conclude(collection, invoice.id, attempt, outcome, now).await,
        Ok(LookUpOutcome::NotFound) => {
            let decline = Decline { code: Decline::INVALID_REQUEST.to_owned(), hard: true };
            let state = AttemptState::Declined { at: now, decline };
            attempts::settle(&*collection.store, invoice.id, attempt.number, state, now).await?;
            Ok(())
        }
        Err(error) => {
            // The failure of a look-up says nothing about the charge.
            tell_unknown(collection, invoice.id, attempt, &error);
            let state = attempt.lost(false, (collection.clock)());
            attempts::settle(&*collection.store, invoice.id, attempt.number, state, now).await?;
            Ok(())
        }
    }
}

fn question(invoice: &Invoice, attempt: &Attempt) -> LookUpRequest {
    LookUpRequest {
        invoice: invoice.id,
        attempt: attempt.number,
        method: attempt.method.clone(),
        // The provider's clock is the one on the wall; who travels in time goes by the other.
        begun_at: attempt.asked_at.map_or(attempt.begun_at, |asked_at| asked_at.min(attempt.begun_at)),
    }
}

/// Looks up no earlier than planned: the time between two look-ups is part of what makes "never made" certain.
async fn look_up_when_due(
    collection: &Collection,
    invoice: &Invoice,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<bool, CollectionError> {
    match invoice.progress.next {
        Some(Step { kind: StepKind::LookUp, at }) if at > now => Ok(false),
        Some(_) | None => look_up(collection, invoice, attempt, now).await,
    }
}

/// Asks what became of an attempt. Tells whether it is out of the way, so that the next may begin.
async fn look_up(
    collection: &Collection,
    invoice: &Invoice,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<bool, CollectionError> {
    let gateway = collection.gateways.of(&attempt.method.account).await?;
    match gateway.look_up(&question(invoice, attempt)).await {
        Ok(LookUpOutcome::Found(outcome)) => {
            let outcome = match stranded(collection, attempt, &outcome) {
                None => outcome,
                Some(payment) => match gateway.call_off(&payment).await {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        return look_up_failed(collection, invoice.id, attempt, &error, now).await.map(|()| false);
                    }
                },
            };
            conclude(collection, invoice.id, attempt, outcome, now).await?;
            Ok(false)
        }
        Ok(LookUpOutcome::NotFound) => {
            let (store, clock) = (&*collection.store, (collection.clock)());
            let is_not_made = attempt.is_not_made_if_not_found(clock);
            if is_not_made {
                attempts::not_made(store, invoice.id, attempt, now, clock).await?;
            } else {
                attempts::looked_up(store, invoice.id, attempt, attempt.looked_up(false, clock), now).await?;
            }
            Ok(is_not_made)
        }
        Err(error) => look_up_failed(collection, invoice.id, attempt, &error, now).await.map(|()| false),
    }
}

/// The payment of an attempt that waits for something that will not come: the provider stopped half way, or wants a customer who
/// is not there. As long as it is open, nothing else may take the money.
fn stranded(collection: &Collection, attempt: &Attempt, found: &ChargeOutcome) -> Option<String> {
    let waits = matches!(found.kind, ChargeKind::Undecided | ChargeKind::RequiresAction);
    let is_old = attempt.age((collection.clock)()) >= CALLED_OFF_AFTER;
    let report = found.report.as_ref().filter(|_| waits && is_old)?;
    Some(report.reference.clone())
}

/// Closes the page on which the customer could pay at the same time (I6), or books what they paid on it: the webhook that should
/// tell may never come. Tells whether the invoice may be charged now.
async fn close(
    collection: &Collection,
    invoice: &Invoice,
    page: &HostedPage,
    now: DateTime<Utc>,
) -> Result<bool, CollectionError> {
    let (store, id) = (&*collection.store, invoice.id);
    let asked = match collection.gateways.of(&page.account).await {
        Ok(gateway) => gateway.close_page(&page.reference).await.map_err(CollectionError::from),
        Err(error) => Err(error),
    };
    let outcome = match asked {
        Ok(PageClosed::Closed) => {
            attempts::page_closed(store, id, &page.reference, now).await?;
            return Ok(true);
        }
        Ok(PageClosed::Used(outcome)) => outcome,
        // The account's key is gone, or leads somewhere else, where nobody knows the page; and it ran out long ago.
        Err(error @ (CollectionError::Gateway(GatewayError::Refused { .. }) | CollectionError::NoKey { .. }))
            if is_forgotten(page, now) =>
        {
            let chain = logs::chain(&error);
            tracing::error!(invoice.id = %id, error.chain = chain, "nobody can tell whether a page was paid on");
            attempts::page_closed(store, id, &page.reference, now).await?;
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    if let Some(report) = outcome.report {
        let report = PaymentReport { invoice: Some(id), ..report };
        let booked = book(collection, &report, now).await?;
        tracing::info!(invoice.id = %id, payment.id = %booked.payment, "paid on the page");
        attempts::page_used(store, id, &page.reference, booked.payment, now).await?;
    }
    let is_declined = matches!(outcome.kind, ChargeKind::Declined { .. });
    if is_declined {
        attempts::page_closed(store, id, &page.reference, now).await?;
    }
    Ok(is_declined)
}

fn is_forgotten(page: &HostedPage, now: DateTime<Utc>) -> bool {
    now.signed_duration_since(page.expires_at) >= Duration::days(1)
}

/// Does what follows from where the invoice now stands: also after a crash that came between the books and this.
async fn follow_up(collection: &Collection, id: InvoiceId, now: DateTime<Utc>) -> Result<(), CollectionError> {
    let invoice = load::<Invoice>(&*collection.store, &invoice_key(id)).await?;
    let invoice = invoice.ok_or(CollectionError::NoInvoice { invoice: id })?.value;
    for purpose in mails_about(&invoice)? {
        mail::ask(&*collection.store, &*collection.queue, id, purpose, now).await?;
    }
    let declined = |attempt: &Attempt| matches!(attempt.state, AttemptState::Declined { .. });
    if invoice.progress.attempt.as_ref().is_some_and(declined) {
        attempts::end_dunning(&*collection.store, id, now).await?;
    }
    Ok(())
}

/// The mails that the customer should get about payments and the last attempt; whether there still is reason is decided when they
/// are sent.
fn mails_about(invoice: &Invoice) -> Result<Vec<Purpose>, InvoiceError> {
    let owed = invoice.status()?.is_owed();
    // Also of what was paid on a page: its booking takes the page away, after which nothing else would ask.
    let is_taken = |received: &Received| received.standing.is_some_and(|standing| standing.captured.is_positive());
    let receipts = invoice.received().filter(|(_, received)| is_taken(received)).map(|(id, _)| Purpose::Receipt(id));
    let about_attempt = match invoice.progress.attempt.as_ref().map(|attempt| (attempt.number, &attempt.state)) {
        // Nothing failed on the customer's side: they get the invoice, which stays open.
        Some((_, AttemptState::Declined { decline, .. })) if decline.code == Decline::TOO_SMALL => {
            Some(Purpose::Issued)
        }
        Some((number, AttemptState::Declined { .. })) => Some(Purpose::PaymentFailed(number)),
        Some((
            _,
            AttemptState::Begun
            | AttemptState::Unknown { .. }
            | AttemptState::Pending { .. }
            | AttemptState::Succeeded { .. }
            | AttemptState::NeverMade,
        )) => None,
        // Handed over without an attempt: there was no method to charge.
        None if owed && invoice.collection == Means::Automatic && invoice.progress.handed_over => Some(Purpose::Issued),
        None => None,
    };
    Ok(receipts.chain(about_attempt).collect())
}
