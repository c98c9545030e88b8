//! What the environment must say.

use saldo_runtime::config::{ConfigError, Environment};

/// The settings of this function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bus that events go to.
    pub bus_name: String,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn read(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self { bus_name: env.required("EVENT_BUS_NAME")? })
    }
}
