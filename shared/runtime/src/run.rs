//! Starting a function: `main` is these few lines, the same in every function.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use aws_lambda_events::sqs::SqsEvent;
//! use saldo_runtime::config::Environment;
//! use saldo_runtime::{batch, logs, run};
//!
//! # #[derive(Debug, thiserror::Error)]
//! # #[error("never")]
//! # struct Never;
//! # impl saldo_messages::Disposed for Never {
//! #     fn disposition(&self) -> saldo_messages::Disposition { saldo_messages::Disposition::Poison }
//! # }
//! # async fn handle(_: batch::Record) -> Result<(), Never> { Ok(()) }
//! fn main() -> ExitCode {
//!     let env = Environment::of_process();
//!     logs::init(&env, env!("CARGO_CRATE_NAME"));
//!     run::main(async {
//!         // config, clients, warm calls …
//!         run::serve(|event: SqsEvent, budget| batch::process(event, budget, 1, handle)).await
//!     })
//! }
//! ```

use std::error::Error;
use std::future::Future;
use std::process::ExitCode;

use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use saldo_store::deadline;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use crate::budget::Budget;
use crate::logs;

/// Why a function stopped serving.
#[derive(Debug, thiserror::Error)]
#[error("the Lambda runtime stopped")]
pub struct Stopped(#[source] lambda_runtime::Error);

/// Runs the start of the function and its loop on one thread; an error that ends it is logged once, with its causes.
///
/// One thread is all there is: a Lambda handles one event at a time, mostly on a fraction of a core.
pub fn main<E>(start: impl Future<Output = Result<(), E>>) -> ExitCode
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match built {
        Ok(tokio) => tokio.block_on(start).map_err(|error| logs::chain(error.into().as_ref())),
        Err(error) => Err(logs::chain(&error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(chain) => {
            tracing::error!(error.chain = chain, "the function cannot run");
            ExitCode::FAILURE
        }
    }
}

/// Hands each invocation's event and its time budget to `handle`, until Lambda ends the process.
///
/// An error of the handler fails the invocation: it is logged here, once, and Lambda delivers the event again.
///
/// # Errors
/// When the Runtime API cannot be reached.
pub async fn serve<A, R, E, F, Fut>(handle: F) -> Result<(), Stopped>
where
    A: DeserializeOwned,
    R: Serialize,
    E: Error + Send + Sync + 'static,
    F: Fn(A, Budget) -> Fut,
    Fut: Future<Output = Result<R, E>>,
{
    let handle = &handle;
    let service = service_fn(|event: LambdaEvent<A>| invoke(event.payload, event.context, handle));
    Runtime::new(service).run().await.map_err(Stopped)
}

async fn invoke<A, R, E, F, Fut>(event: A, context: Context, handle: &F) -> Result<R, Failed>
where
    E: Error + Send + Sync + 'static,
    F: Fn(A, Budget) -> Fut,
    Fut: Future<Output = Result<R, E>>,
{
    let span = tracing::info_span!("invocation", aws.request_id = %context.request_id);
    let budget = Budget::of(&context);
    let work = async {
        deadline::scope(budget.ends_at(), handle(event, budget)).await.map_err(|error| {
            let chain = logs::chain(&error);
            tracing::error!(error.chain = chain, "the invocation failed");
            Failed(chain)
        })
    };
    // On the heap, or every layer of the runtime would carry the whole handler.
    Box::pin(work.instrument(span)).await
}

/// A failed invocation: already logged, with its causes in one line.
#[derive(Debug)]
struct Failed(String);

impl From<Failed> for Diagnostic {
    fn from(failed: Failed) -> Self {
        Self { error_type: "InvocationFailed".to_owned(), error_message: failed.0 }
    }
}
