//! Events in any order, also before what they refer to.

use saldo_billing::invoice::{Collection, Invoice, InvoiceStatus};
use saldo_billing::ledger::Position;
use saldo_billing::payment::{Payment, PaymentStatus};
use saldo_store::entities::LedgerEntry;
use saldo_store::inbox::InboxStatus;
use saldo_store::{Stored, Table};

use crate::events_once::SUCCEEDED;
use crate::world::{World, eur};

const CREATED: &str = include_str!("../../../events/payment-processing/payment-intent-created.json");
const PROCESSING: &str = include_str!("../../../events/payment-processing/payment-intent-processing.json");
const FAILED: &str = include_str!("../../../events/payment-processing/payment-intent-failed.json");
const CHARGED: &str = include_str!("../../../events/payment-processing/charge-succeeded.json");
const REFUND: &str = include_str!("../../../events/payment-processing/refund-created.json");
const REFUNDED: &str = include_str!("../../../events/payment-processing/charge-refunded.json");
const DISPUTED: &str = include_str!("../../../events/payment-processing/dispute-created.json");
const WITHDRAWN: &str = include_str!("../../../events/payment-processing/dispute-funds-withdrawn.json");
const WON: &str = include_str!("../../../events/payment-processing/dispute-won.json");
const RETRY: &str = include_str!("../../../events/payment-processing/retry.json");
const REFUND_ID: &str = "evt_3SkXqBLkdIwHu7ix0rRefnd1";

/// All that waits, brought by billing-tick until nothing waits any more.
async fn settle(world: &World) {
    for hours in 0..25 {
        let as_of =
            if hours < 24 { format!("2026-11-01T{hours:02}:00:00Z") } else { "2026-11-02T00:00:00Z".to_owned() };
        for event in ["0rRefnd1", "0rCharg2"].map(|tail| format!("evt_3SkXqBLkdIwHu7ix{tail}")) {
            if world.parked(&event).await.is_some() {
                assert!(world.retry(&event, &as_of).await);
            }
        }
        for event in ["Dispu001", "Dispu002", "Dispu003"] {
            for middle in ["bC", "bD", "bE"] {
                let event = format!("evt_1SlA{middle}LkdIwHu7ix{event}");
                if world.parked(&event).await.is_some() {
                    assert!(world.retry(&event, &as_of).await);
                }
            }
        }
    }
}

/// What the books come to: facts and standing, and the sum of everything that was posted.
async fn books(world: &World) -> (Payment, Invoice, Position) {
    let mut posted = Position::default();
    for item in world.store.memory.items(Table::Billing) {
        if saldo_store::text(&item, "sk").unwrap().starts_with(LedgerEntry::PREFIX) {
            let entry = Stored::<LedgerEntry>::from_item((*item).clone()).unwrap().value.entry;
            let negated = Position::default().since(&entry.postings).unwrap();
            posted = posted.since(&negated).unwrap();
        }
    }
    let mut invoice = world.invoice().await;
    // When the next step is planned depends on when the news came, what is planned does not.
    invoice.progress.next = None;
    (world.payment().await.unwrap(), invoice, posted)
}

#[tokio::test]
async fn every_order_of_events_comes_to_the_same_books() {
    let events = [CREATED, PROCESSING, FAILED, SUCCEEDED, CHARGED, REFUND, REFUNDED, DISPUTED, WITHDRAWN, WON];
    let mut expected = None;
    for seed in 0..24_usize {
        let world = World::new().await;
        let mut order: Vec<_> = events.iter().chain(&events).copied().collect();
        for place in (1..order.len()).rev() {
            order.swap(place, (seed * 7_919 + place * 104_729 + seed * place) % (place + 1));
        }
        for event in order {
            assert!(world.take(event).await);
        }
        settle(&world).await;
        let books = books(&world).await;
        assert_eq!(*expected.get_or_insert(books.clone()), books, "seed {seed}");
    }
    let (payment, invoice, posted) = expected.unwrap();
    assert_eq!(payment.status(), PaymentStatus::Succeeded);
    assert_eq!((invoice.status().unwrap(), invoice.is_disputed()), (InvoiceStatus::Paid, false));
    assert_eq!(invoice.amount_refunded().unwrap(), eur(3_000));
    assert_eq!(posted, invoice.position().unwrap());
}

