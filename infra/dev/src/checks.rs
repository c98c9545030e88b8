//! Everything that CI runs, in sequence, with one summary.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::run_logged;
use crate::console::Console;
use crate::lambda_build::build_tool;
use crate::local_aws::{Addresses, LocalAws, Policies};
use crate::python::Venv;
use crate::tally::{Tally, failures};
use crate::up::TWIN;
use crate::workspace::Workspace;
use crate::{dynamodb_local, local_aws, process, simulation, up};

/// The crate whose tests need a deployed stack; it stays out of the plain run.
const JOURNEYS: &str = "journeys";

/// What of it is run on the stack.
const JOURNEY_TESTS: [&str; 2] = ["journeys", "faults"];

/// The store's contract test that needs an engine, and is left out of the plain run for that.
const STORE_CONTRACT: &str = "contract_dynamodb";

/// The local AWS that the store's contract runs on, beside a stack that may be deployed on another.
pub(crate) const STORE_ENGINE: &str = "store-aws";

/// The variable that leads the store's contract tests to an engine.
const STORE_ENDPOINT: &str = "SALDO_TEST_DYNAMODB_ENDPOINT";

/// The operators' command.
const OPERATOR: &str = "saldo";

/// A part of the checks, to be run alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Formatting, clippy, documentation, and all tests that need nothing but cargo.
    Source,
    /// The store's contract on the local AWS and on the official DynamoDB Local.
    Store,
    /// `sam validate --lint` and cfn-lint (our own rules for the template are among the tests of the source).
    Template,
    /// Stripe's own package, asked about the provider's twin, our requests and the sample events.
    Judges,
    /// A fixed set of seeds in the simulator.
    Sim,
    /// The journeys on a freshly deployed stack.
    Journeys,
}

/// All parts, in the order in which they are run.
const PARTS: [Part; 6] = [Part::Source, Part::Sim, Part::Template, Part::Store, Part::Judges, Part::Journeys];

/// What one step of the run came to.
#[derive(Debug)]
struct Outcome {
    name: &'static str,
    tally: Tally,
    took: Duration,
}

/// The run so far.
#[derive(Debug)]
struct Run<'a> {
    workspace: &'a Workspace,
    console: &'a Console,
    outcomes: Vec<Outcome>,
    /// What failed and why, to be told once more where nobody has to look for it: at the end.
    failures: RefCell<Vec<String>>,
}

/// Runs the given parts of the checks, or all, also after one failed; true when all passed.
pub(crate) fn run(workspace: &Workspace, console: &Console, parts: &[Part]) -> bool {
    let mut run = Run { workspace, console, outcomes: Vec::new(), failures: RefCell::default() };
    let is_wanted = |part: &Part| parts.is_empty() || parts.contains(part);
    std::thread::scope(|scope| {
        let mut fetching = parts.is_empty().then(|| scope.spawn(|| fetch(workspace, console)));
        for part in PARTS.into_iter().filter(is_wanted) {
            // While cargo compiles the source, everything else arrives.
            if let Some(fetching) = fetching.take_if(|_| part != Part::Source) {
                drop(fetching.join());
            }
            match part {
                Part::Source => run.source_checks(),
                Part::Sim => run.simulation(),
                Part::Template => run.template_checks(),
                Part::Store => run.store_contract(),
                Part::Judges => run.judges(),
                Part::Journeys => run.journeys(),
            }
        }
    });
    run.summary()
}

/// Sets up what comes from elsewhere. What fails is set up again by the check that needs it, which says why.
fn fetch(workspace: &Workspace, console: &Console) {
    drop(Venv::ready(workspace, console, "local"));
    drop(Venv::ready(workspace, console, "judges"));
    drop(dynamodb_local::installed(workspace, console));
}

