//! Answers: a status and a body that is known before anything is committed, so that it can be remembered with the effect.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::problem::Problem;

/// The header of an answer that was given before.
pub const REPLAYED: &str = "idempotent-replayed";

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    status: StatusCode,
    body: String,
    /// What is remembered, where that is less than what is answered.
    kept: Option<String>,
    is_replay: bool,
}

impl Reply {
    fn json(status: StatusCode, view: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_string(view).map_err(Problem::internal)?;
        Ok(Self { status, body, kept: None, is_replay: false })
    }

    /// 200 with this.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which only a defect can cause.
    pub fn ok(view: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, view)
    }

    /// 201 with this.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which only a defect can cause.
    pub fn created(view: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::CREATED, view)
    }

    /// 204.
    pub const fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: String::new(), kept: None, is_replay: false }
    }

    /// What was answered before.
    ///
    /// # Errors
    /// When the record holds no status.
    pub fn replayed(status: u16, body: String) -> Result<Self, Problem> {
        let status = StatusCode::from_u16(status).map_err(Problem::internal)?;
        Ok(Self { status, body, kept: None, is_replay: true })
    }

    /// Remembers this instead of the answer itself, which has a secret in it.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which only a defect can cause.
    pub fn keeping(self, view: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self { kept: Some(serde_json::to_string(view).map_err(Problem::internal)?), ..self })
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The body as it is remembered.
    pub fn kept_body(&self) -> &str {
        self.kept.as_deref().unwrap_or(&self.body)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let is_empty = self.status == StatusCode::NO_CONTENT;
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if !is_empty {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.is_replay {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
