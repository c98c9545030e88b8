//! The demo: a small believable business, and a quarter of its life driven through the deployed functions.

mod business;
mod load;
mod pay;
mod quarter;
mod summary;

use anyhow::Result;
use chrono::Utc;
use local_stack::LocalStack;

use crate::console::Console;

/// Loads the business, drives its last full quarter and shows what came of it.
pub(crate) fn run(console: &Console, stack: &LocalStack) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the demo's quarter is the one that ended last")]
    let today = Utc::now().date_naive();
    let first = quarter::last_quarter(today);
    console.step("loading the demo business");
    let loaded = load::load(stack, first)?;
    console.step("driving a quarter of its life: ticks, charges, webhooks, reminders");
    quarter::drive(console, stack, &loaded, first)?;
    summary::show(console, stack, first)
}
