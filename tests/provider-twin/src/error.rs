//! Errors as Stripe answers them (docs.stripe.com/api/errors).

use serde_json::{Map, Value, json};

/// An error and its status.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: u16,
    fields: Map<String, Value>,
    /// Whether a call with a key keeps this answer: only when its execution began.
    executed: bool,
}

impl ApiError {
    fn new(status: u16, kind: &str, message: &str) -> Self {
        let mut fields = Map::new();
        fields.insert("type".to_owned(), json!(kind));
        fields.insert("message".to_owned(), json!(message));
        Self { status, fields, executed: false }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// A parameter that fails validation: nothing was executed.
    pub(crate) fn invalid(code: &str, param: Option<&str>, message: &str) -> Self {
        let error = Self::new(400, "invalid_request_error", message).with("code", code);
        match param {
            Some(param) => error.with("param", param),
            None => error,
        }
    }

    /// A call that does not fit the state of its object.
    pub(crate) fn unfit(code: Option<&str>, message: &str) -> Self {
        let mut error = Self::new(400, "invalid_request_error", message);
        if let Some(code) = code {
            error = error.with("code", code);
        }
        error.executed = true;
        error
    }

    pub(crate) fn no_such(kind: &str, id: &str, param: &str, status: u16) -> Self {
        let message = format!("No such {kind}: '{id}'");
        let mut error = Self::invalid("resource_missing", Some(param), &message);
        error.status = status;
        error.executed = true;
        error
    }

    pub(crate) fn no_such_route(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        let mut error = Self::new(404, "invalid_request_error", &message);
        error.executed = false;
        error
    }

    pub(crate) fn unauthorised() -> Self {
        Self::new(401, "invalid_request_error", "Invalid API Key provided.")
    }

    pub(crate) fn rate_limited() -> Self {
        Self::new(429, "invalid_request_error", "Request rate limit exceeded.").with("code", "rate_limit")
    }

    pub(crate) fn failed() -> Self {
        let mut error = Self::new(500, "api_error", "An unknown error occurred.");
        error.executed = true;
        error
    }

    pub(crate) fn key_reused() -> Self {
        let message =
            "Keys for idempotent requests can only be used with the same parameters they were first used with.";
        Self::new(400, "idempotency_error", message)
    }

    pub(crate) fn key_in_use() -> Self {
        let message = "There is currently another in-progress request using this Idempotency Key.";
        Self::new(409, "idempotency_error", message).with("code", "idempotency_key_in_use")
    }

    /// The card or the bank says no.
    pub(crate) fn declined(message: &str) -> Self {
        let mut error = Self::new(402, "card_error", message);
        error.executed = true;
        error
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    pub(crate) const fn is_executed(&self) -> bool {
        self.executed
    }

    #[cfg(test)]
    pub(crate) fn param(&self) -> Option<&str> {
        self.fields.get("param").and_then(Value::as_str)
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "error": self.fields })
    }
}
