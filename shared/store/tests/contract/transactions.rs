//! Several writes together.

use saldo_store::{
    Condition, Consistency, Key, MAX_ITEM_BYTES, MAX_WRITES, Query, Table, Transaction, TransactionError,
};

use super::{Engine, all_sort_keys, at_version, commit, failed, get, item, put, s};

pub(crate) async fn nothing_is_written_when_one_condition_fails(store: Engine) {
    put(&store, [item("P", "there", [])]).await;
    let mut transaction = Transaction::new();
    transaction.put(Table::Billing, item("P", "new", []), Condition::Absent).unwrap();
    transaction.put(Table::Billing, item("P", "there", [("x", s("changed"))]), Condition::Version(9)).unwrap();
    transaction.delete(Table::Billing, Key::new("P", "other"), Condition::Always).unwrap();
    assert_eq!(failed(store.commit(transaction).await).len(), 1);
    assert_eq!(get(&store, "P", "new").await, None);
    assert_eq!(get(&store, "P", "there").await, Some(item("P", "there", [])));
}

pub(crate) async fn every_failed_condition_is_told_with_its_place(store: Engine) {
    let there = item("P", "there", [("名", s("Zoë"))]);
    put(&store, [there.clone()]).await;
    let mut transaction = Transaction::new();
    transaction.put(Table::Billing, item("P", "new", []), Condition::Absent).unwrap();
    let taken = transaction.put(Table::Billing, item("P", "there", []), Condition::Absent).unwrap();
    let missing = transaction.check(Table::Reports, Key::new("R", "1"), Condition::Present).unwrap();
    let error = store.commit(transaction).await.unwrap_err();
    assert!(error.failed(0).is_none());
    assert_eq!(error.failed(taken).unwrap().existing, Some(there));
    let missing = error.failed(missing).unwrap();
    assert_eq!((missing.table, &missing.key, &missing.existing), (Table::Reports, &Key::new("R", "1"), &None));
}

pub(crate) async fn a_hundred_writes_commit_and_no_more(store: Engine) {
    let mut transaction = Transaction::new();
    for place in 0..MAX_WRITES {
        transaction.put(Table::Billing, item("P", &format!("{place:03}"), []), Condition::Absent).unwrap();
    }
    let one_more = transaction.put(Table::Billing, item("P", "more", []), Condition::Absent);
    assert!(matches!(one_more, Err(TransactionError::TooManyWrites)));
    assert_eq!(transaction.len(), 100);
    store.commit(transaction).await.unwrap();
    assert_eq!(all_sort_keys(&store, Query::table(Table::Billing, "P").consistent()).await.len(), 100);
}

pub(crate) async fn two_writes_on_one_key_are_refused(store: Engine) {
    let mut transaction = Transaction::new();
    transaction.put(Table::Billing, item("P", "1", []), Condition::Always).unwrap();
    let again = transaction.check(Table::Billing, Key::new("P", "1"), Condition::Always);
    assert!(matches!(again, Err(TransactionError::SameKey { .. })));
    transaction.put(Table::Reports, item("P", "1", []), Condition::Always).unwrap();
    transaction.put(Table::Billing, item("P", "2", []), Condition::Always).unwrap();
    store.commit(transaction).await.unwrap();
}

pub(crate) async fn tables_commit_together(store: Engine) {
    let mut transaction = Transaction::new();
    for table in Table::ALL {
        transaction.put(table, item("P", "1", []), Condition::Absent).unwrap();
    }
    store.commit(transaction.clone()).await.unwrap();
    for table in Table::ALL {
        let found = store.get(table, &Key::new("P", "1"), Consistency::Strong).await.unwrap();
        assert_eq!(found, Some(item("P", "1", [])));
    }
    let places: Vec<usize> = failed(store.commit(transaction).await).into_iter().map(|one| one.write).collect();
    assert_eq!(places, [0, 1, 2]);
}

pub(crate) async fn an_empty_transaction_does_nothing(store: Engine) {
    assert_eq!(store.commit(Transaction::new()).await.unwrap().write_units, Some(0));
}

pub(crate) async fn items_have_a_largest_size(store: Engine) {
    let empty = saldo_store::size(&item("P", "1", [("x", s(""))]));
    let full = |bytes: usize| item("P", "1", [("x", s(&"x".repeat(bytes)))]);
    let largest = full(MAX_ITEM_BYTES.saturating_sub(empty));
    commit(&store, |t| t.put(Table::Billing, largest.clone(), Condition::Absent)).await.unwrap();
    assert_eq!(get(&store, "P", "1").await, Some(largest));
    let larger = full(MAX_ITEM_BYTES.saturating_sub(empty).saturating_add(1));
    let refused = Transaction::new().put(Table::Billing, larger, Condition::Always);
    assert!(matches!(refused, Err(TransactionError::ItemTooLarge { bytes: 409_601, .. })), "{refused:?}");
}

pub(crate) async fn write_units_are_told(store: Engine) {
    let due = |at: &str| {
        let attributes = [("due_shard", s("1")), ("due_at", s(at)), ("due_kind", s("bill"))];
        item("P", "1", attributes)
    };
    let big = item("P", "2", [("x", s(&"x".repeat(1500)))]);
    let units = async |items: Vec<_>| {
        let mut transaction = Transaction::new();
        for item in items {
            transaction.put(Table::Billing, item, Condition::Always).unwrap();
        }
        store.commit(transaction).await.unwrap().write_units
    };
    assert_eq!(units(vec![item("P", "1", [])]).await, Some(1));
    assert_eq!(units(vec![big.clone()]).await, Some(2));
    assert_eq!(units(vec![due("a")]).await, Some(2), "the item and its new entry");
    assert_eq!(units(vec![at_version(due("a"), 2)]).await, Some(1), "the entry stays as it is");
    assert_eq!(units(vec![due("b")]).await, Some(3), "the entry is removed and written");
    // Engines differ in whether they double the index writes of a transaction too.
    let together = units(vec![item("P", "1", []), big]).await.unwrap();
    assert!(together >= 7, "twice as much in a transaction, and the entry removed, found {together}");
}
