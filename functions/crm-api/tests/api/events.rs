//! The sample events of `events/crm-api`, from the event to the answer as Lambda hands them over.

use serde_json::Value;

use crate::support::{Api, KEY};

/// Answers a sample event, with the key that fits this deployment.
async fn answer(api: &Api, name: &str) -> (u16, Value) {
    let path = format!("{}/../../events/crm-api/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let event = std::fs::read_to_string(path).unwrap().replace("YOUR_API_KEY", KEY);
    let request = lambda_http::request::from_str(&event).unwrap();
    let response = crm_api::handler::handle(&api.router, request).await;
    let body = serde_json::from_str(response.body()).unwrap_or(Value::Null);
    (response.status().as_u16(), body)
}

#[tokio::test]
async fn the_sample_events_are_answered() {
    let api = Api::new();
    let (status, body) = answer(&api, "create-customer").await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["name"], "Zoë Müller GmbH");
    let (status, again) = answer(&api, "create-customer").await;
    assert_eq!((status, again), (201, body), "it carries an idempotency key");
    let (status, body) = answer(&api, "list-invoices").await;
    assert_eq!((status, &body["data"]), (200, &serde_json::json!([])));
    let (status, body) = answer(&api, "report-revenue").await;
    assert_eq!((status, &body["by"]), (200, &"region".into()), "{body}");
    let (status, body) = answer(&api, "openapi").await;
    assert_eq!((status, &body["openapi"]), (200, &"3.1.0".into()));
    let (status, body) = answer(&api, "wrong-key").await;
    assert_eq!((status, &body["type"]), (401, &"urn:saldo:problem:unauthorised".into()));
}
