//! What can be asked: which report, by what, of which days.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use saldo_money::MoneyError;
use serde::{Deserialize, Serialize};

use super::{Figure, Series};
use crate::metrics::Movement;

/// The most days that one report covers: ten years.
pub const MAX_DAYS: u32 = 3_660;

macro_rules! names {
    ($(#[$doc:meta])* $type:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $type {
            /// Every one, in the order in which they are named to people.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in addresses and JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = UnknownReport;

            fn from_str(text: &str) -> Result<Self, UnknownReport> {
                Self::ALL.iter().copied().find(|one| one.name() == text).ok_or_else(|| UnknownReport {
                    what: $what,
                    expected: Self::ALL.iter().map(|one| one.name()).collect::<Vec<_>>().join(", "),
                    found: text.chars().take(40).collect(),
                })
            }
        }
    };
}

names! {
    /// A report.
    ReportName, "a report" {
        /// What was invoiced, net of tax, on the day of the invoice; a void takes it back on the day of voiding.
        Revenue = "revenue",
        /// The tax on it.
        Tax = "tax",
        /// What was given back, tax included.
        Refunds = "refunds",
        /// Attempts to pay that were decided, and how many of them succeeded.
        Payments = "payments",
        /// Monthly recurring revenue and how it moved.
        Mrr = "mrr",
        /// The average transaction value.
        Atv = "atv",
    }
}

names! {
    /// What the rows of a report stand for.
    By, "by" {
        /// Days.
        Day = "day",
        /// Calendar months.
        Month = "month",
        /// Products, by id.
        Product = "product",
        /// The customers' regions.
        Region = "region",
        /// The customers' channels.
        Channel = "channel",
        /// Kinds of payment methods, in the provider's word.
        Method = "method",
        /// Provider accounts, `stripe/main`.
        Gateway = "gateway",
    }
}

/// A word that names no report or no dimension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {what} of {expected}, found `{found}`")]
pub struct UnknownReport {
    what: &'static str,
    expected: String,
    found: String,
}

/// Why a report cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The report has no such dimension.
    #[error("by: expected {} for the report {report}, found {by}", list(.report.dimensions()))]
    Dimension {
        /// Which report.
        report: ReportName,
        /// What was asked for.
        by: By,
    },
    /// The days end before they begin, or are too many.
    #[error("from and to: expected 1 to {MAX_DAYS} days, found {from} to {to}")]
    Days {
        /// The first.
        from: NaiveDate,
        /// The last.
        to: NaiveDate,
    },
    /// Amounts beyond what money can hold.
    #[error("the amounts of the report do not add up")]
    Money(#[from] MoneyError),
}

fn list(dimensions: &[By]) -> String {
    dimensions.iter().map(|by| by.name()).collect::<Vec<_>>().join(", ")
}

impl ReportName {
    /// By what it can be asked for.
    #[must_use]
    pub const fn dimensions(self) -> &'static [By] {
        match self {
            Self::Revenue | Self::Tax | Self::Mrr => &[By::Day, By::Month, By::Product, By::Region, By::Channel],
            Self::Refunds => By::ALL,
            Self::Payments | Self::Atv => &[By::Day, By::Month, By::Method, By::Gateway],
        }
    }

    /// Which figures it is made of when it is asked for by this, all of one series.
    ///
    /// # Errors
    /// When it has no such dimension.
    pub fn figures(self, by: By) -> Result<(Series, &'static [Figure]), ReportError> {
        if !self.dimensions().contains(&by) {
            return Err(ReportError::Dimension { report: self, by });
        }
        let figures: &[Figure] = match (self, by) {
            (Self::Revenue | Self::Tax, _) => &[Figure::Net, Figure::Tax],
            (Self::Refunds, By::Method | By::Gateway) => &[Figure::GivenBack],
            (Self::Refunds, By::Day | By::Month | By::Product | By::Region | By::Channel) => &[Figure::Refunded],
            (Self::Payments, _) => {
                &[Figure::Succeeded, Figure::Failed, Figure::Captured, Figure::Invoices, Figure::InvoicesPaid]
            }
            (Self::Atv, _) => &[Figure::Captured, Figure::GivenBack, Figure::Succeeded],
            (Self::Mrr, _) => &[
                Figure::Moved(Movement::New),
                Figure::Moved(Movement::Expansion),
                Figure::Moved(Movement::Reactivation),
                Figure::Moved(Movement::Contraction),
                Figure::Moved(Movement::Churn),
            ],
        };
        let series = figures.first().map_or(Series::Sales, |figure| figure.series());
        Ok((series, figures))
    }
}

/// The days of a report, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    from: NaiveDate,
    to: NaiveDate,
}

impl Days {
    /// The days from the first to the last, both included.
    ///
    /// # Errors
    /// When they end before they begin, or are more than [`MAX_DAYS`].
    pub fn try_new(from: NaiveDate, to: NaiveDate) -> Result<Self, ReportError> {
        let days = to.signed_duration_since(from).num_days();
        if (0..i64::from(MAX_DAYS)).contains(&days) {
            Ok(Self { from, to })
        } else {
            Err(ReportError::Days { from, to })
        }
    }

    /// The first.
    #[must_use]
    pub const fn from(self) -> NaiveDate {
        self.from
    }

    /// The last.
    #[must_use]
    pub const fn to(self) -> NaiveDate {
        self.to
    }

    /// Whether a day is one of them.
    #[must_use]
    pub fn contains(self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }
}