#[tokio::test]
async fn a_refund_before_its_payment_waits_visibly_and_is_joined() {
    let world = World::new().await;
    for _ in 0..5 {
        assert!(world.take(REFUND).await);
    }
    let parked = world.parked(REFUND_ID).await.unwrap();
    assert_eq!((parked.tries, parked.waits_for), (0, crate::world::payment_id().to_string()));
    assert_eq!((parked.retry_at - parked.parked_at).num_minutes(), 5);
    assert_eq!(world.status(REFUND_ID).await, Some(InboxStatus::Parked));
    assert_eq!(world.counted("ParkedEvents"), 1);

    assert!(world.take(RETRY).await, "to wait longer is no failure");
    let parked = world.parked(REFUND_ID).await.unwrap();
    assert_eq!((parked.tries, parked.retry_at.to_rfc3339().as_str()), (1, "2026-10-03T09:10:00+00:00"));

    assert!(world.take(SUCCEEDED).await);
    assert!(world.retry(REFUND_ID, "2026-10-03T09:10:00Z").await);
    assert_eq!(world.invoice().await.amount_refunded().unwrap(), eur(3_000));
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid, "a refund does not reopen");
    assert_eq!(world.parked(REFUND_ID).await, None);
    assert_eq!(world.status(REFUND_ID).await, Some(InboxStatus::Applied));
    assert!(world.take(RETRY).await, "a late message about an event that waits no more");
}

#[tokio::test]
async fn messages_that_piled_up_try_what_waits_once() {
    let world = World::new().await;
    assert!(world.take(REFUND).await);
    // Three hours of ticks, each of which found it due.
    for minute in 0..180 {
        let as_of = format!("2026-10-03T{:02}:{:02}:00Z", 8 + minute / 60, minute % 60);
        assert!(world.retry(REFUND_ID, &as_of).await);
    }
    let parked = world.parked(REFUND_ID).await.unwrap();
    assert_eq!(parked.tries, 2, "{parked:?}");
    // A person may have it tried at any time.
    assert!(world.take(SUCCEEDED).await);
    assert!(world.retry(REFUND_ID, "2026-10-03T11:00:00Z").await);
    assert!(world.parked(REFUND_ID).await.is_some());
    assert!(world.retry_at_once(REFUND_ID, "2026-10-03T11:00:00Z").await);
    assert_eq!(world.parked(REFUND_ID).await, None);
}

#[tokio::test]
async fn a_redelivery_joins_what_waited_as_well() {
    let world = World::new().await;
    assert!(world.take(REFUND).await && world.take(SUCCEEDED).await && world.take(REFUND).await);
    assert_eq!(world.invoice().await.amount_refunded().unwrap(), eur(3_000));
    assert_eq!(world.parked(REFUND_ID).await, None);
    assert_eq!(world.status(REFUND_ID).await, Some(InboxStatus::Applied));
}

#[tokio::test]
async fn a_payment_for_an_invoice_that_is_not_there_yet_waits_for_it() {
    let world = World::empty().await;
    world.add_customer().await;
    assert!(world.take(SUCCEEDED).await);
    assert_eq!(world.payment().await, None);
    let event = "evt_3SkXqBLkdIwHu7ix0Vd3mXaT";
    assert_eq!(world.parked(event).await.unwrap().waits_for, crate::world::invoice_id().to_string());
    world.issue(Collection::SendInvoice).await;
    assert!(world.retry(event, "2026-10-02T08:10:00Z").await);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
    assert_eq!(world.parked(event).await, None);
}

#[tokio::test]
async fn a_failure_that_is_told_after_the_success_changes_nothing() {
    let world = World::new().await;
    assert!(world.take(SUCCEEDED).await);
    world.mails();
    assert!(world.take(FAILED).await && world.take(PROCESSING).await);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
    assert!(!world.invoice().await.is_processing());
    assert!(world.mails().iter().all(|mail| matches!(mail, saldo_billing::mail::Purpose::Receipt(_))));
}
