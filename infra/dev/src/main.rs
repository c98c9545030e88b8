#![doc = include_str!("../README.md")]

mod allowances;
mod command;
mod console;
mod lambda_build;
mod local_aws;
mod process;
mod python;
mod stack;
mod up;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::console::Console;
use crate::workspace::Workspace;

/// Saldo's developer command.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Build the functions, start the local AWS, deploy template.yaml, load the demo, keep running.
    Up {
        /// Return when the stack is ready, and leave it running until `cargo dev down`.
        #[arg(long)]
        detach: bool,
        /// Deploy only: no demo business, empty books.
        #[arg(long)]
        no_demo: bool,
        /// Deploy the functions that lie in target/lambda already, for instance from `cargo lambda build --release`.
        #[arg(long)]
        prebuilt: bool,
    },
    /// Stop what `up --detach` left running.
    Down,
    /// Run everything that CI runs, with one summary.
    Test,
}

fn main() -> ExitCode {
    let console = Console::start();
    let workspace = Workspace::find();
    let done = match Arguments::parse().action {
        Action::Up { detach, no_demo, prebuilt } => {
            { up::up(&workspace, &console, &up::Options { detach, demo: !no_demo, build: !prebuilt }) }.map(|()| true)
        }
        Action::Down => up::down(&workspace, &console).map(|()| true),
        Action::Test => Ok(false),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            console.failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
