//! Splitting an amount so that nothing is lost.

use std::cmp::Reverse;

use crate::{Money, MoneyError};

impl Money {
    /// Splits the amount in proportion to the weights, one part each, in their order.
    ///
    /// Every part is its exact share, cut to the minor unit; what the cutting leaves goes, one minor unit each, to the
    /// parts that lost most by it, the earlier first among equals. The parts always sum to the amount, and a part
    /// without weight gets nothing.
    ///
    /// ```
    /// use saldo_money::{Currency, Money};
    ///
    /// let refund = Money::parse("-0.05", Currency::EUR)?;
    /// let parts = refund.allocate(&[70, 0, 30])?;
    /// assert_eq!(parts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["-0.04 EUR", "0.00 EUR", "-0.01 EUR"]);
    /// # Ok::<(), saldo_money::MoneyError>(())
    /// ```
    ///
    /// # Errors
    /// [`MoneyError::NotWeights`] when the weights sum to zero or to more than 64 bits.
    pub fn allocate(self, weights: &[u64]) -> Result<Vec<Money>, MoneyError> {
        let total = weights.iter().try_fold(0_u64, |sum, weight| sum.checked_add(*weight));
        let total = total.filter(|sum| *sum > 0).ok_or(MoneyError::NotWeights { found: total })?;
        let parts = shares(self.units().unsigned_abs(), weights, u128::from(total)).ok_or(MoneyError::Overflow)?;
        parts.into_iter().map(|units| self.part(units)).collect()
    }

    /// So many minor units, with the sign of this amount.
    fn part(self, units: u128) -> Result<Money, MoneyError> {
        let part = Money::from_units(i128::try_from(units).ok(), self.currency())?;
        Ok(if self.is_negative() { part.negated() } else { part })
    }
}

/// Largest remainder; `None` when a number has no room, which 96 bits of units and 64 bits of weight never cause.
fn shares(units: u128, weights: &[u64], total: u128) -> Option<Vec<u128>> {
    let (quotient, rest) = (units.checked_div(total)?, units.checked_rem(total)?);
    let mut parts = Vec::with_capacity(weights.len());
    let mut lost = Vec::with_capacity(weights.len());
    for (index, weight) in weights.iter().enumerate() {
        let weight = u128::from(*weight);
        // units * weight / total, in two steps because the product could have 160 bits.
        let fraction = rest.checked_mul(weight)?;
        parts.push(quotient.checked_mul(weight)?.checked_add(fraction.checked_div(total)?)?);
        lost.push((Reverse(fraction.checked_rem(total)?), index));
    }
    let handed_out = parts.iter().try_fold(0_u128, |sum, part| sum.checked_add(*part))?;
    let left = usize::try_from(units.checked_sub(handed_out)?).ok()?;
    lost.sort_unstable();
    for (_, index) in lost.iter().take(left) {
        let part = parts.get_mut(*index)?;
        *part = part.checked_add(1)?;
    }
    Some(parts)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows stops, and should")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Currency;

    fn euros(text: &str) -> Money {
        Money::parse(text, Currency::EUR).unwrap()
    }

    fn texts(parts: &[Money]) -> Vec<String> {
        parts.iter().map(|part| part.amount().to_string()).collect()
    }

    #[test]
    fn thirds_of_a_hundred_sum_to_a_hundred() {
        assert_eq!(texts(&euros("100.00").allocate(&[1, 1, 1]).unwrap()), ["33.34", "33.33", "33.33"]);
        assert_eq!(texts(&euros("-100.00").allocate(&[1, 1, 1]).unwrap()), ["-33.34", "-33.33", "-33.33"]);
        assert_eq!(texts(&Money::from_minor(100, Currency::JPY).allocate(&[1, 1, 1]).unwrap()), ["34", "33", "33"]);
    }

    #[test]
    fn the_rest_goes_to_the_parts_that_lost_most() {
        // Exact shares 1.4, 1.8 and 3.8 cents.
        assert_eq!(texts(&euros("0.07").allocate(&[14, 18, 38]).unwrap()), ["0.01", "0.02", "0.04"]);
    }

    #[test]
    fn a_part_without_weight_gets_nothing() {
        assert_eq!(texts(&euros("0.01").allocate(&[0, 3, 0, 3]).unwrap()), ["0.00", "0.01", "0.00", "0.00"]);
        assert_eq!(texts(&euros("0.00").allocate(&[2, 1]).unwrap()), ["0.00", "0.00"]);
    }

    #[test]
    fn nothing_to_share_by_is_refused() {
        for weights in [&[][..], &[0, 0][..]] {
            assert_eq!(euros("1.00").allocate(weights), Err(MoneyError::NotWeights { found: Some(0) }));
        }
        assert_eq!(euros("1.00").allocate(&[u64::MAX, 1]), Err(MoneyError::NotWeights { found: None }));
    }

    #[test]
    fn the_largest_amount_can_be_split_by_the_largest_weights() {
        let largest = Money::try_new(rust_decimal::Decimal::MAX, Currency::JPY).unwrap();
        let parts = largest.allocate(&[u64::MAX / 2, u64::MAX / 2]).unwrap();
        assert_eq!(Money::sum(&parts, Currency::JPY).unwrap(), largest);
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_whole_and_each_is_within_a_minor_unit_of_its_share(
            units in any::<i64>(),
            weights in prop::collection::vec(0..=u64::from(u32::MAX), 1..20),
        ) {
            let whole = Money::from_minor(units, Currency::EUR);
            let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
            prop_assume!(total > 0);
            let parts = whole.allocate(&weights).unwrap();
            prop_assert_eq!(parts.len(), weights.len());
            prop_assert_eq!(Money::sum(&parts, Currency::EUR).unwrap(), whole);
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = u128::from(units.unsigned_abs()) * u128::from(*weight);
                let given = part.units().unsigned_abs() * total;
                prop_assert!(given.abs_diff(exact) < total, "{} of {} for {}", part, whole, weight);
                prop_assert!(part.is_zero() || part.is_negative() == whole.is_negative());
            }
        }
    }
}
