//! Stripe's whole numbers, which are not always minor units (docs.stripe.com/currencies).

use rust_decimal::Decimal;
use saldo_money::{Currency, Money, MoneyError, Rounding};

/// Amounts in these travel without decimal places, whatever ISO 4217 says (it gives MGA two).
const ZERO_DECIMAL: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];
/// These travel in thousandths, of which the last digit must be 0.
const THREE_DECIMAL: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
/// These have no decimal places, and travel times 100 all the same.
const TIMES_100: [&str; 2] = ["ISK", "UGX"];

/// The smallest charge Stripe accepts, in the numbers that travel (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts,
/// as of 2026-10). Where the account settles in another currency, Stripe may ask for more and says so in its answer.
const MINIMA: [(&str, i64); 24] = [
    ("AED", 200),
    ("AUD", 50),
    ("BGN", 100),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("CZK", 1_500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17_500),
    ("INR", 50),
    ("JPY", 50),
    ("MXN", 1_000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PLN", 200),
    ("RON", 200),
    ("SEK", 300),
    ("SGD", 50),
    ("THB", 1_000),
    ("USD", 50),
];

/// Why an amount cannot go to or come from Stripe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Stripe has no rule for the currency.
    #[error("stripe does not take {currency}")]
    Unsupported {
        /// Which.
        currency: Currency,
    },
    /// Less than Stripe takes.
    #[error("stripe does not take as little as this")]
    TooSmall {
        /// The least it takes, where that is documented.
        minimum: Option<Money>,
    },
    /// Stripe sent a number that is no amount of the currency.
    #[error("{number} is not a whole number of minor units of {currency} as stripe writes them")]
    Uneven {
        /// The number.
        number: i64,
        /// The currency.
        currency: Currency,
    },
    /// There is no room for it.
    #[error("an amount in {currency} cannot be converted")]
    Money {
        /// The currency.
        currency: Currency,
        /// Why.
        #[source]
        source: MoneyError,
    },
}

/// The decimal places of the numbers that travel, and what they must be divisible by.
fn places(currency: Currency) -> Result<(u32, i64), AmountError> {
    let code = currency.code();
    if ZERO_DECIMAL.contains(&code) {
        Ok((0, 1))
    } else if THREE_DECIMAL.contains(&code) {
        Ok((3, 10))
    } else if TIMES_100.contains(&code) {
        Ok((2, 100))
    } else if currency.exponent() == 2 {
        Ok((2, 1))
    } else {
        Err(AmountError::Unsupported { currency })
    }
}

fn money_error(currency: Currency) -> impl Fn(MoneyError) -> AmountError {
    move |source| AmountError::Money { currency, source }
}

/// The number that stands for an amount at Stripe. What Stripe cannot express is left off, so that it never takes more than was
/// asked for: 5.124 KWD travels as 5120, and what is left is booked as open.
///
/// # Errors
/// [`AmountError::Unsupported`], or when there is no room.
pub fn to_stripe(amount: Money) -> Result<i64, AmountError> {
    let currency = amount.currency();
    let (places, step) = places(currency)?;
    let shifted = amount
        .amount()
        .checked_mul(Decimal::from(10_i64.pow(places)))
        .map(|shifted| shifted.trunc())
        .and_then(|whole| i64::try_from(whole).ok())
        .ok_or(AmountError::Money { currency, source: MoneyError::Overflow })?;
    let rest = shifted.checked_rem(step).unwrap_or(0);
    Ok(shifted.saturating_sub(rest))
}

/// The amount that a number at Stripe stands for.
///
/// # Errors
/// [`AmountError::Unsupported`], [`AmountError::Uneven`], or when there is no room.
pub fn from_stripe(number: i64, currency: Currency) -> Result<Money, AmountError> {
    let (places, _) = places(currency)?;
    let exact = Decimal::new(number, places);
    let money = Money::rounded(exact, currency, Rounding::TowardsZero).map_err(money_error(currency))?;
    if money.amount() == exact { Ok(money) } else { Err(AmountError::Uneven { number, currency }) }
}

/// The part of an amount that Stripe can take: all of it, except for digits it cannot express.
///
/// # Errors
/// As [`to_stripe`].
pub fn chargeable(amount: Money) -> Result<Money, AmountError> {
    from_stripe(to_stripe(amount)?, amount.currency())
}

