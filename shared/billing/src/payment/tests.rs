#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows stops, and should")]

use proptest::prelude::*;

use saldo_money::Money;

use super::*;

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, "EUR".parse().unwrap())
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

fn report(facts: Vec<Fact>) -> PaymentReport {
    PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: "pi_1".to_owned(),
        invoice: None,
        attempt: None,
        page: None,
        method: None,
        currency: "EUR".parse().unwrap(),
        introduces: true,
        facts,
    }
}

fn payment(facts: &[Fact]) -> Payment {
    let mut payment = Payment::introduced_by(&report(Vec::new()));
    for fact in facts {
        payment.apply(&report(vec![fact.clone()])).unwrap();
    }
    payment
}

fn captured(minor: i64) -> Statement {
    Statement::Captured { reference: "ch_1".to_owned(), amount: eur(minor) }
}

fn failed(reference: &str) -> Statement {
    Statement::Failed {
        reference: reference.to_owned(),
        decline: Decline { code: "insufficient_funds".to_owned(), hard: false },
    }
}

fn refund(reference: &str, minor: i64, status: RefundStatus) -> Statement {
    Statement::Refund { reference: reference.to_owned(), amount: eur(minor), status, requested_as: None }
}

fn in_all(minor: i64) -> Statement {
    Statement::RefundedInAll { reference: "ch_1".to_owned(), amount: eur(minor) }
}

fn withdrawn(minor: i64) -> Statement {
    Statement::DisputeFundsWithdrawn { reference: "dp_1".to_owned(), amount: eur(minor), fee: Some(eur(1500)) }
}

#[test]
fn w3_a_failure_of_an_earlier_attempt_does_not_undo_a_success() {
    let facts = [Fact::new(at(5), captured(1000)), Fact::new(at(9), failed("ch_0"))];
    assert_eq!(payment(&facts).status(), PaymentStatus::Succeeded);
}

#[test]
fn w6_one_taking_told_by_two_events_is_one_payment() {
    let payment = payment(&[Fact::new(at(5), captured(1000)), Fact::new(at(6), captured(1000))]);
    assert_eq!(payment.standing().unwrap().captured, eur(1000));
    assert_eq!(payment.captured_at(), Some(at(5)));
}

#[test]
fn w19_within_one_second_the_further_state_wins() {
    let facts = [
        Fact::new(at(5), Statement::Processing),
        Fact::new(at(5), failed("ch_1")),
        Fact::new(at(5), Statement::RequiresAction),
    ];
    assert_eq!(payment(&facts).status(), PaymentStatus::Failed);
}

#[test]
fn d3_a_direct_debit_that_bounces_after_days_has_failed() {
    let mut debit = payment(&[Fact::new(at(0), Statement::Processing)]);
    assert_eq!(debit.status(), PaymentStatus::Processing);
    debit.apply(&report(vec![Fact::new(at(432_000), failed("py_1"))])).unwrap();
    assert_eq!(debit.status(), PaymentStatus::Failed);
    assert_eq!(debit.last_failure().unwrap().0, at(432_000));
}

#[test]
fn d5_cumulative_refunds_count_once_in_either_order() {
    let (thirty, fifty) = (Fact::new(at(1), in_all(3000)), Fact::new(at(2), in_all(5000)));
    for facts in [[thirty.clone(), fifty.clone()], [fifty, thirty]] {
        assert_eq!(payment(&facts).standing().unwrap().refunded, eur(5000));
    }
}

#[test]
fn refunds_told_one_by_one_and_in_all_count_once() {
    let facts = [
        Fact::new(at(0), captured(10_000)),
        Fact::new(at(1), refund("re_1", 3000, RefundStatus::Succeeded)),
        Fact::new(at(1), in_all(3000)),
        Fact::new(at(2), refund("re_2", 2000, RefundStatus::Pending)),
    ];
    assert_eq!(payment(&facts).standing().unwrap().refunded, eur(3000));
}

