//! A secret that is one text.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::{FRESH, SecretsError, Source, paused};
use crate::logs;

/// A secret that is one text, read again like those of the accounts.
#[derive(Debug)]
pub struct TextSecret {
    source: Source,
    kept: Mutex<(SecretString, DateTime<Utc>)>,
}

impl TextSecret {
    /// Reads the secret with this ARN.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn load(
        client: aws_sdk_secretsmanager::Client,
        arn: String,
        now: DateTime<Utc>,
    ) -> Result<Self, SecretsError> {
        let source = Source::Manager { client, arn };
        let text = source.text().await?;
        Ok(Self { source, kept: Mutex::new((text, now)) })
    }

    /// A secret with this text, for tests and the simulator; [`TextSecret::replace`] changes it.
    pub fn in_memory(text: &str, now: DateTime<Utc>) -> Self {
        let text = SecretString::from(text);
        Self { source: Source::Memory { text: Mutex::new(text.clone()) }, kept: Mutex::new((text, now)) }
    }

    /// Changes the text behind a secret in memory: it is seen at the next reading.
    pub fn replace(&self, changed: &str) {
        self.source.replace(changed);
    }

    /// The text; what was read last, while it cannot be read again.
    pub async fn current(&self, now: DateTime<Utc>) -> SecretString {
        let (known, read_at) = self.lock().clone();
        if now.signed_duration_since(read_at) < FRESH {
            return known;
        }
        let (text, read_at) = match self.source.text().await {
            Ok(text) => (text, now),
            Err(error) => {
                tracing::warn!(error.chain = logs::chain(&error), "using the secret read earlier");
                (known, paused(now))
            }
        };
        *self.lock() = (text.clone(), read_at);
        text
    }

    fn lock(&self) -> MutexGuard<'_, (SecretString, DateTime<Utc>)> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::aws::recorded;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH.checked_add_signed(TimeDelta::minutes(minute)).unwrap()
    }

    #[tokio::test]
    async fn a_secret_that_is_one_text_is_read_again_after_five_minutes() {
        let secret = TextSecret::in_memory("old", at(0));
        secret.replace("new");
        assert_eq!(secret.current(at(4)).await.expose_secret(), "old");
        assert_eq!(secret.current(at(5)).await.expose_secret(), "new");
    }

    #[tokio::test]
    async fn a_text_that_was_read_once_serves_while_it_cannot_be_read_again() {
        let get = |text: &str| format!(r#"{{"Name": "FirstApiKey", "SecretString": "{text}"}}"#);
        let (old, new) = (get("old"), get("new"));
        let refused = r#"{"__type": "InternalServiceError"}"#;
        let (aws, client) = recorded::answers(&[(200, old.as_str()), (500, refused), (200, new.as_str())]);
        let secret = TextSecret::load(aws.secretsmanager(), "arn:1".to_owned(), at(0)).await.unwrap();
        for (minute, text, asked) in [(5, "old", 2), (5, "old", 2), (6, "new", 3), (10, "new", 3)] {
            assert_eq!(secret.current(at(minute)).await.expose_secret(), text, "in minute {minute}");
            assert_eq!(recorded::asked(&client).len(), asked, "in minute {minute}");
        }
    }

    #[test]
    fn nothing_of_it_is_shown() {
        assert!(!format!("{:?}", TextSecret::in_memory("whsec_1", at(0))).contains("whsec"));
    }
}
