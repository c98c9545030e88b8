//! Plays seeds on all cores, until one breaks a promise or the time is over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum as _};
use mimalloc::MiMalloc;
use serde_json::json;
use simulator::{
    Branches, Fault, Invariant, Outcome, Plan, Sabotage, branches, listen, name, play, shrink, unasked, unneeded,
};

/// Items and messages are made of small texts, and to allocate them is most of the work.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// All handlers in one process, months in seconds, and everything that can go wrong.
#[derive(Debug, Parser)]
#[command(name = "cargo dev sim", bin_name = "cargo dev sim")]
struct Arguments {
    /// How many seeds are played.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// For how many minutes seeds are played, instead of a number of them.
    #[arg(long)]
    minutes: Option<u64>,
    /// How many days the bad weather of a seed lasts.
    #[arg(long, default_value_t = 60)]
    days: u32,
    /// Faults to leave out, by name.
    #[arg(long, value_delimiter = ',')]
    without: Vec<Fault>,
    /// A defect on purpose, by name.
    #[arg(long)]
    sabotage: Option<Sabotage>,
    /// Show what breaks as it is, without looking for a shorter way there.
    #[arg(long)]
    as_it_is: bool,
    /// Play each defect on purpose, and say which are found.
    #[arg(long)]
    mutants: bool,
}

/// What all seeds came to.
#[derive(Debug, Default)]
struct Sum {
    seeds: u64,
    days: u64,
    invocations: BTreeMap<&'static str, u64>,
    faults: BTreeMap<Fault, u64>,
    used: BTreeSet<String>,
    answers: BTreeMap<&'static str, BTreeSet<i64>>,
    broken: Vec<(u64, Outcome)>,
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seeds = self.seeds.saturating_add(1);
        self.days = self.days.saturating_add(outcome.days);
        for (name, count) in &outcome.invocations {
            let sum = self.invocations.entry(name).or_default();
            *sum = sum.saturating_add(*count);
        }
        for (fault, count) in &outcome.faults {
            let sum = self.faults.entry(*fault).or_default();
            *sum = sum.saturating_add(*count);
        }
        self.used.extend(outcome.used.iter().cloned());
        for (operation, status) in &outcome.answers {
            self.answers.entry(operation).or_default().insert(*status);
        }
        if outcome.violation.is_some() {
            self.broken.push((seed, outcome));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long it took is shown to a person and decides nothing in a run")]
fn clock() -> Instant {
    Instant::now()
}

fn say(line: &str) {
    // A closed terminal is no reason to stop.
    drop(writeln!(std::io::stdout(), "{line}"));
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let sabotage = arguments.sabotage;
    if let Err(error) = listen() {
        say(&format!("what handlers tell is not heard: {error:#}"));
    }
    if arguments.mutants {
        return mutants(&arguments);
    }
    let begun = clock();
    let until = arguments.minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
    let sum = play_all(&arguments, sabotage, |played| {
        until.map_or(played < arguments.seeds, |until| begun.elapsed() < until)
    });
    report(&arguments, sum, begun.elapsed())
}

/// Plays seed after seed on all cores, as long as there is to be more and nothing is broken.
fn play_all(arguments: &Arguments, sabotage: Option<Sabotage>, more: impl Fn(u64) -> bool + Sync) -> Sum {
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Sum::default()));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let played = next.fetch_add(1, Ordering::SeqCst);
                    if !more(played) || !locked(&sum).broken.is_empty() {
                        return;
                    }
                    let seed = arguments.from.saturating_add(played);
                    let outcome = play(&plan(arguments, seed, sabotage));
                    locked(&sum).add(seed, outcome);
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn locked(sum: &Mutex<Sum>) -> MutexGuard<'_, Sum> {
    sum.lock().unwrap_or_else(PoisonError::into_inner)
}

fn plan(arguments: &Arguments, seed: u64, sabotage: Option<Sabotage>) -> Plan {
    Plan { seed, days: arguments.days, without: arguments.without.clone(), sabotage }
}

