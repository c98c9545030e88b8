//! Exact fractions.

use std::fmt;

use rust_decimal::Decimal;
use thiserror::Error;

use crate::rounding::{Rounding, power_of_ten};

/// An exact fraction in lowest terms: a tax rate, the share of a period, an hourly part.
///
/// It cannot be rounded by accident, because it has no decimal places; it becomes an amount in
/// [`Money::times`](crate::Money::times).
///
/// ```
/// use rust_decimal::Decimal;
/// use saldo_money::{Currency, Money, Ratio, Rounding};
///
/// // 353.90 includes 19 % tax: what is the net amount?
/// let gross = Money::parse("353.90", Currency::EUR)?;
/// let with_tax = Ratio::one().checked_add(Ratio::percent(Decimal::from(19))?)?;
/// let net = gross.times(with_tax.inverse()?, Rounding::HalfAwayFromZero)?;
/// assert_eq!(net.to_string(), "297.39 EUR");
/// assert_eq!(gross.checked_sub(net)?.to_string(), "56.51 EUR");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    num: i128,
    /// Always positive, and without a factor in common with `num`.
    den: i128,
}

/// Why a fraction could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RatioError {
    /// The denominator is zero.
    #[error("expected a fraction with a denominator, found {numerator}/0")]
    NoDenominator {
        /// What was to be divided by zero.
        numerator: i128,
    },
    /// The exact result has more digits than there is room for.
    #[error("the exact fraction has more digits than there is room for")]
    OutOfRange,
}

impl Ratio {
    /// The fraction `numerator / denominator`.
    ///
    /// # Errors
    /// [`RatioError::NoDenominator`] when the denominator is zero.
    pub fn of(numerator: i64, denominator: i64) -> Result<Ratio, RatioError> {
        Ratio::reduced(i128::from(numerator), i128::from(denominator))
    }

    /// The very value of a decimal: 0.19 is 19/100.
    ///
    /// # Errors
    /// [`RatioError::OutOfRange`] for more than 38 decimal places, which a [`Decimal`] never has.
    pub fn from_decimal(value: Decimal) -> Result<Ratio, RatioError> {
        Ratio::reduced(value.mantissa(), power_of_ten(value.scale()).ok_or(RatioError::OutOfRange)?)
    }

    /// So many of a hundred: `percent(9.975)` is 399/4000.
    ///
    /// # Errors
    /// As [`Ratio::from_decimal`].
    pub fn percent(value: Decimal) -> Result<Ratio, RatioError> {
        Ratio::from_decimal(value)?.checked_mul(Ratio { num: 1, den: 100 })
    }

    /// Nothing of it.
    #[must_use]
    pub const fn zero() -> Ratio {
        Ratio { num: 0, den: 1 }
    }

    /// All of it.
    #[must_use]
    pub const fn one() -> Ratio {
        Ratio { num: 1, den: 1 }
    }

    /// The numerator in lowest terms; it carries the sign.
    #[must_use]
    pub const fn numerator(self) -> i128 {
        self.num
    }

    /// The denominator in lowest terms, always positive.
    #[must_use]
    pub const fn denominator(self) -> i128 {
        self.den
    }

    /// The sum, exactly.
    ///
    /// # Errors
    /// [`RatioError::OutOfRange`] when the result has no room.
    pub fn checked_add(self, other: Ratio) -> Result<Ratio, RatioError> {
        let common = greatest_common_divisor(self.den, other.den)?;
        let sum = || {
            let own_part = self.num.checked_mul(other.den.checked_div(common)?)?;
            let other_part = other.num.checked_mul(self.den.checked_div(common)?)?;
            Some((own_part.checked_add(other_part)?, self.den.checked_div(common)?.checked_mul(other.den)?))
        };
        let (num, den) = sum().ok_or(RatioError::OutOfRange)?;
        Ratio::reduced(num, den)
    }

    /// The difference, exactly.
    ///
    /// # Errors
    /// [`RatioError::OutOfRange`] when the result has no room.
    pub fn checked_sub(self, other: Ratio) -> Result<Ratio, RatioError> {
        let num = other.num.checked_neg().ok_or(RatioError::OutOfRange)?;
        self.checked_add(Ratio { num, den: other.den })
    }

    /// The product, exactly.
    ///
    /// # Errors
    /// [`RatioError::OutOfRange`] when the result has no room.
    pub fn checked_mul(self, other: Ratio) -> Result<Ratio, RatioError> {
        // Cancelling crosswise first keeps the products as small as the result allows.
        let left = Ratio::reduced(self.num, other.den)?;
        let right = Ratio::reduced(other.num, self.den)?;
        let product = || Some(Ratio { num: left.num.checked_mul(right.num)?, den: left.den.checked_mul(right.den)? });
        product().ok_or(RatioError::OutOfRange)
    }

    /// One divided by it.
    ///
    /// # Errors
    /// [`RatioError::NoDenominator`] for zero.
    pub fn inverse(self) -> Result<Ratio, RatioError> {
        Ratio::reduced(self.den, self.num)
    }

    /// What is missing to the whole: of 26/29 it is 3/29.
    ///
    /// # Errors
    /// [`RatioError::OutOfRange`] when the result has no room.
    pub fn complement(self) -> Result<Ratio, RatioError> {
        Ratio::one().checked_sub(self)
    }

