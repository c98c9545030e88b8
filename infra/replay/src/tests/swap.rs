//! What differs is put right, and nothing else.

use super::*;
use crate::Swap;

impl Stack {
    /// Puts right what differs, as often as there is something; tells what.
    async fn swap(&self) -> Vec<String> {
        let mut what = Vec::new();
        // The books first, the reports when those are right.
        for _ in 0..2 {
            for Swap { what: one, transaction } in self.replayed().await.swap(at(500)).unwrap() {
                self.store.commit(transaction).await.unwrap();
                what.push(one);
            }
        }
        assert_eq!(self.differences().await, [], "after {what:?}");
        what
    }
}

#[tokio::test]
async fn sound_books_are_left_alone() {
    assert_eq!(Stack::new().await.swap().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_invoice_that_forgot_its_payment_has_it_again_and_nothing_is_posted_twice() {
    let stack = Stack::new().await;
    let kept = load::<Invoice>(&stack.store, &invoice_key(invoice(1))).await.unwrap().unwrap().value;
    let entries = stack.store.items(Table::Billing).iter().filter(|item| is_entry(item)).count();
    stack.put(&kept.without_payments()).await;
    assert!(stack.swap().await.contains(&invoice_key(invoice(1)).pk));
    assert_eq!(stack.store.items(Table::Billing).iter().filter(|item| is_entry(item)).count(), entries);
    let again = load::<Invoice>(&stack.store, &invoice_key(invoice(1))).await.unwrap().unwrap().value;
    assert_eq!(again.received().count(), 1);
}

#[tokio::test]
async fn a_payment_that_is_gone_comes_back_and_one_that_nothing_tells_goes() {
    let mut stack = Stack::new().await;
    let gone = stack.payment("pi_9").await;
    stack.remove(Table::Billing, payment_key(pay("pi_9"))).await;
    assert!(stack.swap().await.contains(&payment_key(pay("pi_9")).pk));
    assert_eq!(stack.payment("pi_9").await, gone);
    stack.events.retain(|told| told.reports()[0].reference != "pi_9");
    stack.swap().await;
    assert!(load::<Payment>(&stack.store, &payment_key(pay("pi_9"))).await.unwrap().is_none());
}

#[tokio::test]
async fn an_entry_that_is_missing_is_made_up_for_by_another() {
    let stack = Stack::new().await;
    stack.remove(Table::Billing, Key::new(invoice_key(invoice(1)).pk, "ENTRY#finalised")).await;
    assert_eq!(stack.swap().await, [invoice_key(invoice(1)).pk]);
    let added = Key::new(invoice_key(invoice(1)).pk, "ENTRY#replayed#4");
    let added =
        load::<LedgerEntry>(&stack.store, &added).await.unwrap().expect("an entry under the invoice's version").value;
    assert_eq!((added.invoice, added.payment, added.entry.at), (Some(invoice(1)), None, at(500)));
    assert_eq!(added.entry.seller, SellerId::from_random(1));
}

#[tokio::test]
async fn a_balance_and_a_sum_of_the_reports_that_were_changed_are_what_they_were() {
    let stack = Stack::new().await;
    let before = stack.replayed().await.hashes(Table::Reports);
    stack.put(&CreditBalance { customer: customer_id(), balance: eur(8_101) }).await;
    let sum = stack.store.items(Table::Reports).into_iter().find(|item| text(item, "pk") == Some("SALES")).unwrap();
    let mut changed = Item::clone(&sum);
    changed.insert("n28".to_owned(), AttributeValue::N("1".to_owned()));
    stack.put_item(Table::Reports, changed).await;
    let told = stack.replayed().await;
    let first: Vec<String> = told.swap(at(500)).unwrap().into_iter().map(|swap| swap.what).collect();
    assert_eq!(first, [format!("CUSTOMER#{}", customer_id())], "reports wait until the books are right");
    stack.swap().await;
    assert_eq!(stack.replayed().await.hashes(Table::Reports), before);
}

#[tokio::test]
async fn what_was_written_meanwhile_is_not_replaced() {
    let stack = Stack::new().await;
    let kept = load::<Invoice>(&stack.store, &invoice_key(invoice(1))).await.unwrap().unwrap();
    stack.put(&kept.value.without_payments()).await;
    let mut swaps = stack.replayed().await.swap(at(500)).unwrap();
    stack.put_item(Table::Billing, to_item(&kept.value, 9).unwrap()).await;
    let refused = stack.store.commit(swaps.remove(0).transaction).await.unwrap_err();
    assert!(refused.is_conflict(), "{refused}");
}

fn is_entry(item: &Item) -> bool {
    text(item, "sk").is_some_and(|sk| sk.starts_with(LedgerEntry::PREFIX))
}