/// The smallest amount that Stripe charges in a currency, where that is documented.
///
/// # Errors
/// As [`from_stripe`].
pub fn minimum(currency: Currency) -> Result<Option<Money>, AmountError> {
    MINIMA
        .iter()
        .find(|(code, _)| *code == currency.code())
        .map(|(_, number)| from_stripe(*number, currency))
        .transpose()
}

/// Makes sure that Stripe takes as much as this.
///
/// # Errors
/// [`AmountError::TooSmall`], or as [`to_stripe`].
pub fn payable(amount: Money) -> Result<(), AmountError> {
    let (minimum, sent) = (minimum(amount.currency())?, chargeable(amount)?);
    if !sent.is_positive() || minimum.is_some_and(|minimum| sent.amount() < minimum.amount()) {
        return Err(AmountError::TooSmall { minimum });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(text: &str, code: &str) -> Money {
        Money::parse(text, code.parse().unwrap()).unwrap()
    }

    #[test]
    fn c4_each_currency_travels_by_its_own_rule() {
        for (text, code, number) in [
            ("35.20", "BHD", 35_200),
            ("500", "JPY", 500),
            ("12.34", "EUR", 1_234),
            ("5", "ISK", 500),
            ("1500", "UGX", 150_000),
            ("7.00", "MGA", 7),
            ("0.30", "GBP", 30),
            ("100.00", "HUF", 10_000),
        ] {
            let amount = money(text, code);
            assert_eq!(to_stripe(amount).unwrap(), number, "{code}");
            assert_eq!(from_stripe(number, amount.currency()).unwrap(), amount, "{code}");
        }
    }

    #[test]
    fn what_stripe_cannot_express_is_left_off_and_never_added() {
        assert_eq!(to_stripe(money("5.124", "KWD")).unwrap(), 5_120);
        assert_eq!(to_stripe(money("5.129", "KWD")).unwrap(), 5_120);
        assert_eq!(chargeable(money("5.124", "KWD")).unwrap(), money("5.120", "KWD"));
        assert_eq!(to_stripe(money("10.60", "MGA")).unwrap(), 10);
    }

    #[test]
    fn a_number_that_is_no_amount_is_refused() {
        let isk = "ISK".parse().unwrap();
        assert_eq!(from_stripe(550, isk), Err(AmountError::Uneven { number: 550, currency: isk }));
    }

    #[test]
    fn a_dinar_amount_from_stripe_keeps_its_last_digit() {
        assert_eq!(from_stripe(1_234, "KWD".parse().unwrap()).unwrap(), money("1.234", "KWD"));
    }

    #[test]
    fn currencies_with_four_places_are_not_guessed_at() {
        assert!(matches!(to_stripe(money("1.0000", "CLF")), Err(AmountError::Unsupported { .. })));
    }

    #[test]
    fn the_minima_are_amounts_of_their_currency() {
        for (code, _) in MINIMA {
            assert!(minimum(code.parse().unwrap()).unwrap().unwrap().is_positive(), "{code}");
        }
        assert_eq!(minimum("JPY".parse().unwrap()).unwrap(), Some(money("50", "JPY")));
        assert_eq!(minimum("KWD".parse().unwrap()).unwrap(), None);
    }

    fn any_currency() -> impl Strategy<Value = Currency> {
        prop::sample::select(vec!["EUR", "USD", "JPY", "KRW", "KWD", "TND", "ISK", "UGX", "MGA", "HUF", "CNY"])
            .prop_map(|code| code.parse().unwrap())
    }

    proptest! {
        #[test]
        fn what_travels_comes_back_unchanged(units in -10_000_000_000_i64..10_000_000_000, currency in any_currency()) {
            let sent = chargeable(Money::from_minor(units, currency)).unwrap();
            prop_assert_eq!(from_stripe(to_stripe(sent).unwrap(), currency).unwrap(), sent);
        }

        #[test]
        fn never_more_than_asked_and_less_only_by_what_cannot_be_said(units in 0_i64..10_000_000_000, currency in any_currency()) {
            let asked = Money::from_minor(units, currency);
            let left = asked.checked_sub(chargeable(asked).unwrap()).unwrap();
            prop_assert!(!left.is_negative());
            let step = match currency.code() { "KWD" | "TND" => 10, "MGA" => 100, _ => 1 };
            prop_assert!(left.to_minor().unwrap() < step);
        }
    }
}
