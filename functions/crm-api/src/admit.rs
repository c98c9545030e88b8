//! What every request passes before its handler: size, caller, scope, and whether it was answered before.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::{HeaderMap, Method};
use saldo_runtime::logs;

use crate::app::App;
use crate::auth::{Caller, authenticate, scope_for};
use crate::idempotency::{KeyTaken, Known, key_of, look, request_hash};
use crate::problem::Problem;
use crate::reply::REPLAYED;
use crate::request::{BODY_BYTES_MAX, Call};

/// Lets a request through to its handler, or answers it at once.
pub async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match admitted(&app, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn admitted(app: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (caller, response) = answered(app, request, next).await?;
    if method != Method::GET && response.status().is_success() {
        // What succeeded had nothing in its path but our own words and ids.
        let replayed = response.headers().contains_key(REPLAYED);
        let status = response.status().as_u16();
        tracing::info!(http.method = %method, http.path = path, http.status = status, api.caller = caller.0, api.replayed = replayed, "done");
    }
    Ok(response)
}

async fn answered(app: &App, request: Request, next: Next) -> Result<(Caller, Response), Problem> {
    let now = (app.clock)();
    let needed = scope_for(request.method(), request.uri().path());
    let caller = authenticate(app, request.headers(), needed, now).await?;
    let origin = origin(request.headers());
    let (mut parts, body) = request.into_parts();
    if parts.method != Method::POST {
        parts.extensions.insert(Call { now, caller: caller.clone(), keyed: None, origin });
        let body = read(body).await?;
        return Ok((caller, next.run(Request::from_parts(parts, Body::from(body))).await));
    }
    let key = key_of(&parts.headers)?;
    let body = read(body).await?;
    let Some(key) = key else {
        parts.extensions.insert(Call { now, caller: caller.clone(), keyed: None, origin });
        return Ok((caller, next.run(Request::from_parts(parts, Body::from(body))).await));
    };
    let hash = request_hash(&parts.method, &parts.uri, &body);
    let keyed = match look(app.store.as_ref(), &caller, key.clone(), hash.clone(), now).await? {
        Known::Answered(reply) => return Ok((caller, reply.into_response())),
        Known::New(keyed) => keyed,
    };
    parts.extensions.insert(Call { now, caller: caller.clone(), keyed: Some(keyed), origin });
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if response.status().is_success() {
        return Ok((caller, response));
    }
    // Another request with the same key may have been faster, and what it did may be what stands in our way: its answer, if it
    // was the same request, is ours too.
    let is_taken = response.extensions().get::<KeyTaken>().is_some();
    match look(app.store.as_ref(), &caller, key, hash, now).await {
        Ok(Known::Answered(reply)) => Ok((caller, reply.into_response())),
        Ok(Known::New(_)) if is_taken => Err(Problem::key_in_use()),
        // What the first look said holds: the request was refused for a reason of its own.
        Ok(Known::New(_)) => Ok((caller, response)),
        Err(problem) if is_taken => Err(problem),
        Err(problem) => {
            let chain = logs::chain(problem.into_cause().as_ref());
            tracing::warn!(error.chain = chain, "no second look under the key; the first answer stands");
            Ok((caller, response))
        }
    }
}

async fn read(body: Body) -> Result<axum::body::Bytes, Problem> {
    let read = to_bytes(body, BODY_BYTES_MAX).await;
    read.map_err(|_too_large| Problem::too_large(format!("expected a body of at most {BODY_BYTES_MAX} bytes")))
}

/// The address that the request came to, for links back to here.
fn origin(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let plain =
        |host: &&str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b)) && !host.is_empty();
    let host = text(HOST.as_str()).filter(plain).unwrap_or("localhost");
    let is_loopback = host.starts_with("localhost") || host.starts_with("127.");
    let scheme = match text("x-forwarded-proto") {
        Some("http") => "http",
        Some("https") => "https",
        _ if is_loopback => "http",
        _ => "https",
    };
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin_of(pairs: &[(&str, &str)]) -> String {
        let pair = |(name, value): &(&str, &str)| {
            (http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap())
        };
        origin(&pairs.iter().map(pair).collect())
    }

    #[test]
    fn links_lead_back_to_where_the_request_came_to() {
        assert_eq!(origin_of(&[("host", "api.example.com")]), "https://api.example.com");
        assert_eq!(origin_of(&[("host", "127.0.0.1:4566")]), "http://127.0.0.1:4566");
        assert_eq!(origin_of(&[("host", "a.example/\"><script>")]), "http://localhost");
        assert_eq!(origin_of(&[]), "http://localhost");
    }
}
