//! Publishes domain events from the table's stream.

use std::process::ExitCode;

use event_relay::config::Config;
use event_relay::handler;
use saldo_runtime::aws::{self, Aws};
use saldo_runtime::config::Environment;
use saldo_runtime::queue::AwsQueue;
use saldo_runtime::{logs, run};

fn main() -> ExitCode {
    let env = Environment::of_process();
    logs::init(&env, env!("CARGO_CRATE_NAME"));
    run::main(async {
        let config = Config::read(&env)?;
        let client = Aws::read(&env)?.eventbridge();
        aws::warm_eventbridge(&client).await;
        let queue = AwsQueue::to_bus(client, config.bus_name);
        run::serve(|event, budget| handler::handle(&queue, event, budget)).await?;
        anyhow::Ok(())
    })
}
