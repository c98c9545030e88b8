//! Receiving from a dead-letter queue without taking anything out of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use chrono::DateTime;

use super::Letter;

/// The most messages that one call hands out or takes.
const MESSAGES_PER_CALL: i32 = 10;

/// How long a message is hidden while it is looked at or moved; it comes back by itself when this command dies.
const HIDDEN_S: i32 = 120;

/// How long an empty queue is waited for: a call without a wait asks only some of the servers.
const WAIT_S: i32 = 1;

/// How many messages a queue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// That can be received.
    pub(super) waiting: u64,
    /// That somebody has received and not yet given back.
    pub(super) in_flight: u64,
}

/// One queue.
#[derive(Debug)]
pub(super) struct Receiver {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl Receiver {
    pub(super) fn new(client: aws_sdk_sqs::Client, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }

    /// How many messages it has, by SQS's estimate.
    pub(super) async fn counts(&self) -> Result<Counts> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let told = self.attributes(&names).await?;
        let [waiting, in_flight] =
            names.map(|name| told.get(&name).and_then(|count| count.parse().ok()).unwrap_or_default());
        Ok(Counts { waiting, in_flight })
    }

    /// Its ARN.
    pub(super) async fn arn(&self) -> Result<String> {
        let told = self.attributes(&[QueueAttributeName::QueueArn]).await?;
        told.get(&QueueAttributeName::QueueArn).cloned().with_context(|| format!("{} has no ARN", self.url))
    }

    async fn attributes(&self, names: &[QueueAttributeName]) -> Result<BTreeMap<QueueAttributeName, String>> {
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        let told = Box::pin(call.set_attribute_names(Some(names.to_vec())).send()).await;
        let told = told.map_err(aws_sdk_sqs::Error::from).with_context(|| format!("cannot look at {}", self.url))?;
        Ok(told.attributes.unwrap_or_default().into_iter().collect())
    }

    /// Up to ten messages, which are not even hidden from others.
    pub(super) async fn glance(&self) -> Result<Vec<Letter>> {
        self.call(MESSAGES_PER_CALL, 0).await
    }

    /// The next messages, hidden from others for two minutes.
    pub(super) async fn next(&self) -> Result<Vec<Letter>> {
        self.call(MESSAGES_PER_CALL, HIDDEN_S).await
    }

    /// Up to `limit` different messages; all are given back.
    pub(super) async fn look(&self, limit: u16) -> Result<Vec<Letter>> {
        let (mut letters, mut seen) = (Vec::new(), BTreeSet::new());
        let looked = loop {
            let missing = usize::from(limit).saturating_sub(letters.len());
            let count = i32::try_from(missing).unwrap_or(MESSAGES_PER_CALL).min(MESSAGES_PER_CALL);
            if count == 0 {
                break Ok(());
            }
            match self.call(count, HIDDEN_S).await {
                // Hidden ones are not handed out again, so a known one says that two minutes have passed.
                Ok(page) => {
                    match page.into_iter().filter(|letter| seen.insert(letter.id.clone())).collect::<Vec<_>>() {
                        new if new.is_empty() => break Ok(()),
                        new => letters.extend(new),
                    }
                }
                Err(error) => break Err(error),
            }
        };
        self.give_back(&letters).await?;
        looked.map(|()| letters)
    }

    async fn call(&self, count: i32, hidden_s: i32) -> Result<Vec<Letter>> {
        let call = self.client.receive_message().queue_url(&self.url).max_number_of_messages(count);
        let call = call.visibility_timeout(hidden_s).wait_time_seconds(WAIT_S);
        let call = call.message_attribute_names("All").message_system_attribute_names(MessageSystemAttributeName::All);
        let received = Box::pin(call.send()).await.map_err(aws_sdk_sqs::Error::from);
        let received = received.with_context(|| format!("cannot receive from {}", self.url))?;
        Ok(received.messages.unwrap_or_default().into_iter().map(letter).collect())
    }

    /// Shows messages to everybody again.
    pub(super) async fn give_back(&self, letters: &[Letter]) -> Result<()> {
        for batch in letters.chunks(10) {
            let entries: Result<Vec<_>, _> = batch
                .iter()
                .zip(0_u8..)
                .map(|(letter, index)| {
                    let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
                    entry.receipt_handle(&letter.receipt).visibility_timeout(0).build()
                })
                .collect();
            let call = self.client.change_message_visibility_batch().queue_url(&self.url);
            let given = Box::pin(call.set_entries(Some(entries?)).send()).await.map_err(aws_sdk_sqs::Error::from);
            given.with_context(|| {
                format!("messages of {} stay hidden for up to {HIDDEN_S} s, then they are back", self.url)
            })?;
        }
        Ok(())
    }

    /// Removes a message for good.
    pub(super) async fn delete(&self, letter: &Letter) -> Result<()> {
        let call = self.client.delete_message().queue_url(&self.url).receipt_handle(&letter.receipt);
        Box::pin(call.send()).await.map_err(aws_sdk_sqs::Error::from)?;
        Ok(())
    }
}

/// A message with everything that is noted on it.
fn letter(message: Message) -> Letter {
    let system = message.attributes.unwrap_or_default();
    let sent = system.get(&MessageSystemAttributeName::SentTimestamp).and_then(|text| text.parse().ok());
    let mut attributes: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in message.message_attributes.unwrap_or_default() {
        attributes.insert(name, value.string_value.unwrap_or_else(|| "(bytes)".to_owned()));
    }
    for (name, value) in system {
        let is_instant = name.as_str().ends_with("Timestamp");
        let instant = value.parse().ok().filter(|_| is_instant).and_then(DateTime::from_timestamp_millis);
        attributes.insert(name.to_string(), instant.map_or(value, saldo_store::instant_text));
    }
    Letter {
        id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        sent_at: sent.and_then(DateTime::from_timestamp_millis),
        attributes,
        receipt: message.receipt_handle.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::types::MessageAttributeValue;

    #[test]
    fn a_message_keeps_what_is_noted_on_it() {
        let reason =
            MessageAttributeValue::builder().data_type("String").string_value("SDK_CLIENT_ERROR").build().unwrap();
        let message = Message::builder()
            .message_id("m-1")
            .body("{}")
            .receipt_handle("r-1")
            .attributes(MessageSystemAttributeName::SentTimestamp, "1772443804417")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "6")
            .message_attributes("ERROR_CODE", reason)
            .build();
        let letter = letter(message);
        assert_eq!(letter.sent_at.unwrap().timestamp_millis(), 1_772_443_804_417);
        let noted: Vec<String> = letter.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected =
            ["ApproximateReceiveCount=6", "ERROR_CODE=SDK_CLIENT_ERROR", "SentTimestamp=2026-03-02T09:30:04.417Z"];
        assert_eq!(noted, expected);
    }
}
