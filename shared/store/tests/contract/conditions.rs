//! Conditions of single writes.

use saldo_store::{Condition, Key, Table};

use super::{Engine, at_version, commit, failed, get, item, s};

pub(crate) async fn absent_lets_the_first_in_and_shows_it_to_the_second(store: Engine) {
    let first = item("P", "1", [("name", s("first"))]);
    let second = item("P", "1", [("name", s("second"))]);
    commit(&store, |t| t.put(Table::Billing, first.clone(), Condition::Absent)).await.unwrap();
    let failed = failed(commit(&store, |t| t.put(Table::Billing, second, Condition::Absent)).await);
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].write, failed[0].table, &failed[0].key), (0, Table::Billing, &Key::new("P", "1")));
    assert_eq!(failed[0].existing.as_ref(), Some(&first));
    assert_eq!(get(&store, "P", "1").await, Some(first));
}

pub(crate) async fn version_lets_only_the_next_write_in(store: Engine) {
    let at = |version| at_version(item("P", "1", []), version);
    let put = async |version, condition| commit(&store, |t| t.put(Table::Billing, at(version), condition)).await;
    let none = failed(put(2, Condition::Version(1)).await);
    assert_eq!(none[0].existing, None, "there is no version of what does not exist");
    put(1, Condition::Absent).await.unwrap();
    put(2, Condition::Version(1)).await.unwrap();
    let stale = failed(put(2, Condition::Version(1)).await);
    assert_eq!(stale[0].existing, Some(at(2)));
    put(3, Condition::Version(2)).await.unwrap();
    assert_eq!(get(&store, "P", "1").await, Some(at(3)));
}

pub(crate) async fn present_needs_an_item(store: Engine) {
    let put = async |condition| commit(&store, |t| t.put(Table::Billing, item("P", "1", []), condition)).await;
    assert_eq!(failed(put(Condition::Present).await)[0].existing, None);
    put(Condition::Always).await.unwrap();
    put(Condition::Present).await.unwrap();
}

pub(crate) async fn a_delete_honours_its_condition(store: Engine) {
    let there = item("P", "1", []);
    let delete = async |condition| commit(&store, |t| t.delete(Table::Billing, Key::new("P", "1"), condition)).await;
    delete(Condition::Always).await.unwrap();
    assert_eq!(failed(delete(Condition::Present).await)[0].existing, None);
    commit(&store, |t| t.put(Table::Billing, there.clone(), Condition::Absent)).await.unwrap();
    assert_eq!(failed(delete(Condition::Version(7)).await)[0].existing, Some(there));
    delete(Condition::Version(1)).await.unwrap();
    assert_eq!(get(&store, "P", "1").await, None);
}

pub(crate) async fn a_check_writes_nothing(store: Engine) {
    let check = async |condition| commit(&store, |t| t.check(Table::Billing, Key::new("P", "1"), condition)).await;
    check(Condition::Absent).await.unwrap();
    check(Condition::Always).await.unwrap();
    assert_eq!(get(&store, "P", "1").await, None);
    assert_eq!(failed(check(Condition::Version(1)).await)[0].existing, None);
    let there = item("P", "1", []);
    commit(&store, |t| t.put(Table::Billing, there.clone(), Condition::Absent)).await.unwrap();
    check(Condition::Version(1)).await.unwrap();
    assert_eq!(failed(check(Condition::Absent).await)[0].existing, Some(there.clone()));
    assert_eq!(get(&store, "P", "1").await, Some(there));
}
