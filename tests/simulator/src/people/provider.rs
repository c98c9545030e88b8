//! What happens at the provider without Saldo.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use provider_twin::Twin;
use serde_json::Value;

use crate::world::{ACCOUNTS, provider_key};

fn call(twin: &mut Twin, account: &str, method: Method, path: &str, body: String) -> Option<Value> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(AUTHORIZATION, format!("Bearer {}", provider_key(account)))
        .body(Bytes::from(body))
        .ok()?;
    let answer = twin.handle(&request).answer?;
    if answer.status().is_success() { serde_json::from_slice(answer.body()).ok() } else { None }
}

/// A call of the provider's API, which may be refused.
pub(crate) fn provider_call(
    twin: &mut Twin,
    account: &str,
    method: Method,
    path: &str,
    form: &[(&str, &str)],
) -> Option<Value> {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    call(twin, account, method, path, form)
}

/// A payment of which nobody says what it is for until a first card was declined.
pub(crate) fn pay_and_tell_late(twin: &mut Twin, account: &str, form: &[(&str, &str)], invoice: &str) -> Option<Value> {
    let begun = provider_call(twin, account, Method::POST, "/v1/payment_intents", form)?;
    let path = format!("/v1/payment_intents/{}", begun.get("id")?.as_str()?);
    let confirm = format!("{path}/confirm");
    let declined = [("payment_method", "pm_card_visa_chargeDeclinedInsufficientFunds")];
    provider_call(twin, account, Method::POST, &confirm, &declined);
    provider_call(twin, account, Method::POST, &path, &[("metadata[saldo_invoice]", invoice)])?;
    provider_call(twin, account, Method::POST, &confirm, &[("payment_method", "pm_card_visa")])
}

/// Something that the provider's twin is told to do.
pub(crate) fn twin_call(twin: &mut Twin, account: &str, path: &str, body: &Value) -> Option<Value> {
    call(twin, account, Method::POST, &format!("/_twin/{path}"), body.to_string())
}

/// The ids of refunds that are on their way to a bank account.
pub(crate) fn pending_refunds(twin: &mut Twin, account: &str) -> Vec<String> {
    let list = provider_call(twin, account, Method::GET, "/v1/refunds?limit=100", &[]).unwrap_or_default();
    let is_pending = |refund: &&Value| refund.get("status").and_then(Value::as_str) == Some("pending");
    let refunds = list.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let pending = refunds.iter().filter(is_pending);
    pending.filter_map(|refund| Some(refund.get("id")?.as_str()?.to_owned())).collect()
}

/// All refunds that are on their way arrive.
pub(crate) fn finish_refunds(twin: &mut Twin) {
    for account in ACCOUNTS {
        for id in pending_refunds(twin, account) {
            twin_call(twin, account, &format!("refunds/{id}/finish"), &Value::Object(serde_json::Map::new()));
        }
    }
}
