//! The dead-letter queues: what is in them, and back with it, or away where there is no way back.

mod letter;
mod moving;
mod purging;
mod receiving;

use std::fmt;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use clap::ValueEnum;

pub(crate) use self::letter::{Letter, readable};
use self::receiving::{Counts, Receiver};
use crate::stack::Stack;
use crate::terminal;

/// A dead-letter queue, named for what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeadLetterQueue {
    /// Webhooks and retries that payment-processing could not take.
    ProviderEvents,
    /// Periods and documents that invoice-generation could not make.
    InvoicesDue,
    /// Charges and refunds that payment-collection could not carry out.
    Collections,
    /// Mail that reminder-emails could not send.
    Reminders,
    /// Changes of the books that report-aggregation could not count.
    ReportAggregation,
    /// Changes of the books that event-relay could not tell.
    EventRelay,
    /// Ticks that could not be run.
    BillingTick,
}

impl DeadLetterQueue {
    /// All of them.
    const ALL: [Self; 7] = [
        Self::ProviderEvents,
        Self::InvoicesDue,
        Self::Collections,
        Self::Reminders,
        Self::ReportAggregation,
        Self::EventRelay,
        Self::BillingTick,
    ];

    /// The output of the stack that has its URL.
    const fn output(self) -> &'static str {
        match self {
            Self::ProviderEvents => "ProviderEventsQueueDlqUrl",
            Self::InvoicesDue => "InvoicesDueQueueDlqUrl",
            Self::Collections => "CollectionsQueueDlqUrl",
            Self::Reminders => "RemindersQueueDlqUrl",
            Self::ReportAggregation => "ReportAggregationDlqUrl",
            Self::EventRelay => "EventRelayDlqUrl",
            Self::BillingTick => "BillingTickDlqUrl",
        }
    }

    /// The output of the stack that has the URL of the queue before it, where a queue is before it.
    const fn source_output(self) -> Option<&'static str> {
        match self {
            Self::ProviderEvents => Some("ProviderEventsQueueUrl"),
            Self::InvoicesDue => Some("InvoicesDueQueueUrl"),
            Self::Collections => Some("CollectionsQueueUrl"),
            Self::Reminders => Some("RemindersQueueUrl"),
            Self::ReportAggregation | Self::EventRelay | Self::BillingTick => None,
        }
    }

    /// The output of the stack that names the function which failed.
    const fn function_output(self) -> &'static str {
        match self {
            Self::ProviderEvents => "PaymentProcessingName",
            Self::InvoicesDue => "InvoiceGenerationName",
            Self::Collections => "PaymentCollectionName",
            Self::Reminders => "ReminderEmailsName",
            Self::ReportAggregation => "ReportAggregationName",
            Self::EventRelay => "EventRelayName",
            Self::BillingTick => "BillingTickName",
        }
    }

    /// What comes of the work that its messages stand for, once they are deleted.
    ///
    /// # Errors
    /// When they can be handled again, and so must not be deleted.
    fn once_deleted(self) -> Result<&'static str> {
        match self {
            Self::ProviderEvents | Self::InvoicesDue | Self::Collections | Self::Reminders => bail!(
                "the messages of {self} are work that can still be done, and none is deleted: when the cause is mended, \
                 `saldo dlq redrive {self}`"
            ),
            // Its messages only name a part of the table's stream, as do those of the relay.
            Self::ReportAggregation => Ok("`saldo reports rebuild`, a minute later, counts what they stood for"),
            Self::EventRelay => Ok("what was not told within 24 hours is not told any more"),
            Self::BillingTick => Ok("the next tick finds everything that is due"),
        }
    }
}

impl fmt::Display for DeadLetterQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProviderEvents => "provider-events",
            Self::InvoicesDue => "invoices-due",
            Self::Collections => "collections",
            Self::Reminders => "reminders",
            Self::ReportAggregation => "report-aggregation",
            Self::EventRelay => "event-relay",
            Self::BillingTick => "billing-tick",
        })
    }
}

/// Lists every dead-letter queue.
///
/// # Errors
/// When SQS does not tell.
pub(crate) async fn list(stack: &Stack, now: DateTime<Utc>) -> Result<()> {
    terminal::result(&format!("{:<20} {:>8} {:>9}  {}", "queue", "messages", "in flight", "oldest seen"));
    for queue in DeadLetterQueue::ALL {
        let receiver = Receiver::new(stack.sqs(), stack.output(queue.output())?);
        let counts = receiver.counts().await?;
        let oldest = if counts.waiting > 0 { receiver.glance().await? } else { Vec::new() };
        terminal::result(&row(queue, counts, oldest.iter().filter_map(|letter| letter.sent_at).min(), now));
    }
    Ok(())
}

/// A line of the list. SQS has no age of the oldest message; it is that of the oldest among up to ten looked at.
fn row(queue: DeadLetterQueue, counts: Counts, oldest: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    let age = oldest.map_or_else(|| "-".to_owned(), |at| letter::age(at, now));
    format!("{:<20} {:>8} {:>9}  {age}", queue.to_string(), counts.waiting, counts.in_flight)
}

