//! Charging and reminders.

use super::*;

#[test]
fn an_invoice_to_be_paid_is_reminded_by_the_ladder_and_missed_steps_are_left_out() {
    let policy = DunningPolicy::default();
    let mut invoice = issued();
    assert_eq!(invoice.progress.next.unwrap().kind, StepKind::Render);
    invoice.handed_over(&policy, now()).unwrap();
    // Due on 15 October; three days before, 09:00 in Amsterdam.
    let first = Utc.with_ymd_and_hms(2026, 10, 12, 7, 0, 0).unwrap();
    assert_eq!(invoice.progress.next.unwrap().at, first);
    assert_eq!(invoice.due_reminder(&policy, first - Duration::seconds(1)), None);
    let late = first + Duration::days(12);
    let step = invoice.due_reminder(&policy, late).unwrap();
    assert_eq!(step, "overdue_7".parse::<ReminderStep>().unwrap());
    invoice.reminded(step, &policy, late).unwrap();
    assert_eq!(invoice.progress.next.unwrap().at, Utc.with_ymd_and_hms(2026, 10, 29, 8, 0, 0).unwrap());
    assert_eq!(invoice.due_reminder(&policy, late), None);
}

#[test]
fn a_charge_is_begun_once_and_repeated_under_its_own_key() {
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    assert_eq!(invoice.collector_duty(now(), now()).unwrap(), Duty::Begin);
    let Begun::Attempt(attempt) = invoice.begin_attempt(&method(), now(), now()).unwrap() else {
        panic!("nothing stops it")
    };
    assert_eq!(attempt.idempotency_key(invoice.id), format!("{}/attempt-1", invoice.id));
    assert_eq!(invoice.collector_duty(now(), now()).unwrap(), Duty::Repeat((*attempt).clone()));
    assert!(invoice.begin_attempt(&method(), now(), now()).is_err());
    // A key older than the provider keeps it could charge again.
    assert_eq!(
        invoice.collector_duty(now() + Duration::hours(23), now() + Duration::hours(23)).unwrap(),
        Duty::LookUp((*attempt).clone())
    );
    // By the clock on the wall: the message may have rested.
    assert_eq!(invoice.collector_duty(now(), now() + Duration::hours(23)).unwrap(), Duty::LookUp(*attempt));
}

#[test]
fn i7_an_unknown_answer_is_looked_up() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(&method(), now(), now()).unwrap();
    for (look_ups, wait) in
        [(0, Duration::minutes(5)), (1, Duration::hours(1)), (2, Duration::days(1)), (7, Duration::weeks(1))]
    {
        invoice
            .settle_attempt(1, AttemptState::Unknown { look_ups, since: now(), answered: false }, &policy, now())
            .unwrap();
        assert_eq!(invoice.progress.next.unwrap().at, now() + wait);
        assert!(matches!(invoice.collector_duty(now() + wait, now() + wait).unwrap(), Duty::LookUp(_)));
    }
}

#[test]
fn i7_what_was_not_made_is_asked_for_again_only_under_a_key_that_works_and_as_it_was() {
    let policy = DunningPolicy::default();
    let unknown = |answered| AttemptState::Unknown { look_ups: 1, since: now(), answered };
    let (hours, days) = (now() + Duration::hours(2), now() + Duration::days(1));
    let other = MethodReference { token: "pm_2".to_owned(), ..method().reference() };
    let cases = [
        (unknown(false), hours, Some(method().reference()), 0, AttemptState::Begun),
        (unknown(true), hours, Some(method().reference()), 0, AttemptState::NeverMade),
        (unknown(false), days, Some(method().reference()), 0, AttemptState::NeverMade),
        (unknown(false), hours, Some(other), 0, AttemptState::NeverMade),
        (unknown(false), hours, None, 0, AttemptState::NeverMade),
        (unknown(false), hours, Some(method().reference()), 100, AttemptState::NeverMade),
    ];
    for (state, clock, method_now, paid, expected) in cases {
        let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
        invoice.begin_attempt(&method(), now(), now()).unwrap();
        invoice.settle_attempt(1, state, &policy, now()).unwrap();
        assert!(invoice.progress.attempt.as_ref().unwrap().is_not_made_if_not_found(hours));
        if paid > 0 {
            pay(&mut invoice, &payment("pi_1", vec![captured(paid)]));
        }
        invoice.attempt_not_made(method_now.as_ref(), &policy, clock, clock).unwrap();
        assert_eq!(invoice.progress.attempt.unwrap().state, expected);
    }
}

