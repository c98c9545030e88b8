//! Keeps every provider event for good, and takes what it states into the books.

use std::process::ExitCode;
use std::sync::Arc;

use payment_processing::config::Config;
use payment_processing::handler::{self, Processing};
use saldo_messages::Destination;
use saldo_runtime::aws::{self, Aws};
use saldo_runtime::config::Environment;
use saldo_runtime::logs::{self, Metrics};
use saldo_runtime::queue::AwsQueue;
use saldo_runtime::run;
use saldo_store::Table;
use saldo_store::dynamodb::{DynamoStore, TableNames};

fn main() -> ExitCode {
    let env = Environment::of_process();
    logs::init(&env, env!("CARGO_CRATE_NAME"));
    run::main(async {
        let config = Config::read(&env)?;
        let aws = Aws::read(&env)?;
        let sqs = aws.sqs();
        let tables = TableNames::default().with(Table::Inbox, config.inbox_table);
        let store = DynamoStore::new(&aws.dynamodb(), tables.with(Table::Billing, config.billing_table));
        let (warm, ()) = tokio::join!(store.warm_up(), aws::warm_sqs(&sqs, &config.reminders_queue_url));
        warm.unwrap_or_else(|error| tracing::warn!(error.chain = logs::chain(&error), "the table was not reached"));
        let processing = Processing {
            store: Arc::new(store),
            queue: Arc::new(AwsQueue::to_queues(sqs, [(Destination::Reminders, config.reminders_queue_url)])),
            metrics: Metrics::of(&env),
        };
        run::serve(|event, budget| handler::handle(&processing, event, budget)).await?;
        anyhow::Ok(())
    })
}
