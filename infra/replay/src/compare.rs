//! What is kept against what was rebuilt.

use std::collections::{BTreeMap, BTreeSet};

use saldo_billing::Outcome;
use saldo_billing::id::{InvoiceId, PaymentId};
use saldo_billing::invoice::Invoice;
use saldo_billing::ledger::Position;
use saldo_billing::payment::Payment;
use saldo_books::payments::unallocated;
use saldo_store::entities::{invoice_key, payment_key};
use saldo_store::inbox::InboxStatus;
use saldo_store::{Entity, Item, Key, Stored, Table};
use serde_json::{Map, Value, json};

use crate::ReplayError;
use crate::kept::Kept;
use crate::rebuild::{Events, OnlyAnswered, Rebuilt};
use crate::told::Told;
use crate::view::{self, View};

/// The longest text of a value that is told.
const VALUE_CHARS: usize = 120;

/// How an item that is kept differs from what the facts come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Both are there, and say different things.
    Different,
    /// It is not kept.
    Missing,
    /// It is kept, and nothing tells of it.
    Surplus,
}

/// Something that is not as the facts tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In which table.
    pub table: Table,
    /// Under which key; the sum of a partition's entries stands under `ENTRY#`.
    pub key: Key,
    /// How.
    pub kind: Kind,
    /// Each field that differs, with both values.
    pub fields: Vec<String>,
}

/// What was compared of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// The same on both sides.
    pub equal: usize,
    /// There on both sides, and not the same.
    pub different: usize,
    /// Rebuilt, and not kept.
    pub missing: usize,
    /// Kept, and not rebuilt.
    pub surplus: usize,
    /// Changed while it was read, and not judged.
    pub moving: usize,
}

/// What can be mended by handling events again.
#[derive(Debug, Default)]
pub struct Mending<'a> {
    /// The events.
    pub events: Vec<&'a Told>,
    /// Partitions whose entries are not what their invoice or payment says: a person has to judge those.
    pub held_back: BTreeSet<String>,
}

/// The books that are kept beside those that the facts come to.
#[derive(Debug)]
pub struct Replay {
    pub(crate) kept: Kept,
    pub(crate) kept_view: View,
    pub(crate) rebuilt_view: View,
    /// The rebuilt items that were found to differ.
    pub(crate) rebuilt_items: BTreeMap<(Table, Key), Item>,
    pub(crate) moving: BTreeSet<(Table, Key)>,
    /// What became of the events.
    pub events: Events,
    /// Facts that no event tells, and an answer to a call of ours can have told.
    pub only_answered: BTreeSet<OnlyAnswered>,
    /// How many items were taken over as they are.
    pub decisions: usize,
}

impl Replay {
    pub(crate) fn between(kept: Kept, rebuilt: Rebuilt) -> Result<Self, ReplayError> {
        let (mut billing, reports) = (rebuilt.items(Table::Billing), rebuilt.items(Table::Reports));
        billing.retain(|key, _| matches!(key.sk.as_str(), "INVOICE" | "PAYMENT"));
        billing.extend(view::balances(billing.iter())?);
        let mut rebuilt_view = view::of_rebuilt(&billing, &reports)?;
        let mut kept_view = view::of_kept(&kept.billing, &kept.reports)?;
        // What the inbox calls applied has to come to the books when it is told again.
        let applied = kept.events.iter().filter(|told| told.status == InboxStatus::Applied);
        let applied: BTreeSet<Key> = applied.map(Told::key).collect();
        let waiting = rebuilt.events.waiting.iter().map(|event| (event, "parked"));
        let refused = rebuilt.events.refused.iter().map(|event| (event, "given_up"));
        for (event, status) in waiting.chain(refused).filter(|(event, _)| applied.contains(&event.key)) {
            let status_of = |status: &str| Map::from_iter([("status".to_owned(), json!({ "S": status }))]);
            kept_view.insert((Table::Inbox, event.key.clone()), status_of("applied"));
            rebuilt_view.insert((Table::Inbox, event.key.clone()), status_of(status));
        }
        let differs = |(table, key, item): (Table, Key, Item)| {
            let at = (table, key);
            (kept_view.get(&at) != rebuilt_view.get(&at)).then_some((at, item))
        };
        let of = |table| move |(key, item)| (table, key, item);
        let items = billing.into_iter().map(of(Table::Billing)).chain(reports.into_iter().map(of(Table::Reports)));
        let rebuilt_items = items.filter_map(differs).collect();
        let Rebuilt { events, only_answered, decisions, .. } = rebuilt;
        let moving = BTreeSet::new();
        Ok(Self { kept, kept_view, rebuilt_view, rebuilt_items, moving, events, only_answered, decisions })
    }

