//! Extending a trial.

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;

use super::{Subscription, SubscriptionError};
use crate::Outcome;
use crate::calendar::local_date;

/// The longest trial: ten years.
const TRIAL_DAYS_MAX: Days = Days::new(3_653);

impl Subscription {
    /// Lets the trial last until `end_on`, where the first period begins from then on (M15).
    ///
    /// # Errors
    /// When no trial goes on, `end_on` is not after its end, or the subscription would end before it begins.
    pub fn extend_trial(
        &mut self,
        end_on: NaiveDate,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<Outcome<()>, SubscriptionError> {
        let known = self.schedule.anchor_on();
        let today = local_date(now, zone);
        let goes_on = self.next_period == 0 && today < known && self.end_on().is_none_or(|end_on| end_on > today);
        let Some(from) = self.trial_from.filter(|_| goes_on) else {
            return Err(SubscriptionError::NoTrial { subscription: self.id });
        };
        if end_on == known {
            return Ok(Outcome::AlreadyApplied);
        }
        if end_on < known || from.checked_add_days(TRIAL_DAYS_MAX).is_none_or(|last| end_on > last) {
            return Err(SubscriptionError::TrialEnd { from, known, found: end_on });
        }
        if let Some(ends_on) = self.ends_on.filter(|ends_on| *ends_on < end_on) {
            return Err(SubscriptionError::EndsBeforeStart { start_on: end_on, ends_on });
        }
        self.schedule = self.schedule.starting_on(end_on);
        self.plan(zone)?;
        Ok(Outcome::Applied(()))
    }
}
