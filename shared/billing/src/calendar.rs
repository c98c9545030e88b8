//! Where civil dates and times lie on the time line.
//!
//! A day belongs to a zone. It begins at its first valid instant, which is midnight unless the clocks jump over midnight
//! that night, as they do in Santiago, Cairo and Beirut; it may last 23, 24 or 25 hours.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

/// The date that calendars in `zone` show at this instant.
///
/// ```
/// use chrono::{NaiveDate, TimeZone, Utc};
/// use saldo_billing::calendar;
///
/// let late_evening = Utc.with_ymd_and_hms(2026, 9, 30, 23, 10, 0).unwrap();
/// let date = calendar::local_date(late_evening, chrono_tz::Europe::Paris);
/// assert_eq!(date.to_string(), "2026-10-01");
/// ```
#[must_use]
pub fn local_date(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The first instant of a day.
///
/// ```
/// use chrono::NaiveDate;
/// use saldo_billing::calendar;
///
/// // In Beirut the clocks went from 23:59:59 to 01:00 that night.
/// let date = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap();
/// let start = calendar::start_of_day(date, chrono_tz::Asia::Beirut);
/// assert_eq!(start.to_rfc3339(), "2026-03-28T22:00:00+00:00");
/// ```
#[must_use]
pub fn start_of_day(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    at_local_time(date, NaiveTime::MIN, zone)
}

/// The first instant of a day at which its clocks show `time` or, where they jump over it, a later time.
///
/// A time that comes twice, because the clocks are set back, counts when it comes first.
#[must_use]
pub fn at_local_time(date: NaiveDate, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let local = date.and_time(time);
    zone.from_local_datetime(&local)
        .earliest()
        .or_else(|| GapInfo::new(&local, &zone)?.end)
        // Only the very last dates that chrono knows have no place in every zone.
        .map_or_else(|| local.and_utc(), |at| at.with_timezone(&Utc))
}

/// The instants of a day, from its first to the first of the next day, which is not part of it.
///
/// ```
/// use chrono::NaiveDate;
/// use saldo_billing::calendar;
///
/// let date = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap();
/// let day = calendar::day(date, chrono_tz::Europe::Paris);
/// assert_eq!((day.end - day.start).num_hours(), 23);
/// ```
#[must_use]
pub fn day(date: NaiveDate, zone: Tz) -> Range<DateTime<Utc>> {
    start_of_day(date, zone)..start_of_day(date.succ_opt().unwrap_or(date), zone)
}

/// What the clocks of `zone` show at this instant, date and time.
#[must_use]
pub fn local_time(at: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows stops, and should")]
mod tests {
    use chrono::TimeDelta;
    use chrono_tz::{Africa, America, Asia, Europe, Pacific, TZ_VARIANTS};
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn time(text: &str) -> NaiveTime {
        text.parse().unwrap()
    }

    #[test]
    fn t5_a_late_evening_in_utc_is_the_next_day_in_paris() {
        assert_eq!(local_date(at("2026-09-30T23:10:00Z"), Europe::Paris), date("2026-10-01"));
        assert_eq!(local_date(at("2026-09-30T21:59:59Z"), Europe::Paris), date("2026-09-30"));
        assert_eq!(local_date(at("2026-09-30T22:00:00Z"), Europe::Paris), date("2026-10-01"));
    }

    #[test]
    fn t6_the_day_on_which_summer_time_begins_in_paris_has_23_hours() {
        let day = day(date("2026-03-29"), Europe::Paris);
        assert_eq!(day, at("2026-03-28T23:00:00Z")..at("2026-03-29T22:00:00Z"));
    }

    #[test]
    fn the_day_on_which_summer_time_ends_in_paris_has_25_hours() {
        let day = day(date("2026-10-25"), Europe::Paris);
        assert_eq!(day, at("2026-10-24T22:00:00Z")..at("2026-10-25T23:00:00Z"));
    }

    #[test]
    fn t7_a_day_without_midnight_starts_at_its_first_valid_instant() {
        let starts = [
            (America::Santiago, "2026-09-06", "2026-09-06T04:00:00Z"),
            (Africa::Cairo, "2026-04-24", "2026-04-23T22:00:00Z"),
            (Asia::Beirut, "2026-03-29", "2026-03-28T22:00:00Z"),
        ];
        for (zone, on, expected) in starts {
            let start = start_of_day(date(on), zone);
            assert_eq!(start, at(expected), "{zone}");
            assert_eq!(local_time(start, zone), date(on).and_time(time("01:00:00")), "{zone}");
            let before = local_date(start - TimeDelta::seconds(1), zone);
            assert_eq!(before, date(on).pred_opt().unwrap(), "{zone}");
        }
    }

    #[test]
    fn a_midnight_that_comes_twice_starts_the_day_when_it_comes_first() {
        // In Havana the clocks go from 01:00 back to 00:00.
        let start = start_of_day(date("2026-11-01"), America::Havana);
        assert_eq!(start, at("2026-11-01T04:00:00Z"));
        assert_eq!(day(date("2026-11-01"), America::Havana).end, at("2026-11-02T05:00:00Z"));
    }

    #[test]
    fn a_day_that_a_zone_left_out_is_empty() {
        // Samoa went from 29 December straight to 31 December 2011.
        let left_out = day(date("2011-12-30"), Pacific::Apia);
        assert_eq!(left_out, at("2011-12-30T10:00:00Z")..at("2011-12-30T10:00:00Z"));
    }

    #[test]
    fn n13_a_time_within_the_hour_that_is_left_out_becomes_the_end_of_that_hour() {
        let local = |text| at_local_time(date("2026-03-29"), time(text), Europe::Paris);
        assert_eq!(local("01:59:59"), at("2026-03-29T00:59:59Z"));
        assert_eq!(local("02:00:00"), at("2026-03-29T01:00:00Z"));
        assert_eq!(local("02:30:00"), at("2026-03-29T01:00:00Z"));
        assert_eq!(local("03:00:00"), at("2026-03-29T01:00:00Z"));
        assert_eq!(local("09:00:00"), at("2026-03-29T07:00:00Z"));
    }

    #[test]
    fn n13_a_time_that_comes_twice_counts_once_and_first() {
        let local = |text| at_local_time(date("2026-10-25"), time(text), Europe::Paris);
        assert_eq!(local("02:30:00"), at("2026-10-25T00:30:00Z"));
        assert_eq!(local("09:00:00"), at("2026-10-25T08:00:00Z"));
    }

    #[test]
    fn the_ends_of_the_calendar_do_not_stop_the_program() {
        for zone in [Pacific::Kiritimati, Pacific::Pago_Pago] {
            assert!(!day(NaiveDate::MAX, zone).contains(&at("2026-01-01T00:00:00Z")));
            assert!(!day(NaiveDate::MIN, zone).contains(&at("2026-01-01T00:00:00Z")));
        }
    }

    proptest! {
        #[test]
        fn every_instant_of_a_day_has_its_date_in_every_zone(
            zone in prop::sample::select(&TZ_VARIANTS[..]),
            days in 0..4_000_i64,
            second in 0..86_400_i64,
        ) {
            let on = date("2026-01-01") + TimeDelta::days(days);
            let window = day(on, zone);
            prop_assert!(window.start < window.end);
            prop_assert_eq!(local_date(window.start, zone), on);
            prop_assert_eq!(local_date(window.end - TimeDelta::seconds(1), zone), on);
            let within = (window.start + TimeDelta::seconds(second)).min(window.end - TimeDelta::seconds(1));
            prop_assert_eq!(local_date(within, zone), on);
            let clock = NaiveTime::from_num_seconds_from_midnight_opt(second.try_into().unwrap(), 0).unwrap();
            let at = at_local_time(on, clock, zone);
            prop_assert!(window.contains(&at));
            prop_assert!(local_time(at, zone).time() >= clock);
        }
    }
}
