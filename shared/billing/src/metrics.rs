//! Monthly recurring revenue: what a customer's subscriptions bring in a month, and how that moves.

use rust_decimal::Decimal;
use saldo_money::{Currency, Money, MoneyError, Ratio, Rounding};
use serde::{Deserialize, Serialize};

use crate::period::{Interval, IntervalUnit};

/// The decimal places of monthly amounts.
///
/// A twelfth or a third has no end, so it is cut here, once for each charge. From then on amounts are only added and
/// subtracted, which at a fixed number of places is exact: movements always explain the whole difference between two
/// months. Six or more places below any minor unit, the cut shows in no report.
const PLACES: u32 = 10;

/// Something a customer is charged, as monthly recurring revenue sees it: net of tax and after discounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// Comes again every interval.
    Recurring {
        /// What one interval costs.
        net: Decimal,
        /// How often it comes.
        interval: Interval,
    },
    /// Will recur after a trial that is still running.
    Trial,
    /// Comes once: a set-up fee, a single sale.
    OneOff,
}

/// How a customer's monthly recurring revenue changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// From nothing, for the first time.
    New,
    /// More than before.
    Expansion,
    /// Less than before, but not nothing.
    Contraction,
    /// To nothing.
    Churn,
    /// From nothing, by somebody who had been a customer.
    Reactivation,
}

impl Movement {
    /// Every kind, in the order in which reports show them.
    pub const ALL: [Movement; 5] =
        [Movement::New, Movement::Expansion, Movement::Reactivation, Movement::Contraction, Movement::Churn];

    /// The word for it in keys and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Movement::New => "new",
            Movement::Expansion => "expansion",
            Movement::Contraction => "contraction",
            Movement::Churn => "churn",
            Movement::Reactivation => "reactivation",
        }
    }

    /// Whether its amount is subtracted from the revenue at the start of the month.
    #[must_use]
    pub const fn reduces(self) -> bool {
        match self {
            Movement::Contraction | Movement::Churn => true,
            Movement::New | Movement::Expansion | Movement::Reactivation => false,
        }
    }
}

/// What `net` for each interval makes in a month: a year ÷ 12, a quarter ÷ 3, a week × 52 ÷ 12, a day × 365 ÷ 12.
///
/// The result has ten decimal places and is not money; [`presented`] makes money of a sum.
///
/// # Errors
/// [`MoneyError`] when the amount has no room.
///
/// ```
/// use rust_decimal::Decimal;
/// use saldo_billing::{metrics, period::Interval};
///
/// assert_eq!(metrics::monthly_amount(Decimal::new(1_200_00, 2), Interval::YEARLY)?, Decimal::from(100));
/// # Ok::<(), saldo_money::MoneyError>(())
/// ```
pub fn monthly_amount(net: Decimal, interval: Interval) -> Result<Decimal, MoneyError> {
    let count = i64::from(interval.count());
    let per_month = match interval.unit() {
        IntervalUnit::Day => Ratio::of(365, 12),
        IntervalUnit::Week => Ratio::of(52, 12),
        IntervalUnit::Month => Ratio::of(1, 1),
        IntervalUnit::Year => Ratio::of(1, 12),
    };
    let exact = Ratio::from_decimal(net)?.checked_mul(per_month?)?.checked_mul(Ratio::of(1, count)?)?;
    Ok(exact.to_decimal(PLACES, Rounding::HalfAwayFromZero)?)
}

/// The monthly recurring revenue of charges that are all in one currency.
///
/// # Errors
/// [`MoneyError`] when the sum has no room.
pub fn monthly_recurring(charges: impl IntoIterator<Item = Charge>) -> Result<Decimal, MoneyError> {
    charges.into_iter().try_fold(Decimal::ZERO, |sum, charge| match charge {
        Charge::Recurring { net, interval } => {
            sum.checked_add(monthly_amount(net, interval)?).ok_or(MoneyError::Overflow)
        }
        Charge::Trial | Charge::OneOff => Ok(sum),
    })
}

/// What kind of change leads from `before` to `after`, and by how much, never negative; `None` when nothing changed.
///
/// Both are one customer's revenue in one currency. For every month and currency, the revenue at its start, plus new,
/// expansion and reactivation, minus contraction and churn, is the revenue at its end.
///
/// ```
/// use rust_decimal::Decimal;
/// use saldo_billing::metrics::{Movement, movement};
///
/// let (before, after) = (Decimal::from(100), Decimal::from(80));
/// assert_eq!(movement(before, after, true), Some((Movement::Contraction, Decimal::from(20))));
/// ```
#[must_use]
pub fn movement(before: Decimal, after: Decimal, had_been_customer_before: bool) -> Option<(Movement, Decimal)> {
    let amount = after.checked_sub(before)?;
    if amount.is_zero() {
        return None;
    }
    let kind = match (before > Decimal::ZERO, after > Decimal::ZERO) {
        (false, true) if had_been_customer_before => Movement::Reactivation,
        (false, true) => Movement::New,
        (true, false) => Movement::Churn,
        (true, true) | (false, false) if amount > Decimal::ZERO => Movement::Expansion,
        (true, true) | (false, false) => Movement::Contraction,
    };
    Some((kind, amount.abs()))
}

