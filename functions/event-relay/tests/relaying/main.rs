//! Changes in, events out.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod business;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use aws_lambda_events::dynamodb::Event;
use event_relay::handler::handle;
use saldo_messages::{Destination, DomainEvent, MemoryQueue};
use saldo_runtime::budget::Budget;
use saldo_runtime::stream::delivered;
use saldo_store::AttributeValue;
use saldo_store::memory::MemoryStore;

use business::{NOW, at, everything_that_can_happen};

const FINALISED: &str = include_str!("../../../../events/event-relay/invoice-finalised.json");

fn budget() -> Budget {
    Budget::lasting(Duration::from_secs(60))
}

/// Relays a batch; the events on the bus, and where the stream goes on.
async fn relay(event: Event) -> (Vec<DomainEvent>, Option<String>) {
    let queue = MemoryQueue::default();
    let response = handle(&queue, event, budget()).await.unwrap();
    let failure = response.batch_item_failures.into_iter().next().and_then(|failure| failure.item_identifier);
    (taken(&queue), failure)
}

fn taken(queue: &MemoryQueue) -> Vec<DomainEvent> {
    let events = queue.drain().into_iter().map(|(to, body)| {
        assert_eq!(to, Destination::DomainEvents);
        saldo_messages::decode(&body).unwrap()
    });
    events.collect()
}

fn batch(store: &MemoryStore) -> Event {
    delivered(&store.changes_since(0), at(NOW))
}

#[tokio::test]
async fn every_kind_of_event_is_told_as_ever() {
    let store = everything_that_can_happen().await;
    let (events, failure) = relay(batch(&store)).await;
    assert_eq!(failure, None);
    let mut first: BTreeMap<String, DomainEvent> = BTreeMap::new();
    for event in events {
        first.entry(event.kind.clone()).or_insert(event);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut written = Vec::new();
    for (kind, event) in &first {
        let file = folder.join(format!("{kind}.json"));
        let told = serde_json::to_value(event).unwrap();
        let Ok(golden) = std::fs::read_to_string(&file) else {
            std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&told).unwrap())).unwrap();
            written.push(kind);
            continue;
        };
        assert_eq!(told, serde_json::from_str::<serde_json::Value>(&golden).unwrap(), "{}", file.display());
    }
    assert!(written.is_empty(), "new kinds, now in golden/: look at them and commit them: {written:?}");
    let known: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap().trim_end_matches(".json").to_owned())
        .collect();
    assert_eq!(first.into_keys().collect::<BTreeSet<_>>(), known, "a kind that was told once is told for ever");
    let documented = include_str!("../../src/lib.rs");
    for kind in known {
        assert!(documented.contains(&format!("`{kind}`")), "{kind} is not in the table of the crate's first page");
    }
}

#[tokio::test]
async fn a_redelivery_tells_the_same_events_under_the_same_ids() {
    let store = everything_that_can_happen().await;
    let (once, _) = relay(batch(&store)).await;
    let (again, _) = relay(batch(&store)).await;
    assert_eq!(once, again);
    let ids: BTreeSet<_> = once.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids.len(), once.len(), "no two events share an id");
}

#[tokio::test]
async fn nothing_that_points_at_a_person_leaves_the_books() {
    let store = everything_that_can_happen().await;
    let queue = MemoryQueue::default();
    handle(&queue, batch(&store), budget()).await.unwrap();
    for (_, body) in queue.drain() {
        for secret in ["Zoë", "名前", "example.com", "Keizersgracht", "NL123456789B01"] {
            assert!(!body.contains(secret), "{secret} in {body}");
        }
    }
}

#[tokio::test]
async fn that_invoices_heard_of_a_new_method_is_told_to_nobody() {
    let store = business::method_comes_and_is_told().await;
    let (events, _) = relay(batch(&store)).await;
    let told = events.iter().filter(|event| event.kind.starts_with("customer."));
    let told: Vec<_> = told.map(|event| (event.kind.as_str(), event.data["has_payment_method"].as_bool())).collect();
    assert_eq!(told, [("customer.created", Some(false)), ("customer.updated", Some(true))]);
}