#[test]
fn i8_a_charge_that_the_provider_has_in_hand_is_asked_for_daily() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(&method(), now(), now()).unwrap();
    let pending = AttemptState::Pending { payment: PaymentId::from_random(9) };
    invoice.settle_attempt(1, pending.clone(), &policy, now()).unwrap();
    assert_eq!(
        invoice.collector_duty(now() + Duration::hours(23), now() + Duration::hours(23)).unwrap(),
        Duty::Nothing
    );
    let tomorrow = now() + Duration::days(1);
    assert!(matches!(invoice.collector_duty(tomorrow, tomorrow).unwrap(), Duty::LookUp(_)));
    assert_eq!(invoice.settle_attempt(1, pending.clone(), &policy, tomorrow).unwrap(), Outcome::Applied(()));
    assert_eq!(invoice.progress.next.unwrap().at, tomorrow + Duration::days(1));
    assert_eq!(invoice.settle_attempt(1, pending, &policy, tomorrow).unwrap(), Outcome::AlreadyApplied);
}

#[test]
fn n2_one_failure_told_twice_moves_the_ladder_one_step() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(&method(), now(), now()).unwrap();
    assert_eq!(invoice.settle_attempt(1, decline(false), &policy, now()).unwrap(), Outcome::Applied(()));
    assert_eq!(invoice.settle_attempt(1, decline(false), &policy, now()).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(invoice.progress.failures, 1);
    let next = invoice.progress.next.unwrap();
    assert_eq!(
        (next.kind, local_date(next.at, chrono_tz::Europe::Amsterdam).to_string()),
        (StepKind::Collect, "2026-10-04".to_owned())
    );
    assert_eq!(
        invoice.collector_duty(next.at - Duration::seconds(1), next.at - Duration::seconds(1)).unwrap(),
        Duty::Nothing
    );
    assert!(
        matches!(invoice.begin_attempt(&method(), next.at, next.at).unwrap(), Begun::Attempt(attempt) if attempt.number == 2)
    );
}

#[test]
fn n5_where_the_card_network_stops_the_charge_waits_until_it_may_be_made() {
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.progress.earlier_attempts = (0..15).map(|hours| now() - Duration::hours(hours)).collect();
    let Begun::NotBefore(again_at) = invoice.begin_attempt(&method(), now(), now()).unwrap() else {
        panic!("15 were made")
    };
    assert_eq!(invoice.progress.next, Some(Step { kind: StepKind::Collect, at: again_at }));
    assert!(again_at > now() + Duration::days(29));
    assert_eq!(invoice.progress.attempt, None);
    // The last attempt counts with those before it, until all are too long ago.
    invoice.progress.next = Some(Step { kind: StepKind::Collect, at: now() });
    invoice.progress.earlier_attempts.truncate(14);
    assert!(matches!(invoice.begin_attempt(&method(), now(), now()).unwrap(), Begun::Attempt(_)));
    invoice.settle_attempt(1, decline(false), &DunningPolicy::default(), now()).unwrap();
    let retry_at = invoice.progress.next.unwrap().at;
    assert!(matches!(invoice.begin_attempt(&method(), retry_at, retry_at).unwrap(), Begun::NotBefore(_)));
    // One that was never made does not count.
    let mut spared = invoice.clone();
    spared.progress.attempt.as_mut().unwrap().state = AttemptState::NeverMade;
    spared.progress.next = Some(Step { kind: StepKind::Collect, at: retry_at });
    assert!(matches!(spared.begin_attempt(&method(), retry_at, retry_at).unwrap(), Begun::Attempt(_)));
    let later = now() + Duration::days(31);
    assert!(matches!(invoice.begin_attempt(&method(), later, later).unwrap(), Begun::Attempt(_)));
    assert!(invoice.progress.earlier_attempts.is_empty());
}

