//! The reports against a computation that shares no code with them.

use anyhow::{Context, Result};
use chrono::NaiveDate;
use saldo_billing::report::{By, Days, ReportName};
use saldo_books::reports::query;
use saldo_store::memory::MemoryStore;
use saldo_store::{Condition, Item, Store, Table, Transaction};
use slow_reports::{Books, Shown, figures};

use super::finding::{Finding, Invariant};

/// What is compared: every report that the slow way knows, and every dimension at least once.
const COMPARED: [(ReportName, By); 7] = [
    (ReportName::Revenue, By::Month),
    (ReportName::Revenue, By::Region),
    (ReportName::Revenue, By::Product),
    (ReportName::Tax, By::Day),
    (ReportName::Refunds, By::Channel),
    (ReportName::Payments, By::Method),
    (ReportName::Atv, By::Gateway),
];

/// The decades that are looked at; a report spans ten years at most.
const DECADES: [(i32, i32); 2] = [(2020, 2029), (2030, 2039)];

/// Keeps items of the billing table for the slow way.
pub(super) async fn keep(copy: &MemoryStore, items: Vec<Item>) -> Result<()> {
    for item in items {
        let mut transaction = Transaction::new();
        transaction.put(Table::Billing, item, Condition::Always).context("an item cannot be kept")?;
        copy.commit(transaction).await.context("an item cannot be kept")?;
    }
    Ok(())
}

/// Compares every report with what the copy of the books comes to.
pub(super) async fn compare(copy: &MemoryStore, store: &dyn Store) -> Result<Vec<Finding>> {
    let books = Books::of(copy);
    let mut findings = Vec::new();
    for (first, last) in DECADES {
        let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).context("no such day");
        let days = Days::try_new(day(first, 1, 1)?, day(last, 12, 31)?).context("no such days")?;
        for (name, by) in COMPARED {
            let counted = query(store, name, by, days, None).await.context("the reports cannot be read")?;
            let counted = figures(&serde_json::to_string(&counted)?);
            findings.extend(differences(&format!("{name:?} by {by:?}"), &counted, &books.shown(name, by, days)));
        }
    }
    Ok(findings)
}

/// What two tellings of one report do not have in common.
fn differences(report: &str, counted: &Shown, computed: &Shown) -> Vec<Finding> {
    let keys = counted.keys().chain(computed.keys().filter(|key| !counted.contains_key(*key)));
    let differs = keys.filter(|key| counted.get(*key) != computed.get(*key));
    let told = differs.map(|key| {
        let (currency, row, figure) = key;
        let text = |shown: &Shown| shown.get(key).cloned().unwrap_or_else(|| "nothing".to_owned());
        let (counted, computed) = (text(counted), text(computed));
        format!(
            "{report}, {row} in {currency}: {figure} is {counted}, computed anew {computed}; if the books changed meanwhile, \
             verify again"
        )
    });
    told.map(|what| Finding::new(Invariant::I9, what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_differs_or_is_on_one_side_only_is_told() {
        let shown = |rows: &[(&str, &str)]| -> Shown {
            let row = |(key, text): &(&str, &str)| (("EUR".into(), (*key).into(), "net".into()), (*text).into());
            rows.iter().map(row).collect()
        };
        let one = shown(&[("EMEA", "100.00"), ("APAC", "5.00")]);
        assert_eq!(differences("Revenue by Region", &one, &one), []);
        let found = differences("Revenue by Region", &one, &shown(&[("EMEA", "90.00"), ("none", "1.00")]));
        let told: Vec<&str> = found.iter().filter_map(|finding| finding.what.split(';').next()).collect();
        assert_eq!(
            told,
            [
                "Revenue by Region, APAC in EUR: net is 5.00, computed anew nothing",
                "Revenue by Region, EMEA in EUR: net is 100.00, computed anew 90.00",
                "Revenue by Region, none in EUR: net is nothing, computed anew 1.00",
            ]
        );
    }
}
