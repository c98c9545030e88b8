//! Pausing and resuming a subscription, and the periods that are left out meanwhile.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Subscription, SubscriptionError};
use crate::Outcome;
use crate::calendar::local_date;

/// The periods that began during a pause, by number: they are not billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeftOut {
    from: u32,
    until: u32,
}

/// A pause, by the days of the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The first day.
    pub from: NaiveDate,
    /// The day on which it was resumed, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
}

impl Subscription {
    /// Stops billing until it is resumed.
    ///
    /// # Errors
    /// When the period leaves the calendar.
    pub fn pause(&mut self, zone: Tz, now: DateTime<Utc>) -> Result<Outcome<()>, SubscriptionError> {
        if self.paused_at.is_some() {
            return Ok(Outcome::AlreadyApplied);
        }
        self.paused_at = Some(now);
        self.pauses.push(Pause { from: local_date(now, zone), until: None });
        self.plan(zone)?;
        Ok(Outcome::Applied(()))
    }

    /// Bills again from the next period that begins; those that began during the pause are left out for good.
    ///
    /// # Errors
    /// When the period leaves the calendar.
    pub fn resume(&mut self, zone: Tz, now: DateTime<Utc>) -> Result<Outcome<()>, SubscriptionError> {
        let Some(paused_at) = self.paused_at.take() else { return Ok(Outcome::AlreadyApplied) };
        let (paused_on, today) = (local_date(paused_at, zone), local_date(now, zone));
        if let Some(pause) = self.pauses.last_mut() {
            pause.until = Some(today);
        }
        // One that was called off the same day was none.
        self.pauses.retain(|pause| pause.until.is_none_or(|until| pause.from < until));
        let begin = self.left_out.last().map_or(self.next_period, |earlier| earlier.until.max(self.next_period));
        // One that began before the pause is owed: it only was not billed yet.
        let from = self.first_period(begin, |start_on| start_on > paused_on || start_on >= today)?;
        let until = self.first_period(from, |start_on| start_on >= today)?;
        if from < until {
            self.left_out.push(LeftOut { from, until });
        }
        self.leave_out();
        self.plan(zone)?;
        Ok(Outcome::Applied(()))
    }

    /// The first period from `number` on whose first day is as asked for.
    fn first_period(&self, mut number: u32, is_it: impl Fn(NaiveDate) -> bool) -> Result<u32, SubscriptionError> {
        while !is_it(self.period(number)?.start_on()) {
            number = number.saturating_add(1);
        }
        Ok(number)
    }

    /// Goes past what was left out, once everything before is billed.
    pub(super) fn leave_out(&mut self) {
        while let Some(LeftOut { until, .. }) = self.left_out.first().filter(|first| first.from <= self.next_period) {
            self.next_period = self.next_period.max(*until);
            self.left_out.remove(0);
        }
    }

    /// Its pauses, the oldest first; the last may go on.
    #[must_use]
    pub fn pauses(&self) -> &[Pause] {
        &self.pauses
    }

    /// Since when it is paused, if it is.
    #[must_use]
    pub const fn paused_at(&self) -> Option<DateTime<Utc>> {
        self.paused_at
    }
}