/// Shows messages of a queue and leaves them where they are.
///
/// # Errors
/// When SQS does not hand them out, or does not take them back.
pub(crate) async fn show(stack: &Stack, queue: DeadLetterQueue, limit: u16, now: DateTime<Utc>) -> Result<()> {
    let receiver = Receiver::new(stack.sqs(), stack.output(queue.output())?);
    let letters = receiver.look(limit).await?;
    for letter in &letters {
        terminal::result(&letter.shown(queue, now));
    }
    let counts = receiver.counts().await?;
    let found = letters.len();
    terminal::notice(&format!("{found} shown; {} wait, {} are in flight", counts.waiting, counts.in_flight));
    if found > 0 {
        let log = format!("/aws/lambda/{}", stack.output(queue.function_output())?);
        terminal::notice(&format!(
            "Why each failed stands in the log group {log}, by its message id or the ids above."
        ));
    }
    Ok(())
}

/// Moves the messages of a queue back to the queue before it.
///
/// # Errors
/// When there is no such queue, it was not confirmed, or SQS refuses. No message is lost: one that could not be moved stays.
pub(crate) async fn redrive(stack: &Stack, queue: DeadLetterQueue, yes: bool) -> Result<()> {
    let Some(source) = queue.source_output() else {
        let then = queue.once_deleted()?;
        bail!(
            "{queue} has no queue before it to move its messages to: when the cause is mended, `saldo dlq purge {queue}`; \
             {then}"
        );
    };
    let (url, source) = (stack.output(queue.output())?, stack.output(source)?);
    let receiver = Receiver::new(stack.sqs(), url);
    let waiting = receiver.counts().await?.waiting;
    if waiting == 0 {
        terminal::result(&format!("{queue}: no message waits, nothing to move"));
        return Ok(());
    }
    if !yes {
        bail!("{waiting} messages of {queue} would be handled again; when the cause is mended, repeat with --yes");
    }
    let moved = if stack.is_local() {
        // The local AWS knows no move tasks.
        moving::by_hand(&receiver, &stack.sqs(), source, waiting).await
    } else {
        moving::by_task(&stack.sqs(), &receiver.arn().await?).await
    };
    let moved = moved.with_context(|| format!("{queue} was not emptied"))?;
    terminal::result(&format!("{queue}: {moved} messages moved back, to be handled again"));
    Ok(())
}

/// Deletes the messages of a queue for good, also those that somebody is looking at.
///
/// # Errors
/// When they can be moved back, it was not confirmed, or SQS refuses.
pub(crate) async fn purge(stack: &Stack, queue: DeadLetterQueue, yes: bool) -> Result<()> {
    let then = queue.once_deleted()?;
    let url = stack.output(queue.output())?;
    let counts = Receiver::new(stack.sqs(), url).counts().await?;
    let count = counts.waiting.saturating_add(counts.in_flight);
    if count == 0 {
        terminal::result(&format!("{queue}: no message is there, nothing to delete"));
        return Ok(());
    }
    if !yes {
        bail!("{count} messages of {queue} would be deleted for good; when the cause is mended, repeat with --yes");
    }
    purging::purge(&stack.sqs(), url).await.with_context(|| format!("{queue} was not emptied"))?;
    terminal::result(&format!("{queue}: {count} messages deleted; {then}"));
    terminal::notice("SQS takes up to a minute to delete them, and may delete with them what comes in meanwhile");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone as _;

    #[test]
    fn every_queue_is_in_the_list_once_under_the_name_that_the_command_takes() {
        let taken: Vec<String> = DeadLetterQueue::value_variants()
            .iter()
            .filter_map(|queue| Some(queue.to_possible_value()?.get_name().to_owned()))
            .collect();
        let listed: Vec<String> = DeadLetterQueue::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(taken, listed);
    }

    #[test]
    fn every_output_that_is_asked_for_is_one_of_the_template() {
        let template = include_str!("../../../template.yaml");
        let outputs = template.split("\nOutputs:\n").nth(1).unwrap();
        for queue in DeadLetterQueue::ALL {
            for name in [Some(queue.output()), queue.source_output(), Some(queue.function_output())] {
                assert!(name.is_none_or(|name| outputs.contains(&format!("\n  {name}: "))), "{name:?}");
            }
        }
    }

    #[test]
    fn every_queue_can_be_either_redriven_or_purged() {
        for queue in DeadLetterQueue::ALL {
            assert_eq!(queue.source_output().is_some(), queue.once_deleted().is_err(), "{queue}");
        }
        let error = DeadLetterQueue::Collections.once_deleted().unwrap_err().to_string();
        assert!(error.contains("none is deleted") && error.contains("`saldo dlq redrive collections`"), "{error}");
    }

    #[test]
    fn a_row_tells_how_many_and_how_old() {
        let now = Utc.with_ymd_and_hms(2026, 3, 29, 3, 0, 0).unwrap();
        let oldest = Utc.with_ymd_and_hms(2026, 3, 27, 0, 0, 0).unwrap();
        let counts = Counts { waiting: 3, in_flight: 1 };
        let shown = row(DeadLetterQueue::Reminders, counts, Some(oldest), now);
        assert_eq!(shown, "reminders                   3         1  2 d 3 h");
        let none = row(DeadLetterQueue::EventRelay, Counts { waiting: 0, in_flight: 0 }, None, now);
        assert_eq!(none, "event-relay                 0         0  -");
    }
}
