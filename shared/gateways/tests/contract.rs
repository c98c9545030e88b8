//! One suite for all gateways: what a caller may rely on, whoever the provider is. Its subject is charging twice.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod bench;

use bench::{Behaves, Bench, Memory, OnTwin, Trouble, charge, looking_for, money, opened, order, page};
use saldo_billing::payment::{Payment, PaymentReport, PaymentStatus, RefundState, RefundStatus};
use saldo_gateways::{ChargeKind, ChargeOutcome, GatewayError, LookUpOutcome, PageClosed, PageOpened, RefundLookUp};
use saldo_money::Money;

/// Makes a test for each kind of gateway of a sentence about all.
macro_rules! on_all {
    ($($name:ident)+) => {
        mod in_memory {$(
            #[tokio::test]
            async fn $name() {
                super::$name(super::Memory::new()).await;
            }
        )+}
        mod stripe_on_the_twin {$(
            #[tokio::test]
            async fn $name() {
                super::$name(super::OnTwin::new()).await;
            }
        )+}
    };
}

on_all! {
    a_charge_takes_the_money_and_reports_it
    the_same_request_again_takes_nothing_and_answers_the_same
    i3_the_same_key_with_another_amount_is_refused
    a_decline_is_an_outcome_with_its_facts
    n3_a_lost_card_is_declined_for_good
    off_session_a_customer_who_must_act_is_a_decline
    d3_a_direct_debit_is_processing
    i1_an_answer_lost_after_the_charge_is_unknown_and_found
    i7_a_request_that_never_arrived_is_unknown_and_not_found
    a_failure_saved_under_the_key_is_unknown_for_ever_and_found
    a_failure_without_effect_is_answered_again_and_not_found
    what_was_turned_away_had_no_effect
    c8_less_than_the_minimum_is_not_tried
    c8_there_is_no_page_for_less_than_the_minimum
    a_payment_that_the_provider_left_undecided_is_found_and_called_off
    what_was_taken_cannot_be_called_off
    a_refund_is_given_once_and_counts
    d7_more_than_is_left_is_refused
    a_refund_whose_answer_was_lost_is_found
    a_refund_that_never_arrived_is_not_found
    a_page_is_opened_once_for_its_key
    i6_a_closed_page_cannot_be_paid
    i6_a_page_that_was_paid_first_says_so
}

fn eur(text: &str) -> Money {
    money(text, "EUR")
}

fn booked(report: Option<&PaymentReport>) -> Payment {
    let report = report.unwrap();
    let mut payment = Payment::introduced_by(report);
    payment.apply(report).unwrap();
    payment
}

fn found(outcome: LookUpOutcome) -> ChargeOutcome {
    match outcome {
        LookUpOutcome::Found(outcome) => outcome,
        LookUpOutcome::NotFound => panic!("the charge was not found"),
    }
}

async fn a_charge_takes_the_money_and_reports_it(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::Pays), 1, eur("23.79"));
    let outcome = bench.gateway().charge(&request).await.unwrap();
    assert_eq!((outcome.kind.clone(), bench.times_taken()), (ChargeKind::Succeeded, 1));
    let report = outcome.report.as_ref().unwrap();
    assert_eq!((report.invoice, report.attempt, report.introduces), (Some(request.invoice), Some(1), true));
    let payment = booked(outcome.report.as_ref());
    assert_eq!((payment.status(), payment.standing().unwrap().captured), (PaymentStatus::Succeeded, eur("23.79")));
    assert_eq!(payment.method.unwrap().kind, "card");
}

async fn the_same_request_again_takes_nothing_and_answers_the_same(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::Pays), 1, eur("23.79"));
    let first = bench.gateway().charge(&request).await.unwrap();
    for _ in 0..3 {
        assert_eq!(bench.gateway().charge(&request).await.unwrap(), first);
    }
    assert_eq!(bench.times_taken(), 1);
}

