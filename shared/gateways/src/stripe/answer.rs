//! What Stripe's answers mean (docs.stripe.com/api/errors, docs.stripe.com/error-low-level).

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::object::{Identified, Named, PaymentFailure};
use crate::provider::Place;

/// An answer with what is worth knowing beside its body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// By Stripe's clock, when it told.
    pub(super) told_at: Option<DateTime<Utc>>,
    /// Stripe's id of the request: with it, its dashboard shows what was asked and answered.
    request_id: String,
    body: Bytes,
}

/// Why an answer is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    /// Stripe said what is wrong. Its sentence is left out: it repeats what was sent, which may be a person's address.
    #[error("stripe answered {status} with {kind}, code {code:?}, parameter {param:?} (request {request_id})")]
    Error { status: StatusCode, kind: String, code: Option<String>, param: Option<String>, request_id: String },
    /// Not what Stripe documents: perhaps not from Stripe.
    #[error("an answer with status {status} cannot be read (request {request_id})")]
    Unreadable {
        status: StatusCode,
        request_id: String,
        #[source]
        source: Place,
    },
    /// More pages than anybody should have to read.
    #[error("the list does not end after {pages} pages")]
    Endless { pages: usize },
    /// A page that cannot be visited.
    #[error("the session {session} is not open for payment")]
    NotOpen { session: String },
    #[error("`{text}` is not the name of anything at Stripe")]
    NotAName { text: String },
}

impl AnswerError {
    /// Whether Stripe is done with the call: it keeps what it answered and repeats it under the same key, failures as well. In a
    /// conflict, the same call is still under way.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Error { status, .. } => *status != StatusCode::CONFLICT,
            Self::Unreadable { .. } | Self::Endless { .. } | Self::NotOpen { .. } | Self::NotAName { .. } => false,
        }
    }
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    error: PaymentFailure,
}

/// A failed call, by what it means for its effect.
#[derive(Debug)]
pub(super) enum Failed {
    /// Turned away at the door: too many requests.
    TurnedAway(AnswerError),
    /// It may have had its effect: 5xx, a conflict with the same call under way, an answer that is none.
    Unknown(AnswerError),
    /// The key may not do this.
    Forbidden(AnswerError),
    /// The key was used for other parameters: a defect on our side.
    KeyReused(AnswerError),
    /// The card or the bank said no.
    Declined(Box<PaymentFailure>, AnswerError),
    /// The request is wrong, or does not fit what it is about.
    Invalid(Box<PaymentFailure>, AnswerError),
}

impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Self {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        Self {
            status: response.status(),
            told_at: header("date")
                .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
                .map(|date| date.with_timezone(&Utc)),
            request_id: header("request-id").unwrap_or("without id").chars().take(64).collect(),
            body: response.into_body(),
        }
    }
}

impl Answer {
    fn read<T: DeserializeOwned>(&self) -> Result<T, AnswerError> {
        serde_json::from_slice(&self.body).map_err(|source| AnswerError::Unreadable {
            status: self.status,
            request_id: self.request_id.clone(),
            source: source.into(),
        })
    }

    /// The object that was asked for, or what the failure means.
    pub(super) fn understood<T: DeserializeOwned>(&self) -> Result<T, Failed> {
        if self.status.is_success() {
            return self.read().map_err(Failed::Unknown);
        }
        let ErrorBody { error } = self.read().map_err(Failed::Unknown)?;
        let told = AnswerError::Error {
            status: self.status,
            kind: error.kind.clone().unwrap_or_default(),
            code: error.code.clone(),
            param: error.param.clone(),
            request_id: self.request_id.clone(),
        };
        let failure = Box::new(error);
        Err(match (self.status, failure.kind.as_deref()) {
            (_, Some("idempotency_error")) if self.status != StatusCode::CONFLICT => Failed::KeyReused(told),
            (StatusCode::TOO_MANY_REQUESTS, _) => Failed::TurnedAway(told),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Failed::Forbidden(told),
            (StatusCode::PAYMENT_REQUIRED, _) => Failed::Declined(failure, told),
            (StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND, _) => Failed::Invalid(failure, told),
            // A conflict is the same call still under way; a failure of Stripe's may have come after the effect.
            _ => Failed::Unknown(told),
        })
    }
}

/// Which object an error is about, for telling what is missing.
pub(super) fn lacks_method(failure: &PaymentFailure) -> bool {
    failure.code.as_deref() == Some("resource_missing")
        && matches!(failure.param.as_deref(), Some("payment_method" | "customer"))
}

/// The id of the last object of a page, where the next one begins.
pub(super) fn last_id<T: Identified>(page: &[T]) -> Option<&str> {
    page.last().map(Identified::id)
}

/// An answer of which nothing but its success matters.
pub(super) type Acknowledged = Named;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap().into()
    }

    fn failed(status: u16, body: &str) -> Failed {
        answer(status, body).understood::<Value>().unwrap_err()
    }

    #[test]
    fn what_may_have_happened_is_told_from_what_did_not() {
        let error = r#"{"error":{"type":"api_error"}}"#;
        for status in [409, 500, 502, 503, 504, 424, 302, 408] {
            assert!(matches!(failed(status, error), Failed::Unknown(_)), "{status}");
        }
        assert!(matches!(failed(429, error), Failed::TurnedAway(_)));
        assert!(matches!(failed(401, error), Failed::Forbidden(_)));
        assert!(matches!(failed(403, error), Failed::Forbidden(_)));
        assert!(matches!(failed(400, error), Failed::Invalid(..)));
        assert!(matches!(failed(402, r#"{"error":{"type":"card_error"}}"#), Failed::Declined(..)));
        assert!(matches!(failed(400, r#"{"error":{"type":"idempotency_error"}}"#), Failed::KeyReused(_)));
        assert!(matches!(failed(409, r#"{"error":{"type":"idempotency_error"}}"#), Failed::Unknown(_)));
    }

    #[test]
    fn only_what_stripe_itself_answered_is_final() {
        let error = r#"{"error":{"type":"api_error"}}"#;
        let is_final = |status, body| matches!(failed(status, body), Failed::Unknown(told) if told.is_final());
        assert!(is_final(500, error) && is_final(503, error));
        assert!(!is_final(409, error) && !is_final(502, "<html>Bad gateway</html>"));
    }

    #[test]
    fn a_page_in_html_decides_nothing_whatever_its_status() {
        for status in [200, 400, 402, 403, 429, 502] {
            assert!(matches!(failed(status, "<html>Bad gateway</html>"), Failed::Unknown(_)), "{status}");
        }
    }

    #[test]
    fn the_time_of_the_answer_is_the_providers() {
        let response = Response::builder().header("Date", "Sun, 22 Nov 2026 01:02:03 GMT").body(Bytes::new()).unwrap();
        assert_eq!(Answer::from(response).told_at.unwrap().to_rfc3339(), "2026-11-22T01:02:03+00:00");
    }

    #[test]
    fn an_error_repeats_codes_and_never_what_was_sent() {
        let body = r#"{"error":{"type":"invalid_request_error","code":"email_invalid","param":"customer_email","message":"Invalid email address: zoe@example.com"}}"#;
        let Failed::Invalid(_, told) = failed(400, body) else { panic!("expected an invalid request") };
        let shown = format!("{told} {told:?}");
        assert!(shown.contains("email_invalid") && !shown.contains("zoe"), "{shown}");
    }
}
