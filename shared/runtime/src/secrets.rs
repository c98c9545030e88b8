//! Secrets of provider accounts, from one Secrets Manager secret for all accounts: `{"stripe/main": {…}, …}`; and those that are one
//! text.
//!
//! They are read when the process starts, again after five minutes (a rotated secret is known everywhere by then), and
//! at once, though at most once a minute, when an account is asked for that is not among them.

mod text;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use saldo_billing::provider::ProviderAccount;
use saldo_messages::{Disposed, Disposition};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::text::TextSecret;
use crate::logs;

/// What is known is used that long without asking.
const FRESH: TimeDelta = TimeDelta::minutes(5);

/// What is not known is asked for no more often than this.
const PAUSE: TimeDelta = TimeDelta::minutes(1);

/// The webhook secrets of one account: several while one is being replaced by the next.
#[derive(Debug, Clone, Deserialize)]
pub struct WebhookSecrets {
    webhook_secrets: Vec<SecretString>,
}

impl WebhookSecrets {
    /// The secrets, to check a signature with; none means that nothing can be let in.
    pub fn expose(&self) -> Vec<String> {
        let secrets = self.webhook_secrets.iter().map(|secret| secret.expose_secret().trim().to_owned());
        secrets.filter(|secret| !secret.is_empty()).collect()
    }
}

/// How to call the provider's API for one account.
#[derive(Debug, Clone, Deserialize)]
pub struct ProviderKey {
    /// The provider's secret key.
    pub api_key: SecretString,
    /// Where the API is, when not at the provider's public address.
    #[serde(default)]
    pub api_base: Option<String>,
}

/// Why a secret is not to be had. None of these shows any of its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Secrets Manager did not give it.
    #[error("cannot read the secret {arn}")]
    Read {
        /// Which secret.
        arn: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is binary.
    #[error("the secret {arn} has no text")]
    NoText {
        /// Which secret.
        arn: String,
    },
    /// It is not one JSON object. The parser's own words are left out, since they may quote the secret.
    #[error("the secret {arn} is not a JSON object of accounts: see line {line}, column {column}")]
    Malformed {
        /// Which secret.
        arn: String,
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// What it says of one account is not what it should be.
    #[error("the secret's entry for {account} cannot be read")]
    Entry {
        /// Which account.
        account: String,
    },
}

impl Disposed for SecretsError {
    fn disposition(&self) -> Disposition {
        // A person corrects the secret, and the next reading finds it.
        Disposition::Retry
    }
}

/// Reads the text of a secret.
async fn text(client: &aws_sdk_secretsmanager::Client, arn: &str) -> Result<SecretString, SecretsError> {
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|source| SecretsError::Read { arn: arn.to_owned(), source: source.into() })?;
    let text = answer.secret_string.ok_or_else(|| SecretsError::NoText { arn: arn.to_owned() })?;
    Ok(SecretString::from(text))
}

/// The secrets of all accounts, of one kind: [`WebhookSecrets`] or [`ProviderKey`].
#[derive(Debug)]
pub struct Secrets<T> {
    source: Source,
    kept: Mutex<Kept<T>>,
}

#[derive(Debug)]
enum Source {
    Manager { client: aws_sdk_secretsmanager::Client, arn: String },
    Memory { text: Mutex<SecretString> },
}

#[derive(Debug)]
struct Kept<T> {
    by_account: Accounts<T>,
    asked_at: DateTime<Utc>,
}

type Accounts<T> = BTreeMap<String, Entry<T>>;

/// What the secret says of an account.
#[derive(Debug)]
enum Entry<T> {
    Usable(Arc<T>),
    Unreadable,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Usable(secrets) => Self::Usable(Arc::clone(secrets)),
            Self::Unreadable => Self::Unreadable,
        }
    }
}

impl<T> Entry<T> {
    fn secrets(self, account: String) -> Result<Arc<T>, SecretsError> {
        match self {
            Self::Usable(secrets) => Ok(secrets),
            Self::Unreadable => Err(SecretsError::Entry { account }),
        }
    }
}

impl<T: DeserializeOwned> Secrets<T> {
    /// Reads the secret with this ARN.
    ///
    /// # Errors
    /// When it cannot be read or is not a JSON object.
    pub async fn load(
        client: aws_sdk_secretsmanager::Client,
        arn: String,
        now: DateTime<Utc>,
    ) -> Result<Self, SecretsError> {
        Self::from_source(Source::Manager { client, arn }, now).await
    }

