//! Reports as they are shown: rows of named figures.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use rust_decimal::{Decimal, RoundingStrategy};
use saldo_money::{Currency, Money, MoneyError, Rounding};
use serde::Serialize;

use super::{By, Cell, Days, Dimensions, Figure, ReportError, ReportName};
use crate::metrics::{Movement, presented};

/// Decimal places of a rate.
const RATE_PLACES: u32 = 4;

/// Recurring revenue on the eve of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Its currency.
    pub currency: Currency,
    /// What it is counted under.
    pub dimensions: Dimensions,
    /// How much it was; exact, not rounded.
    pub balance: Decimal,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which one.
    pub name: ReportName,
    /// The first day.
    pub from: NaiveDate,
    /// The last day, included.
    pub to: NaiveDate,
    /// What its rows stand for.
    pub by: By,
    /// The rows in which something is not zero, by currency and key.
    pub rows: Vec<Row>,
}

/// One row of a report: `{"key": "2026-10", "currency": "EUR", "net": {…}, …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The day `2026-10-31`, the month `2026-10`, or the value of the dimension.
    pub key: String,
    /// The currency of all amounts; rows of unlike currencies are never added.
    pub currency: Currency,
    /// The figures, each a field of the row.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The figures of a row, by report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Figures {
    /// Of the revenue report.
    Revenue(RevenueFigures),
    /// Of the tax report.
    Tax(TaxFigures),
    /// Of the report on refunds.
    Refunds(RefundFigures),
    /// Of the report on payments.
    Payments(PaymentFigures),
    /// Of the report on recurring revenue.
    Mrr(MrrFigures),
    /// Of the report on transaction values.
    Atv(AtvFigures),
}

/// What was invoiced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevenueFigures {
    /// Without tax.
    pub net: Money,
    /// The tax.
    pub tax: Money,
    /// With tax.
    pub total: Money,
}

/// Tax on what was invoiced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaxFigures {
    /// What the tax is on.
    pub net: Money,
    /// The tax.
    pub tax: Money,
}

/// What was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefundFigures {
    /// How much, tax included.
    pub refunded: Money,
}

/// How attempts to pay ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaymentFigures {
    /// Attempts that were decided (B12).
    pub attempts: u64,
    /// Those that took money.
    pub succeeded: u64,
    /// Those that were declined.
    pub failed: u64,
    /// Succeeded ÷ attempts, to four places; none without attempts.
    pub success_rate: Option<Decimal>,
    /// What was taken.
    pub captured: Money,
    /// Invoices of which an attempt was decided for the first time.
    pub invoices: u64,
    /// Those of them that were paid, then or later.
    pub invoices_paid: u64,
    /// Invoices paid ÷ invoices, to four places; none without invoices.
    pub invoice_success_rate: Option<Decimal>,
}

/// Monthly recurring revenue: opening + new + expansion + reactivation − contraction − churn = closing (B7), also to the
/// minor unit in which it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MrrFigures {
    /// Before the first day.
    pub opening: Money,
    /// By new customers.
    pub new: Money,
    /// By customers who had some.
    pub expansion: Money,
    /// By customers who had had some once.
    pub reactivation: Money,
    /// Lost of customers who keep some.
    pub contraction: Money,
    /// Lost with customers.
    pub churn: Money,
    /// After the last day.
    pub closing: Money,
}

/// The average transaction value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AtvFigures {
    /// Payments that took money.
    pub payments: u64,
    /// What they took.
    pub captured: Money,
    /// What was given back.
    pub refunded: Money,
    /// Captured ÷ payments; none without payments.
    pub average_gross: Option<Money>,
    /// Captured less refunded ÷ payments; none without payments.
    pub average_net: Option<Money>,
}

/// Sums of the cells that one row is made of.
#[derive(Debug, Clone, Default)]
struct Sums(BTreeMap<Figure, Decimal>);

