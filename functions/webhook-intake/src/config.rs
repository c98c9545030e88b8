//! What the environment must say.

use saldo_runtime::config::{ConfigError, Environment};

/// The settings of this function.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where events go.
    pub queue_url: String,
    /// The secret with the webhook secrets of all accounts.
    pub secrets_arn: String,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn read(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            queue_url: env.required("PROVIDER_EVENTS_QUEUE_URL")?,
            secrets_arn: env.required("WEBHOOK_SECRETS_ARN")?,
        })
    }
}
