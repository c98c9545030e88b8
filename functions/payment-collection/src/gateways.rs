//! The gateways of the configured accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use saldo_billing::provider::ProviderAccount;
use saldo_gateways::http::{Bounds, HttpsClient, Transport};
use saldo_gateways::{Connection, Gateway};
use saldo_runtime::clock;
use saldo_runtime::secrets::{ProviderKey, Secrets};

use crate::CollectionError;

/// Finds the gateway of an account.
pub struct Gateways {
    known: Known,
}

enum Known {
    Keys { keys: Secrets<ProviderKey>, transport: Arc<dyn Transport> },
    Fixed(BTreeMap<ProviderAccount, Arc<dyn Gateway>>),
}

impl Gateways {
    /// Gateways that call the providers, each account with its own key.
    #[must_use]
    pub fn with_keys(keys: Secrets<ProviderKey>) -> Self {
        Self { known: Known::Keys { keys, transport: Arc::new(HttpsClient::new(Bounds::default())) } }
    }

    /// These gateways, for tests and the simulator.
    #[must_use]
    pub fn fixed(gateways: impl IntoIterator<Item = (ProviderAccount, Arc<dyn Gateway>)>) -> Self {
        Self { known: Known::Fixed(gateways.into_iter().collect()) }
    }

    /// The gateway of an account.
    ///
    /// # Errors
    /// When no key is configured for the account, or it cannot be used.
    pub async fn of(&self, account: &ProviderAccount) -> Result<Arc<dyn Gateway>, CollectionError> {
        let no_key = || CollectionError::NoKey { account: account.clone() };
        match &self.known {
            Known::Fixed(gateways) => gateways.get(account).cloned().ok_or_else(no_key),
            Known::Keys { keys, transport } => {
                // How fresh a key is has to do with this process, not with the time at which the work was due.
                let key = keys.of(account, clock::now()).await?.ok_or_else(no_key)?;
                let connection = Connection {
                    account: account.clone(),
                    api_key: key.api_key.clone(),
                    api_base: key.api_base.clone(),
                    transport: Arc::clone(transport),
                };
                Ok(saldo_gateways::connect(connection)?)
            }
        }
    }
}
