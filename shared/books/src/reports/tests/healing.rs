//! Lost, late and doubled hints, workers at once, crashes, and what cannot be counted.

use async_trait::async_trait;
use saldo_billing::payment::{RefundStatus, Statement};
use saldo_billing::report::{By, ReportName};
use saldo_money::{Currency, Money};
use saldo_store::entities::{invoice_key, payment_key};
use saldo_store::memory::MemoryStore;
use saldo_store::{
    AttributeValue, CommitError, Committed, Condition, Consistency, Item, Key, Page, Query, Store, StoreError, Table,
    Transaction,
};

use super::world::{World, captured, count, days, id_of, refund, shown};
use crate::reports::{Hint, Place, Subject, apply, rebuild};

const ALL: (&str, &str) = ("2026-09-01", "2027-12-31");

async fn refunds(world: &World, by: By) -> String {
    shown(&world.store, ReportName::Refunds, by, days(ALL.0, ALL.1)).await
}

async fn paid_and_refunded(world: &mut World) -> usize {
    let invoice = world.invoice(0, 0, &[(1, 7_000, 2), (2, 3_000, 2)]).await;
    let payment = world.payment(Some(invoice), Currency::EUR, 0);
    world.tell(payment, None, captured(10_000, Currency::EUR, 1)).await;
    world.wait(24);
    world.tell(payment, None, refund(101, Currency::EUR, 1, RefundStatus::Succeeded)).await;
    payment
}

#[tokio::test]
async fn a_refund_is_shared_by_the_products_and_loses_nothing() {
    let mut world = World::new().await;
    paid_and_refunded(&mut world).await;
    world.count_since(0).await;
    let by_product = refunds(&world, By::Product).await;
    assert!(by_product.contains("\"0.71\"") && by_product.contains("\"0.30\""), "{by_product}");
    for by in [By::Region, By::Channel, By::Method, By::Gateway, By::Day] {
        assert!(refunds(&world, by).await.contains("\"1.01\""), "{by}");
    }
}

#[tokio::test]
async fn an_old_look_that_comes_last_does_not_bring_back_what_is_over() {
    let mut world = World::new().await;
    let payment = paid_and_refunded(&mut world).await;
    world.count_since(0).await;
    let before = world.told();
    world.wait(24);
    // The refund fails after all: what it gave back is ours again.
    world.tell(payment, None, refund(101, Currency::EUR, 1, RefundStatus::Failed)).await;
    world.count_since(before).await;
    assert!(refunds(&world, By::Day).await.ends_with("\"rows\":[]}"));
    for change in world.store.changes_since(0).into_iter().rev() {
        count(&world.store, &[change]).await;
    }
    assert!(refunds(&world, By::Day).await.ends_with("\"rows\":[]}"));
}

#[tokio::test]
async fn what_was_lost_is_made_good_by_the_next_change() {
    let mut world = World::new().await;
    let invoice = world.invoice(0, 0, &[(1, 7_000, 0)]).await;
    let lost = world.told();
    let payment = world.payment(Some(invoice), Currency::EUR, 0);
    world.tell(payment, None, captured(8_330, Currency::EUR, 1)).await;
    world.count_since(lost).await;
    let revenue = shown(&world.store, ReportName::Revenue, By::Month, days(ALL.0, ALL.1)).await;
    assert!(revenue.contains("\"70.00\"") && revenue.contains("\"83.30\""), "{revenue}");
}

#[tokio::test]
async fn a_void_on_the_same_day_leaves_nothing_and_on_another_takes_it_back_there() {
    let mut world = World::new().await;
    world.wait(4 * 24);
    // 1 October 21:00Z is still 1 October in Berlin; 22:30Z is not.
    let (first, second) = (world.invoice(0, 0, &[(1, 7_000, 0)]).await, world.invoice(0, 0, &[(1, 500, 0)]).await);
    world.void(first).await;
    world.wait(2);
    world.void(second).await;
    world.count_since(0).await;
    let revenue = shown(&world.store, ReportName::Revenue, By::Day, days(ALL.0, ALL.1)).await;
    let rows: serde_json::Value = serde_json::from_str(&revenue).unwrap();
    let days: Vec<_> =
        rows["rows"].as_array().unwrap().iter().map(|row| (&row["key"], &row["net"]["amount"])).collect();
    assert_eq!(
        format!("{days:?}"),
        r#"[(String("2026-10-01"), String("5.00")), (String("2026-10-02"), String("-5.00"))]"#
    );
}

