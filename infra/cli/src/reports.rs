//! Counts everything in the books that the reports have not counted: the walk that `report-aggregation` does when it is
//! invoked for it, to its end.
//!
//! It works beside the functions: each record of what was counted is written on the condition that it is as it was read, so
//! nothing is counted twice. What a walk that was stopped has counted, the next one finds counted.

use std::collections::BTreeMap;

use anyhow::{Context, Error, Result, ensure};
use saldo_books::reports::{self, Place, Rebuilt};
use saldo_runtime::logs;
use saldo_store::Store;

use crate::card_data::masked_text;
use crate::terminal;

/// After how many pages it says how far it is.
const PAGES_PER_NOTICE: u32 = 20;

/// Counts what is not counted; false when something cannot be.
///
/// # Errors
/// When it was not confirmed, or the tables cannot be read or written; then it may be run again.
pub(crate) async fn rebuild(store: &dyn Store, yes: bool) -> Result<bool> {
    ensure!(
        yes,
        "all subscriptions, invoices and payments would be read, and what is not counted of them be written to the reports; \
         repeat with --yes"
    );
    let mut walked = Walked::default();
    let outcome = walk(&mut walked, async |place| reports::rebuild(store, place).await.map_err(Error::from)).await;
    for (id, reason) in &walked.refused {
        terminal::result(&format!("not counted  {id}: {reason}"));
    }
    outcome?;
    terminal::result(&walked.summary());
    Ok(walked.refused.is_empty())
}

/// How far the walk came.
#[derive(Debug, Default)]
struct Walked {
    /// How many things were looked at.
    looked_at: usize,
    /// The ids of what could not be counted, and why.
    refused: BTreeMap<String, String>,
}

impl Walked {
    fn take(&mut self, page: &Rebuilt) {
        self.looked_at = self.looked_at.saturating_add(page.looked_at);
        for refused in &page.refused {
            let reason = masked_text(&logs::chain(&refused.error));
            self.refused.extend(refused.ids().map(|id| (id, reason.clone())));
        }
    }

    /// A line on how it is going.
    fn so_far(&self) -> String {
        let refused = self.refused.len();
        format!("{} subscriptions, invoices and payments looked at, {refused} not counted", self.looked_at)
    }

    /// What it came to.
    fn summary(&self) -> String {
        let outcome = match self.refused.len() {
            0 => "all is counted".to_owned(),
            count => format!("{count} NOT COUNTED; mend them, then run it again"),
        };
        format!("{} subscriptions, invoices and payments looked at: {outcome}", self.looked_at)
    }
}

/// Takes one step after the other, to the end of the books.
async fn walk(walked: &mut Walked, step: impl AsyncFn(Place) -> Result<Rebuilt>) -> Result<()> {
    let (mut next, mut pages) = (Some(Place::default()), 0_u32);
    while let Some(place) = next {
        let page = step(place).await.with_context(|| {
            format!(
                "the walk stopped after {} subscriptions, invoices and payments; run the same again: what is counted is \
                 found counted, at the price of reading it",
                walked.looked_at
            )
        })?;
        walked.take(&page);
        next = page.next;
        pages = pages.saturating_add(1);
        if pages.is_multiple_of(PAGES_PER_NOTICE) {
            terminal::notice(&walked.so_far());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    use chrono::NaiveDate;
    use saldo_billing::id::InvoiceId;
    use saldo_billing::report::{By, Days, ReportName};
    use saldo_store::entities::invoice_key;
    use saldo_store::memory::MemoryStore;
    use saldo_store::{AttributeValue, Condition, Consistency, Table, Transaction};
    use slow_reports::{Books, Shown, figures};

    use crate::verify::tests::books;

    const REVENUE: (ReportName, By) = (ReportName::Revenue, By::Region);

    fn days() -> Days {
        let day = |text: &str| -> NaiveDate { text.parse().unwrap() };
        Days::try_new(day("2026-01-01"), day("2026-12-31")).unwrap()
    }

    async fn counted(store: &MemoryStore) -> Shown {
        let (name, by) = REVENUE;
        let report = reports::query(store, name, by, days(), None).await.unwrap();
        figures(&serde_json::to_string(&report).unwrap())
    }

    /// The slow way, which knows nothing of what was counted.
    fn computed(store: &MemoryStore) -> Shown {
        let (name, by) = REVENUE;
        Books::of(store).shown(name, by, days())
    }

    async fn walked(store: &MemoryStore) -> Walked {
        let mut walked = Walked::default();
        walk(&mut walked, async |place| reports::rebuild(store, place).await.map_err(Error::from)).await.unwrap();
        walked
    }

    #[tokio::test]
    async fn what_was_never_counted_is_counted_once() {
        let store = books().await;
        assert_ne!(counted(&store).await, computed(&store));
        let summary = walked(&store).await.summary();
        assert_eq!(summary, "4 subscriptions, invoices and payments looked at: all is counted");
        assert_eq!(counted(&store).await, computed(&store));
        let reports = store.items(Table::Reports);
        assert!(rebuild(&store, true).await.unwrap());
        assert_eq!(store.items(Table::Reports), reports);
    }

    #[tokio::test]
    async fn what_cannot_be_counted_is_named_and_all_else_is_counted() {
        let (store, bad) = (books().await, InvoiceId::from_random(4));
        let mut item = store.get(Table::Billing, &invoice_key(bad), Consistency::Strong).await.unwrap().unwrap();
        item.insert("totals".to_owned(), AttributeValue::S("none".to_owned()));
        let mut transaction = Transaction::new();
        transaction.put(Table::Billing, item, Condition::Always).unwrap();
        store.commit(transaction).await.unwrap();
        let walked = walked(&store).await;
        let named: Vec<&String> = walked.refused.keys().collect();
        assert_eq!(named, [&bad.to_string()]);
        let reason = &walked.refused[&bad.to_string()];
        assert!(reason.contains(&format!("{bad}|INVOICE is no Invoice: ")), "{reason}");
        assert!(walked.summary().contains("4 subscriptions") && walked.summary().contains("1 NOT COUNTED"));
        // 199.00 with the one over 99.00 that cannot be read.
        let net = ("EUR".to_owned(), "EMEA".to_owned(), "net".to_owned());
        assert_eq!(counted(&store).await[&net], "100.00");
        assert!(!rebuild(&store, true).await.unwrap());
    }

    #[tokio::test]
    async fn a_walk_that_was_stopped_may_simply_be_run_again() {
        let (store, places) = (books().await, RefCell::new(Vec::new()));
        let mut stopped = Walked::default();
        let step = async |place: Place| -> Result<Rebuilt> {
            places.borrow_mut().push(place.clone());
            // After the invoices, before the payments.
            ensure!(places.borrow().len() < 3, "throttled");
            reports::rebuild(&store, place).await.map_err(Error::from)
        };
        let error = format!("{:#}", walk(&mut stopped, step).await.unwrap_err());
        assert!(error.contains("stopped after 4 ") && error.contains("run the same again"), "{error}");
        assert!(error.ends_with(": throttled"), "{error}");
        assert!(rebuild(&store, true).await.unwrap());
        assert_eq!(counted(&store).await, computed(&store));
    }

    #[tokio::test]
    async fn nothing_is_counted_without_a_yes() {
        let store = books().await;
        let error = rebuild(&store, false).await.unwrap_err().to_string();
        assert!(error.ends_with("repeat with --yes"), "{error}");
        assert!(store.items(Table::Reports).is_empty());
    }
}
