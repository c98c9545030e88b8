//! Brings the local stack up and down.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use local_stack::{FaultProxies, LocalStack, Stack};

use crate::checks::STORE_ENGINE;
use crate::console::Console;
use crate::demo;
use crate::dynamodb_local;
use crate::fault_proxy;
use crate::lambda_build::{QUICK, build_functions, build_tool};
use crate::local_aws::{self, Addresses, LocalAws, Policies, isolate, wait_until_ready};
use crate::process;
use crate::python::Venv;
use crate::stack;
use crate::workspace::Workspace;

/// The crate, program and process name of the provider's twin.
pub(crate) const TWIN: &str = "provider-twin";

/// What `up` shall do besides starting and deploying.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Load the demo business and drive its quarter.
    pub(crate) demo: bool,
    /// Build the functions first.
    pub(crate) build: bool,
}

/// Builds, starts and deploys everything; a stack that runs already is replaced, so that `up` always ends with fresh
/// books and the code as it is now.
pub(crate) fn up(workspace: &Workspace, console: &Console, options: &Options) -> Result<()> {
    std::fs::create_dir_all(workspace.local(""))?;
    // What is built and what is fetched do not wait for each other.
    let (twin, tools) = std::thread::scope(|scope| {
        let tools = scope.spawn(|| {
            let tools = Venv::ready(workspace, console, "local")?;
            // The journeys ask the official SDK for signatures.
            Venv::ready(workspace, console, "judges").map(|_| tools)
        });
        let twin = build(workspace, console, options);
        (twin, tools.join())
    });
    let (twin, tools) = (twin?, tools.map_err(|_panic| anyhow!("setting up the Python packages broke off"))??);
    if stop_all(workspace)? {
        console.step("stopped the stack that was running");
    }
    let stack = match start(workspace, console, &tools, &twin, options.demo) {
        Ok(stack) => stack,
        Err(error) => {
            stop_all(workspace)?;
            return Err(error);
        }
    };
    show_urls(console, stack.stack());
    console.step("ready; `cargo dev down` stops it");
    Ok(())
}

/// Builds the functions, if that is wanted, and the provider's twin.
fn build(workspace: &Workspace, console: &Console, options: &Options) -> Result<PathBuf> {
    if options.build {
        console.step("building the functions for this machine");
        for (name, size) in build_functions(workspace, QUICK)? {
            console.detail(&format!("{name:<20} {:>7} kB", size / 1024));
        }
    }
    console.step("building the provider's twin");
    build_tool(workspace, TWIN)
}

/// Stops what an earlier [`up`] left running.
pub(crate) fn down(workspace: &Workspace, console: &Console) -> Result<()> {
    let stopped = stop_all(workspace)?;
    console.step(if stopped { "stopped" } else { "nothing was running" });
    Ok(())
}

fn start(workspace: &Workspace, console: &Console, tools: &Venv, twin: &Path, demo: bool) -> Result<LocalStack> {
    console.step("starting the provider's twin and the local AWS");
    let endpoint = local_aws::free_endpoint()?;
    let provider_url = start_twin(workspace, twin).context("the provider's twin does not start")?;
    // The demo is to be looked at, not to be hindered: it goes without the proxies, which take their time for each call.
    let faults = if demo { None } else { Some(start_proxies(workspace, console, tools, &endpoint, &provider_url)?) };
    let for_functions = faults.as_ref().map_or_else(|| endpoint.clone(), |faults| faults.aws.clone());
    let addresses = Addresses { endpoint, for_functions };
    // The same goes for the policies, whose check takes the emulator a quarter of its time.
    let policies = if demo { Policies::Ignored } else { Policies::Enforced };
    let aws = LocalAws::start(workspace, tools, local_aws::PROCESS, addresses, policies)
        .context("the local AWS does not start")?;
    console.step("deploying template.yaml with sam deploy");
    let stack = stack::deploy(workspace, console, tools, &aws, &stack::Surroundings { provider_url, faults })?;
    if demo {
        console.step("loading the demo business and driving a demo quarter");
        demo::run(console, &stack)?;
    }
    Ok(stack)
}

/// Starts what lets calls of the functions fail when a journey asks for it.
fn start_proxies(
    workspace: &Workspace,
    console: &Console,
    tools: &Venv,
    aws: &str,
    provider: &str,
) -> Result<FaultProxies> {
    console.step("starting a proxy before each, for the journeys");
    Ok(FaultProxies {
        aws: fault_proxy::start(workspace, tools, fault_proxy::AWS, aws)?,
        provider: fault_proxy::start(workspace, tools, fault_proxy::PROVIDER, provider)?,
    })
}

/// Starts the provider's twin and answers with its address, which it prints when it listens.
fn start_twin(workspace: &Workspace, program: &Path) -> Result<String> {
    let mut command = Command::new(program);
    isolate(&mut command, &workspace.local("scratch"));
    let child = process::start(workspace, TWIN, &mut command)?;
    let log = process::log_file(workspace, TWIN);
    let address = || {
        let printed = std::fs::read_to_string(&log).ok()?;
        printed.lines().find_map(|line| line.strip_prefix("listening on ").map(|url| url.trim().to_owned()))
    };
    wait_until_ready(child, &log, || address().is_some())?;
    address().context("it does not say where it listens")
}

/// Ends every process of the stack; false when none ran.
pub(crate) fn stop_all(workspace: &Workspace) -> Result<bool> {
    let twin = process::stop(workspace, TWIN)?;
    let aws = process::stop(workspace, local_aws::PROCESS)?;
    let mut proxies = process::stop(workspace, fault_proxy::AWS)?;
    proxies |= process::stop(workspace, fault_proxy::PROVIDER)?;
    let mut engines = process::stop(workspace, dynamodb_local::PROCESS)?;
    engines |= process::stop(workspace, STORE_ENGINE)?;
    let description = workspace.local("stack.json");
    if description.exists() {
        std::fs::remove_file(description)?;
    }
    Ok(twin || aws || proxies || engines)
}

fn show_urls(console: &Console, stack: &Stack) {
    console.line("");
    console.line(&format!("  API         {}/v1", stack.api_url));
    console.line(&format!("  OpenAPI     {}/v1/openapi.json", stack.api_url));
    console.line(&format!("  API key     {}", stack.api_key));
    console.line(&format!("  mail inbox  {}/_ministack/ses/messages", stack.endpoint));
    console.line(&format!("  provider    {}", stack.provider_url));
    console.line("  all of it   target/local/stack.json, logs beside it");
    console.line("");
}

/// Stays in the foreground until [`stop_all_on_interrupt`] ends the process.
pub(crate) fn wait_for_interrupt(console: &Console) -> ! {
    console.step("running until Ctrl-C");
    loop {
        std::thread::park();
    }
}

/// Lets Ctrl-C (or a request to terminate) end the stack.
pub(crate) fn stop_all_on_interrupt(workspace: &Workspace) -> Result<()> {
    process::stop_on_interrupt(workspace, stop_all)
}
