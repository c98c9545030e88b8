//! What was rebuilt, put in the place of what differs from it.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use saldo_replay::Replay;
use saldo_store::{Store, Table};

use crate::terminal;

/// Puts right what differs, one thing after the other, and says what is left to do.
///
/// # Errors
/// When the tables do not take it; then some things may be put right, and the rest is after the next replay.
pub(super) async fn swap(replay: &Replay, store: &dyn Store, now: DateTime<Utc>, does_it: bool) -> Result<Vec<String>> {
    let swaps = replay.swap(now)?;
    let count = swaps.len();
    let mut lines = Vec::new();
    if does_it {
        let mut swapped = 0_usize;
        for swap in swaps {
            match store.commit(swap.transaction).await {
                Ok(_) => {
                    swapped = swapped.saturating_add(1);
                    terminal::notice(&format!("{} is what the facts come to", swap.what));
                }
                Err(error) if error.is_conflict() => {
                    lines.push(format!("not touched: {} was written meanwhile; replay again", swap.what));
                }
                Err(error) => return Err(error).with_context(|| format!("{} cannot be put right", swap.what)),
            }
        }
        lines.insert(0, format!("put right: {swapped} of {count}; replay again in a minute"));
    } else {
        lines.extend(swaps.into_iter().map(|swap| format!("would be put right: {}", swap.what)));
        lines.push(format!("{count} would be put right; do it with `--swap --yes`"));
    }
    let of = |table| replay.differences().into_iter().filter(|difference| difference.table == table).count();
    if of(Table::Billing) > 0 && of(Table::Reports) > 0 {
        lines.push("reports follow the books: they are put right when those are, if they differ still".to_owned());
    }
    if of(Table::Inbox) > 0 {
        lines.push("what the inbox says of an event stays: `saldo inbox show` tells what became of it".to_owned());
    }
    Ok(lines)
}
