//! Keeps the reports up to date from the table's stream.

use std::process::ExitCode;

use report_aggregation::config::Config;
use report_aggregation::handler;
use saldo_runtime::aws::Aws;
use saldo_runtime::config::Environment;
use saldo_runtime::{logs, run};
use saldo_store::Table;
use saldo_store::dynamodb::{DynamoStore, TableNames};

fn main() -> ExitCode {
    let env = Environment::of_process();
    logs::init(&env, env!("CARGO_CRATE_NAME"));
    run::main(async {
        let config = Config::read(&env)?;
        let tables =
            TableNames::default().with(Table::Billing, config.billing_table).with(Table::Reports, config.reports_table);
        let store = DynamoStore::new(&Aws::read(&env)?.dynamodb(), tables);
        if let Err(error) = store.warm_up().await {
            tracing::warn!(error.chain = logs::chain(&error), "the connection opens later");
        }
        run::serve(|input, budget| handler::handle(&store, input, budget)).await?;
        anyhow::Ok(())
    })
}