#[test]
fn a_refund_that_fails_later_gives_the_money_back_to_the_books() {
    let facts = [
        Fact::new(at(1), refund("re_1", 3000, RefundStatus::Succeeded)),
        Fact::new(at(1), in_all(3000)),
        Fact::new(at(9), refund("re_1", 3000, RefundStatus::Failed)),
    ];
    assert_eq!(payment(&facts).standing().unwrap().refunded, eur(0));
}

#[test]
fn d8_to_d11_a_dispute_is_a_flag_then_money_then_restored_or_lost() {
    let opened =
        Statement::DisputeOpened { reference: "dp_1".to_owned(), amount: eur(10_000), reason: "fraudulent".to_owned() };
    let mut disputed = payment(&[Fact::new(at(0), captured(10_000)), Fact::new(at(1), opened)]);
    assert!(disputed.is_disputed());
    assert_eq!(disputed.standing().unwrap().disputed, eur(0));
    disputed.apply(&report(vec![Fact::new(at(2), withdrawn(10_000))])).unwrap();
    assert_eq!(disputed.standing().unwrap().disputed, eur(10_000));
    assert_eq!(disputed.standing().unwrap().dispute_fees, eur(1500));

    let close = |outcome| Fact::new(at(3), Statement::DisputeClosed { reference: "dp_1".to_owned(), outcome });
    let mut lost = disputed.clone();
    lost.apply(&report(vec![close(DisputeOutcome::Lost)])).unwrap();
    assert!(!lost.is_disputed());
    assert_eq!((lost.standing().unwrap().disputed, lost.standing().unwrap().lost), (eur(0), eur(10_000)));

    let reinstated = Statement::DisputeFundsReinstated { reference: "dp_1".to_owned(), amount: eur(10_000), fee: None };
    let mut won = disputed;
    won.apply(&report(vec![close(DisputeOutcome::Won), Fact::new(at(4), reinstated)])).unwrap();
    assert_eq!((won.standing().unwrap().disputed, won.standing().unwrap().lost), (eur(0), eur(0)));
}

#[test]
fn d7_r18_refunds_never_exceed_what_is_left() {
    let mut payment = payment(&[Fact::new(at(0), captured(10_000)), Fact::new(at(1), in_all(3000))]);
    let (first, second) = (RefundId::from_random(1), RefundId::from_random(2));
    assert!(matches!(payment.request_refund(first, eur(8000), at(2)), Err(RefundError::TooMuch { .. })));
    assert_eq!(payment.request_refund(first, eur(6000), at(2)).unwrap(), Outcome::Applied(()));
    assert_eq!(payment.request_refund(first, eur(6000), at(3)).unwrap(), Outcome::AlreadyApplied);
    assert!(matches!(payment.request_refund(first, eur(1), at(3)), Err(RefundError::Mismatch { .. })));
    assert!(matches!(payment.request_refund(second, eur(6000), at(2)), Err(RefundError::TooMuch { .. })));
    assert_eq!(payment.refundable().unwrap(), eur(1000));
}

#[test]
fn a_refused_refund_frees_what_it_reserved_and_a_settled_one_counts_once() {
    let mut payment = payment(&[Fact::new(at(0), captured(10_000))]);
    let (first, second) = (RefundId::from_random(1), RefundId::from_random(2));
    payment.request_refund(first, eur(6000), at(1)).unwrap();
    let decline = Decline { code: "charge_disputed".to_owned(), hard: true };
    payment.settle_refund(first, RefundState::Refused { decline }, at(2)).unwrap();
    assert_eq!(payment.refundable().unwrap(), eur(10_000));
    payment.request_refund(second, eur(4000), at(2)).unwrap();
    let accepted = RefundState::Accepted { reference: "re_2".to_owned(), status: RefundStatus::Succeeded };
    payment.settle_refund(second, accepted, at(3)).unwrap();
    assert_eq!(payment.refundable().unwrap(), eur(6000));
    payment
        .apply(&report(vec![
            Fact::new(at(3), refund("re_2", 4000, RefundStatus::Succeeded)),
            Fact::new(at(3), in_all(4000)),
        ]))
        .unwrap();
    assert_eq!(payment.refundable().unwrap(), eur(6000));
}

