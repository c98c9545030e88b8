//! How often something is due.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What an interval counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalUnit {
    /// Civil days.
    Day,
    /// Seven days.
    Week,
    /// Calendar months.
    Month,
    /// Calendar years.
    Year,
}

impl IntervalUnit {
    /// The most of them that an interval may have: ten years.
    const fn count_max(self) -> u16 {
        match self {
            IntervalUnit::Day => 3_650,
            IntervalUnit::Week => 520,
            IntervalUnit::Month => 120,
            IntervalUnit::Year => 10,
        }
    }

    pub(super) const fn plural(self) -> &'static str {
        match self {
            IntervalUnit::Day => "days",
            IntervalUnit::Week => "weeks",
            IntervalUnit::Month => "months",
            IntervalUnit::Year => "years",
        }
    }
}

/// A number of days, weeks, months or years; `{"unit":"month","count":3}` is a quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Interval {
    unit: IntervalUnit,
    count: u16,
}

/// A count that makes no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected an interval of 1 to {} {}, found {found}", .unit.count_max(), .unit.plural())]
pub struct IntervalError {
    unit: IntervalUnit,
    found: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    unit: IntervalUnit,
    #[serde(default = "one")]
    count: u16,
}

const fn one() -> u16 {
    1
}

impl TryFrom<Fields> for Interval {
    type Error = IntervalError;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        Interval::try_new(fields.unit, fields.count)
    }
}

/// The step from one boundary of a schedule to the next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Days(i64),
    Months(i64),
}

impl Interval {
    /// Every day.
    pub const DAILY: Interval = Interval { unit: IntervalUnit::Day, count: 1 };
    /// Every week.
    pub const WEEKLY: Interval = Interval { unit: IntervalUnit::Week, count: 1 };
    /// Every month.
    pub const MONTHLY: Interval = Interval { unit: IntervalUnit::Month, count: 1 };
    /// Every three months.
    pub const QUARTERLY: Interval = Interval { unit: IntervalUnit::Month, count: 3 };
    /// Every year.
    pub const YEARLY: Interval = Interval { unit: IntervalUnit::Year, count: 1 };

    /// So many units.
    ///
    /// # Errors
    /// [`IntervalError`] for none of them and for more than ten years.
    pub fn try_new(unit: IntervalUnit, count: u16) -> Result<Interval, IntervalError> {
        if (1..=unit.count_max()).contains(&count) {
            Ok(Interval { unit, count })
        } else {
            Err(IntervalError { unit, found: count })
        }
    }

    /// What it counts in.
    #[must_use]
    pub const fn unit(self) -> IntervalUnit {
        self.unit
    }

    /// How many of them, at least one.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.count
    }

    pub(super) fn step(self) -> Step {
        let count = i64::from(self.count);
        match self.unit {
            IntervalUnit::Day => Step::Days(count),
            IntervalUnit::Week => Step::Days(count.saturating_mul(7)),
            IntervalUnit::Month => Step::Months(count),
            IntervalUnit::Year => Step::Months(count.saturating_mul(12)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_between_one_unit_and_ten_years() {
        for (unit, max) in [
            (IntervalUnit::Day, 3_650),
            (IntervalUnit::Week, 520),
            (IntervalUnit::Month, 120),
            (IntervalUnit::Year, 10),
        ] {
            assert!(Interval::try_new(unit, 0).is_err());
            assert!(Interval::try_new(unit, 1).is_ok());
            assert!(Interval::try_new(unit, max).is_ok());
            assert!(Interval::try_new(unit, max + 1).is_err());
        }
        let error = Interval::try_new(IntervalUnit::Month, 121).unwrap_err();
        assert_eq!(error.to_string(), "expected an interval of 1 to 120 months, found 121");
    }

    #[test]
    fn an_interval_is_read_as_it_is_written() {
        let json = serde_json::to_string(&Interval::QUARTERLY).unwrap();
        assert_eq!(json, r#"{"unit":"month","count":3}"#);
        assert_eq!(serde_json::from_str::<Interval>(&json).unwrap(), Interval::QUARTERLY);
        assert_eq!(serde_json::from_str::<Interval>(r#"{"unit":"year"}"#).unwrap(), Interval::YEARLY);
    }

    #[test]
    fn json_that_makes_no_interval_is_refused() {
        for json in [
            r#"{"unit":"month","count":0}"#,
            r#"{"unit":"fortnight","count":1}"#,
            r#"{"unit":"month","count":-1}"#,
            r#"{"unit":"month","every":2}"#,
            r#"{"count":1}"#,
        ] {
            assert!(serde_json::from_str::<Interval>(json).is_err(), "{json}");
        }
    }
}
