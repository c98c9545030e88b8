//! Amounts of money: out always with their currency, in also as text where the currency stands beside.

use std::borrow::Cow;
use std::fmt;

use rust_decimal::Decimal;
use saldo_money::Currency;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::scalars::plain_decimal;
use crate::problem::Problem;

/// An amount with its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money(pub saldo_money::Money);

/// An amount that was given: with its currency, or as text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Given {
    Money(saldo_money::Money),
    Text(Decimal),
}

/// An amount of money in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmountText(Given);

/// What one costs, in a request for a price; 0 or more, and may be finer than the minor unit when it is given as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceAmountText(Given);

/// What one costs, in a request; may be finer than the minor unit when it is given as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitAmountText(Given);

impl Money {
    /// The name of its schema.
    pub const NAME: &'static str = "Money";

    /// Its schema.
    pub fn schema_value() -> Value {
        json!({
            "type": "object",
            "description": "An amount: decimal text beside its currency, never a number.",
            "properties": {
                "amount": {
                    "type": "string",
                    "pattern": r"^-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,4})?$",
                    "description": "In the major unit, with at most as many decimals as the currency has.",
                    "examples": ["23.79"],
                },
                "currency": {"$ref": "#/components/schemas/Currency"},
            },
            "required": ["amount", "currency"],
            "additionalProperties": false,
            "examples": [{"amount": "23.79", "currency": "EUR"}],
        })
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrMoney;
        impl<'de> Visitor<'de> for TextOrMoney {
            type Value = Given;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"decimal text like "19.99", or {"amount": "19.99", "currency": "EUR"}"#)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Given, E> {
                let amount = plain_decimal(text, 9, 9);
                amount.map(Given::Text).ok_or_else(|| E::custom("expected decimal text like `19.99`"))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Given, A::Error> {
                let money = saldo_money::Money::deserialize(MapAccessDeserializer::new(map))?;
                let is_sane = plain_decimal(&money.amount().to_string(), 9, 4).is_some();
                if is_sane {
                    Ok(Given::Money(money))
                } else {
                    Err(A::Error::custom("expected an amount below a billion"))
                }
            }
        }
        deserializer.deserialize_any(TextOrMoney)
    }
}

impl Given {
    fn in_currency(&self, field: &str, currency: Currency) -> Result<Decimal, Problem> {
        match self {
            Self::Text(amount) => Ok(*amount),
            Self::Money(money) if money.currency() == currency => Ok(money.amount()),
            Self::Money(money) => {
                let reason = format!("expected {currency}, found {}", money.currency());
                Err(Problem::refused(format!("{field}.currency"), reason))
            }
        }
    }
}

/// The schema of an amount that is given with its currency.
fn money_given(pattern: &str) -> Value {
    json!({
        "type": "object",
        "properties": {"amount": {"type": "string", "pattern": pattern}, "currency": {"$ref": "#/components/schemas/Currency"}},
        "required": ["amount", "currency"],
        "additionalProperties": false,
    })
}

impl AmountText {
    /// The name of its schema.
    pub const NAME: &'static str = "AmountInput";

    /// Its schema.
    pub fn schema_value() -> Value {
        json!({
            "description": "An amount, with its currency or as decimal text in the currency that is given beside it.",
            "oneOf": [
                {"type": "string", "pattern": r"^(?!0(\.0+)?$)(0|[1-9][0-9]{0,8})(\.[0-9]{1,4})?$"},
                money_given(r"^(?!0(\.0+)?$)(0|[1-9][0-9]{0,8})(\.[0-9]{1,4})?$"),
            ],
            "examples": ["19.99", {"amount": "19.99", "currency": "EUR"}],
        })
    }

