//! The shape of a log line: level, message, target, then every field of the event and of the spans around it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes an event as one flat JSON object; the time is CloudWatch's to add.
pub(super) struct FlatJson;

impl<S> FormatEvent<S, JsonFields> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(written) = span.extensions().get::<FormattedFields<JsonFields>>() {
                let of_span: BTreeMap<String, Value> = serde_json::from_str(&written.fields).unwrap_or_default();
                fields.values.extend(of_span);
            }
        }
        event.record(&mut fields);
        let line = fields.into_line(event.metadata().level().as_str(), event.metadata().target());
        writeln!(writer, "{}", line.map_err(|_not_json| fmt::Error)?)
    }
}

/// The fields of one line, by name.
#[derive(Default)]
struct Fields {
    values: BTreeMap<String, Value>,
}

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.values.insert(field.name().to_owned(), value.into());
    }

    fn into_line(mut self, level: &str, target: &str) -> serde_json::Result<String> {
        let mut line = Vec::with_capacity(256);
        let mut json = serde_json::Serializer::new(&mut line);
        let mut map = json.serialize_map(None)?;
        map.serialize_entry("level", level)?;
        if let Some(message) = self.values.remove("message") {
            map.serialize_entry("message", &message)?;
        }
        map.serialize_entry("target", target)?;
        for (name, value) in &self.values {
            map.serialize_entry(name, value)?;
        }
        map.end()?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, super::chain(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}
