//! Where customers go from a provider's page when the CRM names no place of its own.

use axum::Router;
use axum::response::Html;
use axum::routing::get;

/// After paying.
pub const PAID: &str = "/v1/pages/paid";
/// Without paying.
pub const NOT_PAID: &str = "/v1/pages/not-paid";

/// The routes of the pages, open to everybody.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let paid = page("Thank you", "Your payment is on its way. You can close this page.");
    let not_paid =
        page("Nothing was paid", "As long as your link is valid, you can use it again. You can close this page.");
    Router::new().route(PAID, get(async move || Html(paid))).route(NOT_PAID, get(async move || Html(not_paid)))
}

fn page(title: &str, text: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>body{{font:1.1em system-ui;max-width:30em;margin:20vh auto;padding:0 1em}}</style>\
         <h1>{title}</h1><p>{text}</p></html>\n"
    )
}
