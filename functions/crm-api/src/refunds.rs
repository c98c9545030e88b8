//! Refunds: reserved here, carried out by payment-collection.

use std::sync::Arc;

use axum::extract::State;
use saldo_billing::Outcome;
use saldo_billing::id::{PaymentId, RefundId};
use saldo_billing::payment::{Payment, RefundRequest, RefundState, RefundStatus};
use saldo_books::refunds;
use saldo_messages::{CollectionsMessage, Destination, V1};
use saldo_store::entities::payment_key;
use saldo_store::{Entity, Key, Stored, Transaction, TransactionError, instant_text, load, page_among};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::paging::{Page, after, count};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{After, Body, Call, Limit, Named, Params};
use crate::wire::{self, Wire};

/// The routes of refunds.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create, list_all)).routes(routes!(get))
}

/// Of which payment a refund is: refunds stand with their payment, and are found by this.
#[derive(Debug, Serialize, Deserialize)]
struct RefundOwner {
    refund: RefundId,
    payment: PaymentId,
}

impl RefundOwner {
    fn key_of(refund: RefundId) -> Key {
        Key::new(format!("REFUND#{refund}"), "PAYMENT_OF")
    }
}

impl Entity for RefundOwner {
    fn key(&self) -> Key {
        Self::key_of(self.refund)
    }
}

/// A refund to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// Of which payment.
    payment: wire::PaymentId,
    /// How much; at most what the payment has left.
    amount: wire::AmountText,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefundStatus)]
enum StatusWord {
    /// Reserved; the provider is about to be asked.
    Requested,
    /// The provider was asked and its answer is not known; it is looked up.
    Unknown,
    /// The provider has accepted it.
    Pending,
    /// Given back.
    Succeeded,
    /// Could not be given back: the money is ours again.
    Failed,
    /// Called off at the provider.
    Cancelled,
    /// The provider refused it.
    Refused,
}

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refund)]
pub struct RefundView {
    /// Its id.
    id: wire::RefundId,
    /// Of which payment.
    payment: wire::PaymentId,
    /// How much.
    amount: wire::Money,
    /// Where it stands.
    status: StatusWord,
    /// The provider's id of it, once it was accepted.
    #[schema(required = true)]
    reference: Option<String>,
    /// Why the provider refused it, in its word.
    #[schema(required = true)]
    refusal: Option<String>,
    /// When it was asked for.
    requested_at: wire::Instant,
}

impl RefundView {
    fn of(payment: PaymentId, id: RefundId, request: &RefundRequest) -> Self {
        let (status, reference, refusal) = match &request.state {
            RefundState::Requested => (StatusWord::Requested, None, None),
            RefundState::Unknown { .. } => (StatusWord::Unknown, None, None),
            RefundState::Refused { decline } => (StatusWord::Refused, None, Some(decline.code.clone())),
            RefundState::Accepted { reference, status } => {
                let status = match status {
                    RefundStatus::Pending => StatusWord::Pending,
                    RefundStatus::Succeeded => StatusWord::Succeeded,
                    RefundStatus::Failed => StatusWord::Failed,
                    RefundStatus::Cancelled => StatusWord::Cancelled,
                };
                (status, Some(reference.clone()), None)
            }
        };
        Self {
            id: Wire(id),
            payment: Wire(payment),
            amount: wire::Money(request.amount),
            status,
            reference,
            refusal,
            requested_at: Wire(request.requested_at),
        }
    }

    /// The refunds that were asked for of a payment, the newest first.
    pub fn all(payment: &Payment) -> Vec<Self> {
        let mut requests: Vec<_> = payment.refund_requests().collect();
        requests.sort_by_key(|(id, request)| std::cmp::Reverse((request.requested_at, *id)));
        requests.into_iter().map(|(id, request)| Self::of(payment.id, id, request)).collect()
    }
}

