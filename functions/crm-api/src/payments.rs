//! Payments: what providers reported about money.

use std::sync::Arc;

use axum::extract::State;
use saldo_billing::id::PaymentId;
use saldo_billing::invoice::Invoice;
use saldo_billing::payment::{Payment, PaymentStatus};
use saldo_store::entities::{began_at, invoice_key, list, payment_key};
use saldo_store::{Stored, list_among, list_newest, load};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::paging::{Page, after, count};
use crate::problem::Problem;
use crate::refunds::RefundView;
use crate::reply::Reply;
use crate::request::{After, Limit, Named, Params};
use crate::wire::{self, Wire};

/// The routes of payments.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_all)).routes(routes!(get))
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentStatus)]
enum StatusWord {
    /// Waits for somebody.
    Pending,
    /// Waits for the customer.
    RequiresAction,
    /// Submitted, and decided later.
    Processing,
    /// Held and not yet taken.
    Authorised,
    /// Taken.
    Succeeded,
    /// The last attempt failed.
    Failed,
    /// Called off.
    Cancelled,
}

impl StatusWord {
    const fn of(status: PaymentStatus) -> Self {
        match status {
            PaymentStatus::Pending => Self::Pending,
            PaymentStatus::RequiresAction => Self::RequiresAction,
            PaymentStatus::Processing => Self::Processing,
            PaymentStatus::Authorised => Self::Authorised,
            PaymentStatus::Succeeded => Self::Succeeded,
            PaymentStatus::Failed => Self::Failed,
            PaymentStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// How something was paid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentMethodUsed)]
struct MethodView {
    /// In the provider's word.
    #[schema(example = "card")]
    kind: String,
    /// The card network, where there is one.
    #[schema(required = true)]
    network: Option<String>,
    /// The last four characters.
    #[schema(required = true)]
    last4: Option<String>,
}

/// How a provider said no.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentFailure)]
struct FailureView {
    /// The reason in the provider's word.
    #[schema(example = "insufficient_funds")]
    code: String,
    /// Whether the same method cannot succeed later either.
    hard: bool,
    /// When.
    at: wire::Instant,
}

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
struct PaymentView {
    /// Its id.
    id: wire::PaymentId,
    /// The invoice it pays.
    #[schema(required = true)]
    invoice: Option<wire::InvoiceId>,
    /// Who pays.
    #[schema(required = true)]
    customer: Option<wire::CustomerId>,
    /// Where it was paid.
    account: wire::ProviderAccount,
    /// The provider's id of it.
    reference: String,
    /// Which of our attempts to charge the invoice it was.
    #[schema(required = true)]
    attempt: Option<u32>,
    /// Where it stands.
    status: StatusWord,
    /// How it is paid.
    #[schema(required = true)]
    method: Option<MethodView>,
    /// Taken.
    amount_captured: wire::Money,
    /// Given back.
    amount_refunded: wire::Money,
    /// What may still be refunded.
    amount_refundable: wire::Money,
    /// Withdrawn by disputes that are not decided.
    amount_disputed: wire::Money,
    /// Lost in disputes.
    amount_lost: wire::Money,
    /// Charged for disputes.
    dispute_fees: wire::Money,
    /// Whether a dispute is open.
    disputed: bool,
    /// The last failure.
    #[schema(required = true)]
    failure: Option<FailureView>,
    /// The refunds that were asked for here.
    refunds: Vec<RefundView>,
    /// When the first thing was reported about it.
    #[schema(required = true)]
    began_at: Option<wire::Instant>,
    /// When money was taken for the first time.
    #[schema(required = true)]
    captured_at: Option<wire::Instant>,
}

impl PaymentView {
    fn of(payment: &Payment) -> Result<Self, Problem> {
        let standing = payment.standing().map_err(Problem::internal)?;
        Ok(Self {
            id: Wire(payment.id),
            invoice: payment.invoice.map(Wire),
            customer: payment.customer.map(Wire),
            account: Wire(payment.account.clone()),
            reference: payment.reference.clone(),
            attempt: payment.attempt,
            status: StatusWord::of(payment.status()),
            method: payment.method.as_ref().map(|method| MethodView {
                kind: method.kind.clone(),
                network: method.network.clone(),
                last4: method.last4.clone(),
            }),
            amount_captured: wire::Money(standing.captured),
            amount_refunded: wire::Money(standing.refunded),
            amount_refundable: wire::Money(payment.refundable()?),
            amount_disputed: wire::Money(standing.disputed),
            amount_lost: wire::Money(standing.lost),
            dispute_fees: wire::Money(standing.dispute_fees),
            disputed: payment.is_disputed(),
            failure: payment.last_failure().map(|(at, decline)| FailureView {
                code: decline.code.clone(),
                hard: decline.hard,
                at: Wire(at),
            }),
            refunds: RefundView::all(payment),
            began_at: payment.began_at().map(Wire),
            captured_at: payment.captured_at().map(Wire),
        })
    }
}

/// Which payments to list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    limit: Limit,
    cursor: Option<After>,
    invoice: Option<wire::InvoiceId>,
}

/// Lists the payments of an invoice; without `invoice`, those that belong to none, which somebody has to look at.
#[utoipa::path(get, path = "/v1/payments", tag = "payments", operation_id = "listPayments",
    params(("invoice" = Option<wire::InvoiceId>, Query, description = "Only those of this invoice.")),
    responses((status = 200, description = "A page of payments.", body = Page<PaymentView>)))]
async fn list_all(State(app): State<Arc<App>>, Params(filter): Params<Filter>) -> Result<Reply, Problem> {
    let (store, limit, cursor) = (app.store.as_ref(), count(filter.limit), after(filter.cursor.as_ref()));
    let page = match filter.invoice {
        Some(invoice) => {
            let known: Option<Stored<Invoice>> = load(store, &invoice_key(invoice.0)).await?;
            let payments = known.iter().flat_map(|known| known.value.received());
            let keys: Vec<_> = payments.map(|(id, _)| payment_key(id)).collect();
            list_among::<Payment>(store, &invoice.0.to_string(), &keys, began_at, limit, cursor).await?
        }
        None => list_newest::<Payment>(store, list::PAYMENTS, limit, cursor).await?,
    };
    Page::of(&page.entities, page.next.as_ref(), PaymentView::of)
}

/// Shows a payment.
#[utoipa::path(get, path = "/v1/payments/{id}", tag = "payments", operation_id = "getPayment",
    responses((status = 200, description = "The payment.", body = PaymentView)))]
async fn get(State(app): State<Arc<App>>, Named(id): Named<PaymentId>) -> Result<Reply, Problem> {
    let payment: Option<Stored<Payment>> = load(app.store.as_ref(), &payment_key(id)).await?;
    let payment = payment.ok_or_else(|| Problem::missing(format!("there is no payment {id}")))?;
    Reply::ok(&PaymentView::of(&payment.value)?)
}
