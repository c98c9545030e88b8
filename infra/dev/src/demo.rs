//! The demo: a small believable business, and a quarter of its life driven through the deployed functions.

mod business;
mod load;
mod pay;
mod quarter;
mod summary;

use anyhow::{Result, anyhow};
use chrono::Utc;
use local_stack::LocalStack;

use crate::console::Console;

/// How many requests are under way at once.
const AT_ONCE: usize = 4;

/// Loads the business, drives its last full quarter and shows what came of it.
pub(crate) fn run(console: &Console, stack: &LocalStack) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the demo's quarter is the one that ended last")]
    let today = Utc::now().date_naive();
    let first = quarter::last_quarter(today);
    console.step("loading the demo business");
    let loaded = load::load(stack, first)?;
    console.step("driving a quarter of its life: ticks, charges, webhooks, reminders");
    quarter::drive(console, stack, &loaded, first)?;
    summary::show(console, stack, first)?;
    // From here on the provider's days are those of who tries the stack out: a page that they open is one of today.
    quarter::end(stack)
}

/// Does the same with each, several at once; answers in their order.
fn at_once<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let mut done = Vec::with_capacity(items.len());
    for group in items.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let threads: Vec<_> = group.iter().map(|item| scope.spawn(|| work(item))).collect();
            for thread in threads {
                done.push(thread.join().unwrap_or_else(|_panic| Err(anyhow!("a request broke off")))?);
            }
            anyhow::Ok(())
        })?;
    }
    Ok(done)
}
