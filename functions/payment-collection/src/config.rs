//! What the environment must say.

use saldo_runtime::config::{ConfigError, Environment};

/// The settings of this function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the billing table.
    pub billing_table: String,
    /// The secret with the API keys of all accounts.
    pub provider_keys_arn: String,
    /// Where mails are asked for.
    pub reminders_queue_url: String,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn read(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            billing_table: env.required("BILLING_TABLE")?,
            provider_keys_arn: env.required("PROVIDER_KEYS_ARN")?,
            reminders_queue_url: env.required("REMINDERS_QUEUE_URL")?,
        })
    }
}