fn report(arguments: &Arguments, mut sum: Sum, took: Duration) -> ExitCode {
    let invocations = sum.invocations.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let faults = sum.faults.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    say("invocations by handler");
    sum.invocations.iter().for_each(|(name, count)| say(&format!("  {name:<24}{count:>12}")));
    say("faults by kind");
    sum.faults.iter().for_each(|(fault, count)| say(&format!("  {:<24}{count:>12}", name(fault))));
    show_coverage(&sum);
    let violations = sum.broken.len();
    if let Some((seed, outcome)) = sum.broken.pop() {
        let plan = plan(arguments, seed, arguments.sabotage);
        if arguments.as_it_is {
            show(&plan, &outcome);
        } else {
            let found = outcome.violation.as_ref().map(|(violation, ..)| violation.found.clone()).unwrap_or_default();
            say(&format!("seed {seed} breaks a promise; looking for a shorter way to: {found}"));
            let (plan, outcome) = shrink(&plan, outcome);
            show(&plan, &outcome);
        }
    }
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = invocations.saturating_mul(1_000).checked_div(millis).unwrap_or(0);
    say(&format!("{rate} invocations a second"));
    let line = json!({
        "seeds": sum.seeds, "days": sum.days, "invocations": invocations, "faults": faults, "violations": violations,
        "seconds": Duration::from_millis(millis).as_secs_f64(),
    });
    say(&line.to_string());
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What of the API, of the handlers and of their permissions was used.
fn show_coverage(sum: &Sum) {
    say("answers of the API");
    for (operation, statuses) in &sum.answers {
        let statuses: Vec<String> = statuses.iter().map(i64::to_string).collect();
        say(&format!("  {operation:<44}{}", statuses.join(" ")));
    }
    show_missed("operations of the API that nobody asked for", &unasked(&sum.answers.keys().copied().collect()));
    match branches() {
        Ok(Branches { all, missed }) => {
            say(&format!("{} of {all} branches that tell what they did", all.saturating_sub(missed.len())));
            show_missed("those that no run came by", &missed);
        }
        Err(error) => say(&format!("the sources cannot be read: {error:#}")),
    }
    match unneeded(&sum.used) {
        Ok(grants) => show_missed("permissions of the template that nobody needed", &grants),
        Err(error) => say(&format!("the permissions of the template cannot be read: {error:#}")),
    }
}

fn show_missed(what: &str, missed: &[impl AsRef<str>]) {
    if !missed.is_empty() {
        say(what);
        missed.iter().for_each(|name| say(&format!("  {}", name.as_ref())));
    }
}

fn show(plan: &Plan, outcome: &Outcome) {
    let Some((violation, steps, trace)) = &outcome.violation else { return };
    trace.iter().for_each(|line| say(&format!("  {line}")));
    say(&format!("{} broken at step {steps} of seed {}: {}", violation.invariant, plan.seed, violation.found));
    let without: Vec<String> = plan.without.iter().map(name).collect();
    let without = if without.is_empty() { String::new() } else { format!(" --without {}", without.join(",")) };
    let sabotage = plan.sabotage.map(|defect| format!(" --sabotage {}", name(&defect))).unwrap_or_default();
    say(&format!("again: cargo dev sim --from {} --seeds 1 --days {}{without}{sabotage}", plan.seed, plan.days));
}

/// Plays each defect until it is found.
fn mutants(arguments: &Arguments) -> ExitCode {
    let mut missed = Vec::new();
    for defect in Sabotage::value_variants() {
        let sum = play_all(arguments, Some(*defect), |played| played < arguments.seeds);
        match sum.broken.first() {
            Some((_, Outcome { violation: Some((violation, ..)), .. })) if violation.invariant != Invariant::Bug => {
                let (name, invariant) = (name(defect), violation.invariant);
                say(&format!("{name:<32} caught by {invariant} after {} seeds", sum.seeds));
            }
            Some((seed, _)) => {
                say(&format!("{:<32} only stumbled over at seed {seed}", name(defect)));
                missed.push(name(defect));
            }
            None => {
                say(&format!("{:<32} MISSED in {} seeds", name(defect), sum.seeds));
                missed.push(name(defect));
            }
        }
    }
    let all = Sabotage::value_variants().len();
    let line = json!({ "mutants": all, "caught": all.saturating_sub(missed.len()), "missed": missed });
    say(&line.to_string());
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