impl Sums {
    fn add(&mut self, figure: Figure, amount: Decimal) -> Result<(), MoneyError> {
        let sum = self.0.entry(figure).or_default();
        *sum = sum.checked_add(amount).ok_or(MoneyError::Overflow)?;
        Ok(())
    }

    fn of(&self, figure: Figure) -> Decimal {
        self.0.get(&figure).copied().unwrap_or_default()
    }

    fn count(&self, figure: Figure) -> Result<u64, MoneyError> {
        u64::try_from(self.of(figure)).map_err(|_negative_or_huge| MoneyError::Overflow)
    }

    fn money(&self, figure: Figure, currency: Currency) -> Result<Money, MoneyError> {
        Money::try_new(self.of(figure), currency)
    }

    fn are_zero(&self) -> bool {
        self.0.values().all(Decimal::is_zero)
    }
}

/// Makes a report of the cells of its series. Cells of other days or figures are left out; the openings are those of
/// recurring revenue before the first day.
///
/// # Errors
/// When the report has no such dimension or amounts do not add up.
pub fn report(
    name: ReportName,
    by: By,
    days: Days,
    cells: impl IntoIterator<Item = (Cell, Decimal)>,
    openings: &[Opening],
) -> Result<Report, ReportError> {
    let (_, figures) = name.figures(by)?;
    let mut sums: BTreeMap<(Currency, String), Sums> = BTreeMap::new();
    for (cell, amount) in cells {
        if days.contains(cell.day) && figures.contains(&cell.figure) {
            let key = key(by, cell.day, &cell.dimensions);
            sums.entry((cell.currency, key)).or_default().add(cell.figure, amount)?;
        }
    }
    let rows = if name == ReportName::Mrr {
        recurring(by, days, sums, openings)?
    } else {
        let some = sums.into_iter().filter(|(_, sums)| !sums.are_zero());
        some.map(|((currency, key), sums)| Ok(Row { figures: plain(name, currency, &sums)?, key, currency }))
            .collect::<Result<_, MoneyError>>()?
    };
    Ok(Report { name, from: days.from(), to: days.to(), by, rows })
}

/// The row that something belongs to.
fn key(by: By, day: NaiveDate, dimensions: &Dimensions) -> String {
    match by {
        By::Day => day.to_string(),
        By::Month => month(day),
        By::Product | By::Region | By::Channel | By::Method | By::Gateway => {
            dimensions.value(by).unwrap_or(super::NONE).to_owned()
        }
    }
}

fn month(day: NaiveDate) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

fn plain(name: ReportName, currency: Currency, sums: &Sums) -> Result<Figures, MoneyError> {
    let money = |figure| sums.money(figure, currency);
    Ok(match name {
        ReportName::Revenue => {
            let (net, tax) = (money(Figure::Net)?, money(Figure::Tax)?);
            Figures::Revenue(RevenueFigures { net, tax, total: net.checked_add(tax)? })
        }
        ReportName::Tax => Figures::Tax(TaxFigures { net: money(Figure::Net)?, tax: money(Figure::Tax)? }),
        ReportName::Refunds => {
            let refunded = money(Figure::Refunded)?.checked_add(money(Figure::GivenBack)?)?;
            Figures::Refunds(RefundFigures { refunded })
        }
        ReportName::Payments => {
            let (succeeded, failed) = (sums.count(Figure::Succeeded)?, sums.count(Figure::Failed)?);
            let attempts = succeeded.saturating_add(failed);
            let (invoices, invoices_paid) = (sums.count(Figure::Invoices)?, sums.count(Figure::InvoicesPaid)?);
            Figures::Payments(PaymentFigures {
                attempts,
                succeeded,
                failed,
                success_rate: rate(succeeded, attempts),
                captured: money(Figure::Captured)?,
                invoices,
                invoices_paid,
                invoice_success_rate: rate(invoices_paid, invoices),
            })
        }
        ReportName::Atv => {
            let payments = sums.count(Figure::Succeeded)?;
            let (captured, refunded) = (money(Figure::Captured)?, money(Figure::GivenBack)?);
            let average_gross = average(captured, payments)?;
            let average_net = average(captured.checked_sub(refunded)?, payments)?;
            Figures::Atv(AtvFigures { payments, captured, refunded, average_gross, average_net })
        }
        ReportName::Mrr => Figures::Mrr(moved(currency, Decimal::ZERO, sums)?.0),
    })
}

