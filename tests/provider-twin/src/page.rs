//! A page where a person can pay, so that the links of a local stack lead somewhere.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, Response, StatusCode};
use serde_json::Value;

use crate::twin::Twin;

fn html(status: StatusCode, body: &str) -> Response<Bytes> {
    let page = format!("<!doctype html><meta charset=utf-8><title>Provider twin</title><main>{body}</main>");
    let mut answer = Response::new(Bytes::from(page));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    answer
}

/// Shows the page, or pays by a test card and leads on.
pub(crate) fn handle(twin: &mut Twin, method: &Method, session: &str) -> Response<Bytes> {
    let keys: Vec<String> = twin.api_keys().map(ToOwned::to_owned).collect();
    let owner = keys.into_iter().find_map(|key| {
        let found = twin.with_account(&key, |account| account.retrieve_session(session).ok()).flatten()?;
        Some((key, found))
    });
    let Some((key, found)) = owner else { return html(StatusCode::NOT_FOUND, "<p>There is no such page.</p>") };
    if found.get("status").and_then(Value::as_str) != Some("open") {
        return html(StatusCode::OK, "<p>This page is closed.</p>");
    }
    if method == Method::POST {
        let paid = twin.with_account(&key, |account| account.pay_session(session, "pm_card_visa"));
        let next = found.get("success_url").and_then(Value::as_str).and_then(|url| HeaderValue::from_str(url).ok());
        return match (paid, next) {
            (Some(Ok(_)), Some(next)) => {
                let mut answer = html(StatusCode::SEE_OTHER, "<p>Paid.</p>");
                answer.headers_mut().insert(LOCATION, next);
                answer
            }
            _ => html(StatusCode::PAYMENT_REQUIRED, "<p>The card was declined.</p>"),
        };
    }
    let amount = found.get("amount_total").and_then(Value::as_i64).unwrap_or_default();
    let currency = found.get("currency").and_then(Value::as_str).unwrap_or_default();
    html(
        StatusCode::OK,
        &format!(
            "<p>Due: {amount} {currency}, in the smallest unit.</p><form method=post><button>Pay with a test card</button></form>"
        ),
    )
}
