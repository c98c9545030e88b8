//! The demo's quarter: the schedule ticks, customers pay or do not, the provider's webhooks come in.

use anyhow::{Context, Result};
use chrono::{Datelike, Months, NaiveDate};
use local_stack::LocalStack;
use serde_json::json;

use super::business::{Pays, SELLERS};
use super::load::Loaded;
use super::{AT_ONCE, pay};
use crate::console::Console;

/// The days of each month on which something is due: periods begin, charges are retried, reminders are sent.
const DAYS: [u32; 7] = [1, 4, 5, 12, 15, 16, 22];

/// The hour of the ticks, in UTC: the morning of that day has begun in every zone of the business, Honolulu's too.
const HOUR: u32 = 19;

/// What the provider tells: what this quarter needs, of what the README has it tell.
const EVENTS: [&str; 14] = [
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.pending",
    "charge.refunded",
    "charge.succeeded",
    "checkout.session.completed",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.succeeded",
    "refund.created",
    "refund.updated",
];

/// The first day of the last full quarter before `today`.
pub(super) fn last_quarter(today: NaiveDate) -> NaiveDate {
    let into_quarter = Months::new(today.month0().checked_rem(3).unwrap_or(0).saturating_add(3));
    today.with_day(1).and_then(|first| first.checked_sub_months(into_quarter)).unwrap_or(today)
}

/// Drives the quarter through the deployed functions.
pub(super) fn drive(console: &Console, stack: &LocalStack, loaded: &Loaded, first: NaiveDate) -> Result<()> {
    let account = SELLERS.first().context("a seller")?.account;
    for month in 0..3 {
        // The second seller's provider has a bad month: every event comes twice, the last one first.
        for (seller, is_bad) in SELLERS.iter().zip([false, month == 1]) {
            let (account, copies) = (seller.account, if is_bad { 2 } else { 1 });
            let secret = &stack.stack().accounts.get(account).context("the seller's account")?.webhook_secret;
            let url = format!("{}/webhooks/{account}", stack.stack().api_url);
            let endpoint = json!({
                "url": url, "secret": secret, "enabled_events": EVENTS, "copies": copies, "newest_first": is_bad,
                "at_once": AT_ONCE,
            });
            stack.twin_admin(account, "POST", "endpoint", &endpoint)?;
        }
        let begin = first.checked_add_months(Months::new(month)).context("the calendar")?;
        for day in DAYS {
            let at =
                begin.with_day(day).and_then(|date| date.and_hms_opt(HOUR, 0, 0)).context("the calendar")?.and_utc();
            stack.twin_admin(account, "POST", "clock", &json!({ "now": at }))?;
            stack.send_tick(at)?;
            stack.settle_all()?;
            if day == 12 {
                let soon = |pays| matches!(pays, Pays::OnPage | Pays::InPart | Pays::TooMuch);
                pay::open_invoices(stack, loaded, at, soon)?;
            } else if day == 22 {
                pay::open_invoices(stack, loaded, at, |pays| pays == Pays::Late)?;
            }
        }
        if month == 1 {
            pay::give_back(stack, loaded)?;
        }
        console.detail(&format!("{} done, {} mails so far", begin.format("%B %Y"), stack.mails()?.len()));
    }
    stack.settle_all()
}

/// Lets the provider's clock go, and waits for what happened there since the quarter.
pub(super) fn end(stack: &LocalStack) -> Result<()> {
    let account = SELLERS.first().context("a seller")?.account;
    stack.twin_admin(account, "DELETE", "clock", &json!({}))?;
    stack.settle_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_quarter_has_ended() {
        let first_of = |today: &str| last_quarter(today.parse().unwrap()).to_string();
        assert_eq!(first_of("2026-11-22"), "2026-07-01");
        assert_eq!(first_of("2026-03-31"), "2025-10-01");
        assert_eq!(first_of("2026-04-01"), "2026-01-01");
    }
}