impl Run<'_> {
    fn source_checks(&mut self) {
        self.step("formatting", |run| run.check("fmt", &mut run.cargo(&["fmt", "--all", "--check"])));
        self.step("clippy", |run| {
            let mut clippy = run.cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--quiet"]);
            run.check("clippy", clippy.args(["--", "--deny", "warnings"]))
        });
        self.step("documentation", |run| {
            let mut doc =
                run.cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--locked", "--quiet"]);
            run.check("doc", doc.env("RUSTDOCFLAGS", "--deny warnings"))
        });
        self.step("unit, property and contract tests (in memory), examples in the documentation", |run| {
            run.tests(
                "tests",
                &mut run.cargo(&["test", "--workspace", "--exclude", JOURNEYS, "--locked", "--no-fail-fast"]),
            )
        });
    }

    fn simulation(&mut self) {
        self.step("fixed seeds in the simulator", |run| {
            run.check("sim", &mut simulation::of_the_checks(run.workspace)?)
        });
    }

    /// The store's contract on both engines that speak DynamoDB's protocol.
    fn store_contract(&mut self) {
        self.step("store contract on the official DynamoDB Local", |run| {
            let endpoint = dynamodb_local::start(run.workspace, run.console)?;
            let tally = run.store_tests("store-dynamodb-local", &endpoint);
            process::stop(run.workspace, dynamodb_local::PROCESS)?;
            tally
        });
        self.step("store contract on the local AWS", |run| {
            let tools = Venv::ready(run.workspace, run.console, "local")?;
            let endpoint = local_aws::free_endpoint()?;
            let addresses = Addresses { for_functions: endpoint.clone(), endpoint };
            let aws = LocalAws::start(run.workspace, &tools, STORE_ENGINE, addresses, Policies::Ignored)?;
            let tally = run.store_tests("store-local-aws", aws.endpoint());
            process::stop(run.workspace, STORE_ENGINE)?;
            tally
        });
    }

    fn store_tests(&self, log: &str, endpoint: &str) -> Result<Tally> {
        self.tests(log, self.some_tests(&[STORE_CONTRACT]).env(STORE_ENDPOINT, endpoint))
    }

    fn template_checks(&mut self) {
        self.step("sam validate --lint", |run| {
            let tools = Venv::ready(run.workspace, run.console, "local")?;
            let mut sam = Command::new(tools.program("sam"));
            sam.args(["validate", "--lint", "--template-file", "template.yaml", "--region", local_aws::REGION]);
            run.check("sam-validate", sam.env("SAM_CLI_TELEMETRY", "0"))
        });
        self.step("cfn-lint", |run| {
            let tools = Venv::ready(run.workspace, run.console, "local")?;
            let mut lint = Command::new(tools.program("cfn-lint"));
            lint.arg("template.yaml");
            for entry in std::fs::read_dir(run.workspace.path("infra"))? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "yaml") {
                    lint.arg(path);
                }
            }
            run.check("cfn-lint", &mut lint)
        });
    }

    /// The judges in `tests/judges`; each says there what it asks.
    fn judges(&mut self) {
        self.step("the official Stripe client drives the provider's twin", |run| {
            let twin = build_tool(run.workspace, TWIN)?;
            run.judge("stripe_client", &[&twin])
        });
        self.step("recorded requests by the official parameters", |run| {
            let recorded = run.tests("judge-requests", &mut run.some_tests(&["requests"]))?;
            Ok(recorded.and(run.judge("stripe_params", &[&run.workspace.path("target/tmp/stripe-requests.json")])?))
        });
        self.step("sample events by the official classes", |run| {
            run.judge("stripe_objects", &[&run.workspace.path("events/providers/stripe")])
        });
    }

    /// Asks a judge; its success is one check.
    fn judge(&self, script: &str, arguments: &[&Path]) -> Result<Tally> {
        let judges = Venv::ready(self.workspace, self.console, "judges")?;
        let mut python = Command::new(judges.program("python"));
        python.arg(self.workspace.path("tests/judges").join(format!("{script}.py"))).args(arguments);
        self.check(script, &mut python)
    }

    /// The demo and the journeys, each on a stack of its own, which is taken down whatever happens; after each the books are
    /// verified and replayed.
    fn journeys(&mut self) {
        self.step("deploying the local stack, and a demo quarter on it", |run| run.deployed(true));
        self.step("the books of the demo, verified", Run::verified);
        self.step("the books of the demo, replayed", Run::replayed);
        self.step("deploying the local stack anew", |run| run.deployed(false));
        self.step("journeys on the local stack", |run| run.tests("journeys", &mut run.some_tests(&JOURNEY_TESTS)));
        self.step("what the functions were refused, by their logs", |run| {
            run.tests("permissions", &mut run.some_tests(&["permissions"]))
        });
        self.step("the books of the journeys, verified", Run::verified);
        self.step("the books of the journeys, replayed", Run::replayed);
        self.step("taking the local stack down", |run| up::down(run.workspace, run.console).map(|()| Tally::PASSED));
    }

    /// Deploys the functions as they are now: built with the demo's stack, which comes first.
    fn deployed(&self, demo: bool) -> Result<Tally> {
        up::up(self.workspace, self.console, &up::Options { demo, build: demo }).map(|()| Tally::PASSED)
    }

    /// Asks the operators' command whether the books of the running stack agree with themselves.
    fn verified(&self) -> Result<Tally> {
        self.operator("verify", &["verify", "--reports"])
    }

    /// Asks the operators' command whether the books are what the events and our decisions make of them.
    fn replayed(&self) -> Result<Tally> {
        self.operator("replay", &["replay"])
    }

    fn operator(&self, name: &str, arguments: &[&str]) -> Result<Tally> {
        let mut saldo = Command::new(build_tool(self.workspace, OPERATOR)?);
        self.check(name, saldo.arg("--local").args(arguments))
    }

    /// Runs one step and keeps what it came to; an error is a failure of the step, not of the run.
    fn step(&mut self, name: &'static str, work: impl FnOnce(&Self) -> Result<Tally>) {
        self.console.step(name);
        let begun = self.console.elapsed();
        let tally = work(self).unwrap_or_else(|error| {
            self.console.failure(&format!("{error:#}"));
            self.failures.borrow_mut().push(format!("{name}: {error:#}"));
            Tally::FAILED
        });
        let took = self.console.elapsed().saturating_sub(begun);
        self.console.detail(&format!("{} passed, {} failed", tally.passed, tally.failed));
        self.outcomes.push(Outcome { name, tally, took });
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
        cargo.current_dir(self.workspace.root()).args(arguments);
        cargo
    }

    /// Tests by the name of their file, out of the whole workspace: for their package alone, its dependencies would be compiled once
    /// more with other features.
    fn some_tests(&self, names: &[&str]) -> Command {
        let mut cargo = self.cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
        for name in names {
            cargo.args(["--test", name]);
        }
        cargo
    }

    fn log(&self, name: &str) -> PathBuf {
        self.workspace.local(&format!("test-{name}.log"))
    }

    /// A program whose success is one check.
    fn check(&self, name: &str, command: &mut Command) -> Result<Tally> {
        command.current_dir(self.workspace.root());
        run_logged(self.console, command, &self.log(name)).map(|()| Tally::PASSED)
    }

    /// A run of tests, each of which counts.
    fn tests(&self, name: &str, command: &mut Command) -> Result<Tally> {
        let log = self.log(name);
        let ended = run_logged(self.console, command, &log);
        if let Err(error) = &ended {
            self.console.failure(&format!("{error:#}"));
        }
        let output = std::fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
        let output = String::from_utf8_lossy(&output);
        self.failures.borrow_mut().extend(failures(&output));
        Ok(Tally::of_test_run(&output, ended.is_ok()))
    }

    /// Prints the summary and every failure, with the sum as the last line; true when nothing failed.
    fn summary(&self) -> bool {
        let mut sum = Tally::default();
        self.console.line("");
        for Outcome { name, tally, took } in &self.outcomes {
            let verdict = if tally.failed == 0 { "ok    " } else { "FAILED" };
            let (passed, failed, seconds) = (tally.passed, tally.failed, took.as_secs_f64());
            self.console.line(&format!("{verdict} {passed:>5} passed {failed:>3} failed {seconds:>7.1} s  {name}"));
            sum = sum.and(*tally);
        }
        for failure in self.failures.borrow().iter() {
            self.console.line(&format!("\n{failure}"));
        }
        self.console.line("");
        self.console.line(&format!("{} passed, {} failed", sum.passed, sum.failed));
        sum.failed == 0
    }
}
