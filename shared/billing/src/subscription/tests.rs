use chrono::{Duration, TimeZone};
use chrono_tz::{Asia, Europe, Pacific};

use saldo_money::Money;

use super::*;
use crate::invoice::LineOrigin;
use crate::period::{Interval, IntervalUnit};
use crate::tax::TaxBehavior;

const BERLIN: Tz = Europe::Berlin;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Noon of a day in Berlin.
fn noon(on: &str) -> DateTime<Utc> {
    BERLIN.from_local_datetime(&day(on).and_hms_opt(12, 0, 0).unwrap()).unwrap().to_utc()
}

fn item(unit_amount: &str, quantity: &str) -> SubscriptionItem {
    SubscriptionItem {
        price: PriceId::from_random(1),
        product: ProductId::from_random(1),
        description: "Team".to_owned(),
        unit_amount: unit_amount.parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        tax_rate: "0.19".parse().unwrap(),
        tax_behavior: TaxBehavior::Exclusive,
    }
}

fn new(start_on: &str, interval: Interval) -> NewSubscription {
    NewSubscription {
        id: SubscriptionId::from_random(1),
        customer: CustomerId::from_random(2),
        seller: SellerId::from_random(3),
        currency: Currency::EUR,
        items: vec![item("31.00", "1")],
        schedule: Schedule::try_new(day(start_on), None, interval).unwrap(),
        trial_from: None,
        ends_on: None,
        collection: Collection::Automatic,
        terms: NetTerms::try_new(0, false).unwrap(),
        started_as: Standing::Only,
    }
}

fn monthly(start_on: &str) -> Subscription {
    Subscription::try_new(new(start_on, Interval::MONTHLY), BERLIN, noon("2026-01-01")).unwrap()
}

fn ending(start_on: &str, ends_on: &str) -> Subscription {
    let agreed = NewSubscription { ends_on: Some(day(ends_on)), ..new(start_on, Interval::MONTHLY) };
    Subscription::try_new(agreed, BERLIN, noon("2026-01-01")).unwrap()
}

/// Bills whatever is due, each period as `first to last: net`.
fn bill(subscription: &mut Subscription, zone: Tz, now: DateTime<Utc>) -> Vec<String> {
    let mut billed = Vec::new();
    while let Some(due) = subscription.bill_next(zone, now).unwrap() {
        let net = Money::sum(due.lines.iter().map(|line| line.net), Currency::EUR).unwrap();
        billed.push(format!("{}: {net}", due.period));
    }
    billed
}

#[test]
fn a_period_is_billed_from_its_first_instant_where_the_customer_is() {
    let mut subscription = monthly("2026-10-01");
    assert_eq!(subscription.bill_at(), Some(Utc.with_ymd_and_hms(2026, 9, 30, 22, 0, 0).unwrap()));
    let before = Utc.with_ymd_and_hms(2026, 9, 30, 21, 59, 59).unwrap();
    assert_eq!(bill(&mut subscription, BERLIN, before), [""; 0]);
    assert_eq!(bill(&mut subscription, BERLIN, before + Duration::seconds(1)), ["2026-10-01 to 2026-10-31: 31.00 EUR"]);
}

#[test]
fn t1_a_day_in_kolkata_begins_in_the_evening_before() {
    let mut subscription =
        Subscription::try_new(new("2023-03-02", Interval::MONTHLY), Asia::Kolkata, noon("2023-01-01")).unwrap();
    let early = Utc.with_ymd_and_hms(2023, 3, 1, 18, 0, 0).unwrap();
    assert!(bill(&mut subscription, Asia::Kolkata, early).is_empty());
    assert_eq!(bill(&mut subscription, Asia::Kolkata, early + Duration::minutes(30)).len(), 1);
}

#[test]
fn t2_a_tick_repeated_all_day_bills_once() {
    let mut subscription = monthly("2026-10-02");
    let billed: Vec<_> =
        (0..24).flat_map(|hour| bill(&mut subscription, BERLIN, noon("2026-10-02") + Duration::hours(hour))).collect();
    assert_eq!(billed, ["2026-10-02 to 2026-11-01: 31.00 EUR"]);
}

#[test]
fn m11_a_late_tick_bills_each_missed_period_as_its_own_with_dates_from_the_anchor() {
    let mut subscription = monthly("2027-01-31");
    assert_eq!(
        bill(&mut subscription, BERLIN, noon("2027-03-03")),
        ["2027-01-31 to 2027-02-27: 31.00 EUR", "2027-02-28 to 2027-03-30: 31.00 EUR"]
    );
    assert_eq!(subscription.next_period().unwrap().unwrap().start_on(), day("2027-03-31"));
}

