//! What the environment must say.

use saldo_runtime::config::{ConfigError, Environment};

/// The settings of this function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the billing table.
    pub billing_table: String,
    /// The name of the inbox table.
    pub inbox_table: String,
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
            inbox_table: env.required("INBOX_TABLE")?,
            reminders_queue_url: env.required("REMINDERS_QUEUE_URL")?,
        })
    }
}