    /// All that is not as the facts tell, in the order of tables and keys.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference> {
        let keys: BTreeSet<&(Table, Key)> = self.kept_view.keys().chain(self.rebuilt_view.keys()).collect();
        let differs =
            |at: &&(Table, Key)| !self.moving.contains(*at) && self.kept_view.get(at) != self.rebuilt_view.get(at);
        keys.into_iter().filter(differs).map(|at| self.difference(at)).collect()
    }

    fn difference(&self, at: &(Table, Key)) -> Difference {
        let (kept, rebuilt) = (self.kept_view.get(at), self.rebuilt_view.get(at));
        let mut fields = Vec::new();
        let kind = match (kept, rebuilt) {
            (None, _) => Kind::Missing,
            (Some(_), None) => Kind::Surplus,
            (Some(_), Some(_)) => Kind::Different,
        };
        let none = Map::new();
        differing("", kept.unwrap_or(&none), rebuilt.unwrap_or(&none), &mut fields);
        Difference { table: at.0, key: at.1.clone(), kind, fields }
    }

    /// What was compared of a table.
    #[must_use]
    pub fn tally(&self, table: Table) -> Tally {
        let mut tally = Tally { moving: self.moving.iter().filter(|(of, _)| *of == table).count(), ..Tally::default() };
        let keys: BTreeSet<&(Table, Key)> = self.kept_view.keys().chain(self.rebuilt_view.keys()).collect();
        for at in keys.into_iter().filter(|at| at.0 == table && !self.moving.contains(*at)) {
            let count = match (self.kept_view.get(at), self.rebuilt_view.get(at)) {
                (None, _) => &mut tally.missing,
                (Some(_), None) => &mut tally.surplus,
                (Some(kept), Some(rebuilt)) if kept == rebuilt => &mut tally.equal,
                (Some(_), Some(_)) => &mut tally.different,
            };
            *count = count.saturating_add(1);
        }
        tally
    }

    /// The hash of what is kept of a table, and of what was rebuilt of it; what was not judged is in neither.
    #[must_use]
    pub fn hashes(&self, table: Table) -> (String, String) {
        let judged = |view: &View| -> View {
            let judged = view.iter().filter(|(at, _)| !self.moving.contains(*at));
            judged.map(|(at, map)| (at.clone(), map.clone())).collect()
        };
        (view::hash(&judged(&self.kept_view), table), view::hash(&judged(&self.rebuilt_view), table))
    }

    /// The events that mend what can be mended by handling them again: those that tell a payment something new, and for each
    /// invoice that lacks what a sound payment brought, one event of that payment.
    ///
    /// What is handled again is posted as the difference to what an invoice or payment says now. Where the entries are not what it
    /// says, that would post something twice: nothing is to be handled again there.
    #[must_use]
    pub fn mending(&self) -> Mending<'_> {
        let mut broken: BTreeMap<PaymentId, Option<Payment>> = BTreeMap::new();
        let mut lacking: BTreeSet<PaymentId> = BTreeSet::new();
        for Difference { table, key, kind, .. } in self.differences() {
            if table == Table::Billing && key.sk == "PAYMENT" && kind != Kind::Surplus {
                let id = key.pk.split_once('#').and_then(|(_, id)| id.parse().ok());
                broken.extend(id.map(|id| (id, self.kept_entity::<Payment>(&key))));
            } else if table == Table::Billing && key.sk == "INVOICE" {
                lacking.extend(self.lacking(&key));
            }
        }
        lacking.retain(|payment| !broken.contains_key(payment));
        let mut mending = Mending::default();
        for told in &self.kept.events {
            let (mut mends, mut held_back) = (false, None);
            for report in told.reports() {
                let payment = report.payment();
                let is_news = match broken.get(&payment) {
                    Some(None) => true,
                    Some(Some(kept)) => matches!(kept.clone().apply(report), Ok(Outcome::Applied(()))),
                    None => lacking.remove(&payment),
                };
                if is_news {
                    mends = true;
                    held_back = held_back.or_else(|| self.posted_otherwise(payment));
                }
            }
            match held_back {
                Some(partition) => {
                    mending.held_back.insert(partition);
                }
                None if mends => mending.events.push(told),
                None => {}
            }
        }
        mending
    }

    fn kept_entity<T: Entity>(&self, key: &Key) -> Option<T> {
        Some(Stored::from_item(self.kept.billing.get(key)?.clone()).ok()?.value)
    }

    /// The partition in which news of a payment is posted, when the entries there are not what its invoice or payment says.
    fn posted_otherwise(&self, payment: PaymentId) -> Option<String> {
        let key = payment_key(payment);
        let kept = self.kept_entity::<Payment>(&key);
        let partition = match self.invoice_of(&key) {
            Some(invoice) => {
                let owner = invoice_key(invoice);
                let position = self.kept_entity::<Invoice>(&owner).and_then(|invoice| invoice.position().ok());
                (owner.pk, position)
            }
            None => (key.pk, kept.map_or_else(|| Some(Position::default()), |payment| unallocated(&payment).ok())),
        };
        let (partition, position) = partition;
        let posted = self.kept_view.get(&(Table::Billing, view::sum_key(partition.as_str())));
        let is_sound = position.is_some_and(|position| view::shown_position(&position).as_ref() == posted);
        (!is_sound).then_some(partition)
    }

    /// The invoice of a rebuilt payment.
    fn invoice_of(&self, payment: &Key) -> Option<InvoiceId> {
        self.rebuilt_of(payment)?.get("invoice")?.get("S")?.as_str()?.parse().ok()
    }

    /// The payments of which an invoice that is kept does not have what they brought.
    fn lacking(&self, invoice: &Key) -> Vec<PaymentId> {
        let received = |map: &Map<String, Value>| -> Map<String, Value> {
            let inner = map.get("received").and_then(|value| value.get("M")).and_then(Value::as_object);
            inner.cloned().unwrap_or_default()
        };
        let at = (Table::Billing, invoice.clone());
        let (kept, rebuilt) = (self.kept_view.get(&at).map(received), self.rebuilt_view.get(&at).map(received));
        let (kept, rebuilt) = (kept.unwrap_or_default(), rebuilt.unwrap_or_default());
        let differs = rebuilt.iter().filter(|(payment, told)| kept.get(*payment) != Some(*told));
        differs.filter_map(|(payment, _)| payment.parse().ok()).collect()
    }

    fn rebuilt_of(&self, key: &Key) -> Option<&Map<String, Value>> {
        self.rebuilt_view.get(&(Table::Billing, key.clone()))
    }

    /// The partitions that an event may be changing: its payments, and their invoices and customers.
    pub(crate) fn touched_by(&self, told: &Told) -> BTreeSet<String> {
        let mut partitions = BTreeSet::from([told.key().pk]);
        for report in told.reports() {
            let payment = payment_key(report.payment());
            let invoice =
                self.rebuilt_of(&payment).and_then(|map| map.get("invoice")?.get("S")?.as_str()?.parse().ok());
            if let Some(invoice) = report.invoice.or(invoice) {
                let key = invoice_key(invoice);
                let item = self.kept.billing.get(&key).cloned();
                let read = item.and_then(|item| Stored::<Invoice>::from_item(item).ok());
                partitions.extend(read.map(|read| format!("CUSTOMER#{}", read.value.customer)));
                partitions.extend([format!("COUNTED#{invoice}"), key.pk]);
            }
            partitions.extend([format!("COUNTED#{}", report.payment()), payment.pk]);
        }
        partitions
    }
}