#[test]
fn each_period_has_an_invoice_id_of_its_own_and_always_the_same() {
    let ids = || {
        let mut subscription = monthly("2027-01-31");
        let mut next = || subscription.bill_next(BERLIN, noon("2027-03-03")).unwrap().unwrap().invoice;
        (next(), next())
    };
    assert_eq!(ids(), ids());
    assert_ne!(ids().0, ids().1);
}

#[test]
fn t4_a_customer_who_moves_is_billed_from_where_the_period_before_ended() {
    let mut subscription = monthly("2026-10-15");
    assert_eq!(bill(&mut subscription, BERLIN, noon("2026-10-15")).len(), 1);
    // Auckland is where the next period begins first; the days stay the same.
    let begins = Utc.with_ymd_and_hms(2026, 11, 14, 11, 0, 0).unwrap();
    assert!(bill(&mut subscription, Pacific::Auckland, begins - Duration::seconds(1)).is_empty());
    assert_eq!(subscription.bill_at(), Some(begins));
    assert_eq!(bill(&mut subscription, Pacific::Auckland, begins), ["2026-11-15 to 2026-12-14: 31.00 EUR"]);
    // And back: what was billed in Auckland is not billed again in Berlin.
    assert!(bill(&mut subscription, BERLIN, noon("2026-12-14")).is_empty());
    assert_eq!(bill(&mut subscription, BERLIN, noon("2026-12-15")), ["2026-12-15 to 2027-01-14: 31.00 EUR"]);
}

#[test]
fn m10_the_last_day_is_included_and_costs_its_share() {
    let mut subscription = ending("2026-10-01", "2026-11-10");
    assert_eq!(subscription.end_on(), Some(day("2026-11-11")));
    assert_eq!(
        bill(&mut subscription, BERLIN, noon("2027-06-01")),
        ["2026-10-01 to 2026-10-31: 31.00 EUR", "2026-11-01 to 2026-11-10: 10.33 EUR"]
    );
    assert_eq!(subscription.bill_at(), None);
    assert_eq!(subscription.status(day("2026-11-10")), SubscriptionStatus::Active);
    assert_eq!(subscription.status(day("2026-11-11")), SubscriptionStatus::Ended);
}

#[test]
fn an_end_on_the_last_day_of_a_period_costs_the_full_price_and_one_on_its_first_one_day() {
    assert_eq!(
        bill(&mut ending("2027-02-01", "2027-02-28"), BERLIN, noon("2027-06-01")),
        ["2027-02-01 to 2027-02-28: 31.00 EUR"]
    );
    assert_eq!(
        bill(&mut ending("2026-10-01", "2026-10-01"), BERLIN, noon("2027-06-01")),
        ["2026-10-01 to 2026-10-01: 1.00 EUR"]
    );
}

#[test]
fn m9_a_month_costs_the_same_however_long_it_is() {
    let mut subscription = monthly("2027-02-01");
    assert_eq!(
        bill(&mut subscription, BERLIN, noon("2027-03-01")),
        ["2027-02-01 to 2027-02-28: 31.00 EUR", "2027-03-01 to 2027-03-31: 31.00 EUR"]
    );
}

#[test]
fn p2_a_short_first_period_costs_its_share_of_the_full_one() {
    let schedule = Schedule::try_new(day("2024-02-04"), Some(1), Interval::MONTHLY).unwrap();
    let agreed = NewSubscription { schedule, items: vec![item("200000", "1")], ..new("2024-02-04", Interval::MONTHLY) };
    let mut subscription = Subscription::try_new(agreed, BERLIN, noon("2024-01-01")).unwrap();
    assert_eq!(
        bill(&mut subscription, BERLIN, noon("2024-03-01")),
        ["2024-02-04 to 2024-02-29: 179310.34 EUR", "2024-03-01 to 2024-03-31: 200000.00 EUR"]
    );
}

fn with_trial(from: &str, until: &str) -> Subscription {
    let agreed = NewSubscription { trial_from: Some(day(from)), ..new(until, Interval::MONTHLY) };
    Subscription::try_new(agreed, BERLIN, noon("2026-01-01")).unwrap()
}