#[test]
fn a_refund_that_is_on_its_way_counts_once() {
    let mut payment = payment(&[Fact::new(at(0), captured(10_000))]);
    let (first, second) = (RefundId::from_random(1), RefundId::from_random(2));
    payment.request_refund(first, eur(3000), at(1)).unwrap();
    let pending = RefundState::Accepted { reference: "re_1".to_owned(), status: RefundStatus::Pending };
    payment.settle_refund(first, pending, at(2)).unwrap();
    // The sum that the provider tells counts it already, and soon another one that somebody else asked for.
    payment.apply(&report(vec![Fact::new(at(3), in_all(3000))])).unwrap();
    assert_eq!(payment.refundable().unwrap(), eur(7000));
    payment.apply(&report(vec![Fact::new(at(4), in_all(5000))])).unwrap();
    assert_eq!(payment.refundable().unwrap(), eur(5000));
    payment.request_refund(second, eur(1000), at(5)).unwrap();
    assert_eq!(payment.refundable().unwrap(), eur(4000));
    payment.apply(&report(vec![Fact::new(at(6), refund("re_1", 3000, RefundStatus::Succeeded))])).unwrap();
    assert_eq!(payment.refundable().unwrap(), eur(4000));
}

#[test]
fn refunds_of_others_that_are_on_their_way_are_left_to_nobody() {
    let mut payment = payment(&[
        Fact::new(at(0), captured(10_000)),
        Fact::new(at(1), refund("re_9", 3000, RefundStatus::Pending)),
        Fact::new(at(1), in_all(3000)),
    ]);
    assert_eq!(payment.refundable().unwrap(), eur(7000));
    let ours = RefundId::from_random(1);
    payment.request_refund(ours, eur(3000), at(2)).unwrap();
    let pending = RefundState::Accepted { reference: "re_1".to_owned(), status: RefundStatus::Pending };
    payment.settle_refund(ours, pending, at(3)).unwrap();
    assert_eq!(payment.refundable().unwrap(), eur(4000), "before the provider's sum counts it, and after");
    payment.apply(&report(vec![Fact::new(at(4), in_all(6000))])).unwrap();
    assert_eq!(payment.refundable().unwrap(), eur(4000));
    payment.apply(&report(vec![Fact::new(at(5), refund("re_9", 3000, RefundStatus::Succeeded))])).unwrap();
    assert_eq!(payment.refundable().unwrap(), eur(4000));
}

