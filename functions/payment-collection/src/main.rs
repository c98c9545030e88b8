//! Charges invoices and carries out refunds at the payment providers.

use std::process::ExitCode;
use std::sync::Arc;

use payment_collection::config::Config;
use payment_collection::gateways::Gateways;
use payment_collection::handler::{self, Collection};
use saldo_messages::Destination;
use saldo_runtime::aws::{self, Aws};
use saldo_runtime::config::Environment;
use saldo_runtime::logs::{self, Metrics};
use saldo_runtime::queue::AwsQueue;
use saldo_runtime::secrets::Secrets;
use saldo_runtime::{clock, run};
use saldo_store::Table;
use saldo_store::dynamodb::{DynamoStore, TableNames};

fn main() -> ExitCode {
    let env = Environment::of_process();
    logs::init(&env, env!("CARGO_CRATE_NAME"));
    run::main(async {
        let config = Config::read(&env)?;
        let aws = Aws::read(&env)?;
        let sqs = aws.sqs();
        let store = DynamoStore::new(&aws.dynamodb(), TableNames::default().with(Table::Billing, config.billing_table));
        let keys = Secrets::load(aws.secretsmanager(), config.provider_keys_arn, clock::now());
        let (keys, warm, ()) = tokio::join!(keys, store.warm_up(), aws::warm_sqs(&sqs, &config.reminders_queue_url));
        warm.unwrap_or_else(|error| tracing::warn!(error.chain = logs::chain(&error), "the table was not reached"));
        let collection = Collection {
            store: Arc::new(store),
            queue: Arc::new(AwsQueue::to_queues(sqs, [(Destination::Reminders, config.reminders_queue_url)])),
            gateways: Gateways::with_keys(keys?),
            metrics: Metrics::of(&env),
            clock: clock::now,
        };
        run::serve(|event, budget| handler::handle(&collection, event, budget)).await?;
        anyhow::Ok(())
    })
}
