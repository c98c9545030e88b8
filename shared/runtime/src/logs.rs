//! Logs and counts: one flat JSON object a line, with dotted field names.
//!
//! What may never appear in a log is listed in this crate's README.

mod line;
mod metrics;

pub use self::metrics::Metrics;

use std::error::Error;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::Environment;

/// The longest chain written, in bytes: an error that quotes its input must not flood the log.
const CHAIN_LIMIT: usize = 4_096;

/// The most causes told; a chain that long is a loop.
const CAUSES_LIMIT: usize = 16;

/// Starts logging to standard output, at the level named by `LOG_LEVEL` (`info` when it is absent or unknown).
///
/// `crate_name` is `env!("CARGO_CRATE_NAME")` of the function. Other people's crates log from `warn` upwards only,
/// whatever the level: in detail they would print requests with their bodies and headers.
pub fn init(env: &Environment, crate_name: &str) {
    let asked = env.optional("LOG_LEVEL");
    let level = asked.as_deref().map_or(Some(LevelFilter::INFO), |text| text.parse().ok());
    let subscriber = subscriber(level.unwrap_or(LevelFilter::INFO), crate_name, std::io::stdout);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::warn!("logging was already started");
    }
    std::panic::set_hook(Box::new(panicked));
    if level.is_none() {
        tracing::warn!(log.level = asked, "unknown LOG_LEVEL, logging at info");
    }
}

/// Logs a panic where it happened, as one line like any other.
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let reason = panic.payload_as_str().unwrap_or("of no known reason");
    tracing::error!(panic.place = place, panic.reason = reason, "a bug: the code panicked");
}

/// The subscriber that [`init`] installs, writing to `writer`.
fn subscriber<W>(level: LevelFilter, crate_name: &str, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let ours = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("saldo", level)
        // It repeats each failed invocation and each panic, which are logged by `run` and by the panic hook.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
        .with_target(crate_name.to_owned(), level);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .fmt_fields(JsonFields::new())
        .event_format(line::FlatJson)
        .with_writer(writer);
    tracing_subscriber::registry().with(ours).with(lines)
}

/// The error and its sources in one line, outermost first, each said once.
///
/// ```
/// let source = "1.2.3".parse::<f32>().unwrap_err();
/// assert_eq!(saldo_runtime::logs::chain(&source), "invalid float literal");
/// ```
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source()).take(CAUSES_LIMIT);
    let mut text = causes.map(ToString::to_string).fold(error.to_string(), |text, cause| {
        // Some libraries repeat their source in their own text.
        if text.ends_with(&cause) { text } else { text + ": " + &cause }
    });
    if text.len() > CHAIN_LIMIT {
        text.truncate(text.floor_char_boundary(CHAIN_LIMIT));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::sync::{Arc, Mutex, PoisonError};

    #[derive(Debug, thiserror::Error)]
    #[error("cannot store inv_1")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("the table is throttled")]
    struct Inner;

    /// Runs `log` under our subscriber and gives back the lines it wrote.
    fn lines(level: LevelFilter, log: impl FnOnce()) -> Vec<Value> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        tracing::subscriber::with_default(subscriber(level, "webhook_intake", move || Sink(Arc::clone(&sink))), log);
        let bytes = written.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes_once() {
        assert_eq!(chain(&Outer(Inner)), "cannot store inv_1: the table is throttled");
        #[derive(Debug, thiserror::Error)]
        #[error("cannot store inv_1: {0}")]
        struct Repeating(#[source] Inner);
        assert_eq!(chain(&Repeating(Inner)), "cannot store inv_1: the table is throttled");
    }

    #[test]
    fn an_endless_text_is_cut_at_a_character() {
        let long = std::io::Error::other("€".repeat(2_000));
        assert_eq!(chain(&long), format!("{}…", "€".repeat(1_365)));
    }

    #[test]
    fn a_line_is_flat_and_carries_the_fields_of_its_spans() {
        let seen = lines(LevelFilter::INFO, || {
            let span = tracing::info_span!("record", sqs.message_id = "m-1", sqs.receive_count = 2);
            let _entered = span.enter();
            tracing::info!(invoice.id = "inv_1", payment.amount = %"23.79 EUR", "paid");
        });
        let expected = serde_json::json!({
            "level": "INFO", "message": "paid", "target": "saldo_runtime::logs::tests", "invoice.id": "inv_1",
            "payment.amount": "23.79 EUR", "sqs.message_id": "m-1", "sqs.receive_count": 2,
        });
        assert_eq!(seen, vec![expected]);
    }

    #[test]
    fn line_breaks_and_quotes_cannot_forge_a_line() {
        let seen = lines(LevelFilter::INFO, || tracing::info!(invoice.id = "a\"\n{\"level\":\"ERROR\"}", "odd"));
        assert_eq!(seen.len(), 1);
    }

    #[test]
    fn a_panic_is_one_line_with_its_place() {
        let seen = lines(LevelFilter::INFO, || {
            let silent = std::panic::take_hook();
            std::panic::set_hook(Box::new(panicked));
            let caught = std::panic::catch_unwind(|| panic!("two\nlines"));
            std::panic::set_hook(silent);
            assert!(caught.is_err());
        });
        let [line] = seen.as_slice() else { panic!("expected one line, found {seen:?}") };
        assert_eq!(line["panic.reason"], "two\nlines");
        assert!(line["panic.place"].as_str().unwrap().contains("logs.rs"));
    }

    #[test]
    fn a_failed_invocation_is_not_repeated_by_the_runtime() {
        let seen = lines(LevelFilter::INFO, || tracing::error!(target: "lambda_runtime::layers::panic", "again"));
        assert_eq!(seen, [Value::Null; 0]);
    }

    #[test]
    fn other_crates_stay_quiet_below_warn() {
        let seen = lines(LevelFilter::TRACE, || {
            tracing::debug!(target: "aws_smithy_runtime::client", "request with its body");
            tracing::warn!(target: "aws_smithy_runtime::client", "slow");
            tracing::debug!(target: "webhook_intake::handler", "ours");
        });
        let messages: Vec<_> = seen.iter().map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(messages, ["slow", "ours"]);
    }
}
