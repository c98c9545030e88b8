//! Which account of which provider, and what it calls things.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One configured account at a payment provider, written `stripe/main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderAccount {
    provider: String,
    account: String,
}

/// Why a text does not name a provider account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a provider account like `stripe/main` (a-z, 0-9, `-`, `_`), found `{found}`")]
pub struct ProviderAccountError {
    found: String,
}

impl ProviderAccount {
    /// Names the account `account` at `provider`.
    ///
    /// # Errors
    /// When a part is empty, longer than 40 characters, or has other characters than `a-z 0-9 - _`.
    pub fn try_new(provider: &str, account: &str) -> Result<Self, ProviderAccountError> {
        let plain = |part: &str| {
            (1..=40).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        };
        if plain(provider) && plain(account) {
            Ok(Self { provider: provider.to_owned(), account: account.to_owned() })
        } else {
            let found = format!("{provider}/{account}").chars().take(100).collect();
            Err(ProviderAccountError { found })
        }
    }

    /// The provider's name, as in the webhook's path.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Our name for the account, as in the webhook's path.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl fmt::Display for ProviderAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.account)
    }
}

impl FromStr for ProviderAccount {
    type Err = ProviderAccountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((provider, account)) => Self::try_new(provider, account),
            None => Err(ProviderAccountError { found: text.chars().take(100).collect() }),
        }
    }
}

impl Serialize for ProviderAccount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProviderAccount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Which payment method, and nothing about it: what a charge needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodReference {
    /// The provider account that keeps it.
    pub account: ProviderAccount,
    /// The provider's token for the method, `pm_…` at Stripe; never card data.
    pub token: String,
    /// The provider's id for the customer who owns the method.
    pub customer: String,
}

/// How money is to be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethod {
    /// The provider account that keeps it.
    pub account: ProviderAccount,
    /// The provider's token for the method, `pm_…` at Stripe; never card data.
    pub token: String,
    /// The provider's id for the customer who owns the method.
    pub customer: String,
    /// What kind it is: `card`, `sepa_debit`, …, in the provider's word.
    pub kind: String,
    /// The card network in lower case, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The last four digits or characters, for people to recognise it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
    /// The last month in which it can be used, `YYYY-MM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

impl PaymentMethod {
    /// Which method this is.
    #[must_use]
    pub fn reference(&self) -> MethodReference {
        let Self { account, token, customer, kind: _, network: _, last4: _, expires: _ } = self.clone();
        MethodReference { account, token, customer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_as_in_the_webhooks_path() {
        let account: ProviderAccount = "stripe/main".parse().unwrap();
        assert_eq!((account.provider(), account.account()), ("stripe", "main"));
        assert_eq!(account.to_string(), "stripe/main");
    }

    #[test]
    fn what_could_break_a_key_or_a_path_is_refused() {
        for text in ["stripe", "stripe/", "/main", "stripe/ma#in", "Stripe/main", "stripe/a/b"] {
            assert!(text.parse::<ProviderAccount>().is_err(), "{text}");
        }
    }
}
