//! A page of the provider on which the customer pays: at most one, and never beside a charge.

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::HostedPage;
use saldo_billing::invoice::{Collection, Invoice, Issued};
use saldo_billing::party::{Customer, Seller};
use saldo_books::{BooksError, attempts};
use saldo_gateways::{ChargeKind, Gateway, GatewayError, PageClosed, PageOpened, PageRequest};
use saldo_messages::{Disposed, Disposition};
use saldo_money::Money;
use saldo_runtime::logs;
use saldo_store::entities::{customer_key, invoice_key, seller_key};
use saldo_store::{Stored, Transaction, load};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::load_invoice;
use super::views::PageView;
use crate::app::{App, GatewaysError};
use crate::pages;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Call, Named, OptionalBody};

/// For how long a page can be used; providers allow a day at most.
const PAGE_LIFE: TimeDelta = TimeDelta::hours(23);
/// A page that soon runs out is not handed out again.
const LEFT_AT_LEAST: TimeDelta = TimeDelta::minutes(30);
/// Requests within this time that ask for the same get the same page, also when an answer was lost.
const SAME_REQUEST: TimeDelta = TimeDelta::minutes(10);
/// The longest address to return to.
const URL_MAX: usize = 2_000;

/// Where the customer goes from the page.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewPaymentLink {
    /// After paying; a page that says thank you when left out.
    #[schema(value_type = Option<String>, format = "uri", pattern = "^https://[!-~]+$", max_length = 2000)]
    success_url: Option<String>,
    /// Without paying; a page that says that nothing was paid when left out.
    #[schema(value_type = Option<String>, format = "uri", pattern = "^https://[!-~]+$", max_length = 2000)]
    cancel_url: Option<String>,
}

impl NewPaymentLink {
    fn checked(self) -> Result<Self, Problem> {
        let fields = [("success_url", &self.success_url), ("cancel_url", &self.cancel_url)];
        for (field, url) in fields {
            let plain = |url: &String| {
                url.len() <= URL_MAX
                    && url.starts_with("https://")
                    && url.len() > 8
                    && url.bytes().all(|b| (b'!'..=b'~').contains(&b))
            };
            if url.as_ref().is_some_and(|url| !plain(url)) {
                return Err(Problem::invalid(
                    field,
                    "expected an address that begins with `https://`, of at most 2000 characters",
                ));
            }
        }
        Ok(self)
    }
}

/// Opens a page of the provider on which the customer can pay what is due, or hands out the one that is open for the same amount.
///
/// Refused while a charge is under way: there is one open way to pay.
#[utoipa::path(post, path = "/v1/invoices/{id}/payment-link", tag = "invoices", operation_id = "createPaymentLink",
    request_body(content = Option<NewPaymentLink>),
    responses(
        (status = 200, description = "The page.", body = PageView),
        (status = 422, description = "The provider takes no such amount or currency."),
        (status = 502, description = "The provider refused."),
    ))]
