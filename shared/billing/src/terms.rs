//! When an invoice is due, and from when it is overdue.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::calendar;

/// The most days that terms may give.
const DAYS_MAX: u16 = 366;

/// How long the customer has: "net 30", or "end of month + 30", which counts from the end of the month of issue.
///
/// ```
/// use chrono::NaiveDate;
/// use saldo_billing::terms::NetTerms;
///
/// let issued_on = NaiveDate::from_ymd_opt(2027, 1, 15).unwrap();
/// assert_eq!(NetTerms::try_new(30, false)?.due_on(issued_on).to_string(), "2027-02-14");
/// assert_eq!(NetTerms::try_new(30, true)?.due_on(issued_on).to_string(), "2027-03-02");
/// assert_eq!(NetTerms::DUE_ON_ISSUE.due_on(issued_on), issued_on);
/// # Ok::<(), saldo_billing::terms::NetTermsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct NetTerms {
    days: u16,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    end_of_month: bool,
}

/// Why terms were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected terms of at most {DAYS_MAX} days, found {found}")]
pub struct NetTermsError {
    found: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    days: u16,
    #[serde(default)]
    end_of_month: bool,
}

impl TryFrom<Fields> for NetTerms {
    type Error = NetTermsError;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        NetTerms::try_new(fields.days, fields.end_of_month)
    }
}

impl NetTerms {
    /// Due on the day of issue.
    pub const DUE_ON_ISSUE: NetTerms = NetTerms { days: 0, end_of_month: false };

    /// So many days from the issue, or from the end of its month.
    ///
    /// # Errors
    /// [`NetTermsError`] for more than 366 days.
    pub fn try_new(days: u16, end_of_month: bool) -> Result<NetTerms, NetTermsError> {
        if days <= DAYS_MAX { Ok(NetTerms { days, end_of_month }) } else { Err(NetTermsError { found: days }) }
    }

    /// How many days.
    #[must_use]
    pub fn days(self) -> u16 {
        self.days
    }

    /// Whether the days count from the end of the month of issue.
    #[must_use]
    pub fn end_of_month(self) -> bool {
        self.end_of_month
    }

    /// The last day on which payment is in time.
    #[must_use]
    pub fn due_on(self, issued_on: NaiveDate) -> NaiveDate {
        let from = if self.end_of_month { last_of_month(issued_on) } else { issued_on };
        from.checked_add_days(Days::new(self.days.into())).unwrap_or(NaiveDate::MAX)
    }
}

/// The first instant at which an invoice due on `due_on` is overdue: the day after begins in the customer's zone.
#[must_use]
pub fn overdue_from(due_on: NaiveDate, zone: Tz) -> DateTime<Utc> {
    calendar::day(due_on, zone).end
}

fn last_of_month(date: NaiveDate) -> NaiveDate {
    let first = date.with_day(1);
    first.and_then(|first| first.checked_add_months(Months::new(1))?.pred_opt()).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use chrono_tz::{America, Asia, Europe};

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn due(days: u16, end_of_month: bool, issued_on: &str) -> String {
        NetTerms::try_new(days, end_of_month).unwrap().due_on(date(issued_on)).to_string()
    }

    #[test]
    fn m12_end_of_month_plus_30_counts_from_the_last_day_of_the_month_of_issue() {
        assert_eq!(due(30, true, "2027-01-15"), "2027-03-02");
        assert_eq!(due(30, true, "2027-01-31"), "2027-03-02");
        assert_eq!(due(30, true, "2028-01-15"), "2028-03-01");
        assert_eq!(due(0, true, "2028-02-01"), "2028-02-29");
        assert_eq!(due(0, true, "2027-12-31"), "2027-12-31");
    }

    #[test]
    fn net_days_count_from_the_day_of_issue() {
        assert_eq!(due(0, false, "2027-01-31"), "2027-01-31");
        assert_eq!(due(14, false, "2027-02-20"), "2027-03-06");
        assert_eq!(due(366, false, "2027-01-01"), "2028-01-02");
    }

    #[test]
    fn m13_due_on_the_third_means_overdue_from_the_fourth_at_local_midnight() {
        let from = |zone| overdue_from(date("2027-01-03"), zone).to_rfc3339();
        assert_eq!(from(Europe::Berlin), "2027-01-03T23:00:00+00:00");
        assert_eq!(from(Asia::Kolkata), "2027-01-03T18:30:00+00:00");
        assert_eq!(from(America::Los_Angeles), "2027-01-04T08:00:00+00:00");
    }

    #[test]
    fn overdue_begins_with_the_first_valid_instant_where_midnight_does_not_exist() {
        let from = overdue_from(date("2026-03-28"), Asia::Beirut);
        assert_eq!(from.with_timezone(&Asia::Beirut).to_rfc3339(), "2026-03-29T01:00:00+03:00");
    }

    #[test]
    fn terms_beyond_a_year_are_refused_also_in_json() {
        let error = NetTerms::try_new(367, false).unwrap_err();
        assert_eq!(error.to_string(), "expected terms of at most 366 days, found 367");
        assert!(serde_json::from_str::<NetTerms>(r#"{"days":367}"#).is_err());
        assert!(serde_json::from_str::<NetTerms>(r#"{"days":30,"eom":true}"#).is_err());
    }

    #[test]
    fn terms_are_read_as_they_are_written() {
        let terms = NetTerms::try_new(30, true).unwrap();
        let json = serde_json::to_string(&terms).unwrap();
        assert_eq!(json, r#"{"days":30,"end_of_month":true}"#);
        assert_eq!(serde_json::from_str::<NetTerms>(&json).unwrap(), terms);
        assert_eq!(serde_json::from_str::<NetTerms>(r#"{"days":0}"#).unwrap(), NetTerms::DUE_ON_ISSUE);
    }
}
