//! Functions: each its own role, log and code; streams that neither block nor lose.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::rules::Findings;
use crate::stack::{Address, Resource, Stack, field, fields};

const FUNCTION: &str = "AWS::Serverless::Function";

/// The longest that an HTTP API waits for a function.
const HTTP_TIMEOUT_S: u64 = 29;

/// The longest that Lambda lets a function run.
const LONGEST_TIMEOUT_S: u64 = 900;

/// All functions of the stack.
pub fn functions(stack: &Stack) -> Vec<Resource<'_>> {
    stack.of_kind(FUNCTION).collect()
}

/// The crate that a function is built from.
pub fn crate_name<'a>(function: &Resource<'a>) -> Option<&'a str> {
    function.property(&["CodeUri"]).as_str()?.strip_prefix("target/lambda/")?.strip_suffix('/')
}

/// Template and source tree name the same functions.
pub fn functions_are_the_crates(stack: &Stack, repository: &Path) -> Findings {
    let declared: BTreeSet<String> =
        functions(stack).iter().filter_map(|function| crate_name(function).map(str::to_owned)).collect();
    let mut written = BTreeSet::new();
    for entry in std::fs::read_dir(repository.join("functions")).into_iter().flatten().flatten() {
        written.insert(entry.file_name().to_string_lossy().into_owned());
    }
    let mut findings: Findings = declared
        .symmetric_difference(&written)
        .map(|name| format!("{name}: it must be both in the template and in functions/"))
        .collect();
    if functions(stack).len() != declared.len() {
        findings.push("two functions share their code, or one has none".to_owned());
    }
    findings
}

/// Every function has a role that no other has.
pub fn every_function_has_its_own_role(stack: &Stack) -> Findings {
    let mut seen = BTreeSet::new();
    let mut findings = Findings::new();
    for function in functions(stack) {
        match stack.resolve(&function.address.template, function.property(&["Role"])) {
            Some(role) if seen.insert(role.clone()) => {}
            Some(role) => findings.push(format!("{}: it shares {role}", function.address)),
            None => findings.push(format!("{}: it has no role of this stack", function.address)),
        }
    }
    findings
}

/// Every function writes to a log group of its own, kept as long as the parameter says; so does the API.
pub fn every_log_is_kept_for_the_set_time(stack: &Stack) -> Findings {
    let mut seen: BTreeSet<Address> = BTreeSet::new();
    let mut findings = Findings::new();
    for function in functions(stack) {
        let log = stack.resolve(&function.address.template, function.property(&["LoggingConfig", "LogGroup"]));
        if !log.is_some_and(|log| seen.insert(log)) {
            findings.push(format!("{}: it has no log group of its own", function.address));
        }
    }
    for log in stack.of_kind("AWS::Logs::LogGroup") {
        if log.property(&["RetentionInDays"]) != &json!({ "Ref": "LogRetentionDays" }) {
            findings.push(format!("{}: its retention must follow the parameter", log.address));
        }
    }
    findings
}

/// Functions run the built binary, with a stated timeout that their caller waits for.
pub fn functions_run_the_built_binary(stack: &Stack) -> Findings {
    let shared = field(field(stack.root(), "Globals"), "Function");
    let mut findings = Findings::new();
    if field(shared, "Runtime") != &json!("provided.al2023") || field(shared, "Handler") != &json!("bootstrap") {
        findings.push("functions must run `bootstrap` on provided.al2023".to_owned());
    }
    if field(shared, "Architectures") != &json!([{ "Ref": "Architecture" }]) {
        findings.push("the processor must follow the parameter".to_owned());
    }
    for function in functions(stack) {
        let timeout = function.property(&["Timeout"]).as_u64();
        let limit = if is_http(&function) { HTTP_TIMEOUT_S } else { LONGEST_TIMEOUT_S };
        if timeout.is_none_or(|timeout| timeout > limit) {
            findings.push(format!("{}: its timeout must be stated and at most {limit} s", function.address));
        }
    }
    findings
}