pub async fn payment_link(
    State(app): State<Arc<App>>,
    call: Call,
    Named(id): Named<InvoiceId>,
    OptionalBody(asked): OptionalBody<NewPaymentLink>,
) -> Result<Reply, Problem> {
    let asked = asked.checked()?;
    let invoice = load_invoice(&app, id).await?.value;
    invoice.may_open_page()?;
    let issued = invoice.issued().ok_or_else(|| Problem::internal("what is due is not issued"))?;
    let due = invoice.amount_due()?;
    let customer: Option<Stored<Customer>> = load(app.store.as_ref(), &customer_key(invoice.customer)).await?;
    let seller: Option<Stored<Seller>> = load(app.store.as_ref(), &seller_key(invoice.seller)).await?;
    let (Some(customer), Some(seller)) = (customer, seller) else {
        return Err(Problem::internal("a party of the invoice is not there"));
    };
    let known = invoice.page();
    if let Some(page) = known.filter(|page| page.amount == due && lasts(page, &call))
        && let Some(url) = attempts::page_url(app.store.as_ref(), id, page).await?
    {
        return call.remember(&app, Reply::ok(&PageView::of(page, url))?).await;
    }
    let account = &seller.value.provider_account;
    let gateway = app.gateways.of(account, call.now).await.map_err(unusable)?;
    if let Some(page) = known {
        close(&app, id, page, call.now).await?;
    }
    let request = page_request(&call, &invoice, issued, &customer.value, &seller.value, asked)?;
    let opened = match gateway.open_page(&request).await.map_err(provider_problem)? {
        PageOpened::Open(page) => page,
        PageOpened::TooSmall { minimum } => return Err(too_small(due, minimum)),
        PageOpened::NotInCurrency => {
            let detail = format!("{account} takes no {}", due.currency());
            return Err(Problem::unprocessable(detail).blaming("currency", "expected one that the provider takes"));
        }
    };
    let page = HostedPage {
        account: account.clone(),
        reference: opened.reference,
        mark: request.mark,
        amount: due,
        expires_at: opened.expires_at,
        payment: None,
    };
    let reply = Reply::ok(&PageView::of(&page, opened.url.clone()))?;
    let also = |_: &Invoice, transaction: &mut Transaction| call.keep(transaction, &reply);
    let store = call.store(&app);
    match attempts::open_page(store.as_ref(), id, &page, &opened.url, call.now, &also).await {
        Ok(_) => Ok(reply.clone()),
        Err(error) => {
            // A charge began, or somebody else opened a page: this one must not stay open beside it. Where nobody knows whether it
            // was written down, it stays: the request that is repeated finds it, or is given the same one again.
            if error.disposition() == Disposition::Poison {
                match is_kept(&app, id, &page).await {
                    Ok(true) => {}
                    Ok(false) => give_back(gateway.as_ref(), &page, &error).await,
                    Err(unread) => {
                        let (why, unread) = (logs::chain(&error), logs::chain(unread.into_cause().as_ref()));
                        tracing::error!(
                            error.chain = unread,
                            page.reason = why,
                            "a page stays open that may not be in the books"
                        );
                    }
                }
            }
            Err(error.into())
        }
    }
}

const HAS_KEY: &str = "expected an account that has an API key";

/// Why there is no way to the provider: without a key the caller can do something about it.
fn unusable(error: GatewaysError) -> Problem {
    match error {
        GatewaysError::NoKey { .. } => Problem::conflict(error.to_string()).blaming("provider_account", HAS_KEY),
        GatewaysError::Secrets { .. } => Problem::provider("the API key cannot be read at the moment", error, true),
        GatewaysError::Connect(_) => Problem::provider("the seller's provider account cannot be used", error, false)
            .blaming("provider_account", "expected an account with an API key that can be used"),
    }
}

fn lasts(page: &HostedPage, call: &Call) -> bool {
    call.now.checked_add_signed(LEFT_AT_LEAST).is_some_and(|at| page.expires_at > at)
}

/// The page on which an invoice can be paid at `now`.
pub(super) async fn open_page(app: &App, invoice: &Invoice, now: DateTime<Utc>) -> Result<Option<PageView>, Problem> {
    let Some(page) = invoice.page().filter(|page| page.expires_at > now) else { return Ok(None) };
    let url = attempts::page_url(app.store.as_ref(), invoice.id, page).await?;
    Ok(url.map(|url| PageView::of(page, url)))
}

/// Closes the page that asks for another amount, or soon runs out.
async fn close(app: &App, id: InvoiceId, page: &HostedPage, now: DateTime<Utc>) -> Result<(), Problem> {
    let gateway = match app.gateways.of(&page.account, now).await {
        Err(error @ GatewaysError::NoKey { .. }) => {
            let detail = format!("a page is open, and cannot be closed until it has run out: {error}");
            return Err(Problem::conflict(detail).blaming("provider_account", HAS_KEY));
        }
        known => known.map_err(unusable)?,
    };
    match gateway.close_page(&page.reference).await.map_err(provider_problem)? {
        PageClosed::Closed => Ok(attempts::page_closed(app.store.as_ref(), id, &page.reference, now).await?),
        PageClosed::Used(outcome) if matches!(outcome.kind, ChargeKind::Declined { .. }) => {
            Ok(attempts::page_closed(app.store.as_ref(), id, &page.reference, now).await?)
        }
        PageClosed::Used(_) => Err(Problem::not_ready("the customer has just paid; the payment is being booked", 5)),
    }
}

