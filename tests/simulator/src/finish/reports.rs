//! The reports equal a slow computation that shares no code with them, and come out the same when they are rebuilt.

use std::sync::Arc;

use report_aggregation::handler::{Input, Output, handle};
use saldo_billing::report::{By, Days, ReportName};
use saldo_books::reports::{Place, query};
use saldo_runtime::budget::Budget;
use saldo_store::memory::MemoryStore;
use saldo_store::{Condition, Store, Table, Transaction, canonical_json};
use slow_reports::{Books, figures};

use crate::moment;
use crate::run::{INVOCATION, Run};
use crate::violation::{Invariant, Violation, broken, bug};
use crate::world::at_once;

/// Compares every report.
pub(super) fn check(run: &Run) -> Result<(), Violation> {
    let memory = &run.world.memory;
    let books = Books::of(memory);
    let day = |text: &str| text.parse().map_err(bug);
    let days = Days::try_new(day("2026-01-01")?, day("2028-12-31")?).map_err(bug)?;
    for (name, by) in [
        (ReportName::Revenue, By::Region),
        (ReportName::Revenue, By::Product),
        (ReportName::Tax, By::Day),
        (ReportName::Refunds, By::Channel),
        (ReportName::Payments, By::Method),
        (ReportName::Atv, By::Gateway),
    ] {
        let counted = at_once(query(&**memory, name, by, days, None)).map_err(bug)?.map_err(bug)?;
        let counted = figures(&serde_json::to_string(&counted).map_err(bug)?);
        let slow = books.shown(name, by, days);
        if counted != slow {
            let differs = slow.iter().find(|(key, text)| counted.get(*key) != Some(*text));
            let surplus = counted.iter().find(|(key, _)| !slow.contains_key(*key));
            return Err(broken(
                Invariant::I9,
                format!("{name:?} by {by:?}: expected {differs:?}, surplus {surplus:?}"),
            ));
        }
    }
    rebuilt(run)
}

/// Rebuilt from the books by the function that keeps them, the reports table is the same to the byte.
fn rebuilt(run: &Run) -> Result<(), Violation> {
    let (memory, anew) = (&run.world.memory, Arc::new(MemoryStore::new()));
    for item in memory.items(Table::Billing) {
        let mut transaction = Transaction::new();
        transaction.put(Table::Billing, (*item).clone(), Condition::Always).map_err(bug)?;
        at_once(anew.commit(transaction)).map_err(bug)?.map_err(bug)?;
    }
    let store = run.world.store_on(&anew);
    let mut place = Some(Place::default());
    while let Some(next) = place {
        moment::give_to("report-aggregation", run.now);
        let input = Input { records: None, rebuild: Some(next) };
        let walked = at_once(handle(&store, input, Budget::lasting(INVOCATION))).map_err(bug)?.map_err(bug)?;
        let Output::Walked(walked) = walked else { return Err(bug("a rebuild answered like a batch")) };
        if !walked.refused.is_empty() {
            return Err(broken(Invariant::I9, format!("not counted anew: {:?}", walked.refused)));
        }
        place = walked.next;
    }
    let shown = |store: &MemoryStore| -> Vec<String> {
        let items = store.items(Table::Reports);
        items.iter().map(|item| without_version(&canonical_json(item))).filter(|text| !is_nothing(text)).collect()
    };
    let (kept, rebuilt) = (shown(memory), shown(&anew));
    match kept.iter().zip(&rebuilt).find(|(one, other)| one != other) {
        Some((one, other)) => Err(broken(Invariant::I9, format!("counted {one}, rebuilt {other}"))),
        None if kept.len() == rebuilt.len() => Ok(()),
        None => Err(broken(Invariant::I9, format!("counted {} items, rebuilt {}", kept.len(), rebuilt.len()))),
    }
}

/// How often an item was written is no part of what it says.
fn without_version(text: &str) -> String {
    let mut item: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    item.remove("v");
    item.retain(|_, value| value != &serde_json::json!({ "N": "0" }));
    serde_json::Value::Object(item).to_string()
}

/// A sum that came back to nothing says nothing: a key and no figure.
fn is_nothing(text: &str) -> bool {
    let item: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    item.keys().all(|name| name == "pk" || name == "sk")
}