async fn i3_the_same_key_with_another_amount_is_refused(bench: impl Bench) {
    let mut request = charge(&bench.method(Behaves::Pays), 1, eur("23.79"));
    bench.gateway().charge(&request).await.unwrap();
    request.amount = eur("32.79");
    assert!(matches!(bench.gateway().charge(&request).await, Err(GatewayError::Refused { .. })));
    assert_eq!(bench.times_taken(), 1);
}

async fn a_decline_is_an_outcome_with_its_facts(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::LacksFunds), 1, eur("23.79"));
    let outcome = bench.gateway().charge(&request).await.unwrap();
    let ChargeKind::Declined { decline } = &outcome.kind else { panic!("expected a decline: {outcome:?}") };
    assert_eq!((decline.code.as_str(), decline.hard), ("insufficient_funds", false));
    let payment = booked(outcome.report.as_ref());
    assert_eq!((payment.status(), bench.times_taken()), (PaymentStatus::Failed, 0));
    assert_eq!(payment.last_failure().unwrap().1, decline);
    assert_eq!(found(bench.gateway().look_up(&looking_for(&request)).await.unwrap()).kind, outcome.kind);
}

async fn n3_a_lost_card_is_declined_for_good(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::WasLost), 1, eur("23.79"));
    let outcome = bench.gateway().charge(&request).await.unwrap();
    assert!(matches!(outcome.kind, ChargeKind::Declined { decline } if decline.hard && decline.code == "lost_card"));
}

async fn off_session_a_customer_who_must_act_is_a_decline(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::WantsTheCustomer), 1, eur("23.79"));
    let outcome = bench.gateway().charge(&request).await.unwrap();
    assert!(
        matches!(outcome.kind, ChargeKind::Declined { decline } if decline.hard && decline.code == "authentication_required")
    );
}

async fn d3_a_direct_debit_is_processing(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::PaysLater), 1, eur("23.79"));
    let outcome = bench.gateway().charge(&request).await.unwrap();
    assert_eq!((&outcome.kind, bench.times_taken()), (&ChargeKind::Processing, 0));
    assert_eq!(booked(outcome.report.as_ref()).status(), PaymentStatus::Processing);
}

async fn i1_an_answer_lost_after_the_charge_is_unknown_and_found(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::Pays), 1, eur("23.79"));
    bench.trouble_charge(Trouble::LoseAnswer);
    assert!(bench.gateway().charge(&request).await.unwrap_err().is_unknown());
    let outcome = found(bench.gateway().look_up(&looking_for(&request)).await.unwrap());
    assert_eq!(booked(outcome.report.as_ref()).standing().unwrap().captured, eur("23.79"));
    assert_eq!(bench.gateway().charge(&request).await.unwrap().kind, ChargeKind::Succeeded);
    assert_eq!(bench.times_taken(), 1);
}

async fn i7_a_request_that_never_arrived_is_unknown_and_not_found(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::Pays), 1, eur("23.79"));
    bench.trouble_charge(Trouble::LoseRequest);
    let error = bench.gateway().charge(&request).await.unwrap_err();
    assert!(matches!(error, GatewayError::Unknown { answered: false, .. }), "{error:?}");
    assert_eq!(bench.gateway().look_up(&looking_for(&request)).await.unwrap(), LookUpOutcome::NotFound);
    assert_eq!(bench.gateway().charge(&request).await.unwrap().kind, ChargeKind::Succeeded);
    assert_eq!(bench.times_taken(), 1);
}

async fn a_failure_saved_under_the_key_is_unknown_for_ever_and_found(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::Pays), 1, eur("23.79"));
    bench.trouble_charge(Trouble::SaveFailure);
    for _ in 0..2 {
        assert!(bench.gateway().charge(&request).await.unwrap_err().is_unknown());
    }
    assert_eq!(found(bench.gateway().look_up(&looking_for(&request)).await.unwrap()).kind, ChargeKind::Succeeded);
    assert_eq!(bench.times_taken(), 1);
}