#[test]
fn what_an_attempt_needs_only_while_it_is_open_is_not_kept() {
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(&method(), now(), now()).unwrap();
    assert_eq!(invoice.progress.attempt.as_ref().unwrap().asked_at, Some(now()));
    invoice.settle_attempt(1, decline(false), &DunningPolicy::default(), now()).unwrap();
    let attempt = invoice.progress.attempt.unwrap();
    assert_eq!((attempt.asked_at, attempt.method), (None, method().reference()));
}

#[test]
fn n3_a_hard_decline_is_not_retried_and_the_customer_is_reminded_instead() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(&method(), now(), now()).unwrap();
    invoice.settle_attempt(1, decline(true), &policy, now()).unwrap();
    assert_eq!(invoice.progress.next.unwrap().kind, StepKind::Remind);
    assert!(!invoice.retries_are_used_up(&policy, now()));
}

#[test]
fn after_the_last_retry_the_policy_has_nothing_more_to_try() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    let mut at = now();
    for number in 1..=4 {
        assert!(!invoice.retries_are_used_up(&policy, at));
        assert!(matches!(invoice.begin_attempt(&method(), at, at).unwrap(), Begun::Attempt(_)));
        let decline = Decline { code: "insufficient_funds".to_owned(), hard: false };
        invoice.settle_attempt(number, AttemptState::Declined { at, decline }, &policy, at).unwrap();
        at = invoice.progress.next.map_or(at, |next| next.at);
    }
    assert!(invoice.retries_are_used_up(&policy, at));
    // The customer may still come with another card.
    assert_eq!(invoice.give_up(), Outcome::Applied(()));
    assert_eq!(invoice.method_changed(&method(), &policy, at).unwrap(), Outcome::AlreadyApplied);
    let other = PaymentMethod { token: "pm_2".to_owned(), ..method() };
    assert_eq!(invoice.method_changed(&other, &policy, at).unwrap(), Outcome::Applied(()));
    assert_eq!(invoice.collector_duty(at, at).unwrap(), Duty::Begin);
    assert!(matches!(invoice.begin_attempt(&other, at, at).unwrap(), Begun::Attempt(_)));
    invoice.settle_attempt(5, decline(false), &policy, at).unwrap();
    assert!(invoice.retries_are_used_up(&policy, at));
}

