//! What texts mean in requests and answers: each kind is read, written and described in one place.
//!
//! Everything that is not a name, a yes or no or a count travels as text, also amounts: no number of JSON ever meets money.

pub mod amount;
pub mod scalars;
pub mod words;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

pub use self::amount::{AmountText, Money, PriceAmountText, UnitAmountText};
pub use self::scalars::{LineUnitAmount, Quantity, UnitAmount};
pub use self::words::{
    BrandColour, Description, Footer, KeyName, Label, LastFour, Month, Name, NumberPrefix, PlaceLine, ProductRef,
    ProviderReference, ProviderWord, TaxKind, TaxValue,
};

/// Something that is a text in JSON.
pub trait Scalar: Sized {
    /// The name of its schema in the document.
    const NAME: &'static str;

    /// Its schema: the pattern accepts what [`Scalar::read`] accepts.
    fn schema() -> Value;

    /// Reads it, or says what was expected.
    ///
    /// # Errors
    /// What was expected, for the caller to read.
    fn read(text: &str) -> Result<Self, String>;

    /// Writes it.
    fn write(&self) -> String;
}

/// A value as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wire<T>(pub T);

impl<T: Scalar> Serialize for Wire<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.write())
    }
}

impl<'de, T: Scalar> Deserialize<'de> for Wire<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);
        impl<T: Scalar> Visitor<'_> for Text<T> {
            type Value = Wire<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Wire<T>, E> {
                T::read(text).map(Wire).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text(PhantomData))
    }
}

impl<T: Scalar> PartialSchema for Wire<T> {
    /// Stands for the schema while routes are put together; [`schemas`] has the real one, made when somebody asks for it.
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).into()
    }
}

impl<T: Scalar> ToSchema for Wire<T> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed(T::NAME)
    }
}

macro_rules! wires {
    ($($(#[$doc:meta])* $alias:ident = $inner:ty;)*) => {
        $($(#[$doc])* pub type $alias = Wire<$inner>;)*

        /// The schemas of all of these, by name.
        pub fn schemas() -> Vec<(&'static str, Value)> {
            vec![
                $((<$inner as Scalar>::NAME, <$inner as Scalar>::schema()),)*
                (Money::NAME, Money::schema_value()),
                (AmountText::NAME, AmountText::schema_value()),
                (PriceAmountText::NAME, PriceAmountText::schema_value()),
                (UnitAmountText::NAME, UnitAmountText::schema_value()),
            ]
        }
    };
}

wires! {
    /// A seller's id.
    SellerId = saldo_billing::id::SellerId;
    /// A customer's id.
    CustomerId = saldo_billing::id::CustomerId;
    /// A product's id.
    ProductId = saldo_billing::id::ProductId;
    /// A price's id.
    PriceId = saldo_billing::id::PriceId;
    /// A subscription's id.
    SubscriptionId = saldo_billing::id::SubscriptionId;
    /// An invoice's id.
    InvoiceId = saldo_billing::id::InvoiceId;
    /// A payment's id.
    PaymentId = saldo_billing::id::PaymentId;
    /// A refund's id.
    RefundId = saldo_billing::id::RefundId;
    /// The id of a key for the API.
    ApiKeyId = saldo_billing::id::ApiKeyId;
    /// A country.
    Country = saldo_billing::party::Country;
    /// A language.
    Language = saldo_billing::party::Language;
    /// An e-mail address.
    Email = saldo_billing::party::Email;
    /// A time zone.
    Zone = chrono_tz::Tz;
    /// A currency.
    Currency = saldo_money::Currency;
    /// A civil date.
    Date = chrono::NaiveDate;
    /// An instant.
    Instant = chrono::DateTime<chrono::Utc>;
    /// A tax rate.
    TaxRate = saldo_billing::tax::TaxRate;
    /// An account at a provider.
    ProviderAccount = saldo_billing::provider::ProviderAccount;
    /// How many.
    QuantityText = Quantity;
    /// What one costs, in a price.
    UnitAmountOut = UnitAmount;
    /// What one costs, on a line.
    LineUnitAmountText = LineUnitAmount;
    /// A name.
    NameText = Name;
    /// A word for reports.
    LabelText = Label;
    /// What a line is for.
    DescriptionText = Description;
    /// A line at the foot of documents.
    FooterText = Footer;
    /// A line of an address.
    PlaceLineText = PlaceLine;
    /// What a key is for.
    KeyNameText = KeyName;
    /// What invoice numbers begin with.
    NumberPrefixText = NumberPrefix;
    /// The colour of documents.
    BrandColourText = BrandColour;
    /// Which kind of tax number.
    TaxKindText = TaxKind;
    /// A tax number.
    TaxValueText = TaxValue;
    /// A provider's token or id.
    ProviderReferenceText = ProviderReference;
    /// A provider's word for a kind of method or a network.
    ProviderWordText = ProviderWord;
    /// The last four characters of a payment method.
    LastFourText = LastFour;
    /// A month.
    MonthText = Month;
    /// Which report.
    ReportNameText = saldo_billing::report::ReportName;
    /// What the rows of a report stand for.
    ReportDimension = saldo_billing::report::By;
    /// A product by id or by name.
    ProductRefText = ProductRef;
}
