//! The sequence of billing periods that an anchor and an interval make.

use chrono::{Datelike, NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::interval::Step;
use super::{Interval, IntervalUnit, Period};

/// When the billing periods of a subscription begin and end.
///
/// The periods are numbered from zero and tile the time from the anchor on: no hole, no overlap, none empty. Each is
/// computed from the anchor and never from the one before, so a month that is too short shortens only itself.
///
/// ```
/// use saldo_billing::period::{Interval, Schedule};
///
/// let schedule = Schedule::try_new("2027-01-31".parse()?, None, Interval::MONTHLY)?;
/// let starts: Vec<String> = (0..4).map(|n| schedule.period(n).unwrap().start_on().to_string()).collect();
/// assert_eq!(starts, ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With an anchor day the periods begin on that day of the month. Where the start is another day, the first period is
/// what remains until then, and [`Schedule::full_period`] tells what it is a part of:
///
/// ```
/// use saldo_billing::period::{Interval, Schedule};
///
/// let schedule = Schedule::try_new("2024-02-04".parse()?, Some(1), Interval::MONTHLY)?;
/// let first = schedule.period(0)?;
/// assert_eq!(first.to_string(), "2024-02-04 to 2024-02-29");
/// assert_eq!(first.share_of(schedule.full_period(0)?)?.to_string(), "26/29");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// After a trial the schedule starts on the day on which the trial ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Schedule {
    anchor_on: NaiveDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    anchor_day: Option<u8>,
    interval: Interval,
}

/// Why there is no such schedule or period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PeriodError {
    /// The anchor day is not a day of any month.
    #[error("expected an anchor day from 1 to 31, found {found}")]
    AnchorDay {
        /// The day that was given.
        found: u8,
    },
    /// An anchor day was given for an interval in days or weeks.
    #[error("expected an anchor day only with months or years, found one with {}", .unit.plural())]
    AnchorDayWithoutMonths {
        /// The unit of the interval.
        unit: IntervalUnit,
    },
    /// The period lies beyond the dates that the calendar knows.
    #[error("expected a period within the calendar, found number {number} from {anchor_on}")]
    BeyondCalendar {
        /// Where the schedule starts.
        anchor_on: NaiveDate,
        /// The number of the period.
        number: u32,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    anchor_on: NaiveDate,
    #[serde(default)]
    anchor_day: Option<u8>,
    interval: Interval,
}

impl TryFrom<Fields> for Schedule {
    type Error = PeriodError;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        Schedule::try_new(fields.anchor_on, fields.anchor_day, fields.interval)
    }
}

impl Schedule {
    /// Periods from `anchor_on`, which begin on `anchor_day` of their month, or on the day of `anchor_on`.
    ///
    /// In a month that does not have the day, a period begins on the month's last.
    ///
    /// # Errors
    /// [`PeriodError::AnchorDay`], [`PeriodError::AnchorDayWithoutMonths`].
    pub fn try_new(anchor_on: NaiveDate, anchor_day: Option<u8>, interval: Interval) -> Result<Schedule, PeriodError> {
        if let Some(found) = anchor_day.filter(|day| !(1..=31).contains(day)) {
            return Err(PeriodError::AnchorDay { found });
        }
        match (interval.unit(), anchor_day) {
            (unit @ (IntervalUnit::Day | IntervalUnit::Week), Some(_)) => {
                Err(PeriodError::AnchorDayWithoutMonths { unit })
            }
            (_, anchor_day) => Ok(Schedule { anchor_on, anchor_day, interval }),
        }
    }

    /// The same schedule from another day: of a subscription whose trial was extended.
    #[must_use]
    pub fn starting_on(self, anchor_on: NaiveDate) -> Schedule {
        Schedule { anchor_on, ..self }
    }

    /// The day on which the first period begins.
    #[must_use]
    pub fn anchor_on(self) -> NaiveDate {
        self.anchor_on
    }

    /// The day of the month on which periods begin, where it was set apart from the anchor.
    #[must_use]
    pub fn anchor_day(self) -> Option<u8> {
        self.anchor_day
    }

    /// How often a period begins.
    #[must_use]
    pub fn interval(self) -> Interval {
        self.interval
    }

