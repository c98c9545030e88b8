//! What is compared of the tables, in one form for both sides.

use std::collections::BTreeMap;

use saldo_billing::id::CustomerId;
use saldo_billing::invoice::Invoice;
use saldo_billing::ledger::Position;
use saldo_billing::payment::Payment;
use saldo_books::BooksError;
use saldo_books::payments::unallocated;
use saldo_money::{Currency, Money};
use saldo_store::entities::{CreditBalance, LedgerEntry};
use saldo_store::{Entity as _, Item, Key, Stored, Table, attribute, canonical_json, to_item};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::ReplayError;

/// What is compared, by table and key. The sum of the entries of a partition stands under `ENTRY#`.
pub(crate) type View = BTreeMap<(Table, Key), Map<String, Value>>;

/// An item without how often it was written, which is no part of what it says.
pub(crate) fn shown(item: &Item) -> Map<String, Value> {
    let mut map: Map<String, Value> = serde_json::from_str(&canonical_json(item)).unwrap_or_default();
    map.remove(attribute::VERSION);
    map
}

/// An item of the reports; nothing, when all its sums came back to nothing, which says no more than that it is not there.
pub(crate) fn shown_count(item: &Item) -> Option<Map<String, Value>> {
    let mut map = shown(item);
    map.retain(|_, value| *value != json!({ "N": "0" }));
    map.keys().any(|name| name != attribute::PK && name != attribute::SK).then_some(map)
}

/// A balance; nothing says the same as one of zero.
pub(crate) fn shown_credit(item: &Item) -> Result<Option<Map<String, Value>>, ReplayError> {
    let credit: CreditBalance = Stored::from_item(item.clone())?.value;
    Ok((!credit.balance.is_zero()).then(|| shown(item)))
}

/// Where the sum of a partition's entries stands.
pub(crate) fn sum_key(partition: impl Into<String>) -> Key {
    Key::new(partition, LedgerEntry::PREFIX)
}

/// The sum of entries; nothing when they come to nothing.
pub(crate) fn shown_position(position: &Position) -> Option<Map<String, Value>> {
    let postings = position.postings();
    let map: Map<String, Value> =
        postings.map(|(account, sum)| (account.to_string(), json!(sum.to_string()))).collect();
    (!map.is_empty()).then_some(map)
}

/// The sum of the entries among items of one partition.
pub(crate) fn sum_of<'a>(items: impl Iterator<Item = &'a Item>) -> Result<Position, ReplayError> {
    let mut sum = Position::default();
    for item in items {
        let entry: LedgerEntry = Stored::from_item(item.clone())?.value;
        sum = sum.plus(&entry.entry.postings).map_err(|source| ReplayError::Amounts { key: entry.key(), source })?;
    }
    Ok(sum)
}

/// What is kept.
pub(crate) fn of_kept(billing: &BTreeMap<Key, Item>, reports: &BTreeMap<Key, Item>) -> Result<View, ReplayError> {
    let mut view = View::new();
    let mut entries: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for (key, item) in billing {
        match key.sk.as_str() {
            "PAYMENT" | "INVOICE" => {
                view.insert((Table::Billing, key.clone()), shown(item));
            }
            sk if sk.starts_with(CreditBalance::PREFIX) => {
                view.extend(shown_credit(item)?.map(|map| ((Table::Billing, key.clone()), map)));
            }
            sk if sk.starts_with(LedgerEntry::PREFIX) => entries.entry(&key.pk).or_default().push(item),
            _ => {}
        }
    }
    for (partition, items) in entries {
        let sum = shown_position(&sum_of(items.into_iter())?);
        view.extend(sum.map(|map| ((Table::Billing, sum_key(partition)), map)));
    }
    for (key, item) in reports {
        view.extend(shown_count(item).map(|map| ((Table::Reports, key.clone()), map)));
    }
    Ok(view)
}

/// What was rebuilt, the customers' balances among it. Sums follow from the rebuilt invoices and payments, by the code that
/// books their changes.
pub(crate) fn of_rebuilt(billing: &BTreeMap<Key, Item>, reports: &BTreeMap<Key, Item>) -> Result<View, ReplayError> {
    let mut view = View::new();
    for (key, item) in billing {
        if key.sk.starts_with(CreditBalance::PREFIX) {
            view.extend(shown_credit(item)?.map(|map| ((Table::Billing, key.clone()), map)));
        } else if let Some(position) = position_of(key, item)? {
            view.extend(shown_position(&position).map(|map| ((Table::Billing, sum_key(key.pk.as_str())), map)));
            view.insert((Table::Billing, key.clone()), shown(item));
        }
    }
    for (key, item) in reports {
        view.extend(shown_count(item).map(|map| ((Table::Reports, key.clone()), map)));
    }
    Ok(view)
}

/// What an invoice or a payment says that stands in the ledger because of it; none, when it is neither.
pub(crate) fn position_of(key: &Key, item: &Item) -> Result<Option<Position>, ReplayError> {
    let position = match key.sk.as_str() {
        "INVOICE" => Stored::<Invoice>::from_item(item.clone())?.value.position().map_err(BooksError::from),
        "PAYMENT" => unallocated(&Stored::<Payment>::from_item(item.clone())?.value),
        _ => return Ok(None),
    };
    position.map(Some).map_err(|source| ReplayError::Books { what: key.to_string(), source: source.into() })
}

/// The customers' balances, as their invoices come to.
pub(crate) fn balances<'a>(
    billing: impl Iterator<Item = (&'a Key, &'a Item)>,
) -> Result<BTreeMap<Key, Item>, ReplayError> {
    let mut balances: BTreeMap<(CustomerId, Currency), Money> = BTreeMap::new();
    for (key, item) in billing.filter(|(key, _)| key.sk == "INVOICE") {
        let invoice: Invoice = Stored::from_item(item.clone())?.value;
        let currency = invoice.currency();
        let balance = balances.entry((invoice.customer, currency)).or_insert(Money::zero(currency));
        let credit = invoice.credit().map_err(BooksError::from).and_then(|credit| Ok(balance.checked_add(credit)?));
        *balance = credit.map_err(|source| ReplayError::Books { what: key.to_string(), source: source.into() })?;
    }
    let balances = balances.into_iter().map(|((customer, _), balance)| CreditBalance { customer, balance });
    balances.map(|balance| Ok((balance.key(), to_item(&balance, 1)?))).collect()
}

/// The hash of all that is compared of a table: equal tables have equal hashes.
pub(crate) fn hash(view: &View, table: Table) -> String {
    let mut hash = Sha256::new();
    for ((_, key), map) in view.iter().filter(|((of, _), _)| *of == table) {
        let fields: BTreeMap<&String, &Value> = map.iter().collect();
        hash.update(format!("{key}\t{}\n", json!(fields)));
    }
    hex::encode(hash.finalize())
}
