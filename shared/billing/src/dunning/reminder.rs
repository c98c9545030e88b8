//! When to remind a customer of an invoice, and by which step.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::DunningPolicy;
use crate::{calendar, terms};

/// A step on the way from a friendly word before the due date to the last one after it, in this order.
///
/// Its name (`before_due_3`, `due_today`, `overdue_7`) is the key under which a reminder is sent once, and is stable.
///
/// ```
/// use saldo_billing::dunning::ReminderStep;
///
/// let step: ReminderStep = "overdue_7".parse()?;
/// assert_eq!(step.days_from_due(), 7);
/// assert_eq!(ReminderStep::from_days(-3).to_string(), "before_due_3");
/// # Ok::<(), saldo_billing::dunning::ReminderStepError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReminderStep {
    days_from_due: i16,
}

/// A text that names no reminder step.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a reminder step such as before_due_3, due_today or overdue_7, found {found:?}")]
pub struct ReminderStepError {
    found: String,
}

/// The invoice that reminders are about, as far as their times depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReminderSubject {
    /// The last day on which payment is in time.
    pub due_on: NaiveDate,
    /// The customer's zone.
    pub zone: Tz,
    /// When the invoice was issued: no step before that is caught up, for the invoice itself has just been sent.
    pub issued_at: DateTime<Utc>,
    /// The last step that was sent or passed over.
    pub last_step: Option<ReminderStep>,
}

/// What there is to do about reminders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextReminder {
    /// Send this one now; the steps before it that were missed are passed over.
    Send(ReminderStep),
    /// Look again then.
    WaitUntil(DateTime<Utc>),
    /// No step is left.
    Finished,
}

impl ReminderStep {
    /// The step so many days after the due date, or before it when negative.
    #[must_use]
    pub const fn from_days(days_from_due: i16) -> ReminderStep {
        ReminderStep { days_from_due }
    }

    /// Days after the due date; negative before it.
    #[must_use]
    pub const fn days_from_due(self) -> i16 {
        self.days_from_due
    }

    /// Whether it says that the invoice is overdue, and not that it will be due.
    #[must_use]
    pub const fn is_overdue(self) -> bool {
        self.days_from_due > 0
    }
}

impl fmt::Display for ReminderStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.days_from_due {
            0 => f.write_str("due_today"),
            days if days < 0 => write!(f, "before_due_{}", days.unsigned_abs()),
            days => write!(f, "overdue_{days}"),
        }
    }
}

impl FromStr for ReminderStep {
    type Err = ReminderStepError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let days = match (name.strip_prefix("before_due_"), name.strip_prefix("overdue_")) {
            (Some(days), _) => days.parse::<i16>().ok().and_then(i16::checked_neg),
            (None, Some(days)) => days.parse().ok(),
            (None, None) => (name == "due_today").then_some(0),
        };
        // Only the one spelling: no `overdue_07`, no `overdue_-1`.
        days.map(ReminderStep::from_days)
            .filter(|step| step.to_string() == name)
            .ok_or_else(|| ReminderStepError { found: name.chars().take(40).collect() })
    }
}

