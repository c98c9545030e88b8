//! The tables as they are kept.

use std::collections::BTreeMap;

use saldo_store::inbox::InboxEvent;
use saldo_store::memory::MemoryStore;
use saldo_store::{Item, Key, Stored, Table};

use crate::ReplayError;
use crate::told::Told;

/// The tables as they were read: reports first, the inbox last. Then every event that the books know is among those that were
/// read, because an event is put into the inbox before it is taken into the books.
#[derive(Debug, Default)]
pub struct Kept {
    pub(crate) billing: BTreeMap<Key, Item>,
    pub(crate) reports: BTreeMap<Key, Item>,
    pub(crate) events: Vec<Told>,
}

impl Kept {
    /// The tables of a store in memory.
    ///
    /// # Errors
    /// When an item of the inbox cannot be read.
    pub fn in_memory(store: &MemoryStore) -> Result<Self, ReplayError> {
        let mut kept = Self::default();
        for table in [Table::Reports, Table::Billing, Table::Inbox] {
            kept.take(table, store.items(table).iter().map(|item| Item::clone(item)).collect())?;
        }
        Ok(kept)
    }

    /// Takes items of a table in. Of an event, only what it tells of payments is kept.
    ///
    /// # Errors
    /// When an item has no key, or is of the inbox and no event.
    pub fn take(&mut self, table: Table, items: Vec<Item>) -> Result<(), ReplayError> {
        for item in items {
            let rows = match table {
                Table::Inbox => {
                    self.events.push(Told::by(&Stored::<InboxEvent>::from_item(item)?.value));
                    continue;
                }
                Table::Billing => &mut self.billing,
                Table::Reports => &mut self.reports,
            };
            rows.insert(Key::of(&item).ok_or(ReplayError::Key { table })?, item);
        }
        Ok(())
    }

    pub(crate) fn item(&self, table: Table, key: &Key) -> Option<&Item> {
        match table {
            Table::Inbox => None,
            Table::Billing => self.billing.get(key),
            Table::Reports => self.reports.get(key),
        }
    }
}
