//! The ways in which an exact value becomes a whole number of minor units.

/// How to round. There is no default: every call that can round names its way.
///
/// ```
/// use rust_decimal::Decimal;
/// use saldo_money::{Currency, Money, Rounding};
///
/// let exact = Decimal::new(815_955, 3);
/// let rounded = |rounding| Money::rounded(exact, Currency::USD, rounding).map(|money| money.to_string());
/// assert_eq!(rounded(Rounding::HalfAwayFromZero)?, "815.96 USD");
/// assert_eq!(rounded(Rounding::TowardsZero)?, "815.95 USD");
/// # Ok::<(), saldo_money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, and from the middle away from zero: what invoices and tax offices do.
    HalfAwayFromZero,
    /// What does not fill a whole unit is left out: for limits that must not be passed.
    TowardsZero,
}

impl Rounding {
    /// The quotient rounded to a whole number; `None` when `den` is zero or the result has no room.
    pub(crate) fn divide(self, num: i128, den: i128) -> Option<i128> {
        let quotient = num.checked_div(den)?;
        let rest = num.checked_rem(den)?.unsigned_abs();
        match self {
            Rounding::TowardsZero => Some(quotient),
            // The same as `2 * rest < den`, without the product that could overflow.
            Rounding::HalfAwayFromZero if rest < den.unsigned_abs().checked_sub(rest)? => Some(quotient),
            Rounding::HalfAwayFromZero => quotient.checked_add(num.signum().checked_mul(den.signum())?),
        }
    }
}

/// Ten to the power of `exponent`; `None` when it has no room.
pub(crate) fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero_on_both_sides() {
        let halves = [(5, 10, 1), (-5, 10, -1), (4, 10, 0), (-4, 10, 0), (15, 10, 2), (-15, 10, -2), (5, -10, -1)];
        for (num, den, expected) in halves {
            assert_eq!(Rounding::HalfAwayFromZero.divide(num, den), Some(expected), "{num}/{den}");
        }
    }

    #[test]
    fn towards_zero_leaves_the_rest_out_on_both_sides() {
        for (num, den, expected) in [(19, 10, 1), (-19, 10, -1), (20, 10, 2), (9, 10, 0)] {
            assert_eq!(Rounding::TowardsZero.divide(num, den), Some(expected), "{num}/{den}");
        }
    }

    #[test]
    fn the_largest_numbers_round_without_overflow() {
        assert_eq!(Rounding::HalfAwayFromZero.divide(i128::MAX, i128::MAX), Some(1));
        assert_eq!(Rounding::HalfAwayFromZero.divide(i128::MAX - 1, i128::MAX), Some(1));
        assert_eq!(Rounding::HalfAwayFromZero.divide(1, i128::MAX), Some(0));
        assert_eq!(Rounding::HalfAwayFromZero.divide(i128::MIN, -1), None);
        assert_eq!(Rounding::HalfAwayFromZero.divide(1, 0), None);
    }
}
