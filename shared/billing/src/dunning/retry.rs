//! When to try again to collect an invoice.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::DunningPolicy;
use crate::calendar;

/// Whether a decline leaves the door open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineClass {
    /// The same method may succeed later: insufficient funds, an issuer out of reach.
    Soft,
    /// The same method never will: a stolen card, a closed account.
    Hard,
}

impl DunningPolicy {
    /// When to retry after the latest of `failures_so_far` failures; `None` when no retry is left.
    ///
    /// So many local days later, when the clock shows the same time or, where it leaves that out, the next.
    ///
    /// The failures are those of different attempts: one that is reported twice is one.
    ///
    /// ```
    /// use saldo_billing::dunning::DunningPolicy;
    ///
    /// let policy = DunningPolicy::default();
    /// let failed_at = "2026-03-27T10:15:00Z".parse()?;
    /// let retry_at = policy.retry_at(failed_at, 1, chrono_tz::Europe::Paris).unwrap();
    /// assert_eq!(retry_at.to_rfc3339(), "2026-03-30T09:15:00+00:00", "11:15 in Paris, now in summer time");
    /// assert_eq!(policy.retry_at(failed_at, 4, chrono_tz::Europe::Paris), None);
    /// # Ok::<(), chrono::ParseError>(())
    /// ```
    #[must_use]
    pub fn retry_at(&self, failed_at: DateTime<Utc>, failures_so_far: u32, zone: Tz) -> Option<DateTime<Utc>> {
        let step = usize::try_from(failures_so_far.checked_sub(1)?).ok()?;
        let days = *self.retry_after_days().get(step)?;
        let failed = calendar::local_time(failed_at, zone);
        let on = failed.date().checked_add_signed(TimeDelta::try_days(days.into())?)?;
        Some(calendar::at_local_time(on, failed.time(), zone))
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Europe;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn n2_each_failed_attempt_moves_the_ladder_one_step_and_the_last_step_ends_it() {
        let policy = DunningPolicy::default();
        let mut retries = vec![at("2027-01-01T09:30:00Z")];
        for failures in 1.. {
            match policy.retry_at(*retries.last().unwrap(), failures, Europe::Berlin) {
                Some(retry_at) => retries.push(retry_at),
                None => break,
            }
        }
        let days: Vec<String> = retries.iter().map(|at| at.format("%d %H:%M").to_string()).collect();
        assert_eq!(days, ["01 09:30", "04 09:30", "09 09:30", "16 09:30"]);
    }

    #[test]
    fn a_retry_keeps_the_local_time_over_a_change_of_the_clocks() {
        let retry_at = |failed_at| DunningPolicy::default().retry_at(at(failed_at), 1, Europe::Berlin);
        assert_eq!(retry_at("2026-03-26T09:30:00Z"), Some(at("2026-03-29T08:30:00Z")));
        assert_eq!(retry_at("2026-10-22T08:30:00Z"), Some(at("2026-10-25T09:30:00Z")));
    }

    #[test]
    fn a_retry_in_the_hour_that_is_left_out_comes_at_its_end() {
        let retry_at = DunningPolicy::default().retry_at(at("2026-03-26T01:30:00Z"), 1, Europe::Berlin);
        assert_eq!(retry_at, Some(at("2026-03-29T01:00:00Z")));
    }

    #[test]
    fn without_a_failure_there_is_nothing_to_retry() {
        assert_eq!(DunningPolicy::default().retry_at(at("2027-01-01T09:30:00Z"), 0, Europe::Berlin), None);
    }
}
