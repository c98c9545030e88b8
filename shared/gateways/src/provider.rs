//! What a provider is without a connection: who signed this, what does it say, and how to reach it.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use saldo_billing::provider::ProviderAccount;
use saldo_messages::{Disposed, Disposition};
use secrecy::SecretString;
use serde_json::error::Category;

use crate::gateway::{Cause, Gateway};
use crate::http::Transport;
use crate::reading::Reading;
use crate::stripe::Stripe;

/// Bodies beyond this are refused unread. Twice as much as any event seen.
pub const BODY_BYTES_MAX: usize = 512 * 1024;
/// Deeper JSON is refused unread.
pub const DEPTH_MAX: usize = 48;

/// A payment provider: one module each, listed in [`PROVIDERS`].
pub trait Provider: fmt::Debug + Send + Sync {
    /// Its name, as in the webhook's path and in `stripe/main`.
    fn name(&self) -> &'static str;

    /// The headers that [`Provider::authenticate`] looks at, in lower case: what is worth keeping with an event.
    fn signed_headers(&self) -> &'static [&'static str];

    /// Checks that the provider sent exactly these bytes, lately.
    ///
    /// # Errors
    /// [`Rejection`]; there is no way to be let through without a secret.
    fn authenticate(
        &self,
        body: &[u8],
        headers: &HeaderMap,
        secrets: &[String],
        now: DateTime<Utc>,
    ) -> Result<EventHead, Rejection>;

    /// Reads an authentic event into what it states.
    ///
    /// # Errors
    /// [`ReadError`] when the body is not what the provider documents. A kind that this version does not know is no error.
    fn read(&self, account: &ProviderAccount, body: &[u8]) -> Result<Reading, ReadError>;

    /// The gateway of one account.
    ///
    /// # Errors
    /// [`ConnectError`] when the settings cannot be used.
    fn connect(&self, connection: Connection) -> Result<Arc<dyn Gateway>, ConnectError>;
}

/// All providers. A provider is found here or does not exist.
pub const PROVIDERS: &[&dyn Provider] = &[&Stripe];

/// The provider of this name.
#[must_use]
pub fn provider(name: &str) -> Option<&'static dyn Provider> {
    PROVIDERS.iter().copied().find(|provider| provider.name() == name)
}

/// What it takes to talk to an account.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Which account.
    pub account: ProviderAccount,
    /// The provider's secret key.
    pub api_key: SecretString,
    /// Where the provider's API is, when not at its public address.
    pub api_base: Option<String>,
    /// By what to reach it.
    pub transport: Arc<dyn Transport>,
}

/// Why an account cannot be connected.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No provider has this name.
    #[error("no provider is called {name:?}")]
    UnknownProvider {
        /// The name.
        name: String,
    },
    /// The key cannot be sent.
    #[error("the API key of {account} is empty or has characters that no header can carry")]
    ApiKey {
        /// Of which account.
        account: ProviderAccount,
    },
    /// The address cannot be used.
    #[error(
        "the API address of {account} is not an https:// address (http:// only for the loopback interface): {api_base:?}"
    )]
    ApiBase {
        /// Of which account.
        account: ProviderAccount,
        /// The address.
        api_base: String,
    },
}

impl Disposed for ConnectError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::UnknownProvider { .. } => Disposition::Poison,
            // Somebody has to correct the secret; until then the work waits and ends in the dead-letter queue, to be redriven.
            Self::ApiKey { .. } | Self::ApiBase { .. } => Disposition::Retry,
        }
    }
}

/// Connects the account to its provider.
///
/// # Errors
/// [`ConnectError`].
pub fn connect(connection: Connection) -> Result<Arc<dyn Gateway>, ConnectError> {
    let name = connection.account.provider();
    match provider(name) {
        Some(provider) => provider.connect(connection),
        None => Err(ConnectError::UnknownProvider { name: name.to_owned() }),
    }
}

/// What every event has: enough to keep it under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventHead {
    /// The provider's id of the event.
    pub id: String,
    /// What happened, in the provider's word.
    pub kind: String,
    /// When it happened, by the provider's clock.
    pub created_at: DateTime<Utc>,
}

