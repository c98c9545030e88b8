//! Each period of a subscription is billed once, whenever and however often it is asked for.

use futures_util::future::join_all;
use saldo_billing::id::SubscriptionId;
use saldo_billing::invoice::{Collection, Origin};
use saldo_store::Table;
use saldo_store::memory::Fate;

use crate::world::{Handed, World, sample, subscription_id};

const BILL: &str = include_str!("../../../events/invoice-generation/bill.json");
const NEIGHBOURS: &str = include_str!("../../../events/invoice-generation/poison-neighbours.json");

/// The numbers of all invoices with their first days, in order.
async fn billed(world: &World) -> Vec<(String, String)> {
    let invoices = world.invoices().await;
    let mut billed: Vec<_> = invoices
        .iter()
        .map(|invoice| {
            let Origin::Subscription { period, .. } = invoice.origin else { panic!("expected a period") };
            (invoice.issued().unwrap().number.text.clone(), period.start_on().to_string())
        })
        .collect();
    billed.sort();
    billed
}

fn expected(starts: &[&str]) -> Vec<(String, String)> {
    starts.iter().zip(1..).map(|(start, number)| (format!("NW-{number:06}"), (*start).to_owned())).collect()
}

#[tokio::test]
async fn a_period_is_billed_at_local_midnight_once_however_many_ticks_there_are() {
    let world = World::new(Collection::SendInvoice).await;
    assert!(world.bill("2026-09-30T21:59:59Z").await, "one second before midnight in Berlin");
    assert_eq!(billed(&world).await, []);
    for _ in 0..24 {
        assert!(world.take(BILL).await);
    }
    assert_eq!(billed(&world).await, expected(&["2026-10-01"]));
    assert_eq!(world.archive.keys().len(), 1);
}

#[tokio::test]
async fn a_tick_after_an_outage_bills_each_missed_period_with_its_own_dates() {
    let world = World::new(Collection::SendInvoice).await;
    assert!(world.bill("2027-01-03T08:00:00Z").await);
    assert_eq!(billed(&world).await, expected(&["2026-10-01", "2026-11-01", "2026-12-01", "2027-01-01"]));
    assert_eq!(world.archive.keys().len(), 4);
}

#[tokio::test]
async fn ten_messages_at_once_bill_each_period_once_and_leave_no_gap() {
    let world = World::new(Collection::Automatic).await;
    for done in join_all((0..10).map(|_| world.bill("2026-12-01T08:00:00Z"))).await {
        assert!(done);
    }
    assert_eq!(billed(&world).await, expected(&["2026-10-01", "2026-11-01", "2026-12-01"]));
}

#[tokio::test]
async fn wherever_the_process_dies_each_period_is_billed_once_and_numbers_have_no_gap() {
    for survived in 0..2 {
        for fate in [Fate::IsNeverSent, Fate::IsNeverHeardOf] {
            let world = World::new(Collection::Automatic).await;
            world.store.script(std::iter::repeat_n(Fate::Succeeds, survived).chain([fate]));
            assert!(!world.bill("2026-11-01T08:00:00Z").await);
            assert!(world.bill("2026-11-01T08:05:00Z").await);
            assert_eq!(billed(&world).await, expected(&["2026-10-01", "2026-11-01"]), "{survived} {fate:?}");
            // What was billed and not handed on is due in the books, and billing-tick brings it.
            for invoice in world.invoices().await {
                assert!(world.render(invoice.id).await);
            }
            assert_eq!(world.archive.keys().len(), 2);
        }
    }
}

#[tokio::test]
async fn bad_neighbours_do_not_stop_the_billing() {
    let world = World::new(Collection::SendInvoice).await;
    let batch = sample(NEIGHBOURS);
    let bad: Vec<_> = [0, 2, 3].map(|place: usize| batch.records[place].message_id.clone().unwrap()).to_vec();
    assert_eq!(world.handle(batch).await, bad);
    assert_eq!(billed(&world).await, expected(&["2026-10-01"]));
}

#[tokio::test]
async fn a_failing_subscription_does_not_stop_the_others_of_its_message() {
    let world = World::new(Collection::SendInvoice).await;
    let missing = SubscriptionId::from_random(99);
    assert!(!world.bill_all(vec![missing, subscription_id()], "2026-10-01T08:00:00Z").await);
    assert_eq!(billed(&world).await, expected(&["2026-10-01"]));
}

#[tokio::test]
async fn a_period_costs_fifteen_write_units() {
    let world = World::new(Collection::SendInvoice).await;
    let before = world.store.memory.usage(Table::Billing);
    assert!(world.take(BILL).await);
    let used = world.store.memory.usage(Table::Billing).since(before);
    assert_eq!(used.write_units, 15, "{used:?}");
}

#[tokio::test]
async fn what_is_billed_is_handed_on_at_once() {
    for (collection, expected) in [(Collection::Automatic, Handed::Charge), (Collection::SendInvoice, Handed::Issued)] {
        let world = World::new(collection).await;
        assert!(world.take(BILL).await);
        let [invoice] = &world.invoices().await[..] else { panic!("expected one invoice") };
        assert_eq!(world.handed_on(), [(expected, invoice.id)]);
    }
}

#[tokio::test]
async fn a_document_that_fails_does_not_stop_the_billing_of_later_periods() {
    let world = World::new(Collection::SendInvoice).await;
    world.archive.fail_next(1);
    assert!(!world.bill("2026-12-01T08:00:00Z").await);
    assert_eq!(billed(&world).await, expected(&["2026-10-01", "2026-11-01", "2026-12-01"]));
    assert_eq!(world.archive.keys().len(), 2);
    for invoice in world.invoices().await {
        assert!(world.render(invoice.id).await);
    }
    assert_eq!(world.archive.keys().len(), 3);
}