/// A sum of monthly amounts as a report shows it: rounded half away from zero to the minor unit.
///
/// # Errors
/// [`MoneyError`] when the amount has no room.
pub fn presented(sum: Decimal, currency: Currency) -> Result<Money, MoneyError> {
    Money::rounded(sum, currency, Rounding::HalfAwayFromZero)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows stops, and should")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn interval(unit: IntervalUnit, count: u16) -> Interval {
        Interval::try_new(unit, count).unwrap()
    }

    #[test]
    fn b6_a_year_at_1200_is_100_a_month() {
        assert_eq!(monthly_amount(decimal("1200.00"), Interval::YEARLY), Ok(decimal("100")));
        assert_eq!(monthly_amount(decimal("2400.00"), interval(IntervalUnit::Year, 2)), Ok(decimal("100")));
    }

    #[test]
    fn every_interval_is_brought_to_a_month() {
        assert_eq!(monthly_amount(decimal("100"), Interval::MONTHLY), Ok(decimal("100")));
        assert_eq!(monthly_amount(decimal("100"), Interval::QUARTERLY), Ok(decimal("33.3333333333")));
        assert_eq!(monthly_amount(decimal("30"), Interval::WEEKLY), Ok(decimal("130")));
        assert_eq!(monthly_amount(decimal("30"), interval(IntervalUnit::Week, 2)), Ok(decimal("65")));
        assert_eq!(monthly_amount(decimal("12"), Interval::DAILY), Ok(decimal("365")));
        assert_eq!(monthly_amount(decimal("-6"), interval(IntervalUnit::Month, 6)), Ok(decimal("-1")));
    }

    #[test]
    fn a_monthly_amount_is_rounded_only_when_it_is_shown() {
        let third = monthly_amount(decimal("100"), Interval::QUARTERLY).unwrap();
        let three = [third; 3].into_iter().sum::<Decimal>();
        assert_eq!(presented(three, Currency::EUR).unwrap().to_string(), "100.00 EUR");
        assert_eq!(presented(third, Currency::EUR).unwrap().to_string(), "33.33 EUR");
        assert_eq!(presented(decimal("0.5"), Currency::JPY).unwrap().to_string(), "1 JPY");
    }

    #[test]
    fn b8_trials_and_what_comes_once_are_no_recurring_revenue() {
        let recurring = Charge::Recurring { net: decimal("49.00"), interval: Interval::MONTHLY };
        let all = monthly_recurring([Charge::OneOff, recurring, Charge::Trial]);
        assert_eq!(all, Ok(decimal("49")));
        assert_eq!(monthly_recurring([Charge::Trial, Charge::OneOff]), Ok(Decimal::ZERO));
    }

    #[test]
    fn movements_are_named_by_where_they_come_from_and_lead_to() {
        let moved = |before, after, known| movement(decimal(before), decimal(after), known);
        assert_eq!(moved("0", "100", false), Some((Movement::New, decimal("100"))));
        assert_eq!(moved("0", "80", true), Some((Movement::Reactivation, decimal("80"))));
        assert_eq!(moved("100", "120.5", true), Some((Movement::Expansion, decimal("20.5"))));
        assert_eq!(moved("100", "80", true), Some((Movement::Contraction, decimal("20"))));
        assert_eq!(moved("100", "0", true), Some((Movement::Churn, decimal("100"))));
        assert_eq!(moved("100", "100.00", true), None);
        assert_eq!(moved("0", "0", true), None);
    }

    #[test]
    fn a_customer_who_pays_nothing_is_no_reactivation() {
        assert_eq!(movement(decimal("0"), decimal("-5"), true), Some((Movement::Contraction, decimal("5"))));
        assert_eq!(movement(decimal("-5"), decimal("0"), true), Some((Movement::Expansion, decimal("5"))));
    }

    #[test]
    fn the_names_are_those_of_the_json() {
        for kind in Movement::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
        }
    }

    fn any_monthly_amount() -> impl Strategy<Value = Decimal> {
        let unit =
            prop::sample::select(vec![IntervalUnit::Day, IntervalUnit::Week, IntervalUnit::Month, IntervalUnit::Year]);
        prop_oneof![
            1 => Just(Decimal::ZERO),
            3 => (0..=1_000_000_000_i64, unit, 1..=10_u16)
                .prop_map(|(cents, unit, count)| monthly_amount(Decimal::new(cents, 2), interval(unit, count)).unwrap()),
        ]
    }

    proptest! {
        #[test]
        fn b7_start_and_movements_make_the_end(
            customers in prop::collection::vec((any_monthly_amount(), any_monthly_amount(), any::<bool>()), 0..50),
        ) {
            let start: Decimal = customers.iter().map(|(before, _, _)| before).sum();
            let end: Decimal = customers.iter().map(|(_, after, _)| after).sum();
            let mut sum = start;
            for (before, after, known) in customers {
                if let Some((kind, amount)) = movement(before, after, known) {
                    prop_assert!(amount > Decimal::ZERO);
                    sum = if kind.reduces() { sum - amount } else { sum + amount };
                }
            }
            prop_assert_eq!(sum, end);
        }
    }
}
