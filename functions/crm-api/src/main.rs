//! The HTTP API for the CRM.

use std::process::ExitCode;
use std::sync::Arc;

use crm_api::app::{Accounts, App};
use crm_api::auth::SecretHash;
use crm_api::config::Config;
use crm_api::{handler, router};
use saldo_gateways::http::{Bounds, HttpsClient};
use saldo_messages::Destination::{Collections, InvoicesDue, Reminders};
use saldo_runtime::archive::S3Archive;
use saldo_runtime::aws::Aws;
use saldo_runtime::config::Environment;
use saldo_runtime::queue::AwsQueue;
use saldo_runtime::secrets::{self, Secrets};
use saldo_runtime::{clock, logs, run};
use saldo_store::Table;
use saldo_store::dynamodb::{DynamoStore, TableNames};
use secrecy::ExposeSecret;

fn main() -> ExitCode {
    let env = Environment::of_process();
    logs::init(&env, env!("CARGO_CRATE_NAME"));
    run::main(async {
        let (config, aws) = (Config::read(&env)?, Aws::read(&env)?);
        let tables = TableNames::default().with(Table::Billing, config.billing_table).with(Table::Reports, config.reports_table);
        let (store, manager) = (DynamoStore::new(&aws.dynamodb(), tables), aws.secretsmanager());
        let keys = Secrets::load(manager.clone(), config.provider_keys_arn, clock::now());
        let (first, keys, warm) = tokio::join!(secrets::text(&manager, &config.first_api_key_arn), keys, store.warm_up());
        warm.unwrap_or_else(|error| tracing::warn!(error.chain = logs::chain(&error), "the tables were not reached"));
        let queues = [(InvoicesDue, config.invoices_due_queue_url), (Collections, config.collections_queue_url), (Reminders, config.reminders_queue_url)];
        let router = router(Arc::new(App {
            store: Arc::new(store),
            queue: Arc::new(AwsQueue::to_queues(aws.sqs(), queues)),
            gateways: Arc::new(Accounts { secrets: keys?, transport: Arc::new(HttpsClient::new(Bounds::default())) }),
            archive: Arc::new(S3Archive::new(aws.s3(), config.documents_bucket)),
            first_key: SecretHash::of(first?.expose_secret()),
            clock: clock::now,
            entropy: getrandom::fill,
        }));
        run::serve_http(|request, _budget| handler::handle(&router, request)).await?;
        anyhow::Ok(())
    })
}
