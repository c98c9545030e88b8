//! What the environment must say.

use saldo_runtime::config::{ConfigError, Environment};

/// The settings of this function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the billing table.
    pub billing_table: String,
    /// The bucket in which documents are kept.
    pub documents_bucket: String,
    /// Where charges are asked for.
    pub collections_queue_url: String,
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
            documents_bucket: env.required("DOCUMENTS_BUCKET")?,
            collections_queue_url: env.required("COLLECTIONS_QUEUE_URL")?,
            reminders_queue_url: env.required("REMINDERS_QUEUE_URL")?,
        })
    }
}