    /// The period with this number, counted from zero.
    ///
    /// # Errors
    /// [`PeriodError::BeyondCalendar`].
    pub fn period(self, number: u32) -> Result<Period, PeriodError> {
        let period = || {
            let index = i64::from(number).checked_sub(self.first_regular()?)?;
            let start_on = if number == 0 { self.anchor_on } else { self.boundary(index)? };
            Period::try_new(start_on, self.boundary(index.checked_add(1)?)?).ok()
        };
        period().ok_or(PeriodError::BeyondCalendar { anchor_on: self.anchor_on, number })
    }

    /// The period of full length that the period with this number is, or is the end of.
    ///
    /// Only the first can be shorter: when the schedule does not start on its anchor day.
    ///
    /// # Errors
    /// [`PeriodError::BeyondCalendar`].
    pub fn full_period(self, number: u32) -> Result<Period, PeriodError> {
        let period = || {
            let index = i64::from(number).checked_sub(self.first_regular()?)?;
            Period::try_new(self.boundary(index)?, self.boundary(index.checked_add(1)?)?).ok()
        };
        period().ok_or(PeriodError::BeyondCalendar { anchor_on: self.anchor_on, number })
    }

    /// The period that the day is part of, with its number; `None` before the anchor.
    #[must_use]
    pub fn period_containing(self, date: NaiveDate) -> Option<(u32, Period)> {
        if date < self.anchor_on {
            return None;
        }
        let number = self.index_at(date)?.checked_add(self.first_regular()?)?.max(0);
        let number = u32::try_from(number).ok()?;
        Some((number, self.period(number).ok()?))
    }

    /// The number of the first period that begins on a regular boundary: 1 when a shorter one comes before, else 0.
    ///
    /// Regular boundaries are indexed from the first that is not before the anchor, so period `n` begins at boundary
    /// `n - first_regular`; a shorter first period would have begun at boundary -1.
    fn first_regular(self) -> Option<i64> {
        Some(if self.boundary(0)? == self.anchor_on { 0 } else { 1 })
    }

    /// The regular boundary with this index.
    fn boundary(self, index: i64) -> Option<NaiveDate> {
        match self.interval.step() {
            Step::Days(days) => self.anchor_on.checked_add_signed(TimeDelta::try_days(days.checked_mul(index)?)?),
            Step::Months(months) => {
                day_of_month(self.first_month()?.checked_add(months.checked_mul(index)?)?, self.day())
            }
        }
    }

    /// The index of the last regular boundary that is not after the date.
    fn index_at(self, date: NaiveDate) -> Option<i64> {
        let index = match self.interval.step() {
            Step::Days(days) => date.signed_duration_since(self.anchor_on).num_days().checked_div_euclid(days)?,
            Step::Months(months) => month_number(date).checked_sub(self.first_month()?)?.checked_div_euclid(months)?,
        };
        // The boundary within the month of the date can still be to come.
        if self.boundary(index)? <= date { Some(index) } else { index.checked_sub(1) }
    }

    /// The month of the first regular boundary: that of the anchor, or the next when the anchor day has passed in it.
    fn first_month(self) -> Option<i64> {
        let month = month_number(self.anchor_on);
        if day_of_month(month, self.day())? < self.anchor_on { month.checked_add(1) } else { Some(month) }
    }

    /// The day of the month on which periods begin where the month has it.
    fn day(self) -> u32 {
        self.anchor_day.map_or(self.anchor_on.day(), u32::from)
    }
}

/// Months counted through the years, so that they can be added to.
fn month_number(date: NaiveDate) -> i64 {
    i64::from(date.year()).saturating_mul(12).saturating_add(i64::from(date.month0()))
}

/// The day of a month, or the month's last day where it has fewer.
fn day_of_month(month_number: i64, day: u32) -> Option<NaiveDate> {
    let year = i32::try_from(month_number.checked_div_euclid(12)?).ok()?;
    let month = u32::try_from(month_number.checked_rem_euclid(12)?.checked_add(1)?).ok()?;
    (0..=3).find_map(|missing| NaiveDate::from_ymd_opt(year, month, day.checked_sub(missing)?))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows stops, and should")]
mod tests;
