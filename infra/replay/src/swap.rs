//! What was rebuilt, put in the place of what is kept.
//!
//! A table is not exchanged as a whole: that would lose what is written meanwhile. Each thing that differs is replaced by itself, on
//! the condition that it is still as it was read, together with the entry that leads the ledger from where it stands to where it
//! should; entries are only ever added.

use chrono::{DateTime, Utc};
use saldo_billing::id::SellerId;
use saldo_billing::invoice::Invoice;
use saldo_billing::ledger::{Entry, Position};
use saldo_billing::payment::Payment;
use saldo_books::payments::unallocated_seller;
use saldo_store::entities::LedgerEntry;
use saldo_store::{AttributeValue, Condition, Item, Key, Stored, Table, Transaction, attribute, version};
use std::collections::BTreeMap;

use crate::ReplayError;
use crate::compare::Replay;
use crate::view::{position_of, sum_of};

/// Something that differs, and what puts it right.
#[derive(Debug)]
pub struct Swap {
    /// The partition that is put right, or the item of the reports.
    pub what: String,
    /// What to commit.
    pub transaction: Transaction,
}

impl Replay {
    /// What puts everything that differs in the place of what is kept: the books, or, once those are right, the reports, which
    /// follow the books by themselves within seconds. What the inbox says of an event is left as it is.
    ///
    /// # Errors
    /// When something that is kept cannot be read as what it is, or amounts do not add up.
    pub fn swap(&self, now: DateTime<Utc>) -> Result<Vec<Swap>, ReplayError> {
        let (mut books, mut reports) = (BTreeMap::<String, Vec<Key>>::new(), Vec::new());
        for difference in self.differences() {
            match difference.table {
                Table::Billing => books.entry(difference.key.pk.clone()).or_default().push(difference.key),
                Table::Reports => reports.push(difference.key),
                Table::Inbox => {}
            }
        }
        if !books.is_empty() {
            return books.into_iter().map(|(partition, keys)| self.partition(partition, &keys, now)).collect();
        }
        // In the order of keys the records of what was counted come before the sums: so a count that comes in between finds
        // nothing left to count.
        let report = |key: Key| {
            let mut transaction = Transaction::new();
            self.exchange(&mut transaction, Table::Reports, &key)?;
            Ok(Swap { what: key.to_string(), transaction })
        };
        reports.into_iter().map(report).collect()
    }

    /// What differs in one partition of the billing table.
    fn partition(&self, partition: String, keys: &[Key], now: DateTime<Utc>) -> Result<Swap, ReplayError> {
        let mut transaction = Transaction::new();
        for key in keys.iter().filter(|key| key.sk != LedgerEntry::PREFIX) {
            self.exchange(&mut transaction, Table::Billing, key)?;
        }
        if keys.iter().any(|key| key.sk == LedgerEntry::PREFIX) {
            // Its owner is written again, also when it is right: what it says must not change while the ledger is led there.
            let owners = ["INVOICE", "PAYMENT"].map(|kind| Key::new(partition.as_str(), kind));
            let owner = owners.into_iter().find(|key| self.truth(key).is_some() || self.kept.billing.contains_key(key));
            if let Some(owner) = owner.as_ref().filter(|owner| !keys.contains(owner)) {
                self.exchange(&mut transaction, Table::Billing, owner)?;
            }
            if let Some(correction) = self.correction(&partition, owner.as_ref(), now)? {
                transaction.create(&correction)?;
            }
        }
        Ok(Swap { what: partition, transaction })
    }

    /// The item as it should be: as it was rebuilt, or as it is kept where that is right.
    fn truth(&self, key: &Key) -> Option<&Item> {
        let at = (Table::Billing, key.clone());
        match self.rebuilt_view.get(&at) {
            Some(rebuilt) if self.kept_view.get(&at) == Some(rebuilt) => self.kept.billing.get(key),
            Some(_) => self.rebuilt_items.get(&at),
            None => None,
        }
    }

    /// Puts what was rebuilt in the place of what is kept under a key.
    fn exchange(&self, transaction: &mut Transaction, table: Table, key: &Key) -> Result<(), ReplayError> {
        let kept = self.kept.item(table, key).map(version);
        let condition = kept.map_or(Condition::Absent, Condition::Version);
        let rebuilt = match table {
            Table::Billing => self.truth(key),
            Table::Reports | Table::Inbox => self.rebuilt_items.get(&(table, key.clone())),
        };
        match rebuilt.cloned() {
            Some(mut item) => {
                item.insert(attribute::VERSION.to_owned(), AttributeValue::N(next(kept).to_string()));
                transaction.put(table, item, condition)?
            }
            None => transaction.delete(table, key.clone(), condition)?,
        };
        Ok(())
    }

    /// The entry that leads the ledger from what the entries of a partition come to, to where its invoice or payment stands; none,
    /// when there is neither.
    fn correction(
        &self,
        partition: &str,
        owner: Option<&Key>,
        now: DateTime<Utc>,
    ) -> Result<Option<LedgerEntry>, ReplayError> {
        let start = Key::new(partition, LedgerEntry::PREFIX);
        let entries = self.kept.billing.range(start..);
        let entries = entries.take_while(|(key, _)| key.pk == partition && key.sk.starts_with(LedgerEntry::PREFIX));
        let entries: Vec<&Item> = entries.map(|(_, item)| item).collect();
        let truth = owner.and_then(|owner| Some((owner, self.truth(owner)?)));
        let position = truth.map(|(owner, item)| position_of(owner, item)).transpose()?.flatten().unwrap_or_default();
        let posted = sum_of(entries.iter().copied())?;
        let amounts = |source| ReplayError::Amounts { key: Key::new(partition, LedgerEntry::PREFIX), source };
        let postings: Position = position.since(&posted).map_err(amounts)?;
        let version = owner.and_then(|owner| self.kept.item(Table::Billing, owner)).map(version);
        let seller = match (truth, entries.first()) {
            (Some((owner, item)), _) => seller_of(owner, item)?,
            (None, Some(first)) => Some(Stored::<LedgerEntry>::from_item((*first).clone())?.value.entry.seller),
            (None, None) => None,
        };
        let Some(seller) = seller else { return Ok(None) };
        let entry = Entry { seller, cause: format!("replayed#{}", next(version)), at: now, postings };
        let id = partition.split_once('#').map_or("", |(_, id)| id);
        Ok(Some(LedgerEntry { invoice: id.parse().ok(), payment: id.parse().ok(), entry }))
    }
}

/// The version that follows the one that is kept.
fn next(kept: Option<u64>) -> u64 {
    kept.unwrap_or_default().saturating_add(1)
}

/// In whose books the entries of an invoice or a payment stand.
fn seller_of(key: &Key, item: &Item) -> Result<Option<SellerId>, ReplayError> {
    Ok(match key.sk.as_str() {
        "INVOICE" => Some(Stored::<Invoice>::from_item(item.clone())?.value.seller),
        "PAYMENT" => Some(unallocated_seller(&Stored::<Payment>::from_item(item.clone())?.value.account)),
        _ => None,
    })
}
