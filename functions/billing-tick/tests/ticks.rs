//! Ticks in, messages out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use billing_tick::handler::{Tick, TickError, Ticked, handle};
use chrono::{DateTime, TimeDelta, Utc};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, SubscriptionId};
use saldo_messages::{Destination, InvoicesDueMessage, MemoryQueue};
use saldo_runtime::budget::Budget;
use saldo_store::entities::{customer_key, invoice_key, payment_key, subscription_key};
use saldo_store::memory::MemoryStore;
use saldo_store::{
    AttributeValue, CommitError, Committed, Condition, Consistency, DueKind, Item, Key, Page, Query, Store, StoreError,
    Table, Transaction, attribute, due_shard, instant_text,
};
use serde_json::{Value, json};

const SCHEDULED: &str = include_str!("../../../events/billing-tick/scheduled.json");

fn tick() -> Tick {
    serde_json::from_str(SCHEDULED).unwrap()
}

fn budget() -> Budget {
    Budget::lasting(Duration::from_secs(60))
}

fn after(seconds: i64) -> DateTime<Utc> {
    tick().time.checked_add_signed(TimeDelta::seconds(seconds)).unwrap()
}

/// Puts entities into the table that have work waiting, as far as the index is concerned.
async fn wait(store: &MemoryStore, entries: impl IntoIterator<Item = (Key, DueKind, DateTime<Utc>)>) {
    let mut transaction = Transaction::new();
    for (write, (key, kind, at)) in entries.into_iter().enumerate() {
        let mut item = Item::default();
        let shard = due_shard(&key.to_string()).to_string();
        for (name, value) in [
            (attribute::PK, key.pk),
            (attribute::SK, key.sk),
            (attribute::DUE_SHARD, shard),
            (attribute::DUE_AT, instant_text(at)),
            (attribute::DUE_KIND, kind.name().to_owned()),
        ] {
            item.insert(name.to_owned(), AttributeValue::S(value));
        }
        transaction.put(Table::Billing, item, Condition::Absent).unwrap();
        if write % 100 == 99 {
            store.commit(std::mem::take(&mut transaction)).await.unwrap();
        }
    }
    store.commit(transaction).await.unwrap();
}

/// Does the work of an entity: it leaves the index.
async fn done(store: &MemoryStore, key: Key) {
    let mut transaction = Transaction::new();
    transaction.delete(Table::Billing, key, Condition::Present).unwrap();
    store.commit(transaction).await.unwrap();
}

fn subscriptions(count: u128) -> Vec<SubscriptionId> {
    (0..count).map(SubscriptionId::from_random).collect()
}

fn messages(queue: &MemoryQueue) -> Vec<(Destination, Value)> {
    queue.drain().into_iter().map(|(to, body)| (to, serde_json::from_str(&body).unwrap())).collect()
}

/// The subscriptions in the messages of this queue, with the size of the largest message.
fn billed(queue: &MemoryQueue) -> (Vec<SubscriptionId>, usize) {
    let mut largest = 0;
    let mut found = Vec::new();
    for (to, body) in queue.drain() {
        assert_eq!(to, Destination::InvoicesDue);
        match saldo_messages::decode(&body).unwrap() {
            InvoicesDueMessage::Bill { subscriptions, as_of, .. } => {
                assert_eq!(as_of, tick().time);
                largest = largest.max(subscriptions.len());
                found.extend(subscriptions);
            }
            other @ InvoicesDueMessage::Render { .. } => panic!("expected subscriptions to bill, found {other:?}"),
        }
    }
    (found, largest)
}

