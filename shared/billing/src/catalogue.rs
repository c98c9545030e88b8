//! What is sold: products, and what they cost at which interval.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use saldo_money::Currency;
use serde::{Deserialize, Serialize};

use crate::id::{PriceId, ProductId};
use crate::period::Interval;
use crate::tax::{TaxBehavior, TaxRate};

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Its name, as invoices and reports show it.
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// What one unit of a product costs for one interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Its id.
    pub id: PriceId,
    /// What is sold.
    pub product: ProductId,
    /// In which currency.
    pub currency: Currency,
    /// Per unit and interval; may be finer than the currency's minor unit, the line is what gets rounded.
    pub unit_amount: Decimal,
    /// How often it is due.
    pub interval: Interval,
    /// The tax on it.
    pub tax_rate: TaxRate,
    /// Whether that is in it.
    #[serde(default, skip_serializing_if = "TaxBehavior::is_exclusive")]
    pub tax_behavior: TaxBehavior,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}
