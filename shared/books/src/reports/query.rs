//! Reading reports.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use saldo_billing::metrics::Movement;
use saldo_billing::report::{By, Cell, Days, Figure, Opening, Report, ReportError, ReportName, Series, report};
use saldo_messages::{Disposed, Disposition};
use saldo_money::{Currency, MoneyError};
use saldo_store::{Item, Key, MAX_PAGE, Query, Range, Store, StoreError, Table};

use super::cells;

/// Why a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no such report, or its amounts do not add up.
    #[error("the report cannot be made")]
    Report(#[from] ReportError),
    /// The reports could not be read.
    #[error("the reports could not be read")]
    Read(#[from] StoreError),
    /// Something else is among the reports.
    #[error("{key} of the reports table is none of its items")]
    Item {
        /// What was found.
        key: Key,
    },
}

impl Disposed for QueryError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read(error) => error.disposition(),
            Self::Report(_) | Self::Item { .. } => Disposition::Poison,
        }
    }
}

/// The report `name` on these days, in all currencies or in one.
///
/// Reads the items of the days asked for, a thousand in one query; recurring revenue also reads its own year up to them and
/// one item for each year before.
///
/// # Errors
/// When the report has no such dimension, or cannot be read.
pub async fn query(
    store: &dyn Store,
    name: ReportName,
    by: By,
    days: Days,
    currency: Option<Currency>,
) -> Result<Report, QueryError> {
    let (series, _) = name.figures(by)?;
    let is_wanted = |found: Currency| currency.is_none_or(|wanted| wanted == found);
    let new_year = NaiveDate::from_ymd_opt(days.from().year(), 1, 1).unwrap_or(days.from());
    let first = if series == Series::Recurring { new_year } else { days.from() };
    let (mut found, mut openings) = (Vec::new(), Vec::new());
    for item in items(store, cells::partition(series), range(first, days.to())).await? {
        for (cell, amount) in cells::read(series, &item).ok_or_else(|| unknown(&item))? {
            if !is_wanted(cell.currency) {
                continue;
            }
            if cell.day >= days.from() {
                found.push((cell, amount));
            } else if series == Series::Recurring {
                openings.push(moved(cell, amount).map_err(ReportError::Money)?);
            }
        }
    }
    if series == Series::Recurring {
        let years_before = Range::Before(format!("{:04}", new_year.year()));
        for item in items(store, cells::YEARS, years_before).await? {
            let opening = cells::read_year(&item).ok_or_else(|| unknown(&item))?;
            openings.extend(Some(opening).filter(|opening| is_wanted(opening.currency)));
        }
    }
    Ok(report(name, by, days, found, &openings)?)
}

/// What a movement before the first day adds to the balance on it.
fn moved(cell: Cell, amount: Decimal) -> Result<Opening, MoneyError> {
    let reduces = matches!(cell.figure, Figure::Moved(Movement::Contraction | Movement::Churn));
    let balance = if reduces { Decimal::ZERO.checked_sub(amount) } else { Some(amount) };
    let balance = balance.ok_or(MoneyError::Overflow)?;
    Ok(Opening { currency: cell.currency, dimensions: cell.dimensions, balance })
}

/// The sort keys of the half-months from that of one day to that of another; `$` is the sign after `#`.
fn range(first: NaiveDate, last: NaiveDate) -> Range {
    Range::Between(cells::half_month(first).to_string(), format!("{}$", cells::half_month(last)))
}

async fn items(store: &dyn Store, partition: &str, range: Range) -> Result<Vec<Item>, StoreError> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let query = Query::table(Table::Reports, partition).range(range.clone()).limit(MAX_PAGE).after(after);
        let page = store.query(query).await?;
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(items);
        }
    }
}

fn unknown(item: &Item) -> QueryError {
    QueryError::Item { key: Key::of(item).unwrap_or_else(|| Key::new("?", "?")) }
}
