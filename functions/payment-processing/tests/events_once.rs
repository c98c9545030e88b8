//! One event has one effect, however often it comes and wherever the process dies.

use futures_util::future::join_all;
use payment_processing::inbox;
use saldo_billing::invoice::InvoiceStatus;
use saldo_billing::mail::{MailRecord, MailState, Purpose};
use saldo_books::parking;
use saldo_messages::ProviderEventsMessage;
use saldo_store::inbox::InboxStatus;
use saldo_store::memory::Fate;
use saldo_store::{Store, Table, Transaction};

use crate::world::{World, account, customer_id, eur, invoice_id, issued_at, payment_id, sample};

pub(crate) const SUCCEEDED: &str = include_str!("../../../events/payment-processing/payment-intent-succeeded.json");
const NEIGHBOURS: &str = include_str!("../../../events/payment-processing/poison-neighbours.json");
const UNKNOWN: &str = include_str!("../../../events/payment-processing/unknown-kind.json");
const PAYOUT: &str = include_str!("../../../events/payment-processing/payout-paid.json");
const SUCCEEDED_ID: &str = "evt_3SkXqBLkdIwHu7ix0Vd3mXaT";

#[tokio::test]
async fn a_payment_pays_the_invoice_and_asks_for_the_receipt() {
    let world = World::new().await;
    assert!(world.take(SUCCEEDED).await);
    let invoice = world.invoice().await;
    assert_eq!((invoice.status().unwrap(), invoice.amount_paid().unwrap()), (InvoiceStatus::Paid, eur(11_900)));
    assert_eq!(world.payment().await.unwrap().customer, Some(customer_id()));
    assert_eq!(world.mails(), [Purpose::Receipt(payment_id())]);
    assert_eq!(world.status(SUCCEEDED_ID).await, Some(InboxStatus::Applied));
}

#[tokio::test]
async fn two_hundred_deliveries_cost_a_failed_condition_each_and_change_nothing() {
    let world = World::new().await;
    assert!(world.take(SUCCEEDED).await);
    let record = MailRecord {
        invoice: invoice_id(),
        purpose: Purpose::Receipt(payment_id()),
        planned_at: issued_at(),
        state: MailState::Planned,
    };
    let mut transaction = Transaction::new();
    transaction.create(&record).unwrap();
    world.store.commit(transaction).await.unwrap();
    world.mails();
    let (books, before) = (world.books(), world.store.memory.total_usage());
    for _ in 0..200 {
        assert!(world.take(SUCCEEDED).await);
    }
    let used = world.store.memory.total_usage().since(before);
    assert_eq!(used.write_units, 200);
    assert_eq!(world.store.memory.usage(Table::Inbox).write_units, 201);
    assert_eq!(world.mails(), []);
    assert_eq!(world.books(), books);
}

#[tokio::test]
async fn what_an_older_version_could_not_read_is_taken_when_it_is_sent_again() {
    let world = World::new().await;
    let ProviderEventsMessage::Take { event, .. } =
        saldo_messages::decode(sample(SUCCEEDED).records[0].body.as_deref().unwrap()).unwrap()
    else {
        panic!("an event is taken")
    };
    inbox::keep(&*world.store, &event, InboxStatus::Ignored).await.unwrap();
    assert!(world.take(SUCCEEDED).await);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
    assert_eq!(world.status(SUCCEEDED_ID).await, Some(InboxStatus::Applied));
    // Or when the operator has it tried again.
    let world = World::new().await;
    inbox::keep(&*world.store, &event, InboxStatus::Ignored).await.unwrap();
    assert!(world.retry_at_once(SUCCEEDED_ID, "2026-10-03T00:00:00Z").await);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
    assert_eq!(world.status(SUCCEEDED_ID).await, Some(InboxStatus::Applied));
}

#[tokio::test]
async fn fifty_deliveries_at_once_have_the_effect_of_one() {
    let (one, many) = (World::new().await, World::new().await);
    assert!(one.take(SUCCEEDED).await);
    for done in join_all((0..50).map(|_| many.take(SUCCEEDED))).await {
        assert!(done);
    }
    assert_eq!(many.books(), one.books());
    assert_eq!(many.store.memory.items(Table::Inbox), one.store.memory.items(Table::Inbox));
    assert_eq!(many.store.memory.changes_since(0).len(), one.store.memory.changes_since(0).len());
}

