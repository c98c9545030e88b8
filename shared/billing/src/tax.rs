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
        let net = Money::rounded(self.net_in(gross.amount())?, gross.currency(), Rounding::HalfAwayFromZero)?;
        Ok((net, gross.checked_sub(net)?))
    }

    /// The net in an exact amount that includes tax.
    ///
    /// # Errors
    /// When the amount leaves what money can hold.
    pub fn net_in(self, gross: Decimal) -> Result<Decimal, MoneyError> {
        let whole = Decimal::ONE.checked_add(self.0).ok_or(MoneyError::Overflow)?;
        gross.checked_div(whole).ok_or(MoneyError::Overflow)
    }
}

/// Whether the tax on an amount is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxBehavior {
    /// The amount is net, and the tax comes on top.
    #[default]
    Exclusive,
    /// The amount is gross, and stays what it is.
    Inclusive,
}

impl TaxBehavior {
    /// Whether the tax comes on top, which goes without saying.
    #[must_use]
    pub const fn is_exclusive(&self) -> bool {
        matches!(self, Self::Exclusive)
    }

    /// The net in an exact amount.
    ///
    /// # Errors
    /// When the amount leaves what money can hold.
    pub fn net_in(self, amount: Decimal, rate: TaxRate) -> Result<Decimal, MoneyError> {
        match self {
            Self::Exclusive => Ok(amount),
            Self::Inclusive => rate.net_in(amount),
        }
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
    /// The tax on it.
    pub tax: Money,
}

/// What a line says about tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taxed {
    /// The rate.
    pub rate: TaxRate,
    /// The line's rounded net.
    pub net: Money,
    /// The line's gross, when its price includes the tax.
    pub gross: Option<Money>,
}

/// Tax per rate, in ascending order of the rates: the sum of the rounded line nets × rate, rounded once (EN 16931 BR-CO-17). Where
/// the price includes the tax, it is the difference, and the gross stays what it is.
///
/// # Errors
/// When currencies differ or an amount leaves what money can hold.
pub fn tax_sums(lines: impl IntoIterator<Item = Taxed>, currency: Currency) -> Result<Vec<TaxSum>, MoneyError> {
    let zero = Money::zero(currency);
    // Of each rate: all nets, those on which the tax comes on top, and the tax that is included.
    let mut rates: BTreeMap<TaxRate, [Money; 3]> = BTreeMap::new();
    for Taxed { rate, net, gross } in lines {
        let [base, taxable, included] = rates.entry(rate).or_insert([zero; 3]);
        *base = base.checked_add(net)?;
        match gross {
            None => *taxable = taxable.checked_add(net)?,
            Some(gross) => *included = included.checked_add(gross.checked_sub(net)?)?,
        }
    }
    let sum = |(rate, [base, taxable, included]): (TaxRate, [Money; 3])| {
        Ok(TaxSum { rate, base, tax: rate.tax_on(taxable)?.checked_add(included)? })
    };
    rates.into_iter().map(sum).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

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
        let lines = [("0.19", "0.33"), ("0.07", "10.00"), ("0.19", "0.33"), ("0.19", "0.33")];
        let lines = lines.map(|(share, net)| Taxed { rate: rate(share), net: eur(net), gross: None });
        let sums = tax_sums(lines, "EUR".parse().unwrap()).unwrap();
        let shown: Vec<_> = sums.iter().map(|sum| (sum.rate.to_string(), sum.base, sum.tax)).collect();
        assert_eq!(
            shown,
            [("0.07".to_owned(), eur("10.00"), eur("0.70")), ("0.19".to_owned(), eur("0.99"), eur("0.19"))]
        );
    }

    #[test]
    fn r7_lines_whose_price_includes_the_tax_add_up_to_their_gross_beside_others() {
        let gross = |amount: &str| {
            let (net, _) = rate("0.19").split_gross(eur(amount)).unwrap();
            Taxed { rate: rate("0.19"), net, gross: Some(eur(amount)) }
        };
        let net = Taxed { rate: rate("0.19"), net: eur("0.33"), gross: None };
        // Thrice 0.33 gross is 0.28 net and 0.05 of tax each; 0.66 net bears 0.13.
        let lines = [gross("0.33"), net, gross("0.33"), net, gross("0.33")];
        let sums = tax_sums(lines, "EUR".parse().unwrap()).unwrap();
        assert_eq!((sums[0].base, sums[0].tax), (eur("1.50"), eur("0.28")));
        let sums = tax_sums([gross("353.90")], "EUR".parse().unwrap()).unwrap();
        assert_eq!((sums[0].base, sums[0].tax), (eur("297.39"), eur("56.51")));
    }

    proptest! {
        #[test]
        fn what_includes_its_tax_adds_up_to_its_gross(lines in vec((0_usize..4, -9_999_999_i64..99_999_999), 1..40)) {
            let currency: Currency = "EUR".parse().unwrap();
            let mut total = Money::zero(currency);
            let mut taxed = Vec::new();
            for (place, minor) in lines {
                let (rate, gross) = (rate(["0", "0.07", "0.19", "0.09975"][place]), Money::from_minor(minor, currency));
                taxed.push(Taxed { rate, net: rate.split_gross(gross).unwrap().0, gross: Some(gross) });
                total = total.checked_add(gross).unwrap();
            }
            let sums = tax_sums(taxed, currency).unwrap();
            let parts = sums.iter().flat_map(|sum| [sum.base, sum.tax]);
            prop_assert_eq!(Money::sum(parts, currency).unwrap(), total);
        }
    }

    proptest! {
        #[test]
        fn r9_tax_is_the_rounded_product_of_the_rates_sum(lines in vec((0_usize..4, -9_999_999_i64..99_999_999), 1..40)) {
            let currency: Currency = "EUR".parse().unwrap();
            let rates = [("0", 0_i128), ("0.07", 7_000), ("0.19", 19_000), ("0.09975", 9_975)];
            let taxed = |(place, minor): &(usize, i64)| {
                Taxed { rate: rate(rates[*place].0), net: Money::from_minor(*minor, currency), gross: None }
            };
            for sum in tax_sums(lines.iter().map(taxed), currency).unwrap() {
                let (_, parts) = rates.iter().find(|(text, _)| rate(text) == sum.rate).unwrap();
                let of_rate = lines.iter().filter(|(place, _)| rate(rates[*place].0) == sum.rate);
                let base: i128 = of_rate.map(|(_, minor)| i128::from(*minor)).sum();
                // Half away from zero, in whole numbers.
                let product = base.checked_mul(*parts).unwrap();
                let twice = product.abs().checked_mul(2).and_then(|twice| twice.checked_add(100_000)).unwrap();
                let expected = twice.checked_div(200_000).and_then(|tax| tax.checked_mul(product.signum())).unwrap();
                prop_assert_eq!(i128::from(sum.base.to_minor().unwrap()), base);
                prop_assert_eq!(i128::from(sum.tax.to_minor().unwrap()), expected);
            }
        }
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
