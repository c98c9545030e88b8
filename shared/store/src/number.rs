//! Numbers as DynamoDB keeps them: decimal, 38 significant digits, one text per value.

use std::fmt;

use rust_decimal::Decimal;

/// Significant digits a number may have.
const MAX_DIGITS: u32 = 38;
/// Powers of ten a number may reach.
const EXPONENTS: std::ops::RangeInclusive<i32> = -130..=125;

/// A decimal number: `mantissa × 10^exponent`, without trailing zeros in the mantissa.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    mantissa: i128,
    exponent: i32,
}

/// A text that is not a number DynamoDB takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a decimal number of at most {MAX_DIGITS} digits")]
pub struct NumberError {
    text: String,
}

impl Number {
    /// Reads plain and exponent notation.
    pub(crate) fn parse(text: &str) -> Result<Self, NumberError> {
        Self::read(text).ok_or_else(|| NumberError { text: text.to_owned() })
    }

    /// The exact value of a decimal.
    pub(crate) fn of(decimal: Decimal) -> Self {
        let exponent = i32::try_from(decimal.scale()).unwrap_or(0).saturating_neg();
        Self { mantissa: decimal.mantissa(), exponent }.normal()
    }

    /// The exact sum.
    pub(crate) fn add(self, other: Self) -> Result<Self, NumberError> {
        self.sum(other).ok_or_else(|| NumberError { text: format!("{self} + {other}") })
    }

    fn read(text: &str) -> Option<Self> {
        let (digits, power) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            Some((digits, power)) => (digits, power.parse::<i32>().ok()?),
        };
        let (negative, digits) = match digits.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, digits.strip_prefix('+').unwrap_or(digits)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        // Zeros at the end of a whole number are kept in the exponent: they are no significant digits.
        let significant = if fraction.is_empty() { whole.trim_end_matches('0') } else { whole };
        let zeros = whole.len().checked_sub(significant.len())?;
        let mut mantissa: i128 = 0;
        for digit in significant.chars().chain(fraction.chars()) {
            let digit = i128::from(digit.to_digit(10)?);
            mantissa = mantissa.checked_mul(10)?.checked_add(digit)?;
        }
        let exponent =
            power.checked_add(i32::try_from(zeros).ok()?)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Self { mantissa: if negative { mantissa.checked_neg()? } else { mantissa }, exponent }.normal().within_limits()
    }

    fn sum(self, other: Self) -> Option<Self> {
        if self.mantissa == 0 {
            return Some(other);
        }
        if other.mantissa == 0 {
            return Some(self);
        }
        let exponent = self.exponent.min(other.exponent);
        let mantissa = self.at(exponent)?.checked_add(other.at(exponent)?)?;
        Self { mantissa, exponent }.normal().within_limits()
    }

    fn at(self, exponent: i32) -> Option<i128> {
        let shift = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.mantissa.checked_mul(10_i128.checked_pow(shift)?)
    }

    fn normal(mut self) -> Self {
        if self.mantissa == 0 {
            return Self { mantissa: 0, exponent: 0 };
        }
        while self.mantissa.checked_rem(10) == Some(0) {
            self.mantissa = self.mantissa.checked_div(10).unwrap_or(0);
            self.exponent = self.exponent.saturating_add(1);
        }
        self
    }

    fn within_limits(self) -> Option<Self> {
        let digits = i32::try_from(self.digits()).ok()?;
        let magnitude = self.exponent.checked_add(digits)?.checked_sub(1)?;
        (digits <= i32::try_from(MAX_DIGITS).ok()? && EXPONENTS.contains(&magnitude)).then_some(self)
    }

    fn digits(self) -> u32 {
        self.mantissa.unsigned_abs().checked_ilog10().map_or(1, |log| log.saturating_add(1))
    }

    /// Bytes it takes in an item: one, plus one for every two significant digits, plus one for a sign.
    pub(crate) fn size(self) -> usize {
        let digits = usize::try_from(self.digits()).unwrap_or(usize::MAX);
        digits.div_ceil(2).saturating_add(1).saturating_add(usize::from(self.mantissa < 0))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs().to_string();
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let Ok(places) = usize::try_from(self.exponent.saturating_neg()) else {
            let zeros = usize::try_from(self.exponent).unwrap_or(0);
            return write!(f, "{sign}{digits}{:0<zeros$}", "");
        };
        match digits.len().checked_sub(places) {
            _ if places == 0 => write!(f, "{sign}{digits}"),
            Some(point) if point > 0 => {
                let (whole, fraction) = digits.split_at(point);
                write!(f, "{sign}{whole}.{fraction}")
            }
            _ => write!(f, "{sign}0.{digits:0>places$}"),
        }
    }
}

/// Whether the text is already the one text of its value: a short whole number, which nearly all are.
pub(crate) fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    match digits {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.len() < 18 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Number::parse(text).unwrap().to_string()
    }

    #[test]
    fn every_value_has_one_text() {
        for (given, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.00", "0"),
            ("1", "1"),
            ("+7", "7"),
            ("007", "7"),
            ("1.50", "1.5"),
            ("100", "100"),
            ("1E2", "100"),
            ("-1.5e-3", "-0.0015"),
            (".5", "0.5"),
            ("5.", "5"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
            ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
            ("1E-130", &format!("0.{}1", "0".repeat(129))),
        ] {
            assert_eq!(canonical(given), expected, "{given}");
        }
    }

    #[test]
    fn what_is_not_a_number_of_38_digits_is_refused() {
        for text in ["", "-", ".", "1.2.3", "NaN", "1e", "0x10", "１", "1E126", "1E-131", "--1", "1 "] {
            assert!(Number::parse(text).is_err(), "{text}");
        }
        assert!(Number::parse(&"1".repeat(39)).is_err());
        let long = format!("1{}", "0".repeat(60));
        assert_eq!((canonical("1E60"), canonical(&long)), (long.clone(), long));
    }

    #[test]
    fn sums_are_exact_or_refused() {
        let sum = |a: &str, b: &str| Number::parse(a).unwrap().add(Number::parse(b).unwrap());
        assert_eq!(sum("0.1", "0.2").unwrap().to_string(), "0.3");
        assert_eq!(
            sum("1234567890123456789012345678", "0.0000000001").unwrap().to_string(),
            "1234567890123456789012345678.0000000001"
        );
        assert_eq!(sum("5", "-5").unwrap().to_string(), "0");
        assert_eq!(sum("0", "1E100").unwrap(), Number::parse("1E100").unwrap());
        assert!(sum("1E38", "0.1").is_err());
    }

    #[test]
    fn a_decimal_keeps_its_value() {
        for text in ["79228162514264337593543950335", "-0.0000000000000000000000000001", "12.3400", "0"] {
            let decimal: Decimal = text.parse().unwrap();
            assert_eq!(Number::of(decimal), Number::parse(text).unwrap());
        }
    }

    #[test]
    fn the_fast_test_for_plain_integers_is_never_wrong() {
        for text in ["0", "7", "-7", "1764547200", "999999999999999999"] {
            assert!(is_plain_integer(text));
            assert_eq!(canonical(text), text);
        }
        for text in ["-0", "00", "01", "+1", "1.0", "", "-", "1e3"] {
            assert!(!is_plain_integer(text), "{text}");
        }
    }
}
