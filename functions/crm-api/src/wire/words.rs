//! Texts that people write: bounded, on one line, never blank.

use std::str::FromStr;

use chrono::NaiveDate;
use saldo_billing::id::ProductId;
use serde_json::{Value, json};

use super::Scalar;
use super::scalars::{ID_DIGITS, beginning};

/// Characters that would break a line, of a log, a header or a document.
fn breaks_lines(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// Why the text cannot be kept, if it cannot.
fn fault(text: &str, most: usize) -> Option<String> {
    let found = text.chars().count();
    if found > most || text.trim().is_empty() {
        Some(format!("expected 1 to {most} characters that are not all blank, found {found}"))
    } else if text.chars().any(breaks_lines) {
        Some("expected text on one line, without control characters".to_owned())
    } else {
        None
    }
}

fn words_schema(what: &str, most: usize, example: &str) -> Value {
    const BREAKS: &str = r"\u0000-\u001f\u007f-\u009f\u2028\u2029";
    json!({
        "type": "string",
        "description": what,
        "minLength": 1,
        "maxLength": most,
        "pattern": format!(r"^[^{BREAKS}]*[^{BREAKS}\s][^{BREAKS}]*$"),
        "examples": [example],
    })
}

macro_rules! words {
    ($($(#[doc = $doc:literal])* $name:ident ($most:literal, $example:literal);)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub String);

        impl Scalar for $name {
            const NAME: &'static str = stringify!($name);

            fn schema() -> Value {
                words_schema(concat!($($doc),*).trim(), $most, $example)
            }

            fn read(text: &str) -> Result<Self, String> {
                fault(text, $most).map_or_else(|| Ok(Self(text.to_owned())), Err)
            }

            fn write(&self) -> String {
                self.0.clone()
            }
        }
    )*};
}

words! {
    /// A name as documents show it.
    Name (200, "Zoë Müller GmbH");
    /// A word of your own by which reports are broken down.
    Label (60, "emea");
    /// What a line is for.
    Description (500, "Consulting, 12 January");
    /// A line at the foot of documents.
    Footer (500, "Amtsgericht Berlin HRB 12345");
    /// A line of an address.
    PlaceLine (120, "Lange Straße 1");
    /// What a key for the API is for.
    KeyName (100, "crm production");
    /// A tax number as it is printed.
    TaxValue (40, "DE123456789");
}

macro_rules! patterns {
    ($($(#[doc = $doc:literal])* $name:ident ($most:literal, $letters:literal, $is_letter:expr, $example:literal);)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub String);

        impl Scalar for $name {
            const NAME: &'static str = stringify!($name);

            fn schema() -> Value {
                let what = concat!($($doc),*).trim();
                let pattern = format!("^[{}]{{1,{}}}$", $letters, $most);
                json!({"type": "string", "description": what, "pattern": pattern, "examples": [$example]})
            }

            fn read(text: &str) -> Result<Self, String> {
                let is_letter: fn(u8) -> bool = $is_letter;
                if (1..=$most).contains(&text.len()) && text.bytes().all(is_letter) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(format!("expected 1 to {} characters of {}, like `{}`, found `{}`", $most, $letters, $example, beginning(text)))
                }
            }

            fn write(&self) -> String {
                self.0.clone()
            }
        }
    )*};
}

patterns! {
    /// What invoice numbers begin with.
    NumberPrefix (20, "A-Za-z0-9/_-", |b| b.is_ascii_alphanumeric() || b"/_-".contains(&b), "INV-");
    /// Which kind of tax number it is.
    TaxKind (20, "a-z0-9_", |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_', "eu_vat");
    /// A provider's token or id, never card data.
    ProviderReference (255, "A-Za-z0-9_.:-", |b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b), "pm_1Pf3kq2eZvKYlo2C");
    /// A provider's word for a kind of payment method or a card network.
    ProviderWord (40, "a-z0-9_", |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_', "card");
}

/// A colour of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrandColour(pub String);

impl Scalar for BrandColour {
    const NAME: &'static str = "BrandColour";

    fn schema() -> Value {
        json!({"type": "string", "description": "A colour.", "pattern": "^#[0-9a-fA-F]{6}$", "examples": ["#0b5fff"]})
    }

    fn read(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        match digits {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(Self(text.to_owned())),
            _ => Err(format!("expected a colour like `#0b5fff`, found `{}`", beginning(text))),
        }
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// What people recognise a payment method by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFour(pub String);

impl Scalar for LastFour {
    const NAME: &'static str = "LastFour";

    fn schema() -> Value {
        let what = "The last four characters of a payment method.";
        json!({"type": "string", "description": what, "pattern": "^[A-Za-z0-9]{4}$", "examples": ["4242"]})
    }

    fn read(text: &str) -> Result<Self, String> {
        let four = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if four { Ok(Self(text.to_owned())) } else { Err("expected four letters or digits".to_owned()) }
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// A month of a year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month(pub String);

impl Scalar for Month {
    const NAME: &'static str = "Month";

    fn schema() -> Value {
        json!({"type": "string", "description": "A month.", "pattern": "^2[0-9]{3}-(0[1-9]|1[0-2])$", "examples": ["2029-08"]})
    }

    fn read(text: &str) -> Result<Self, String> {
        let first_day = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok();
        let shaped = first_day.filter(|day| text.starts_with('2') && day.format("%Y-%m").to_string() == text);
        shaped.map(|_| Self(text.to_owned())).ok_or_else(|| "expected a month like `2029-08`".to_owned())
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// A product: one that is there, by its id, or one by its name, made when it is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductRef {
    /// By its id.
    Id(ProductId),
    /// By its name.
    Named(String),
}

impl Scalar for ProductRef {
    const NAME: &'static str = "ProductRef";

    fn schema() -> Value {
        let mut schema = words_schema(
            "A product by its id, or by a name: the first use of a name makes the product. What begins with `prd_` is an id.",
            200,
            "Gold plan",
        );
        if let Some(pattern) = schema.pointer_mut("/pattern") {
            let text = pattern.as_str().unwrap_or_default().trim_start_matches('^');
            *pattern = json!(format!("^(prd_{ID_DIGITS}|(?!prd_){})$", text.trim_end_matches('$')));
        }
        schema
    }

    fn read(text: &str) -> Result<Self, String> {
        if text.starts_with("prd_") {
            return ProductId::from_str(text).map(Self::Id).map_err(|error| error.to_string());
        }
        fault(text, 200).map_or_else(|| Ok(Self::Named(text.to_owned())), Err)
    }

    fn write(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Named(name) => name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_people_and_stay_on_one_line() {
        for text in ["Zoë", "名前 株式会社", "O'Neill & Søns", "x"] {
            assert_eq!(Name::read(text).unwrap().0, text);
        }
        for text in ["", "   ", "a\r\nBcc: b", "a\u{0}b", "a\u{2028}b", &"x".repeat(201)] {
            assert!(Name::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_begins_like_an_id_must_be_one() {
        assert!(matches!(ProductRef::read("Gold plan").unwrap(), ProductRef::Named(_)));
        assert!(matches!(ProductRef::read("prd_01hqzv5w3e8m4tq2cyx7n9bkda").unwrap(), ProductRef::Id(_)));
        assert!(ProductRef::read("prd_gold").is_err());
    }
}