async fn a_failure_without_effect_is_answered_again_and_not_found(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::Pays), 1, eur("23.79"));
    bench.trouble_charge(Trouble::SaveFailureOnly);
    for _ in 0..2 {
        let error = bench.gateway().charge(&request).await.unwrap_err();
        assert!(matches!(error, GatewayError::Unknown { answered: true, .. }), "{error:?}");
    }
    assert_eq!(bench.gateway().look_up(&looking_for(&request)).await.unwrap(), LookUpOutcome::NotFound);
    assert_eq!(bench.times_taken(), 0);
}

async fn what_was_turned_away_had_no_effect(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::Pays), 1, eur("23.79"));
    bench.trouble_charge(Trouble::TurnAway);
    assert!(matches!(bench.gateway().charge(&request).await, Err(GatewayError::NotSent { .. })));
    assert_eq!(bench.times_taken(), 0);
    assert_eq!(bench.gateway().charge(&request).await.unwrap().kind, ChargeKind::Succeeded);
}

async fn c8_less_than_the_minimum_is_not_tried(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::Pays), 1, eur("0.49"));
    let outcome = bench.gateway().charge(&request).await.unwrap();
    assert_eq!(outcome, ChargeOutcome { kind: ChargeKind::TooSmall { minimum: Some(eur("0.50")) }, report: None });
    assert_eq!(bench.gateway().look_up(&looking_for(&request)).await.unwrap(), LookUpOutcome::NotFound);
}

async fn c8_there_is_no_page_for_less_than_the_minimum(bench: impl Bench) {
    let refused = bench.gateway().open_page(&page(eur("0.49"))).await.unwrap();
    assert_eq!(refused, PageOpened::TooSmall { minimum: Some(eur("0.50")) });
}

async fn a_payment_that_the_provider_left_undecided_is_found_and_called_off(bench: impl Bench) {
    let request = charge(&bench.method(Behaves::Pays), 1, eur("23.79"));
    bench.trouble_charge(Trouble::Stall);
    for _ in 0..2 {
        assert!(bench.gateway().charge(&request).await.unwrap_err().is_unknown());
    }
    let left = found(bench.gateway().look_up(&looking_for(&request)).await.unwrap());
    assert_eq!(left.kind, ChargeKind::Undecided);
    let reference = left.report.unwrap().reference;
    for _ in 0..2 {
        let outcome = bench.gateway().call_off(&reference).await.unwrap();
        assert!(matches!(&outcome.kind, ChargeKind::Declined { decline } if !decline.hard), "{outcome:?}");
        assert_eq!(booked(outcome.report.as_ref()).status(), PaymentStatus::Cancelled);
    }
    assert_eq!(bench.times_taken(), 0);
}

async fn what_was_taken_cannot_be_called_off(bench: impl Bench) {
    let (reference, _) = taken(&bench, "23.79").await;
    let outcome = bench.gateway().call_off(&reference).await.unwrap();
    assert_eq!((outcome.kind, bench.times_taken()), (ChargeKind::Succeeded, 1));
    assert_eq!(booked(outcome.report.as_ref()).standing().unwrap().captured, eur("23.79"));
}

async fn taken(bench: &impl Bench, amount: &str) -> (String, Payment) {
    let request = charge(&bench.method(Behaves::Pays), 1, eur(amount));
    let report = bench.gateway().charge(&request).await.unwrap().report.unwrap();
    (report.reference.clone(), booked(Some(&report)))
}

async fn a_refund_is_given_once_and_counts(bench: impl Bench) {
    let (reference, mut payment) = taken(&bench, "100.00").await;
    let thirty = order(1, &reference, eur("30.00"));
    let outcome = bench.gateway().refund(&thirty).await.unwrap();
    assert_eq!(bench.gateway().refund(&thirty).await.unwrap(), outcome);
    assert_eq!(bench.times_refunded(), 1);
    assert!(matches!(outcome.state, RefundState::Accepted { status: RefundStatus::Succeeded, .. }));
    let report = outcome.report.unwrap();
    assert!(!report.introduces && report.payment() == payment.id);
    payment.apply(&report).unwrap();
    assert_eq!(payment.standing().unwrap().refunded, eur("30.00"));
    let mut other = thirty;
    other.amount = eur("31.00");
    assert!(matches!(bench.gateway().refund(&other).await, Err(GatewayError::Refused { .. })));
}