#[test]
fn another_method_is_charged_for_what_the_first_refused_and_the_same_one_never_again() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(&method(), now(), now()).unwrap();
    invoice.settle_attempt(1, decline(true), &policy, now()).unwrap();
    assert_eq!(invoice.method_changed(&method(), &policy, now()).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(invoice.collector_duty(now(), now()).unwrap(), Duty::Nothing);
    let other = PaymentMethod { token: "pm_2".to_owned(), ..method() };
    assert_eq!(invoice.method_changed(&other, &policy, now()).unwrap(), Outcome::Applied(()));
    assert_eq!(invoice.method_changed(&other, &policy, now()).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(invoice.collector_duty(now(), now()).unwrap(), Duty::Begin);
}

#[test]
fn c4_nobody_is_asked_for_what_nobody_can_pay() {
    let policy = DunningPolicy::default();
    let kwd = |minor| Money::from_minor(minor, "KWD".parse().unwrap());
    let mut invoice = issued_in_kwd(kwd(5_124));
    invoice.handed_over(&policy, now()).unwrap();
    assert!(invoice.progress.next.is_some() && !invoice.is_below_payable().unwrap());
    let paid = Statement::Captured { reference: "ch_1".to_owned(), amount: kwd(5_120) };
    let payment = payment_in("KWD", "pi_1", vec![paid]);
    pay(&mut invoice, &payment);
    invoice.plan(&policy, now()).unwrap();
    assert_eq!((invoice.amount_due().unwrap(), invoice.progress.next), (kwd(4), None));
    assert!(invoice.is_below_payable().unwrap());
}

/// An invoice whose first charge was declined, and whose customer had no method when it was to be retried.
fn left_to_customer() -> (Invoice, DateTime<Utc>) {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(&method(), now(), now()).unwrap();
    invoice.settle_attempt(1, decline(false), &policy, now()).unwrap();
    let retry_at = invoice.progress.next.unwrap().at;
    invoice.leave_to_customer(&policy, retry_at).unwrap();
    (invoice, retry_at)
}

#[test]
fn what_is_left_to_the_customer_is_reminded_of_and_not_charged_again() {
    let (invoice, retry_at) = left_to_customer();
    assert_eq!(invoice.progress.next.unwrap().kind, StepKind::Remind);
    assert_eq!(invoice.collector_duty(retry_at, retry_at).unwrap(), Duty::Nothing);
}

#[test]
fn a_method_that_was_taken_away_and_given_back_is_charged_again() {
    let policy = DunningPolicy::default();
    let (mut invoice, retry_at) = left_to_customer();
    assert!(!invoice.retries_are_used_up(&policy, retry_at), "a retry without a method is none");
    assert_eq!(invoice.method_changed(&method(), &policy, retry_at).unwrap(), Outcome::Applied(()));
    assert_eq!(invoice.collector_duty(retry_at, retry_at).unwrap(), Duty::Begin);
}

#[test]
fn the_status_of_what_was_decided_never_goes_back() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(&method(), now(), now()).unwrap();
    let paid = AttemptState::Succeeded { payment: PaymentId::from_random(9) };
    invoice.settle_attempt(1, paid.clone(), &policy, now()).unwrap();
    assert_eq!(invoice.settle_attempt(1, decline(false), &policy, now()).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(invoice.progress.attempt.unwrap().state, paid);
}

#[test]
fn money_that_was_taken_outranks_a_decline_in_whichever_order_they_are_told() {
    let policy = DunningPolicy::default();
    let paid = AttemptState::Succeeded { payment: PaymentId::from_random(9) };
    for states in [[decline(true), paid.clone()], [paid.clone(), decline(true)]] {
        let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
        invoice.begin_attempt(&method(), now(), now()).unwrap();
        for state in states {
            invoice.settle_attempt(1, state, &policy, now()).unwrap();
        }
        assert_eq!((invoice.progress.attempt.unwrap().state, invoice.progress.failures), (paid.clone(), 0));
    }
}

#[test]
fn an_invoice_is_not_voided_before_its_charge_is_decided() {
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(&method(), now(), now()).unwrap();
    assert!(matches!(invoice.void(now()), Err(InvoiceError::Status { .. })));
    invoice.settle_attempt(1, AttemptState::NeverMade, &DunningPolicy::default(), now()).unwrap();
    assert!(matches!(invoice.void(now()), Ok(Outcome::Applied(_))));
}

#[test]
fn what_is_voided_or_given_up_before_it_is_rendered_is_still_rendered() {
    let (mut void, _) = issued_with(Collection::SendInvoice, eur(0));
    let mut given_up = void.clone();
    void.void(now()).unwrap();
    given_up.write_off(now()).unwrap();
    for mut invoice in [void, given_up] {
        assert_eq!(invoice.progress.next.unwrap().kind, StepKind::Render);
        invoice.handed_over(&DunningPolicy::default(), now()).unwrap();
        assert_eq!(invoice.progress.next, None);
    }
}

#[test]
fn giving_up_an_invoice_does_not_forget_the_charge_that_was_asked_for() {
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(&method(), now(), now()).unwrap();
    invoice.write_off(now()).unwrap();
    assert_eq!(invoice.progress.next.unwrap().kind, StepKind::LookUp);
}
