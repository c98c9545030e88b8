//! The demo's quarter: the schedule ticks, customers pay or do not, the provider's webhooks come in.

use anyhow::{Context, Result};
use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use local_stack::LocalStack;
use serde_json::{Value, json};

use super::business::{CUSTOMERS, Pays, SELLERS};
use super::load::Loaded;
use crate::console::Console;

/// The days of each month on which something is due: periods begin, retries, reminders before and after the due date.
const DAYS: [u32; 9] = [1, 4, 5, 9, 12, 15, 16, 22, 26];

/// The hour of the ticks, in UTC: every zone's morning of that day has begun, Honolulu's too.
const HOUR: u32 = 19;

/// The first day of the last full quarter before `today`.
pub(super) fn last_quarter(today: NaiveDate) -> NaiveDate {
    let this = NaiveDate::from_ymd_opt(today.year(), today.month0() / 3 * 3 + 1, 1).unwrap_or(today);
    this.checked_sub_months(chrono::Months::new(3)).unwrap_or(this)
}

/// Drives the quarter through the deployed functions.
pub(super) fn drive(console: &Console, stack: &LocalStack, loaded: &Loaded, first: NaiveDate) -> Result<()> {
    // The second seller's provider is having a bad day: every event comes twice, the last first.
    let account = SELLERS[1].account;
    let key = &stack.stack().accounts.get(account).context("the second account")?;
    let url = format!("{}/webhooks/{account}", stack.stack().api_url);
    let endpoint = json!({ "url": url, "secret": key.webhook_secret, "copies": 2, "newest_first": true });
    stack.twin_admin(account, "POST", "endpoint", &endpoint)?;

    for month in 0..3 {
        let begin = first.checked_add_months(chrono::Months::new(month)).context("the calendar")?;
        console.detail(&begin.format("%B %Y").to_string());
        for day in DAYS {
            let at = begin.with_day(day).and_then(|date| date.and_hms_opt(HOUR, 0, 0)).context("the calendar")?.and_utc();
            stack.twin_admin(account, "POST", "clock", &json!({ "now": at }))?;
            stack.tick(at)?;
            stack.settle_all()?;
            match day {
                12 => pay_open_invoices(stack, loaded, at, |pays| matches!(pays, Pays::OnPage | Pays::InPart | Pays::TooMuch))?,
                22 => pay_open_invoices(stack, loaded, at, |pays| pays == Pays::Late)?,
                _ => {}
            }
        }
        if month == 1 {
            give_back(stack, loaded)?;
        }
    }
    stack.settle_all()
}

/// Lets the customers of these habits pay what they owe.
fn pay_open_invoices(stack: &LocalStack, loaded: &Loaded, at: DateTime<Utc>, who: impl Fn(Pays) -> bool) -> Result<()> {
    for (customer, id) in CUSTOMERS.iter().zip(&loaded.customers).filter(|(customer, _)| who(customer.pays)) {
        let account = SELLERS[customer.seller].account;
        for invoice in stack.list(&format!("/v1/invoices?customer={id}"))? {
            let status = text(&invoice, "/status");
            if status != "open" && status != "partly_paid" {
                continue;
            }
            let due: f64_free::Due = f64_free::Due::of(&invoice)?;
            match customer.pays {
                Pays::OnPage => pay_on_page(stack, account, &text(&invoice, "/id"))?,
                Pays::InPart if status == "partly_paid" => {}
                Pays::InPart => pay_by_webhook(stack, account, &invoice, due.half(), at)?,
                Pays::TooMuch => pay_by_webhook(stack, account, &invoice, due.and_a_tenth(), at)?,
                Pays::Late => pay_by_webhook(stack, account, &invoice, due.minor, at)?,
                Pays::ByMethod(_) | Pays::Never => {}
            }
        }
    }
    stack.settle_all()
}