    /// The amount in this currency.
    ///
    /// # Errors
    /// When it is of another currency, or finer than the minor unit; `field` is blamed.
    pub fn resolve(&self, field: &str, currency: Currency) -> Result<saldo_money::Money, Problem> {
        let amount = self.0.in_currency(field, currency)?;
        if amount.scale() > 4 {
            return Err(Problem::invalid(field, "expected at most four decimals"));
        }
        saldo_money::Money::try_new(amount, currency).map_err(|error| Problem::refused(field, error.to_string()))
    }
}

impl PriceAmountText {
    /// The name of its schema.
    pub const NAME: &'static str = "PriceAmountInput";

    /// Its schema.
    pub fn schema_value() -> Value {
        json!({
            "description": "What one costs, net of tax or with it, as `tax_behavior` says, 0 or more: decimal text in the currency \
                            beside it, which may be finer than the minor unit, or an amount with its currency.",
            "oneOf": [
                {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$"},
                money_given(r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,4})?$"),
            ],
            "examples": ["19.99", {"amount": "19.99", "currency": "EUR"}],
        })
    }

    /// The amount in this currency.
    ///
    /// # Errors
    /// When it is of another currency or below zero; `field` is blamed.
    pub fn resolve(&self, field: &str, currency: Currency) -> Result<Decimal, Problem> {
        let amount = self.0.in_currency(field, currency)?;
        if amount < Decimal::ZERO { Err(Problem::invalid(field, "expected 0 or more")) } else { Ok(amount) }
    }
}

impl UnitAmountText {
    /// The name of its schema.
    pub const NAME: &'static str = "UnitAmountInput";

    /// Its schema.
    pub fn schema_value() -> Value {
        json!({
            "description": "What one costs, net of tax or with it, as `tax_behavior` says: decimal text in the currency beside it, which \
                            may be finer than the minor unit, or an amount with its currency. Below zero only on a line, for a discount.",
            "oneOf": [
                {"type": "string", "pattern": r"^(?!-0(\.0+)?$)-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$"},
                money_given(r"^(?!-0(\.0+)?$)-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,4})?$"),
            ],
            "examples": ["19.99", {"amount": "19.99", "currency": "EUR"}],
        })
    }

    /// The amount in this currency.
    ///
    /// # Errors
    /// When it is of another currency; `field` is blamed.
    pub fn resolve(&self, field: &str, currency: Currency) -> Result<Decimal, Problem> {
        self.0.in_currency(field, currency)
    }
}

macro_rules! named_schemas {
    ($($name:ident),*) => {$(
        impl PartialSchema for $name {
            /// Stands for the schema while routes are put together; [`super::schemas`] has the real one.
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(Self::NAME)
            }
        }
    )*};
}

named_schemas!(Money, AmountText, PriceAmountText, UnitAmountText);

impl<'de> Deserialize<'de> for AmountText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Given::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for PriceAmountText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Given::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for UnitAmountText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Given::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(json: &str) -> Result<UnitAmountText, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn numbers_of_json_are_no_amounts() {
        for json in ["19.99", "20", "null", "true", r#""19,99""#, r#"{"amount":19.99,"currency":"EUR"}"#] {
            assert!(unit(json).is_err(), "{json}");
        }
    }

    #[test]
    fn text_takes_the_currency_beside_it_and_an_amount_must_have_it() {
        assert_eq!(unit(r#""0.0025""#).unwrap().resolve("unit_amount", Currency::EUR).unwrap(), Decimal::new(25, 4));
        let amount = unit(r#"{"amount":"19.99","currency":"USD"}"#).unwrap();
        assert_eq!(amount.resolve("unit_amount", Currency::USD).unwrap(), Decimal::new(1999, 2));
        assert!(amount.resolve("unit_amount", Currency::EUR).is_err());
    }

    #[test]
    fn an_amount_to_be_moved_is_exact_to_the_minor_unit() {
        let amount: AmountText = serde_json::from_str(r#""1.5""#).unwrap();
        assert!(amount.resolve("amount", Currency::JPY).is_err());
        assert_eq!(amount.resolve("amount", Currency::KWD).unwrap().to_string(), "1.500 KWD");
    }
}
