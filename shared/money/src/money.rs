//! An amount in a currency.

use std::borrow::Borrow;
use std::cmp::Ordering;

use rust_decimal::Decimal;
use thiserror::Error;

use crate::rounding::power_of_ten;
use crate::{Currency, Ratio, RatioError, Rounding, UnknownCurrency};

/// An amount of one currency, a whole number of its minor units.
///
/// Unlike currencies meet only in an error:
///
/// ```
/// use saldo_money::{Currency, Money};
///
/// let paid = Money::parse("35.20", Currency::BHD)?;
/// assert_eq!(paid.to_minor()?, 35_200);
/// assert!(paid.checked_add(Money::parse("35.20", Currency::EUR)?).is_err());
/// # Ok::<(), saldo_money::MoneyError>(())
/// ```
///
/// and there is no operator that could bring them together:
///
/// ```compile_fail,E0369
/// use saldo_money::{Currency, Money};
///
/// let both = Money::zero(Currency::EUR) + Money::zero(Currency::USD);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Its scale is always the currency's exponent, so its mantissa is the number of minor units.
    amount: Decimal,
    currency: Currency,
}

/// Why an amount could not be made or computed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The text is not a plain decimal number.
    #[error("expected an amount such as 23.79, found {found:?}")]
    NotAnAmount {
        /// The beginning of what was read.
        found: String,
    },
    /// The text is not the code of a currency.
    #[error(transparent)]
    UnknownCurrency(#[from] UnknownCurrency),
    /// The amount is finer than the currency's minor unit.
    #[error("expected an amount in {currency} with at most {} decimal places, found {found}", .currency.exponent())]
    TooPrecise {
        /// The amount as it was.
        found: Decimal,
        /// The currency it was to be in.
        currency: Currency,
    },
    /// Two amounts of unlike currencies were to be added, subtracted or compared.
    #[error("expected an amount in {expected}, found one in {found}")]
    UnlikeCurrencies {
        /// The currency of the amount at hand.
        expected: Currency,
        /// The currency of the other one.
        found: Currency,
    },
    /// The result has more digits than there is room for.
    #[error("the amount has more digits than there is room for")]
    Overflow,
    /// A fraction that an amount was to be multiplied by could not be made.
    #[error(transparent)]
    Ratio(#[from] RatioError),
    /// An amount was to be split between parts that have no weight, or too much of it.
    #[error("expected weights whose sum is between 1 and {}, found {found:?}", u64::MAX)]
    NotWeights {
        /// The sum of the weights; `None` when it is beyond the limit.
        found: Option<u64>,
    },
}

impl Money {
    /// No money of this currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Money {
        Money::from_minor(0, currency)
    }

    /// This amount, which must not be finer than the minor unit; zeros at its end do not count.
    ///
    /// # Errors
    /// [`MoneyError::TooPrecise`], or [`MoneyError::Overflow`] near the end of what [`Decimal`] can hold.
    pub fn try_new(amount: Decimal, currency: Currency) -> Result<Money, MoneyError> {
        let money = Money::rounded(amount, currency, Rounding::TowardsZero)?;
        if money.amount == amount { Ok(money) } else { Err(MoneyError::TooPrecise { found: amount, currency }) }
    }

    /// So many minor units: cents, yen, fils.
    #[must_use]
    pub fn from_minor(units: i64, currency: Currency) -> Money {
        Money { amount: Decimal::new(units, currency.exponent()), currency }
    }

    /// The amount nearest to an exact value, by the named rounding.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] near the end of what [`Decimal`] can hold.
    pub fn rounded(exact: Decimal, currency: Currency, rounding: Rounding) -> Result<Money, MoneyError> {
        let (places, exponent) = (exact.scale(), currency.exponent());
        let units = if places <= exponent {
            power_of_ten(exponent.saturating_sub(places)).and_then(|factor| exact.mantissa().checked_mul(factor))
        } else {
            power_of_ten(places.saturating_sub(exponent)).and_then(|divisor| rounding.divide(exact.mantissa(), divisor))
        };
        Money::from_units(units, currency)
    }

    /// The sum of amounts that are all in `currency`; zero when there are none.
    ///
    /// # Errors
    /// As [`Money::checked_add`].
    pub fn sum<M: Borrow<Money>>(
        amounts: impl IntoIterator<Item = M>,
        currency: Currency,
    ) -> Result<Money, MoneyError> {
        amounts.into_iter().try_fold(Money::zero(currency), |sum, amount| sum.checked_add(*amount.borrow()))
    }

    /// The amount in the major unit, with as many decimal places as the currency has.
    #[must_use]
    pub fn amount(self) -> Decimal {
        self.amount
    }

    /// The currency.
    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// The number of minor units, as providers want it.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when it is beyond 64 bits.
    pub fn to_minor(self) -> Result<i64, MoneyError> {
        i64::try_from(self.units()).ok().ok_or(MoneyError::Overflow)
    }

    /// The sum of two amounts of one currency.
    ///
    /// # Errors
    /// [`MoneyError::UnlikeCurrencies`], [`MoneyError::Overflow`].
    pub fn checked_add(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        Money::from_units(self.units().checked_add(other.units()), self.currency)
    }

    /// The difference of two amounts of one currency.
    ///
    /// # Errors
    /// [`MoneyError::UnlikeCurrencies`], [`MoneyError::Overflow`].
    pub fn checked_sub(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        Money::from_units(self.units().checked_sub(other.units()), self.currency)
    }

    /// The same amount the other way round.
    #[must_use]
    pub fn negated(self) -> Money {
        let mut amount = self.amount;
        // Zero keeps its sign: a negative zero would be written as -0.00.
        amount.set_sign_negative(!self.is_zero() && !self.is_negative());
        Money { amount, currency: self.currency }
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    /// Whether it is more than nothing.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.amount > Decimal::ZERO
    }

    /// Whether it is less than nothing.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.amount < Decimal::ZERO
    }

    /// How it compares to another amount of the same currency.
    ///
    /// # Errors
    /// [`MoneyError::UnlikeCurrencies`].
    pub fn compare(self, other: Money) -> Result<Ordering, MoneyError> {
        self.same_currency(other)?;
        Ok(self.amount.cmp(&other.amount))
    }

    /// The smaller of two amounts of one currency.
    ///
    /// # Errors
    /// [`MoneyError::UnlikeCurrencies`].
    pub fn min(self, other: Money) -> Result<Money, MoneyError> {
        Ok(if self.compare(other)?.is_gt() { other } else { self })
    }

    /// The larger of two amounts of one currency.
    ///
    /// # Errors
    /// [`MoneyError::UnlikeCurrencies`].
    pub fn max(self, other: Money) -> Result<Money, MoneyError> {
        Ok(if self.compare(other)?.is_lt() { other } else { self })
    }

    /// So many times the amount, computed exactly and rounded once.
    ///
    /// # Errors
    /// [`MoneyError::Ratio`] or [`MoneyError::Overflow`] when the result has no room.
    pub fn times(self, ratio: Ratio, rounding: Rounding) -> Result<Money, MoneyError> {
        let units = Ratio::whole(self.units()).checked_mul(ratio)?.to_whole(rounding)?;
        Money::from_units(Some(units), self.currency)
    }

    /// The number of minor units.
    pub(crate) fn units(self) -> i128 {
        self.amount.mantissa()
    }

    /// So many minor units, if they were computed and there is room for them.
    pub(crate) fn from_units(units: Option<i128>, currency: Currency) -> Result<Money, MoneyError> {
        units
            .and_then(|units| Decimal::try_from_i128_with_scale(units, currency.exponent()).ok())
            .map(|amount| Money { amount, currency })
            .ok_or(MoneyError::Overflow)
    }

    fn same_currency(self, other: Money) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::UnlikeCurrencies { expected: self.currency, found: other.currency })
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows stops, and should")]
mod tests;
