//! Alarms: nothing gets stuck, fails or lags unnoticed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::rules::Findings;
use crate::rules::functions::functions;
use crate::rules::queues::{dead_letter_queues, work_queues};
use crate::stack::{Address, Stack, elements, field, fields};

const ALARM: &str = "AWS::CloudWatch::Alarm";

/// The longest that an alarm may look before it rings, in seconds.
const SLOWEST_S: u64 = 3_600;

/// Where a metric is published, and how it shows trouble.
struct Gauge {
    metric: &'static str,
    namespace: &'static str,
    statistic: &'static str,
    /// With a higher threshold the alarm would sleep through what it is for.
    threshold_max: u64,
}

impl Gauge {
    /// The one dimension by which it is published: an alarm with another one, or with more, waits for ever.
    fn dimension(&self) -> &'static str {
        match self.namespace {
            "AWS/SQS" => "QueueName",
            "AWS/ApiGateway" => "ApiId",
            _ => "FunctionName",
        }
    }
}

const GAUGES: [Gauge; 11] = [
    gauge("ApproximateNumberOfMessagesVisible", "AWS/SQS", "Maximum", 1),
    gauge("ApproximateAgeOfOldestMessage", "AWS/SQS", "Maximum", 3_600),
    gauge("Errors", "AWS/Lambda", "Sum", 1),
    gauge("Throttles", "AWS/Lambda", "Sum", 1),
    gauge("Invocations", "AWS/Lambda", "Sum", 1),
    gauge("IteratorAge", "AWS/Lambda", "Maximum", 3_600_000),
    gauge("UnknownPayments", "Saldo", "Sum", 1),
    gauge("UnknownMails", "Saldo", "Sum", 1),
    gauge("WebhooksDeferred", "Saldo", "Sum", 1),
    gauge("WebhooksUnproven", "Saldo", "Sum", 3),
    gauge("5xx", "AWS/ApiGateway", "Sum", 10),
];

const fn gauge(metric: &'static str, namespace: &'static str, statistic: &'static str, threshold_max: u64) -> Gauge {
    Gauge { metric, namespace, statistic, threshold_max }
}

/// Every dead-letter queue alarms with its first message, every work queue by the age of its oldest one, every function
/// by errors and throttles, every reader of a stream by its lag, the scheduled one by its silence, the API by its failures; and
/// payments and mails of which nobody knows what became of them do.
pub fn everything_that_can_fail_has_an_alarm(stack: &Stack) -> Findings {
    let watched = watched(stack);
    let mut wanted: BTreeSet<(String, Address)> = BTreeSet::new();
    wanted.extend(
        dead_letter_queues(stack).into_iter().map(|dlq| ("ApproximateNumberOfMessagesVisible".to_owned(), dlq)),
    );
    for queue in work_queues(stack) {
        wanted.insert(("ApproximateAgeOfOldestMessage".to_owned(), queue.address));
    }
    for function in functions(stack) {
        wanted.insert(("Errors".to_owned(), function.address.clone()));
        wanted.insert(("Throttles".to_owned(), function.address.clone()));
        if fields(function.property(&["Events"])).any(|(_, event)| is_of(event, "DynamoDB")) {
            wanted.insert(("IteratorAge".to_owned(), function.address.clone()));
        }
        if fields(function.property(&["Events"])).any(|(_, event)| is_of(event, "Schedule")) {
            wanted.insert(("Invocations".to_owned(), function.address.clone()));
        }
        match function.address.id.as_str() {
            "PaymentCollection" => wanted.extend([("UnknownPayments".to_owned(), function.address)]),
            "ReminderEmails" => wanted.extend([("UnknownMails".to_owned(), function.address)]),
            "WebhookIntake" => wanted.extend(
                ["WebhooksDeferred", "WebhooksUnproven"].map(|metric| (metric.to_owned(), function.address.clone())),
            ),
            _ => {}
        }
    }
    wanted.extend(stack.of_kind("AWS::ApiGatewayV2::Api").map(|api| ("5xx".to_owned(), api.address)));
    wanted.difference(&watched).map(|(metric, address)| format!("{address}: no alarm watches {metric}")).collect()
}

