//! The deployed stack in one process: all handlers around one set of twins.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use chrono::{DateTime, Utc};
use crm_api::app::App;
use futures_util::FutureExt as _;
use invoice_generation::handler::Generation;
use payment_collection::gateways::Gateways;
use payment_collection::handler::Collection;
use payment_processing::handler::Processing;
use provider_twin::{Endpoint, Twin};
use reminder_emails::handler::Mailing;
use saldo_billing::provider::ProviderAccount;
use saldo_gateways::http::Transport;
use saldo_gateways::{Connection, Gateway};
use saldo_runtime::logs::Metrics;
use saldo_runtime::secrets::{Secrets, TextSecret};
use saldo_store::Store;
use saldo_store::memory::MemoryStore;
use secrecy::SecretString;
use serde_json::json;
use webhook_intake::handler::Intake;

use crate::drawing;
use crate::moment;
use crate::ports::{
    KnownGateways, Line, Permissions, Queues, StormyArchive, StormyMailer, StormyQueue, StormyStore, StormyTransport,
};
use crate::sabotage::Sabotage;
use crate::weather::Weather;

/// The provider accounts of every run.
pub(crate) const ACCOUNTS: [&str; 2] = ["stripe/main", "stripe/nl"];

/// The first key to the API.
pub(crate) const API_KEY: &str = "the-first-key-of-the-simulation";

/// The provider's key of an account.
pub(crate) fn provider_key(account: &str) -> String {
    format!("sk_test_{}", account.replace('/', "_"))
}

/// The account that the provider's key belongs to.
pub(crate) fn account_of(provider_key: &str) -> Option<&'static str> {
    ACCOUNTS.into_iter().find(|account| self::provider_key(account) == provider_key)
}

fn webhook_secret(account: &str) -> String {
    format!("whsec_{}", account.replace('/', "_"))
}

/// The secret that holds those of all accounts.
fn webhook_secrets() -> String {
    let of = |account: &str| (account.to_owned(), json!({ "webhook_secrets": [webhook_secret(account)] }));
    serde_json::Value::Object(ACCOUNTS.map(of).into_iter().collect()).to_string()
}

/// The functions, each as its `main` would make it.
pub(crate) struct Functions {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) queue: Arc<StormyQueue>,
    pub(crate) processing: Processing,
    pub(crate) collection: Collection,
    pub(crate) generation: Generation,
    pub(crate) mailing: Mailing,
    pub(crate) intake: Intake,
    pub(crate) router: Router,
}

/// What the functions work on.
pub(crate) struct World {
    pub(crate) memory: Arc<MemoryStore>,
    pub(crate) queues: Arc<Queues>,
    pub(crate) archive: Arc<StormyArchive>,
    pub(crate) mailer: Arc<StormyMailer>,
    pub(crate) twin: Arc<Mutex<Twin>>,
    pub(crate) line: Arc<Line>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) functions: Arc<Functions>,
}