#[test]
fn a_refund_in_the_providers_hands_is_asked_about_daily() {
    let mut payment = payment(&[Fact::new(at(0), captured(10_000))]);
    let refund = RefundId::from_random(1);
    payment.request_refund(refund, eur(6_000), at(0)).unwrap();
    let pending = RefundState::Accepted { reference: "re_1".to_owned(), status: RefundStatus::Pending };
    payment.settle_refund(refund, pending.clone(), at(10)).unwrap();
    let (day, due_at) = (24 * 60 * 60, |payment: &Payment| payment.refund_request(refund).unwrap().due_at());
    assert_eq!(due_at(&payment), Some(at(10 + day)));
    assert_eq!(payment.settle_refund(refund, pending.clone(), at(20)).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(payment.settle_refund(refund, pending, at(10 + day)).unwrap(), Outcome::Applied(()));
    assert_eq!(due_at(&payment), Some(at(10 + 2 * day)));
}

#[test]
fn of_two_tellings_of_what_a_charge_took_the_larger_is_the_later() {
    let facts = [Fact::new(at(0), captured(4_000)), Fact::new(at(5), captured(10_000))];
    let reversed: Vec<Fact> = facts.iter().rev().cloned().collect();
    for told in [facts.to_vec(), reversed] {
        assert_eq!(payment(&told).standing().unwrap().captured, eur(10_000));
    }
}

#[test]
fn a_fact_of_a_newer_version_survives_a_round_trip() {
    let text = r#"{"at":"2026-10-01T00:00:00Z","kind":"tokenised","token":"t_1"}"#;
    let fact: Fact = serde_json::from_str(text).unwrap();
    assert!(fact.statement().is_none());
    assert_eq!(serde_json::to_value(&fact).unwrap(), serde_json::from_str::<serde_json::Value>(text).unwrap());
}

#[test]
fn another_currency_or_another_invoice_is_refused() {
    let mut payment = payment(&[Fact::new(at(0), captured(100))]);
    let mut other = report(vec![]);
    other.currency = "USD".parse().unwrap();
    assert!(matches!(payment.apply(&other), Err(PaymentError::Currency { .. })));
    let mut first = report(vec![]);
    first.invoice = Some(InvoiceId::from_random(1));
    payment.apply(&first).unwrap();
    first.invoice = Some(InvoiceId::from_random(2));
    assert!(matches!(payment.apply(&first), Err(PaymentError::Invoice { .. })));
}

/// A life of a payment with each kind of statement, some told twice with other times.
fn life() -> Vec<Fact> {
    let mut life = vec![
        Fact::new(at(0), Statement::Created { amount: eur(10_000) }),
        Fact::new(at(1), Statement::RequiresAction),
        Fact::new(at(2), failed("ch_0")),
        Fact::new(at(3), Statement::Processing),
        Fact::new(at(4), captured(10_000)),
        Fact::new(at(5), captured(10_000)),
        Fact::new(at(6), refund("re_1", 2000, RefundStatus::Pending)),
        Fact::new(at(7), refund("re_1", 2000, RefundStatus::Succeeded)),
        Fact::new(at(7), in_all(2000)),
        Fact::new(at(8), refund("re_2", 1000, RefundStatus::Succeeded)),
        Fact::new(at(8), in_all(3000)),
        Fact::new(
            at(9),
            Statement::DisputeOpened {
                reference: "dp_1".to_owned(),
                amount: eur(7000),
                reason: "fraudulent".to_owned(),
            },
        ),
        Fact::new(at(10), withdrawn(7000)),
        Fact::new(at(11), Statement::DisputeClosed { reference: "dp_1".to_owned(), outcome: DisputeOutcome::Won }),
        Fact::new(
            at(12),
            Statement::DisputeFundsReinstated { reference: "dp_1".to_owned(), amount: eur(7000), fee: None },
        ),
    ];
    life.extend((0..30).map(|n| Fact::new(at(n), failed(&format!("ch_x{n}")))));
    life
}

proptest! {
    #[test]
    fn w2_any_order_with_any_repetition_gives_the_same_books(
        shuffled in Just(life()).prop_shuffle(),
        again in prop::collection::vec(0..45_usize, 0..40),
    ) {
        let mut told = payment(&shuffled);
        for index in again {
            told.apply(&report(vec![shuffled[index % shuffled.len()].clone()])).unwrap();
        }
        prop_assert_eq!(serde_json::to_string(&told).unwrap(), serde_json::to_string(&payment(&life())).unwrap());
    }

    #[test]
    fn merging_two_tellings_does_not_depend_on_who_spoke_first(a in 0..4_i64, b in 0..4_i64, x in 1..4_i64, y in 1..4_i64) {
        for (one, two) in [(captured(x), captured(y)), (in_all(x), in_all(y))] {
            let (one, two) = (Fact::new(at(a), one), Fact::new(at(b), two));
            prop_assert_eq!(one.clone().merge(two.clone()), two.merge(one));
        }
    }
}
