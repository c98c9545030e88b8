//! Takes provider webhooks: authenticates, queues, acknowledges.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;

use saldo_messages::Destination;
use saldo_runtime::aws::{self, Aws};
use saldo_runtime::config::Environment;
use saldo_runtime::logs::{self, Metrics};
use saldo_runtime::queue::AwsQueue;
use saldo_runtime::secrets::Secrets;
use saldo_runtime::{clock, run};
use webhook_intake::config::Config;
use webhook_intake::handler::{self, Intake};

fn main() -> ExitCode {
    let env = Environment::of_process();
    logs::init(&env, env!("CARGO_CRATE_NAME"));
    run::main(async {
        let config = Config::read(&env)?;
        let aws = Aws::read(&env)?;
        let sqs = aws.sqs();
        // Both connections open while the start still has a whole core.
        let secrets = Secrets::load(aws.secretsmanager(), config.secrets_arn, clock::now());
        let (secrets, ()) = tokio::join!(secrets, aws::warm_sqs(&sqs, &config.queue_url));
        let intake = Intake {
            queue: Arc::new(AwsQueue::to_queues(sqs, [(Destination::ProviderEvents, config.queue_url)])),
            secrets: secrets?,
            metrics: Metrics::of(&env),
        };
        let answer = async |event| Ok::<_, Infallible>(handler::handle(&intake, event, clock::now()).await);
        run::serve(|event, _budget| answer(event)).await?;
        anyhow::Ok(())
    })
}