/// Why a webhook was not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing to check it with.
    #[error("no webhook secret is configured")]
    NoSecret,
    /// Not signed.
    #[error("the header {name} is missing")]
    MissingHeader {
        /// Which.
        name: &'static str,
    },
    /// Two signatures, of which one may be meant for a less careful reader.
    #[error("the header {name} stands there more than once")]
    RepeatedHeader {
        /// Which.
        name: &'static str,
    },
    /// Not a signature.
    #[error("the header {name} cannot be read: {problem}")]
    MalformedHeader {
        /// Which.
        name: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// Signed too long ago, or in the future: perhaps a recording.
    #[error("signed at {signed_at}, which is more than 5 minutes from {now}")]
    Stale {
        /// The signature's time.
        signed_at: DateTime<Utc>,
        /// Our time.
        now: DateTime<Utc>,
    },
    /// Signed by somebody else, or changed on the way.
    #[error("no secret makes this signature")]
    BadSignature,
    /// Authentic, and still not an event.
    #[error("the body is not an event: {problem}")]
    MalformedBody {
        /// What is wrong.
        problem: &'static str,
    },
    /// More than an event can be.
    #[error("the body has {bytes} bytes, more than {BODY_BYTES_MAX}")]
    TooLarge {
        /// How much.
        bytes: usize,
    },
    /// Nested beyond what an event can be.
    #[error("the body is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
}

impl Rejection {
    /// Whether the sender proved who they are, so that the fault is in what they said.
    #[must_use]
    pub const fn is_authentic(&self) -> bool {
        match self {
            Self::MalformedBody { .. } | Self::TooDeep => true,
            Self::NoSecret
            | Self::MissingHeader { .. }
            | Self::RepeatedHeader { .. }
            | Self::MalformedHeader { .. }
            | Self::Stale { .. }
            | Self::BadSignature
            | Self::TooLarge { .. } => false,
        }
    }
}

/// Why an authentic event could not be read. None of these passes by itself.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not the JSON that the provider documents.
    #[error("cannot read the body of a {provider} event")]
    Malformed {
        /// Of which provider.
        provider: &'static str,
        /// Where.
        #[source]
        source: Place,
    },
    /// Beyond the bounds of an event.
    #[error("the body of a {provider} event is larger than {BODY_BYTES_MAX} bytes or deeper than {DEPTH_MAX} levels")]
    Bounds {
        /// Of which provider.
        provider: &'static str,
    },
    /// It says something that cannot be.
    #[error("event {event} of {provider} cannot be understood")]
    Content {
        /// Of which provider.
        provider: &'static str,
        /// Which event.
        event: String,
        /// What cannot be.
        #[source]
        source: Cause,
    },
}

/// Where JSON was not as expected: a place, because what stands there may be about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unexpected JSON ({category}) at line {line}, column {column}")]
pub struct Place {
    category: &'static str,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for Place {
    fn from(error: serde_json::Error) -> Self {
        let category = match error.classify() {
            Category::Io => "reading",
            Category::Syntax => "syntax",
            Category::Data => "type or missing field",
            Category::Eof => "end of text",
        };
        Self { category, line: error.line(), column: error.column() }
    }
}

impl Disposed for ReadError {
    fn disposition(&self) -> Disposition {
        Disposition::Poison
    }
}

/// Whether JSON text is nested at most [`DEPTH_MAX`] levels. Counts brackets outside of strings, and nothing else: a parser does
/// the rest.
pub(crate) fn is_shallow(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        if in_string {
            (in_string, escaped) = (escaped || *byte != b'"', !escaped && *byte == b'\\');
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_found_by_name_and_by_nothing_else() {
        assert_eq!(provider("stripe").unwrap().name(), "stripe");
        assert!(provider("Stripe").is_none() && provider("").is_none());
    }

    #[test]
    fn no_two_providers_share_a_name() {
        let mut names: Vec<_> = PROVIDERS.iter().map(|provider| provider.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PROVIDERS.len());
    }

    #[test]
    fn nesting_is_counted_outside_of_strings() {
        let deep = "[".repeat(DEPTH_MAX + 1);
        assert!(!is_shallow(deep.as_bytes()));
        assert!(is_shallow(&deep.as_bytes()[1..]));
        assert!(is_shallow(format!("\"{deep}\"").as_bytes()));
        assert!(is_shallow(format!(r#""\"{deep}""#).as_bytes()));
        assert!(!is_shallow(format!(r#""\\"{deep}"#).as_bytes()));
    }
}
