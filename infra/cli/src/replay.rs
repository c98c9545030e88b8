//! Rebuilds the books from the facts and the decisions, in this machine's memory, and says what is kept otherwise.
//!
//! It reads all three tables, reports first and the inbox last, so that every event the books know of is among those that are
//! told again. What differs is looked at again, three times: a commit may have come between two reads, an event may be on its way.
//! Nothing is written unless it is asked for: `--repair` has events handled again, which any redelivery does too, and `--swap` puts
//! what was rebuilt in the place of what differs.

mod repair;
mod shown;
mod swap;

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use saldo_messages::Destination;
use saldo_replay::{Kept, Replay};
use saldo_runtime::clock;
use saldo_runtime::queue::AwsQueue;
use saldo_store::{Key, Store, Table};

use crate::scan::{self, Page};
use crate::stack::Stack;
use crate::terminal;

/// How often it looks again, and how long it waits before: reports follow the books by seconds.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(3);

/// How long an event may be on its way into the books: it is handled within seconds, and again after a visibility timeout.
const ON_ITS_WAY: TimeDelta = TimeDelta::minutes(15);

/// After how many pages it says how far it is.
const PAGES_PER_NOTICE: u32 = 20;

/// How the books are rebuilt.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many differences are told one by one; all are counted.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Have those events handled again whose facts the books lack. Without --yes, it only says what it would do.
    #[arg(long, group = "mending")]
    repair: bool,
    /// Put what the facts come to in the place of what differs from it. Without --yes, it only says what it would do.
    #[arg(long, group = "mending")]
    swap: bool,
    /// Do it.
    #[arg(long, requires = "mending")]
    yes: bool,
}

/// Rebuilds the books and compares; false when something differs.
///
/// # Errors
/// When the tables cannot be read, or hold something that is not what its key says.
pub(crate) async fn run(stack: &Stack, options: &Options) -> Result<bool> {
    let store = stack.store()?;
    let client = stack.dynamodb();
    let name = |table| match table {
        Table::Inbox => stack.output("InboxTableName"),
        Table::Billing => stack.output("BillingTableName"),
        Table::Reports => stack.output("ReportsTableName"),
    };
    let kept = read(async |table, after| scan::scan(&client, name(table)?, after).await).await?;
    let replay = compared(kept, &store, clock::now(), PAUSE).await?;
    for line in shown::lines(&replay, options.limit) {
        terminal::result(&line);
    }
    let is_equal = replay.differences().is_empty();
    if options.repair && !is_equal {
        let url = stack.output("ProviderEventsQueueUrl")?.to_owned();
        let queue = AwsQueue::to_queues(stack.sqs(), [(Destination::ProviderEvents, url)]);
        for line in repair::repair(&replay, &queue, clock::now(), options.yes).await? {
            terminal::result(&line);
        }
    }
    if options.swap && !is_equal {
        for line in swap::swap(&replay, &store, clock::now(), options.yes).await? {
            terminal::result(&line);
        }
    }
    Ok(is_equal)
}

/// Reads the three tables.
async fn read(scan: impl AsyncFn(Table, Option<Key>) -> Result<Page>) -> Result<Kept> {
    let mut kept = Kept::default();
    for table in [Table::Reports, Table::Billing, Table::Inbox] {
        let (mut after, mut pages, mut count) = (None, 0_u32, 0_usize);
        loop {
            let page = scan(table, after).await.with_context(|| format!("the {table} table cannot be scanned"))?;
            count = count.saturating_add(page.items.len());
            kept.take(table, page.items)?;
            pages = pages.saturating_add(1);
            after = page.next;
            if after.is_none() {
                break;
            }
            if pages.is_multiple_of(PAGES_PER_NOTICE) {
                terminal::notice(&format!("{count} items of the {table} table read"));
            }
        }
        terminal::notice(&format!("{count} items of the {table} table read, which is all"));
    }
    Ok(kept)
}

/// Rebuilds, and looks again at what differs.
async fn compared(kept: Kept, store: &dyn Store, now: DateTime<Utc>, pause: Duration) -> Result<Replay> {
    let mut replay = saldo_replay::replay(kept).await?;
    let settled_before = now.checked_sub_signed(ON_ITS_WAY).unwrap_or(now);
    for _ in 0..LOOKS {
        let differ = replay.differences().len();
        if differ == 0 {
            break;
        }
        terminal::notice(&format!("{differ} items differ, looking again"));
        tokio::time::sleep(pause).await;
        replay.look_again(store, settled_before).await?;
    }
    Ok(replay)
}

#[cfg(test)]
mod tests;