/// Tells each field that is not the same, down through maps.
fn differing(path: &str, kept: &Map<String, Value>, rebuilt: &Map<String, Value>, found: &mut Vec<String>) {
    let names: BTreeSet<&String> = kept.keys().chain(rebuilt.keys()).collect();
    for name in names {
        let (one, other) = (kept.get(name), rebuilt.get(name));
        if one == other {
            continue;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let inner = |value: Option<&Value>| value.and_then(|value| value.get("M")).and_then(Value::as_object).cloned();
        match (inner(one), inner(other)) {
            (Some(one), Some(other)) => differing(&path, &one, &other, found),
            _ => found.push(format!("{path}: kept {}, rebuilt {}", text(one), text(other))),
        }
    }
}

/// A value without the marks of its types.
fn text(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = plain(value).to_string();
    let short: String = text.chars().take(VALUE_CHARS).collect();
    if short.len() < text.len() { short + "…" } else { short }
}

fn plain(value: &Value) -> Value {
    let Some((mark, inner)) = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.iter().next()) else {
        return value.clone();
    };
    match (mark.as_str(), inner) {
        ("M", Value::Object(map)) => map.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        ("L", Value::Array(list)) => list.iter().map(plain).collect(),
        ("S" | "N" | "BOOL", inner) => inner.clone(),
        _ => value.clone(),
    }
}