#[tokio::test]
async fn nothing_due_costs_eight_half_read_units_whatever_waits_for_later() {
    let (store, queue) = (MemoryStore::new(), MemoryQueue::default());
    let later = subscriptions(1_000).into_iter().map(|id| (subscription_key(id), DueKind::Bill, after(1)));
    wait(&store, later).await;
    let before = store.usage(Table::Billing);
    let ticked = handle(&store, &queue, tick(), budget()).await.unwrap();
    let used = store.usage(Table::Billing).since(before);
    assert_eq!((used.calls, used.half_read_units, used.write_units), (8, 8, 0));
    assert_eq!(ticked, Ticked { due: 0, messages: 0, is_complete: true });
    assert_eq!(queue.drain(), []);
}

#[tokio::test]
async fn every_kind_of_work_goes_to_its_queue_as_of_the_scheduled_time() {
    let (store, queue) = (MemoryStore::new(), MemoryQueue::default());
    let (invoice, payment) = (InvoiceId::from_random, PaymentId::from_random);
    let customer = CustomerId::from_random(7);
    let parked = Key::new("PARKED#stripe/main#evt_1", "PARKED");
    let entries = [
        (subscription_key(SubscriptionId::from_random(1)), DueKind::Bill, after(0)),
        (invoice_key(invoice(2)), DueKind::Render, after(-60)),
        (invoice_key(invoice(3)), DueKind::Collect, after(-60)),
        (invoice_key(invoice(4)), DueKind::LookUp, after(-86_400 * 9)),
        (payment_key(payment(5)), DueKind::Refund, after(-60)),
        (invoice_key(invoice(6)), DueKind::Remind, after(-60)),
        (customer_key(customer), DueKind::NewMethod, after(-60)),
        (parked, DueKind::Parked, after(-60)),
    ];
    wait(&store, entries).await;
    let ticked = handle(&store, &queue, tick(), budget()).await.unwrap();
    assert_eq!(ticked, Ticked { due: 8, messages: 7, is_complete: true });
    let mut sent = messages(&queue);
    for (_, message) in &mut sent {
        // Which of the two charges comes first depends on their shards.
        if let Some(invoices) = message.get_mut("invoices").and_then(Value::as_array_mut) {
            invoices.sort_by_key(ToString::to_string);
        }
    }
    sent.sort_by_key(|(to, message)| (*to, message["do"].to_string()));
    let as_of = "2026-01-31T09:00:00Z";
    let expected = [
        (
            Destination::ProviderEvents,
            json!({
                "do": "retry", "v": 1, "parked": [{ "account": "stripe/main", "event_id": "evt_1" }], "as_of": as_of,
            }),
        ),
        (
            Destination::InvoicesDue,
            json!({ "do": "bill", "v": 1, "subscriptions": [SubscriptionId::from_random(1)], "as_of": as_of }),
        ),
        (Destination::InvoicesDue, json!({ "do": "render", "v": 1, "invoices": [invoice(2)], "as_of": as_of })),
        (
            Destination::Collections,
            json!({ "do": "charge", "v": 1, "invoices": [invoice(3), invoice(4)], "as_of": as_of }),
        ),
        (Destination::Collections, json!({ "do": "new_method", "v": 1, "customers": [customer], "as_of": as_of })),
        (Destination::Collections, json!({ "do": "refund", "v": 1, "payments": [payment(5)], "as_of": as_of })),
        (Destination::Reminders, json!({ "do": "remind", "v": 1, "invoices": [invoice(6)], "as_of": as_of })),
    ];
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_hundred_thousand_due_subscriptions_are_spread_over_bounded_messages() {
    let (store, queue) = (MemoryStore::new(), MemoryQueue::default());
    let all = subscriptions(100_000);
    wait(&store, all.iter().map(|id| (subscription_key(*id), DueKind::Bill, after(-1)))).await;
    let ticked = handle(&store, &queue, tick(), budget()).await.unwrap();
    let (found, largest) = billed(&queue);
    assert_eq!((ticked.due, ticked.messages, ticked.is_complete), (100_000, 2_000, true));
    assert_eq!((found.len(), largest), (100_000, 50));
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all.into_iter().collect());
}

