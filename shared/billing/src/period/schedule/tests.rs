use proptest::prelude::*;
use saldo_money::Ratio;

use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn schedule(anchor_on: &str, anchor_day: Option<u8>, interval: Interval) -> Schedule {
    Schedule::try_new(date(anchor_on), anchor_day, interval).unwrap()
}

fn monthly(anchor_on: &str) -> Schedule {
    schedule(anchor_on, None, Interval::MONTHLY)
}

fn starts(schedule: Schedule, count: u32) -> Vec<String> {
    (0..count).map(|number| schedule.period(number).unwrap().start_on().to_string()).collect()
}

#[test]
fn m1_a_month_from_the_31st_ends_on_the_last_day_of_shorter_months() {
    assert_eq!(
        starts(monthly("2027-01-31"), 15),
        [
            "2027-01-31",
            "2027-02-28",
            "2027-03-31",
            "2027-04-30",
            "2027-05-31",
            "2027-06-30",
            "2027-07-31",
            "2027-08-31",
            "2027-09-30",
            "2027-10-31",
            "2027-11-30",
            "2027-12-31",
            "2028-01-31",
            "2028-02-29",
            "2028-03-31",
        ]
    );
}

#[test]
fn m2_a_month_from_the_30th_comes_back_to_the_30th_after_february() {
    let starts = starts(monthly("2027-01-30"), 15);
    assert_eq!(starts[1..3], ["2027-02-28", "2027-03-30"]);
    assert_eq!(starts[13..15], ["2028-02-29", "2028-03-30"]);
}

#[test]
fn m5_a_month_from_28_february_stays_on_the_28th() {
    let starts = starts(monthly("2027-02-28"), 13);
    assert!(starts.iter().all(|start| start.ends_with("-28")), "{starts:?}");
}

#[test]
fn m8_a_start_on_28_february_with_anchor_day_31_goes_on_at_the_ends_of_months() {
    let schedule = schedule("2027-02-28", Some(31), Interval::MONTHLY);
    assert_eq!(starts(schedule, 4), ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]);
    assert_eq!(schedule.full_period(0), schedule.period(0));
}

#[test]
fn a_year_from_29_february_comes_back_to_it_in_leap_years() {
    let starts = starts(schedule("2028-02-29", None, Interval::YEARLY), 5);
    assert_eq!(starts, ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]);
}

#[test]
fn quarters_and_weeks_step_from_the_anchor() {
    let quarters = schedule("2026-11-30", None, Interval::QUARTERLY);
    assert_eq!(starts(quarters, 4), ["2026-11-30", "2027-02-28", "2027-05-30", "2027-08-30"]);
    let weeks = schedule("2026-12-28", None, Interval::try_new(IntervalUnit::Week, 2).unwrap());
    assert_eq!(starts(weeks, 3), ["2026-12-28", "2027-01-11", "2027-01-25"]);
}

#[test]
fn m9_february_is_a_full_period_of_a_monthly_plan() {
    let schedule = monthly("2027-01-01");
    let february = schedule.period(1).unwrap();
    assert_eq!(february.days(), 28);
    assert_eq!(february.share_of(schedule.full_period(1).unwrap()), Ok(Ratio::one()));
}

#[test]
fn p2_a_start_within_the_calendar_month_makes_a_shorter_first_period() {
    let schedule = schedule("2024-02-04", Some(1), Interval::MONTHLY);
    assert_eq!(starts(schedule, 3), ["2024-02-04", "2024-03-01", "2024-04-01"]);
    let (first, full) = (schedule.period(0).unwrap(), schedule.full_period(0).unwrap());
    assert_eq!((first.days(), full.days()), (26, 29));
    assert_eq!(full.start_on(), date("2024-02-01"));
    assert_eq!(schedule.full_period(1), schedule.period(1));
}

#[test]
fn a_shorter_first_period_ends_on_the_next_anchor_day_and_belongs_to_a_whole_interval() {
    let yearly = schedule("2027-03-10", Some(15), Interval::YEARLY);
    assert_eq!(starts(yearly, 3), ["2027-03-10", "2027-03-15", "2028-03-15"]);
    assert_eq!(yearly.full_period(0).unwrap().to_string(), "2026-03-15 to 2027-03-14");
    let before_the_end = schedule("2027-01-15", Some(31), Interval::MONTHLY);
    assert_eq!(starts(before_the_end, 3), ["2027-01-15", "2027-01-31", "2027-02-28"]);
}

#[test]
fn m15_a_trial_extended_over_the_end_of_the_month_moves_the_first_period() {
    let extended = monthly("2027-01-31").starting_on(date("2027-03-10"));
    assert_eq!(starts(extended, 2), ["2027-03-10", "2027-04-10"]);
    let with_day = schedule("2027-01-31", Some(31), Interval::MONTHLY).starting_on(date("2027-03-10"));
    assert_eq!(starts(with_day, 2), ["2027-03-10", "2027-03-31"]);
}

