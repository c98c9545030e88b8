//! Counts for alarms, in CloudWatch's embedded metric format: a log line that becomes a metric without a call.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::config::Environment;

/// The CloudWatch namespace of every count; the alarms in the template name it too.
const NAMESPACE: &str = "Saldo";

/// Where counts go: one JSON line each on standard output, or a list that a test reads.
///
/// Each count has the dimension `FunctionName`, so that two stacks in one account stay apart.
#[derive(Debug, Clone)]
pub struct Metrics {
    function: String,
    sink: Sink,
}

#[derive(Debug, Clone)]
enum Sink {
    StandardOutput,
    Memory(Arc<Mutex<Vec<Value>>>),
    Nowhere,
}

impl Metrics {
    /// Counts of the function that this process runs, named by Lambda in `AWS_LAMBDA_FUNCTION_NAME`.
    pub fn of(env: &Environment) -> Self {
        let function = env.optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "local".to_owned());
        Self { function, sink: Sink::StandardOutput }
    }

    /// Counts kept in memory, for tests.
    pub fn in_memory() -> Self {
        Self { function: "local".to_owned(), sink: Sink::Memory(Arc::default()) }
    }

    /// Counts that nobody wants, for the simulator.
    pub fn off() -> Self {
        Self { function: String::new(), sink: Sink::Nowhere }
    }

    /// Adds `count` to the metric `name`; `fields` are searchable in the log line and no dimensions, so they cost nothing.
    pub fn count(&self, now: DateTime<Utc>, name: &str, count: u64, fields: &[(&str, &str)]) {
        if matches!(self.sink, Sink::Nowhere) {
            return;
        }
        let line = self.line(now, name, count, fields);
        match &self.sink {
            Sink::Nowhere => {}
            Sink::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(line),
            Sink::StandardOutput => {
                if let Err(error) = writeln!(std::io::stdout().lock(), "{line}") {
                    tracing::warn!(metric.name = name, error.chain = super::chain(&error), "a count was lost");
                }
            }
        }
    }

    /// The sum of what was counted under `name`; always 0 where counts go to standard output.
    pub fn counted(&self, name: &str) -> u64 {
        let Sink::Memory(lines) = &self.sink else { return 0 };
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter_map(|line| line.get(name)?.as_u64()).fold(0, u64::saturating_add)
    }

    fn line(&self, now: DateTime<Utc>, name: &str, count: u64, fields: &[(&str, &str)]) -> Value {
        let mut line: Map<String, Value> =
            fields.iter().map(|(field, value)| ((*field).to_owned(), Value::from(*value))).collect();
        let directive = json!({
            "Timestamp": now.timestamp_millis(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["FunctionName"]],
                "Metrics": [{ "Name": name, "Unit": "Count" }],
            }],
        });
        line.insert("_aws".to_owned(), directive);
        line.insert("FunctionName".to_owned(), Value::from(self.function.clone()));
        line.insert(name.to_owned(), Value::from(count));
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_an_embedded_metric() {
        let env = Environment::from_pairs([("AWS_LAMBDA_FUNCTION_NAME", "saldo-WebhookIntake-1X")]);
        let now = DateTime::from_timestamp_millis(1_767_225_600_000).unwrap();
        let line = Metrics::of(&env).line(now, "WebhooksRefused", 1, &[("webhook.provider", "stripe")]);
        let expected = json!({
            "_aws": {
                "Timestamp": 1_767_225_600_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Saldo",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [{ "Name": "WebhooksRefused", "Unit": "Count" }],
                }],
            },
            "FunctionName": "saldo-WebhookIntake-1X",
            "WebhooksRefused": 1,
            "webhook.provider": "stripe",
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn counts_in_memory_add_up() {
        let metrics = Metrics::in_memory();
        let now = DateTime::from_timestamp_millis(0).unwrap();
        metrics.count(now, "UnknownPayments", 2, &[]);
        metrics.clone().count(now, "UnknownPayments", 3, &[]);
        assert_eq!((metrics.counted("UnknownPayments"), metrics.counted("WebhooksRefused")), (5, 0));
    }
}
