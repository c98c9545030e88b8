//! The twin's own books: an entry for each movement of money, written where the money moves and nowhere else.

use std::collections::BTreeMap;

use serde::Serialize;

/// Why money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// Taken from a customer.
    Charged,
    /// Given back.
    Refunded,
    /// A refund that bounced: with us again.
    RefundReturned,
    /// Withdrawn for a dispute.
    DisputeWithdrawn,
    /// Given back after a dispute was won.
    DisputeReinstated,
}

/// One movement of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Why.
    pub movement: Movement,
    /// Of which PaymentIntent.
    pub payment_intent: String,
    /// Which charge, refund or dispute moved it.
    pub source: String,
    /// How much, in the numbers that travel.
    pub amount: i64,
    /// In which currency, lower case.
    pub currency: String,
    /// Seconds since 1970, by the twin's clock.
    pub at: i64,
}

/// Money of one payment, or in sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// How often money was taken.
    pub charges: u64,
    /// Taken.
    pub charged: i64,
    /// Given back.
    pub refunded: i64,
    /// Withdrawn by disputes and not given back.
    pub disputed: i64,
}

impl Sums {
    fn add(&mut self, movement: Movement, amount: i64) {
        match movement {
            Movement::Charged => {
                self.charges = self.charges.saturating_add(1);
                self.charged = self.charged.saturating_add(amount);
            }
            Movement::Refunded => self.refunded = self.refunded.saturating_add(amount),
            Movement::RefundReturned => self.refunded = self.refunded.saturating_sub(amount),
            Movement::DisputeWithdrawn => self.disputed = self.disputed.saturating_add(amount),
            Movement::DisputeReinstated => self.disputed = self.disputed.saturating_sub(amount),
        }
    }
}

/// What was charged for an invoice, by the metadata of its payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaymentSums {
    /// In which currency.
    pub currency: String,
    /// The metadata of the PaymentIntent when it was first charged.
    pub metadata: BTreeMap<String, String>,
    /// Its money.
    #[serde(flatten)]
    pub sums: Sums,
}

/// All movements of one account.
#[derive(Debug, Clone, Default)]
pub struct Books {
    entries: Vec<Entry>,
    metadata: BTreeMap<String, BTreeMap<String, String>>,
}

/// The books in sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// By currency.
    pub totals: BTreeMap<String, Sums>,
    /// By PaymentIntent.
    pub payments: BTreeMap<String, PaymentSums>,
    /// How many movements there were.
    pub entries: usize,
}

impl Books {
    pub(crate) fn write(&mut self, entry: Entry, metadata: &BTreeMap<String, String>) {
        self.metadata.entry(entry.payment_intent.clone()).or_insert_with(|| metadata.clone());
        self.entries.push(entry);
    }

    /// Each movement, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Keeps the metadata that a refund was asked for with.
    pub(crate) fn label(&mut self, refund: &str, metadata: &BTreeMap<String, String>) {
        self.metadata.insert(refund.to_owned(), metadata.clone());
    }

    /// The metadata of a PaymentIntent, or of a refund, when money first moved because of it.
    #[must_use]
    pub fn metadata(&self, id: &str) -> Option<&BTreeMap<String, String>> {
        self.metadata.get(id)
    }

    /// The books in sum.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut totals: BTreeMap<String, Sums> = BTreeMap::new();
        let mut payments: BTreeMap<String, PaymentSums> = BTreeMap::new();
        for entry in &self.entries {
            totals.entry(entry.currency.clone()).or_default().add(entry.movement, entry.amount);
            let payment = payments.entry(entry.payment_intent.clone()).or_insert_with(|| PaymentSums {
                currency: entry.currency.clone(),
                metadata: self.metadata.get(&entry.payment_intent).cloned().unwrap_or_default(),
                sums: Sums::default(),
            });
            payment.sums.add(entry.movement, entry.amount);
        }
        Summary { totals, payments, entries: self.entries.len() }
    }
}
