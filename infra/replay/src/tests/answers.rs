//! What only answers to our own calls have told.

use super::*;

#[tokio::test]
async fn what_our_own_charge_was_answered_is_taken_over_and_counted() {
    let mut stack = Stack::new().await;
    let answer =
        PaymentReport { attempt: Some(1), ..told_of("pi_3", Some(invoice(3)), vec![captured("3", 11_900, 40)]) };
    payments::report(&stack.store, &answer, at(40)).await.unwrap();
    stack.count().await;
    let replayed = stack.replayed().await;
    assert_eq!(replayed.differences(), []);
    let facts: Vec<&str> = replayed.only_answered.iter().map(|one| one.fact.as_str()).collect();
    assert_eq!(facts, ["captured/ch_3"]);
    // The event that tells the same comes later, and tells another amount: it is what counts.
    stack.inbox(told_of("pi_3", Some(invoice(3)), vec![captured("3", 10_000, 41)]), 41);
    let replayed = stack.replayed().await;
    assert!(replayed.only_answered.is_empty());
    let found = replayed.differences();
    assert!(found.iter().any(|one| one.key == payment_key(pay("pi_3"))), "{found:#?}");
}

#[tokio::test]
async fn an_answer_that_was_told_before_the_event_gives_the_time() {
    let mut stack = Stack::new().await;
    let no = |minute| {
        let decline = Decline { code: "insufficient_funds".into(), hard: false };
        let report = told_of(
            "pi_3",
            Some(invoice(3)),
            vec![Fact::new(at(minute), Statement::Failed { reference: "ch_3".into(), decline })],
        );
        PaymentReport { attempt: Some(1), ..report }
    };
    payments::report(&stack.store, &no(40), at(40)).await.unwrap();
    stack.event(no(41), 41).await;
    stack.count().await;
    let replayed = stack.replayed().await;
    assert_eq!(replayed.differences(), []);
    assert_eq!(replayed.only_answered.len(), 1);
}

#[tokio::test]
async fn refunds_that_were_asked_for_are_decisions() {
    let mut stack = Stack::new().await;
    let refund = RefundId::from_random(1);
    refunds::request(&stack.store, pay("pi_1"), refund, eur(1_000), at(50), &nothing_more).await.unwrap();
    assert_eq!(stack.differences().await, []);
    let told = Statement::Refund {
        reference: "re_1".into(),
        amount: eur(1_000),
        status: RefundStatus::Succeeded,
        requested_as: Some(refund),
    };
    let report = PaymentReport { introduces: false, ..told_of("pi_1", None, vec![Fact::new(at(51), told)]) };
    payments::report(&stack.store, &report, at(51)).await.unwrap();
    stack.count().await;
    // Until its event comes, only the answer has told it.
    let replayed = stack.replayed().await;
    assert_eq!((replayed.differences(), replayed.only_answered.len()), (vec![], 1));
    stack.inbox(report, 52);
    let replayed = stack.replayed().await;
    assert_eq!((replayed.differences(), replayed.only_answered.len()), (vec![], 0));
    let state = stack.payment("pi_1").await.refund_request(refund).unwrap().state.clone();
    assert!(matches!(state, RefundState::Accepted { status: RefundStatus::Succeeded, .. }));
}

#[tokio::test]
async fn a_payment_that_contradicts_its_events_differs_and_does_not_stop_the_replay() {
    let stack = Stack::new().await;
    stack
        .edit(&stack.payment("pi_1").await, |payment| {
            payment["currency"] = "USD".into();
            payment["facts"]["created"] =
                json!({"at": at(9), "kind": "created", "amount": {"amount": "1.00", "currency": "USD"}});
        })
        .await;
    let found = stack.difference().await;
    assert_eq!(found.key, payment_key(pay("pi_1")));
}