/// Whether the books have this very page: the same request under the same key was faster, and was given it, too.
async fn is_kept(app: &App, id: InvoiceId, page: &HostedPage) -> Result<bool, Problem> {
    let invoice: Option<Stored<Invoice>> = load(app.store.as_ref(), &invoice_key(id)).await?;
    let kept = invoice.as_ref().and_then(|invoice| invoice.value.page());
    Ok(kept.is_some_and(|kept| kept.reference == page.reference))
}

async fn give_back(gateway: &dyn Gateway, page: &HostedPage, why: &BooksError) {
    let chain = logs::chain(why);
    match gateway.close_page(&page.reference).await {
        Ok(_) => tracing::warn!(error.chain = chain, "closed a page again that could not be written down"),
        Err(error) => {
            let unclosed = logs::chain(&error);
            tracing::error!(error.chain = unclosed, page.reason = chain, "a page that is not in the books stays open");
        }
    }
}

fn page_request(
    call: &Call,
    invoice: &Invoice,
    issued: &Issued,
    customer: &Customer,
    seller: &Seller,
    asked: NewPaymentLink,
) -> Result<PageRequest, Problem> {
    let soon = call.now.duration_trunc(SAME_REQUEST).map_err(Problem::internal)?;
    let expires_at = soon.checked_add_signed(PAGE_LIFE).ok_or_else(|| Problem::internal("the clock is off"))?;
    let method = customer.payment_method.as_ref().filter(|method| method.account == seller.provider_account);
    let mut request = PageRequest {
        invoice: invoice.id,
        customer: customer.id,
        provider_customer: method.map(|method| method.customer.clone()),
        email: Some(customer.email.as_str().to_owned()),
        amount: invoice.amount_due()?,
        description: issued.number.text.clone(),
        language: customer.language.as_str().to_owned(),
        save_method: invoice.collection == Collection::Automatic,
        success_url: asked.success_url.unwrap_or_else(|| format!("{}{}", call.origin, pages::PAID)),
        cancel_url: asked.cancel_url.unwrap_or_else(|| format!("{}{}", call.origin, pages::NOT_PAID)),
        expires_at,
        idempotency_key: String::new(),
        mark: String::new(),
    };
    // The very same request, repeated after a lost answer, gives the same page; after a charge that came between it is another.
    let attempts = invoice.progress.attempt.as_ref().map_or(0, |attempt| attempt.number);
    let pages = invoice.pages_opened();
    let content = serde_json::to_vec(&request).map_err(Problem::internal)?;
    request.idempotency_key = format!("{}/page-{attempts}-{pages}-{}", invoice.id, digest(&content, 32));
    // Short, for it stands in the invoice; there is one page at a time.
    request.mark = digest(request.idempotency_key.as_bytes(), 8);
    Ok(request)
}

fn digest(content: &[u8], letters: usize) -> String {
    hex::encode(Sha256::digest(content)).chars().take(letters).collect()
}

fn too_small(due: Money, minimum: Option<Money>) -> Problem {
    let least = minimum.map(|minimum| format!(", which begins at {minimum}")).unwrap_or_default();
    Problem::unprocessable(format!("{due} is less than the payment provider takes{least}"))
        .blaming("amount_due", "expected what the provider takes at least")
}

fn provider_problem(error: GatewayError) -> Problem {
    match &error {
        GatewayError::NotSent { .. } | GatewayError::Unknown { .. } => {
            Problem::provider("the payment provider did not answer; repeat the request", error, true)
        }
        GatewayError::Forbidden { .. } => {
            Problem::provider("the payment provider does not accept the configured API key", error, false)
        }
        GatewayError::Refused { .. } => Problem::provider("the payment provider refused the request", error, false),
    }
}
