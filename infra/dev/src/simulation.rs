//! `cargo dev sim`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::lambda_build::{build_tool, build_tool_in};
use crate::workspace::Workspace;

const SIMULATOR: &str = "simulator";

/// Seeds of every run of the checks: the same ones for everybody, so that what is red here is red there.
pub(crate) const FIXED_SEEDS: [&str; 6] = ["--from", "1", "--seeds", "40", "--days", "30"];

/// Plays what was asked for, at full speed; false when a promise was broken.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<bool> {
    let simulator = build_tool_in(workspace, SIMULATOR, "sim")?;
    let ended = Command::new(simulator).args(arguments).status().context("cannot start the simulator")?;
    Ok(ended.success())
}

/// The simulator of the checks, which is built like the tests.
pub(crate) fn of_the_checks(workspace: &Workspace) -> Result<PathBuf> {
    build_tool(workspace, SIMULATOR)
}
