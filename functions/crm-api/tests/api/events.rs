//! The sample events of `events/crm-api`, from the event to the answer as Lambda hands them over.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::encodings::Body;
use serde_json::{Value, json};

use crate::support::{Api, KEY};

async fn send(api: &Api, event: ApiGatewayV2httpRequest) -> (u16, Value) {
    let response = crm_api::handler::handle(&api.router, event).await;
    let Some(Body::Text(text)) = response.body else { panic!("no text: {response:?}") };
    (u16::try_from(response.status_code).unwrap(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// Answers a sample event, with the key that fits this deployment.
async fn answer(api: &Api, name: &str) -> (u16, Value) {
    let path = format!("{}/../../events/crm-api/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let event = std::fs::read_to_string(path).unwrap().replace("YOUR_API_KEY", KEY);
    send(api, serde_json::from_str(&event).unwrap()).await
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

#[tokio::test]
async fn addresses_and_bodies_that_cannot_be_read_are_answered_too() {
    let api = Api::new();
    let event = |path: &str, query: &str, body: Option<&str>| {
        let event = json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": {"authorization": format!("Bearer {KEY}")},
            "requestContext": {"http": {"method": "GET", "path": path}, "stage": "$default"},
            "body": body, "isBase64Encoded": body.is_some(),
        });
        serde_json::from_value(event).unwrap()
    };
    for (path, query, status) in [
        ("/v1/customers", "limit=<1>", 400),
        ("/v1/customers", "limit=1 2", 400),
        ("/v1/customers", "\u{e9}=\u{540d}", 400),
        ("/v1/customers/cus 1", "", 400),
        ("/v1/customers/\u{540d}\u{524d}", "", 400),
        ("/v1/customers?limit=1", "", 404),
        ("no path", "", 400),
        ("", "", 400),
    ] {
        let (found, body) = send(&api, event(path, query, None)).await;
        assert_eq!(found, status, "{path}?{query}: {body}");
        assert!(body["type"].as_str().unwrap().starts_with("urn:saldo:problem:"), "{body}");
    }
    assert_eq!(send(&api, event("/v1/customers", "", Some("%%"))).await.0, 400);
}
