//! Webhooks in, messages and answers out.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use saldo_messages::{Destination, MemoryQueue, ProviderEvent, ProviderEventsMessage};
use saldo_runtime::logs::Metrics;
use saldo_runtime::secrets::Secrets;
use serde_json::Value;
use sha2::Sha256;
use webhook_intake::handler::{Intake, handle};
use webhook_intake::refusal::BODY_BYTES_MAX;

const SUCCEEDED: &str = include_str!("../../../events/webhook-intake/payment-intent-succeeded.json");
const SUCCEEDED_BASE64: &str = include_str!("../../../events/webhook-intake/payment-intent-succeeded-base64.json");
const UNKNOWN_KIND: &str = include_str!("../../../events/webhook-intake/unknown-kind.json");
const BAD_SIGNATURE: &str = include_str!("../../../events/webhook-intake/bad-signature.json");

const SECRETS: &str = r#"{"stripe/main": {"webhook_secrets": ["whsec_next", "whsec_test_secret"]}, "stripe/empty": {"webhook_secrets": []}}"#;

struct Bench {
    queue: Arc<MemoryQueue>,
    intake: Intake,
}

impl Bench {
    async fn new() -> Self {
        let queue = Arc::new(MemoryQueue::default());
        let secrets = Secrets::in_memory(SECRETS, signed_at()).await.unwrap();
        let intake = Intake { queue: Arc::<MemoryQueue>::clone(&queue), secrets, metrics: Metrics::in_memory() };
        Self { queue, intake }
    }

    async fn answer(&self, request: Value) -> (i64, Value) {
        self.answer_at(request, signed_at()).await
    }

    async fn answer_at(&self, request: Value, now: DateTime<Utc>) -> (i64, Value) {
        let request: ApiGatewayV2httpRequest = serde_json::from_value(request).unwrap();
        let ApiGatewayV2httpResponse { status_code, body, .. } = handle(&self.intake, request, now).await;
        let body = match body {
            Some(Body::Text(text)) => serde_json::from_str(&text).unwrap(),
            None => Value::Null,
            other => panic!("expected text, found {other:?}"),
        };
        (status_code, body)
    }

    fn queued(&self) -> Vec<ProviderEvent> {
        let taken = self.queue.drain().into_iter().map(|(to, body)| {
            assert_eq!(to, Destination::ProviderEvents);
            match saldo_messages::decode(&body).unwrap() {
                ProviderEventsMessage::Take { event, .. } => event,
                other @ ProviderEventsMessage::Retry { .. } => panic!("expected an event, found {other:?}"),
            }
        });
        taken.collect()
    }

    /// Asserts that nothing was kept of a refused request but one count.
    fn kept_nothing(&self) {
        self.kept_only("WebhooksRefused");
    }

    fn kept_only(&self, count: &str) {
        assert_eq!(self.queued(), []);
        assert_eq!(self.intake.metrics.counted(count), 1);
    }
}

fn signed_at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The sample with another body, signed as Stripe would.
fn signed(body: &str) -> Value {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"whsec_test_secret").unwrap();
    mac.update(b"1767225600.");
    mac.update(body.as_bytes());
    let mut request = sample(SUCCEEDED);
    request["body"] = body.into();
    request["headers"]["stripe-signature"] =
        format!("t=1767225600,v1={}", hex::encode(mac.finalize().into_bytes())).into();
    request
}

#[tokio::test]
async fn a_genuine_event_is_queued_whole_and_acknowledged() {
    let bench = Bench::new().await;
    assert_eq!(bench.answer(sample(SUCCEEDED)).await, (200, Value::Null));
    let queued = bench.queued();
    let [event] = queued.as_slice() else { panic!("expected one event, found {queued:?}") };
    assert_eq!(event.account.to_string(), "stripe/main");
    assert_eq!(event.event_id, "evt_3SkXqBLkdIwHu7ix0Vd3mXaT");
    assert_eq!(event.kind, "payment_intent.succeeded");
    assert_eq!(event.received_at, signed_at());
    assert_eq!(event.body, sample(SUCCEEDED)["body"].as_str().unwrap());
    assert_eq!(event.headers.keys().collect::<Vec<_>>(), ["stripe-signature"]);
}

#[tokio::test]
async fn a_body_in_base64_is_the_same_body() {
    let bench = Bench::new().await;
    assert_eq!(bench.answer(sample(SUCCEEDED_BASE64)).await.0, 200);
    assert_eq!(bench.queued()[0].body, sample(SUCCEEDED)["body"].as_str().unwrap());
}

#[tokio::test]
async fn a_kind_that_nobody_knows_is_queued_and_acknowledged_too() {
    let bench = Bench::new().await;
    assert_eq!(bench.answer(sample(UNKNOWN_KIND)).await.0, 200);
    assert_eq!(bench.queued()[0].kind, "billing.alert.triggered");
}

#[tokio::test]
async fn every_delivery_is_queued_since_the_inbox_knows_the_event() {
    let bench = Bench::new().await;
    assert_eq!(bench.answer(sample(SUCCEEDED)).await.0, 200);
    assert_eq!(bench.answer(sample(SUCCEEDED)).await.0, 200);
    assert_eq!(bench.queued().len(), 2);
}

#[tokio::test]
async fn a_signature_by_somebody_else_is_refused_and_only_counted() {
    let bench = Bench::new().await;
    let (status, problem) = bench.answer(sample(BAD_SIGNATURE)).await;
    assert_eq!((status, problem["status"].as_i64()), (401, Some(401)));
    assert!(problem["detail"].as_str().unwrap().contains("signature"), "{problem}");
    bench.kept_only("WebhooksUnproven");
    assert_eq!(bench.intake.metrics.counted("WebhooksRefused"), 0);
}