/// A store in which every request takes a moment, so that workers meet, and which may lose the answer of a commit.
struct Slow {
    store: MemoryStore,
    loses: std::sync::atomic::AtomicUsize,
}

#[async_trait]
impl Store for Slow {
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError> {
        tokio::task::yield_now().await;
        self.store.get(table, key, consistency).await
    }

    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        tokio::task::yield_now().await;
        self.store.get_many(table, keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        tokio::task::yield_now().await;
        self.store.query(query).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        tokio::task::yield_now().await;
        let committed = self.store.commit(transaction).await?;
        if self.loses.load(std::sync::atomic::Ordering::Relaxed) > 0 {
            self.loses.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            let source = "the answer was lost".into();
            return Err(StoreError::Unknown { attempted: "a transaction", table: Table::Reports, source }.into());
        }
        Ok(committed)
    }
}

async fn hints(world: &World) -> Vec<Hint> {
    let changes = world.store.changes_since(0);
    changes.iter().filter_map(|it| Hint::of_change(&it.key, it.old.as_deref(), it.new.as_deref())).collect()
}

#[tokio::test]
async fn workers_at_once_count_once() {
    let mut world = World::new().await;
    for _ in 0..5 {
        paid_and_refunded(&mut world).await;
    }
    let hints = hints(&world).await;
    let slow = Slow { store: world.store, loses: 0.into() };
    let work = futures_util::future::join_all((0..4).map(|_| apply(&slow, hints.clone()))).await;
    assert!(work.iter().all(|done| done.as_ref().is_ok_and(Vec::is_empty)), "{work:?}");
    let report = shown(&slow, ReportName::Revenue, By::Region, days(ALL.0, ALL.1)).await;
    assert!(report.contains("\"500.00\""), "{report}");
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_counts_once() {
    let mut world = World::new().await;
    paid_and_refunded(&mut world).await;
    let hints = hints(&world).await;
    let slow = Slow { store: world.store, loses: 1.into() };
    assert!(apply(&slow, hints.clone()).await.is_err());
    assert!(apply(&slow, hints).await.unwrap().is_empty());
    let report = shown(&slow, ReportName::Revenue, By::Month, days(ALL.0, ALL.1)).await;
    assert!(report.contains("\"100.00\""), "{report}");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_name_and_its_neighbours_are_counted() {
    let mut world = World::new().await;
    let bad = world.invoice(0, 0, &[(1, 7_000, 0)]).await;
    world.invoice(0, 0, &[(1, 500, 2)]).await;
    break_item(&world, &invoice_key(bad)).await;
    let payment = paid_and_refunded(&mut world).await;
    let bad_payment = Subject::Payment(id_of(&world.payments[payment]));
    break_item(&world, &payment_key(id_of(&world.payments[payment]))).await;
    let refused = apply(&world.store, hints(&world).await).await.unwrap();
    let mut names: Vec<_> = refused.iter().flat_map(|refused| refused.subjects.clone()).collect();
    names.sort();
    assert_eq!(names, [Subject::Invoice(bad), bad_payment]);
    let revenue = shown(&world.store, ReportName::Revenue, By::Month, days(ALL.0, ALL.1)).await;
    assert!(revenue.contains("\"105.00\""), "{revenue}");
}

#[tokio::test]
async fn sums_that_cannot_be_added_to_stop_only_who_needs_them() {
    let mut world = World::new().await;
    let bad = world.invoice(0, 0, &[(1, 7_000, 0)]).await;
    world.count_since(0).await;
    for item in world.store.items(Table::Reports) {
        if Key::of(&item).is_some_and(|key| key.pk == "SALES") {
            let mut item = (*item).clone();
            item.insert("n27".to_owned(), AttributeValue::S("broken".to_owned()));
            put(&world, Table::Reports, item).await;
        }
    }
    let told = world.told();
    let other = world.invoice(0, 0, &[(1, 900, 0)]).await;
    world.invoice(1, 0, &[(2, 100, 0)]).await;
    let hints = world.store.changes_since(told);
    let hints = hints.iter().filter_map(|it| Hint::of_change(&it.key, it.old.as_deref(), it.new.as_deref())).collect();
    let refused = apply(&world.store, hints).await.unwrap();
    assert_eq!(refused.iter().flat_map(|it| it.subjects.clone()).collect::<Vec<_>>(), [Subject::Invoice(other)]);
    assert_ne!(bad, other);
}

async fn break_item(world: &World, key: &Key) {
    let mut item = world.store.get(Table::Billing, key, Consistency::Strong).await.unwrap().unwrap();
    item.insert("currency".to_owned(), AttributeValue::S("XXX".to_owned()));
    item.insert("totals".to_owned(), AttributeValue::S("none".to_owned()));
    put(world, Table::Billing, item).await;
}

async fn put(world: &World, table: Table, item: Item) {
    let mut transaction = Transaction::new();
    transaction.put(table, item, Condition::Always).unwrap();
    world.store.commit(transaction).await.unwrap();
}

#[tokio::test]
async fn a_sale_too_large_for_one_transaction_is_counted_in_several() {
    let mut world = World::new().await;
    let lines: Vec<(u128, i64, usize)> = (1..=30).map(|n| (n, 1_000 + i64::try_from(n).unwrap(), 0)).collect();
    let invoice = world.invoice(0, 0, &lines).await;
    let payment = world.payment(Some(invoice), Currency::EUR, 0);
    world.tell(payment, None, captured(50_000, Currency::EUR, 1)).await;
    for n in 0..9 {
        world.wait(24 * 16);
        world.tell(payment, None, refund(999, Currency::EUR, n, RefundStatus::Succeeded)).await;
    }
    let mut next = Some(Place::default());
    while let Some(place) = next {
        let step = rebuild(&world.store, place).await.unwrap();
        assert!(step.refused.is_empty());
        next = step.next;
    }
    let by_product = refunds(&world, By::Product).await;
    let rows: serde_json::Value = serde_json::from_str(&by_product).unwrap();
    let rows = rows["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 20, "19 products and the others together");
    assert!(rows.iter().any(|row| row["key"] == "other"));
    let amounts =
        rows.iter().map(|row| Money::parse(row["refunded"]["amount"].as_str().unwrap(), Currency::EUR).unwrap());
    let sum = amounts.fold(0, |sum, amount| sum + amount.to_minor().unwrap());
    assert_eq!(sum, 9 * 999);
    assert!(refunds(&world, By::Gateway).await.contains("\"89.91\""));
}

#[tokio::test]
async fn a_payment_that_finds_its_invoice_moves_to_it() {
    let mut world = World::new().await;
    let payment = world.payment(None, Currency::EUR, 0);
    world.tell(payment, None, captured(7_000, Currency::EUR, 1)).await;
    world.tell(payment, None, refund(100, Currency::EUR, 1, RefundStatus::Succeeded)).await;
    world.count_since(0).await;
    assert!(refunds(&world, By::Product).await.contains("\"none\""));
    let told = world.told();
    let invoice = world.invoice(0, 0, &[(1, 7_000, 2)]).await;
    world.tell(payment, Some(invoice), Statement::Processing).await;
    world.count_since(told).await;
    let by_product = refunds(&world, By::Product).await;
    assert!(by_product.contains("\"prd_") && !by_product.contains("\"none\""), "{by_product}");
    let payments = shown(&world.store, ReportName::Payments, By::Method, days(ALL.0, ALL.1)).await;
    assert!(payments.contains(r#""attempts":1,"succeeded":1,"#) && payments.contains(r#""invoices":1,"#), "{payments}");
}

#[tokio::test]
async fn nothing_but_things_that_count_is_a_hint() {
    let world = World::new().await;
    let key = |pk: &str, sk: &str| Key::new(pk, sk);
    let item = Item::default();
    for key in [
        key("SELLER#x", "SELLER"),
        key("INVOICE#inv_x", "INVOICE"),
        key("INVOICE#x", "DOCUMENT#0000"),
        key("INVOICE", "INVOICE"),
    ] {
        assert_eq!(Hint::of_change(&key, None, Some(&item)), None, "{key}");
    }
    let customers = world.store.changes_since(0).into_iter().filter(|it| it.key.pk.starts_with("CUSTOMER"));
    for change in customers {
        assert_eq!(Hint::of_change(&change.key, None, change.new.as_deref()), None, "a new customer has nothing yet");
    }
}
