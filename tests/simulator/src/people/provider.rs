//! What happens at the provider without Saldo.

use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;
use provider_twin::Twin;
use serde_json::Value;

use crate::world::provider_key;

/// How a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

fn call(twin: &mut Twin, account: &str, method: Method, path: &str, body: String) -> Option<Value> {
    let request = Request::builder()
        .method(method.name())
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
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect()
    };
    let form: Vec<String> = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    call(twin, account, method, path, form.join("&"))
}

/// Something that the provider's twin is told to do.
pub(crate) fn twin_call(twin: &mut Twin, account: &str, path: &str, body: &Value) -> Option<Value> {
    call(twin, account, Method::Post, &format!("/_twin/{path}"), body.to_string())
}
