//! How far into the handlers the runs came: the places where they tell what they did, and the answers of the API.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use architecture::layers::sources;
use serde_json::Value;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What tells of a branch in the source.
const TELLING: [&str; 3] = ["tracing::info!(", "tracing::warn!(", "tracing::error!("];

/// The places that told something, of all runs in this process: file and line.
static HEARD: Mutex<BTreeSet<(&str, u32)>> = Mutex::new(BTreeSet::new());

/// What the API can be asked: method and path, with names in braces for what differs.
static OPERATIONS: LazyLock<BTreeSet<String>> = LazyLock::new(|| operations(&crm_api::document().unwrap_or_default()));

/// Remembers from now on where handlers tell something.
///
/// # Errors
/// When somebody listens already.
pub fn listen() -> Result<()> {
    tracing::subscriber::set_global_default(Listener).context("somebody listens already")
}

/// The branches of handlers that tell what they did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branches {
    /// How many there are.
    pub all: usize,
    /// Those that no run came by.
    pub missed: Vec<String>,
}

/// Compares what was heard with the sources of the functions; their `main` is not played.
///
/// # Errors
/// When the sources cannot be read.
pub fn branches() -> Result<Branches> {
    let heard = heard();
    let repository = architecture::repository();
    let mut found = Branches { all: 0, missed: Vec::new() };
    for path in sources(&repository.join("functions"))? {
        let file = path.strip_prefix(&repository)?.to_string_lossy().into_owned();
        if !file.contains("/src/") || file.ends_with("/main.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
        for line in telling(&text) {
            found.all = found.all.saturating_add(1);
            if !heard.contains(&(file.as_str(), line)) {
                found.missed.push(format!("{file}:{line}"));
            }
        }
    }
    found.missed.sort();
    Ok(found)
}

/// The lines that tell something, up to the tests.
fn telling(text: &str) -> Vec<u32> {
    let lines = (1..).zip(text.lines().take_while(|line| line.trim() != "#[cfg(test)]"));
    lines.filter(|(_, line)| TELLING.iter().any(|telling| line.contains(telling))).map(|(number, _)| number).collect()
}

/// The operation of the API that a request asks for.
pub(crate) fn operation(method: &str, path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |known: &str| {
        let Some((known_method, template)) = known.split_once(' ') else { return false };
        let is_same = |(part, known): (&str, &str)| part == known || known.starts_with('{');
        known_method == method
            && path.split('/').count() == template.split('/').count()
            && path.split('/').zip(template.split('/')).all(is_same)
    };
    OPERATIONS.iter().map(String::as_str).find(|known| fits(known))
}

/// The operations of the API that nobody asked for.
pub fn unasked(asked: &BTreeSet<&str>) -> Vec<&'static str> {
    OPERATIONS.iter().map(String::as_str).filter(|operation| !asked.contains(operation)).collect()
}

fn operations(document: &Value) -> BTreeSet<String> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flatten();
            methods.map(move |(method, _)| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

fn heard() -> MutexGuard<'static, BTreeSet<(&'static str, u32)>> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps where events come from, and nothing else.
struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if let (Some(file), Some(line)) = (event.metadata().file(), event.metadata().line()) {
            heard().insert((file, line));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_missed_until_it_has_told_something() {
        let places = branches().unwrap();
        assert!(places.all > 30, "{places:?}");
        let place = places.missed.first().unwrap().clone();
        let (file, line) = place.rsplit_once(':').unwrap();
        heard().insert((file.to_owned().leak(), line.parse().unwrap()));
        let later = branches().unwrap();
        assert_eq!(later.all, places.all);
        assert!(!later.missed.contains(&place));
    }

    #[test]
    fn what_tells_something_is_found_where_the_compiler_sees_it() {
        let listening = tracing::subscriber::set_default(Listener);
        tracing::info!("here"); // the line that the listener hears of
        drop(listening);
        let text = include_str!("coverage.rs");
        let file = file!();
        let line = u32::try_from(text.lines().position(|line| line.contains("\"here\"")).unwrap()).unwrap() + 1;
        assert!(heard().contains(&(file, line)));
        assert_eq!(telling("a();\n  tracing::warn!(\n  b)\n#[cfg(test)]\ntracing::info!(\"c\")"), [2]);
    }

    #[test]
    fn a_request_belongs_to_its_operation() {
        assert_eq!(operation("POST", "/v1/invoices/inv_1/finalise"), Some("POST /v1/invoices/{id}/finalise"));
        assert_eq!(operation("GET", "/v1/reports/revenue?by=day"), Some("GET /v1/reports/{name}"));
        assert_eq!(operation("GET", "/v1/nothing/of/the/kind"), None);
        assert!(!unasked(&BTreeSet::from(["POST /v1/refunds"])).contains(&"POST /v1/refunds"));
        assert!(unasked(&BTreeSet::new()).contains(&"POST /v1/refunds"));
    }
}
