//! The numbers of invoices: gapless and unique per seller, up to the counter of the series.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use saldo_billing::id::{InvoiceId, SellerId};
use saldo_billing::party::Seller;
use saldo_store::entities::{NumberSeries, list};
use saldo_store::{Store, list_newest, load_many};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Invariant};

/// Sellers in one page of their list.
const SELLERS_PER_PAGE: u32 = 100;

/// The most gaps of one seller that are told one by one.
const GAPS: usize = 50;

/// The last number that each seller's series has given out.
pub(super) type Counters = BTreeMap<SellerId, u64>;

/// Reads the counters of all sellers as they stand now.
pub(super) async fn counters(store: &dyn Store) -> Result<Counters> {
    let (mut counters, mut after) = (Counters::new(), None);
    loop {
        let page = list_newest::<Seller>(store, list::SELLERS, SELLERS_PER_PAGE, after.as_ref()).await;
        let page = page.context("the sellers cannot be listed")?;
        counters.extend(counters_of(store, page.entities.iter().map(|seller| seller.value.id)).await?);
        after = page.next;
        if after.is_none() {
            return Ok(counters);
        }
    }
}

/// Reads the counters of these sellers as they stand now.
pub(super) async fn counters_of(store: &dyn Store, sellers: impl Iterator<Item = SellerId>) -> Result<Counters> {
    let keys: Vec<_> = sellers.map(|seller| NumberSeries::key_of(seller, NumberSeries::INVOICES)).collect();
    let series = load_many::<NumberSeries>(store, &keys).await.context("the number series cannot be read")?;
    Ok(series.into_iter().map(|series| (series.value.seller, series.value.last)).collect())
}

/// The numbers that were found on invoices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbers(BTreeMap<SellerId, BTreeMap<u64, InvoiceId>>);

impl Numbers {
    /// Notes a number; it is broken when another invoice has it.
    pub(super) fn take(&mut self, seller: SellerId, sequence: u64, invoice: InvoiceId) -> Option<Finding> {
        let known = *self.0.entry(seller).or_default().entry(sequence).or_insert(invoice);
        let what = || format!("number {sequence} of seller {seller} is on {known} and on {invoice}");
        (known != invoice).then(|| Finding::new(Invariant::I4, what()))
    }

    /// The sellers whose numbers were found; the list of sellers may not know the newest yet.
    pub(super) fn sellers(&self) -> impl Iterator<Item = SellerId> {
        self.0.keys().copied()
    }

    /// Judges all numbers: those that were given out before the walk are there, and none is beyond what is given out now.
    pub(super) fn check(&self, before: &Counters, now: &Counters) -> Vec<Finding> {
        let none = BTreeMap::new();
        let mut findings = Vec::new();
        for (seller, last) in before {
            let taken = self.0.get(seller).unwrap_or(&none);
            let gaps = gaps(taken.keys().copied(), *last);
            let missing: Vec<String> = gaps.iter().take(GAPS).map(|(first, last)| shown(*first, *last)).collect();
            if !missing.is_empty() {
                let more = if gaps.len() > GAPS { " and more" } else { "" };
                let missing = missing.join(", ");
                let what = format!("seller {seller} has given out {last} numbers; no invoice has {missing}{more}");
                findings.push(Finding::new(Invariant::I4, what));
            }
        }
        for (seller, taken) in &self.0 {
            let last = now.get(seller).copied().unwrap_or_default();
            let wrong = taken.iter().filter(|(sequence, _)| **sequence == 0 || **sequence > last);
            findings.extend(wrong.map(|(sequence, invoice)| {
                let what = format!("invoice {invoice} has number {sequence}, seller {seller} has given out {last}");
                Finding::new(Invariant::I4, what)
            }));
        }
        findings
    }
}

/// The gaps between ascending numbers from 1 to `last`, each with its first and last missing number.
fn gaps(taken: impl Iterator<Item = u64>, last: u64) -> Vec<(u64, u64)> {
    let (mut gaps, mut next) = (Vec::new(), 1_u64);
    for sequence in taken.take_while(|sequence| *sequence <= last).chain([last.saturating_add(1)]) {
        if sequence > next {
            gaps.push((next, sequence.saturating_sub(1)));
        }
        next = sequence.saturating_add(1).max(next);
    }
    gaps
}

fn shown(first: u64, last: u64) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_found_wherever_they_are() {
        let of = |taken: &[u64], last| gaps(taken.iter().copied(), last);
        assert_eq!(of(&[1, 2, 3], 3), []);
        assert_eq!(of(&[], 0), []);
        assert_eq!(of(&[], 2), [(1, 2)]);
        assert_eq!(of(&[2, 5, 6, 9], 10), [(1, 1), (3, 4), (7, 8), (10, 10)]);
        assert_eq!(of(&[0, 1, 2, 7], 3), [(3, 3)]);
    }
}
