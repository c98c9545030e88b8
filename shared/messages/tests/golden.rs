//! Every shape that was ever sent can still be read, and is written as it was.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use saldo_messages::{
    CollectionsMessage, Disposed, Disposition, DomainEvent, InvoicesDueMessage, ProviderEventsMessage,
    RemindersMessage, decode, encode,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn golden(queue: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(queue);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn survives<T: Serialize + DeserializeOwned>(queue: &str) {
    for file in golden(queue) {
        let body = std::fs::read_to_string(&file).unwrap();
        let message: T = decode(&body).unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
        let written: serde_json::Value = serde_json::from_str(&encode(&message).unwrap()).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(&body).unwrap(), "{}", file.display());
    }
}

#[test]
fn provider_events_are_read_and_written_as_ever() {
    survives::<ProviderEventsMessage>("provider-events");
}

#[test]
fn invoices_due_are_read_and_written_as_ever() {
    survives::<InvoicesDueMessage>("invoices-due");
}

#[test]
fn collections_are_read_and_written_as_ever() {
    survives::<CollectionsMessage>("collections");
}

#[test]
fn reminders_are_read_and_written_as_ever() {
    survives::<RemindersMessage>("reminders");
}

#[test]
fn domain_events_are_read_and_written_as_ever() {
    survives::<DomainEvent>("domain-events");
}

#[test]
fn a_message_of_another_version_or_queue_is_poison() {
    let newer = r#"{"do":"charge","v":2,"invoices":[],"as_of":"2026-10-01T08:00:00Z"}"#;
    let error = decode::<CollectionsMessage>(newer).unwrap_err();
    assert_eq!(error.disposition(), Disposition::Poison);
    assert!(format!("{error:?}").contains("expected message version 1, found 2"), "{error:?}");
    let elsewhere = r#"{"do":"remind","v":1,"invoices":[],"as_of":"2026-10-01T08:00:00Z"}"#;
    assert!(decode::<CollectionsMessage>(elsewhere).is_err());
    assert!(decode::<RemindersMessage>(elsewhere).is_ok());
}

#[test]
fn a_field_that_a_newer_version_adds_is_passed_over() {
    let newer = r#"{"do":"charge","v":1,"invoices":[],"as_of":"2026-10-01T08:00:00Z","priority":"high"}"#;
    assert!(decode::<CollectionsMessage>(newer).is_ok());
}