#[test]
fn m14_a_trial_is_not_billed_and_the_first_period_starts_where_it_ends() {
    let mut subscription = with_trial("2026-10-01", "2026-11-01");
    assert_eq!(subscription.status(day("2026-09-30")), SubscriptionStatus::Scheduled);
    assert_eq!(subscription.status(day("2026-10-31")), SubscriptionStatus::Trialing);
    assert!(bill(&mut subscription, BERLIN, noon("2026-10-31")).is_empty());
    assert_eq!(bill(&mut subscription, BERLIN, noon("2026-11-01")), ["2026-11-01 to 2026-11-30: 31.00 EUR"]);
    assert_eq!(subscription.status(day("2026-11-01")), SubscriptionStatus::Active);
}

#[test]
fn m15_a_trial_extended_over_the_month_end_moves_the_first_period_with_it() {
    let mut subscription = with_trial("2026-10-01", "2026-10-31");
    let mut extend = |end_on, on| subscription.extend_trial(day(end_on), BERLIN, noon(on));
    assert_eq!(extend("2026-11-15", "2026-10-30").unwrap(), Outcome::Applied(()));
    assert_eq!(extend("2026-11-15", "2026-10-31").unwrap(), Outcome::AlreadyApplied);
    assert!(bill(&mut subscription, BERLIN, noon("2026-11-14")).is_empty());
    assert_eq!(subscription.status(day("2026-11-14")), SubscriptionStatus::Trialing);
    assert_eq!(bill(&mut subscription, BERLIN, noon("2026-11-15")), ["2026-11-15 to 2026-12-14: 31.00 EUR"]);
}

#[test]
fn a_trial_that_is_over_or_was_none_is_not_extended_and_none_becomes_shorter() {
    let extend = |subscription: &mut Subscription, end_on, on| {
        let outcome = subscription.extend_trial(day(end_on), BERLIN, noon(on));
        outcome.unwrap_err().to_string().split(':').next().unwrap().to_owned()
    };
    let refused = |subscription: &Subscription| format!("cannot extend the trial of subscription {}", subscription.id);
    let mut over = with_trial("2026-10-01", "2026-11-01");
    assert_eq!(extend(&mut over, "2026-10-20", "2026-10-10"), "trial_end_on");
    assert_eq!(extend(&mut over, "2037-01-01", "2026-10-10"), "trial_end_on");
    // The first period has begun, also while no tick has come yet.
    assert_eq!(extend(&mut over, "2026-12-01", "2026-11-01"), refused(&over));
    let mut none = monthly("2026-11-01");
    assert_eq!(extend(&mut none, "2026-12-01", "2026-10-10"), refused(&none));
    let mut called_off = with_trial("2026-10-01", "2026-11-01");
    cancel(&mut called_off, false, "2026-10-10");
    assert_eq!(extend(&mut called_off, "2026-12-01", "2026-10-10"), refused(&called_off));
    let mut short = with_trial("2026-10-01", "2026-11-01");
    short.ends_on = Some(day("2026-11-20"));
    assert_eq!(extend(&mut short, "2026-11-21", "2026-10-10"), "ends_on");
    assert_eq!(short.schedule.anchor_on(), day("2026-11-01"));
}

fn cancel(subscription: &mut Subscription, at_period_end: bool, on: &str) -> Outcome<()> {
    subscription.cancel(at_period_end, Standing::Only, BERLIN, noon(on)).unwrap()
}

#[test]
fn cancelled_now_nothing_more_is_billed_and_nothing_given_back() {
    let mut subscription = monthly("2026-10-01");
    bill(&mut subscription, BERLIN, noon("2026-10-01"));
    assert_eq!(cancel(&mut subscription, false, "2026-10-10"), Outcome::Applied(()));
    assert_eq!(subscription.end_on(), Some(day("2026-10-10")));
    assert_eq!(subscription.bill_at(), None);
    assert_eq!(subscription.status(day("2026-10-10")), SubscriptionStatus::Ended);
    assert!(bill(&mut subscription, BERLIN, noon("2027-10-10")).is_empty());
}

#[test]
fn cancelled_at_period_end_it_runs_as_long_as_it_is_billed() {
    let mut subscription = monthly("2026-10-01");
    bill(&mut subscription, BERLIN, noon("2026-10-01"));
    assert_eq!(cancel(&mut subscription, true, "2026-10-10"), Outcome::Applied(()));
    assert_eq!(subscription.end_on(), Some(day("2026-11-01")));
    assert_eq!(subscription.status(day("2026-10-31")), SubscriptionStatus::Active);
    assert!(bill(&mut subscription, BERLIN, noon("2027-10-10")).is_empty());
}

