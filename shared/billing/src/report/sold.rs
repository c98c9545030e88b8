//! What an invoice sold, by product.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use saldo_money::{Currency, Money, MoneyError};

use super::{Dimensions, NONE, OTHER, value};
use crate::invoice::Document;
use crate::tax::TaxRate;

/// Products of one invoice that are told one by one; the smaller ones beyond are told together. It bounds what one
/// invoice can change, and with it the transaction that does.
const MAX_PRODUCTS: usize = 20;

/// What an invoice sold where, by product: fixed when it is finalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    region: String,
    channel: String,
    products: BTreeMap<String, Part>,
}

/// What one product has of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) net: Money,
    pub(super) tax: Money,
}

impl Part {
    fn plus(self, net: Money, tax: Money) -> Result<Self, MoneyError> {
        Ok(Self { net: self.net.checked_add(net)?, tax: self.tax.checked_add(tax)? })
    }

    fn total(&self) -> Result<Money, MoneyError> {
        self.net.checked_add(self.tax)
    }
}

impl Sold {
    /// Nothing that is known: what is paid without an invoice.
    #[must_use]
    pub fn unknown() -> Self {
        Self { region: NONE.to_owned(), channel: NONE.to_owned(), products: BTreeMap::new() }
    }

    /// What the lines of a document sold.
    ///
    /// The tax of a rate is rounded once for all its lines; here each line gets what the running sum of tax grows by, so
    /// that products lose nothing of it, also with lines below zero. Where the price includes the tax, it is the line's own.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn of(document: &Document, currency: Currency) -> Result<Self, MoneyError> {
        let zero = Money::zero(currency);
        let mut running: BTreeMap<TaxRate, (Money, Money)> = BTreeMap::new();
        let mut products: BTreeMap<String, Part> = BTreeMap::new();
        for line in &document.lines {
            let share = if let Some(gross) = line.gross {
                gross.checked_sub(line.net)?
            } else {
                let (base, taxed) = running.entry(line.tax_rate).or_insert((zero, zero));
                *base = base.checked_add(line.net)?;
                let tax = line.tax_rate.tax_on(*base)?;
                let share = tax.checked_sub(*taxed)?;
                *taxed = tax;
                share
            };
            let product = line.product.map_or_else(|| NONE.to_owned(), |product| product.to_string());
            let part = products.entry(product).or_insert(Part { net: zero, tax: zero });
            *part = part.plus(line.net, share)?;
        }
        let products = with_fewer(products)?;
        Ok(Self { region: value(&document.region), channel: value(&document.channel), products })
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = (&str, Part)> {
        self.products.iter().map(|(product, part)| (product.as_str(), *part))
    }

    pub(super) fn dimensions(&self, product: &str) -> Dimensions {
        let (region, channel) = (self.region.clone(), self.channel.clone());
        Dimensions::Sold { region, channel, product: product.to_owned() }
    }

    /// Shares an amount with tax among the products by what each had of the invoice; nothing is lost.
    pub(super) fn share(&self, amount: Money) -> Result<Vec<(&str, Money)>, MoneyError> {
        let weights = self.products.values().map(|part| {
            let total = part.total()?.max(Money::zero(amount.currency()))?.to_minor()?;
            u64::try_from(total).ok().ok_or(MoneyError::Overflow)
        });
        let weights = weights.collect::<Result<Vec<_>, _>>()?;
        if weights.iter().all(|weight| *weight == 0) {
            return Ok(vec![(NONE, amount)]);
        }
        let products = self.products.keys().map(String::as_str);
        Ok(products.zip(amount.allocate(&weights)?).collect())
    }
}

/// Puts the smallest products together where there are too many.
fn with_fewer(products: BTreeMap<String, Part>) -> Result<BTreeMap<String, Part>, MoneyError> {
    if products.len() <= MAX_PRODUCTS {
        return Ok(products);
    }
    let mut parts: Vec<(Decimal, String, Part)> = Vec::with_capacity(products.len());
    for (product, part) in products {
        parts.push((part.total()?.amount().abs(), product, part));
    }
    parts.sort_by(|(left, left_product, _), (right, right_product, _)| {
        right.cmp(left).then_with(|| left_product.cmp(right_product))
    });
    let mut fewer = BTreeMap::new();
    for (place, (_, product, part)) in parts.into_iter().enumerate() {
        let product = if place < MAX_PRODUCTS.saturating_sub(1) { product } else { OTHER.to_owned() };
        let sum = match fewer.get(&product).copied() {
            Some(Part { net, tax }) => part.plus(net, tax)?,
            None => part,
        };
        fewer.insert(product, sum);
    }
    Ok(fewer)
}
