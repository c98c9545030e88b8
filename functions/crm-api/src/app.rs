//! What the API works with: ports, the clock, entropy and the first key.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use saldo_billing::provider::ProviderAccount;
use saldo_documents::archive::Archive;
use saldo_gateways::http::{Bounds, HttpsClient, Transport};
use saldo_gateways::{ConnectError, Connection, Gateway, connect};
use saldo_messages::{Destination, MessageError, Queue, encode};
use saldo_runtime::archive::S3Archive;
use saldo_runtime::aws::{self, Aws};
use saldo_runtime::queue::AwsQueue;
use saldo_runtime::secrets::{ProviderKey, Secrets, SecretsError, TextSecret};
use saldo_runtime::{clock, logs};
use saldo_store::dynamodb::{DynamoStore, TableNames};
use saldo_store::{Store, Table};

use crate::config::Config;
use crate::problem::Problem;

/// What every handler is given.
pub struct App {
    /// The books.
    pub store: Arc<dyn Store>,
    /// Where work for other functions goes.
    pub queue: Arc<dyn Queue>,
    /// The provider accounts.
    pub gateways: Arc<dyn Gateways>,
    /// Where documents are kept.
    pub archive: Arc<dyn Archive>,
    /// The key that comes with the deployment.
    pub first_key: TextSecret,
    /// The present, asked once for each request.
    pub clock: fn() -> DateTime<Utc>,
    /// Random bytes from the operating system.
    pub entropy: fn(&mut [u8]) -> Result<(), getrandom::Error>,
}

impl App {
    /// The app on AWS. The secrets are read and the connections opened here, while the start still has a whole core.
    ///
    /// # Errors
    /// When a secret cannot be read.
    pub async fn connect(aws: &Aws, config: Config) -> Result<Self, SecretsError> {
        let tables =
            TableNames::default().with(Table::Billing, config.billing_table).with(Table::Reports, config.reports_table);
        let (store, manager, sqs) = (DynamoStore::new(&aws.dynamodb(), tables), aws.secretsmanager(), aws.sqs());
        let keys = Secrets::load(manager.clone(), config.provider_keys_arn, clock::now());
        let first = TextSecret::load(manager.clone(), config.first_api_key_arn, clock::now());
        let queue = aws::warm_sqs(&sqs, &config.invoices_due_queue_url);
        let (first, keys, warm, ()) = tokio::join!(first, keys, store.warm_up(), queue);
        warm.unwrap_or_else(|error| tracing::warn!(error.chain = logs::chain(&error), "the tables were not reached"));
        let queues = [
            (Destination::InvoicesDue, config.invoices_due_queue_url),
            (Destination::Collections, config.collections_queue_url),
        ];
        Ok(Self {
            store: Arc::new(store),
            queue: Arc::new(AwsQueue::to_queues(sqs, queues)),
            gateways: Arc::new(Accounts { secrets: keys?, transport: Arc::new(HttpsClient::new(Bounds::default())) }),
            archive: Arc::new(S3Archive::new(aws.s3(), config.documents_bucket)),
            first_key: first?,
            clock: clock::now,
            #[expect(clippy::disallowed_methods, reason = "the one place of the API from which randomness comes in")]
            entropy: getrandom::fill,
        })
    }

    /// 128 bits for a new id.
    ///
    /// # Errors
    /// When the operating system has no entropy to give.
    pub fn new_id(&self) -> Result<u128, Problem> {
        let mut bytes = [0_u8; 16];
        (self.entropy)(&mut bytes).map_err(Problem::internal)?;
        Ok(u128::from_be_bytes(bytes))
    }

    /// Hands work on after a commit. A failure is no failure of the request: what is due is found again by its date.
    pub async fn hand_on(&self, to: Destination, message: &(impl serde::Serialize + Sync)) {
        let sent = async {
            let body = encode(message)?;
            self.queue.send(to, vec![body]).await.map_err(HandOnError::Queue)
        };
        if let Err(error) = sent.await {
            let chain = logs::chain(&error);
            tracing::warn!(error.chain = chain, queue.name = ?to, "work was not handed on; it is found when it is due");
        }
    }
}

/// Why work was not handed on.
#[derive(Debug, thiserror::Error)]
enum HandOnError {
    #[error("the message could not be written")]
    Message(#[from] MessageError),
    #[error("the queue did not take the message")]
    Queue(#[source] saldo_messages::QueueError),
}

/// Finds the gateway of a provider account.
#[async_trait]
pub trait Gateways: Send + Sync {
    /// The gateway of this account.
    ///
    /// # Errors
    /// When the account is not configured, or its secret cannot be read.
    async fn of(&self, account: &ProviderAccount, now: DateTime<Utc>) -> Result<Arc<dyn Gateway>, GatewaysError>;
}

/// Why an account has no gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewaysError {
    /// No key is configured.
    #[error("no API key is configured for {account}")]
    NoKey {
        /// Of which account.
        account: ProviderAccount,
    },
    /// The secret cannot be read.
    #[error("the API key of {account} cannot be read")]
    Secrets {
        /// Of which account.
        account: ProviderAccount,
        /// Why.
        #[source]
        source: SecretsError,
    },
    /// The configuration cannot be used.
    #[error("the account cannot be connected")]
    Connect(#[from] ConnectError),
}

/// The accounts of the secret with the providers' API keys.
pub struct Accounts {
    /// The keys.
    pub secrets: Secrets<ProviderKey>,
    /// By what the providers are reached.
    pub transport: Arc<dyn Transport>,
}

#[async_trait]
impl Gateways for Accounts {
    async fn of(&self, account: &ProviderAccount, now: DateTime<Utc>) -> Result<Arc<dyn Gateway>, GatewaysError> {
        let unread = |source| GatewaysError::Secrets { account: account.clone(), source };
        let key = self.secrets.of(account, now).await.map_err(unread)?;
        let key = key.ok_or_else(|| GatewaysError::NoKey { account: account.clone() })?;
        Ok(connect(Connection {
            account: account.clone(),
            api_key: key.api_key.clone(),
            api_base: key.api_base.clone(),
            transport: Arc::clone(&self.transport),
        })?)
    }
}