#[tokio::test]
async fn work_that_waits_for_others_is_handed_on_in_smaller_messages() {
    for (kind, expected) in
        [(DueKind::Collect, &[3, 10, 10][..]), (DueKind::Refund, &[3, 10, 10]), (DueKind::Remind, &[3, 5, 5, 5, 5])]
    {
        let (store, queue) = (MemoryStore::new(), MemoryQueue::default());
        let is_refund = kind == DueKind::Refund;
        let key = |id| {
            if is_refund { payment_key(PaymentId::from_random(id)) } else { invoice_key(InvoiceId::from_random(id)) }
        };
        wait(&store, (0..23).map(|id| (key(id), kind, after(-1)))).await;
        handle(&store, &queue, tick(), budget()).await.unwrap();
        let size = |(_, message): &(_, Value)| {
            ["invoices", "payments"].iter().find_map(|name| Some(message.get(*name)?.as_array()?.len())).unwrap()
        };
        let mut sizes: Vec<_> = messages(&queue).iter().map(size).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, expected, "{kind:?}");
    }
}

#[tokio::test]
async fn the_same_tick_again_sends_what_is_not_done_yet_and_nothing_else() {
    let (store, queue) = (MemoryStore::new(), MemoryQueue::default());
    let all = subscriptions(120);
    wait(&store, all.iter().map(|id| (subscription_key(*id), DueKind::Bill, after(-1)))).await;
    handle(&store, &queue, tick(), budget()).await.unwrap();
    assert_eq!(billed(&queue).0.len(), 120);
    for id in &all[..100] {
        done(&store, subscription_key(*id)).await;
    }
    handle(&store, &queue, tick(), budget()).await.unwrap();
    let (found, _) = billed(&queue);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all[100..].iter().copied().collect());
}

/// A store in which each query takes a second, and in which one shard may be broken.
struct SlowStore {
    store: MemoryStore,
    broken: Option<u8>,
}

#[async_trait]
impl Store for SlowStore {
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError> {
        self.store.get(table, key, consistency).await
    }

    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        self.store.get_many(table, keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match self.broken {
            Some(shard) if format!("{query:?}").contains(&format!("{:?}", shard.to_string())) => {
                Err(StoreError::Throttled { attempted: "query", table: Table::Billing, source: "busy".into() })
            }
            _ => self.store.query(query).await,
        }
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        self.store.commit(transaction).await
    }
}

#[tokio::test(start_paused = true)]
async fn out_of_time_it_sends_what_it_has_and_the_next_ticks_go_on_until_all_is_done() {
    let slow = SlowStore { store: MemoryStore::new(), broken: None };
    let queue = MemoryQueue::default();
    let all = subscriptions(12_000);
    wait(&slow.store, all.iter().map(|id| (subscription_key(*id), DueKind::Bill, after(-1)))).await;
    let mut seen = BTreeMap::new();
    for minute in 0..9 {
        let ticked = handle(&slow, &queue, tick(), Budget::lasting(Duration::from_secs(13))).await.unwrap();
        let (found, _) = billed(&queue);
        assert_eq!(u64::try_from(found.len()).unwrap(), ticked.due, "what was read is sent, full message or not");
        for id in found {
            done(&slow.store, subscription_key(id)).await;
            seen.insert(id, minute);
        }
        if ticked.is_complete {
            break;
        }
    }
    assert_eq!(seen.len(), 12_000);
    assert!(seen.values().any(|minute| *minute > 0), "the first tick had no time for everything");
}

