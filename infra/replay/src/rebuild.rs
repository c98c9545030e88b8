//! Telling everything again, to the code that takes it into the books in production.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use saldo_billing::id::PaymentId;
use saldo_billing::invoice::Invoice;
use saldo_billing::payment::{Payment, PaymentReport};
use saldo_books::payments::{self, Reported};
use saldo_books::reports::{self, Place};
use saldo_runtime::logs;
use saldo_store::entities::{CreditBalance, LedgerEntry, invoice_key, payment_key};
use saldo_store::memory::MemoryStore;
use saldo_store::{Condition, Item, Key, Store as _, Stored, Table, Transaction, load, to_item};

use crate::kept::Kept;
use crate::told::Told;
use crate::{ReplayError, answers};

/// An event, and why it is not in the rebuilt books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its key in the inbox.
    pub key: Key,
    /// What it waits for, or why it was refused.
    pub reason: String,
}

/// What became of the events when they were told again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Events {
    /// How many there are.
    pub all: usize,
    /// How many of them tell of payments.
    pub of_payments: usize,
    /// Those that refer to something that is not there.
    pub waiting: Vec<Event>,
    /// Those that contradict the books or cannot be read.
    pub refused: Vec<Event>,
}

/// A fact that is known only from the provider's answer to a call of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OnlyAnswered {
    /// Of which payment.
    pub payment: PaymentId,
    /// The key of the fact.
    pub fact: String,
}

/// The rebuilt tables.
#[derive(Debug)]
pub(crate) struct Rebuilt {
    pub(crate) books: MemoryStore,
    pub(crate) events: Events,
    pub(crate) only_answered: BTreeSet<OnlyAnswered>,
    pub(crate) decisions: usize,
}

/// What follows from facts and decisions, and is therefore not taken over as it is.
fn is_derived(key: &Key) -> bool {
    key.sk == "PAYMENT" || key.sk.starts_with(LedgerEntry::PREFIX) || key.sk.starts_with(CreditBalance::PREFIX)
}

/// Rebuilds everything that is kept.
pub(crate) async fn rebuild(kept: &Kept) -> Result<Rebuilt, ReplayError> {
    let books = MemoryStore::new();
    let mut rebuilt = Rebuilt { books, events: Events::default(), only_answered: BTreeSet::new(), decisions: 0 };
    let mut payments: Vec<Payment> = Vec::new();
    for (key, item) in &kept.billing {
        if key.sk == "PAYMENT" {
            payments.push(Stored::from_item(item.clone())?.value);
        } else if !is_derived(key) {
            rebuilt.decisions = rebuilt.decisions.saturating_add(1);
            rebuilt.put(decided(key, item)?).await?;
        }
    }
    let waiting = rebuilt.tell_all(&kept.events).await?;
    // A refund can be told of a payment that only the answer to our charge introduced.
    let told = told_of(&kept.events);
    for payment in &payments {
        if load::<Payment>(&rebuilt.books, &payment_key(payment.id)).await?.is_none() {
            rebuilt.tell_answers(payment, &told).await?;
        }
    }
    rebuilt.events.waiting = rebuilt.tell_waiting(waiting).await?;
    for payment in &payments {
        rebuilt.tell_answers(payment, &told).await?;
        rebuilt.ask_for_refunds(payment).await?;
    }
    rebuilt.resume(kept).await?;
    rebuilt.count().await?;
    Ok(rebuilt)
}

/// An item as our decisions made it.
fn decided(key: &Key, item: &Item) -> Result<Item, ReplayError> {
    if key.sk != "INVOICE" {
        return Ok(item.clone());
    }
    let invoice = Stored::<Invoice>::from_item(item.clone())?;
    Ok(to_item(&invoice.value.without_payments(), invoice.version)?)
}

/// The keys of all facts that events tell of each payment.
fn told_of(events: &[Told]) -> BTreeMap<PaymentId, BTreeSet<String>> {
    let mut told: BTreeMap<PaymentId, BTreeSet<String>> = BTreeMap::new();
    for report in events.iter().flat_map(Told::reports) {
        let keys = report.facts.iter().filter_map(|fact| Some(fact.statement()?.key()));
        told.entry(report.payment()).or_default().extend(keys);
    }
    told
}

impl Rebuilt {
    async fn put(&self, item: Item) -> Result<(), ReplayError> {
        let mut transaction = Transaction::new();
        transaction.put(Table::Billing, item, Condition::Always)?;
        self.books.commit(transaction).await?;
        // Nobody reads the stream of the shadow, and it would hold everything twice.
        self.books.forget_changes_until(u64::MAX);
        Ok(())
    }

