//! Reading a partition.

use saldo_store::{Cursor, CursorError, Order, Query, Range, StoreError, Table};

use super::{Engine, all_sort_keys, item, put, s, sort_keys};

/// Sort keys in the order of their bytes, which is not that of any alphabet.
const KEYS: [&str; 9] = ["A", "A#1", "A#10", "A#2", "B", "a", "é", "名前", "\u{1F600}"];

async fn fill(store: &Engine) {
    put(store, KEYS.map(|sk| item("P", sk, []))).await;
    put(store, [item("O", "A#1", []), item("PP", "A#1", []), item("Q", "0", [])]).await;
}

fn query() -> Query {
    Query::table(Table::Billing, "P").consistent()
}

fn text(text: &str) -> String {
    text.to_owned()
}

pub(crate) async fn ranges_select_by_sort_key(store: Engine) {
    fill(&store).await;
    for (range, expected) in [
        (Range::All, &KEYS[..]),
        (Range::Prefix(text("")), &KEYS[..]),
        (Range::Prefix(text("A")), &KEYS[..4]),
        (Range::Prefix(text("A#1")), &KEYS[1..3]),
        (Range::Prefix(text("名")), &KEYS[7..8]),
        (Range::AtMost(text("A#10")), &KEYS[..3]),
        (Range::Before(text("A#10")), &KEYS[..2]),
        (Range::AtMost(text("AA")), &KEYS[..4]),
        (Range::From(text("B")), &KEYS[4..]),
        (Range::From(text("")), &KEYS[..]),
        (Range::Between(text("A#1"), text("B")), &KEYS[1..5]),
        (Range::Between(text(""), text("A")), &KEYS[..1]),
        (Range::Between(text("B"), text("B")), &KEYS[4..5]),
    ] {
        for order in [Order::Ascending, Order::Descending] {
            let mut expected = expected.to_vec();
            if order == Order::Descending {
                expected.reverse();
            }
            let page = store.query(query().range(range.clone()).order(order)).await.unwrap();
            assert_eq!(sort_keys(&page), expected, "{range:?} {order:?}");
            assert_eq!(page.next, None);
        }
    }
}

pub(crate) async fn order_is_that_of_bytes_in_both_directions(store: Engine) {
    fill(&store).await;
    assert_eq!(all_sort_keys(&store, query()).await, KEYS);
    let mut reversed = KEYS;
    reversed.reverse();
    assert_eq!(all_sort_keys(&store, query().descending()).await, reversed);
}

pub(crate) async fn pages_show_every_item_once(store: Engine) {
    fill(&store).await;
    for limit in [1, 2, 4, 8, 9, 10] {
        assert_eq!(all_sort_keys(&store, query().limit(limit)).await, KEYS, "{limit} at a time");
        let part = query().range(Range::Between(text("A#1"), text("é"))).descending().limit(limit);
        assert_eq!(all_sort_keys(&store, part).await, ["é", "a", "B", "A#2", "A#10", "A#1"], "{limit} at a time");
    }
}

pub(crate) async fn a_cursor_survives_json(store: Engine) {
    fill(&store).await;
    let page = store.query(query().limit(7)).await.unwrap();
    let json = serde_json::to_string(&page.next).unwrap();
    let after: Option<Cursor> = serde_json::from_str(&json).unwrap();
    put(&store, [item("P", "é", [("x", s("changed"))]), item("P", "ê", [])]).await;
    let rest = store.query(query().after(after)).await.unwrap();
    assert_eq!(sort_keys(&rest), ["ê", "名前", "\u{1F600}"]);
}

pub(crate) async fn a_cursor_of_another_list_is_refused(store: Engine) {
    fill(&store).await;
    let after = store.query(query().limit(2)).await.unwrap().next;
    for other in [
        Query::table(Table::Billing, "O"),
        query().range(Range::From(text("B"))),
        Query::index(saldo_store::Index::Due, "P"),
    ] {
        let refused = store.query(other.after(after.clone())).await;
        assert!(matches!(refused, Err(StoreError::Cursor(CursorError::OtherList { .. }))), "{refused:?}");
    }
}

pub(crate) async fn an_empty_partition_is_an_empty_page(store: Engine) {
    fill(&store).await;
    let page = store.query(Query::table(Table::Billing, "none")).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, None));
    let page = store.query(query().range(Range::Prefix(text("Z")))).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, None));
    let refused = store.query(Query::table(Table::Billing, "")).await;
    assert!(matches!(refused, Err(StoreError::Rejected { .. })), "{refused:?}");
}

pub(crate) async fn a_range_without_room_is_an_empty_page(store: Engine) {
    fill(&store).await;
    for range in [Range::Between(text("B"), text("A")), Range::Before(text("")), Range::AtMost(text(""))] {
        let page = store.query(query().range(range)).await.unwrap();
        assert_eq!((page.items.len(), page.next), (0, None));
    }
}

pub(crate) async fn a_full_last_page_is_the_last(store: Engine) {
    fill(&store).await;
    let first = store.query(query().limit(8)).await.unwrap();
    let last = store.query(query().limit(1).after(first.next)).await.unwrap();
    assert_eq!((sort_keys(&last), last.next), (vec![text("\u{1F600}")], None));
}

pub(crate) async fn a_page_of_large_items_goes_on(store: Engine) {
    let names: Vec<String> = (0..8).map(|place| place.to_string()).collect();
    for name in &names {
        put(&store, [item("P", name, [("x", s(&"x".repeat(300_000)))])]).await;
    }
    assert_eq!(all_sort_keys(&store, query()).await, names);
}
