//! `cargo dev bench`: how large the functions are, and what their start costs.
//!
//! Each program is started as Lambda does it, with the variables of the template, and is ended as soon as it asks for its
//! first event. What it has used by then is the price of a cold start.

mod http;
mod report;
mod settings;
mod stand_in;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use self::report::{Measured, Report, Start};
use self::settings::Settings;
use self::stand_in::{StandIn, Told};
use self::usage::Usage;
use crate::command::tail;
use crate::console::Console;
use crate::lambda_build::{QUICK, build_functions};
use crate::local_aws::{REGION, isolate};
use crate::process;
use crate::workspace::Workspace;

/// The name under which log and process id of the function at hand are kept.
const PROCESS: &str = "bench";

/// The file with the certificate of what stands in for AWS.
const CERTIFICATE: &str = "certificate.pem";

/// How long Lambda waits for a function to start.
const START_LIMIT: Duration = Duration::from_secs(10);

/// How often a function that says nothing is asked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// How long a function that asked for an event takes at most to fall asleep over it.
const SETTLE: Duration = Duration::from_millis(5);

/// How the functions are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// As they go to AWS.
    Release,
    /// As the local stack runs them: much sooner built, larger and slower.
    Quick,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Quick => QUICK,
        }
    }
}

/// What shall be measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// The profile to build in; none measures what lies in `target/lambda`.
    pub(crate) profile: Option<Profile>,
    /// How often each function is started.
    pub(crate) starts: u32,
}

/// Measures all functions and prints a table and a line of JSON; false when one of them does not start.
pub(crate) fn run(workspace: &Workspace, console: &Console, options: Options) -> Result<bool> {
    let profile = options.profile.map_or("prebuilt", Profile::name);
    if options.profile.is_some() {
        console.step(&format!("building the functions in the profile {profile}"));
        build_functions(workspace, profile)?;
    }
    let bench = Bench::begin(workspace, options.starts)?;
    let mut report = Report { profile, starts: options.starts, functions: Vec::new(), failed: Vec::new() };
    for (name, settings) in Settings::read(workspace.root())? {
        console.step(&format!("starting {name} {} times", options.starts));
        match bench.measure(&name, &settings) {
            Ok(measured) => report.functions.push(measured),
            Err(error) => {
                console.failure(&format!("{name}: {error:#}"));
                report.failed.push(name);
            }
        }
    }
    console.line("");
    for line in report.table() {
        console.line(&line);
    }
    console.line("");
    console.line(&report.json()?);
    Ok(report.failed.is_empty())
}

/// Ends the function that is being measured, for who interrupts the command.
pub(crate) fn stop(workspace: &Workspace) -> Result<bool> {
    process::kill(workspace, PROCESS)
}

/// What all measurements share.
#[derive(Debug)]
struct Bench<'a> {
    workspace: &'a Workspace,
    stand_in: StandIn,
    scratch: PathBuf,
    starts: u32,
}

impl<'a> Bench<'a> {
    /// Starts what stands in for Lambda and AWS, and puts its certificate where the functions find it.
    fn begin(workspace: &'a Workspace, starts: u32) -> Result<Self> {
        let (stand_in, scratch) = (StandIn::start()?, workspace.local("scratch").join(PROCESS));
        std::fs::create_dir_all(&scratch)?;
        std::fs::write(scratch.join(CERTIFICATE), stand_in.certificate())?;
        Ok(Self { workspace, stand_in, scratch, starts })
    }

    fn measure(&self, name: &str, settings: &Settings) -> Result<Measured> {
        let program = self.workspace.path("target/lambda").join(name).join("bootstrap");
        let size = std::fs::metadata(&program).with_context(|| format!("cannot find {}", program.display()))?.len();
        // The first start reads the program from the disk and does not count.
        self.start(name, &program, settings)?;
        let starts: Vec<Start> =
            (0..self.starts).map(|_| self.start(name, &program, settings)).collect::<Result<_>>()?;
        Measured::try_new(name, settings.has_documents(), size, &starts)
    }

    /// Starts a function and ends it when it has started; when it does not, its log is the error.
    fn start(&self, name: &str, program: &Path, settings: &Settings) -> Result<Start> {
        let mut command = self.command(name, program, settings);
        self.stand_in.forget();
        let begun = now();
        let process = process::start(self.workspace, PROCESS, &mut command)?;
        let mut function = Function { workspace: self.workspace, process };
        let ready = match self.until_started(&mut function.process) {
            Ok(ready) => ready,
            Err(error) => bail!("{error:#}; its log ends with\n{}", self.log()),
        };
        std::thread::sleep(SETTLE);
        let used = Usage::of(function.process.id())?;
        drop(function);
        if tail(&self.log_file()).iter().any(|line| is_complaint(line)) {
            bail!("it started, but with complaints:\n{}", self.log());
        }
        Ok(Start { took: ready.saturating_duration_since(begun), used })
    }

    /// The moment in which the function asks for its first event.
    fn until_started(&self, function: &mut Child) -> Result<Instant> {
        let begun = now();
        while begun.elapsed() < START_LIMIT {
            match self.stand_in.wait(POLL)? {
                Some((moment, Told::Started)) => return Ok(moment),
                Some((_, Told::CannotStart(reason))) => bail!("it says that it cannot start: {reason}"),
                None => {}
            }
            if let Some(status) = function.try_wait()? {
                bail!("it ended with {status} before it asked for an event");
            }
        }
        bail!("it did not ask for an event within {} s", START_LIMIT.as_secs())
    }

    /// The program with what Lambda puts into its environment, and with the variables of the template.
    fn command(&self, name: &str, program: &Path, settings: &Settings) -> Command {
        let endpoint = self.stand_in.endpoint();
        let mut command = Command::new(program);
        isolate(&mut command, &self.scratch);
        command.env("AWS_CA_BUNDLE", self.scratch.join(CERTIFICATE));
        command.env("AWS_LAMBDA_RUNTIME_API", self.stand_in.runtime_api());
        command.envs([
            ("_HANDLER", "bootstrap"),
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_SESSION_TOKEN", "test"),
            ("AWS_ENDPOINT_URL", &endpoint),
        ]);
        command.envs(settings.values(&endpoint));
        command
    }

    fn log_file(&self) -> PathBuf {
        process::log_file(self.workspace, PROCESS)
    }

    fn log(&self) -> String {
        tail(&self.log_file()).join("\n")
    }
}

/// A function's process, which ends with the value.
#[derive(Debug)]
struct Function<'a> {
    workspace: &'a Workspace,
    process: Child,
}

impl Drop for Function<'_> {
    fn drop(&mut self) {
        // What cannot be ended or waited for has ended already.
        process::kill(self.workspace, PROCESS).ok();
        self.process.wait().ok();
    }
}

/// Whether a line of a log says that a connection did not open or worse: then another start was measured than the one
/// on AWS.
fn is_complaint(line: &str) -> bool {
    let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    !matches!(entry.get("level").and_then(serde_json::Value::as_str), Some("INFO" | "DEBUG" | "TRACE"))
}

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "to measure time is what this command is for")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_quiet_log_line_is_a_complaint() {
        assert!(is_complaint(r#"{"level":"WARN","message":"not reached at start"}"#));
        assert!(is_complaint(r#"{"level":"ERROR","message":"the function cannot run"}"#));
        assert!(is_complaint("thread 'main' panicked at src/main.rs:1:1:"));
        assert!(!is_complaint(r#"{"level":"INFO","message":"a WARN inside a text"}"#));
    }
}
