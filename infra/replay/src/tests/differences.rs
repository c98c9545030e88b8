//! Each way in which books can differ from their facts.

use super::*;

#[tokio::test]
async fn sound_books_are_rebuilt_as_they_are_to_the_byte() {
    let replayed = Stack::new().await.replayed().await;
    assert_eq!(replayed.differences(), []);
    for table in [Table::Billing, Table::Reports] {
        let (kept, rebuilt) = replayed.hashes(table);
        assert_eq!(kept, rebuilt);
        assert!(replayed.tally(table).equal > 3, "{:?}", replayed.tally(table));
    }
    // Three payments, three invoices, a sum for each invoice and the payment without one, one customer's credit.
    assert_eq!(replayed.tally(Table::Billing).equal, 3 + 3 + 4 + 1);
    assert_eq!((replayed.events.of_payments, replayed.only_answered.len()), (4, 0));
}

#[tokio::test]
async fn a_fact_that_the_books_lost_is_named_with_the_event_that_tells_it() {
    let stack = Stack::new().await;
    stack
        .edit(&stack.payment("pi_2").await, |payment| {
            payment["facts"].as_object_mut().unwrap().remove("dispute/dp_1/1").unwrap();
        })
        .await;
    let found = stack.difference().await;
    assert_eq!((found.key, found.kind), (payment_key(pay("pi_2")), Kind::Different));
    assert!(found.fields[0].starts_with("facts.dispute/dp_1/1: kept nothing, rebuilt {"), "{:?}", found.fields);
    let replayed = stack.replayed().await;
    let mending: Vec<&str> = replayed.mending().events.iter().map(|told| told.event_id.as_str()).collect();
    assert_eq!(mending, ["evt_2"]);
}

#[tokio::test]
async fn an_event_that_never_came_to_the_books_makes_all_that_follows_from_it_differ() {
    let mut stack = Stack::new().await;
    stack.inbox(told_of("pi_3", Some(invoice(3)), vec![captured("3", 11_900, 40)]), 40);
    let replayed = stack.replayed().await;
    let found: Vec<(Key, Kind)> = replayed
        .differences()
        .into_iter()
        .filter(|one| one.table == Table::Billing)
        .map(|one| (one.key, one.kind))
        .collect();
    let entries = Key::new(invoice_key(invoice(3)).pk, "ENTRY#");
    let expected = [
        (entries, Kind::Different),
        (invoice_key(invoice(3)), Kind::Different),
        (payment_key(pay("pi_3")), Kind::Missing),
    ];
    assert_eq!(found, expected);
    assert!(replayed.tally(Table::Reports).different > 0);
    assert_ne!(replayed.hashes(Table::Reports).0, replayed.hashes(Table::Reports).1);
    let mending: Vec<String> = replayed.mending().events.iter().map(|told| told.event_id.clone()).collect();
    assert_eq!(mending, ["evt_4"]);
    payments::report(&stack.store, &stack.events[4].reports()[0], at(41)).await.unwrap();
    stack.count().await;
    assert_eq!(stack.differences().await, []);
}

#[tokio::test]
async fn a_fact_that_no_event_tells_and_no_answer_can_have_told_is_named() {
    let mut stack = Stack::new().await;
    // The dispute's event, then that of the money nobody knows, are not in the inbox.
    let dispute = stack.events.remove(2);
    let found = stack.differences().await;
    assert!(found.iter().any(|one| one.key == payment_key(pay("pi_2")) && one.kind == Kind::Different), "{found:#?}");
    stack.events.push(dispute);
    stack.events.retain(|told| told.reports()[0].reference != "pi_9");
    let found = stack.differences().await;
    assert!(found.iter().any(|one| one.key == payment_key(pay("pi_9")) && one.kind == Kind::Surplus), "{found:#?}");
}

