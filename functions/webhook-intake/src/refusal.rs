//! Why a webhook was not taken, and what its sender is told.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use saldo_gateways::Rejection;
use saldo_messages::QueueError;
use saldo_runtime::secrets::SecretsError;

/// The largest body taken, in bytes. Written into a message it at most doubles, and a message may have 1 MiB.
pub const BODY_BYTES_MAX: usize = 192 * 1024;

/// Why a webhook was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not a path of ours.
    #[error("webhooks are posted to /webhooks/{{provider}}/{{account}}")]
    NoSuchPath,
    /// Not a way to deliver a webhook.
    #[error("webhooks are posted")]
    Method,
    /// No such account here.
    #[error("no such provider account is configured")]
    UnknownAccount,
    /// Not what the API's front end sends.
    #[error("the body is marked as base64 and is not")]
    Base64,
    /// Larger than any event.
    #[error("the body has {bytes} bytes, more than {BODY_BYTES_MAX}")]
    TooLarge {
        /// How large.
        bytes: usize,
    },
    /// Genuine, and still not text.
    #[error("the body is not UTF-8")]
    NotText,
    /// Not proven genuine, or not an event.
    #[error("the webhook was not accepted")]
    Rejected(#[source] Rejection),
    /// Our secrets cannot be read now.
    #[error("the account's secrets cannot be read at the moment")]
    Secrets(#[source] SecretsError),
    /// The event could not be written as a message.
    #[error("the event cannot be queued")]
    Message(#[source] saldo_messages::MessageError),
    /// The queue did not take it.
    #[error("the event cannot be queued at the moment")]
    Queue(#[source] QueueError),
}

impl Refusal {
    /// The answer's status: 503 where the next try of the provider may succeed by itself, 4xx where somebody has to do something
    /// first. The provider sends both again.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPath | Self::UnknownAccount | Self::Rejected(Rejection::NoSecret) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Base64 | Self::NotText => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } | Self::Rejected(Rejection::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Rejected(rejection) if rejection.is_authentic() => StatusCode::BAD_REQUEST,
            Self::Rejected(_) => StatusCode::UNAUTHORIZED,
            Self::Secrets(_) | Self::Message(_) | Self::Queue(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The name of the count that this refusal belongs to.
    #[must_use]
    pub fn metric(&self) -> &'static str {
        // The event may well be genuine: once somebody has put the secret in, the provider's next try succeeds.
        let is_deferred = self.status().is_server_error() || matches!(self, Self::Rejected(Rejection::NoSecret));
        // Somebody else's work, or all of an account whose secret is not the provider's any more.
        let is_unproven = matches!(self, Self::Rejected(Rejection::BadSignature));
        match (is_deferred, is_unproven) {
            (true, _) => "WebhooksDeferred",
            (false, true) => "WebhooksUnproven",
            (false, false) => "WebhooksRefused",
        }
    }

    /// What of the request is to blame: its path, its body, or a header by its name.
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::NoSuchPath | Self::UnknownAccount | Self::Rejected(Rejection::NoSecret) => Some("path"),
            Self::Method => Some("method"),
            Self::Rejected(
                Rejection::MissingHeader { name }
                | Rejection::RepeatedHeader { name }
                | Rejection::MalformedHeader { name, .. },
            ) => Some(name),
            Self::Rejected(Rejection::Stale { .. } | Rejection::BadSignature) => Some("signature"),
            Self::Rejected(Rejection::MalformedBody { .. } | Rejection::TooLarge { .. } | Rejection::TooDeep)
            | Self::Base64
            | Self::TooLarge { .. }
            | Self::NotText => Some("body"),
            Self::Secrets(_) | Self::Message(_) | Self::Queue(_) => None,
        }
    }

    /// Problem details (RFC 9457) for the sender, which say nothing of what lies behind this function.
    #[must_use]
    pub fn answer(&self) -> ApiGatewayV2httpResponse {
        let status = self.status();
        let detail = if let Self::Rejected(rejection) = self { rejection.to_string() } else { self.to_string() };
        let mut problem = serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": detail,
        });
        if let (Some(field), Some(problem)) = (self.field(), problem.as_object_mut()) {
            problem.insert("errors".to_owned(), serde_json::json!([{ "field": field, "reason": detail }]));
        }
        let mut answer = ApiGatewayV2httpResponse::default();
        answer.status_code = i64::from(status.as_u16());
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self, Self::Method) {
            answer.headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        answer.body = Some(Body::Text(problem.to_string()));
        answer
    }
}
