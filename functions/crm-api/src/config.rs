//! What the environment must say.

use saldo_runtime::config::{ConfigError, Environment};

/// The settings of this function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The table of the books.
    pub billing_table: String,
    /// The table of the aggregates.
    pub reports_table: String,
    /// Where documents are kept.
    pub documents_bucket: String,
    /// The secret that is the first key.
    pub first_api_key_arn: String,
    /// The secret with the API keys of all provider accounts.
    pub provider_keys_arn: String,
    /// Where work for invoice-generation goes.
    pub invoices_due_queue_url: String,
    /// Where work for payment-collection goes.
    pub collections_queue_url: String,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn read(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            billing_table: env.required("BILLING_TABLE")?,
            reports_table: env.required("REPORTS_TABLE")?,
            documents_bucket: env.required("DOCUMENTS_BUCKET")?,
            first_api_key_arn: env.required("FIRST_API_KEY_ARN")?,
            provider_keys_arn: env.required("PROVIDER_KEYS_ARN")?,
            invoices_due_queue_url: env.required("INVOICES_DUE_QUEUE_URL")?,
            collections_queue_url: env.required("COLLECTIONS_QUEUE_URL")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error = Config::read(&Environment::default()).unwrap_err();
        assert_eq!(error.to_string(), "the environment variable BILLING_TABLE is missing");
    }
}
