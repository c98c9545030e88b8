//! Ids, codes, dates and numbers.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use rust_decimal::Decimal;
use saldo_billing::id::{
    ApiKeyId, CustomerId, InvoiceId, PaymentId, PriceId, ProductId, RefundId, SellerId, SubscriptionId,
};
use saldo_billing::party::{Country, Email, Language};
use saldo_billing::provider::ProviderAccount;
use saldo_billing::tax::TaxRate;
use saldo_money::Currency;
use serde_json::{Value, json};

use super::Scalar;

/// The digits of an id: 26 of Crockford's base32, of which the first has three bits.
pub(super) const ID_DIGITS: &str = "[0-7][0-9a-hjkmnp-tv-z]{25}";

macro_rules! ids {
    ($($id:ident: $what:literal;)*) => {$(
        impl Scalar for $id {
            const NAME: &'static str = stringify!($id);

            fn schema() -> Value {
                json!({
                    "type": "string",
                    "description": concat!("The id of ", $what, "."),
                    "pattern": format!("^{}_{ID_DIGITS}$", Self::PREFIX),
                    "minLength": 30,
                    "maxLength": 30,
                    "examples": [format!("{}_01hqzv5w3e8m4tq2cyx7n9bkda", Self::PREFIX)],
                })
            }

            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|error: saldo_billing::id::IdError| error.to_string())
            }

            fn write(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

ids! {
    SellerId: "a seller";
    CustomerId: "a customer";
    ProductId: "a product";
    PriceId: "a price";
    SubscriptionId: "a subscription";
    InvoiceId: "an invoice";
    PaymentId: "a payment";
    RefundId: "a refund";
    ApiKeyId: "a key for the API";
}

/// All texts of so many capital letters that `is_code` accepts.
fn codes(letters: usize, is_code: impl Fn(&str) -> bool) -> Vec<String> {
    let longer = |texts: Vec<String>| -> Vec<String> {
        texts.iter().flat_map(|text| ('A'..='Z').map(move |letter| format!("{text}{letter}"))).collect()
    };
    (0..letters).fold(vec![String::new()], |texts, _| longer(texts)).into_iter().filter(|text| is_code(text)).collect()
}

impl Scalar for Country {
    const NAME: &'static str = "Country";

    fn schema() -> Value {
        let codes = codes(2, |text| text.parse::<Self>().is_ok());
        json!({"type": "string", "description": "A country by its ISO 3166-1 alpha-2 code.", "enum": codes, "examples": ["DE"]})
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: saldo_billing::party::PartyError| error.to_string())
    }

    fn write(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Scalar for Language {
    const NAME: &'static str = "Language";

    fn schema() -> Value {
        json!({
            "type": "string",
            "description": "A language by its ISO 639-1 code. Documents and mail are in English where there is no translation yet.",
            "pattern": "^[a-z]{2}$",
            "examples": ["de"],
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: saldo_billing::party::PartyError| error.to_string())
    }

    fn write(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Scalar for Email {
    const NAME: &'static str = "Email";

    fn schema() -> Value {
        const ATOM: &str = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
        const LABEL: &str = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
        json!({
            "type": "string",
            "format": "email",
            "description": "Where mail goes: at most 64 characters before the @, no quotes, no comments.",
            "pattern": format!(r"^{ATOM}(\.{ATOM})*@{LABEL}(\.{LABEL})+$"),
            "maxLength": 254,
            "examples": ["accounts@example.com"],
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: saldo_billing::party::PartyError| error.to_string())
    }

    fn write(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Scalar for Tz {
    const NAME: &'static str = "Zone";

    fn schema() -> Value {
        let names: Vec<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
        json!({"type": "string", "description": "An IANA time zone.", "enum": names, "examples": ["Europe/Berlin"]})
    }

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_unknown| format!("expected an IANA time zone like `Europe/Berlin`, found `{}`", beginning(text)))
    }

    fn write(&self) -> String {
        self.name().to_owned()
    }
}

impl Scalar for Currency {
    const NAME: &'static str = "Currency";

    fn schema() -> Value {
        let codes = codes(3, |text| Self::from_code(text).is_ok());
        json!({"type": "string", "description": "A currency by its ISO 4217 code.", "enum": codes, "examples": ["EUR"]})
    }

    fn read(text: &str) -> Result<Self, String> {
        Self::from_code(text).map_err(|error| error.to_string())
    }

    fn write(&self) -> String {
        self.code().to_owned()
    }
}

impl Scalar for NaiveDate {
    const NAME: &'static str = "Date";

    fn schema() -> Value {
        json!({
            "type": "string",
            "format": "date",
            "description": "A civil date, without a zone.",
            "pattern": r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
            "examples": ["2027-01-31"],
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let shaped = text.len() == 10 && (text.starts_with("19") || text.starts_with('2'));
        let date = shaped.then(|| text.parse::<Self>().ok()).flatten();
        // The parser is lenient: what it would write differently was not written as a date.
        date.filter(|date| date.to_string() == text)
            .ok_or_else(|| format!("expected a date like `2027-01-31` from 1900 to 2999, found `{}`", beginning(text)))
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Scalar for DateTime<Utc> {
    const NAME: &'static str = "Instant";

    fn schema() -> Value {
        json!({
            "type": "string",
            "format": "date-time",
            "description": "An instant, RFC 3339 in UTC with milliseconds.",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
            "examples": ["2027-01-31T23:59:59.000Z"],
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let instant = DateTime::parse_from_rfc3339(text);
        instant.map(|at| at.with_timezone(&Utc)).map_err(|_not_an_instant| {
            format!("expected an instant like `2027-01-31T23:59:59.000Z`, found `{}`", beginning(text))
        })
    }

    fn write(&self) -> String {
        saldo_store::instant_text(*self)
    }
}

fn provider_names(between: &str) -> String {
    let names: Vec<&str> = saldo_gateways::PROVIDERS.iter().map(|provider| provider.name()).collect();
    names.join(between)
}

impl Scalar for ProviderAccount {
    const NAME: &'static str = "ProviderAccount";

    fn schema() -> Value {
        json!({
            "type": "string",
            "description": "A configured account at a payment provider: provider/account, as in the webhook's path.",
            "pattern": format!("^({})/[a-z0-9_-]{{1,40}}$", provider_names("|")),
            "examples": ["stripe/main"],
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let account: Self =
            text.parse().map_err(|error: saldo_billing::provider::ProviderAccountError| error.to_string())?;
        if saldo_gateways::provider(account.provider()).is_none() {
            let found = beginning(account.provider());
            return Err(format!("expected an account at {}, found one at `{found}`", provider_names(" or ")));
        }
        Ok(account)
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Scalar for TaxRate {
    const NAME: &'static str = "TaxRate";

    fn schema() -> Value {
        json!({
            "type": "string",
            "description": "The tax as a share of the net amount: `0.19` for 19 %.",
            "pattern": r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$",
            "examples": ["0.19"],
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "expected a tax rate from 0 to 1 with at most six decimals, like `0.19`, found `{}`",
                beginning(text)
            )
        };
        plain_decimal(text, 1, 6).and_then(|rate| Self::try_new(rate).ok()).ok_or_else(expected)
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

/// How many of something; more than none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity(pub Decimal);

impl Scalar for Quantity {
    const NAME: &'static str = "Quantity";

    fn schema() -> Value {
        json!({
            "type": "string",
            "description": "How many; more than 0, with at most nine decimals.",
            "pattern": r"^(?!0(\.0+)?$)(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$",
            "examples": ["1", "2.5"],
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        plain_decimal(text, 9, 9).filter(|quantity| *quantity > Decimal::ZERO).map(Self).ok_or_else(|| {
            format!("expected a quantity above 0 as text, like `1` or `2.5`, found `{}`", beginning(text))
        })
    }

    fn write(&self) -> String {
        self.0.normalize().to_string()
    }
}

/// What one of something costs, net; may be finer than the currency's minor unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitAmount(pub Decimal);

impl Scalar for UnitAmount {
    const NAME: &'static str = "UnitAmount";

    fn schema() -> Value {
        json!({
            "type": "string",
            "description": "What one costs, net of tax or with it, as `tax_behavior` says. May be finer than the currency's minor unit: the line is what gets rounded.",
            "pattern": r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$",
            "examples": ["19.99"],
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        plain_decimal(text, 9, 9).filter(|amount| !amount.is_sign_negative()).map(Self).ok_or_else(|| {
            format!("expected an amount of 0 or more as text, like `19.99`, found `{}`", beginning(text))
        })
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

/// What one of something costs on a line; below zero for a discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineUnitAmount(pub Decimal);

impl Scalar for LineUnitAmount {
    const NAME: &'static str = "LineUnitAmount";

    fn schema() -> Value {
        json!({
            "type": "string",
            "description": "What one costs, net of tax or with it, as `tax_behavior` says; below zero for a discount. May be finer than the currency's minor unit.",
            "pattern": r"^(?!-0(\.0+)?$)-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$",
            "examples": ["19.99", "-5"],
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        plain_decimal(text, 9, 9)
            .map(Self)
            .ok_or_else(|| format!("expected an amount as text, like `19.99`, found `{}`", beginning(text)))
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

/// Reads `-?(0|[1-9][0-9]*)(\.[0-9]+)?` with at most so many digits before and after the point, and nothing below zero that is
/// zero.
pub(super) fn plain_decimal(text: &str, whole_digits: usize, decimals: usize) -> Option<Decimal> {
    let digits =
        |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, "0"));
    let plain =
        digits(whole, whole_digits) && digits(fraction, decimals) && (whole.len() == 1 || !whole.starts_with('0'));
    let value = Decimal::from_str_exact(text).ok().filter(|_| plain)?;
    if value.is_zero() && text.starts_with('-') { None } else { Some(value) }
}

/// As much of a text as an error repeats.
pub(super) fn beginning(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_plain_digits_and_nothing_else() {
        for text in ["1", "0", "0.5", "999999999.999999999", "-3.10"] {
            assert!(plain_decimal(text, 9, 9).is_some(), "{text}");
        }
        for text in ["", "-", ".5", "1.", "01", "+1", "1e3", "1_000", " 1", "1234567890", "0.1234567890", "NaN", "٣"] {
            assert!(plain_decimal(text, 9, 9).is_none(), "{text}");
        }
    }

    #[test]
    fn dates_are_written_in_full() {
        assert_eq!(NaiveDate::read("2028-02-29").unwrap().to_string(), "2028-02-29");
        for text in
            ["2027-02-29", "2027-1-31", "31.01.2027", "+2027-01-3", "1899-12-31", "3000-01-01", "2027-01-31T00:00:00Z"]
        {
            assert!(NaiveDate::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_quantity_is_more_than_nothing() {
        for text in ["0", "0.0", "-1", "1e1"] {
            assert!(Quantity::read(text).is_err(), "{text}");
        }
        assert_eq!(Quantity::read("2.50").unwrap().write(), "2.5");
    }

    #[test]
    fn the_lists_of_codes_are_those_of_the_domain() {
        assert_eq!(Country::schema().pointer("/enum").and_then(Value::as_array).unwrap().len(), 250);
        let currencies = Currency::schema();
        let currencies = currencies.pointer("/enum").and_then(Value::as_array).unwrap();
        assert!(currencies.contains(&json!("KWD")) && !currencies.contains(&json!("XAU")));
    }
}
