//! The cells that reports are sums of.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use saldo_money::{Currency, MoneyError};

use super::By;
use crate::metrics::Movement;

/// A number that reports keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Figure {
    /// Net of what was invoiced, less what was voided.
    Net,
    /// Tax on it.
    Tax,
    /// What was given back of it, tax included.
    Refunded,
    /// What payments took, before refunds.
    Captured,
    /// Attempts that took money.
    Succeeded,
    /// Attempts that were declined.
    Failed,
    /// What payments gave back.
    GivenBack,
    /// Invoices of which an attempt was decided for the first time.
    Invoices,
    /// Those of them that a payment paid, whenever.
    InvoicesPaid,
    /// How monthly recurring revenue moved; never negative as a whole, the kind tells the direction.
    Moved(Movement),
}

/// Figures that are kept together, by the same dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Series {
    /// What was invoiced, by region, channel and product.
    Sales,
    /// What was paid, by gateway and method.
    Payments,
    /// Monthly recurring revenue, by region, channel and product.
    Recurring,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Self; 14] = [
        Self::Net,
        Self::Tax,
        Self::Refunded,
        Self::Captured,
        Self::Succeeded,
        Self::Failed,
        Self::GivenBack,
        Self::Invoices,
        Self::InvoicesPaid,
        Self::Moved(Movement::New),
        Self::Moved(Movement::Expansion),
        Self::Moved(Movement::Reactivation),
        Self::Moved(Movement::Contraction),
        Self::Moved(Movement::Churn),
    ];

    /// With which it is kept.
    #[must_use]
    pub const fn series(self) -> Series {
        match self {
            Self::Net | Self::Tax | Self::Refunded => Series::Sales,
            Self::Captured | Self::Succeeded | Self::Failed | Self::GivenBack | Self::Invoices | Self::InvoicesPaid => {
                Series::Payments
            }
            Self::Moved(_) => Series::Recurring,
        }
    }
}

/// What something is counted under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimensions {
    /// Of what is sold.
    Sold {
        /// The customer's region.
        region: String,
        /// The customer's channel.
        channel: String,
        /// The product's id.
        product: String,
    },
    /// Of what is paid.
    Paid {
        /// The provider account, `stripe/main`.
        gateway: String,
        /// The kind of method, in the provider's word.
        method: String,
    },
}

impl Dimensions {
    /// The value of one dimension, when it is one of these.
    #[must_use]
    pub fn value(&self, by: By) -> Option<&str> {
        match (self, by) {
            (Self::Sold { region, .. }, By::Region) => Some(region),
            (Self::Sold { channel, .. }, By::Channel) => Some(channel),
            (Self::Sold { product, .. }, By::Product) => Some(product),
            (Self::Paid { gateway, .. }, By::Gateway) => Some(gateway),
            (Self::Paid { method, .. }, By::Method) => Some(method),
            (Self::Sold { .. }, By::Day | By::Month | By::Method | By::Gateway)
            | (Self::Paid { .. }, By::Day | By::Month | By::Product | By::Region | By::Channel) => None,
        }
    }
}

/// Where a number is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The day it belongs to.
    pub day: NaiveDate,
    /// Its currency; counts have one too, that of the money they are about.
    pub currency: Currency,
    /// What it is counted under.
    pub dimensions: Dimensions,
    /// Which number it is.
    pub figure: Figure,
}

/// What something adds to reports, by cell; nothing that is zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contributions(BTreeMap<Cell, Decimal>);

impl Contributions {
    /// Adds to a cell.
    ///
    /// # Errors
    /// When the sum has no room.
    pub fn add(&mut self, cell: Cell, amount: Decimal) -> Result<(), MoneyError> {
        let sum = self.0.get(&cell).map_or(Some(amount), |before| before.checked_add(amount));
        let sum = sum.ok_or(MoneyError::Overflow)?;
        if sum.is_zero() {
            self.0.remove(&cell);
        } else {
            self.0.insert(cell, sum);
        }
        Ok(())
    }

    /// What must be added to `before` to make this of it.
    ///
    /// # Errors
    /// When a difference has no room.
    pub fn since(mut self, before: Self) -> Result<Self, MoneyError> {
        for (cell, amount) in before.0 {
            self.add(cell, Decimal::ZERO.checked_sub(amount).ok_or(MoneyError::Overflow)?)?;
        }
        Ok(self)
    }

    /// Whether nothing is added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is added, in the order of cells.
    pub fn iter(&self) -> impl Iterator<Item = (&Cell, Decimal)> {
        self.0.iter().map(|(cell, amount)| (cell, *amount))
    }
}
