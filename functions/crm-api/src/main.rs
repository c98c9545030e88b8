//! The HTTP API for the CRM.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;

use crm_api::app::App;
use crm_api::config::Config;
use crm_api::{handler, router};
use saldo_runtime::aws::Aws;
use saldo_runtime::config::Environment;
use saldo_runtime::{logs, run};

fn main() -> ExitCode {
    let env = Environment::of_process();
    logs::init(&env, env!("CARGO_CRATE_NAME"));
    run::main(async {
        let app = Box::pin(App::connect(&Aws::read(&env)?, Config::read(&env)?)).await?;
        let router = router(Arc::new(app));
        let answer = async |event| Ok::<_, Infallible>(handler::handle(&router, event).await);
        run::serve(|event, _budget| answer(event)).await?;
        anyhow::Ok(())
    })
}
