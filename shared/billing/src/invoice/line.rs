//! The lines of an invoice and what they add up to.

use rust_decimal::Decimal;
use saldo_money::{Currency, Money, MoneyError, Rounding};
use serde::{Deserialize, Serialize};
use serde_with::{As, DisplayFromStr};

use crate::id::{PriceId, ProductId, SubscriptionId};
use crate::period::Period;
use crate::tax::{TaxBehavior, TaxRate, TaxSum, Taxed, tax_sums};

/// The most lines that one invoice can have.
pub const MAX_LINES: usize = 5_000;
/// The longest description of a line, in characters.
pub const MAX_DESCRIPTION: usize = 500;

/// Where a line comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum LineOrigin {
    /// Written by hand.
    Manual,
    /// A subscription's price for a period.
    Price {
        /// Which price.
        price: PriceId,
        /// Of which subscription.
        subscription: SubscriptionId,
        /// For which period.
        period: Period,
    },
}

/// One line of an invoice; its net is rounded once, here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is for, in words.
    pub description: String,
    /// How much of it.
    pub quantity: Decimal,
    /// What one costs, net, or gross where the line has a gross; may be finer than the minor unit.
    pub unit_amount: Decimal,
    /// What the line comes to, net.
    pub net: Money,
    /// What it comes to with its tax, where the price includes that: untouched by any rounding of the net.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gross: Option<Money>,
    /// The tax on it.
    pub tax_rate: TaxRate,
    /// The product it counts for in reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductId>,
    /// Where it comes from.
    pub origin: LineOrigin,
}

/// Why a line or a set of lines cannot be invoiced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// There is nothing to invoice.
    #[error("expected at least one line, found none")]
    NoLines,
    /// More than an invoice can hold.
    #[error("expected at most {MAX_LINES} lines, found {found}")]
    TooMany {
        /// How many were given.
        found: usize,
    },
    /// Nothing to read, or a novel.
    #[error("lines[{line}].description: expected 1 to {MAX_DESCRIPTION} characters, found {found}")]
    Description {
        /// Which line, counted from 0.
        line: usize,
        /// How many characters were given.
        found: usize,
    },
    /// The line's amount cannot be money.
    #[error("lines[{line}]: quantity times unit amount is no amount of money")]
    Amount {
        /// Which line, counted from 0.
        line: usize,
        /// Why.
        #[source]
        source: MoneyError,
    },
    /// The lines do not add up to money.
    #[error("the lines do not add up to an amount of money")]
    Total(#[source] MoneyError),
    /// The seller would owe the customer.
    #[error("expected a total of zero or more, found {total}")]
    Negative {
        /// What the lines come to.
        total: Money,
    },
}

impl Line {
    /// The net of `quantity` units, rounded half away from zero.
    ///
    /// # Errors
    /// When the product leaves what money can hold.
    pub fn net_of(quantity: Decimal, unit_amount: Decimal, currency: Currency) -> Result<Money, MoneyError> {
        let exact = quantity.checked_mul(unit_amount).ok_or(MoneyError::Overflow)?;
        Money::rounded(exact, currency, Rounding::HalfAwayFromZero)
    }

    /// Net, and gross where the tax is included, of a line that comes to this amount.
    ///
    /// # Errors
    /// When the amount leaves what money can hold.
    pub fn amounts(amount: Money, rate: TaxRate, behavior: TaxBehavior) -> Result<(Money, Option<Money>), MoneyError> {
        match behavior {
            TaxBehavior::Exclusive => Ok((amount, None)),
            TaxBehavior::Inclusive => Ok((rate.split_gross(amount)?.0, Some(amount))),
        }
    }

    /// Whether the tax is in its price.
    #[must_use]
    pub const fn tax_behavior(&self) -> TaxBehavior {
        if self.gross.is_some() { TaxBehavior::Inclusive } else { TaxBehavior::Exclusive }
    }
}

/// What an invoice's lines come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TotalsFields", into = "TotalsFields")]
pub struct Totals {
    /// The sum of the nets.
    pub net: Money,
    /// The sum of the taxes.
    pub tax: Money,
    /// Net and tax.
    pub total: Money,
}

/// Totals as they are kept: what follows from the rest is left out, for what is kept costs by its size.
#[derive(Serialize, Deserialize)]
struct TotalsFields {
    #[serde(with = "As::<DisplayFromStr>")]
    net: Money,
    #[serde(with = "As::<DisplayFromStr>")]
    tax: Money,
}

impl From<Totals> for TotalsFields {
    fn from(Totals { net, tax, total: _ }: Totals) -> Self {
        Self { net, tax }
    }
}

impl TryFrom<TotalsFields> for Totals {
    type Error = MoneyError;

    fn try_from(TotalsFields { net, tax }: TotalsFields) -> Result<Self, MoneyError> {
        Ok(Self { net, tax, total: net.checked_add(tax)? })
    }
}

/// Adds the lines up, tax per rate.
///
/// # Errors
/// When there are no or too many lines, a description is empty or too long, or the total is negative or no money.
pub fn add_up(lines: &[Line], currency: Currency) -> Result<(Totals, Vec<TaxSum>), LineError> {
    if lines.is_empty() {
        return Err(LineError::NoLines);
    }
    if lines.len() > MAX_LINES {
        return Err(LineError::TooMany { found: lines.len() });
    }
    for (line, entry) in lines.iter().enumerate() {
        let found = entry.description.chars().count();
        if found > MAX_DESCRIPTION || entry.description.trim().is_empty() {
            return Err(LineError::Description { line, found });
        }
    }
    let taxed = lines.iter().map(|line| Taxed { rate: line.tax_rate, net: line.net, gross: line.gross });
    let taxes = tax_sums(taxed, currency).map_err(LineError::Total)?;
    let net = Money::sum(taxes.iter().map(|sum| sum.base), currency).map_err(LineError::Total)?;
    let tax = Money::sum(taxes.iter().map(|sum| sum.tax), currency).map_err(LineError::Total)?;
    let total = net.checked_add(tax).map_err(LineError::Total)?;
    if total.is_negative() {
        return Err(LineError::Negative { total });
    }
    Ok((Totals { net, tax, total }, taxes))
}
