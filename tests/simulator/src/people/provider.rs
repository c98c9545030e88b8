//! What happens at the provider without Saldo.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use provider_twin::Twin;
use serde_json::Value;

use crate::world::provider_key;

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

/// Something that the provider's twin is told to do.
pub(crate) fn twin_call(twin: &mut Twin, account: &str, path: &str, body: &Value) -> Option<Value> {
    call(twin, account, Method::POST, &format!("/_twin/{path}"), body.to_string())
}
