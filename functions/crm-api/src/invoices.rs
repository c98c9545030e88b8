//! Invoices: drafted, finalised with a number, shown, voided, given up.

pub mod commands;
pub mod create;
pub mod link;
pub mod pdf;
pub mod views;

use std::sync::Arc;

use axum::extract::State;
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::{Collection, Invoice};
use saldo_billing::mail::MailRecord;
use saldo_billing::terms::NetTerms;
use saldo_books::{BooksError, invoices};
use saldo_store::entities::{LedgerEntry, MAIL_PREFIX, invoice_key, invoice_partition, list};
use saldo_store::{Stored, list_by_customer, list_newest, load};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::views::{EntryView, InvoiceStatusWord, InvoiceView, InvoiceWithLines, MailView};
use crate::app::App;
use crate::paging::{Page, after, count, parts};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{After, Call, Limit, Named, PageParams, Params, Whole};
use crate::wire;

/// Days to pay an invoice that is sent, where nothing else was said.
const TERMS_WHEN_SENT: u16 = 30;

/// The routes of invoices.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list_all))
        .routes(routes!(get, commands::delete))
        .routes(routes!(commands::finalise))
        .routes(routes!(commands::void))
        .routes(routes!(commands::write_off))
        .routes(routes!(entries))
        .routes(routes!(mails))
        .routes(routes!(pdf::pdf))
        .routes(routes!(link::payment_link))
}

/// How invoices are to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Collection)]
pub enum CollectionWord {
    /// The customer's payment method is charged.
    Automatic,
    /// The customer is sent the invoice and pays it.
    SendInvoice,
}

impl CollectionWord {
    /// What it means.
    pub const fn domain(self) -> Collection {
        match self {
            Self::Automatic => Collection::Automatic,
            Self::SendInvoice => Collection::SendInvoice,
        }
    }

    /// How it is shown.
    pub const fn of(collection: Collection) -> Self {
        match collection {
            Collection::Automatic => Self::Automatic,
            Collection::SendInvoice => Self::SendInvoice,
        }
    }
}

/// The terms of so many days, from the day of issue or from the end of its month; where no days were said, none for what is
/// charged and 30 for what is sent.
///
/// # Errors
/// For more than a year.
pub fn net_terms(days: Option<Whole<u16>>, end_of_month: bool, collection: Collection) -> Result<NetTerms, Problem> {
    let usual = match collection {
        Collection::Automatic => 0,
        Collection::SendInvoice => TERMS_WHEN_SENT,
    };
    NetTerms::try_new(days.map_or(usual, |days| days.0), end_of_month)
        .map_err(|error| Problem::invalid("net_terms_days", error.to_string()))
}

/// Which invoices to list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    limit: Limit,
    cursor: Option<After>,
    customer: Option<wire::CustomerId>,
    status: Option<InvoiceStatusWord>,
}

/// Lists invoices, all or a customer's, without their lines.
///
/// With `status` a page holds those of its invoices that have it now: it may be shorter than `limit`, or empty, although more
/// follow; go on until `next_cursor` is `null`.
#[utoipa::path(get, path = "/v1/invoices", tag = "invoices", operation_id = "listInvoices",
    params(
        ("customer" = Option<wire::CustomerId>, Query, description = "Only those of this customer."),
        ("status" = Option<InvoiceStatusWord>, Query, description = "Only those that have this status now."),
    ),
    responses((status = 200, description = "A page of invoices.", body = Page<InvoiceView>)))]
async fn list_all(State(app): State<Arc<App>>, call: Call, Params(filter): Params<Filter>) -> Result<Reply, Problem> {
    let (store, limit, cursor) = (app.store.as_ref(), count(filter.limit), after(filter.cursor.as_ref()));
    let page = match filter.customer {
        Some(customer) => {
            let invoices = list::of_customer(customer.0, list::INVOICES);
            list_by_customer::<Invoice>(store, &invoices, limit, cursor).await?
        }
        None => list_newest::<Invoice>(store, list::INVOICES, limit, cursor).await?,
    };
    let mut data = Vec::with_capacity(page.entities.len());
    for invoice in &page.entities {
        let status = InvoiceStatusWord::of(invoice.value.status()?);
        if filter.status.is_none_or(|wanted| wanted == status) {
            data.push(InvoiceView::of(&invoice.value, call.now)?);
        }
    }
    Page::reply(data, page.next.as_ref())
}

/// Shows an invoice with its lines.
#[utoipa::path(get, path = "/v1/invoices/{id}", tag = "invoices", operation_id = "getInvoice",
    responses((status = 200, description = "The invoice.", body = InvoiceWithLines)))]
async fn get(State(app): State<Arc<App>>, call: Call, Named(id): Named<InvoiceId>) -> Result<Reply, Problem> {
    let invoice = load_invoice(&app, id).await?;
    let document = invoices::document(app.store.as_ref(), id).await;
    if matches!(document, Err(BooksError::Document { .. })) {
        // A draft that somebody deleted between the two looks is just not there.
        load_invoice(&app, id).await?;
    }
    let page = link::open_page(&app, &invoice.value, call.now).await?;
    Reply::ok(&InvoiceWithLines::of(&invoice.value, &document?, page, call.now)?)
}

/// Lists the entries that an invoice and its payments made in the ledger, in the order of their causes.
#[utoipa::path(get, path = "/v1/invoices/{id}/entries", tag = "invoices", operation_id = "listInvoiceEntries",
    responses((status = 200, description = "A page of entries.", body = Page<EntryView>)))]
async fn entries(
    State(app): State<Arc<App>>,
    Named(id): Named<InvoiceId>,
    Params(page): Params<PageParams>,
) -> Result<Reply, Problem> {
    load_invoice(&app, id).await?;
    let (entries, next) =
        parts::<LedgerEntry>(app.store.as_ref(), invoice_partition(id), LedgerEntry::PREFIX, page).await?;
    Page::reply(entries.iter().map(|entry| EntryView::of(&entry.entry)).collect(), next.as_ref())
}

/// Lists the mails that were sent about an invoice, in the order of their purposes.
#[utoipa::path(get, path = "/v1/invoices/{id}/mails", tag = "invoices", operation_id = "listInvoiceMails",
    responses((status = 200, description = "A page of mails.", body = Page<MailView>)))]
async fn mails(
    State(app): State<Arc<App>>,
    Named(id): Named<InvoiceId>,
    Params(page): Params<PageParams>,
) -> Result<Reply, Problem> {
    load_invoice(&app, id).await?;
    let (mails, next) = parts::<MailRecord>(app.store.as_ref(), invoice_partition(id), MAIL_PREFIX, page).await?;
    Page::reply(mails.iter().map(MailView::of).collect(), next.as_ref())
}

async fn load_invoice(app: &App, id: InvoiceId) -> Result<Stored<Invoice>, Problem> {
    let invoice = load(app.store.as_ref(), &invoice_key(id)).await?;
    invoice.ok_or_else(|| Problem::missing(format!("there is no invoice {id}")))
}
