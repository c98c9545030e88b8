//! What a webhook costs: write units are the bill.

use saldo_store::Table;

use crate::events_once::SUCCEEDED;
use crate::world::World;

#[tokio::test]
async fn a_webhook_that_pays_takes_eight_write_units_whether_or_not_it_is_the_first_to_tell() {
    const CREATED: &str = include_str!("../../../events/payment-processing/payment-intent-created.json");
    for told_before in [None, Some(CREATED)] {
        let world = World::new().await;
        if let Some(event) = told_before {
            assert!(world.take(event).await);
        }
        let before = (world.store.memory.total_usage(), world.store.memory.usage(Table::Inbox));
        assert!(world.take(SUCCEEDED).await);
        let used = world.store.memory.total_usage().since(before.0);
        let inbox = world.store.memory.usage(Table::Inbox).since(before.1);
        assert_eq!(inbox.write_units, 1, "the event, compressed");
        // Payment, invoice and entry, double as a transaction; and the reminder that is no more.
        assert_eq!(used.write_units, 8, "{used:?}");
        assert!(used.calls <= 9, "{used:?}");
    }
}
