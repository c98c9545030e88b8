//! Events as Lambda hands them to functions, and their answers.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use aws_lambda_events::sqs::SqsMessage;
use aws_lambda_events::streams::DynamoDbEventResponse;
use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;

pub(super) fn message_id(id: u64) -> String {
    format!("m-{id}")
}

pub(super) fn sqs_message(id: u64, body: &str, receives: u32, sent_at: DateTime<Utc>) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(message_id(id));
    message.body = Some(body.to_owned());
    message.attributes.insert("ApproximateReceiveCount".to_owned(), receives.to_string());
    message.attributes.insert("SentTimestamp".to_owned(), sent_at.timestamp_millis().to_string());
    message
}

pub(super) fn checkpoint(response: DynamoDbEventResponse) -> Option<u64> {
    response.batch_item_failures.first().and_then(|failure| failure.item_identifier.as_deref()?.parse().ok())
}

/// An event of the HTTP API.
pub(super) fn http_event(
    method: &str,
    path: &str,
    body: Option<&Value>,
    headers: &[(&str, &str)],
) -> ApiGatewayV2httpRequest {
    let mut event = ApiGatewayV2httpRequest::default();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    event.raw_path = Some(path.to_owned());
    event.raw_query_string = Some(query.to_owned());
    event.request_context.http.method = method.parse().unwrap_or(Method::GET);
    for (name, value) in headers.iter().chain(&[("host", "api.saldo.example")]) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            event.headers.insert(name, value);
        }
    }
    event.body = body.map(Value::to_string);
    event
}

/// The text of an answer.
pub(super) fn body_of(answer: &ApiGatewayV2httpResponse) -> String {
    match &answer.body {
        Some(Body::Text(text)) => text.clone(),
        Some(Body::Binary(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(_) | None => String::new(),
    }
}

pub(super) fn kind_of(body: &str) -> String {
    let event: Value = serde_json::from_str(body).unwrap_or_default();
    event.get("type").and_then(Value::as_str).unwrap_or("?").to_owned()
}

/// The payment that a webhook is about. It is the only one that is named, also by what is made of its name (`pi_…_secret_…`).
pub(super) fn payment_of(body: &str) -> Option<&str> {
    const PREFIX: &str = "pi_";
    let from = body.find("\"pi_")?.saturating_add(1);
    let name = body.get(from..)?;
    let end = name.get(PREFIX.len()..)?.find(|character: char| !character.is_ascii_alphanumeric())?;
    name.get(..PREFIX.len().saturating_add(end))
}

/// A message as a person reads it in a trace.
pub(super) fn shortened(body: &str) -> String {
    let message: Value = serde_json::from_str(body).unwrap_or_default();
    let what = message.get("do").and_then(Value::as_str).unwrap_or("?");
    let about = message.pointer("/event/kind").or_else(|| message.get("purpose")).and_then(Value::as_str).unwrap_or("");
    let ids = ["invoices", "subscriptions", "payments", "parked"];
    let count = ids.iter().filter_map(|name| message.get(*name)?.as_array().map(Vec::len)).sum::<usize>();
    let first = message.get("invoice").and_then(Value::as_str).unwrap_or("");
    if count > 0 { format!("{what}×{count}") } else { format!("{what} {about} {first}").trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_names_one_payment_whatever_the_order_of_its_fields() {
        for body in [
            r#"{"data":{"object":{"client_secret":"pi_1Ab_secret_kVcI","id":"pi_1Ab"}}}"#,
            r#"{"data":{"object":{"id":"pi_1Ab","client_secret":"pi_1Ab_secret_kVcI"}}}"#,
            r#"{"data":{"object":{"id":"ch_9","payment_intent":"pi_1Ab"}}}"#,
        ] {
            assert_eq!(payment_of(body), Some("pi_1Ab"), "{body}");
        }
        assert_eq!(payment_of(r#"{"data":{"object":{"id":"pm_1"}}}"#), None);
    }
}