    /// The value rounded to `places` decimal places, for figures that are not booked.
    ///
    /// # Errors
    /// [`RatioError::OutOfRange`] when the result has no room.
    pub fn to_decimal(self, places: u32, rounding: Rounding) -> Result<Decimal, RatioError> {
        let scaled = self.checked_mul(Ratio { num: power_of_ten(places).ok_or(RatioError::OutOfRange)?, den: 1 })?;
        let digits = scaled.to_whole(rounding)?;
        Decimal::try_from_i128_with_scale(digits, places).ok().ok_or(RatioError::OutOfRange)
    }

    /// A whole number as a fraction.
    pub(crate) const fn whole(num: i128) -> Ratio {
        Ratio { num, den: 1 }
    }

    /// The value rounded to a whole number.
    pub(crate) fn to_whole(self, rounding: Rounding) -> Result<i128, RatioError> {
        rounding.divide(self.num, self.den).ok_or(RatioError::OutOfRange)
    }

    fn reduced(num: i128, den: i128) -> Result<Ratio, RatioError> {
        if den == 0 {
            return Err(RatioError::NoDenominator { numerator: num });
        }
        let divisor = greatest_common_divisor(num, den)?.checked_mul(den.signum()).ok_or(RatioError::OutOfRange)?;
        let parts = || Some(Ratio { num: num.checked_div(divisor)?, den: den.checked_div(divisor)? });
        parts().ok_or(RatioError::OutOfRange)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

/// Euclid's, on magnitudes; never zero when one of the numbers is not.
fn greatest_common_divisor(a: i128, b: i128) -> Result<i128, RatioError> {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while let Some(rest) = a.checked_rem(b) {
        a = b;
        b = rest;
    }
    i128::try_from(a).ok().ok_or(RatioError::OutOfRange)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fraction_is_kept_in_lowest_terms_with_a_positive_denominator() {
        assert_eq!(Ratio::of(58, 58).unwrap(), Ratio::one());
        assert_eq!(Ratio::of(0, -7).unwrap(), Ratio::zero());
        assert_eq!(Ratio::of(3, -6).unwrap().to_string(), "-1/2");
        assert_eq!(Ratio::of(-3, -6).unwrap().to_string(), "1/2");
        assert_eq!(Ratio::of(i64::MIN, i64::MIN).unwrap(), Ratio::one());
    }

    #[test]
    fn a_fraction_without_denominator_is_refused_with_what_was_found() {
        let error = Ratio::of(29, 0).unwrap_err();
        assert_eq!(error.to_string(), "expected a fraction with a denominator, found 29/0");
        assert_eq!(Ratio::zero().inverse(), Err(RatioError::NoDenominator { numerator: 1 }));
    }

    #[test]
    fn a_percentage_is_exact() {
        assert_eq!(Ratio::percent(Decimal::new(9_975, 3)).unwrap().to_string(), "399/4000");
        assert_eq!(Ratio::percent(Decimal::from(100)).unwrap(), Ratio::one());
        let finest = Ratio::percent(Decimal::new(1, 28)).unwrap();
        assert_eq!((finest.numerator(), finest.denominator()), (1, 10_i128.pow(30)));
    }

    #[test]
    fn three_thirds_are_the_whole() {
        let third = Ratio::of(1, 3).unwrap();
        let two = third.checked_add(third).unwrap();
        assert_eq!(two.complement().unwrap(), third);
        assert_eq!(two.checked_add(third).unwrap(), Ratio::one());
    }

    #[test]
    fn decimals_are_rounded_only_when_asked_for() {
        let third = Ratio::of(-2, 3).unwrap();
        assert_eq!(third.to_decimal(4, Rounding::HalfAwayFromZero).unwrap().to_string(), "-0.6667");
        assert_eq!(third.to_decimal(0, Rounding::HalfAwayFromZero).unwrap().to_string(), "-1");
        assert_eq!(third.to_decimal(4, Rounding::TowardsZero).unwrap().to_string(), "-0.6666");
        assert_eq!(third.to_decimal(60, Rounding::TowardsZero), Err(RatioError::OutOfRange));
    }

    #[test]
    fn a_product_without_room_is_an_error_and_no_wrong_number() {
        let large = Ratio::from_decimal(Decimal::MAX).unwrap();
        assert_eq!(large.checked_mul(large), Err(RatioError::OutOfRange));
        assert_eq!(large.checked_mul(large.inverse().unwrap()), Ok(Ratio::one()));
    }

    fn any_ratio() -> impl Strategy<Value = Ratio> {
        (any::<i64>(), (1..=i64::MAX)).prop_map(|(num, den)| Ratio::of(num, den).unwrap())
    }

    proptest! {
        #[test]
        fn subtracting_undoes_adding(a in any_ratio(), b in (any::<i32>(), 1..=i32::MAX)) {
            let b = Ratio::of(b.0.into(), b.1.into()).unwrap();
            if let Ok(sum) = a.checked_add(b) {
                prop_assert_eq!(sum.checked_sub(b), Ok(a));
            }
        }

        #[test]
        fn a_ratio_times_its_inverse_is_one(a in any_ratio()) {
            if let Ok(inverse) = a.inverse() {
                prop_assert_eq!(a.checked_mul(inverse), Ok(Ratio::one()));
            }
        }

        #[test]
        fn a_decimal_comes_back_as_it_was(digits in any::<i64>(), places in 0..=18_u32) {
            let value = Decimal::new(digits, places);
            prop_assert_eq!(Ratio::from_decimal(value).unwrap().to_decimal(places, Rounding::TowardsZero), Ok(value));
        }
    }
}