fn rate(part: u64, whole: u64) -> Option<Decimal> {
    let share = Decimal::from(part).checked_div(Decimal::from(whole))?;
    Some(share.round_dp_with_strategy(RATE_PLACES, RoundingStrategy::MidpointAwayFromZero).normalize())
}

fn average(sum: Money, count: u64) -> Result<Option<Money>, MoneyError> {
    let Some(exact) = sum.amount().checked_div(Decimal::from(count)) else { return Ok(None) };
    Money::rounded(exact, sum.currency(), Rounding::HalfAwayFromZero).map(Some)
}

/// The rows of recurring revenue: each opens where the one before it closed.
fn recurring(
    by: By,
    days: Days,
    mut sums: BTreeMap<(Currency, String), Sums>,
    openings: &[Opening],
) -> Result<Vec<Row>, MoneyError> {
    let in_time = matches!(by, By::Day | By::Month);
    let mut balances: BTreeMap<(Currency, Option<String>), Decimal> = BTreeMap::new();
    for Opening { currency, dimensions, balance } in openings {
        let group = (!in_time).then(|| key(by, days.from(), dimensions));
        let sum = balances.entry((*currency, group)).or_default();
        *sum = sum.checked_add(*balance).ok_or(MoneyError::Overflow)?;
    }
    for (currency, key) in sums.keys() {
        balances.entry((*currency, (!in_time).then(|| key.clone()))).or_default();
    }
    let mut rows = Vec::new();
    for ((currency, group), mut balance) in balances {
        for key in group.map_or_else(|| keys_in_time(by, days), |group| BTreeSet::from([group])) {
            let moves = sums.remove(&(currency, key.clone())).unwrap_or_default();
            let (figures, closing) = moved(currency, balance, &moves)?;
            if !(balance.is_zero() && closing.is_zero() && moves.are_zero()) {
                rows.push(Row { key, currency, figures: Figures::Mrr(figures) });
            }
            balance = closing;
        }
    }
    Ok(rows)
}

fn keys_in_time(by: By, days: Days) -> BTreeSet<String> {
    let each_day = days.from().iter_days().take_while(|day| *day <= days.to());
    each_day.map(|day| if by == By::Month { month(day) } else { day.to_string() }).collect()
}

/// The movements from an opening balance on, and the exact balance after them. Balances are rounded, and a movement is shown
/// as the step between the rounded balances before and after it, so that what is shown adds up.
fn moved(currency: Currency, opening: Decimal, sums: &Sums) -> Result<(MrrFigures, Decimal), MoneyError> {
    let mut exact = opening;
    let mut step = |kind: Movement| {
        let before = presented(exact, currency)?;
        let amount = sums.of(Figure::Moved(kind));
        let moved = if kind.reduces() { exact.checked_sub(amount) } else { exact.checked_add(amount) };
        exact = moved.ok_or(MoneyError::Overflow)?;
        let after = presented(exact, currency)?;
        if kind.reduces() { before.checked_sub(after) } else { after.checked_sub(before) }
    };
    let figures = MrrFigures {
        opening: presented(opening, currency)?,
        new: step(Movement::New)?,
        expansion: step(Movement::Expansion)?,
        reactivation: step(Movement::Reactivation)?,
        contraction: step(Movement::Contraction)?,
        churn: step(Movement::Churn)?,
        closing: Money::zero(currency),
    };
    let closing = presented(exact, currency)?;
    Ok((MrrFigures { closing, ..figures }, exact))
}
