//! Reports: counted as the books change, and read without looking at history.
//!
//! The reports table holds two kinds of items:
//!
//! | partition | sort key | what |
//! |---|---|---|
//! | `COUNTED#inv_…`, `COUNTED#pay_…` | `SALE` | what was counted of an invoice and its payments, or of a payment without invoice |
//! | `COUNTED#sub_…` | `RECURRING` | what was counted of a subscription |
//! | `SALES` | `2026-10-16#EUR#region#channel#product` | net, tax and refunds of half a month |
//! | `PAYMENTS` | `2026-10-16#EUR#gateway#method` | attempts, captures, refunds of half a month |
//! | `RECURRING` | `2026-10-16#EUR#region#channel#product` | movements of half a month |
//! | `RECURRING#YEARS` | `2026#EUR#region#channel#product` | the sum of a year's movements |
//!
//! An item of a half-month has one number for each day and figure, `n07` for the net of the 7th, so it stays within one or
//! two write units whatever is sold, and a year of reports is a few hundred small items. Sort keys begin with the first day,
//! so a report reads its own days and nothing else; the balance of recurring revenue before them comes from one item a year.
//!
//! A change in the books only says *where* to look ([`Hint`]). [`apply()`] compares what is in the books now with what was
//! counted, and writes the difference and the new record in one transaction, conditional on the record being as it was
//! read. So hints may come twice, late, in any order or not at all: the next one about the same thing makes it right, and
//! [`rebuild()`] is a walk over everything with hints that say nothing. A change that reports do not care about, such as an
//! open invoice that is paid, costs reads and no write; a payment that pays an invoice costs the record of its sale and one
//! item of the payments series, four write units.

mod apply;
mod cells;
mod plan;
mod query;
mod rebuild;
mod record;
mod subject;

pub use self::apply::{Refused, apply};
pub use self::query::{QueryError, query};
pub use self::rebuild::{Place, Rebuilt, rebuild};
pub use self::subject::{Hint, Subject};

#[cfg(test)]
mod tests;
