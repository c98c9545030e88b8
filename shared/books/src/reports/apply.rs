//! Bringing reports up to what is in the books.

use std::collections::BTreeSet;

use saldo_billing::id::CustomerId;
use saldo_messages::{Disposed, Disposition};
use saldo_store::entities::list;
use saldo_store::{CommitError, MAX_WRITES, Store, Table, Transaction, customer_keys, version};

use super::cells::{self, Sums};
use super::plan::{Open, Plan, Unit};
use super::{Hint, Subject};
use crate::{BooksError, ROUNDS};

/// What could not be counted; everything else was.
#[derive(Debug)]
pub struct Refused {
    /// All that share this fate: one thing, or an invoice and payments of it whose sale cannot be written.
    pub subjects: Vec<Subject>,
    /// Why.
    pub error: BooksError,
}

impl Refused {
    /// The ids of what it was.
    pub fn ids(&self) -> impl Iterator<Item = String> {
        self.subjects.iter().map(Subject::to_string)
    }

    /// The same, to be read.
    #[must_use]
    pub fn names(&self) -> String {
        self.ids().collect::<Vec<_>>().join(", ")
    }
}

/// Counts what the hints lead to, many things in one transaction, and returns what could not be counted.
///
/// # Errors
/// When the books or the reports cannot be read or written; then some may be counted, and all of it may be tried again.
pub async fn apply(store: &dyn Store, hints: Vec<Hint>) -> Result<Vec<Refused>, BooksError> {
    // The changes of one thing come one after the other; but a subscription counts where its customer is, and theirs come
    // by themselves.
    count(store, hints, |subject| matches!(subject, Subject::Subscription(_))).await
}

/// Counts what the hints lead to, while others may count the same.
///
/// # Errors
/// As [`apply`].
pub(super) async fn apply_beside_others(store: &dyn Store, hints: Vec<Hint>) -> Result<Vec<Refused>, BooksError> {
    count(store, hints, |_| true).await
}

/// Whoever is `disputed` is looked at once more after it was written: while it was read and written, another may have found
/// that it stands as it was counted before, and have written nothing that would have stopped us.
async fn count(
    store: &dyn Store,
    hints: Vec<Hint>,
    disputed: fn(&Subject) -> bool,
) -> Result<Vec<Refused>, BooksError> {
    let mut open = subjects(store, hints).await?;
    let mut refused = Vec::new();
    for _ in 0..ROUNDS {
        if open.is_empty() {
            return Ok(refused);
        }
        let mut plan = Plan::make(store, &open).await?;
        refused.append(&mut plan.refused);
        open.clear();
        for pack in packs(plan.units) {
            write(store, pack, disputed, &mut open, &mut refused).await?;
        }
    }
    Err(BooksError::Contended { attempted: "count for reports" })
}

/// What the hints are about, each with its newest look.
async fn subjects(store: &dyn Store, hints: Vec<Hint>) -> Result<Open, BooksError> {
    let mut open = Open::new();
    let mut moved = BTreeSet::new();
    for hint in hints {
        match hint {
            Hint::Moved(customer) => {
                moved.insert(customer);
            }
            Hint::Changed(subject, image) => match (open.get(&subject), &image) {
                (Some(Some(known)), Some(image)) if version(known) >= version(image) => {}
                (Some(None), _) => {}
                (Some(Some(_)) | None, _) => {
                    open.insert(subject, image);
                }
            },
        }
    }
    for customer in moved {
        for subject in subscriptions_of(store, customer).await? {
            open.insert(subject, None);
        }
    }
    Ok(open)
}

async fn subscriptions_of(store: &dyn Store, customer: CustomerId) -> Result<Vec<Subject>, BooksError> {
    let list = list::of_customer(customer, list::SUBSCRIPTIONS);
    let (mut subjects, mut after) = (Vec::new(), None);
    loop {
        let page = customer_keys(store, &list, 1000, after.as_ref()).await?;
        subjects.extend(page.keys.iter().filter_map(Subject::under));
        after = page.next;
        if after.is_none() {
            return Ok(subjects);
        }
    }
}

/// Units that fit into one transaction each, and the sum of what they add.
#[derive(Default)]
struct Pack {
    units: Vec<Unit>,
    keys: BTreeSet<saldo_store::Key>,
}

impl Pack {
    fn takes(&self, unit: &Unit) -> bool {
        let more = unit.sums.keys().filter(|key| !self.keys.contains(*key)).count();
        let writes = self.keys.len().saturating_add(more).saturating_add(self.units.len()).saturating_add(1);
        writes <= MAX_WRITES
    }

    fn add(&mut self, unit: Unit) {
        self.keys.extend(unit.sums.keys().cloned());
        self.units.push(unit);
    }
}

fn packs(units: Vec<Unit>) -> Vec<Pack> {
    let mut packs: Vec<Pack> = Vec::new();
    for unit in units {
        match packs.last_mut().filter(|pack| pack.takes(&unit)) {
            Some(pack) => pack.add(unit),
            None => {
                let mut pack = Pack::default();
                pack.add(unit);
                packs.push(pack);
            }
        }
    }
    packs
}

/// Writes a pack. What lost a race, and what was only partly written, stays open.
async fn write(
    store: &dyn Store,
    pack: Pack,
    disputed: fn(&Subject) -> bool,
    open: &mut Open,
    refused: &mut Vec<Refused>,
) -> Result<(), BooksError> {
    let is_alone = pack.units.len() == 1;
    match commit(store, &pack.units).await {
        Ok(()) => {
            let looks_again = |unit: &&Unit| !unit.is_all || unit.subjects.iter().any(disputed);
            let subjects = pack.units.iter().filter(looks_again).flat_map(|unit| &unit.subjects);
            open.extend(subjects.map(|subject| (*subject, None)));
        }
        Err(BooksError::Commit(CommitError::Conflict { .. })) => {
            open.extend(pack.units.iter().flat_map(|unit| &unit.subjects).map(|subject| (*subject, None)));
        }
        Err(error) if error.disposition() == Disposition::Poison && !is_alone => {
            // One of them cannot be written: the others shall not suffer for it.
            for unit in pack.units {
                let mut alone = Pack::default();
                alone.add(unit);
                Box::pin(write(store, alone, disputed, open, refused)).await?;
            }
        }
        Err(error) if error.disposition() == Disposition::Poison => {
            let subjects = pack.units.into_iter().flat_map(|unit| unit.subjects).collect();
            refused.push(Refused { subjects, error });
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn commit(store: &dyn Store, units: &[Unit]) -> Result<(), BooksError> {
    let mut transaction = Transaction::new();
    let mut all = Sums::new();
    for unit in units {
        unit.record.add_to(&mut transaction)?;
        for (key, amounts) in &unit.sums {
            for (attribute, amount) in amounts {
                cells::add_one(&mut all, key.clone(), attribute.clone(), *amount)?;
            }
        }
    }
    for (key, amounts) in all {
        transaction.add(Table::Reports, key, amounts, saldo_store::Item::default())?;
    }
    store.commit(transaction).await?;
    Ok(())
}
