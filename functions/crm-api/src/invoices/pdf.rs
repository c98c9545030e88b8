//! The document of an invoice.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use http::header::{ACCEPT, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::{InvoiceError, InvoiceStatus};
use saldo_documents::archive::invoice_pdf_key;
use serde::Serialize;
use utoipa::ToSchema;

use super::load_invoice;
use crate::app::App;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Call, Named};
use crate::wire::{self, Wire};

/// For how long a link to a document works.
const LINK_LIFE: Duration = Duration::from_secs(15 * 60);
const LINK_LIFE_MINUTES: i64 = 15;
/// When to ask again for a document that is being made.
const RETRY_AFTER_S: u16 = 2;

/// Where a document can be downloaded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DocumentLink)]
struct LinkView {
    /// Where it is; anybody who has the link can use it.
    #[schema(format = "uri")]
    url: String,
    /// Until when the link works.
    expires_at: wire::Instant,
}

/// Links to the PDF of an invoice. It is made within moments after finalising; until then the answer is 409 with `Retry-After`.
///
/// A client that sends `Accept: application/pdf` is redirected to it instead.
#[utoipa::path(get, path = "/v1/invoices/{id}/pdf", tag = "invoices", operation_id = "getInvoicePdf",
    responses(
        (status = 200, description = "Where it is.", body = LinkView),
        (status = 302, description = "There, for a client that accepts `application/pdf`.",
            headers(("Location" = String, description = "Where it is."))),
        (status = 409, description = "A draft, or not made yet."),
    ))]
pub async fn pdf(
    State(app): State<Arc<App>>,
    call: Call,
    headers: HeaderMap,
    Named(id): Named<InvoiceId>,
) -> Result<Response, Problem> {
    let invoice = load_invoice(&app, id).await?.value;
    let Some(issued) = invoice.issued() else {
        let status = InvoiceStatus::Draft;
        return Err(InvoiceError::Status { command: "make the document of", invoice: id, status }.into());
    };
    let key = invoice_pdf_key(&invoice);
    // What was handed over was rendered before; else only the archive knows.
    let is_made = invoice.progress.handed_over || app.archive.get(&key).await.map_err(Problem::internal)?.is_some();
    if !is_made {
        return Err(Problem::not_ready("the document is being made", RETRY_AFTER_S));
    }
    let file_name = format!("{}.pdf", issued.number.text.replace('/', "-"));
    let url = app.archive.link(&key, &file_name, LINK_LIFE).await.map_err(Problem::internal)?;
    if wants_pdf(&headers) {
        let location = HeaderValue::from_str(&url).map_err(Problem::internal)?;
        return Ok((StatusCode::FOUND, [(LOCATION, location)]).into_response());
    }
    let expires_at = call.now.checked_add_signed(TimeDelta::minutes(LINK_LIFE_MINUTES)).unwrap_or(call.now);
    Ok(Reply::ok(&LinkView { url, expires_at: Wire(expires_at) })?.into_response())
}

fn wants_pdf(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|range| {
        range.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/pdf"))
    })
}