#[tokio::test]
async fn what_is_too_small_is_carried_forward_and_told_by_both_invoices() {
    let store = business::small_is_carried().await;
    let (events, _) = relay(batch(&store)).await;
    let of = |kind: &str| events.iter().filter(|event| event.kind == kind).collect::<Vec<_>>();
    assert_eq!(of("invoice.paid").len(), 0, "nobody has paid");
    let [carried] = of("invoice.carried_forward")[..] else { panic!("told once") };
    let [small, next] = of("invoice.finalised")[..] else { panic!("two are finalised") };
    assert_eq!(
        (&carried.data["id"], &carried.data["carried_forward"]["invoice"]),
        (&small.data["id"], &next.data["id"])
    );
    assert_eq!(next.data["brought_forward"][0]["invoice"], small.data["id"]);
    assert_eq!(next.data["amount_due"]["amount"], "100.30");
    let [back] = of("invoice.taken_back")[..] else { panic!("the later one is void") };
    assert_eq!((&back.data["id"], &back.data["amount_due"]["amount"]), (&small.data["id"], &"0.30".into()));
    assert_eq!(of("customer.updated").len(), 1, "that something is too small is no news of the customer");
}

#[tokio::test]
async fn an_invoice_tells_its_story_in_order() {
    let store = business::paid_in_two_parts().await;
    let (events, _) = relay(batch(&store)).await;
    let story: Vec<_> =
        events.iter().filter(|event| event.kind.starts_with("invoice")).map(|e| e.kind.as_str()).collect();
    assert_eq!(story, ["invoice.created", "invoice.finalised", "invoice.partly_paid", "invoice.paid"]);
    let due: Vec<_> = events
        .iter()
        .filter(|event| event.kind.starts_with("invoice"))
        .map(|event| event.data["amount_due"]["amount"].as_str().unwrap())
        .collect();
    assert_eq!(due, ["0.00", "100.00", "60.00", "0.00"]);
}

#[tokio::test]
async fn a_change_that_cannot_be_read_holds_up_only_what_happened_to_the_same_thing_later() {
    let store = everything_that_can_happen().await;
    let mut event = batch(&store);
    let (all, _) = relay(event.clone()).await;
    let broken = event
        .records
        .iter()
        .position(|record| record.change.new_image.get("sk") == Some(&AttributeValue::S("INVOICE".to_owned())))
        .unwrap();
    let place = event.records[broken].change.sequence_number.clone();
    drop(event.records[broken].change.new_image.remove("totals"));
    let partition = event.records[broken].change.keys["pk"].clone();
    let mut others = event.clone();
    others.records.drain(..broken).for_each(drop);
    others.records.retain(|record| record.change.keys["pk"] != partition);
    others.records.splice(..0, event.records[..broken].iter().cloned());
    let (expected, _) = relay(others).await;
    let (told, failure) = relay(event).await;
    assert_eq!(failure, place);
    assert!(!told.is_empty() && told.len() < all.len());
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_bus_that_refuses_gets_the_changes_again() {
    let store = everything_that_can_happen().await;
    let queue = MemoryQueue::default();
    queue.refuse(1);
    let response = handle(&queue, batch(&store), budget()).await.unwrap();
    let first = batch(&store).records[0].change.sequence_number.clone();
    assert_eq!(response.batch_item_failures[0].item_identifier, first);
    assert_eq!(taken(&queue), []);
    let response = handle(&queue, batch(&store), budget()).await.unwrap();
    assert!(response.batch_item_failures.is_empty());
    assert!(!taken(&queue).is_empty());
}

#[tokio::test]
async fn the_sample_event_is_one_finalised_invoice() {
    let (events, failure) = relay(serde_json::from_str(FINALISED).unwrap()).await;
    assert_eq!(failure, None);
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["invoice.finalised"]);
    assert_eq!(events[0].data["number"], "N1-000001");
}
