//! The environment of the process, read once when it starts.
//!
//! A function reads its variables in its `config.rs` and nowhere else, always with a literal name:
//!
//! ```
//! use saldo_runtime::config::{ConfigError, Environment};
//!
//! pub struct Config {
//!     pub queue_url: String,
//!     pub sender: Option<String>,
//! }
//!
//! impl Config {
//!     pub fn read(env: &Environment) -> Result<Self, ConfigError> {
//!         Ok(Self { queue_url: env.required("REMINDERS_QUEUE_URL")?, sender: env.optional("SENDER_ADDRESS") })
//!     }
//! }
//!
//! let env = Environment::from_pairs([("REMINDERS_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/1/reminders")]);
//! assert!(Config::read(&env).unwrap().sender.is_none());
//! ```
//!
//! The template test looks for exactly `env.required("…")` and `env.optional("…")` in each `config.rs` and compares the
//! names with the variables of that function in the template, so both change together.

use std::collections::BTreeMap;
use std::fmt;

/// Why a function cannot start: its environment lacks something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The variable is not set at all.
    #[error("the environment variable {name} is missing")]
    Missing {
        /// Name of the variable.
        name: String,
    },
    /// The variable is set, but to nothing or to white space.
    #[error("the environment variable {name} is empty")]
    Empty {
        /// Name of the variable.
        name: String,
    },
    /// The variable is set to something that its reader cannot use.
    #[error("the environment variable {name} is not {expected}")]
    Malformed {
        /// Name of the variable.
        name: String,
        /// What the reader expected, for example "a path to a PEM file".
        expected: &'static str,
    },
}

/// The variables of the process, taken once; its `Debug` shows names only, since some of the values are secrets.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Takes the variables of this process; those that are not UTF-8 are left out.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment, for every config.rs")]
    pub fn of_process() -> Self {
        let utf8 =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { variables: utf8.collect() }
    }

    /// Makes an environment of the given pairs, for tests and tools.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { variables: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// The value of a variable without which the function cannot work.
    ///
    /// # Errors
    /// When the variable is missing or empty; the error names it.
    pub fn required(&self, name: &str) -> Result<String, ConfigError> {
        match self.variables.get(name).map(|value| value.trim()) {
            None => Err(ConfigError::Missing { name: name.to_owned() }),
            Some("") => Err(ConfigError::Empty { name: name.to_owned() }),
            Some(value) => Ok(value.to_owned()),
        }
    }

    /// The value of a variable that may be left out; an empty one counts as left out.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.required(name).ok()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error = Environment::default().required("BILLING_TABLE").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable BILLING_TABLE is missing");
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let env = Environment::from_pairs([("BILLING_TABLE", "  ")]);
        assert_eq!(env.required("BILLING_TABLE"), Err(ConfigError::Empty { name: "BILLING_TABLE".to_owned() }));
        assert_eq!(env.optional("BILLING_TABLE"), None);
    }

    #[test]
    fn values_do_not_show_in_debug_output() {
        let env = Environment::from_pairs([("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")]);
        assert_eq!(format!("{env:?}"), r#"["AWS_SECRET_ACCESS_KEY"]"#);
    }
}