async fn d7_more_than_is_left_is_refused(bench: impl Bench) {
    let (reference, _) = taken(&bench, "100.00").await;
    bench.gateway().refund(&order(1, &reference, eur("30.00"))).await.unwrap();
    let too_much = bench.gateway().refund(&order(2, &reference, eur("80.00"))).await.unwrap();
    assert!(matches!(too_much.state, RefundState::Refused { .. }) && too_much.report.is_none());
    bench.gateway().refund(&order(3, &reference, eur("70.00"))).await.unwrap();
    let nothing_left = bench.gateway().refund(&order(4, &reference, eur("1.00"))).await.unwrap();
    assert!(
        matches!(nothing_left.state, RefundState::Refused { decline } if decline.code == "charge_already_refunded")
    );
    assert_eq!(bench.times_refunded(), 2);
}

async fn a_refund_whose_answer_was_lost_is_found(bench: impl Bench) {
    let (reference, _) = taken(&bench, "100.00").await;
    let order = order(1, &reference, eur("30.00"));
    bench.trouble_refund(Trouble::LoseAnswer);
    assert!(bench.gateway().refund(&order).await.unwrap_err().is_unknown());
    let found = bench.gateway().look_up_refund(&order).await.unwrap();
    assert!(matches!(found, RefundLookUp::Found(outcome) if matches!(outcome.state, RefundState::Accepted { .. })));
    bench.gateway().refund(&order).await.unwrap();
    assert_eq!(bench.times_refunded(), 1);
}

async fn a_refund_that_never_arrived_is_not_found(bench: impl Bench) {
    let (reference, _) = taken(&bench, "100.00").await;
    let order = order(1, &reference, eur("30.00"));
    bench.trouble_refund(Trouble::LoseRequest);
    assert!(bench.gateway().refund(&order).await.unwrap_err().is_unknown());
    assert_eq!(bench.gateway().look_up_refund(&order).await.unwrap(), RefundLookUp::NotFound);
}

async fn a_page_is_opened_once_for_its_key(bench: impl Bench) {
    let mut request = page(eur("23.79"));
    let first = opened(bench.gateway().open_page(&request).await.unwrap());
    assert_eq!(opened(bench.gateway().open_page(&request).await.unwrap()), first);
    assert_eq!(first.expires_at, request.expires_at);
    assert!(first.url.contains(&first.reference));
    request.amount = eur("32.79");
    assert!(matches!(bench.gateway().open_page(&request).await, Err(GatewayError::Refused { .. })));
}

async fn i6_a_closed_page_cannot_be_paid(bench: impl Bench) {
    let page = opened(bench.gateway().open_page(&page(eur("23.79"))).await.unwrap());
    for _ in 0..2 {
        assert_eq!(bench.gateway().close_page(&page.reference).await.unwrap(), PageClosed::Closed);
    }
    assert_eq!(bench.times_taken(), 0);
}

async fn i6_a_page_that_was_paid_first_says_so(bench: impl Bench) {
    let page = opened(bench.gateway().open_page(&page(eur("23.79"))).await.unwrap());
    let payment = bench.pay_page(&page.reference);
    assert!(payment.is_some());
    for _ in 0..2 {
        let closed = bench.gateway().close_page(&page.reference).await.unwrap();
        let PageClosed::Used(outcome) = closed else { panic!("expected a page that was used, found {closed:?}") };
        assert_eq!(outcome.kind, ChargeKind::Succeeded);
        let report = outcome.report.unwrap();
        assert_eq!((Some(report.reference), report.page.as_deref()), (payment.clone(), Some("1f0c93ab")));
    }
    assert_eq!(bench.times_taken(), 1);
}
