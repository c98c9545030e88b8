//! The order in which things were heard, and what depends on it.

use super::*;

#[tokio::test]
async fn the_order_in_which_events_were_received_does_not_matter() {
    let mut stack = Stack::new().await;
    for (place, told) in stack.events.iter_mut().enumerate() {
        told.received_at = at(100 - i64::try_from(place).unwrap());
    }
    assert_eq!(stack.differences().await, []);
}

#[tokio::test]
async fn how_far_collecting_came_is_taken_over_with_when_it_is_due() {
    let mut stack = Stack::new().await;
    let policy = DunningPolicy::default();
    let mut kept = load::<Invoice>(&stack.store, &invoice_key(invoice(3))).await.unwrap().unwrap().value;
    kept.handed_over(&policy, at(5)).unwrap();
    stack.put(&kept).await;
    stack.event(told_of("pi_3", Some(invoice(3)), vec![captured("3", 900, 40)]), 40).await;
    let mut kept = load::<Invoice>(&stack.store, &invoice_key(invoice(3))).await.unwrap().unwrap().value;
    let planned = kept.progress.next;
    kept.plan(&policy, at(60 * 24 * 20)).unwrap();
    assert_ne!(kept.progress.next, planned);
    stack.put(&kept).await;
    stack.count().await;
    assert_eq!(stack.differences().await, []);
    // The places in the indexes are part of what is compared.
    let mut item = to_item(&kept, 9).unwrap();
    item.remove("customer_at");
    stack.put_item(Table::Billing, item).await;
    assert!(stack.difference().await.fields[0].starts_with("customer_at: kept nothing, rebuilt"));
}

#[tokio::test]
async fn what_waits_for_something_that_waits_is_told_in_the_end() {
    let mut stack = Stack::new().await;
    let refund = |of: &str, reference: &str| {
        let (reference, status, amount) = (reference.to_owned(), RefundStatus::Succeeded, eur(100));
        let statement = Statement::Refund { reference, amount, status, requested_as: None };
        PaymentReport { introduces: false, ..told_of(of, None, vec![Fact::new(at(70), statement)]) }
    };
    let (p, q) =
        (told_of("pi_p", None, vec![captured("p", 500, 60)]), told_of("pi_q", None, vec![captured("q", 500, 60)]));
    for report in [&p, &refund("pi_p", "re_p"), &q, &refund("pi_q", "re_q")] {
        payments::report(&stack.store, report, at(90)).await.unwrap();
    }
    stack.count().await;
    stack.inbox(refund("pi_q", "re_q"), 100);
    stack.inbox(refund("pi_p", "re_p"), 101);
    stack.events[5].reports.as_mut().unwrap().push(q);
    stack.inbox(p, 102);
    let replayed = stack.replayed().await;
    assert_eq!((replayed.differences(), replayed.events.waiting.len()), (vec![], 0));
}

/// What can be told of two payments of one invoice and one of another, in any order.
fn lives() -> Vec<PaymentReport> {
    let refund = |status, minute| {
        let reference = "re_1".to_owned();
        let statement = Statement::Refund { reference, amount: eur(4_000), status, requested_as: None };
        PaymentReport { introduces: false, ..told_of("pi_a", None, vec![Fact::new(at(minute), statement)]) }
    };
    let decline = Decline { code: "insufficient_funds".into(), hard: false };
    let failed = Fact::new(at(61), Statement::Failed { reference: "ch_0".into(), decline });
    let dispute = PaymentReport { introduces: false, ..told_of("pi_b", None, vec![withdrawn(11_900, 80)]) };
    vec![
        told_of("pi_a", Some(invoice(3)), vec![Fact::new(at(60), Statement::Created { amount: eur(20_000) })]),
        told_of("pi_a", Some(invoice(3)), vec![failed]),
        told_of("pi_a", Some(invoice(3)), vec![captured("a", 20_000, 62)]),
        refund(RefundStatus::Pending, 70),
        refund(RefundStatus::Succeeded, 71),
        told_of("pi_b", Some(invoice(3)), vec![captured("b", 11_900, 65)]),
        dispute,
        told_of("pi_c", None, vec![captured("c", 100, 66)]),
        told_of("pi_c", Some(invoice(1)), vec![captured("c", 100, 67)]),
    ]
}

/// Tells in one order what the inbox has in another; what waits is tried again at the end.
async fn told_in(order: Vec<PaymentReport>, inbox: Vec<PaymentReport>) -> Replay {
    let mut stack = Stack::new().await;
    let mut waiting = Vec::new();
    for report in order {
        if let Reported::WaitsFor(_) = payments::report(&stack.store, &report, at(90)).await.unwrap() {
            waiting.push(report);
        }
    }
    for report in waiting {
        payments::report(&stack.store, &report, at(91)).await.unwrap();
    }
    for (report, minute) in inbox.into_iter().zip(100..) {
        stack.inbox(report, minute);
    }
    stack.count().await;
    stack.replayed().await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_the_books_heard_it_they_are_what_the_inbox_comes_to(
        order in Just(lives()).prop_shuffle(),
        inbox in Just(lives()).prop_shuffle(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let replayed = runtime.block_on(told_in(order, inbox));
        prop_assert_eq!(replayed.differences(), vec![]);
        prop_assert_eq!(replayed.only_answered.len(), 0);
        prop_assert_eq!(replayed.hashes(Table::Reports).0, replayed.hashes(Table::Reports).1);
    }
}
