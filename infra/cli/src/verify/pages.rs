//! What can be seen on a page of the billing table.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};
use saldo_billing::id::{CustomerId, InvoiceId, SellerId};
use saldo_billing::invoice::Invoice;
use saldo_billing::ledger::Position;
use saldo_billing::payment::Payment;
use saldo_books::payments::unallocated;
use saldo_money::Money;
use saldo_store::entities::{CreditBalance, DocumentPart, LedgerEntry};
use saldo_store::{Entity, Item, Key, Query, Store, Stored, Table};

use super::finding::{Finding, Invariant};
use super::{carrying, invoice, ledger, payments};

/// Partitions read at a time.
const CONCURRENCY: usize = 8;

/// What was seen on a page.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// How many items there were.
    pub(super) items: u64,
    /// How many invoices were judged.
    pub(super) invoices: u64,
    /// What was posted.
    pub(super) entries: Vec<Position>,
    /// The numbers of issued invoices.
    pub(super) numbers: Vec<(SellerId, u64, InvoiceId)>,
    /// Balances of credit.
    pub(super) balances: Vec<(CustomerId, Money)>,
    /// What invoices add to the credit of their customers.
    pub(super) granted: Vec<(CustomerId, Money)>,
    /// What is broken.
    pub(super) findings: Vec<Finding>,
}

impl Looked {
    /// Looks at the items of a page, and at the partitions of its invoices and payments.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn at(store: &dyn Store, items: &[Item], pause: Duration, now: DateTime<Utc>) -> Result<Self> {
        let mut looked = Self { items: u64::try_from(items.len()).unwrap_or(u64::MAX), ..Self::default() };
        let mut partitions = BTreeSet::new();
        for item in items {
            let Some(key) = Key::of(item) else { continue };
            match key.sk.as_str() {
                "INVOICE" => {
                    let Some(invoice) = looked.read::<Invoice>(item) else { continue };
                    looked.invoices = looked.invoices.saturating_add(1);
                    let number = invoice.issued().map(|issued| (invoice.seller, issued.number.sequence, invoice.id));
                    looked.numbers.extend(number);
                    match invoice.credit() {
                        Ok(credit) => looked.granted.push((invoice.customer, credit)),
                        Err(error) => looked.findings.push(Finding::new(Invariant::I2, error.to_string())),
                    }
                    partitions.insert(key.pk);
                }
                "PAYMENT" => {
                    partitions.insert(key.pk);
                }
                sk if sk.starts_with(CreditBalance::PREFIX) => {
                    let balance = looked.read::<CreditBalance>(item);
                    looked.balances.extend(balance.map(|credit| (credit.customer, credit.balance)));
                }
                sk if sk.starts_with(LedgerEntry::PREFIX) => {
                    let Some(entry) = looked.read::<LedgerEntry>(item) else { continue };
                    looked.findings.extend(ledger::check_entry(&entry));
                    looked.entries.push(entry.entry.postings);
                    partitions.insert(key.pk);
                }
                _ => {}
            }
        }
        let judged = futures_util::stream::iter(partitions).map(|pk| judge_twice(store, pk, pause, now));
        let judged: Vec<Vec<Finding>> = judged.buffered(CONCURRENCY).try_collect().await?;
        looked.findings.extend(judged.into_iter().flatten());
        Ok(looked)
    }

    fn read<T: Entity>(&mut self, item: &Item) -> Option<T> {
        match decoded(item) {
            Ok(value) => Some(value),
            Err(finding) => {
                self.findings.push(finding);
                None
            }
        }
    }
}

fn decoded<T: Entity>(item: &Item) -> Result<T, Finding> {
    let read = Stored::from_item(item.clone());
    let broken = |error| Finding::new(Invariant::Readable, saldo_runtime::logs::chain(&error));
    read.map(|stored| stored.value).map_err(broken)
}

/// Judges a partition, and once more when something looks broken: a commit may have come between two reads.
async fn judge_twice(
    store: &dyn Store,
    partition: String,
    pause: Duration,
    now: DateTime<Utc>,
) -> Result<Vec<Finding>> {
    let findings = judge(store, &partition, now).await?;
    if findings.is_empty() {
        return Ok(findings);
    }
    tokio::time::sleep(pause).await;
    judge(store, &partition, now).await
}

/// Judges the invoice or payment of a partition by all that stands there.
async fn judge(store: &dyn Store, partition: &str, now: DateTime<Utc>) -> Result<Vec<Finding>> {
    let (mut invoices, mut paid) = (Vec::<Invoice>::new(), Vec::<Payment>::new());
    let (mut parts, mut entries) = (Vec::<DocumentPart>::new(), Vec::<LedgerEntry>::new());
    let mut findings = Vec::new();
    let mut after = None;
    loop {
        let query = Query::table(Table::Billing, partition).consistent().limit(1000).after(after);
        let page = store.query(query).await.with_context(|| format!("cannot read {partition}"))?;
        for item in &page.items {
            let Some(key) = Key::of(item) else { continue };
            let taken = match key.sk.as_str() {
                "INVOICE" => decoded(item).map(|invoice| invoices.push(invoice)),
                "PAYMENT" => decoded(item).map(|payment| paid.push(payment)),
                sk if sk.starts_with(DocumentPart::PREFIX) => decoded(item).map(|part| parts.push(part)),
                sk if sk.starts_with(LedgerEntry::PREFIX) => decoded(item).map(|entry| entries.push(entry)),
                _ => Ok(()),
            };
            findings.extend(taken.err());
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if !findings.is_empty() {
        return Ok(findings);
    }
    if invoices.is_empty() && paid.is_empty() && !entries.is_empty() {
        let what = format!("{partition} has {} entries, and neither an invoice nor a payment", entries.len());
        findings.push(Finding::new(Invariant::I2, what));
    }
    for invoice in &invoices {
        findings.extend(invoice::check(invoice, std::mem::take(&mut parts), &entries));
        findings.extend(carrying::check(store, invoice).await?);
        findings.extend(payments::check_received(store, invoice).await?);
    }
    for payment in &paid {
        findings.extend(payments::check_payment(store, payment, now).await?);
    }
    for payment in paid.iter().filter(|payment| payment.invoice.is_none()) {
        let of = format!("payment {}", payment.id);
        match unallocated(payment) {
            Ok(position) => findings.extend(ledger::check_position(&of, &position, &entries)),
            Err(error) => findings.push(Finding::new(Invariant::I2, format!("{of}: {error}"))),
        }
    }
    Ok(findings)
}
