//! The stream of the store's twin, for tests and the simulator.

use aws_lambda_events::dynamodb::{Event, EventRecord, StreamRecord, StreamViewType};
use chrono::{DateTime, Utc};
use saldo_store::memory::Change;
use saldo_store::{AttributeValue, Item, Key, attribute};

/// The batch in which Lambda would deliver these changes of the in-memory store, made at `changed_at`.
pub fn delivered(changes: &[Change], changed_at: DateTime<Utc>) -> Event {
    let mut event = Event::default();
    event.records = changes.iter().map(|change| record(change, changed_at)).collect();
    event
}

fn record(change: &Change, changed_at: DateTime<Utc>) -> EventRecord {
    let image = |item: Option<&std::sync::Arc<Item>>| item.map(|item| (**item).clone()).unwrap_or_default();
    let mut stream = StreamRecord::default();
    stream.approximate_creation_date_time = changed_at;
    stream.keys = keys(&change.key);
    stream.old_image = image(change.old.as_ref());
    stream.new_image = image(change.new.as_ref());
    // Fixed width, as the order of the stream's own numbers is the order of their texts.
    stream.sequence_number = Some(format!("{:021}", change.sequence));
    stream.stream_view_type = Some(StreamViewType::NewAndOldImages);
    let mut record = EventRecord::default();
    record.change = stream;
    record.event_id = format!("change-{}", change.sequence);
    record.event_source = Some("aws:dynamodb".to_owned());
    record.event_name = match (&change.old, &change.new) {
        (None, _) => "INSERT",
        (Some(_), Some(_)) => "MODIFY",
        (Some(_), None) => "REMOVE",
    }
    .to_owned();
    record
}

fn keys(key: &Key) -> Item {
    let mut item = Item::default();
    item.insert(attribute::PK.to_owned(), AttributeValue::S(key.pk.clone()));
    item.insert(attribute::SK.to_owned(), AttributeValue::S(key.sk.clone()));
    item
}