#[test]
fn a_day_finds_its_period() {
    let schedule = schedule("2024-02-04", Some(31), Interval::MONTHLY);
    let number = |day| schedule.period_containing(date(day)).map(|(number, _)| number);
    assert_eq!(number("2024-02-03"), None);
    assert_eq!(number("2024-02-04"), Some(0));
    assert_eq!(number("2024-02-28"), Some(0));
    assert_eq!(number("2024-02-29"), Some(1));
    assert_eq!(number("2024-03-30"), Some(1));
    assert_eq!(number("2024-03-31"), Some(2));
}

#[test]
fn an_anchor_day_must_be_one_and_belongs_to_months() {
    let made = |day, interval| Schedule::try_new(date("2027-01-01"), Some(day), interval);
    assert_eq!(made(0, Interval::MONTHLY), Err(PeriodError::AnchorDay { found: 0 }));
    assert_eq!(made(32, Interval::YEARLY), Err(PeriodError::AnchorDay { found: 32 }));
    assert_eq!(made(1, Interval::WEEKLY), Err(PeriodError::AnchorDayWithoutMonths { unit: IntervalUnit::Week }));
}

#[test]
fn beyond_the_calendar_there_is_an_error_and_no_period() {
    let schedule = schedule("2027-01-31", None, Interval::try_new(IntervalUnit::Year, 10).unwrap());
    let error = schedule.period(u32::MAX).unwrap_err();
    assert_eq!(error.to_string(), "expected a period within the calendar, found number 4294967295 from 2027-01-31");
    assert!(monthly("2027-01-31").starting_on(NaiveDate::MAX).period(0).is_err());
}

#[test]
fn a_schedule_is_read_as_it_is_written() {
    let with_day = schedule("2027-02-28", Some(31), Interval::MONTHLY);
    let json = serde_json::to_string(&with_day).unwrap();
    assert_eq!(json, r#"{"anchor_on":"2027-02-28","anchor_day":31,"interval":{"unit":"month","count":1}}"#);
    assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), with_day);
    let without = monthly("2027-02-28");
    let json = serde_json::to_string(&without).unwrap();
    assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), without);
    let refused = r#"{"anchor_on":"2027-02-28","anchor_day":0,"interval":{"unit":"month"}}"#;
    assert!(serde_json::from_str::<Schedule>(refused).is_err());
}

fn any_interval() -> impl Strategy<Value = Interval> {
    let of_days = prop_oneof![(Just(IntervalUnit::Day), 1..=400_u16), (Just(IntervalUnit::Week), 1..=60_u16)]
        .prop_map(|(unit, count)| Interval::try_new(unit, count).unwrap());
    prop_oneof![of_days, any_interval_of_months()]
}

fn any_interval_of_months() -> impl Strategy<Value = Interval> {
    prop_oneof![(Just(IntervalUnit::Month), 1..=24_u16), (Just(IntervalUnit::Year), 1..=3_u16)]
        .prop_map(|(unit, count)| Interval::try_new(unit, count).unwrap())
}

fn any_schedule(interval: impl Strategy<Value = Interval>) -> impl Strategy<Value = Schedule> {
    (interval, 0..3_000_i64, prop::option::of(1..=31_u8)).prop_map(|(interval, days, anchor_day)| {
        let anchor_on = date("2024-01-01") + TimeDelta::days(days);
        let anchor_day = anchor_day.filter(|_| matches!(interval.unit(), IntervalUnit::Month | IntervalUnit::Year));
        Schedule::try_new(anchor_on, anchor_day, interval).unwrap()
    })
}

proptest! {
    #[test]
    fn m8_periods_tile_ten_years_and_none_is_empty(schedule in any_schedule(any_interval())) {
        let ten_years_on = schedule.anchor_on() + TimeDelta::days(3_653);
        let mut reached = schedule.anchor_on();
        for number in 0.. {
            let period = schedule.period(number).unwrap();
            prop_assert_eq!(period.start_on(), reached);
            prop_assert!(period.days() > 0);
            let full = schedule.full_period(number).unwrap();
            prop_assert_eq!(full.end_on(), period.end_on());
            prop_assert!(full == period || (number == 0 && full.start_on() < period.start_on()));
            reached = period.end_on();
            if reached > ten_years_on {
                break;
            }
        }
    }

    #[test]
    fn every_day_is_in_the_period_that_it_finds(schedule in any_schedule(any_interval()), days in 0..3_653_i64) {
        let day = schedule.anchor_on() + TimeDelta::days(days);
        let (number, period) = schedule.period_containing(day).unwrap();
        prop_assert!(period.contains(day));
        prop_assert_eq!(schedule.period(number), Ok(period));
    }

    #[test]
    fn a_period_of_months_begins_on_its_day_or_on_the_last_of_a_month_that_lacks_it(
        schedule in any_schedule(any_interval_of_months()), number in 1..60_u32,
    ) {
        let day = schedule.anchor_day().map_or(schedule.anchor_on().day(), u32::from);
        let start = schedule.period(number).unwrap().start_on();
        let last_of_month = start.succ_opt().unwrap().day() == 1;
        prop_assert!(start.day() == day || (start.day() < day && last_of_month));
    }
}
