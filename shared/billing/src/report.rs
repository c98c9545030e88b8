//! Reports: what the books come to by day, currency and dimension.
//!
//! A report is a sum of *contributions*, and each contribution belongs to one thing in the books: a [`Sale`] (an invoice
//! with the payments made for it) or a [`Recurring`] (a subscription). Both are small extracts of what reports need to
//! know, and what they contribute is computed from them alone. So a report can follow its things one by one, taking back
//! what a thing contributed before and adding what it contributes now, and it is the same as if it were made anew.
//!
//! Days of invoices are those of the seller's zone, days of subscriptions those of the customer's, both as the books
//! themselves have them. Days of payments are UTC days: providers settle by them, and not every payment has a seller.
//! Amounts of unlike currencies never meet.

mod cell;
mod name;
mod recurring;
mod rows;
mod sale;
mod sold;

pub use self::cell::{Cell, Contributions, Dimensions, Figure, Series};
pub use self::name::{By, Days, MAX_DAYS, ReportError, ReportName, UnknownReport};
pub use self::recurring::Recurring;
pub use self::rows::{
    AtvFigures, Figures, MrrFigures, Opening, PaymentFigures, RefundFigures, Report, RevenueFigures, Row, TaxFigures,
    report,
};
pub use self::sale::{Sale, SaleId};
pub use self::sold::Sold;

/// What a dimension says of something that has none of its values.
pub const NONE: &str = "none";
/// What a dimension says of what is too much to be told one by one.
pub const OTHER: &str = "other";

/// The longest value of a dimension, in characters; longer ones are cut.
const MAX_VALUE: usize = 64;

/// A value as dimensions have it: never empty, never long.
fn value(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() { NONE.to_owned() } else { text.chars().take(MAX_VALUE).collect() }
}

#[cfg(test)]
mod tests;
