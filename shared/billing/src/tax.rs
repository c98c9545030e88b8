//! Tax: a rate, and what it makes of the lines of an invoice.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use saldo_money::{Currency, Money, MoneyError, Ratio, Rounding};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A share of the net amount, `0.19` for 19 %; from 0 to 1, with at most six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TaxRate(Decimal);

/// Why a number is no tax rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a tax rate from 0 to 1 with at most six decimals, like `0.19`, found `{found}`")]
pub struct TaxRateError {
    found: String,
}

impl TaxRate {
    /// No tax.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The rate `rate`.
    ///
    /// # Errors
    /// When it is below 0, above 1 or finer than six decimals.
    pub fn try_new(rate: Decimal) -> Result<Self, TaxRateError> {
        let rate = rate.normalize();
        if rate >= Decimal::ZERO && rate <= Decimal::ONE && rate.scale() <= 6 {
            Ok(Self(rate))
        } else {
            Err(TaxRateError { found: rate.to_string() })
        }
    }

    /// The share as a number.
    #[must_use]
    pub const fn share(self) -> Decimal {
        self.0
    }

    /// The tax on `base`, rounded once.
    ///
    /// # Errors
    /// When the amount leaves what money can hold.
    pub fn tax_on(self, base: Money) -> Result<Money, MoneyError> {
        base.times(Ratio::from_decimal(self.0)?, Rounding::HalfAwayFromZero)
    }

    /// Splits an amount that includes tax into net and tax; the gross amount is untouched, the tax is the difference.
    ///
    /// # Errors
    /// When the amount leaves what money can hold.
    ///
    /// ```
    /// # use saldo_billing::tax::TaxRate;
    /// # use saldo_money::{Currency, Money};
    /// let eur: Currency = "EUR".parse()?;
    /// let rate: TaxRate = "0.19".parse()?;
    /// let (net, tax) = rate.split_gross(Money::parse("353.90", eur)?)?;
    /// assert_eq!((net.to_string(), tax.to_string()), ("297.39 EUR".to_owned(), "56.51 EUR".to_owned()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split_gross(self, gross: Money) -> Result<(Money, Money), MoneyError> {
        let whole = Decimal::ONE.checked_add(self.0).ok_or(MoneyError::Overflow)?;
        let net = gross.amount().checked_div(whole).ok_or(MoneyError::Overflow)?;
        let net = Money::rounded(net, gross.currency(), Rounding::HalfAwayFromZero)?;
        Ok((net, gross.checked_sub(net)?))
    }
}

impl fmt::Display for TaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TaxRate {
    type Err = TaxRateError;

    fn from_str(text: &str) -> Result<Self, TaxRateError> {
        let found = || TaxRateError { found: text.chars().take(40).collect() };
        Decimal::from_str_exact(text).map_err(|_not_a_decimal| found()).and_then(Self::try_new)
    }
}

impl Serialize for TaxRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TaxRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The tax of all lines of one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxSum {
    /// The rate.
    pub rate: TaxRate,
    /// The sum of the rounded nets of its lines.
    pub base: Money,
    /// The tax on that sum.
    pub tax: Money,
}

/// Tax per rate: the sum of the rounded line nets × rate, rounded once (EN 16931 BR-CO-17), in ascending order of the rates.
///
/// # Errors
/// When currencies differ or an amount leaves what money can hold.
pub fn tax_sums(
    nets: impl IntoIterator<Item = (TaxRate, Money)>,
    currency: Currency,
) -> Result<Vec<TaxSum>, MoneyError> {
    let mut bases = BTreeMap::new();
    for (rate, net) in nets {
        let base = bases.entry(rate).or_insert_with(|| Money::zero(currency));
        *base = base.checked_add(net)?;
    }
    bases.into_iter().map(|(rate, base)| Ok(TaxSum { rate, base, tax: rate.tax_on(base)? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(text: &str) -> Money {
        Money::parse(text, "EUR".parse().unwrap()).unwrap()
    }

    fn rate(text: &str) -> TaxRate {
        text.parse().unwrap()
    }

    #[test]
    fn r6_a_rate_with_five_decimals_is_rounded_once() {
        assert_eq!(rate("0.09975").tax_on(eur("8180.00")).unwrap(), eur("815.96"));
    }

    #[test]
    fn r7_gross_is_untouched_and_tax_is_the_difference() {
        let (net, tax) = rate("0.19").split_gross(eur("353.90")).unwrap();
        assert_eq!((net, tax), (eur("297.39"), eur("56.51")));
    }

    #[test]
    fn r9_tax_is_computed_per_rate_and_not_per_line() {
        // Three lines of 0.33 at 19 %: 0.06 each would make 0.18, the sum of 0.99 makes 0.19.
        let sums = tax_sums(
            [
                (rate("0.19"), eur("0.33")),
                (rate("0.07"), eur("10.00")),
                (rate("0.19"), eur("0.33")),
                (rate("0.19"), eur("0.33")),
            ],
            "EUR".parse().unwrap(),
        )
        .unwrap();
        let shown: Vec<_> = sums.iter().map(|sum| (sum.rate.to_string(), sum.base, sum.tax)).collect();
        assert_eq!(
            shown,
            [("0.07".to_owned(), eur("10.00"), eur("0.70")), ("0.19".to_owned(), eur("0.99"), eur("0.19"))]
        );
    }

    #[test]
    fn equal_rates_written_differently_are_one_category() {
        assert_eq!(rate("0.190"), rate("0.19"));
        assert_eq!(rate("0.190").to_string(), "0.19");
    }

    #[test]
    fn a_rate_outside_0_to_1_is_refused() {
        for text in ["-0.01", "1.01", "19", "0.0000001", "abc", "1e-2", ""] {
            assert!(text.parse::<TaxRate>().is_err(), "{text}");
        }
    }
}