#[test]
fn cancelled_at_period_end_before_the_tick_the_period_that_has_begun_is_still_billed_in_full() {
    for on in ["2026-10-01", "2026-10-10"] {
        let mut subscription = monthly("2026-10-01");
        cancel(&mut subscription, true, on);
        assert_eq!(subscription.end_on(), Some(day("2026-11-01")), "asked for on {on}");
        assert_eq!(bill(&mut subscription, BERLIN, noon("2026-12-01")), ["2026-10-01 to 2026-10-31: 31.00 EUR"]);
    }
}

#[test]
fn cancelled_at_period_end_during_its_trial_it_ends_with_the_trial() {
    let mut subscription = with_trial("2026-10-01", "2026-11-01");
    cancel(&mut subscription, true, "2026-10-10");
    assert_eq!(subscription.status(day("2026-10-31")), SubscriptionStatus::Trialing);
    assert_eq!(subscription.status(day("2026-11-01")), SubscriptionStatus::Ended);
    assert!(bill(&mut subscription, BERLIN, noon("2026-12-01")).is_empty());
}

#[test]
fn of_two_cancellations_the_earlier_stands_and_the_same_again_changes_nothing() {
    let mut subscription = monthly("2026-10-01");
    bill(&mut subscription, BERLIN, noon("2026-10-01"));
    assert_eq!(cancel(&mut subscription, true, "2026-10-10"), Outcome::Applied(()));
    assert_eq!(cancel(&mut subscription, true, "2026-10-10"), Outcome::AlreadyApplied);
    assert_eq!(cancel(&mut subscription, false, "2026-10-12"), Outcome::Applied(()));
    assert_eq!(cancel(&mut subscription, true, "2026-10-13"), Outcome::AlreadyApplied);
    assert_eq!(subscription.end_on(), Some(day("2026-10-12")));
}

#[test]
fn a_cancellation_beyond_the_agreed_end_leaves_it_where_it_was() {
    let mut subscription = ending("2026-10-01", "2026-10-20");
    bill(&mut subscription, BERLIN, noon("2026-10-01"));
    cancel(&mut subscription, true, "2026-10-10");
    assert_eq!(subscription.end_on(), Some(day("2026-10-21")));
}

#[test]
fn a_pause_leaves_out_the_periods_that_begin_in_it() {
    let mut subscription = monthly("2026-10-01");
    bill(&mut subscription, BERLIN, noon("2026-10-01"));
    subscription.pause(BERLIN, noon("2026-10-20")).unwrap();
    assert_eq!(subscription.status(day("2026-10-20")), SubscriptionStatus::Paused);
    assert!(bill(&mut subscription, BERLIN, noon("2026-12-15")).is_empty());
    subscription.resume(BERLIN, noon("2026-12-15")).unwrap();
    assert_eq!(bill(&mut subscription, BERLIN, noon("2027-01-01")), ["2027-01-01 to 2027-01-31: 31.00 EUR"]);
}

#[test]
fn what_began_before_a_pause_is_owed_and_what_began_during_it_is_not() {
    let mut subscription =
        Subscription::try_new(new("2026-10-01", Interval::MONTHLY), BERLIN, noon("2026-09-01")).unwrap();
    // Paused on the first day, before the tick came.
    subscription.pause(BERLIN, noon("2026-10-01")).unwrap();
    subscription.resume(BERLIN, noon("2026-12-15")).unwrap();
    let billed = bill(&mut subscription, BERLIN, noon("2027-01-01"));
    assert_eq!(billed, ["2026-10-01 to 2026-10-31: 31.00 EUR", "2027-01-01 to 2027-01-31: 31.00 EUR"]);
}

#[test]
fn what_began_between_two_pauses_is_owed_however_late_it_is_billed() {
    let mut subscription =
        Subscription::try_new(new("2026-10-01", Interval::MONTHLY), BERLIN, noon("2026-09-01")).unwrap();
    for (from, until) in [("2026-10-10", "2026-11-10"), ("2026-12-10", "2027-01-10")] {
        subscription.pause(BERLIN, noon(from)).unwrap();
        subscription.resume(BERLIN, noon(until)).unwrap();
    }
    let billed = bill(&mut subscription, BERLIN, noon("2027-02-01"));
    let owed = ["2026-10-01 to 2026-10-31", "2026-12-01 to 2026-12-31", "2027-02-01 to 2027-02-28"];
    assert_eq!(billed, owed.map(|period| format!("{period}: 31.00 EUR")));
}

