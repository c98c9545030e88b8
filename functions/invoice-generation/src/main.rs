//! Makes one invoice per subscription and period, renders issued invoices, and hands them on.

use std::process::ExitCode;
use std::sync::Arc;

use invoice_generation::config::Config;
use invoice_generation::handler::{self, Generation};
use saldo_messages::Destination;
use saldo_runtime::archive::S3Archive;
use saldo_runtime::aws::{self, Aws};
use saldo_runtime::config::Environment;
use saldo_runtime::queue::AwsQueue;
use saldo_runtime::{logs, run};
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
        let (warm, ()) = tokio::join!(store.warm_up(), aws::warm_sqs(&sqs, &config.reminders_queue_url));
        warm.unwrap_or_else(|error| tracing::warn!(error.chain = logs::chain(&error), "the table was not reached"));
        let urls = [
            (Destination::Collections, config.collections_queue_url),
            (Destination::Reminders, config.reminders_queue_url),
        ];
        let generation = Generation {
            store: Arc::new(store),
            queue: Arc::new(AwsQueue::to_queues(sqs, urls)),
            archive: Arc::new(S3Archive::new(aws.s3(), config.documents_bucket)),
            draw: saldo_documents::pdf::invoice,
        };
        run::serve(|event, budget| handler::handle(&generation, event, budget)).await?;
        anyhow::Ok(())
    })
}
