//! How far verifying is: kept in a file when it is interrupted, since the numbers seen so far do not fit into a line.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use saldo_store::{Key, Store};
use serde::{Deserialize, Serialize};

use super::credits::Credits;
use super::finding::{Finding, Invariant};
use super::ledger::Balances;
use super::numbers::{Counters, Numbers, counters_of};
use super::pages::Looked;

/// What was seen so far.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Progress {
    table: String,
    place: Place,
    /// The counters of the series before the walk.
    before: Counters,
    numbers: Numbers,
    balances: Balances,
    credits: Credits,
    items: u64,
    invoices: u64,
    entries: u64,
    findings: Vec<Finding>,
}

/// Where the walk stands.
#[derive(Debug, Serialize, Deserialize)]
enum Place {
    Start,
    After(Key),
    End,
}

impl Progress {
    /// Nothing was seen yet.
    pub(super) fn begin(table: &str, before: Counters) -> Self {
        Self {
            table: table.to_owned(),
            place: Place::Start,
            before,
            numbers: Numbers::default(),
            balances: Balances::default(),
            credits: Credits::default(),
            items: 0,
            invoices: 0,
            entries: 0,
            findings: Vec::new(),
        }
    }

    /// Reads how far an interrupted run came.
    ///
    /// # Errors
    /// When the file cannot be read, or tells of another table.
    pub(super) fn read(file: &Path, table: &str) -> Result<Self> {
        let name = file.display();
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        let read: Self =
            serde_json::from_str(&text).with_context(|| format!("{name} is no file of an interrupted run"))?;
        if read.table != table {
            bail!("{name} tells of the table {}, this stack has {table}: begin anew without --resume", read.table);
        }
        Ok(read)
    }

    /// Writes how far it came.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        std::fs::write(file, serde_json::to_string(self)?).with_context(|| format!("cannot write {}", file.display()))
    }

    /// After which key the next page begins.
    pub(super) fn place(&self) -> Option<Key> {
        match &self.place {
            Place::After(key) => Some(key.clone()),
            Place::Start | Place::End => None,
        }
    }

    /// Whether everything was seen.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.place, Place::End)
    }

    /// Takes a page in.
    pub(super) fn take(&mut self, looked: Looked, next: Option<Key>) {
        let entries = u64::try_from(looked.entries.len()).unwrap_or(u64::MAX);
        self.items = self.items.saturating_add(looked.items);
        self.invoices = self.invoices.saturating_add(looked.invoices);
        self.entries = self.entries.saturating_add(entries);
        for finding in looked.findings {
            // A partition that stands on two pages is judged with each.
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
        for (seller, sequence, invoice) in looked.numbers {
            self.findings.extend(self.numbers.take(seller, sequence, invoice));
        }
        for postings in &looked.entries {
            if let Err(error) = self.balances.post(postings) {
                self.findings.push(Finding::new(Invariant::I2, format!("the accounts cannot be added up: {error}")));
            }
        }
        let mut taken: Vec<_> = looked
            .balances
            .iter()
            .map(|(customer, money)| (customer, self.credits.balance(*customer, *money)))
            .collect();
        taken
            .extend(looked.granted.iter().map(|(customer, money)| (customer, self.credits.granted(*customer, *money))));
        for (customer, taken) in taken {
            if let Err(error) = taken {
                let what = format!("the credit of {customer} cannot be added up: {error}");
                self.findings.push(Finding::new(Invariant::I2, what));
            }
        }
        self.place = next.map_or(Place::End, Place::After);
    }

    /// All that is broken, when everything was seen.
    ///
    /// # Errors
    /// When the counters or balances cannot be read.
    pub(super) async fn conclude(&self, store: &dyn Store, pause: Duration) -> Result<Vec<Finding>> {
        let now = counters_of(store, self.numbers.sellers()).await?;
        let mut findings = self.findings.clone();
        findings.extend(self.balances.check());
        findings.extend(self.credits.check(store, pause).await?);
        findings.extend(self.numbers.check(&self.before, &now));
        Ok(findings)
    }

    /// A line on how it is going.
    pub(super) fn so_far(&self) -> String {
        let broken = self.findings.len();
        format!("{} items, {} invoices, {} entries seen, {broken} broken", self.items, self.invoices, self.entries)
    }

    /// What it came to.
    pub(super) fn summary(&self, broken: usize) -> String {
        let mut lines = vec![format!(
            "{} items, {} invoices and {} entries verified: {}",
            self.items,
            self.invoices,
            self.entries,
            if broken == 0 { "all is well".to_owned() } else { format!("{broken} BROKEN") }
        )];
        lines.extend(self.balances.lines());
        lines.join("\n")
    }
}