impl TryFrom<String> for ReminderStep {
    type Error = ReminderStepError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<ReminderStep> for String {
    fn from(step: ReminderStep) -> Self {
        step.to_string()
    }
}

/// The steps for an invoice due on `due_on`, and when each is sent: at the policy's local time of its day.
///
/// ```
/// use saldo_billing::dunning::{DunningPolicy, reminder_schedule};
///
/// let schedule = reminder_schedule("2027-03-10".parse()?, chrono_tz::Asia::Tokyo, &DunningPolicy::default());
/// let (step, at) = schedule[1];
/// assert_eq!((step.to_string(), at.to_rfc3339()), ("overdue_1".into(), "2027-03-11T00:00:00+00:00".into()));
/// # Ok::<(), chrono::ParseError>(())
/// ```
#[must_use]
pub fn reminder_schedule(due_on: NaiveDate, zone: Tz, policy: &DunningPolicy) -> Vec<(ReminderStep, DateTime<Utc>)> {
    let days = policy.reminder_days().iter();
    days.filter_map(|days| {
        let on = due_on.checked_add_signed(TimeDelta::try_days((*days).into())?)?;
        Some((ReminderStep::from_days(*days), calendar::at_local_time(on, policy.reminder_time(), zone)))
    })
    .collect()
}

impl DunningPolicy {
    /// What there is to do at `now`.
    ///
    /// After an outage, or for an invoice made late, only the latest step whose time has come is sent. A step before
    /// the due date is not sent once the invoice is overdue, nor when its time was over before the invoice was issued.
    /// After [`NextReminder::Send`] ask again with that step as the last.
    #[must_use]
    pub fn next_reminder(&self, subject: &ReminderSubject, now: DateTime<Utc>) -> NextReminder {
        let overdue_from = terms::overdue_from(subject.due_on, subject.zone);
        let still_fits = |step: ReminderStep, at| step.is_overdue() || (at > subject.issued_at && now < overdue_from);
        let mut latest_past = None;
        for (step, at) in reminder_schedule(subject.due_on, subject.zone, self) {
            if Some(step) <= subject.last_step {
                continue;
            }
            if at <= now {
                latest_past = Some((step, at));
                continue;
            }
            return match latest_past {
                Some((step, past)) if still_fits(step, past) => NextReminder::Send(step),
                Some(_) | None => NextReminder::WaitUntil(at),
            };
        }
        match latest_past {
            Some((step, past)) if still_fits(step, past) => NextReminder::Send(step),
            Some(_) | None => NextReminder::Finished,
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows stops, and should")]
mod tests {
    use chrono_tz::{Africa, America, Europe};
    use proptest::prelude::*;

    use super::*;
    use crate::dunning::DunningPlan;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn step(name: &str) -> ReminderStep {
        name.parse().unwrap()
    }

    /// Issued on 1 March in Berlin, due on the 10th: steps on the 7th, 11th, 17th and 24th at 08:00Z.
    fn subject(last_step: Option<&str>) -> ReminderSubject {
        ReminderSubject {
            due_on: date("2027-03-10"),
            zone: Europe::Berlin,
            issued_at: at("2027-03-01T10:00:00Z"),
            last_step: last_step.map(step),
        }
    }

    fn next(last_step: Option<&str>, now: &str) -> NextReminder {
        DunningPolicy::default().next_reminder(&subject(last_step), at(now))
    }

    #[test]
    fn each_step_comes_at_nine_of_its_local_day() {
        let schedule = reminder_schedule(date("2027-03-10"), Europe::Berlin, &DunningPolicy::default());
        let expected = [
            (step("before_due_3"), at("2027-03-07T08:00:00Z")),
            (step("overdue_1"), at("2027-03-11T08:00:00Z")),
            (step("overdue_7"), at("2027-03-17T08:00:00Z")),
            (step("overdue_14"), at("2027-03-24T08:00:00Z")),
        ];
        assert_eq!(schedule, expected);
    }

    #[test]
    fn a_step_is_sent_when_its_time_has_come_and_not_before() {
        assert_eq!(next(None, "2027-03-07T07:59:59Z"), NextReminder::WaitUntil(at("2027-03-07T08:00:00Z")));
        assert_eq!(next(None, "2027-03-07T08:00:00Z"), NextReminder::Send(step("before_due_3")));
    }

    #[test]
    fn n11_a_step_that_was_sent_is_not_sent_again_by_any_later_tick() {
        let waits = NextReminder::WaitUntil(at("2027-03-11T08:00:00Z"));
        assert_eq!(next(Some("before_due_3"), "2027-03-07T08:00:00Z"), waits);
        assert_eq!(next(Some("before_due_3"), "2027-03-11T07:00:00Z"), waits);
        assert_eq!(next(Some("overdue_14"), "2027-04-30T08:00:00Z"), NextReminder::Finished);
    }

    #[test]
    fn after_an_outage_only_the_latest_step_is_sent() {
        assert_eq!(next(Some("before_due_3"), "2027-03-18T08:00:00Z"), NextReminder::Send(step("overdue_7")));
        assert_eq!(
            next(Some("overdue_7"), "2027-03-18T08:00:00Z"),
            NextReminder::WaitUntil(at("2027-03-24T08:00:00Z"))
        );
        assert_eq!(next(None, "2027-06-01T08:00:00Z"), NextReminder::Send(step("overdue_14")));
    }

    #[test]
    fn a_word_before_the_due_date_is_not_sent_after_it() {
        // An outage from the 6th to the 11th; local midnight is at 23:00Z.
        assert_eq!(next(None, "2027-03-10T22:59:59Z"), NextReminder::Send(step("before_due_3")));
        assert_eq!(next(None, "2027-03-10T23:00:00Z"), NextReminder::WaitUntil(at("2027-03-11T08:00:00Z")));
    }

    #[test]
    fn n12_an_invoice_made_late_is_reminded_of_from_the_latest_step_on() {
        let late = ReminderSubject { issued_at: at("2027-03-08T10:00:00Z"), ..subject(None) };
        let policy = DunningPolicy::default();
        let next = |now| policy.next_reminder(&late, at(now));
        assert_eq!(next("2027-03-08T10:00:00Z"), NextReminder::WaitUntil(at("2027-03-11T08:00:00Z")));
        assert_eq!(next("2027-03-11T08:00:00Z"), NextReminder::Send(step("overdue_1")));
        let very_late = ReminderSubject { issued_at: at("2027-03-20T10:00:00Z"), ..subject(None) };
        let sent = policy.next_reminder(&very_late, at("2027-03-20T10:00:00Z"));
        assert_eq!(sent, NextReminder::Send(step("overdue_7")));
    }

    #[test]
    fn a_policy_that_only_reminds_before_the_due_date_finishes_with_it() {
        let plan = DunningPlan { reminder_days: vec![-3, 0], ..DunningPlan::default() };
        let policy = DunningPolicy::try_from(plan).unwrap();
        let next = |now| policy.next_reminder(&subject(None), at(now));
        assert_eq!(next("2027-03-10T08:00:00Z"), NextReminder::Send(step("due_today")));
        assert_eq!(next("2027-03-11T08:00:00Z"), NextReminder::Finished);
    }

    #[test]
    fn n13_on_a_clock_change_day_a_step_comes_once_at_the_first_valid_instant() {
        let at_local = |time: &str, on: &str, zone| {
            let plan =
                DunningPlan { reminder_days: vec![0], reminder_time: time.parse().unwrap(), ..DunningPlan::default() };
            let schedule = reminder_schedule(date(on), zone, &DunningPolicy::try_from(plan).unwrap());
            assert_eq!(schedule.len(), 1);
            schedule[0].1
        };
        assert_eq!(at_local("09:00", "2026-03-29", Europe::Paris), at("2026-03-29T07:00:00Z"));
        assert_eq!(at_local("09:00", "2026-10-25", Europe::Paris), at("2026-10-25T08:00:00Z"));
        assert_eq!(at_local("02:30", "2026-03-29", Europe::Paris), at("2026-03-29T01:00:00Z"));
        assert_eq!(at_local("02:30", "2026-10-25", Europe::Paris), at("2026-10-25T00:30:00Z"));
        assert_eq!(at_local("00:15", "2026-04-24", Africa::Cairo), at("2026-04-23T22:00:00Z"));
        assert_eq!(at_local("00:15", "2026-09-06", America::Santiago), at("2026-09-06T04:00:00Z"));
    }

    #[test]
    fn a_step_has_one_name_and_only_that_is_read() {
        for name in ["before_due_3", "due_today", "overdue_1", "overdue_365"] {
            assert_eq!(step(name).to_string(), name);
            let json = serde_json::to_string(&step(name)).unwrap();
            assert_eq!(json, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<ReminderStep>(&json).unwrap(), step(name));
        }
        for name in
            ["", "overdue", "overdue_", "overdue_0", "overdue_-1", "overdue_07", "before_due_0", "before_due_+3"]
        {
            assert!(name.parse::<ReminderStep>().is_err(), "{name}");
        }
        assert!(step("before_due_3") < step("due_today") && step("due_today") < step("overdue_1"));
    }

    proptest! {
        #[test]
        fn hourly_ticks_send_each_step_at_most_once_and_in_order_through_any_outage(
            outages in prop::collection::vec((0..1_200_u32, 1..300_u32), 0..4), issued_hour in 0..700_u32,
        ) {
            let policy = DunningPolicy::default();
            let start = at("2027-02-15T00:00:00Z");
            let issued_at = start + TimeDelta::hours(issued_hour.into());
            let mut subject = ReminderSubject { issued_at, ..subject(None) };
            for hour in issued_hour..1_200 {
                if outages.iter().any(|(from, hours)| (*from..from + hours).contains(&hour)) {
                    continue;
                }
                let now = start + TimeDelta::hours(hour.into());
                if let NextReminder::Send(step) = policy.next_reminder(&subject, now) {
                    prop_assert!(Some(step) > subject.last_step);
                    prop_assert_eq!(step.is_overdue(), now >= terms::overdue_from(subject.due_on, subject.zone));
                    subject.last_step = Some(step);
                    prop_assert!(!matches!(policy.next_reminder(&subject, now), NextReminder::Send(_)));
                }
            }
        }
    }
}
