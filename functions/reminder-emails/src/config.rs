//! What the environment must say.

use saldo_billing::party::Email;
use saldo_runtime::config::{ConfigError, Environment};

/// The settings of this function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the billing table.
    pub billing_table: String,
    /// The bucket with the documents.
    pub documents_bucket: String,
    /// The address that mail is sent from.
    pub sender: Email,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the variable that is missing, or is no address.
    pub fn read(env: &Environment) -> Result<Self, ConfigError> {
        let sender = env.required("SENDER_ADDRESS")?.parse().map_err(|_refused| ConfigError::Malformed {
            name: "SENDER_ADDRESS".to_owned(),
            expected: "an address for mail such as billing@example.com",
        })?;
        Ok(Self {
            billing_table: env.required("BILLING_TABLE")?,
            documents_bucket: env.required("DOCUMENTS_BUCKET")?,
            sender,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(&str, &str); 3] =
        [("BILLING_TABLE", "billing"), ("DOCUMENTS_BUCKET", "documents"), ("SENDER_ADDRESS", "billing@lumen.example")];

    #[test]
    fn each_missing_variable_is_named() {
        for (missing, _) in ALL {
            let env = Environment::from_pairs(ALL.into_iter().filter(|(name, _)| *name != missing));
            let error = Config::read(&env).unwrap_err();
            assert_eq!(error.to_string(), format!("the environment variable {missing} is missing"));
        }
        assert!(Config::read(&Environment::from_pairs(ALL)).is_ok());
    }

    #[test]
    fn a_sender_that_is_no_address_is_refused() {
        let env = Environment::from_pairs([ALL[0], ALL[1], ("SENDER_ADDRESS", "Lumen GmbH")]);
        let error = Config::read(&env).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable SENDER_ADDRESS is not an address for mail such as billing@example.com"
        );
    }
}
