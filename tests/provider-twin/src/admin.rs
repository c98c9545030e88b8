//! What only the tests may do: `/_twin/…`, JSON in and out.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::AUTHORIZATION;
use http::{Method, Request, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::delivery::Endpoint;
use crate::error::ApiError;
use crate::fault::Fault;
use crate::form::Params;
use crate::twin::{Twin, json_answer};

type Answer = Result<Value, ApiError>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    #[serde(default)]
    now: Option<DateTime<Utc>>,
    #[serde(default)]
    advance_seconds: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deliver {
    events: Vec<String>,
    #[serde(default = "once")]
    times: u32,
}

const fn once() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(Fault),
    More(Vec<Fault>),
}

fn bad(message: &str) -> ApiError {
    ApiError::invalid("admin", None, message)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))
}

/// The fields of a flat JSON object as parameters of a call.
fn as_params(body: &[u8]) -> Result<Params, ApiError> {
    let fields: Map<String, Value> = read(body)?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &fields {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
        };
        form.append_pair(name, &text);
    }
    Params::parse(form.finish().as_bytes())
}

/// The account that is meant: by its key, or the only one.
fn api_key(twin: &Twin, request: &Request<Bytes>) -> Result<String, ApiError> {
    let named = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let mut keys = twin.api_keys();
    match (named, keys.next(), keys.next()) {
        (Some(key), ..) if twin.api_keys().any(|known| known == key) => Ok(key.to_owned()),
        (None, Some(only), None) => Ok(only.to_owned()),
        (Some(_), ..) => Err(bad("no account has this key")),
        (None, ..) => Err(bad("there is not exactly one account: say which by `Authorization: Bearer KEY`")),
    }
}

/// Answers an admin request.
pub(crate) fn handle(twin: &mut Twin, request: &Request<Bytes>) -> Response<Bytes> {
    match answer(twin, request) {
        Ok(value) => json_answer(200, value.to_string()),
        Err(error) => json_answer(error.status(), error.body().to_string()),
    }
}

fn answer(twin: &mut Twin, request: &Request<Bytes>) -> Answer {
    let body = request.body();
    let path = request.uri().path();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).skip(1).collect();
    match (request.method().as_str(), parts.as_slice()) {
        ("GET", ["health"]) => Ok(json!({ "ok": true, "now": twin.now(), "faults_met": twin.faults_met() })),
        ("POST", ["accounts"]) => {
            let fields: Map<String, Value> = read(body)?;
            let key = fields.get("api_key").and_then(Value::as_str).ok_or_else(|| bad("api_key is missing"))?;
            twin.open_account(key);
            if let Some(endpoint) = fields.get("endpoint") {
                let endpoint = serde_json::from_value(endpoint.clone()).map_err(|error| bad(&error.to_string()))?;
                twin.set_endpoint(key, endpoint);
            }
            Ok(json!({ "api_key": key }))
        }
        ("GET", ["clock"]) => Ok(json!({ "now": twin.now() })),
        ("POST", ["clock"]) => move_clock(twin, &read(body)?),
        ("DELETE", ["clock"]) => {
            twin.follows_wall_clock = true;
            Ok(json!({ "now": twin.now() }))
        }
        ("GET", ["faults"]) => Ok(json!({ "waiting": twin.faults.waiting(), "met": twin.faults_met() })),
        ("POST", ["faults"]) => {
            match read(body)? {
                OneOrMore::One(fault) => twin.add_fault(fault),
                OneOrMore::More(faults) => faults.into_iter().for_each(|fault| twin.add_fault(fault)),
            }
            Ok(json!({ "waiting": twin.faults.waiting() }))
        }
        ("DELETE", ["faults"]) => {
            twin.clear_faults();
            Ok(json!({ "waiting": [] }))
        }
        ("GET", ["deliveries"]) => {
            let (waiting, arrived, given_up) = twin.outbox.counts();
            Ok(
                json!({ "waiting": waiting, "arrived": arrived, "given_up": given_up, "next_at": twin.next_delivery_at() }),
            )
        }
        (_, parts) => {
            let key = api_key(twin, request)?;
            of_account(twin, &key, request.method(), parts, body)
        }
    }
}

fn move_clock(twin: &mut Twin, clock: &Clock) -> Answer {
    let target = clock.now.unwrap_or_else(|| twin.now());
    let by = clock.advance_seconds.and_then(TimeDelta::try_seconds).unwrap_or_default();
    let now = target.checked_add_signed(by).ok_or_else(|| bad("no such time"))?;
    twin.follows_wall_clock = false;
    twin.set_now(now);
    Ok(json!({ "now": twin.now() }))
}

/// Calls that are about one account.
fn of_account(twin: &mut Twin, key: &str, method: &Method, parts: &[&str], body: &[u8]) -> Answer {
    if let ("POST", ["endpoint"]) = (method.as_str(), parts) {
        twin.set_endpoint(key, Some(read::<Endpoint>(body)?));
        return Ok(json!({ "api_key": key }));
    }
    if let ("POST", ["deliver"]) = (method.as_str(), parts) {
        let Deliver { events, times } = read(body)?;
        for event in &events {
            if !twin.deliver(key, event, times) {
                return Err(bad(&format!("no endpoint, or no event {event}")));
            }
        }
        return Ok(json!({ "events": events }));
    }
    if let ("GET", ["books"] | ["entries"]) = (method.as_str(), parts) {
        let books = twin.books(key).ok_or_else(|| bad("no such account"))?;
        return Ok(if parts == ["books"] { json!(books.summary()) } else { json!(books.entries()) });
    }
    let params = as_params(body)?;
    let done = twin.with_account(key, |account| {
        account.request = None;
        match (method.as_str(), parts) {
            ("POST", ["disputes"]) => account.open_dispute(&params),
            ("POST", ["disputes", id, "close"]) => account.close_dispute(id, params.flag("won")),
            ("POST", ["payment_intents", id, "settle"]) => account.settle(id, params.text("decline_code")),
            ("POST", ["refunds", id, "finish"]) => account.finish_refund(id, params.text("failure_reason")),
            ("POST", ["sessions", id, "pay"]) => {
                account.pay_session(id, params.text("payment_method").unwrap_or("pm_card_visa"))
            }
            ("POST", ["payment_methods", id]) => {
                let expires = params.integer("exp_year")?.zip(params.integer("exp_month")?);
                account.change_method(id, params.text("like"), expires)
            }
            ("POST", ["payouts"]) => account.pay_out(params.required("currency")?),
            ("POST", ["payouts", id, "finish"]) => account.finish_payout(id, params.text("failure_code")),
            _ => Err(bad("no such admin call")),
        }
    });
    done.unwrap_or_else(|| Err(bad("no such account")))
}
