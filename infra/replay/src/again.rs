//! Looking again at what differs: a commit may have come between two reads, or still be on its way.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta, Utc};
use saldo_billing::id::CustomerId;
use saldo_store::entities::{CreditBalance, LedgerEntry, list};
use saldo_store::inbox::{InboxEvent, InboxStatus};
use saldo_store::{Consistency, Item, Key, Query, Range, Store, Table, customer_keys, load, version};

use crate::ReplayError;
use crate::compare::{Difference, Replay};
use crate::told::Told;
use crate::view::{shown, shown_count, shown_credit, shown_position, sum_of};

/// What a second look found.
enum Look {
    /// It is as the facts tell.
    Equal,
    /// It was written since it was read first: neither side is what is kept now.
    Moving,
    /// It is as it was.
    Stands,
}

impl Replay {
    /// Looks once more at everything that differs. What was written meanwhile, or is told by an event that was received after
    /// `settled_before` and may still be on its way into the books, is not judged.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub async fn look_again(&mut self, store: &dyn Store, settled_before: DateTime<Utc>) -> Result<(), ReplayError> {
        let late = |told: &&Told| told.received_at >= settled_before;
        let under_way: BTreeSet<String> =
            self.kept.events.iter().filter(late).flat_map(|told| self.touched_by(told)).collect();
        let facts = self.kept.events.iter().filter(late).flat_map(Told::reports).flat_map(|report| &report.facts);
        let open_since = facts.map(|fact| fact.at).min().map_or(settled_before, |at| at.min(settled_before));
        for difference in self.differences() {
            let look = match self.look(store, &difference).await? {
                Look::Stands if under_way.contains(&difference.key.pk) => Look::Moving,
                Look::Stands if self.is_being_counted(&difference, under_way.is_empty(), open_since) => Look::Moving,
                look @ (Look::Stands | Look::Moving | Look::Equal) => look,
            };
            let at = (difference.table, difference.key);
            match look {
                Look::Stands => {}
                Look::Moving => {
                    self.moving.insert(at);
                }
                Look::Equal => match self.rebuilt_view.get(&at).cloned() {
                    Some(map) => {
                        self.kept_view.insert(at, map);
                    }
                    None => {
                        self.kept_view.remove(&at);
                    }
                },
            }
        }
        Ok(())
    }

    /// Whether a sum of the reports may be waiting for something that is not judged itself: then the sums of the days since it
    /// happened are not judged either, where they differ. The order of tables has reports looked at last.
    fn is_being_counted(&self, difference: &Difference, is_quiet: bool, open_since: DateTime<Utc>) -> bool {
        let is_sum = difference.table == Table::Reports && !difference.key.pk.starts_with("COUNTED#");
        if !is_sum || (is_quiet && self.moving.is_empty()) {
            return false;
        }
        // A sort key begins with the first day of a half-month, or with a year; a zone can be a day away.
        let place = difference.key.sk.split('#').next().unwrap_or_default();
        let open_on = open_since.checked_sub_signed(TimeDelta::days(1)).unwrap_or(open_since).date_naive();
        match place.parse::<NaiveDate>() {
            Ok(first) => first.checked_add_days(Days::new(16)).is_none_or(|end| end > open_on),
            Err(_) => place.parse::<i32>().map_or(true, |year| year >= open_on.year()),
        }
    }

    async fn look(&self, store: &dyn Store, difference: &Difference) -> Result<Look, ReplayError> {
        let Difference { table, key, .. } = difference;
        if *table == Table::Inbox {
            let event = load::<InboxEvent>(store, key).await?;
            let is_applied = event.is_some_and(|event| event.value.status == InboxStatus::Applied);
            return Ok(if is_applied { Look::Stands } else { Look::Equal });
        }
        if key.sk == LedgerEntry::PREFIX {
            return self.look_at_entries(store, key).await;
        }
        let item = store.get(*table, key, Consistency::Strong).await?;
        let now = match (&item, table) {
            (None, _) => None,
            (Some(item), Table::Reports) => shown_count(item),
            (Some(item), _) if key.sk.starts_with(CreditBalance::PREFIX) => shown_credit(item)?,
            (Some(item), _) => Some(shown(item)),
        };
        let rebuilt = self.rebuilt_view.get(&(*table, key.clone()));
        if now.as_ref() == rebuilt {
            return Ok(Look::Equal);
        }
        let is_moving = self.was_written(*table, key, item.as_ref())
            || (key.sk.starts_with(CreditBalance::PREFIX) && self.invoices_moved(store, key).await?);
        Ok(if is_moving { Look::Moving } else { Look::Stands })
    }

    /// Whether an item is another than the one that was read first.
    fn was_written(&self, table: Table, key: &Key, now: Option<&Item>) -> bool {
        self.kept.item(table, key).map(version) != now.map(version)
    }

    /// The entries of a partition, against whom they belong to.
    async fn look_at_entries(&self, store: &dyn Store, key: &Key) -> Result<Look, ReplayError> {
        let (mut entries, mut is_moving, mut after) = (Vec::new(), false, None);
        loop {
            let page =
                store.query(Query::table(Table::Billing, &key.pk).range(Range::All).consistent().after(after)).await?;
            for item in page.items {
                let Some(found) = Key::of(&item) else { continue };
                if found.sk.starts_with(LedgerEntry::PREFIX) {
                    is_moving |= self.kept.item(Table::Billing, &found).is_none();
                    entries.push(item);
                } else if matches!(found.sk.as_str(), "INVOICE" | "PAYMENT") {
                    is_moving |= self.was_written(Table::Billing, &found, Some(&item));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let now = shown_position(&sum_of(entries.iter())?);
        if now.as_ref() == self.rebuilt_view.get(&(Table::Billing, key.clone())) {
            return Ok(Look::Equal);
        }
        Ok(if is_moving { Look::Moving } else { Look::Stands })
    }

    /// Whether any invoice of a customer is another than when it was read first: their credit moves with their invoices.
    async fn invoices_moved(&self, store: &dyn Store, key: &Key) -> Result<bool, ReplayError> {
        let Some(Ok(customer)) = key.pk.strip_prefix("CUSTOMER#").map(str::parse::<CustomerId>) else {
            return Ok(false);
        };
        let (list, mut after) = (list::of_customer(customer, list::INVOICES), None);
        loop {
            let page = customer_keys(store, &list, 1000, after.as_ref()).await?;
            let found = store.get_many(Table::Billing, &page.keys).await?;
            let moved =
                |item: &Item| Key::of(item).is_some_and(|key| self.was_written(Table::Billing, &key, Some(item)));
            if found.iter().any(moved) {
                return Ok(true);
            }
            after = page.next;
            if after.is_none() {
                return Ok(false);
            }
        }
    }
}