#[tokio::test(start_paused = true)]
async fn a_broken_shard_holds_up_no_other() {
    let slow = SlowStore { store: MemoryStore::new(), broken: Some(3) };
    let queue = MemoryQueue::default();
    let all = subscriptions(400);
    wait(&slow.store, all.iter().map(|id| (subscription_key(*id), DueKind::Bill, after(-1)))).await;
    let error = handle(&slow, &queue, tick(), budget()).await.unwrap_err();
    assert!(matches!(&error, TickError::Shards { shards } if *shards == [3]), "{error:?}");
    let is_reachable = |id: &&SubscriptionId| due_shard(&subscription_key(**id).to_string()) != 3;
    let expected: BTreeSet<_> = all.iter().filter(is_reachable).copied().collect();
    assert!(expected.len() < 400);
    assert_eq!(billed(&queue).0.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn a_queue_that_refuses_fails_the_tick_and_the_next_sends_all() {
    let (store, queue) = (MemoryStore::new(), MemoryQueue::default());
    wait(&store, subscriptions(60).into_iter().map(|id| (subscription_key(id), DueKind::Bill, after(-1)))).await;
    queue.refuse(1);
    assert!(matches!(handle(&store, &queue, tick(), budget()).await, Err(TickError::Queue(_))));
    handle(&store, &queue, tick(), budget()).await.unwrap();
    assert_eq!(billed(&queue).0.into_iter().collect::<BTreeSet<_>>().len(), 60);
}

#[tokio::test]
async fn a_queue_that_refuses_keeps_nothing_from_the_others() {
    let (store, queue) = (MemoryStore::new(), MemoryQueue::default());
    let subscription = SubscriptionId::from_random(1);
    let parked = Key::new("PARKED#stripe/main#evt_1", "PARKED");
    wait(&store, [(parked, DueKind::Parked, after(-2)), (subscription_key(subscription), DueKind::Bill, after(-1))])
        .await;
    queue.refuse(1);
    assert!(matches!(handle(&store, &queue, tick(), budget()).await, Err(TickError::Queue(_))));
    assert_eq!(billed(&queue).0, [subscription]);
}

#[tokio::test]
async fn a_kind_that_only_a_newer_version_knows_holds_up_nothing() {
    let store = MemoryStore::new();
    let all = subscriptions(100);
    wait(&store, all.iter().map(|id| (subscription_key(*id), DueKind::Bill, after(-1)))).await;
    for item in store.items(Table::Billing).into_iter().take(50) {
        let mut item = (*item).clone();
        item.insert(attribute::DUE_KIND.to_owned(), AttributeValue::S("of_tomorrow".to_owned()));
        let mut transaction = Transaction::new();
        transaction.put(Table::Billing, item, Condition::Always).unwrap();
        store.commit(transaction).await.unwrap();
    }
    let queue = MemoryQueue::default();
    assert!(handle(&store, &queue, tick(), budget()).await.unwrap().is_complete);
    assert_eq!(billed(&queue).0.len(), 50);
}

#[tokio::test]
async fn an_entry_that_cannot_be_does_not_stop_the_others() {
    let (store, queue) = (MemoryStore::new(), MemoryQueue::default());
    let good = SubscriptionId::from_random(7);
    let entries = [
        (Key::new("SUBSCRIPTION#sub_broken", "SUBSCRIPTION"), DueKind::Bill, after(-1)),
        (invoice_key(InvoiceId::from_random(1)), DueKind::Bill, after(-1)),
        (subscription_key(good), DueKind::Bill, after(-1)),
    ];
    wait(&store, entries).await;
    let ticked = handle(&store, &queue, tick(), budget()).await.unwrap();
    assert!(ticked.is_complete);
    assert_eq!(billed(&queue).0, [good]);
}

#[test]
fn a_tick_is_only_its_time() {
    assert_eq!(tick().time, "2026-01-31T09:00:00Z".parse::<DateTime<Utc>>().unwrap());
    let by_hand: Tick = serde_json::from_str(r#"{"time": "2026-02-01T00:00:00Z"}"#).unwrap();
    assert!(by_hand.time > tick().time);
    let error = serde_json::from_str::<Tick>("{}").unwrap_err();
    assert!(error.to_string().contains("time"), "{error}");
}
