//! What the environment must say.

use saldo_runtime::config::{ConfigError, Environment};

/// The settings of this function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the billing table.
    pub billing_table: String,
    /// The name of the reports table.
    pub reports_table: String,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn read(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self { billing_table: env.required("BILLING_TABLE")?, reports_table: env.required("REPORTS_TABLE")? })
    }
}
