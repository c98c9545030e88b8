//! Looks at every item of the billing table and says what must hold and does not. It reads only.
//!
//! What needs one item is judged by that item; what needs an invoice with its document and its entries is read by their
//! partition, and once more a moment later when something looks broken, for a commit may have come between two reads. So are
//! payments with their invoices, and balances of credit with all invoices of their customer. Numbers are held against the
//! counters as they stood *before* the walk: whatever was given out until then must be found.
//!
//! Only this and `replay` scan the table: an operator's audit has to see what no index lists. It reads consistently, a
//! megabyte at a time, and costs a read unit for each 4 KB, and more for invoices and payments, each read with what it refers to.

mod carrying;
mod credits;
mod finding;
mod invoice;
mod ledger;
mod numbers;
mod pages;
mod payments;
mod progress;
mod reports;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Error, Result};
use saldo_runtime::clock;
use saldo_store::memory::MemoryStore;
use saldo_store::{Key, Store};
use signal_hook::consts::SIGINT;

use self::finding::Finding;
use self::pages::Looked;
use self::progress::Progress;
use crate::scan::{self, Page};
use crate::stack::Stack;
use crate::terminal;

/// How long a commit may take to become visible as a whole.
const PAUSE: Duration = Duration::from_secs(1);

/// After how many pages it says how far it is.
const PAGES_PER_NOTICE: u32 = 20;

/// How the books are verified.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Go on where an interrupted run stopped; it named the file.
    #[arg(long, value_name = "FILE", conflicts_with = "reports")]
    resume: Option<PathBuf>,
    /// Also compute the reports anew from all that is in the books, which then must fit into this machine's memory.
    #[arg(long)]
    reports: bool,
}

/// Verifies the books; false when something is broken.
///
/// # Errors
/// When the tables cannot be read, or it was interrupted; then a file says where to go on.
pub(crate) async fn run(stack: &Stack, options: &Options) -> Result<bool> {
    let store = stack.store()?;
    let (client, table) = (stack.dynamodb(), stack.output("BillingTableName")?);
    let mut progress = match &options.resume {
        Some(file) => Progress::read(file, table)?,
        None => Progress::begin(table, numbers::counters(&store).await?),
    };
    let copy = options.reports.then(MemoryStore::new);
    let interrupted = Arc::new(AtomicBool::new(false));
    // Asked twice, it ends at once; the exit code is the shell's for an interrupt.
    signal_hook::flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&interrupted))?;
    signal_hook::flag::register(SIGINT, Arc::clone(&interrupted))?;
    let scan = async |after| {
        anyhow::ensure!(!interrupted.load(Ordering::Relaxed), "interrupted");
        scan::scan(&client, table, after).await
    };
    let mut findings = match examine(&store, &mut progress, PAUSE, scan, copy.as_ref()).await {
        Ok(findings) => findings,
        Err(error) => return Err(kept_for_later(error, &progress, table, options)?),
    };
    if let Some(copy) = copy {
        if findings.is_empty() {
            findings = reports::compare(&copy, &store).await?;
        } else {
            terminal::notice("the reports were not computed: they would be those of broken books");
        }
    }
    for finding in &findings {
        terminal::result(&finding.to_string());
    }
    terminal::result(&progress.summary(findings.len()));
    Ok(findings.is_empty())
}

/// Keeps how far it came, where that is of use, and says so with what stopped it.
fn kept_for_later(error: Error, progress: &Progress, table: &str, options: &Options) -> Result<Error> {
    if options.reports {
        return Ok(error.context("the books were not verified; with --reports it can only begin anew"));
    }
    let file = PathBuf::from(format!("saldo-verify-{table}.json"));
    progress.write(&file)?;
    let file = file.display();
    Ok(error.context(format!("the books were not verified to the end; go on with `verify --resume {file}`")))
}

/// What is broken. Whatever stops it, `progress` is where to go on.
async fn examine(
    store: &dyn Store,
    progress: &mut Progress,
    pause: Duration,
    scan: impl AsyncFn(Option<Key>) -> Result<Page>,
    copy: Option<&MemoryStore>,
) -> Result<Vec<Finding>> {
    walk(store, progress, pause, scan, copy).await?;
    progress.conclude(store, pause).await
}

/// Looks at all items from where `progress` stands; each page is taken into it as a whole or not at all.
async fn walk(
    store: &dyn Store,
    progress: &mut Progress,
    pause: Duration,
    scan: impl AsyncFn(Option<Key>) -> Result<Page>,
    copy: Option<&MemoryStore>,
) -> Result<()> {
    let mut pages = 0_u32;
    while !progress.is_done() {
        let Page { items, next } = scan(progress.place()).await.context("the billing table cannot be scanned")?;
        let looked = Looked::at(store, &items, pause, clock::now()).await?;
        if let Some(copy) = copy {
            reports::keep(copy, items).await?;
        }
        progress.take(looked, next);
        pages = pages.saturating_add(1);
        if pages.is_multiple_of(PAGES_PER_NOTICE) {
            terminal::notice(&progress.so_far());
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
