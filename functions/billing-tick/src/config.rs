//! What the environment must say.

use saldo_messages::Destination;
use saldo_runtime::config::{ConfigError, Environment};

/// The settings of this function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The billing table.
    pub billing_table: String,
    /// Where work goes.
    pub queues: Vec<(Destination, String)>,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn read(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            billing_table: env.required("BILLING_TABLE")?,
            queues: vec![
                (Destination::ProviderEvents, env.required("PROVIDER_EVENTS_QUEUE_URL")?),
                (Destination::InvoicesDue, env.required("INVOICES_DUE_QUEUE_URL")?),
                (Destination::Collections, env.required("COLLECTIONS_QUEUE_URL")?),
                (Destination::Reminders, env.required("REMINDERS_QUEUE_URL")?),
            ],
        })
    }
}
