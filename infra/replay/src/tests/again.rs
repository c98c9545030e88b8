//! What is told of books that change while they are read.

use super::*;

#[tokio::test]
async fn a_commit_that_came_between_two_reads_is_no_difference() {
    let mut stack = Stack::new().await;
    let before = Kept::in_memory(&stack.store).unwrap();
    stack.event(told_of("pi_3", Some(invoice(3)), vec![captured("3", 15_000, 40)]), 40).await;
    stack.count().await;
    // Billing and reports were read before the commit, the inbox after it.
    let kept = Kept { events: stack.events.clone(), ..before };
    let mut replayed = replay(kept).await.unwrap();
    assert!(replayed.differences().len() > 4, "{:#?}", replayed.differences());
    replayed.look_again(&stack.store, at(1_000)).await.unwrap();
    assert_eq!(replayed.differences(), []);
    for table in [Table::Billing, Table::Reports] {
        assert_eq!(replayed.hashes(table).0, replayed.hashes(table).1);
    }
}

#[tokio::test]
async fn an_event_that_is_still_on_its_way_is_not_judged_and_one_that_had_its_time_is() {
    let mut stack = Stack::new().await;
    stack.inbox(told_of("pi_3", Some(invoice(3)), vec![captured("3", 11_900, 40)]), 40);
    let mut replayed = stack.replayed().await;
    replayed.look_again(&stack.store, at(30)).await.unwrap();
    assert_eq!(replayed.differences(), []);
    assert_eq!(replayed.tally(Table::Billing).moving, 3);
    // What was summed up before it happened is judged all the same.
    let sum = Item::from(std::collections::HashMap::from([
        ("pk".to_owned(), AttributeValue::S("SALES".into())),
        ("sk".to_owned(), AttributeValue::S("2026-02-01#EUR#EMEA#web#".into())),
        ("n07".to_owned(), AttributeValue::N("1".into())),
    ]));
    stack.put_item(Table::Reports, sum).await;
    let mut replayed = stack.replayed().await;
    replayed.look_again(&stack.store, at(30)).await.unwrap();
    assert_eq!(replayed.differences()[0].key.sk, "2026-02-01#EUR#EMEA#web#");
    assert_eq!(replayed.differences().len(), 1);
    let mut replayed = stack.replayed().await;
    replayed.look_again(&stack.store, at(45)).await.unwrap();
    assert!(replayed.differences().iter().any(|one| one.key == payment_key(pay("pi_3"))));
}

#[tokio::test]
async fn what_is_really_broken_is_so_at_the_second_look() {
    let stack = Stack::new().await;
    stack.put(&CreditBalance { customer: customer_id(), balance: eur(1) }).await;
    stack.remove(Table::Billing, Key::new(invoice_key(invoice(1)).pk, "ENTRY#finalised")).await;
    stack.remove(Table::Billing, payment_key(pay("pi_9"))).await;
    let mut replayed = stack.replayed().await;
    let before = replayed.differences();
    replayed.look_again(&stack.store, at(1_000)).await.unwrap();
    assert_eq!(replayed.differences(), before);
    assert!(before.iter().filter(|one| one.table == Table::Billing).count() == 3, "{before:#?}");
}