/// Every alarm looks at its metric where it is published, by the statistic that shows trouble, and within the hour.
pub fn alarms_measure_what_they_say(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for alarm in stack.of_kind(ALARM) {
        let text = |name: &str| alarm.property(&[name]).as_str().unwrap_or_default();
        let number = |name: &str| alarm.property(&[name]).as_u64().unwrap_or(u64::MAX);
        let Some(gauge) = GAUGES.iter().find(|gauge| gauge.metric == text("MetricName")) else {
            findings.push(format!("{}: {} is no metric that is known here", alarm.address, text("MetricName")));
            continue;
        };
        if text("Namespace") != gauge.namespace || text("Statistic") != gauge.statistic {
            findings.push(format!("{}: it must be the {} in {}", alarm.address, gauge.statistic, gauge.namespace));
        }
        let dimensions: Vec<&Value> =
            elements(alarm.property(&["Dimensions"])).iter().map(|one| field(one, "Name")).collect();
        if dimensions != [&json!(gauge.dimension())] {
            findings.push(format!("{}: its one dimension must be {}", alarm.address, gauge.dimension()));
        }
        let rings_below = text("ComparisonOperator") == "LessThanThreshold";
        let rings_above = text("ComparisonOperator") == "GreaterThanOrEqualToThreshold";
        if rings_below != (gauge.metric == "Invocations") || rings_above == rings_below {
            findings.push(format!("{}: it compares the wrong way round", alarm.address));
        }
        if number("Threshold") > gauge.threshold_max || number("Threshold") == 0 {
            findings.push(format!("{}: its threshold must be 1 to {}", alarm.address, gauge.threshold_max));
        }
        if number("Period").saturating_mul(number("EvaluationPeriods")) > SLOWEST_S {
            findings.push(format!("{}: it takes more than {SLOWEST_S} s to ring", alarm.address));
        }
    }
    findings
}

/// Every alarm tells the topic when there is one, says what it means, and does not cry when nothing happened.
pub fn alarms_tell_the_topic(stack: &Stack) -> Findings {
    let told = json!({ "Fn::If": ["HasTopic", [{ "Ref": "TopicArn" }], { "Ref": "AWS::NoValue" }] });
    let mut findings = Findings::new();
    for alarm in stack.of_kind(ALARM) {
        for name in ["AlarmActions", "OKActions"] {
            if alarm.property(&[name]) != &told {
                findings.push(format!("{}: {name} must tell the topic", alarm.address));
            }
        }
        if alarm.property(&["AlarmDescription"]).as_str().is_none_or(str::is_empty) {
            findings.push(format!("{}: it does not say what it means", alarm.address));
        }
        let waits_for_silence = alarm.property(&["ComparisonOperator"]) == &json!("LessThanThreshold");
        let silence = if waits_for_silence { "breaching" } else { "notBreaching" };
        if alarm.property(&["TreatMissingData"]) != &json!(silence) {
            findings.push(format!("{}: silence must be {silence} here", alarm.address));
        }
    }
    findings
}

/// What the alarms watch: metric and resource.
fn watched(stack: &Stack) -> BTreeSet<(String, Address)> {
    let mut watched = BTreeSet::new();
    for alarm in stack.of_kind(ALARM) {
        let Some(metric) = alarm.property(&["MetricName"]).as_str() else { continue };
        for dimension in elements(alarm.property(&["Dimensions"])) {
            let resource = stack.resolve(&alarm.address.template, field(dimension, "Value"));
            watched.extend(resource.map(|resource| (metric.to_owned(), resource)));
        }
    }
    watched
}

fn is_of(event: &Value, kind: &str) -> bool {
    field(event, "Type") == &json!(kind)
}