#[test]
fn lines_tell_their_price_product_and_period_and_several_are_billed_together() {
    let agreed = NewSubscription {
        items: vec![item("10.00", "3"), item("0.005", "150")],
        ..new("2026-10-01", Interval::MONTHLY)
    };
    let mut subscription = Subscription::try_new(agreed, BERLIN, noon("2026-01-01")).unwrap();
    let due = subscription.bill_next(BERLIN, noon("2026-10-01")).unwrap().unwrap();
    let nets: Vec<String> = due.lines.iter().map(|line| line.net.to_string()).collect();
    assert_eq!(nets, ["30.00 EUR", "0.75 EUR"]);
    let origin =
        LineOrigin::Price { price: PriceId::from_random(1), subscription: subscription.id, period: due.period };
    assert!(due.lines.iter().all(|line| line.origin == origin && line.product == Some(ProductId::from_random(1))));
    assert_eq!(subscription.period_amount().unwrap().to_string(), "30.75 EUR");
}

#[test]
fn b6_what_it_brings_a_month_is_net_and_exact() {
    let of = |interval: Interval, items: Vec<SubscriptionItem>| {
        let agreed = NewSubscription { items, ..new("2026-10-01", interval) };
        Subscription::try_new(agreed, BERLIN, noon("2026-01-01")).unwrap().monthly_amount().normalize().to_string()
    };
    assert_eq!(of(Interval::YEARLY, vec![item("1200.00", "1")]), "100");
    assert_eq!(of(Interval::QUARTERLY, vec![item("100.00", "1")]), "33.3333333333");
    assert_eq!(of(Interval::try_new(IntervalUnit::Week, 1).unwrap(), vec![item("30.00", "2")]), "260");
    assert_eq!(of(Interval::MONTHLY, vec![item("49.00", "2"), item("-8.00", "1")]), "90");
}

#[test]
fn what_cannot_be_agreed_is_refused_with_its_place() {
    let refused =
        |agreed: NewSubscription| Subscription::try_new(agreed, BERLIN, noon("2026-01-01")).unwrap_err().to_string();
    let ok = || new("2026-10-01", Interval::MONTHLY);
    assert!(refused(NewSubscription { items: vec![], ..ok() }).contains("at least one item"));
    let zero = vec![item("1", "1"), item("1", "0")];
    assert!(refused(NewSubscription { items: zero, ..ok() }).starts_with("items[1].quantity"));
    assert!(refused(NewSubscription { ends_on: Some(day("2026-09-30")), ..ok() }).starts_with("ends_on"));
}

#[test]
fn it_survives_being_stored_at_every_stage() {
    let mut subscription = with_trial("2026-10-01", "2026-11-01");
    for on in ["2026-11-01", "2026-12-01"] {
        bill(&mut subscription, BERLIN, noon(on));
        cancel(&mut subscription, true, on);
        let json = serde_json::to_string(&subscription).unwrap();
        assert_eq!(serde_json::from_str::<Subscription>(&json).unwrap(), subscription);
    }
}

#[test]
fn r7_a_price_with_its_tax_in_it_is_billed_as_it_is_and_brings_its_net() {
    let gross = SubscriptionItem {
        tax_behavior: TaxBehavior::Inclusive,
        tax_rate: "0.19".parse().unwrap(),
        ..item("353.90", "1")
    };
    let agreed = NewSubscription { items: vec![gross], ..new("2026-10-01", Interval::MONTHLY) };
    let mut subscription = Subscription::try_new(agreed, BERLIN, noon("2026-09-01")).unwrap();
    assert_eq!(subscription.period_amount().unwrap().to_string(), "297.39 EUR");
    assert_eq!(subscription.monthly_amount().round_dp(4).to_string(), "297.3950");
    let due = subscription.bill_next(BERLIN, noon("2026-10-01")).unwrap().unwrap();
    let line = &due.lines[0];
    assert_eq!((line.net.to_string(), line.gross.unwrap().to_string()), ("297.39 EUR".into(), "353.90 EUR".into()));
    assert_eq!(line.unit_amount.to_string(), "353.90");
}

#[test]
fn t7_a_period_is_due_at_the_first_valid_instant_where_midnight_does_not_exist() {
    let agreed = new("2026-08-06", Interval::MONTHLY);
    let mut subscription = Subscription::try_new(agreed, chrono_tz::America::Santiago, noon("2026-08-01")).unwrap();
    subscription.bill_next(chrono_tz::America::Santiago, noon("2026-08-06")).unwrap().unwrap();
    assert_eq!(subscription.bill_at(), Some("2026-09-06T04:00:00Z".parse().unwrap()));
}
