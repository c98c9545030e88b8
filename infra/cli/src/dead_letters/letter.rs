//! One message of a dead-letter queue, as a person can read it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use saldo_messages::{
    CollectionsMessage, InvoicesDueMessage, MessageError, ProviderEventsMessage, RemindersMessage, decode,
};
use saldo_runtime::logs;
use serde::Serialize;
use serde_json::Value;

use super::DeadLetterQueue;
use crate::card_data::{masked, masked_text};

/// A message as SQS handed it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// SQS's id; the same in the queue that it comes from, and in the logs.
    pub(crate) id: String,
    /// What was sent.
    pub(crate) body: String,
    /// When it was sent first.
    pub(crate) sent_at: Option<DateTime<Utc>>,
    /// What SQS and the sender noted on it, such as how often it was received and why it failed.
    pub(crate) attributes: BTreeMap<String, String>,
    /// By which it is given back or deleted.
    pub(crate) receipt: String,
}

impl Letter {
    /// The message in readable form.
    pub(crate) fn shown(&self, queue: DeadLetterQueue, now: DateTime<Utc>) -> String {
        let age = self.sent_at.map_or_else(|| "age unknown".to_owned(), |at| format!("{} old", age(at, now)));
        let mut lines = vec![format!("── {} ── {age}", self.id)];
        lines.extend(self.attributes.iter().map(|(name, value)| format!("{name}: {}", masked_text(value))));
        match message(queue, &self.body) {
            Ok(Some(message)) => lines.push(pretty(message)),
            Ok(None) => lines.push(readable(&self.body)),
            Err(error) => {
                lines.push(masked_text(&logs::chain(&error)));
                lines.push(readable(&self.body));
            }
        }
        lines.join("\n")
    }
}

/// The body as the message that the queue carries; none where a service of AWS writes the bodies.
fn message(queue: DeadLetterQueue, body: &str) -> Result<Option<Value>, MessageError> {
    match queue {
        DeadLetterQueue::ProviderEvents => read::<ProviderEventsMessage>(body).map(|message| Some(with_event(message))),
        DeadLetterQueue::InvoicesDue => read::<InvoicesDueMessage>(body).map(Some),
        DeadLetterQueue::Collections => read::<CollectionsMessage>(body).map(Some),
        DeadLetterQueue::Reminders => read::<RemindersMessage>(body).map(Some),
        DeadLetterQueue::ReportAggregation | DeadLetterQueue::EventRelay | DeadLetterQueue::BillingTick => Ok(None),
    }
}

fn read<T: serde::de::DeserializeOwned + Serialize>(body: &str) -> Result<Value, MessageError> {
    serde_json::to_value(decode::<T>(body)?).map_err(MessageError::Encode)
}

/// The provider's body is text inside of the message: shown as the JSON that it is.
fn with_event(mut message: Value) -> Value {
    if let Some(body) = message.pointer_mut("/event/body")
        && let Some(event) = body.as_str().and_then(|text| serde_json::from_str(text).ok())
    {
        *body = event;
    }
    message
}

/// A body of no known shape: as JSON when it is some, else as it is.
pub(crate) fn readable(body: &str) -> String {
    serde_json::from_str(body).map_or_else(|_not_json| masked_text(body), pretty)
}

fn pretty(value: Value) -> String {
    format!("{:#}", masked(value))
}

/// How long ago, in its two largest units.
pub(crate) fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let past = now.signed_duration_since(at).max(TimeDelta::zero());
    let rest = |whole: i64, unit: i64| whole.checked_rem(unit).unwrap_or_default();
    let (days, hours, minutes) = (past.num_days(), rest(past.num_hours(), 24), rest(past.num_minutes(), 60));
    match (days, hours, minutes) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone as _;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 2, 28, 23, 30, 0).unwrap()
    }

    fn letter(body: &str) -> Letter {
        let attributes = BTreeMap::from([("ApproximateReceiveCount".to_owned(), "6".to_owned())]);
        let sent_at = now().checked_sub_signed(TimeDelta::minutes(95));
        Letter { id: "m-1".into(), body: body.into(), sent_at, attributes, receipt: "r-1".into() }
    }

    #[test]
    fn a_webhook_is_shown_with_the_providers_event_as_json() {
        let body = r#"{"do":"take","v":1,"event":{"account":"stripe/main","event_id":"evt_1","kind":"charge.failed",
            "received_at":"2026-02-28T21:00:00Z","body":"{\"id\":\"evt_1\",\"note\":\"4242 4242 4242 4242\"}"}}"#;
        let shown = letter(body).shown(DeadLetterQueue::ProviderEvents, now());
        assert!(shown.starts_with("── m-1 ── 1 h 35 min old\nApproximateReceiveCount: 6\n{"), "{shown}");
        assert!(shown.contains("\"kind\": \"charge.failed\"") && shown.contains("\"id\": \"evt_1\""), "{shown}");
        assert!(!shown.contains("4242"), "{shown}");
    }

    #[test]
    fn a_message_of_another_queue_is_shown_with_what_is_wrong() {
        let shown = letter(r#"{"do":"remind","v":1}"#).shown(DeadLetterQueue::Collections, now());
        assert!(shown.contains("not a message of this queue") && shown.contains("unknown variant"), "{shown}");
        assert!(shown.ends_with("\"v\": 1\n}"), "{shown}");
        let torn = letter("{torn, 4242424242424242").shown(DeadLetterQueue::Reminders, now());
        assert!(torn.contains("{torn, [masked"), "{torn}");
    }

    #[test]
    fn what_aws_itself_wrote_is_shown_as_it_is() {
        let body =
            r#"{"requestContext":{"condition":"RetryAttemptsExhausted"},"DDBStreamBatchInfo":{"shardId":"s-1"}}"#;
        let shown = letter(body).shown(DeadLetterQueue::EventRelay, now());
        assert!(shown.contains("RetryAttemptsExhausted") && !shown.contains("not a message"), "{shown}");
    }

    #[test]
    fn ages_have_two_units() {
        let at = |minutes| now().checked_sub_signed(TimeDelta::minutes(minutes)).unwrap();
        let shown = [0, 59, 60, 1439, 1440, 20_160].map(|minutes| age(at(minutes), now()));
        assert_eq!(shown, ["0 min", "59 min", "1 h 0 min", "23 h 59 min", "1 d 0 h", "14 d 0 h"]);
        assert_eq!(age(at(-5), now()), "0 min");
    }
}
