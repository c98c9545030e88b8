//! Sellers and customers: who issues an invoice and who owes it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dunning::DunningPolicy;
use crate::id::{CustomerId, InvoiceId, SellerId};
use crate::provider::{PaymentMethod, ProviderAccount};

/// Why something about a seller or customer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartyError {
    /// Not a code of ISO 3166-1.
    #[error("expected an ISO 3166-1 alpha-2 country code like `DE`, found `{found}`")]
    Country {
        /// What was given.
        found: String,
    },
    /// Not a language tag.
    #[error("expected a language like `de` or `zh`, found `{found}`")]
    Language {
        /// What was given.
        found: String,
    },
    /// Not an address that mail can be sent to.
    #[error("expected an e-mail address like `name@example.com` (the text given has {length} characters)")]
    Email {
        /// How long the text was; the text itself is personal.
        length: usize,
    },
}

macro_rules! checked_text {
    ($($(#[$doc:meta])* $name:ident($text:ident) = $check:expr, $error:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = PartyError;

            fn from_str($text: &str) -> Result<Self, PartyError> {
                if $check { Ok(Self($text.to_owned())) } else { Err($error) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

/// The officially assigned codes of ISO 3166-1 alpha-2, and `XK`, which tax authorities use for Kosovo.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY \
    BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE \
    GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR \
    KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI \
    NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS \
    ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

checked_text! {
    /// A country by its ISO 3166-1 alpha-2 code.
    Country(text) = text.len() == 2 && COUNTRIES.split(' ').any(|code| code == text),
        PartyError::Country { found: text.chars().take(20).collect() };
    /// A language by its two-letter ISO 639-1 code.
    Language(text) = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_lowercase()),
        PartyError::Language { found: text.chars().take(20).collect() };
    /// An address for mail, in the part of RFC 5321 that people use: no quotes, no comments, nothing a header could be split by.
    Email(text) = is_email(text), PartyError::Email { length: text.len() };
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    /// Personal data stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

impl Default for Language {
    fn default() -> Self {
        Self("en".to_owned())
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_fine = (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b));
    let label_fine = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    local_fine && text.len() <= 254 && domain.contains('.') && domain.split('.').all(label_fine)
}

/// Where somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Street and number, or what stands for it; one entry a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// The postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// The town.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State, province or canton, where the post wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The country.
    pub country: Country,
}

/// A number by which a tax authority knows somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxId {
    /// What kind it is: `eu_vat`, `de_stnr`, `cn_uscc`, `us_ein`, ….
    pub kind: String,
    /// The number as it is printed.
    pub value: String,
}

/// A legal entity that sells: its invoices form number series of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seller {
    /// Its id.
    pub id: SellerId,
    /// Its registered name.
    pub name: String,
    /// Its registered address.
    pub address: Address,
    /// Its tax numbers, in the order in which they are printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tax_ids: Vec<TaxId>,
    /// Where its days begin: issue dates are dates of this zone.
    pub zone: Tz,
    /// The language used where the customer's is not known.
    #[serde(default)]
    pub language: Language,
    /// Where customers can write to.
    pub email: Email,
    /// What invoice numbers begin with, `INV-` in `INV-000042`.
    pub number_prefix: String,
    /// The colour of its documents, `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_colour: Option<String>,
    /// A line at the foot of its documents: bank, register, managing directors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// The provider account through which its customers pay.
    pub provider_account: ProviderAccount,
    /// How it chases what is due.
    #[serde(default)]
    pub dunning: DunningPolicy,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// Who buys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Their id.
    pub id: CustomerId,
    /// From whom they buy.
    pub seller: SellerId,
    /// Their name, as invoices show it.
    pub name: String,
    /// Where mail goes.
    pub email: Email,
    /// Where they are.
    pub address: Address,
    /// Where their days begin: periods and due dates are dates of this zone.
    pub zone: Tz,
    /// In which language they read.
    pub language: Language,
    /// The sales region, a word of the user's own for reports.
    pub region: String,
    /// The sales channel, a word of the user's own for reports.
    pub channel: String,
    /// Their tax numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tax_ids: Vec<TaxId>,
    /// The method that automatic collection charges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<PaymentMethod>,
    /// Since when their invoices that wait for another method have yet to hear of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method_new_since: Option<DateTime<Utc>>,
    /// Their invoices over less than the provider charges: what is due on them is owed with the next one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub too_small: BTreeSet<InvoiceId>,
    /// When mail to them bounced or was complained about: none is sent since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_at: Option<DateTime<Utc>>,
    /// When they were created.
    pub created_at: DateTime<Utc>,
}

impl Customer {
    /// Has them charged by another method from now on, or by none.
    pub fn change_method(&mut self, method: Option<PaymentMethod>, now: DateTime<Utc>) {
        if self.payment_method != method {
            self.method_new_since = method.as_ref().map(|_| now);
            self.payment_method = method;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_could_smuggle_a_header_are_refused() {
        for text in [
            "a@b.example\r\nBcc: c@d.example",
            "a b@c.example",
            "a@b",
            "@b.example",
            "a@",
            "a@b..example",
            "\"a\"@b.example",
        ] {
            assert!(text.parse::<Email>().is_err(), "{text:?}");
        }
        for text in ["zoe+crm@example.com", "o'neill@mail.example.co.uk"] {
            assert!(text.parse::<Email>().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn an_address_never_shows_in_debug_output_or_errors() {
        let email: Email = "zoe@example.com".parse().unwrap();
        assert!(!format!("{email:?}").contains("zoe"));
        assert!(!"zoe@".parse::<Email>().unwrap_err().to_string().contains("zoe@"));
    }

    #[test]
    fn countries_are_those_of_iso_3166() {
        assert!("DE".parse::<Country>().is_ok() && "CN".parse::<Country>().is_ok());
        for text in ["de", "XX", "UK", "D", "DEU", "A "] {
            assert!(text.parse::<Country>().is_err(), "{text}");
        }
        assert_eq!(COUNTRIES.split_whitespace().count(), 250);
    }
}