#[tokio::test]
async fn wherever_the_process_dies_a_redelivery_comes_to_the_same_books() {
    let undisturbed = World::new().await;
    assert!(undisturbed.take(SUCCEEDED).await);
    for survived in 0..2 {
        for fate in [Fate::IsNeverSent, Fate::IsNeverHeardOf] {
            let world = World::new().await;
            world.store.script(std::iter::repeat_n(Fate::Succeeds, survived).chain([fate]));
            assert!(!world.take(SUCCEEDED).await, "{survived} {fate:?}");
            assert_eq!(world.mails(), []);
            assert!(world.take(SUCCEEDED).await, "{survived} {fate:?}");
            assert_eq!(world.books(), undisturbed.books(), "{survived} {fate:?}");
            assert_eq!(world.mails(), [Purpose::Receipt(payment_id())], "{survived} {fate:?}");
        }
    }
}

#[tokio::test]
async fn a_mail_that_the_queue_refused_is_asked_for_by_the_redelivery() {
    let world = World::new().await;
    world.queue.refuse(1);
    assert!(!world.take(SUCCEEDED).await);
    assert!(world.take(SUCCEEDED).await);
    assert_eq!(world.mails(), [Purpose::Receipt(payment_id())]);
}

#[tokio::test]
async fn bad_neighbours_are_kept_and_reported_and_do_not_stop_a_payment() {
    let world = World::new().await;
    let batch = sample(NEIGHBOURS);
    let bad: Vec<_> = [0, 1].map(|place: usize| batch.records[place].message_id.clone().unwrap()).to_vec();
    assert_eq!(world.handle(batch).await, bad);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
    // What cannot be read waits in the inbox for a person.
    assert_eq!(world.status("evt_3SkXqBLkdIwHu7ix0bBroke1").await, Some(InboxStatus::GivenUp));
    assert_eq!(world.parked("evt_3SkXqBLkdIwHu7ix0bBroke1").await, None);
    // Money in another currency was taken all the same: it is in the books, and on no invoice.
    assert_eq!(world.status("evt_3SkXqBLkdIwHu7ix0bYen001").await, Some(InboxStatus::Applied));
}

#[tokio::test]
async fn what_this_version_does_not_read_waits_only_for_one_that_does() {
    let id = "evt_1SkXqGLkdIwHu7ixUnknwn01";
    for (status, then, waits) in [
        (InboxStatus::Parked, InboxStatus::Parked, true),
        (InboxStatus::Ignored, InboxStatus::Ignored, false),
        (InboxStatus::GivenUp, InboxStatus::Ignored, false),
        (InboxStatus::Applied, InboxStatus::Applied, false),
    ] {
        let world = World::new().await;
        assert!(world.take(UNKNOWN).await);
        inbox::mark(&*world.store, &account(), id, status).await.unwrap();
        // Another version let it wait, and may have died before it took its mark away.
        parking::park(&*world.store, &account(), id, "pay_1", issued_at()).await.unwrap();
        assert!(world.retry(id, "2026-10-03T00:00:00Z").await);
        assert_eq!(world.status(id).await, Some(then), "{status:?}");
        assert_eq!(world.parked(id).await.map(|parked| parked.tries), waits.then_some(1), "{status:?}");
    }
}

#[tokio::test]
async fn kinds_that_nobody_reads_are_kept_and_counted_once() {
    let world = World::new().await;
    let books = world.books();
    for _ in 0..3 {
        assert!(world.take(UNKNOWN).await && world.take(PAYOUT).await);
        assert!(world.retry_at_once("evt_1SkXqGLkdIwHu7ixUnknwn01", "2026-10-03T00:00:00Z").await);
    }
    assert_eq!((world.counted("UnknownEvents"), world.counted("PayoutEvents")), (1, 1));
    assert_eq!(world.status("evt_1SkXqGLkdIwHu7ixUnknwn01").await, Some(InboxStatus::Ignored));
    assert_eq!(world.status("evt_1SkXqFLkdIwHu7ixPayout02").await, Some(InboxStatus::Ignored));
    assert_eq!(world.books(), books);
}
