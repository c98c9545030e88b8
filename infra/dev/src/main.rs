#![doc = include_str!("../README.md")]

mod allowances;
mod bench;
mod checks;
mod command;
mod console;
mod demo;
mod dynamodb_local;
mod fault_proxy;
mod lambda_build;
mod local_aws;
mod process;
mod python;
mod simulation;
mod stack;
mod tally;
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
    Test {
        /// Run only these parts.
        parts: Vec<checks::Part>,
    },
    /// Play seeds in the simulator: all functions in one process, months in seconds, everything that can go wrong.
    #[command(disable_help_flag = true)]
    Sim {
        /// What the simulator is told; `--help` lists it.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure the functions: how large they are, and what time and memory their start takes.
    Bench {
        /// The profile to build the functions in.
        #[arg(long, value_enum, default_value = "release")]
        profile: bench::Profile,
        /// Measure the functions that lie in target/lambda already.
        #[arg(long, conflicts_with = "profile")]
        prebuilt: bool,
        /// How often each function is started.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        starts: u32,
    },
}

fn main() -> ExitCode {
    let console = Console::start();
    match run(&Workspace::find(), &console, Arguments::parse().action) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            console.failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Does what was asked for; false when it was done and came out badly.
fn run(workspace: &Workspace, console: &Console, action: Action) -> anyhow::Result<bool> {
    match action {
        Action::Up { detach, no_demo, prebuilt } => {
            up::stop_all_on_interrupt(workspace)?;
            up::up(workspace, console, &up::Options { demo: !no_demo, build: !prebuilt })?;
            if !detach {
                up::wait_for_interrupt(console);
            }
        }
        Action::Down => up::down(workspace, console)?,
        Action::Test { parts } => {
            up::stop_all_on_interrupt(workspace)?;
            return Ok(checks::run(workspace, console, &parts));
        }
        Action::Sim { arguments } => return simulation::run(workspace, &arguments),
        Action::Bench { profile, prebuilt, starts } => {
            process::stop_on_interrupt(workspace, bench::stop)?;
            let profile = (!prebuilt).then_some(profile);
            return bench::run(workspace, console, bench::Options { profile, starts });
        }
    }
    Ok(true)
}
