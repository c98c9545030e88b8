//! How long one invocation may still work.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::clock;

/// Kept back at the end of an invocation to write the answer: work still running then is given up.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);

/// Kept back for a piece of work already begun: nothing new is started when less than this is left.
const START_MARGIN: Duration = Duration::from_secs(3);

/// The time that one invocation has, with a margin kept back for its answer.
///
/// Lambda ends an invocation that runs over, and then the *whole* batch comes again; giving up one record in time costs
/// only that record.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    ends_at: Instant,
}

impl Budget {
    /// The budget of the invocation that this context belongs to.
    pub fn of(context: &lambda_runtime::Context) -> Self {
        Self::until(context.deadline, clock::now())
    }

    /// The budget of an invocation that ends at `deadline_ms` after the epoch, seen from `now`.
    fn until(deadline_ms: u64, now: DateTime<Utc>) -> Self {
        let now_ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        Self::lasting(Duration::from_millis(deadline_ms.saturating_sub(now_ms)).saturating_sub(ANSWER_MARGIN))
    }

    /// A budget that ends so long from now.
    pub fn lasting(duration: Duration) -> Self {
        let now = Instant::now();
        Self { ends_at: now.checked_add(duration).unwrap_or(now) }
    }

    /// What is left until work must be given up.
    pub fn remaining(&self) -> Duration {
        self.ends_at.saturating_duration_since(Instant::now())
    }

    /// Whether enough is left to begin one more piece of work.
    pub fn allows_start(&self) -> bool {
        self.remaining() >= START_MARGIN
    }

    /// The instant after which what takes this long can no more be begun.
    pub fn ends_before(&self, takes: Duration) -> Instant {
        self.ends_at.checked_sub(takes).unwrap_or(self.ends_at)
    }

    /// The instant at which work must be given up.
    pub fn ends_at(&self) -> Instant {
        self.ends_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_answer_has_its_margin() {
        let now = DateTime::from_timestamp_millis(1_767_225_600_000).unwrap();
        let budget = Budget::until(1_767_225_610_000, now);
        assert_eq!(budget.remaining(), Duration::from_millis(9_500));
        assert!(budget.allows_start());
        tokio::time::advance(Duration::from_secs(7)).await;
        assert!(!budget.allows_start());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_in_the_past_leaves_nothing() {
        let now = DateTime::from_timestamp_millis(1_767_225_600_000).unwrap();
        assert_eq!(Budget::until(0, now).remaining(), Duration::ZERO);
    }
}
