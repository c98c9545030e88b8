//! ISO 4217 currencies that have a minor unit.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

/// An ISO 4217 currency that has a minor unit, so that amounts in it are whole numbers of something.
///
/// Ordered by code, and written as its code.
///
/// ```
/// use saldo_money::Currency;
///
/// let dinar: Currency = "KWD".parse()?;
/// assert_eq!(dinar.exponent(), 3);
/// assert_eq!(Currency::JPY.exponent(), 0);
/// assert!("XAU".parse::<Currency>().is_err(), "an ounce of gold has no minor unit");
/// # Ok::<(), saldo_money::UnknownCurrency>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Currency(iso_currency::Currency);

/// A text that is not the code of a currency in which amounts can be booked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected the ISO 4217 code of a currency with a minor unit, such as EUR, found {found:?}")]
pub struct UnknownCurrency {
    found: String,
}

/// How much of an unknown code an error repeats.
const FOUND_CHARS_MAX: usize = 16;

macro_rules! currencies {
    ($($code:ident $name:literal),+ $(,)?) => {
        impl Currency {
            $(#[doc = concat!("The ", $name, ".")]
            pub const $code: Currency = Currency(iso_currency::Currency::$code);)+
        }
    };
}

currencies! {
    AUD "Australian dollar",
    BHD "Bahraini dinar, in thousandths",
    BRL "Brazilian real",
    CAD "Canadian dollar",
    CHF "Swiss franc",
    EUR "euro",
    GBP "pound sterling",
    INR "Indian rupee",
    JPY "Japanese yen, which has no smaller unit",
    KWD "Kuwaiti dinar, in thousandths",
    SEK "Swedish krona",
    USD "United States dollar",
}

impl Currency {
    /// The currency with this upper-case ISO 4217 code.
    ///
    /// # Errors
    /// [`UnknownCurrency`] for anything else, also for codes without a minor unit such as `XXX` and `XAU`.
    pub fn from_code(code: &str) -> Result<Currency, UnknownCurrency> {
        iso_currency::Currency::from_code(code)
            .filter(|currency| currency.exponent().is_some())
            .map(Currency)
            .ok_or_else(|| UnknownCurrency { found: code.chars().take(FOUND_CHARS_MAX).collect() })
    }

    /// The three letters of ISO 4217.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The number of decimal places of the minor unit: 2 for the euro, 0 for the yen, 3 for the Kuwaiti dinar.
    #[must_use]
    pub fn exponent(self) -> u32 {
        // `from_code` and the constants let no currency in whose exponent is absent.
        self.0.exponent().map_or(0, u32::from)
    }

    /// The number of decimal places that anybody can pay: hundredths at most, also where there are thousandths, and whole ariary,
    /// of which a fifth is the smaller unit (docs.stripe.com/currencies).
    #[must_use]
    pub fn payable_places(self) -> u32 {
        if self.code() == "MGA" { 0 } else { self.exponent().min(2) }
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> Ordering {
        self.code().cmp(other.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Currency::from_code(code)
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        Currency::from_code(&code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every currency of ISO 4217 (list one) whose minor unit is not a hundredth.
    const NOT_HUNDREDTHS: [(&str, u32); 26] = [
        ("BHD", 3),
        ("BIF", 0),
        ("CLF", 4),
        ("CLP", 0),
        ("DJF", 0),
        ("GNF", 0),
        ("IQD", 3),
        ("ISK", 0),
        ("JOD", 3),
        ("JPY", 0),
        ("KMF", 0),
        ("KRW", 0),
        ("KWD", 3),
        ("LYD", 3),
        ("OMR", 3),
        ("PYG", 0),
        ("RWF", 0),
        ("TND", 3),
        ("UGX", 0),
        ("UYI", 0),
        ("UYW", 4),
        ("VND", 0),
        ("VUV", 0),
        ("XAF", 0),
        ("XOF", 0),
        ("XPF", 0),
    ];

    fn every_code() -> impl Iterator<Item = String> {
        let letters = || 'A'..='Z';
        letters().flat_map(move |a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))))
    }

    #[test]
    fn the_minor_unit_is_a_hundredth_but_for_the_listed_currencies() {
        let odd: Vec<(&str, u32)> = every_code()
            .filter_map(|code| Currency::from_code(&code).ok())
            .filter(|currency| currency.exponent() != 2)
            .map(|currency| (currency.code(), currency.exponent()))
            .collect();
        assert_eq!(odd, NOT_HUNDREDTHS);
    }

    #[test]
    fn currencies_that_people_take_for_whole_numbers_have_hundredths() {
        for code in ["HUF", "TWD", "IDR", "COP", "MGA", "MRU", "LAK", "RSD", "EUR", "USD"] {
            assert_eq!(Currency::from_code(code).unwrap().exponent(), 2, "{code}");
        }
    }

    #[test]
    fn nobody_pays_thousandths_nor_parts_of_an_ariary() {
        let places = |code: &str| Currency::from_code(code).unwrap().payable_places();
        assert_eq!(["KWD", "CLF", "EUR", "JPY", "MGA"].map(places), [2, 2, 2, 0, 0]);
    }

    #[test]
    fn what_has_no_minor_unit_is_no_currency_to_book_in() {
        for code in ["XXX", "XTS", "XAU", "XAG", "XPT", "XPD", "XDR", "XSU", "XUA", "XBA", "XBB", "XBC", "XBD"] {
            assert!(Currency::from_code(code).is_err(), "{code}");
        }
    }

    #[test]
    fn a_code_is_three_upper_case_letters_and_nothing_else() {
        for text in ["eur", "EURO", " EUR", "EU", "", "€", "ZZZ", "978"] {
            assert!(text.parse::<Currency>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_error_says_what_was_expected_and_repeats_only_a_little_of_what_was_found() {
        let error = Currency::from_code(&"x".repeat(1_000)).unwrap_err().to_string();
        assert_eq!(
            error,
            "expected the ISO 4217 code of a currency with a minor unit, such as EUR, found \"xxxxxxxxxxxxxxxx\""
        );
    }

    #[test]
    fn currencies_sort_by_code() {
        let mut currencies = [Currency::USD, Currency::CHF, Currency::from_code("XCG").unwrap(), Currency::AUD];
        currencies.sort();
        assert_eq!(currencies.map(Currency::code), ["AUD", "CHF", "USD", "XCG"]);
    }

    #[test]
    fn a_currency_is_its_code_in_json() {
        assert_eq!(serde_json::to_string(&Currency::KWD).unwrap(), "\"KWD\"");
        assert_eq!(serde_json::from_str::<Currency>("\"KWD\"").unwrap(), Currency::KWD);
        assert!(serde_json::from_str::<Currency>("\"XAU\"").is_err());
        assert!(serde_json::from_str::<Currency>("978").is_err());
    }
}
