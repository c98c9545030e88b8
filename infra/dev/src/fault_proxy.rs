//! The proxies through which functions call the local AWS and the provider's twin. They pass everything on until a test
//! asks one of them, at `/_microburst/rules`, to let calls fail.

use std::process::Command;

use anyhow::{Context, Result};

use crate::local_aws::{agent, free_port, isolate, wait_until_ready};
use crate::process;
use crate::python::Venv;
use crate::workspace::Workspace;

/// The name under which log and process id of the proxy before the local AWS are kept.
pub(crate) const AWS: &str = "aws-faults";

/// The name under which log and process id of the proxy before the provider's twin are kept.
pub(crate) const PROVIDER: &str = "provider-faults";

/// Starts the proxy of that name before `upstream`, which need not answer yet; answers with the proxy's address.
pub(crate) fn start(workspace: &Workspace, tools: &Venv, name: &str, upstream: &str) -> Result<String> {
    let port = free_port()?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let scratch = workspace.local("scratch");
    std::fs::create_dir_all(&scratch)?;
    let mut python = Command::new(tools.program("python"));
    isolate(&mut python, &scratch);
    python.arg(workspace.path("infra/dev/python/fault_proxy.py"));
    python.args(["--upstream", upstream, "--port", &port.to_string(), "--no-resign"]);
    let child = process::start(workspace, name, &mut python)?;
    let (agent, health) = (agent(), format!("{endpoint}/_microburst/health"));
    let ready = || agent.get(&health).call().is_ok_and(|reply| reply.status() == 200);
    wait_until_ready(child, &process::log_file(workspace, name), ready)
        .with_context(|| format!("the proxy {name} does not start"))?;
    Ok(endpoint)
}
