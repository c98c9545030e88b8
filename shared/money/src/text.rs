//! Amounts as text and as JSON.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Currency, Money, MoneyError};

/// How much of a text that is not an amount an error repeats.
const FOUND_CHARS_MAX: usize = 32;

impl Money {
    /// Reads an amount in plain decimal notation: digits, at most one point between digits, a minus sign before.
    ///
    /// No plus sign, no grouping, no exponent, no leading zeros, no blanks.
    ///
    /// # Errors
    /// [`MoneyError::NotAnAmount`] for any other text, [`MoneyError::TooPrecise`] for more places than the currency has.
    ///
    /// ```
    /// use saldo_money::{Currency, Money};
    ///
    /// assert_eq!(Money::parse("1.2", Currency::KWD)?.to_string(), "1.200 KWD");
    /// assert!(Money::parse("1.2", Currency::JPY).is_err());
    /// assert!(Money::parse("1e3", Currency::JPY).is_err());
    /// # Ok::<(), saldo_money::MoneyError>(())
    /// ```
    pub fn parse(text: &str, currency: Currency) -> Result<Money, MoneyError> {
        let found = || MoneyError::NotAnAmount { found: text.chars().take(FOUND_CHARS_MAX).collect() };
        if !is_plain_decimal(text) {
            return Err(found());
        }
        let amount = Decimal::from_str_exact(text).ok().ok_or_else(found)?;
        Money::try_new(amount, currency)
    }
}

/// Whether the text is `-?(0|[1-9][0-9]*)(\.[0-9]+)?`; that it has room in a [`Decimal`] is asked after.
fn is_plain_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, "0"));
    digits(whole) && digits(fraction) && (whole.len() == 1 || !whole.starts_with('0'))
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency())
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Money", 2)?;
        fields.serialize_field("amount", &self.amount().to_string())?;
        fields.serialize_field("currency", &self.currency())?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "Money", deny_unknown_fields)]
        struct Fields {
            amount: String,
            currency: Currency,
        }
        let fields = Fields::deserialize(deserializer)?;
        Money::parse(&fields.amount, fields.currency).map_err(serde::de::Error::custom)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    /// Reads what `Display` writes: `23.79 EUR`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (amount, code) = text
            .split_once(' ')
            .ok_or_else(|| MoneyError::NotAnAmount { found: text.chars().take(FOUND_CHARS_MAX).collect() })?;
        Money::parse(amount, Currency::from_code(code)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_that_is_not_a_plain_decimal_is_refused() {
        let texts = [
            "", " ", "-", ".", "1.", ".5", "+1", "1e3", "1E3", "0x10", "1_000", "1,000.00", "1 000", " 1", "1 ", "01",
            "00.10", "--1", "1.2.3", "1-", "NaN", "inf", "٣", "１", "1.0f", "-.5",
        ];
        for text in texts {
            assert_eq!(
                Money::parse(text, Currency::EUR),
                Err(MoneyError::NotAnAmount { found: text.to_owned() }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_amount_longer_than_any_real_one_is_refused_with_its_beginning() {
        let error = Money::parse(&"9".repeat(10_000), Currency::EUR).unwrap_err();
        assert_eq!(error, MoneyError::NotAnAmount { found: "9".repeat(32) });
        assert!(Money::parse(&"9".repeat(31), Currency::EUR).is_err(), "no room for it");
        assert!(Money::parse(&format!("0.{}", "0".repeat(31)), Currency::EUR).is_err(), "zeros without end");
    }

    #[test]
    fn what_is_finer_than_the_minor_unit_is_refused_and_zeros_are_not() {
        let error = Money::parse("23.795", Currency::EUR).unwrap_err();
        assert_eq!(error.to_string(), "expected an amount in EUR with at most 2 decimal places, found 23.795");
        assert_eq!(Money::parse("23.7900", Currency::EUR).unwrap().to_string(), "23.79 EUR");
        assert_eq!(Money::parse("500.00", Currency::JPY).unwrap().to_string(), "500 JPY");
    }

    #[test]
    fn a_negative_zero_is_a_zero() {
        let zero = Money::parse("-0.00", Currency::EUR).unwrap();
        assert_eq!(zero, Money::zero(Currency::EUR));
        assert_eq!(zero.to_string(), "0.00 EUR");
        assert_eq!(zero.negated().to_string(), "0.00 EUR");
    }

    #[test]
    fn in_json_an_amount_is_decimal_text_beside_its_currency() {
        let json = r#"{"amount":"23.79","currency":"EUR"}"#;
        let money: Money = serde_json::from_str(json).unwrap();
        assert_eq!(money, Money::from_minor(2_379, Currency::EUR));
        assert_eq!(serde_json::to_string(&money).unwrap(), json);
        assert_eq!(serde_json::from_value::<Money>(serde_json::to_value(money).unwrap()).unwrap(), money);
    }

    #[test]
    fn json_that_could_lose_something_is_refused() {
        let refused = [
            (r#"{"amount":23.79,"currency":"EUR"}"#, "floating point"),
            (r#"{"amount":2379,"currency":"EUR"}"#, "integer"),
            (r#"{"amount":"23.795","currency":"EUR"}"#, "at most 2 decimal places"),
            (r#"{"amount":"2.379e1","currency":"EUR"}"#, "such as 23.79"),
            (r#"{"amount":"23.79","currency":"XAU"}"#, "ISO 4217"),
            (r#"{"amount":"23.79"}"#, "currency"),
            (r#"{"amount":"23.79","currency":"EUR","scale":3}"#, "unknown field"),
            (r#"{"amount":"23.79","amount":"1.00","currency":"EUR"}"#, "duplicate field"),
            (r#""23.79 EUR""#, "invalid type"),
        ];
        for (json, reason) in refused {
            let error = serde_json::from_str::<Money>(json).unwrap_err().to_string();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }

    fn any_currency() -> impl Strategy<Value = Currency> {
        prop::sample::select(vec!["EUR", "JPY", "KWD", "CLF", "USD", "ISK", "HUF"])
            .prop_map(|code| Currency::from_code(code).unwrap())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(units in any::<i64>(), currency in any_currency()) {
            let money = Money::from_minor(units, currency);
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
            prop_assert_eq!(Money::parse(&money.amount().to_string(), currency), Ok(money));
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }

        #[test]
        fn reading_anything_at_all_never_panics_and_keeps_what_it_accepts(text in "[-+]?[0-9]{0,33}[.]?[0-9e]{0,6}") {
            if let Ok(money) = Money::parse(&text, Currency::EUR) {
                prop_assert_eq!(money.amount(), Decimal::from_str_exact(&text).unwrap());
            }
        }
    }
}
