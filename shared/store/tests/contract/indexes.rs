//! The indexes of the billing table.

use std::collections::BTreeSet;
use std::time::Duration;

use saldo_store::{
    AttributeValue, Condition, Index, Item, Query, Range, StoreError, Table, Transaction, TransactionError,
};

use super::{Engine, at_version, item, n, put, s, sort_keys};

fn due(sk: &str, shard: &str, at: &str) -> Item {
    item("P", sk, [("due_shard", s(shard)), ("due_at", s(at)), ("due_kind", s("bill")), ("x", s("not shown"))])
}

/// Expects a query to find these sort keys, as soon as the index has caught up with the table.
async fn expect(store: &Engine, query: Query, expected: &[&str]) {
    let mut found = Vec::new();
    for _ in 0..50 {
        found = sort_keys(&store.query(query.clone()).await.unwrap());
        if found == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{query:?} found {found:?}, expected {expected:?}");
}

pub(crate) async fn an_index_lists_by_its_keys_and_shows_no_more(store: Engine) {
    put(&store, [due("3", "1", "c"), due("1", "1", "a"), due("2", "1", "b"), due("9", "2", "a")]).await;
    let query = Query::index(Index::Due, "1");
    expect(&store, query.clone(), &["1", "2", "3"]).await;
    expect(&store, query.clone().descending().limit(2), &["3", "2"]).await;
    expect(&store, query.clone().range(Range::AtMost("b".into())), &["1", "2"]).await;
    let page = store.query(query.limit(1)).await.unwrap();
    let mut names: Vec<&str> = page.items[0].keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["due_at", "due_kind", "due_shard", "pk", "sk"]);
    let customer = item("P", "4", [("customer_key", s("cus_1")), ("customer_at", s("a")), ("due_kind", s("bill"))]);
    put(&store, [customer]).await;
    expect(&store, Query::index(Index::ByCustomer, "cus_1"), &["4"]).await;
    let page = store.query(Query::index(Index::ByCustomer, "cus_1")).await.unwrap();
    let names: BTreeSet<&str> = page.items[0].keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["customer_at", "customer_key", "pk", "sk"]));
}

pub(crate) async fn an_item_without_the_attributes_is_not_listed(store: Engine) {
    put(&store, [due("1", "1", "a"), due("2", "1", "b"), item("P", "3", [("due_shard", s("1"))])]).await;
    expect(&store, Query::index(Index::Due, "1"), &["1", "2"]).await;
    put(&store, [at_version(item("P", "1", []), 2)]).await;
    expect(&store, Query::index(Index::Due, "1"), &["2"]).await;
    let mut transaction = Transaction::new();
    transaction.delete(Table::Billing, saldo_store::Key::new("P", "2"), Condition::Present).unwrap();
    store.commit(transaction).await.unwrap();
    expect(&store, Query::index(Index::Due, "1"), &[]).await;
}

pub(crate) async fn an_entry_moves_with_its_item(store: Engine) {
    put(&store, [due("1", "1", "a"), due("2", "1", "b")]).await;
    expect(&store, Query::index(Index::Due, "1"), &["1", "2"]).await;
    put(&store, [due("1", "1", "c")]).await;
    expect(&store, Query::index(Index::Due, "1"), &["2", "1"]).await;
    put(&store, [due("2", "5", "b")]).await;
    expect(&store, Query::index(Index::Due, "1"), &["1"]).await;
    expect(&store, Query::index(Index::Due, "5"), &["2"]).await;
}

pub(crate) async fn equal_sort_keys_are_all_listed(store: Engine) {
    let names: Vec<String> = (0..25).map(|place| format!("{place:02}")).collect();
    put(&store, names.iter().map(|name| due(name, "1", "same"))).await;
    put(&store, [due("after", "1", "z"), due("before", "1", "a")]).await;
    for query in [Query::index(Index::Due, "1"), Query::index(Index::Due, "1").descending()] {
        let found = super::all_sort_keys(&store, query.limit(4)).await;
        assert_eq!(found.len(), 27);
        let distinct: BTreeSet<&String> = found.iter().collect();
        assert_eq!(distinct.len(), 27);
    }
}

pub(crate) async fn an_index_has_no_consistent_reads(store: Engine) {
    let refused = store.query(Query::index(Index::Due, "1").consistent()).await;
    assert!(matches!(refused, Err(StoreError::Rejected { .. })), "{refused:?}");
}

pub(crate) async fn an_index_key_must_be_text(store: Engine) {
    for value in [n("1"), s(""), AttributeValue::Null(true)] {
        let wrong = item("P", "1", [("due_shard", s("1")), ("due_at", value)]);
        let refused = Transaction::new().put(Table::Billing, wrong.clone(), Condition::Always);
        assert!(matches!(refused, Err(TransactionError::IndexAttribute { attribute: "due_at", .. })), "{refused:?}");
        let mut transaction = Transaction::new();
        transaction.put(Table::Reports, wrong, Condition::Always).unwrap();
        store.commit(transaction).await.unwrap();
    }
}
