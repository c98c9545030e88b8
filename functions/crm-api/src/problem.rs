//! What goes wrong, as RFC 9457 says it: a stable type, a sentence, and the fields that are to blame.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use saldo_billing::invoice::{InvoiceError, LineError};
use saldo_billing::payment::RefundError;
use saldo_billing::subscription::SubscriptionError;
use saldo_books::BooksError;
use saldo_runtime::logs;
use saldo_store::{CommitError, EntityError, StoreError, TransactionError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::idempotency::KeyTaken;

/// What every `type` begins with; the rest is the kind.
pub const TYPE_PREFIX: &str = "urn:saldo:problem:";

/// The media type of every problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One field that is to blame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Which field, `lines[0].tax_rate`; a query parameter or header by its name.
    #[schema(example = "lines[0].tax_rate")]
    pub field: String,
    /// What was expected of it.
    #[schema(example = "expected a tax rate from 0 to 1 with at most six decimals, like `0.19`, found `19`")]
    pub reason: String,
}

/// What a problem looks like to the caller.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Which kind of problem, always the same for the same kind.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:saldo:problem:[a-z-]+$", example = "urn:saldo:problem:invalid-request")]
    kind: String,
    /// The kind in words.
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is the matter this time.
    detail: String,
    /// The fields that are to blame, where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

/// A request that was not done as asked; nothing was stored unless the detail says that this is unknown.
#[derive(Debug)]
pub struct Problem(Box<Content>);

#[derive(Debug)]
struct Content {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    source: Option<Box<dyn Error + Send + Sync>>,
    key_taken: bool,
}

impl Problem {
    fn of(status: StatusCode, kind: &'static str, title: &'static str, detail: String) -> Self {
        let (errors, headers) = (Vec::new(), Vec::new());
        Self(Box::new(Content { status, kind, title, detail, errors, headers, source: None, key_taken: false }))
    }

