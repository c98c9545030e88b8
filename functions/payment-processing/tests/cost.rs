//! What a webhook costs: write units are the bill.

use saldo_store::Table;

use crate::events_once::SUCCEEDED;
use crate::world::World;

#[tokio::test]
async fn a_webhook_that_pays_a_sent_invoice_takes_eight_write_units() {
    let world = World::new().await;
    let before = world.store.memory.total_usage();
    let inbox = world.store.memory.usage(Table::Inbox);
    assert!(world.take(SUCCEEDED).await);
    let used = world.store.memory.total_usage().since(before);
    let inbox = world.store.memory.usage(Table::Inbox).since(inbox);
    assert_eq!(inbox.write_units, 1, "the event, compressed");
    // Payment, invoice and entry, double as a transaction; and the reminder that is no more.
    assert_eq!(used.write_units, 8, "{used:?}");
    assert!(used.calls <= 9, "{used:?}");
}

#[tokio::test]
async fn a_webhook_that_pays_by_a_payment_known_before_takes_eight() {
    const CREATED: &str = include_str!("../../../events/payment-processing/payment-intent-created.json");
    let world = World::new().await;
    assert!(world.take(CREATED).await);
    let before = world.store.memory.total_usage();
    assert!(world.take(SUCCEEDED).await);
    let used = world.store.memory.total_usage().since(before);
    assert_eq!(used.write_units, 8, "{used:?}");
}
