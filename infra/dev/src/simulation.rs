//! `cargo dev sim`, and the simulator of the checks.

use std::process::Command;

use anyhow::{Context, Result};

use crate::lambda_build::build_tool;
use crate::workspace::Workspace;

const SIMULATOR: &str = "simulator";

/// Seeds of every run of the checks: the same ones for everybody, so that what is red here is red there.
const FIXED_SEEDS: [&str; 6] = ["--from", "1", "--seeds", "40", "--days", "30"];

/// Plays what was asked for, at full speed; false when a promise was broken.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<bool> {
    let simulator = build_tool(workspace, SIMULATOR)?;
    let ended = Command::new(simulator).args(arguments).status().context("cannot start the simulator")?;
    Ok(ended.success())
}

/// The command that plays the fixed seeds.
pub(crate) fn of_the_checks(workspace: &Workspace) -> Result<Command> {
    let mut seeds = Command::new(build_tool(workspace, SIMULATOR)?);
    seeds.args(FIXED_SEEDS);
    Ok(seeds)
}
