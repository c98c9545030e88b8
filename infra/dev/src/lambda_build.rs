//! Builds the functions for this machine and lays them out as the template expects them.
//!
//! A deployment to AWS is built with `cargo lambda build --release --arm64`, which links against the glibc of
//! `provided.al2023` and writes to the same places; the local AWS runs the binaries on this machine, so plain cargo does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::Workspace;

/// The profile of what runs on this machine.
pub(crate) const QUICK: &str = "quick";

/// The packages whose programs run on this machine beside the functions.
const BESIDE: [&str; 3] = ["provider-twin", "saldo-cli", "simulator"];

/// One line of `cargo build --message-format=json`.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    executable: Option<PathBuf>,
    #[serde(default)]
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

/// Builds all functions in a profile and puts each at `target/lambda/<name>/bootstrap`; answers with name and size.
pub(crate) fn build_functions(workspace: &Workspace, profile: &str) -> Result<Vec<(String, u64)>> {
    let functions = workspace.functions()?;
    let built = build(workspace, &functions, profile)?;
    let mut sizes = Vec::new();
    for name in functions {
        let binary = built.get(&name).with_context(|| format!("cargo built no program for {name}"))?;
        let folder = workspace.path("target/lambda").join(&name);
        std::fs::create_dir_all(&folder)?;
        let bootstrap = folder.join("bootstrap");
        // A copy in place would fail while an old stack still runs the file.
        let fresh = folder.join(".bootstrap");
        std::fs::copy(binary, &fresh).with_context(|| format!("cannot copy {}", binary.display()))?;
        std::fs::rename(&fresh, &bootstrap)?;
        sizes.push((name, std::fs::metadata(&bootstrap)?.len()));
    }
    Ok(sizes)
}

/// Builds a program that runs on this machine beside the functions, and answers with its path.
pub(crate) fn build_tool(workspace: &Workspace, program: &str) -> Result<PathBuf> {
    let mut built = build(workspace, &workspace.functions()?, QUICK)?;
    built.remove(program).with_context(|| format!("cargo built no program {program}"))
}

/// Runs cargo with its progress on the terminal; answers with the program of each name.
///
/// What runs on this machine is built as one, whichever of it is asked for: on their own, the same dependencies would be compiled
/// for each with the features that it alone asks for.
fn build(workspace: &Workspace, functions: &[String], profile: &str) -> Result<BTreeMap<String, PathBuf>> {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.current_dir(workspace.root()).args([
        "build",
        "--locked",
        "--bins",
        "--message-format=json-render-diagnostics",
        "--profile",
        profile,
    ]);
    let beside = if profile == QUICK { &BESIDE[..] } else { &[] };
    for package in functions.iter().map(String::as_str).chain(beside.iter().copied()) {
        cargo.args(["--package", package]);
    }
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo build ended with {}", output.status);
    }
    let text = String::from_utf8(output.stdout).context("cargo wrote something that is not text")?;
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    Ok(messages.filter_map(|message| Some((message.target?.name, message.executable?))).collect())
}
