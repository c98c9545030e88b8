//! Idempotency keys as Stripe documents them (docs.stripe.com/api/idempotent_requests).

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::ApiError;

/// Stripe may forget a key when it is this old; the twin does at once.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// No request is at work for longer, also when nobody waits for its answer any more.
const LONGEST_FLIGHT: TimeDelta = TimeDelta::minutes(5);

/// An answer as it is kept: the status and the body, whatever they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) status: u16,
    pub(crate) body: String,
}

#[derive(Debug, Clone)]
struct Entry {
    fingerprint: String,
    first_used_at: DateTime<Utc>,
    kept: Option<Kept>,
    in_flight: bool,
}

/// What a key says about a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Never used, or forgotten: go on.
    New,
    /// Used for the same call: this is its answer.
    Answer(Kept),
}

/// The keys of one account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(BTreeMap<String, Entry>);

impl Keys {
    /// What is known of the key.
    pub(crate) fn check(&mut self, key: &str, fingerprint: &str, now: DateTime<Utc>) -> Result<Known, ApiError> {
        if key.len() > 255 {
            return Err(ApiError::invalid(
                "parameter_invalid_string",
                None,
                "Idempotency keys have at most 255 characters.",
            ));
        }
        let age = |entry: &Entry| now.signed_duration_since(entry.first_used_at);
        let is_old = |entry: &Entry| age(entry) >= KEPT;
        if self.0.get(key).is_some_and(is_old) {
            self.0.remove(key);
        }
        match self.0.get(key) {
            None => Ok(Known::New),
            Some(entry) if entry.in_flight && age(entry) < LONGEST_FLIGHT => Err(ApiError::key_in_use()),
            Some(entry) if entry.fingerprint != fingerprint => Err(ApiError::key_reused()),
            Some(entry) => Ok(entry.kept.clone().map_or(Known::New, Known::Answer)),
        }
    }

    /// Keeps the answer of a call whose execution began.
    pub(crate) fn keep(&mut self, key: &str, fingerprint: &str, now: DateTime<Utc>, kept: Kept, in_flight: bool) {
        let entry = Entry { fingerprint: fingerprint.to_owned(), first_used_at: now, kept: Some(kept), in_flight };
        self.0.insert(key.to_owned(), entry);
    }

    /// The answer of the call with this key has left.
    pub(crate) fn landed(&mut self, key: &str) {
        if let Some(entry) = self.0.get_mut(key) {
            entry.in_flight = false;
        }
    }
}
