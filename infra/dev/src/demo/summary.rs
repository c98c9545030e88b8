//! What the quarter came to, as the API tells it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use chrono::{Days, Months, NaiveDate};
use local_stack::LocalStack;
use saldo_money::{Currency, Money};
use serde_json::Value;

use super::at_once;
use super::load::text;
use crate::console::Console;

/// Amounts by row and currency.
type Table = BTreeMap<String, BTreeMap<String, String>>;

/// Prints invoices, payments, mail, revenue and recurring revenue.
pub(super) fn show(console: &Console, stack: &LocalStack, first: NaiveDate) -> Result<()> {
    let last = first.checked_add_months(Months::new(3)).and_then(|next| next.checked_sub_days(Days::new(1)));
    let last = last.context("the calendar")?;
    let invoices = stack.list("/v1/invoices")?;
    console.line("");
    console.line(&format!("  The quarter from {first} to {last}"));
    console.line(&format!("  invoices    {}", counted(&invoices, "/status")?));
    let of_each = at_once(&invoices, |invoice| {
        let id = text(invoice, "/id")?;
        Ok((stack.list(&format!("/v1/payments?invoice={id}"))?, stack.list(&format!("/v1/invoices/{id}/mails"))?))
    })?;
    let (payments, mails): (Vec<_>, Vec<_>) = of_each.into_iter().unzip();
    let (payments, mut mails): (Vec<Value>, Vec<Value>) =
        (payments.into_iter().flatten().collect(), mails.into_iter().flatten().collect());
    console.line(&format!("  payments    {}", counted(&payments, "/status")?));
    console.line(&format!("  taken       {}", joined(&sums(&payments, "/amount_captured")?)));
    console.line(&format!("  given back  {}", joined(&sums(&payments, "/amount_refunded")?)));
    console.line(&format!("  disputed    {} lost", joined(&sums(&payments, "/amount_lost")?)));
    for mail in &mut mails {
        // Of `reminder/overdue_7` and the like, the first word says what kind it is.
        let purpose = text(mail, "/purpose")?;
        if let Some(kind) = mail.pointer_mut("/purpose") {
            *kind = Value::from(purpose.split('/').next());
        }
    }
    console.line(&format!("  mails       {}", counted(&mails, "/purpose")?));
    console.line(&format!("              to be read at {}/_ministack/ses/messages", stack.stack().endpoint));

    settle_reports(stack, &invoices, first, last)?;
    let products = stack.list("/v1/products")?;
    let names: BTreeMap<String, String> =
        products.iter().map(|product| Ok((text(product, "/id")?, text(product, "/name")?))).collect::<Result<_>>()?;
    for by in ["product", "region", "channel"] {
        let table = report(stack, "revenue", by, "net", first, last)?;
        print(console, &format!("net revenue by {by}"), table, &names);
    }
    print(console, "MRR at the end of each month", report(stack, "mrr", "month", "closing", first, last)?, &names);

    let paid = invoices.iter().find(|invoice| invoice.pointer("/status").and_then(Value::as_str) == Some("paid"));
    if let Some(paid) = paid {
        let link = stack.get(&format!("/v1/invoices/{}/pdf", text(paid, "/id")?))?;
        console.line("");
        console.line(&format!("  an invoice  {}", text(&link, "/url")?));
    }
    Ok(())
}

/// Waits until the reports have taken in what the stream brings: the tax of all invoices is known beforehand.
fn settle_reports(stack: &LocalStack, invoices: &[Value], first: NaiveDate, last: NaiveDate) -> Result<()> {
    let invoiced = sums(invoices, "/tax")?;
    stack.eventually("the reports to take in all invoices", || {
        let rows = rows(stack, "tax", "region", first, last)?;
        let reported = sums(&rows, "/tax")?;
        Ok(invoiced.iter().all(|(currency, tax)| tax.is_zero() || reported.get(currency) == Some(tax)))
    })
}

fn rows(stack: &LocalStack, name: &str, by: &str, first: NaiveDate, last: NaiveDate) -> Result<Vec<Value>> {
    let report = stack.get(&format!("/v1/reports/{name}?from={first}&to={last}&by={by}"))?;
    report.pointer("/rows").and_then(Value::as_array).cloned().with_context(|| format!("no rows in {report}"))
}

fn report(stack: &LocalStack, name: &str, by: &str, figure: &str, first: NaiveDate, last: NaiveDate) -> Result<Table> {
    let mut table = Table::new();
    for row in rows(stack, name, by, first, last)? {
        let Some(amount) = row.get(figure) else { continue };
        let (key, currency) = (text(&row, "/key")?, text(&row, "/currency")?);
        table.entry(key).or_default().insert(currency, text(amount, "/amount")?);
    }
    Ok(table)
}

fn counted(things: &[Value], place: &str) -> Result<String> {
    let mut counts = BTreeMap::<String, usize>::new();
    for thing in things {
        let count = counts.entry(text(thing, place)?).or_default();
        *count = count.saturating_add(1);
    }
    let each: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    Ok(format!("{} ({})", things.len(), each.join(", ")))
}

fn sums(things: &[Value], place: &str) -> Result<BTreeMap<Currency, Money>> {
    let mut sums = BTreeMap::<Currency, Money>::new();
    for thing in things {
        let Some(amount) = thing.pointer(place).filter(|amount| !amount.is_null()) else { continue };
        let amount: Money = serde_json::from_value(amount.clone())?;
        let sum = sums.entry(amount.currency()).or_insert_with(|| Money::zero(amount.currency()));
        *sum = sum.checked_add(amount)?;
    }
    Ok(sums)
}

fn joined(sums: &BTreeMap<Currency, Money>) -> String {
    sums.values().filter(|sum| !sum.is_zero()).map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn print(console: &Console, title: &str, table: Table, names: &BTreeMap<String, String>) {
    let currencies: Vec<String> = table
        .values()
        .flat_map(BTreeMap::keys)
        .cloned()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    console.line("");
    let heads: String = currencies.iter().map(|currency| format!("{currency:>14}")).collect();
    console.line(&format!("  {title:<30}{heads}"));
    for (key, amounts) in table {
        let amount = |currency: &String| format!("{:>14}", amounts.get(currency).map_or("–", String::as_str));
        let cells: String = currencies.iter().map(amount).collect();
        console.line(&format!("  {:<30}{cells}", names.get(&key).unwrap_or(&key)));
    }
}