    /// Tells all events in the order in which they were received; returns those that have to wait.
    async fn tell_all<'a>(&mut self, events: &'a [Told]) -> Result<Vec<&'a Told>, ReplayError> {
        let mut in_order: Vec<&Told> = events.iter().collect();
        in_order.sort_by_cached_key(|event| (event.received_at, event.key()));
        self.events.all = in_order.len();
        let mut of_payments = Vec::new();
        for event in in_order {
            match &event.reports {
                Err(reason) => self.events.refused.push(Event { key: event.key(), reason: reason.clone() }),
                Ok(reports) if reports.is_empty() => {}
                Ok(_) => of_payments.push(event),
            }
        }
        self.events.of_payments = of_payments.len();
        let mut waiting = Vec::new();
        for event in of_payments {
            if self.tell(event).await.is_some() {
                waiting.push(event);
            }
        }
        Ok(waiting)
    }

    /// Tells those that wait again until none of them comes further.
    async fn tell_waiting(&mut self, mut waiting: Vec<&Told>) -> Result<Vec<Event>, ReplayError> {
        loop {
            let (before, mut events, mut left) = (waiting.len(), Vec::new(), Vec::new());
            for event in waiting {
                if let Some(reason) = self.tell(event).await {
                    events.push(Event { key: event.key(), reason });
                    left.push(event);
                }
            }
            if left.len() == before || left.is_empty() {
                return Ok(events);
            }
            waiting = left;
        }
    }

    /// Tells one event; returns what it waits for, if it has to.
    async fn tell(&mut self, event: &Told) -> Option<String> {
        for report in event.reports() {
            match self.report(report, event.received_at).await {
                Ok(Reported::Booked(_)) => {}
                Ok(Reported::WaitsFor(what)) => return Some(what.to_string()),
                Err(error) => {
                    self.events.refused.push(Event { key: event.key(), reason: logs::chain(&error) });
                    return None;
                }
            }
        }
        None
    }

    async fn report(&self, report: &PaymentReport, at: DateTime<Utc>) -> Result<Reported, saldo_books::BooksError> {
        let reported = payments::report(&self.books, report, at).await;
        self.books.forget_changes_until(u64::MAX);
        reported
    }

    /// Tells what only answers to our own calls have told.
    async fn tell_answers(
        &mut self,
        kept: &Payment,
        told: &BTreeMap<PaymentId, BTreeSet<String>>,
    ) -> Result<(), ReplayError> {
        let rebuilt: Option<Stored<Payment>> = load(&self.books, &payment_key(kept.id)).await?;
        let none = BTreeSet::new();
        let told = told.get(&kept.id).unwrap_or(&none);
        let Some((report, facts)) = answers::beyond(kept, rebuilt.as_ref().map(|stored| &stored.value), told) else {
            return Ok(());
        };
        let at = kept.began_at().unwrap_or_default();
        // What does not go together with the events is not taken over; the payment then differs, which is what there is to say.
        if let Ok(Reported::Booked(_)) = self.report(&report, at).await {
            self.only_answered.extend(facts.into_iter().map(|fact| OnlyAnswered { payment: kept.id, fact }));
        }
        Ok(())
    }

    /// The refunds that we asked for are decisions, which stand in the payment.
    async fn ask_for_refunds(&self, kept: &Payment) -> Result<(), ReplayError> {
        if kept.refund_requests().next().is_none() {
            return Ok(());
        }
        let Some(rebuilt) = load::<Payment>(&self.books, &payment_key(kept.id)).await? else { return Ok(()) };
        self.put(to_item(&rebuilt.value.with_requests_of(kept), rebuilt.version)?).await
    }

    /// How far collecting came depends on when things were heard, and is taken over.
    async fn resume(&self, kept: &Kept) -> Result<(), ReplayError> {
        for item in kept.billing.iter().filter(|(key, _)| key.sk == "INVOICE").map(|(_, item)| item) {
            let kept: Stored<Invoice> = Stored::from_item(item.clone())?;
            let key = invoice_key(kept.value.id);
            let Some(mut rebuilt) = load::<Invoice>(&self.books, &key).await? else { continue };
            rebuilt.value.progress = kept.value.progress;
            self.put(to_item(&rebuilt.value, kept.version)?).await?;
        }
        Ok(())
    }

    /// Counts all reports anew.
    async fn count(&self) -> Result<(), ReplayError> {
        let mut place = Some(Place::default());
        while let Some(next) = place {
            let walked =
                reports::rebuild(&self.books, next).await.map_err(|error| ReplayError::Reports(error.into()))?;
            if let Some(refused) = walked.refused.into_iter().next() {
                return Err(ReplayError::Books { what: refused.names(), source: refused.error.into() });
            }
            place = walked.next;
        }
        Ok(())
    }

    /// The items of a table by their keys.
    pub(crate) fn items(&self, table: Table) -> BTreeMap<Key, Item> {
        let items = self.books.items(table).into_iter().map(|item| Item::clone(&item));
        items.filter_map(|item| Some((Key::of(&item)?, item))).collect()
    }
}
