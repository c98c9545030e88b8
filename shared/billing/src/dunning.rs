//! Chasing what is due: when to remind, when to try again, when to stop.
//!
//! Pure decisions from a policy, the facts so far and the time. Whether a reminder or an attempt is still wanted at all
//! (the invoice may be paid, disputed or in processing by now) is asked of the invoice, at the time of sending.

mod network;
mod reminder;
mod retry;

pub use network::{NetworkAnswer, Stop, may_attempt};
pub use reminder::{NextReminder, ReminderStep, ReminderStepError, ReminderSubject, reminder_schedule};
pub use retry::DeclineClass;

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most retries of one invoice that a policy may ask for.
const RETRIES_MAX: usize = 10;
/// The longest wait for a retry that a policy may ask for, in days.
const RETRY_DAYS_MAX: u16 = 60;
/// The most reminders of one invoice that a policy may ask for.
const REMINDERS_MAX: usize = 20;
/// The earliest and latest reminder that a policy may ask for, in days from the due date.
const REMINDER_DAYS: std::ops::RangeInclusive<i16> = -90..=365;

/// What happens when the last retry has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndAction {
    /// The subscription is paused, the invoice stays open.
    Pause,
    /// The subscription is cancelled, the invoice stays open.
    Cancel,
    /// The invoice is marked as uncollectible, the subscription goes on.
    Uncollectible,
}

/// How a seller chases what is due.
///
/// ```
/// use saldo_billing::dunning::DunningPolicy;
///
/// let policy: DunningPolicy = serde_json::from_str(r#"{"retry_after_days":[1,2],"when_exhausted":"cancel"}"#)?;
/// assert_eq!(policy.retry_after_days(), [1, 2]);
/// assert_eq!(policy.reminder_days(), [-3, 1, 7, 14], "what is not said is as usual");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "DunningPlan", into = "DunningPlan")]
pub struct DunningPolicy {
    plan: DunningPlan,
}

/// The parts of a [`DunningPolicy`], unchecked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DunningPlan {
    /// For each retry the wait since the failure before it, in local days.
    pub retry_after_days: Vec<u16>,
    /// What happens when the last retry has failed.
    pub when_exhausted: EndAction,
    /// On which days reminders are sent, counted from the due date: -3 is three days before, 7 a week after.
    pub reminder_days: Vec<i16>,
    /// At which local time reminders are sent.
    pub reminder_time: NaiveTime,
}

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DunningPolicyError {
    /// Too many retries, or one too soon or too late.
    #[error("expected at most {RETRIES_MAX} retries, each after 1 to {RETRY_DAYS_MAX} days, found {found:?}")]
    Retries {
        /// The waits as they were given.
        found: Vec<u16>,
    },
    /// Too many reminders, or days that are not in order.
    #[error(
        "expected at most {REMINDERS_MAX} reminders on ascending days from {} to {}, found {found:?}",
        REMINDER_DAYS.start(),
        REMINDER_DAYS.end()
    )]
    Reminders {
        /// The days as they were given.
        found: Vec<i16>,
    },
}

impl Default for DunningPlan {
    /// Retries 3, 5 and 7 days after failure, then a pause; reminders 3 days before due and 1, 7 and 14 after, at nine.
    fn default() -> Self {
        DunningPlan {
            retry_after_days: vec![3, 5, 7],
            when_exhausted: EndAction::Pause,
            reminder_days: vec![-3, 1, 7, 14],
            reminder_time: NaiveTime::from_hms_opt(9, 0, 0).unwrap_or(NaiveTime::MIN),
        }
    }
}

impl TryFrom<DunningPlan> for DunningPolicy {
    type Error = DunningPolicyError;

    fn try_from(plan: DunningPlan) -> Result<Self, Self::Error> {
        let retries = &plan.retry_after_days;
        if retries.len() > RETRIES_MAX || !retries.iter().all(|days| (1..=RETRY_DAYS_MAX).contains(days)) {
            return Err(DunningPolicyError::Retries { found: plan.retry_after_days });
        }
        let reminders = &plan.reminder_days;
        let in_order = reminders.is_sorted_by(|earlier, later| earlier < later);
        if reminders.len() > REMINDERS_MAX || !in_order || !reminders.iter().all(|days| REMINDER_DAYS.contains(days)) {
            return Err(DunningPolicyError::Reminders { found: plan.reminder_days });
        }
        Ok(DunningPolicy { plan })
    }
}

impl From<DunningPolicy> for DunningPlan {
    fn from(policy: DunningPolicy) -> Self {
        policy.plan
    }
}

impl DunningPolicy {
    /// For each retry the wait since the failure before it, in local days.
    #[must_use]
    pub fn retry_after_days(&self) -> &[u16] {
        &self.plan.retry_after_days
    }

    /// What happens when the last retry has failed.
    #[must_use]
    pub fn when_exhausted(&self) -> EndAction {
        self.plan.when_exhausted
    }

    /// On which days reminders are sent, counted from the due date.
    #[must_use]
    pub fn reminder_days(&self) -> &[i16] {
        &self.plan.reminder_days
    }

    /// At which local time reminders are sent.
    #[must_use]
    pub fn reminder_time(&self) -> NaiveTime {
        self.plan.reminder_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<DunningPolicy, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn without_a_word_the_policy_is_that_of_the_design() {
        let policy = read("{}").unwrap();
        assert_eq!(policy, DunningPolicy::default());
        assert_eq!(policy.retry_after_days(), [3, 5, 7]);
        assert_eq!(policy.reminder_days(), [-3, 1, 7, 14]);
        assert_eq!(policy.reminder_time().to_string(), "09:00:00");
    }

    #[test]
    fn a_policy_is_read_as_it_is_written() {
        let policy = read(r#"{"reminder_days":[0],"reminder_time":"17:30","when_exhausted":"uncollectible"}"#).unwrap();
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"retry_after_days":[3,5,7],"when_exhausted":"uncollectible","#,
                r#""reminder_days":[0],"reminder_time":"17:30:00"}"#
            )
        );
        assert_eq!(read(&json).unwrap(), policy);
    }

    #[test]
    fn a_policy_may_ask_for_nothing_at_all() {
        let policy = read(r#"{"retry_after_days":[],"reminder_days":[]}"#).unwrap();
        assert!(policy.retry_after_days().is_empty() && policy.reminder_days().is_empty());
    }

    #[test]
    fn a_policy_beyond_the_limits_is_refused() {
        let refused = [
            r#"{"retry_after_days":[0]}"#,
            r#"{"retry_after_days":[61]}"#,
            r#"{"retry_after_days":[1,1,1,1,1,1,1,1,1,1,1]}"#,
            r#"{"reminder_days":[7,1]}"#,
            r#"{"reminder_days":[1,1]}"#,
            r#"{"reminder_days":[-91]}"#,
            r#"{"reminder_days":[366]}"#,
            r#"{"reminder_days":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]}"#,
            r#"{"reminder_time":"25:00"}"#,
            r#"{"retries":[3]}"#,
        ];
        for json in refused {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