impl World {
    /// An empty stack.
    pub(crate) fn new(seed: u64, now: DateTime<Utc>, weather: Weather, sabotage: Option<Sabotage>) -> Result<Self> {
        let weather = Arc::new(weather);
        let permissions = Arc::new(Permissions::of_the_template()?);
        let memory = Arc::new(MemoryStore::new());
        let queues = Arc::new(Queues::default());
        let archive = Arc::new(StormyArchive::new(Arc::clone(&weather), Arc::clone(&permissions)));
        let mailer = Arc::new(StormyMailer::new(Arc::clone(&weather), sabotage));
        let twin = Arc::new(Mutex::new(twin(seed, now)));
        let store: Arc<dyn Store> = Arc::new(StormyStore {
            memory: Arc::clone(&memory),
            weather: Arc::clone(&weather),
            permissions: Arc::clone(&permissions),
            sabotage,
        });
        let queue = Arc::new(StormyQueue {
            queues: Arc::clone(&queues),
            weather: Arc::clone(&weather),
            permissions: Arc::clone(&permissions),
            sabotage,
        });
        let line = Arc::new(Line::default());
        let transport: Arc<dyn Transport> = Arc::new(StormyTransport::new(&twin, &line, &weather, sabotage));
        let (gateways, metrics) = (gateways(&transport, sabotage)?, Metrics::off());
        let app = App {
            store: Arc::clone(&store),
            queue: Arc::<StormyQueue>::clone(&queue),
            gateways: Arc::new(KnownGateways(gateways.clone())),
            archive: Arc::<StormyArchive>::clone(&archive),
            first_key: TextSecret::in_memory(API_KEY, moment::now()),
            clock: moment::now,
            entropy: moment::entropy,
        };
        let functions = Functions {
            processing: Processing {
                store: Arc::clone(&store),
                queue: Arc::<StormyQueue>::clone(&queue),
                metrics: metrics.clone(),
            },
            collection: Collection {
                store: Arc::clone(&store),
                queue: Arc::<StormyQueue>::clone(&queue),
                gateways: Gateways::fixed(gateways),
                metrics: metrics.clone(),
                clock: moment::now,
            },
            generation: Generation {
                store: Arc::clone(&store),
                queue: Arc::<StormyQueue>::clone(&queue),
                archive: Arc::<StormyArchive>::clone(&archive),
                draw: drawing::digest,
            },
            mailing: Mailing {
                store: Arc::clone(&store),
                mailer: Arc::<StormyMailer>::clone(&mailer),
                archive: Arc::<StormyArchive>::clone(&archive),
                draw: drawing::digest,
                sender: "billing@saldo.example".parse().context("the sender")?,
                metrics: metrics.clone(),
                clock: moment::now,
            },
            intake: Intake {
                queue: Arc::<StormyQueue>::clone(&queue),
                secrets: at_once(Secrets::in_memory(&webhook_secrets(), now))??,
                metrics,
            },
            router: crm_api::router(Arc::new(app)),
            store,
            queue,
        };
        Ok(Self { memory, queues, archive, mailer, twin, line, weather, permissions, functions: Arc::new(functions) })
    }

    /// The way to another memory under the same permissions.
    pub(crate) fn store_on(&self, memory: &Arc<MemoryStore>) -> StormyStore {
        let (weather, permissions) = (Arc::clone(&self.weather), Arc::clone(&self.permissions));
        StormyStore { memory: Arc::clone(memory), weather, permissions, sabotage: None }
    }

    /// The provider, locked.
    pub(crate) fn twin(&self) -> MutexGuard<'_, Twin> {
        self.twin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn twin(seed: u64, now: DateTime<Utc>) -> Twin {
    let mut twin = Twin::new(seed, now);
    for account in ACCOUNTS {
        let key = provider_key(account);
        twin.open_account(&key);
        let endpoint = Endpoint {
            url: format!("https://api.saldo.example/webhooks/{account}"),
            secret: webhook_secret(account),
            enabled_events: provider_twin::all_events(),
            automatic: true,
            copies: 1,
            newest_first: false,
            delay_seconds: 0,
            at_once: 1,
        };
        twin.set_endpoint(&key, Some(endpoint));
    }
    twin
}

fn gateways(
    transport: &Arc<dyn Transport>,
    sabotage: Option<Sabotage>,
) -> Result<BTreeMap<ProviderAccount, Arc<dyn Gateway>>> {
    let mut gateways = BTreeMap::new();
    for name in ACCOUNTS {
        let account: ProviderAccount = name.parse()?;
        let gateway = saldo_gateways::connect(Connection {
            account: account.clone(),
            api_key: SecretString::from(provider_key(name)),
            api_base: None,
            transport: Arc::clone(transport),
        })?;
        let gateway = sabotage.map_or_else(|| Arc::clone(&gateway), |sabotage| sabotage.gateway(&gateway));
        gateways.insert(account, gateway);
    }
    Ok(gateways)
}

/// The outcome of work that waits for nobody.
pub(crate) fn at_once<F: Future>(work: F) -> Result<F::Output> {
    work.now_or_never().context("expected work that waits for nobody")
}