/// Functions without events here are called through the HTTP API.
fn is_http(function: &Resource<'_>) -> bool {
    function.property(&["Events"]).is_null()
}

/// Readers of a stream split a failing batch, give up after a number of attempts, and keep what they gave up.
pub fn streams_do_not_block(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for function in functions(stack) {
        for (_, event) in fields(function.property(&["Events"])) {
            if field(event, "Type") == &json!("DynamoDB") {
                findings.extend(stream_findings(stack, &function, field(event, "Properties")));
            }
        }
    }
    findings
}

fn stream_findings(stack: &Stack, function: &Resource<'_>, event: &Value) -> Findings {
    let at = &function.address;
    let mut findings = Findings::new();
    if field(event, "FunctionResponseTypes") != &json!(["ReportBatchItemFailures"]) {
        findings.push(format!("{at}: it must report where a batch failed"));
    }
    if field(event, "BisectBatchOnFunctionError") != &Value::Bool(true) {
        findings.push(format!("{at}: a failing batch must be split"));
    }
    if field(event, "MaximumRetryAttempts").as_u64().is_none() {
        findings.push(format!("{at}: one bad record would block its shard until it expires"));
    }
    let kept = field(field(field(event, "DestinationConfig"), "OnFailure"), "Destination");
    if stack.resolve(&at.template, kept).is_none() {
        findings.push(format!("{at}: what it gives up must be kept"));
    }
    if field(event, "StartingPosition") != &json!("TRIM_HORIZON") {
        findings.push(format!("{at}: it must begin with the oldest record"));
    }
    findings
}

/// The scheduled function survives a failed delivery and a failed run.
pub fn schedules_are_caught(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for function in functions(stack) {
        for (_, event) in fields(function.property(&["Events"])) {
            if field(event, "Type") != &json!("Schedule") {
                continue;
            }
            let at = &function.address;
            let dead = field(field(field(event, "Properties"), "DeadLetterConfig"), "Arn");
            if stack.resolve(&at.template, dead).is_none() {
                findings.push(format!("{at}: an event that is not delivered must be kept"));
            }
            if field(field(field(event, "Properties"), "RetryPolicy"), "MaximumRetryAttempts").as_u64().is_none() {
                findings.push(format!("{at}: its schedule must say how often it retries"));
            }
            let failed = function.property(&["EventInvokeConfig", "DestinationConfig", "OnFailure", "Destination"]);
            if stack.resolve(&at.template, failed).is_none() {
                findings.push(format!("{at}: a run that fails must be kept"));
            }
        }
    }
    findings
}

/// The schedule ticks every so many minutes, at least hourly: it knows no time of day, which a change of the clocks could move
/// or leave out. What is due on a customer's day is found by the domain.
pub fn schedules_know_no_time_of_day(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    let mut schedules = 0_usize;
    for function in functions(stack) {
        for (_, event) in fields(function.property(&["Events"])) {
            let kind = field(event, "Type").as_str().unwrap_or_default();
            if !kind.starts_with("Schedule") {
                continue;
            }
            schedules = schedules.saturating_add(1);
            let properties = field(event, "Properties");
            let minutes = field(properties, "Schedule").as_str().and_then(minutes_of_rate);
            if minutes.is_none_or(|minutes| minutes == 0 || minutes > 60) {
                findings.push(format!("{}: its schedule must be a rate of 1 to 60 minutes", function.address));
            }
            if kind != "Schedule" || properties.get("ScheduleExpressionTimezone").is_some() {
                findings.push(format!("{}: its schedule must not follow a local clock", function.address));
            }
        }
    }
    if schedules == 0 {
        findings.push("nothing ticks".to_owned());
    }
    findings
}

/// The minutes of `rate(5 minutes)`, `rate(1 hour)`.
fn minutes_of_rate(expression: &str) -> Option<u64> {
    let (count, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let minutes = match unit {
        "minute" | "minutes" => 1,
        "hour" | "hours" => 60,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(minutes)
}