#[tokio::test]
async fn one_changed_byte_is_refused() {
    let bench = Bench::new().await;
    let mut request = sample(SUCCEEDED);
    let body = request["body"].as_str().unwrap().replace("11900", "11901");
    request["body"] = body.into();
    assert_eq!(bench.answer(request).await.0, 401);
    bench.kept_only("WebhooksUnproven");
}

#[tokio::test]
async fn a_recording_is_refused_after_five_minutes_and_from_the_future() {
    for seconds in [301, -301] {
        let bench = Bench::new().await;
        let now = signed_at().checked_add_signed(TimeDelta::seconds(seconds)).unwrap();
        assert_eq!(bench.answer_at(sample(SUCCEEDED), now).await.0, 401);
        bench.kept_nothing();
    }
}

#[tokio::test]
async fn no_signature_and_two_signatures_are_refused() {
    for header in [None, Some("t=1767225600,v1=00,t=1767225600,v1=00")] {
        let bench = Bench::new().await;
        let mut request = sample(SUCCEEDED);
        match header {
            Some(value) => request["headers"]["stripe-signature"] = value.into(),
            None => drop(request["headers"].as_object_mut().unwrap().remove("stripe-signature")),
        }
        assert_eq!(bench.answer(request).await.0, 401);
        bench.kept_nothing();
    }
}

#[tokio::test]
async fn unknown_providers_accounts_and_paths_are_not_found() {
    for path in [
        "/webhooks/paypol/main",
        "/webhooks/stripe/other",
        "/webhooks/stripe/MAIN",
        "/webhooks/stripe",
        "/webhooks/stripe/main/",
        "/webhooks//main",
        "/webhook/stripe/main",
        "/",
    ] {
        let bench = Bench::new().await;
        let mut request = sample(SUCCEEDED);
        request["rawPath"] = path.into();
        let (status, problem) = bench.answer(request).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (404, &"path".into()), "{path}");
        bench.kept_nothing();
    }
}

#[tokio::test]
async fn only_post_delivers() {
    let bench = Bench::new().await;
    let mut request = sample(SUCCEEDED);
    request["requestContext"]["http"]["method"] = "GET".into();
    assert_eq!(bench.answer(request).await.0, 405);
    bench.kept_nothing();
}

#[tokio::test]
async fn an_account_without_a_secret_lets_nothing_in_and_wakes_somebody() {
    let bench = Bench::new().await;
    let mut request = sample(SUCCEEDED);
    request["rawPath"] = "/webhooks/stripe/empty".into();
    let (status, problem) = bench.answer(request).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (404, &"path".into()));
    assert!(problem["detail"].as_str().unwrap().contains("no webhook secret"), "{problem}");
    assert_eq!(bench.queued(), []);
    assert_eq!(bench.intake.metrics.counted("WebhooksDeferred"), 1);
}

#[tokio::test]
async fn the_size_is_bounded_before_anything_else_is_looked_at() {
    let padded = |bytes: usize| {
        let body = r#"{"id":"evt_1","object":"event","type":"a.b","created":1767225599,"data":{"object":{}},"pad":""}"#;
        body.replace(r#""pad":"""#, &format!(r#""pad":"{}""#, "x".repeat(bytes.checked_sub(body.len()).unwrap())))
    };
    let bench = Bench::new().await;
    assert_eq!(bench.answer(signed(&padded(BODY_BYTES_MAX))).await.0, 200);
    assert_eq!(bench.queued().len(), 1);
    let (status, problem) = bench.answer(signed(&padded(BODY_BYTES_MAX.checked_add(1).unwrap()))).await;
    assert_eq!(status, 413);
    assert!(problem["detail"].as_str().unwrap().contains("196609"), "{problem}");
    bench.kept_nothing();
}

#[tokio::test]
async fn authentic_nonsense_is_a_bad_request() {
    for body in ["", "[]", "{}", "{\"id\":7}", &"[".repeat(5_000)] {
        let bench = Bench::new().await;
        let (status, problem) = bench.answer(signed(body)).await;
        let named = &problem["errors"][0]["field"];
        assert_eq!((status, named), (400, &"body".into()), "{}", &body[..body.len().min(9)]);
        bench.kept_nothing();
    }
}

#[tokio::test]
async fn what_is_marked_as_base64_and_is_not_is_a_bad_request() {
    let bench = Bench::new().await;
    let mut request = sample(SUCCEEDED);
    request["isBase64Encoded"] = true.into();
    assert_eq!(bench.answer(request).await.0, 400);
    bench.kept_nothing();
}

#[tokio::test]
async fn a_queue_that_refuses_makes_the_provider_send_again() {
    let bench = Bench::new().await;
    bench.queue.refuse(1);
    let (status, problem) = bench.answer(sample(SUCCEEDED)).await;
    assert_eq!(status, 503);
    assert!(
        !problem["detail"].as_str().unwrap().contains("refused as told"),
        "nothing of the inside is shown: {problem}"
    );
    assert_eq!(bench.answer(sample(SUCCEEDED)).await.0, 200);
    assert_eq!(bench.queued().len(), 1);
}

#[tokio::test]
async fn broken_secrets_make_the_provider_send_again() {
    let bench = Bench::new().await;
    bench.intake.secrets.replace("{");
    let mut request = sample(SUCCEEDED);
    request["rawPath"] = "/webhooks/stripe/new".into();
    let later = signed_at().checked_add_signed(TimeDelta::seconds(61)).unwrap();
    assert_eq!(bench.answer_at(request, later).await.0, 503);
}