    /// Secrets from a text, for tests and the simulator; [`Secrets::replace`] changes it.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub async fn in_memory(text: &str, now: DateTime<Utc>) -> Result<Self, SecretsError> {
        Self::from_source(Source::Memory { text: Mutex::new(SecretString::from(text)) }, now).await
    }

    /// Changes the text behind secrets in memory, as a person does in the console: it is seen at the next reading.
    pub fn replace(&self, changed: &str) {
        self.source.replace(changed);
    }

    /// The secrets of an account; `None` when it has none.
    ///
    /// # Errors
    /// When the account's entry cannot be read, or the account is not known yet and the secret cannot be read again. A known
    /// account is served from memory.
    pub async fn of(&self, account: &ProviderAccount, now: DateTime<Utc>) -> Result<Option<Arc<T>>, SecretsError> {
        let name = account.to_string();
        let (known, age) = self.recall(&name, now);
        if age < if matches!(known, Some(Entry::Usable(_))) { FRESH } else { PAUSE } {
            return known.map(|known| known.secrets(name)).transpose();
        }
        match self.source.read().await {
            Ok(by_account) => {
                let found = by_account.get(&name).cloned();
                *self.lock() = Kept { by_account, asked_at: now };
                found.map(|found| found.secrets(name)).transpose()
            }
            Err(error) if matches!(known, Some(Entry::Usable(_))) => {
                tracing::warn!(error.chain = logs::chain(&error), "using the secrets read earlier");
                self.lock().asked_at = paused(now);
                known.map(|known| known.secrets(name)).transpose()
            }
            Err(error) => Err(error),
        }
    }

    async fn from_source(source: Source, now: DateTime<Utc>) -> Result<Self, SecretsError> {
        let by_account = source.read().await?;
        Ok(Self { source, kept: Mutex::new(Kept { by_account, asked_at: now }) })
    }

    /// What is known of an account, and for how long already.
    fn recall(&self, name: &str, now: DateTime<Utc>) -> (Option<Entry<T>>, TimeDelta) {
        let kept = self.lock();
        (kept.by_account.get(name).cloned(), now.signed_duration_since(kept.asked_at))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    async fn read<T: DeserializeOwned>(&self) -> Result<Accounts<T>, SecretsError> {
        let arn = match self {
            Self::Manager { arn, .. } => arn,
            Self::Memory { .. } => "in memory",
        };
        parse(arn, &self.text().await?)
    }

    async fn text(&self) -> Result<SecretString, SecretsError> {
        match self {
            Self::Manager { client, arn } => text(client, arn).await,
            Self::Memory { text } => Ok(text.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        }
    }

    fn replace(&self, changed: &str) {
        if let Self::Memory { text } = self {
            *text.lock().unwrap_or_else(PoisonError::into_inner) = SecretString::from(changed);
        }
    }
}

/// As when something would have been read that is to be read again after a pause, and not each time.
fn paused(now: DateTime<Utc>) -> DateTime<Utc> {
    now.checked_sub_signed(FRESH).and_then(|then| then.checked_add_signed(PAUSE)).unwrap_or(now)
}

/// Reads the accounts one by one, so that a slip in one of them does not shut out the others.
fn parse<T: DeserializeOwned>(arn: &str, text: &SecretString) -> Result<Accounts<T>, SecretsError> {
    let accounts: BTreeMap<String, Value> = serde_json::from_str(text.expose_secret())
        .map_err(|error| SecretsError::Malformed { arn: arn.to_owned(), line: error.line(), column: error.column() })?;
    let read = accounts.into_iter().map(|(name, value)| match serde_json::from_value(value) {
        Ok(secrets) => (name, Entry::Usable(Arc::new(secrets))),
        Err(_may_quote_the_secret) => {
            tracing::error!(provider.account = name, secret.arn = arn, "the secret of this account cannot be read");
            (name, Entry::Unreadable)
        }
    });
    Ok(read.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH.checked_add_signed(TimeDelta::minutes(minute)).unwrap()
    }

    fn account(text: &str) -> ProviderAccount {
        text.parse().unwrap()
    }

    const MAIN: &str = r#"{"stripe/main": {"webhook_secrets": ["whsec_old"]}}"#;
    const BOTH: &str = r#"{"stripe/main": {"webhook_secrets": ["whsec_new", "whsec_old"]}, "stripe/nl": {"webhook_secrets": ["whsec_nl"]}}"#;

    async fn secrets() -> Secrets<WebhookSecrets> {
        Secrets::in_memory(MAIN, at(0)).await.unwrap()
    }

    async fn exposed(secrets: &Secrets<WebhookSecrets>, name: &str, minute: i64) -> Vec<String> {
        secrets.of(&account(name), at(minute)).await.unwrap().map(|found| found.expose()).unwrap_or_default()
    }

    #[tokio::test]
    async fn a_known_account_is_read_again_after_five_minutes() {
        let secrets = secrets().await;
        secrets.replace(BOTH);
        assert_eq!(exposed(&secrets, "stripe/main", 4).await, ["whsec_old"]);
        assert_eq!(exposed(&secrets, "stripe/main", 5).await, ["whsec_new", "whsec_old"]);
    }

    #[tokio::test]
    async fn an_unknown_account_is_asked_for_once_a_minute() {
        let secrets = secrets().await;
        secrets.replace(BOTH);
        assert_eq!(exposed(&secrets, "stripe/nl", 0).await, [""; 0]);
        assert_eq!(exposed(&secrets, "stripe/nl", 1).await, ["whsec_nl"]);
    }

    #[tokio::test]
    async fn what_was_read_once_serves_while_the_secret_is_broken() {
        let secrets = secrets().await;
        secrets.replace("{");
        assert_eq!(exposed(&secrets, "stripe/main", 6).await, ["whsec_old"]);
        secrets.replace(BOTH);
        assert_eq!(exposed(&secrets, "stripe/main", 6).await, ["whsec_old"], "no reading with each event");
        assert_eq!(exposed(&secrets, "stripe/main", 10).await, ["whsec_new", "whsec_old"]);
        secrets.replace("{");
        assert!(secrets.of(&account("stripe/es"), at(12)).await.is_err(), "unknown is not the same as absent");
    }

    #[tokio::test]
    async fn a_slip_in_one_account_does_not_shut_out_the_others() {
        let text =
            r#"{"stripe/main": {"webhook_secrets": ["a", " "]}, "stripe/nl": {"webhook_secret": "b"}, "stripe/es": 7}"#;
        let secrets = Secrets::in_memory(text, at(0)).await.unwrap();
        assert_eq!(exposed(&secrets, "stripe/main", 0).await, ["a"]);
        for (account_name, minute) in [("stripe/nl", 0), ("stripe/es", 0), ("stripe/nl", 1), ("stripe/nl", 60)] {
            let error = secrets.of(&account(account_name), at(minute)).await.unwrap_err();
            assert!(matches!(&error, SecretsError::Entry { account } if account == account_name), "{error:?}");
        }
        assert_eq!(exposed(&secrets, "stripe/unknown", 60).await, [""; 0]);
        // A slip in what was right until now is one, too, once it is read.
        secrets.replace(r#"{"stripe/main": {"webhook_secret": "a"}}"#);
        assert_eq!(exposed(&secrets, "stripe/main", 60).await, ["a"]);
        assert!(secrets.of(&account("stripe/main"), at(66)).await.is_err());
    }

    #[tokio::test]
    async fn keys_have_an_optional_base() {
        let text = r#"{"stripe/main": {"api_key": "sk_1"}, "stripe/nl": {"api_key": "sk_2", "api_base": "http://127.0.0.1:1"}}"#;
        let keys: Secrets<ProviderKey> = Secrets::in_memory(text, at(0)).await.unwrap();
        let main = keys.of(&account("stripe/main"), at(0)).await.unwrap().unwrap();
        let nl = keys.of(&account("stripe/nl"), at(0)).await.unwrap().unwrap();
        assert_eq!((main.api_key.expose_secret(), main.api_base.as_deref()), ("sk_1", None));
        assert_eq!(nl.api_base.as_deref(), Some("http://127.0.0.1:1"));
    }

    #[tokio::test]
    async fn nothing_of_a_secret_is_shown() {
        let secrets = secrets().await;
        assert!(!format!("{secrets:?}").contains("whsec"));
        let error = Secrets::<ProviderKey>::in_memory(r#""sk_live_1""#, at(0)).await.unwrap_err();
        let told = logs::chain(&error);
        assert!(!told.contains("sk_live"), "{told}");
    }
}
