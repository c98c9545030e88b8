//! Cells as numbers in items, and back.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use saldo_billing::metrics::Movement;
use saldo_billing::report::{Cell, Contributions, Dimensions, Figure, Opening, Series};
use saldo_money::MoneyError;
use saldo_store::{AttributeValue, Item, Key};

/// The partition of the yearly sums of recurring revenue.
pub(super) const YEARS: &str = "RECURRING#YEARS";
const YEAR_SUM: &str = "sum";

/// What is to be added to which numbers of which items.
pub(super) type Sums = BTreeMap<Key, BTreeMap<String, Decimal>>;

/// The partition of a series.
pub(super) const fn partition(series: Series) -> &'static str {
    match series {
        Series::Sales => "SALES",
        Series::Payments => "PAYMENTS",
        Series::Recurring => "RECURRING",
    }
}

/// The first day of the half-month that a day is in, with which its items begin.
pub(super) fn half_month(day: NaiveDate) -> NaiveDate {
    day.with_day(if day.day() < 16 { 1 } else { 16 }).unwrap_or(day)
}

/// The letter of a figure in its series.
const fn letter(figure: Figure) -> char {
    match figure {
        Figure::Net => 'n',
        Figure::Tax => 't',
        Figure::Refunded => 'r',
        Figure::Captured => 'c',
        Figure::Succeeded => 's',
        Figure::Failed => 'f',
        Figure::GivenBack => 'b',
        Figure::Invoices => 'i',
        Figure::InvoicesPaid => 'p',
        Figure::Moved(Movement::New) => 'n',
        Figure::Moved(Movement::Expansion) => 'e',
        Figure::Moved(Movement::Reactivation) => 'r',
        Figure::Moved(Movement::Contraction) => 'c',
        Figure::Moved(Movement::Churn) => 'x',
    }
}

/// Adds what contributions mean for items to `sums`.
pub(super) fn add(sums: &mut Sums, contributions: &Contributions) -> Result<(), MoneyError> {
    for (cell, amount) in contributions.iter() {
        let under = format!("{}#{}", cell.currency, dimensions_text(&cell.dimensions));
        let key = Key::new(partition(cell.figure.series()), format!("{}#{under}", half_month(cell.day)));
        add_one(sums, key, format!("{}{:02}", letter(cell.figure), cell.day.day()), amount)?;
        if let Figure::Moved(how) = cell.figure {
            let signed = if how.reduces() { Decimal::ZERO.checked_sub(amount) } else { Some(amount) };
            let key = Key::new(YEARS, format!("{:04}#{under}", cell.day.year()));
            add_one(sums, key, YEAR_SUM.to_owned(), signed.ok_or(MoneyError::Overflow)?)?;
        }
    }
    Ok(())
}

/// Adds to one number; numbers and items of which nothing is left are left out.
pub(super) fn add_one(sums: &mut Sums, key: Key, attribute: String, amount: Decimal) -> Result<(), MoneyError> {
    let item = sums.entry(key.clone()).or_default();
    let sum = item.get(&attribute).map_or(Some(amount), |before| before.checked_add(amount));
    let sum = sum.ok_or(MoneyError::Overflow)?;
    if sum.is_zero() {
        item.remove(&attribute);
    } else {
        item.insert(attribute, sum);
    }
    if item.is_empty() {
        sums.remove(&key);
    }
    Ok(())
}

/// The cells of an item of a series; `None` when it is no such item.
pub(super) fn read(series: Series, item: &Item) -> Option<Vec<(Cell, Decimal)>> {
    let key = Key::of(item)?;
    let (first_day, under) = key.sk.split_once('#')?;
    let first_day: NaiveDate = first_day.parse().ok()?;
    let (currency, dimensions) = under.split_once('#')?;
    let (currency, dimensions) = (currency.parse().ok()?, dimensions_of(series, dimensions)?);
    let mut cells = Vec::with_capacity(item.len());
    for (name, value) in item.iter() {
        let Some((figure, day)) = number_name(series, name, first_day) else { continue };
        cells.push((Cell { day, currency, dimensions: dimensions.clone(), figure }, number(value)?));
    }
    Some(cells)
}

/// A year's sum of recurring revenue; `None` when the item is none.
pub(super) fn read_year(item: &Item) -> Option<Opening> {
    let key = Key::of(item)?;
    let mut parts = key.sk.splitn(3, '#').skip(1);
    let currency = parts.next()?.parse().ok()?;
    let dimensions = dimensions_of(Series::Recurring, parts.next()?)?;
    Some(Opening { currency, dimensions, balance: number(item.get(YEAR_SUM)?)? })
}

fn number(value: &AttributeValue) -> Option<Decimal> {
    let AttributeValue::N(digits) = value else { return None };
    digits.parse().or_else(|_plain| Decimal::from_scientific(digits)).ok()
}

/// What a number's name says: `n07` is the net of the 7th. Other attributes are none of the cells.
fn number_name(series: Series, name: &str, first_day: NaiveDate) -> Option<(Figure, NaiveDate)> {
    let (head, day) = name.split_at_checked(1)?;
    let figure = Figure::ALL.into_iter().find(|figure| figure.series() == series && head.chars().eq([letter(*figure)]));
    Some((figure?, first_day.with_day(day.parse().ok()?)?))
}

fn dimensions_text(dimensions: &Dimensions) -> String {
    match dimensions {
        Dimensions::Sold { region, channel, product } => [region, channel, product].map(|text| escape(text)).join("#"),
        Dimensions::Paid { gateway, method } => [gateway, method].map(|text| escape(text)).join("#"),
    }
}

fn dimensions_of(series: Series, text: &str) -> Option<Dimensions> {
    let parts: Vec<String> = text.split('#').map(unescape).collect();
    match (series, <[String; 3]>::try_from(parts.clone()), <[String; 2]>::try_from(parts)) {
        (Series::Sales | Series::Recurring, Ok([region, channel, product]), _) => {
            Some(Dimensions::Sold { region, channel, product })
        }
        (Series::Payments, _, Ok([gateway, method])) => Some(Dimensions::Paid { gateway, method }),
        (Series::Sales | Series::Payments | Series::Recurring, _, _) => None,
    }
}

/// Regions and channels are people's own words, which may have the sign that parts keys.
fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('#', "%23")
}

fn unescape(text: &str) -> String {
    text.replace("%23", "#").replace("%25", "%")
}