    /// Not the JSON, text or header that the document asks for.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::of(
            StatusCode::BAD_REQUEST,
            "invalid-request",
            "The request is not what the document asks for",
            detail.into(),
        )
    }

    /// A field that is not what the document asks for.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::malformed("a field is not what the document asks for").blaming(field, reason)
    }

    /// A field that is well formed and cannot be, with the others or with what there is.
    pub fn refused(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::unprocessable("a field does not go with the others").blaming(field, reason)
    }

    /// Something that cannot be, whatever the fields.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        let title = "The request cannot be carried out";
        Self::of(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", title, detail.into())
    }

    /// There is no such path.
    pub fn no_such_path() -> Self {
        Self::not_found("there is no such path").blaming("path", "expected one of those that /v1/openapi.json lists")
    }

    /// What the `id` in the path names is not there.
    pub fn missing(what: impl Into<String>) -> Self {
        let what = what.into();
        Self::not_found(what.clone()).blaming("id", what)
    }

    /// Something that a field refers to is not there.
    pub fn no_such(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self::not_found("something that the request refers to is not there").blaming(field, what)
    }

    fn not_found(detail: impl Into<String>) -> Self {
        Self::of(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail.into())
    }

    /// It is not in a state for this.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::of(StatusCode::CONFLICT, "conflict", "It is not in a state for this", detail.into())
    }

    /// It is on its way.
    pub fn not_ready(detail: impl Into<String>, retry_after_s: u16) -> Self {
        let problem = Self::of(StatusCode::CONFLICT, "not-ready", "It is on its way", detail.into());
        problem.with_header(RETRY_AFTER, HeaderValue::from(retry_after_s))
    }

    /// Nobody known.
    pub fn unauthorised(detail: impl Into<String>, challenge: &'static str) -> Self {
        let detail = detail.into();
        Self::of(StatusCode::UNAUTHORIZED, "unauthorised", "A valid API key is needed", detail.clone())
            .blaming("Authorization", detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// Known, and not allowed.
    pub fn forbidden(detail: impl Into<String>, challenge: &'static str) -> Self {
        let detail = detail.into();
        Self::of(StatusCode::FORBIDDEN, "forbidden", "The API key may not do this", detail.clone())
            .blaming("Authorization", detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// No such method here.
    pub fn method_not_allowed() -> Self {
        let detail = "this path has no such method".to_owned();
        Self::of(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The path has no such method", detail)
            .blaming("method", "expected one of those that the header `Allow` names")
    }

    /// More than a request can be.
    pub fn too_large(detail: impl Into<String>) -> Self {
        let (title, detail) = ("The request is too large", detail.into());
        Self::of(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            title,
            "the request is more than is taken at once".to_owned(),
        )
        .blaming("body", detail)
    }

    /// Not JSON by its own word.
    pub fn unsupported_media_type() -> Self {
        let detail = "the body is not said to be JSON".to_owned();
        Self::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Only JSON is understood", detail)
            .blaming("Content-Type", "expected `application/json`")
    }

    /// The key was used for another request.
    pub fn key_reused() -> Self {
        let detail = "this `Idempotency-Key` was used for another request; use a new one for each request".to_owned();
        Self::of(StatusCode::CONFLICT, "idempotency-key-reused", "The key was used before", detail)
            .blaming("Idempotency-Key", "expected a key that no other request was made with")
    }

    /// A request with the same key is being carried out.
    pub fn key_in_use() -> Self {
        let detail = "a request with this `Idempotency-Key` is being carried out; repeat it for its answer".to_owned();
        Self::of(StatusCode::CONFLICT, "idempotency-key-in-use", "The same request is being carried out", detail)
            .with_header(RETRY_AFTER, HeaderValue::from(1_u16))
    }

    /// The payment provider has not done it.
    pub fn provider(
        detail: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
        may_pass: bool,
    ) -> Self {
        let status = if may_pass { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_GATEWAY };
        let problem = Self::of(status, "provider", "The payment provider has not done it", detail.into());
        let problem = if may_pass { problem.with_header(RETRY_AFTER, HeaderValue::from(5_u16)) } else { problem };
        problem.caused_by(source)
    }

    /// A defect of ours, or of what is stored.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail = "the fault is ours and has been logged; nothing was changed".to_owned();
        let problem = Self::of(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is wrong here", detail);
        problem.caused_by(source)
    }

    /// Something we need is not answering.
    fn unavailable(detail: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem = Self::of(status, "unavailable", "The books are not at hand", detail.to_owned());
        problem.with_header(RETRY_AFTER, HeaderValue::from(1_u16)).caused_by(source)
    }

    /// Names a field that is to blame.
    #[must_use]
    pub fn blaming(mut self, field: impl Into<String>, reason: impl Into<String>) -> Self {
        self.0.errors.push(FieldError { field: field.into(), reason: reason.into() });
        self
    }

    /// Why, for a log or for another error.
    pub fn into_cause(self) -> Box<dyn Error + Send + Sync> {
        let Content { source, detail, .. } = *self.0;
        source.unwrap_or_else(|| detail.into())
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Content { status, kind, title, detail, errors, headers: more, source, key_taken } = *self.0;
        if let Some(source) = source.as_ref().filter(|_| !key_taken) {
            let chain = logs::chain(source.as_ref());
            match status {
                StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY => {
                    tracing::error!(error.chain = chain, problem.kind = kind, "the request failed");
                }
                _ => tracing::warn!(error.chain = chain, problem.kind = kind, "the request was put off"),
            }
        }
        let body = ProblemBody {
            kind: format!("{TYPE_PREFIX}{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            errors,
        };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(more);
        if key_taken {
            response.extensions_mut().insert(KeyTaken);
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Cursor(cursor) => Self::invalid("cursor", cursor.to_string()),
            StoreError::Unknown { .. } => {
                let detail = "whether it was done is not known; repeat it with the same `Idempotency-Key`, or look";
                Self::unavailable(detail, error)
            }
            StoreError::Throttled { .. } | StoreError::Unavailable { .. } => {
                Self::unavailable("nothing was changed; repeat the request", error)
            }
            StoreError::Rejected { source, .. } if source.is::<KeyTaken>() => {
                let mut problem = Self::key_in_use();
                problem.0.key_taken = true;
                problem
            }
            StoreError::Rejected { .. } => Self::internal(error),
        }
    }
}

impl From<EntityError> for Problem {
    fn from(error: EntityError) -> Self {
        match error {
            EntityError::Store(error) => error.into(),
            error @ (EntityError::Decode { .. } | EntityError::Entry { .. }) => Self::internal(error),
        }
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            error @ (CommitError::Conflict { .. } | CommitError::Contention { .. }) => {
                Self::unavailable("others changed the same things; nothing was changed, repeat the request", error)
            }
        }
    }
}

impl From<TransactionError> for Problem {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::TooManyWrites
            | TransactionError::ItemTooLarge { .. }
            | TransactionError::TooLarge { .. } => Self::too_large("it is more than can be kept in one piece"),
            error @ (TransactionError::Addition(_)
            | TransactionError::SameKey { .. }
            | TransactionError::NoKey { .. }
            | TransactionError::BadKey { .. }
            | TransactionError::IndexAttribute { .. }
            | TransactionError::ReservedAttribute { .. }
            | TransactionError::Number { .. }
            | TransactionError::Encode { .. }) => Self::internal(error),
        }
    }
}

impl From<InvoiceError> for Problem {
    fn from(error: InvoiceError) -> Self {
        match &error {
            InvoiceError::Status { .. } | InvoiceError::AlreadyPaid { .. } => Self::conflict(error.to_string()),
            InvoiceError::Lines { source, .. } => lines(source),
            InvoiceError::Money { .. } => Self::internal(error),
        }
    }
}

fn lines(error: &LineError) -> Problem {
    let reason = error.to_string();
    match error {
        LineError::NoLines | LineError::TooMany { .. } | LineError::Total(_) | LineError::Negative { .. } => {
            Problem::refused("lines", reason)
        }
        LineError::Description { line, .. } => Problem::refused(format!("lines[{line}].description"), reason),
        LineError::Amount { line, .. } => Problem::refused(format!("lines[{line}].unit_amount"), reason),
    }
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        match &error {
            RefundError::TooMuch { .. } | RefundError::Amount { .. } => Self::refused("amount", error.to_string()),
            RefundError::Mismatch { .. } => Self::conflict(error.to_string()),
            RefundError::NeverAsked { .. } | RefundError::Payment(_) | RefundError::Money(_) => Self::internal(error),
        }
    }
}

impl From<SubscriptionError> for Problem {
    fn from(error: SubscriptionError) -> Self {
        let reason = error.to_string();
        match &error {
            SubscriptionError::Items { .. } => Self::refused("items", reason),
            SubscriptionError::Quantity { item, .. } => Self::refused(format!("items[{item}].quantity"), reason),
            SubscriptionError::EndsBeforeStart { .. } => Self::refused("ends_on", reason),
            SubscriptionError::NoTrial { .. } => Self::conflict(reason),
            SubscriptionError::TrialEnd { .. } => Self::refused("trial_end_on", reason),
            SubscriptionError::Period { source, .. } => Self::refused("start_on", source.to_string()),
            SubscriptionError::Money { .. } => Self::refused("items", "the items do not add up to an amount of money"),
        }
    }
}

impl From<BooksError> for Problem {
    fn from(error: BooksError) -> Self {
        match error {
            BooksError::Missing { key } => {
                let id = key.pk.split_once('#').map_or(key.pk.as_str(), |(_, id)| id);
                Self::missing(format!("there is no {id}"))
            }
            error @ BooksError::Contended { .. } => {
                Self::unavailable("others changed the same things; nothing was changed, repeat the request", error)
            }
            BooksError::Invoice(error) => error.into(),
            BooksError::Refund(error) => error.into(),
            BooksError::Subscription(error) => error.into(),
            BooksError::Read(error) => error.into(),
            BooksError::Search(error) => error.into(),
            BooksError::Transaction(error) => error.into(),
            BooksError::Commit(error) => error.into(),
            error @ (BooksError::Document { .. }
            | BooksError::Payment(_)
            | BooksError::Money(_)
            | BooksError::Message(_)
            | BooksError::Queue(_)) => Self::internal(error),
        }
    }
}

/// Answers a path that is not there.
pub async fn not_found() -> Problem {
    Problem::no_such_path()
}

/// Answers a method that a path does not have; the router adds the header `Allow`.
pub async fn method_not_allowed() -> Problem {
    Problem::method_not_allowed()
}