/// Reserves a refund; the provider is asked within moments. Never more than the payment has left, also when several ask at once.
#[utoipa::path(post, path = "/v1/refunds", tag = "refunds", operation_id = "createRefund", request_body = NewRefund,
    responses((status = 201, description = "The refund.", body = RefundView)))]
async fn create(State(app): State<Arc<App>>, call: Call, Body(new): Body<NewRefund>) -> Result<Reply, Problem> {
    let (refund, payment) = (RefundId::from_random(app.new_id()?), new.payment.0);
    let known = load_payment(&app, payment).await?;
    let known = known.ok_or_else(|| Problem::no_such("payment", format!("there is no payment {payment}")))?;
    let amount = new.amount.resolve("amount", known.value.currency)?;
    let reply = |payment: &Payment| {
        let request = payment.refund_request(refund).ok_or_else(|| Problem::internal("the refund was not reserved"))?;
        Reply::created(&RefundView::of(payment.id, refund, request))
    };
    let also = |payment: &Payment, transaction: &mut Transaction| -> Result<(), TransactionError> {
        transaction.create(&RefundOwner { refund, payment: payment.id })?;
        match reply(payment) {
            Ok(reply) => call.keep(transaction, &reply),
            // Without its answer the effect would happen again when the client repeats the request.
            Err(problem) => Err(TransactionError::Addition(problem.into_cause())),
        }
    };
    let store = call.store(&app);
    match refunds::request(store.as_ref(), payment, refund, amount, call.now, &also).await? {
        Outcome::Applied(changed) => {
            let message = CollectionsMessage::Refund { v: V1, payments: vec![payment], as_of: call.now };
            app.hand_on(Destination::Collections, &message).await;
            reply(&changed)
        }
        Outcome::AlreadyApplied => Err(Problem::internal("a new refund was already there")),
    }
}

/// Of which payment to list refunds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    payment: wire::PaymentId,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<After>,
}

/// Lists the refunds that were asked for of a payment.
#[utoipa::path(get, path = "/v1/refunds", tag = "refunds", operation_id = "listRefunds",
    params(("payment" = wire::PaymentId, Query, description = "Of which payment.")),
    responses((status = 200, description = "A page of refunds.", body = Page<RefundView>)))]
async fn list_all(State(app): State<Arc<App>>, Params(filter): Params<Filter>) -> Result<Reply, Problem> {
    let id = filter.payment.0;
    let payment = load_payment(&app, id).await?;
    let payment = payment.ok_or_else(|| Problem::no_such("payment", format!("there is no payment {id}")))?;
    let requests = payment.value.refund_requests();
    let placed = requests.map(|(id, request)| {
        let place = format!("{}#{id}", instant_text(request.requested_at));
        (place, RefundView::of(payment.value.id, id, request))
    });
    let (refunds, next) = page_among(&id.to_string(), placed, count(filter.limit), after(filter.cursor.as_ref()))
        .map_err(|error| Problem::invalid("cursor", error.to_string()))?;
    Page::reply(refunds, next.as_ref())
}

/// Shows a refund.
#[utoipa::path(get, path = "/v1/refunds/{id}", tag = "refunds", operation_id = "getRefund",
    responses((status = 200, description = "The refund.", body = RefundView)))]
async fn get(State(app): State<Arc<App>>, Named(id): Named<RefundId>) -> Result<Reply, Problem> {
    let missing = || Problem::missing(format!("there is no refund {id}"));
    let owner: Option<Stored<RefundOwner>> = load(app.store.as_ref(), &RefundOwner::key_of(id)).await?;
    let payment = load_payment(&app, owner.ok_or_else(missing)?.value.payment).await?.ok_or_else(missing)?.value;
    let request = payment.refund_request(id).ok_or_else(missing)?;
    Reply::ok(&RefundView::of(payment.id, id, request))
}

async fn load_payment(app: &App, id: PaymentId) -> Result<Option<Stored<Payment>>, Problem> {
    Ok(load(app.store.as_ref(), &payment_key(id)).await?)
}
