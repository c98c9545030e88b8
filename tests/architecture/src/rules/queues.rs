//! Queues: dead letters, encryption, retention, and the way their readers are attached.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::rules::Findings;
use crate::stack::{Address, Resource, Stack, field, fields};

const QUEUE: &str = "AWS::SQS::Queue";
const FUNCTION: &str = "AWS::Serverless::Function";

/// The longest that SQS keeps a message: 14 days.
const LONGEST_RETENTION_S: u64 = 1_209_600;

/// The largest body that webhook-intake lets in.
const WEBHOOK_BYTES_MAX: u64 = 192 * 1024;

/// How many times its function's timeout a message stays invisible (AWS's advice for throttled batches).
const VISIBILITY_TIMES: u64 = 6;

/// The queues that hold dead letters: of another queue, of a stream, of a schedule, or of failed invocations.
pub fn dead_letter_queues(stack: &Stack) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    for resource in stack.resources() {
        collect_dead_letters(stack, &resource.address.template, resource.property(&[]), &mut found);
    }
    found
}

fn collect_dead_letters(stack: &Stack, template: &str, value: &Value, found: &mut BTreeSet<Address>) {
    let targets = [
        field(value, "deadLetterTargetArn"),
        field(field(value, "DeadLetterConfig"), "Arn"),
        field(field(field(value, "DestinationConfig"), "OnFailure"), "Destination"),
    ];
    found.extend(targets.iter().filter_map(|target| stack.resolve(template, target)));
    for (_, inner) in fields(value) {
        collect_dead_letters(stack, template, inner, found);
    }
}

/// The queues that functions read.
pub fn work_queues(stack: &Stack) -> Vec<Resource<'_>> {
    let dead = dead_letter_queues(stack);
    stack.of_kind(QUEUE).filter(|queue| !dead.contains(&queue.address)).collect()
}

/// Every work queue gives up after a few attempts, into a queue that keeps the message longer than the source does.
pub fn every_queue_has_dead_letters(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for queue in work_queues(stack) {
        let at = &queue.address;
        let redrive = queue.property(&["RedrivePolicy"]);
        let attempts = field(redrive, "maxReceiveCount").as_u64();
        if !attempts.is_some_and(|attempts| (2..=10).contains(&attempts)) {
            findings.push(format!("{at}: maxReceiveCount must be from 2 to 10, found {attempts:?}"));
        }
        let target = stack.resolve(&at.template, field(redrive, "deadLetterTargetArn"));
        let Some(target) = target.and_then(|target| stack.resource(&target)) else {
            findings.push(format!("{at}: there is no dead-letter queue"));
            continue;
        };
        if retention(&queue) >= retention(&target) {
            findings.push(format!("{at}: its dead letters must be kept longer than its messages"));
        }
        if largest_message(&queue) != largest_message(&target) {
            findings.push(format!("{at}: its dead letters must be allowed to be as large as its messages"));
        }
    }
    for address in dead_letter_queues(stack) {
        let kept = stack.resource(&address).and_then(|queue| retention(&queue));
        if kept != Some(LONGEST_RETENTION_S) {
            findings.push(format!("{address}: dead letters must be kept for 14 days, found {kept:?} s"));
        }
    }
    findings
}

/// The queue that webhooks go to takes the largest of them, in which every byte may be a quotation mark.
pub fn webhooks_fit(stack: &Stack) -> Findings {
    let queues = stack.of_kind(QUEUE).filter(|queue| queue.address.id == "ProviderEventsQueue");
    let too_small = queues.filter(|queue| largest_message(queue).is_none_or(|bytes| bytes < 2 * WEBHOOK_BYTES_MAX));
    too_small.map(|queue| format!("{}: the largest webhook may not fit", queue.address)).collect()
}

fn largest_message(queue: &Resource<'_>) -> Option<u64> {
    queue.property(&["MaximumMessageSize"]).as_u64()
}

fn retention(queue: &Resource<'_>) -> Option<u64> {
    queue.property(&["MessageRetentionPeriod"]).as_u64()
}

/// Every queue is encrypted at rest.
pub fn every_queue_is_encrypted(stack: &Stack) -> Findings {
    let open = stack.of_kind(QUEUE).filter(|queue| queue.property(&["SqsManagedSseEnabled"]) != &Value::Bool(true));
    open.map(|queue| format!("{}: it is not encrypted", queue.address)).collect()
}

/// Every work queue has exactly one reader, which answers per message, takes a bounded batch at a bounded concurrency,
/// and has time for it before the message shows up again.
pub fn readers_are_attached_safely(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for queue in work_queues(stack) {
        let readers = readers(stack, &queue.address);
        let [(function, event)] = readers.as_slice() else {
            findings.push(format!("{}: it must have one reader, found {}", queue.address, readers.len()));
            continue;
        };
        let name = &function.address.id;
        if field(event, "FunctionResponseTypes") != &serde_json::json!(["ReportBatchItemFailures"]) {
            findings.push(format!("{name}: it must report each failed message of a batch"));
        }
        if field(event, "BatchSize").as_u64().is_none_or(|size| size > 10) {
            findings.push(format!("{name}: its batch must be bounded by at most 10"));
        }
        if field(field(event, "ScalingConfig"), "MaximumConcurrency").as_u64().is_none() {
            findings.push(format!("{name}: its concurrency must be bounded"));
        }
        let timeout = function.property(&["Timeout"]).as_u64();
        let visible = queue.property(&["VisibilityTimeout"]).as_u64();
        if visible < timeout.and_then(|timeout| timeout.checked_mul(VISIBILITY_TIMES)) || timeout.is_none() {
            findings.push(format!(
                "{}: visibility {visible:?} s is less than {VISIBILITY_TIMES} times the {timeout:?} s of {name}",
                queue.address
            ));
        }
    }
    findings
}

/// The functions with an event that reads the queue.
fn readers<'a>(stack: &'a Stack, queue: &Address) -> Vec<(Resource<'a>, &'a Value)> {
    let mut found = Vec::new();
    for function in stack.of_kind(FUNCTION) {
        for (_, event) in fields(function.property(&["Events"])) {
            let properties = field(event, "Properties");
            let source = stack.resolve(&function.address.template, field(properties, "Queue"));
            if source.as_ref() == Some(queue) {
                found.push((function.clone(), properties));
            }
        }
    }
    found
}
