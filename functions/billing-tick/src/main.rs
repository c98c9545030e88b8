//! Finds due work by the scheduled time.

use std::process::ExitCode;

use billing_tick::config::Config;
use billing_tick::handler;
use saldo_runtime::aws::Aws;
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
        let tables = TableNames::default().with(Table::Billing, config.billing_table);
        let store = DynamoStore::new(&aws.dynamodb(), tables);
        let queue = AwsQueue::to_queues(aws.sqs(), config.queues);
        run::serve(|tick, budget| handler::handle(&store, &queue, tick, budget)).await?;
        anyhow::Ok(())
    })
}
