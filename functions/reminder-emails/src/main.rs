//! Sends invoices, reminders, receipts and notices by mail.

use std::process::ExitCode;
use std::sync::Arc;

use reminder_emails::config::Config;
use reminder_emails::handler::{self, Mailing};
use saldo_runtime::archive::S3Archive;
use saldo_runtime::aws::Aws;
use saldo_runtime::config::Environment;
use saldo_runtime::logs::{self, Metrics};
use saldo_runtime::mailer::SesMailer;
use saldo_runtime::{clock, run};
use saldo_store::Table;
use saldo_store::dynamodb::{DynamoStore, TableNames};

fn main() -> ExitCode {
    let env = Environment::of_process();
    logs::init(&env, env!("CARGO_CRATE_NAME"));
    run::main(async {
        let config = Config::read(&env)?;
        let aws = Aws::read(&env)?;
        let store = DynamoStore::new(&aws.dynamodb(), TableNames::default().with(Table::Billing, config.billing_table));
        let warm = store.warm_up().await;
        warm.unwrap_or_else(|error| tracing::warn!(error.chain = logs::chain(&error), "the table was not reached"));
        let mailing = Mailing {
            store: Arc::new(store),
            mailer: Arc::new(SesMailer::new(aws.ses())),
            archive: Arc::new(S3Archive::new(aws.s3(), config.documents_bucket)),
            draw: saldo_documents::pdf::invoice,
            sender: config.sender,
            metrics: Metrics::of(&env),
            clock: clock::now,
        };
        run::serve(|event, budget| handler::handle(&mailing, event, budget)).await?;
        anyhow::Ok(())
    })
}
