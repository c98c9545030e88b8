//! Carrying out the refunds that were asked for on one payment.

use chrono::{DateTime, Duration, Utc};
use saldo_billing::id::{PaymentId, RefundId};
use saldo_billing::payment::{Decline, Payment, RefundRequest, RefundState, RefundStatus};
use saldo_books::refunds;
use saldo_gateways::{Gateway, GatewayError, RefundLookUp, RefundOrder, RefundOutcome};
use saldo_runtime::logs;
use saldo_store::entities::payment_key;
use saldo_store::load;

use crate::CollectionError;
use crate::charging::book;
use crate::handler::Collection;

/// For how long the provider surely keeps a key: afterwards it is asked first, since a repeat could give back twice.
const KEY_LIFE: Duration = Duration::hours(23);

/// A refund that the provider does not know after this long may be ordered again, still under its own key.
const ORDER_AGAIN_AFTER: Duration = Duration::hours(1);

/// Carries out every refund of the payment that waits for it, or asks what became of it.
///
/// # Errors
/// When the provider was not reached or the books cannot be kept; trying again is always safe.
pub async fn refund(collection: &Collection, id: PaymentId, now: DateTime<Utc>) -> Result<(), CollectionError> {
    let payment = load::<Payment>(&*collection.store, &payment_key(id)).await?;
    let payment = payment.ok_or(CollectionError::NoPayment { payment: id })?.value;
    let waiting = payment.refund_requests().filter(|(_, request)| is_due(request, now));
    let waiting: Vec<_> = waiting.map(|(refund, request)| (refund, request.clone())).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let gateway = collection.gateways.of(&payment.account).await?;
    for (refund, request) in waiting {
        let order = RefundOrder {
            refund,
            payment_reference: payment.reference.clone(),
            amount: request.amount,
            idempotency_key: refund.to_string(),
        };
        Refunding { collection, gateway: &*gateway, payment: id, order, now }.carry_out(&request).await?;
    }
    Ok(())
}

fn is_due(request: &RefundRequest, now: DateTime<Utc>) -> bool {
    request.state == RefundState::Requested || request.due_at().is_some_and(|at| at <= now)
}

/// One refund under way.
struct Refunding<'a> {
    collection: &'a Collection,
    gateway: &'a dyn Gateway,
    payment: PaymentId,
    order: RefundOrder,
    now: DateTime<Utc>,
}

impl Refunding<'_> {
    async fn carry_out(&self, request: &RefundRequest) -> Result<(), CollectionError> {
        // By the clock on the wall, as the request was: a message that rested for days must not order under a forgotten key.
        let age = (self.collection.clock)().signed_duration_since(request.requested_at);
        match request.state {
            RefundState::Requested if age < KEY_LIFE => self.order(0).await,
            RefundState::Requested => self.look_up(0, true).await,
            RefundState::Unknown { look_ups } => {
                self.look_up(look_ups.saturating_add(1), age >= ORDER_AGAIN_AFTER).await
            }
            RefundState::Accepted { status: RefundStatus::Pending, .. } => self.ask_about_pending(request).await,
            RefundState::Accepted { .. } | RefundState::Refused { .. } => Ok(()),
        }
    }

    /// Asks what became of a refund that the provider has in hand; without an answer it is asked again a day later.
    async fn ask_about_pending(&self, request: &RefundRequest) -> Result<(), CollectionError> {
        match self.gateway.look_up_refund(&self.order).await {
            Ok(RefundLookUp::Found(outcome)) => return self.conclude(outcome).await,
            Ok(RefundLookUp::NotFound) => {
                tracing::error!(refund.id = %self.order.refund, "the provider does not know a refund that it accepted");
            }
            Err(error) => {
                let chain = logs::chain(&error);
                tracing::warn!(refund.id = %self.order.refund, error.chain = chain, "a refund cannot be asked about now");
            }
        }
        self.settle(request.state.clone()).await
    }

    /// Orders the refund; the same key gives back once, however often it is ordered.
    async fn order(&self, look_ups: u32) -> Result<(), CollectionError> {
        match self.gateway.refund(&self.order).await {
            Ok(outcome) => self.conclude(outcome).await,
            Err(error @ GatewayError::Unknown { .. }) => self.unknown(look_ups, &error).await,
            Err(error @ GatewayError::Refused { .. }) => self.refused(look_ups, &error).await,
            Err(error @ (GatewayError::NotSent { .. } | GatewayError::Forbidden { .. })) => Err(error.into()),
        }
    }

    async fn look_up(&self, look_ups: u32, may_order: bool) -> Result<(), CollectionError> {
        match self.gateway.look_up_refund(&self.order).await {
            Ok(RefundLookUp::Found(outcome)) => self.conclude(outcome).await,
            Ok(RefundLookUp::NotFound) if may_order => self.order(look_ups).await,
            Ok(RefundLookUp::NotFound) => self.settle(RefundState::Unknown { look_ups }).await,
            Err(error) => self.unknown(look_ups, &error).await,
        }
    }

    /// A request that the provider finds wrong had no effect; whether an earlier one under the same key had, it is asked.
    async fn refused(&self, look_ups: u32, error: &GatewayError) -> Result<(), CollectionError> {
        let (refund, chain): (RefundId, _) = (self.order.refund, logs::chain(error));
        tracing::error!(refund.id = %refund, error.chain = chain, "the provider refused the request");
        match self.gateway.look_up_refund(&self.order).await {
            Ok(RefundLookUp::Found(outcome)) => self.conclude(outcome).await,
            Ok(RefundLookUp::NotFound) => {
                let decline = Decline { code: Decline::INVALID_REQUEST.to_owned(), hard: true };
                self.settle(RefundState::Refused { decline }).await
            }
            Err(error) => self.unknown(look_ups, &error).await,
        }
    }

    async fn unknown(&self, look_ups: u32, error: &GatewayError) -> Result<(), CollectionError> {
        let (refund, chain) = (self.order.refund.to_string(), logs::chain(error));
        tracing::warn!(refund.id = refund, error.chain = chain, "the outcome is unknown, it is looked up");
        self.collection.metrics.count((self.collection.clock)(), "UnknownPayments", 1, &[("refund.id", &refund)]);
        self.settle(RefundState::Unknown { look_ups }).await
    }

    async fn conclude(&self, outcome: RefundOutcome) -> Result<(), CollectionError> {
        if let Some(report) = &outcome.report {
            book(self.collection, report, self.now).await?;
        }
        self.settle(outcome.state).await
    }

    async fn settle(&self, state: RefundState) -> Result<(), CollectionError> {
        refunds::settle(&*self.collection.store, self.payment, self.order.refund, state, self.now).await?;
        Ok(())
    }
}
