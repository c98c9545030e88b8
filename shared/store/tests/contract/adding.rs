//! Adding to numbers.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;
use saldo_store::{CommitError, Condition, Item, Key, StoreError, Table, Transaction, TransactionError};

use super::{Engine, at_version, commit, failed, get, item, n, put, s};

/// Amounts by attribute.
pub(crate) fn amounts<const N: usize>(amounts: [(&str, &str); N]) -> BTreeMap<String, Decimal> {
    amounts.into_iter().map(|(name, amount)| (name.to_owned(), amount.parse().unwrap())).collect()
}

fn attributes<const N: usize>(attributes: [(&str, saldo_store::AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<HashMap<_, _>>().into()
}

fn key() -> Key {
    Key::new("P", "1")
}

pub(crate) async fn an_add_creates_adds_and_sets(store: Engine) {
    let set = attributes([("名", s("Zoë")), ("currency", s("EUR"))]);
    let first = amounts([("net", "10.50"), ("count", "1")]);
    commit(&store, |t| t.add(Table::Billing, key(), first, set)).await.unwrap();
    let expected = item("P", "1", [("net", n("10.5")), ("count", n("1")), ("名", s("Zoë")), ("currency", s("EUR"))]);
    assert_eq!(get(&store, "P", "1").await, Some(expected));
    let mut transaction = Transaction::new();
    transaction.add(Table::Billing, key(), amounts([("net", "-12.75")]), attributes([("名", s("名前"))])).unwrap();
    transaction.put(Table::Billing, item("P", "2", []), Condition::Absent).unwrap();
    store.commit(transaction).await.unwrap();
    let expected = item("P", "1", [("net", n("-2.25")), ("count", n("1")), ("名", s("名前")), ("currency", s("EUR"))]);
    assert_eq!(get(&store, "P", "1").await, Some(at_version(expected, 2)));
    let own = Transaction::new().add(Table::Billing, key(), amounts([("v", "1")]), Item::default());
    assert!(matches!(own, Err(TransactionError::ReservedAttribute { .. })));
    let twice = Transaction::new().add(Table::Billing, key(), amounts([("a", "1")]), attributes([("a", s("x"))]));
    assert!(matches!(twice, Err(TransactionError::ReservedAttribute { .. })));
}

pub(crate) async fn sums_are_exact(store: Engine) {
    // All within the 28 digits that our own decimals have.
    for (amount, sum) in [
        ("0.1", "0.1"),
        ("0.2", "0.3"),
        ("999999999999999999999999999", "999999999999999999999999999.3"),
        ("-0.3", "999999999999999999999999999"),
        ("1", "1000000000000000000000000000"),
        ("-1000000000000000000000000000", "0"),
        ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
        ("-0.0000000000000000000000000003", "-0.0000000000000000000000000002"),
        ("0.1000000000000000000000000002", "0.1"),
    ] {
        commit(&store, |t| t.add(Table::Billing, key(), amounts([("sum", amount)]), Item::default())).await.unwrap();
        assert_eq!(get(&store, "P", "1").await.unwrap().get("sum"), Some(&n(sum)), "after {amount}");
    }
}

pub(crate) async fn an_add_to_text_is_refused(store: Engine) {
    let there = item("P", "1", [("name", s("Zoë"))]);
    put(&store, [there.clone()]).await;
    let mut transaction = Transaction::new();
    transaction.put(Table::Billing, item("P", "2", []), Condition::Absent).unwrap();
    transaction.add(Table::Billing, key(), amounts([("name", "1")]), Item::default()).unwrap();
    for refused in [
        store.commit(transaction).await,
        commit(&store, |t| t.add(Table::Billing, key(), amounts([("name", "1")]), Item::default())).await,
    ] {
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Rejected { .. }))), "{refused:?}");
    }
    assert_eq!(get(&store, "P", "1").await, Some(there));
    assert_eq!(get(&store, "P", "2").await, None);
}

pub(crate) async fn an_add_is_never_overwritten_unseen(store: Engine) {
    put(&store, [item("P", "1", [("sum", n("5"))])]).await;
    commit(&store, |t| t.add(Table::Billing, key(), amounts([("sum", "2")]), Item::default())).await.unwrap();
    let stale = at_version(item("P", "1", [("sum", n("6"))]), 2);
    let failed = failed(commit(&store, |t| t.put(Table::Billing, stale, Condition::Version(1))).await);
    assert_eq!(failed[0].existing, Some(at_version(item("P", "1", [("sum", n("7"))]), 2)));
}

pub(crate) async fn an_item_cannot_grow_too_large_by_adding(store: Engine) {
    let half = s(&"x".repeat(250_000));
    put(&store, [item("P", "1", [("a", half.clone())])]).await;
    let set = attributes([("b", half)]);
    let refused = commit(&store, |t| t.add(Table::Billing, key(), BTreeMap::new(), set)).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Rejected { .. }))), "{refused:?}");
    assert!(!get(&store, "P", "1").await.unwrap().contains_key("b"));
}