#[tokio::test]
async fn a_balance_that_was_changed_is_named() {
    let stack = Stack::new().await;
    stack.put(&CreditBalance { customer: customer_id(), balance: eur(8_101) }).await;
    let found = stack.difference().await;
    assert_eq!(found.key, CreditBalance::key_of(customer_id(), "EUR".parse().unwrap()));
    assert_eq!(found.fields, [r#"balance.amount: kept "81.01", rebuilt "81.00""#]);
}

#[tokio::test]
async fn an_entry_that_is_missing_is_named_by_its_sum() {
    let stack = Stack::new().await;
    stack.remove(Table::Billing, Key::new(invoice_key(invoice(1)).pk, "ENTRY#finalised")).await;
    let found = stack.difference().await;
    assert_eq!((found.key, found.kind), (Key::new(invoice_key(invoice(1)).pk, "ENTRY#"), Kind::Different));
    assert!(found.fields.iter().any(|field| field.starts_with("revenue: kept nothing, rebuilt")), "{:?}", found.fields);
}

#[tokio::test]
async fn an_invoice_that_lacks_its_payment_is_named_and_is_not_touched_where_it_was_posted() {
    let stack = Stack::new().await;
    let kept = load::<Invoice>(&stack.store, &invoice_key(invoice(1))).await.unwrap().unwrap().value;
    stack.put(&kept.without_payments()).await;
    let found = stack.difference().await;
    assert_eq!(found.key, invoice_key(invoice(1)));
    let replayed = stack.replayed().await;
    assert_eq!(replayed.mending().events.len(), 0);
    assert_eq!(Vec::from_iter(replayed.mending().held_back), [invoice_key(invoice(1)).pk]);
    // Without the entry of its payment it is as if the event had never come.
    stack.remove(Table::Billing, Key::new(invoice_key(invoice(1)).pk, format!("ENTRY#{}#1", pay("pi_1")))).await;
    let replayed = stack.replayed().await;
    let mending: Vec<&str> = replayed.mending().events.iter().map(|told| told.event_id.as_str()).collect();
    assert_eq!(mending, ["evt_0"]);
    payments::report(&stack.store, &stack.events[0].reports()[0], at(90)).await.unwrap();
    assert_eq!(stack.differences().await, []);
}

#[tokio::test]
async fn a_payment_that_is_gone_while_its_entry_stands_is_not_booked_again() {
    let stack = Stack::new().await;
    stack.remove(Table::Billing, payment_key(pay("pi_9"))).await;
    let replayed = stack.replayed().await;
    assert_eq!(replayed.mending().events.len(), 0);
    assert_eq!(Vec::from_iter(replayed.mending().held_back), [payment_key(pay("pi_9")).pk]);
    // One whose invoice speaks for it comes back, and nothing is posted.
    stack.remove(Table::Billing, payment_key(pay("pi_1"))).await;
    let replayed = stack.replayed().await;
    let mending: Vec<&str> = replayed.mending().events.iter().map(|told| told.event_id.as_str()).collect();
    assert_eq!(mending, ["evt_0"]);
}

#[tokio::test]
async fn a_count_that_was_changed_is_named_and_one_that_came_back_to_nothing_is_not() {
    let stack = Stack::new().await;
    let items = stack.store.items(Table::Reports);
    let sales = items.iter().find(|item| Key::of(item).is_some_and(|key| key.pk == "SALES")).unwrap();
    let mut item = Item::clone(sales);
    item.insert("n31".into(), AttributeValue::N("0".into()));
    stack.put_item(Table::Reports, item.clone()).await;
    assert_eq!(stack.differences().await, []);
    item.insert("n31".into(), AttributeValue::N("1".into()));
    stack.put_item(Table::Reports, item.clone()).await;
    let found = stack.differences().await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (&found[0].key, &found[0].fields[0][..]),
        (&Key::of(&item).unwrap(), "n31: kept \"1\", rebuilt nothing")
    );
}

#[tokio::test]
async fn what_waits_is_told_and_is_a_difference_only_where_the_inbox_calls_it_applied() {
    let mut stack = Stack::new().await;
    stack.inbox(told_of("pi_7", Some(invoice(7)), vec![captured("7", 100, 60)]), 60);
    let found = stack.difference().await;
    assert_eq!((found.table, &found.key.sk[..]), (Table::Inbox, "EVENT"));
    assert_eq!(found.fields, [r#"status: kept "applied", rebuilt "parked""#]);
    stack.events[4].status = InboxStatus::Parked;
    let replayed = stack.replayed().await;
    assert_eq!(replayed.differences(), []);
    assert_eq!(replayed.events.waiting[0].reason, invoice(7).to_string());
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_refused() {
    let mut stack = Stack::new().await;
    stack.inbox(told_of("pi_7", None, vec![]), 60);
    stack.events[4].reports = Err("unexpected JSON".into());
    stack.events[4].status = InboxStatus::GivenUp;
    let replayed = stack.replayed().await;
    assert_eq!(replayed.differences(), []);
    assert_eq!(replayed.events.refused[0].reason, "unexpected JSON");
}
