//! Billing periods: half-open spans of civil dates, each computed from the billing anchor.

mod interval;
mod schedule;

pub use interval::{Interval, IntervalError, IntervalUnit};
pub use schedule::{PeriodError, Schedule};

use std::fmt;

use chrono::NaiveDate;
use saldo_money::{Ratio, RatioError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A span of days, from `start_on` up to and without `end_on`; never empty.
///
/// ```
/// use chrono::NaiveDate;
/// use saldo_billing::period::Period;
///
/// let day = |text: &str| text.parse::<NaiveDate>().unwrap();
/// let february = Period::try_new(day("2024-02-01"), day("2024-03-01"))?;
/// assert_eq!(february.days(), 29);
/// let used = Period::try_new(day("2024-02-04"), day("2024-03-01"))?;
/// assert_eq!(used.share_of(february)?.to_string(), "26/29");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Period {
    start_on: NaiveDate,
    end_on: NaiveDate,
}

/// A period that would end before it has lasted a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a period that ends after {start_on}, found one that ends on {end_on}")]
pub struct EmptyPeriod {
    start_on: NaiveDate,
    end_on: NaiveDate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    start_on: NaiveDate,
    end_on: NaiveDate,
}

impl TryFrom<Fields> for Period {
    type Error = EmptyPeriod;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        Period::try_new(fields.start_on, fields.end_on)
    }
}

impl Period {
    /// The days from `start_on` up to and without `end_on`.
    ///
    /// # Errors
    /// [`EmptyPeriod`] when that is no day at all.
    pub fn try_new(start_on: NaiveDate, end_on: NaiveDate) -> Result<Period, EmptyPeriod> {
        if start_on < end_on { Ok(Period { start_on, end_on }) } else { Err(EmptyPeriod { start_on, end_on }) }
    }

    /// The first day.
    #[must_use]
    pub fn start_on(self) -> NaiveDate {
        self.start_on
    }

    /// The day after the last.
    #[must_use]
    pub fn end_on(self) -> NaiveDate {
        self.end_on
    }

    /// The last day, as people write it.
    #[must_use]
    pub fn last_day(self) -> NaiveDate {
        self.end_on.pred_opt().unwrap_or(self.end_on)
    }

    /// How many days; at least one.
    #[must_use]
    pub fn days(self) -> i64 {
        self.end_on.signed_duration_since(self.start_on).num_days()
    }

    /// Whether the day is one of the period.
    #[must_use]
    pub fn contains(self, date: NaiveDate) -> bool {
        self.start_on <= date && date < self.end_on
    }

    /// The part up to and with `last_day`; `None` when the period begins later.
    #[must_use]
    pub fn until(self, last_day: NaiveDate) -> Option<Period> {
        let end_on = last_day.succ_opt().map_or(self.end_on, |end_on| end_on.min(self.end_on));
        Period::try_new(self.start_on, end_on).ok()
    }

    /// The part from `first_day` on; `None` when the period ends before it.
    #[must_use]
    pub fn from(self, first_day: NaiveDate) -> Option<Period> {
        Period::try_new(first_day.max(self.start_on), self.end_on).ok()
    }

    /// Its days as a share of the days of `whole`.
    ///
    /// # Errors
    /// None: periods have at least a day. [`RatioError`] is what making a fraction can say.
    pub fn share_of(self, whole: Period) -> Result<Ratio, RatioError> {
        Ratio::of(self.days(), whole.days())
    }
}

impl fmt::Display for Period {
    /// From the first day to the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start_on, self.last_day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn period(start_on: &str, end_on: &str) -> Period {
        Period::try_new(date(start_on), date(end_on)).unwrap()
    }

    #[test]
    fn m10_an_end_date_is_the_last_day_included() {
        let january = period("2027-01-01", "2027-02-01");
        let cut = january.until(date("2027-01-10")).unwrap();
        assert_eq!((cut.days(), cut.last_day()), (10, date("2027-01-10")));
        assert_eq!(cut.end_on(), date("2027-01-11"));
        assert_eq!(january.until(date("2027-01-31")), Some(january));
        assert_eq!(january.until(date("2027-03-15")), Some(january));
        assert_eq!(january.until(date("2026-12-31")), None);
    }

    #[test]
    fn p8_ended_on_its_first_day_a_period_has_lasted_a_day() {
        let cut = period("2027-01-01", "2027-02-01").until(date("2027-01-01")).unwrap();
        assert_eq!(cut.days(), 1);
    }

    #[test]
    fn p2_a_period_that_begins_late_is_a_share_of_the_whole() {
        let february = period("2024-02-01", "2024-03-01");
        let late = february.from(date("2024-02-04")).unwrap();
        assert_eq!(late.share_of(february).unwrap(), Ratio::of(26, 29).unwrap());
        assert_eq!(february.from(date("2024-01-01")), Some(february));
        assert_eq!(february.from(date("2024-03-01")), None);
    }

    #[test]
    fn the_day_on_which_a_period_ends_is_not_part_of_it() {
        let period = period("2027-01-31", "2027-02-28");
        assert!(period.contains(date("2027-01-31")) && period.contains(date("2027-02-27")));
        assert!(!period.contains(date("2027-02-28")) && !period.contains(date("2027-01-30")));
        assert_eq!(period.to_string(), "2027-01-31 to 2027-02-27");
    }

    #[test]
    fn a_period_without_days_is_refused_also_in_json() {
        let error = Period::try_new(date("2027-01-01"), date("2027-01-01")).unwrap_err().to_string();
        assert_eq!(error, "expected a period that ends after 2027-01-01, found one that ends on 2027-01-01");
        assert!(serde_json::from_str::<Period>(r#"{"start_on":"2027-01-02","end_on":"2027-01-01"}"#).is_err());
    }

    #[test]
    fn a_period_is_read_as_it_is_written() {
        let period = period("2027-01-01", "2027-02-01");
        let json = serde_json::to_string(&period).unwrap();
        assert_eq!(json, r#"{"start_on":"2027-01-01","end_on":"2027-02-01"}"#);
        assert_eq!(serde_json::from_str::<Period>(&json).unwrap(), period);
    }
}
