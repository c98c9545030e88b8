//! The clock, for `main` and for handlers that start from the present; everything below them takes `now` as a parameter.

use chrono::{DateTime, Utc};

/// The present, cut to milliseconds, which is what Saldo stores.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}
