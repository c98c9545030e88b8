//! The layer of entities on top, with its lists.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use saldo_store::{
    Cursor, Due, DueKind, Entity, EntityError, Indexes, Key, Stored, Table, Transaction, canonical_json, due_page,
    due_shard, instant_text, list_among, list_by_customer, list_newest, load, text, to_item,
};
use serde::{Deserialize, Serialize};

use super::{Engine, failed, get, item, put, s};

/// An invoice as small as can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Bill {
    id: String,
    customer: String,
    made_at: DateTime<Utc>,
    totals: BTreeMap<String, String>,
    due: Option<DateTime<Utc>>,
}

impl Entity for Bill {
    fn key(&self) -> Key {
        Key::new(format!("BILL#{}", self.id), "BILL")
    }

    fn indexes(&self) -> Indexes {
        Indexes {
            due: self.due.map(|at| Due { at, kind: DueKind::Remind }),
            customer: Some((format!("{}#BILL", self.customer), instant_text(self.made_at))),
            kind: Some(("BILL".into(), instant_text(self.made_at))),
        }
    }

    fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.due
    }
}

fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 31, 23, 59, 59).unwrap()
}

fn bill(place: i64) -> Bill {
    Bill {
        id: format!("inv_{place:03}"),
        customer: if place.rem_euclid(3) == 0 { "cus_名前".into() } else { "cus_1".into() },
        // Two at a time are made in the same moment.
        made_at: start().checked_add_signed(TimeDelta::seconds(place.div_euclid(2))).unwrap(),
        totals: BTreeMap::from([("JPY".into(), "500".into()), ("EUR".into(), "23.79".into())]),
        due: None,
    }
}

async fn create(store: &Engine, bills: &[Bill]) {
    for part in bills.chunks(100) {
        let mut transaction = Transaction::new();
        for bill in part {
            transaction.create(bill).unwrap();
        }
        store.commit(transaction).await.unwrap();
    }
}

pub(crate) async fn an_entity_comes_back_as_it_was(store: Engine) {
    let bill = Bill { due: Some(start()), ..bill(7) };
    assert_eq!(load::<Bill>(&*store, &bill.key()).await.unwrap(), None);
    create(&store, std::slice::from_ref(&bill)).await;
    let read: Stored<Bill> = load(&*store, &bill.key()).await.unwrap().unwrap();
    assert_eq!(read, Stored { value: bill.clone(), version: 1 });
    let stored = get(&store, "BILL#inv_007", "BILL").await.unwrap();
    assert_eq!(canonical_json(&stored), canonical_json(&to_item(&bill, 1).unwrap()));
    assert_eq!(text(&stored, "due_at"), Some("2026-01-31T23:59:59.000Z"));
    assert_eq!(stored.get("expires_at"), Some(&super::n("1769903999")));
}

pub(crate) async fn an_update_needs_the_version_that_was_read(store: Engine) {
    create(&store, &[bill(1), bill(2)]).await;
    let mut read: Stored<Bill> = load(&*store, &bill(1).key()).await.unwrap().unwrap();
    let other: Stored<Bill> = load(&*store, &bill(2).key()).await.unwrap().unwrap();
    read.value.customer = "cus_2".into();
    let update = |read: &Stored<Bill>| {
        let mut transaction = Transaction::new();
        transaction.update(read).unwrap();
        transaction.check_version(&other).unwrap();
        transaction
    };
    store.commit(update(&read)).await.unwrap();
    let stale = failed(store.commit(update(&read)).await);
    let existing: Stored<Bill> = Stored::from_item(stale[0].existing.clone().unwrap()).unwrap();
    assert_eq!((stale.len(), &existing), (1, &read.clone().committed()));
    let mut transaction = Transaction::new();
    transaction.remove(&existing).unwrap();
    store.commit(transaction).await.unwrap();
    assert_eq!(load::<Bill>(&*store, &bill(1).key()).await.unwrap(), None);
}

pub(crate) async fn due_work_is_found_until_its_instant(store: Engine) {
    let at = |millis| start().checked_add_signed(TimeDelta::milliseconds(millis)).unwrap();
    let bills: Vec<Bill> = (0..40).map(|place| Bill { due: Some(at(place)), ..bill(place) }).collect();
    create(&store, &bills).await;
    let mut found = Vec::new();
    for shard in 0..saldo_store::DUE_SHARDS {
        let mut after = None;
        loop {
            let page = due_page(&*store, shard, at(29), 2, after).await.unwrap();
            let keys: Vec<Key> = page.entries.iter().map(|entry| entry.key.clone()).collect();
            assert!(page.entries.is_sorted_by_key(|entry| entry.at.clone()));
            assert!(page.entries.iter().all(|entry| entry.kind == DueKind::Remind));
            assert!(keys.iter().all(|key| due_shard(&key.to_string()) == shard));
            found.extend(keys);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    found.sort();
    assert_eq!(found, bills[..30].iter().map(Entity::key).collect::<Vec<_>>());
}

/// Reads a list to its end, so many at a time, and says the ids in it.
async fn pages<F>(read: impl Fn(Option<Cursor>) -> F) -> Vec<String>
where
    F: Future<Output = saldo_store::Listing<Bill>>,
{
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = read(after).await;
        ids.extend(page.entities.into_iter().map(|stored| stored.value.id));
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}

pub(crate) async fn the_newest_of_a_kind_are_merged_over_shards(store: Engine) {
    let bills: Vec<Bill> = (0..130).map(bill).collect();
    create(&store, &bills).await;
    put(&store, [item("P", "1", [("kind_key", s("BILLING#0")), ("kind_at", s("z"))])]).await;
    let mut whole = Vec::new();
    for limit in [200, 130, 50, 7, 1] {
        let ids = pages(async |after: Option<Cursor>| {
            list_newest::<Bill>(&*store, "BILL", limit, after.as_ref()).await.unwrap()
        });
        let ids = ids.await;
        if whole.is_empty() {
            let moments: Vec<&str> = ids.iter().map(String::as_str).collect();
            assert!(moments.is_sorted_by(|a, b| moment(a) >= moment(b)), "newest first: {moments:?}");
            let mut sorted = ids.clone();
            sorted.sort();
            assert_eq!(sorted, bills.iter().map(|bill| bill.id.clone()).collect::<Vec<_>>());
            whole.clone_from(&ids);
        }
        assert_eq!(ids, whole, "{limit} at a time");
    }
    assert_eq!(list_newest::<Bill>(&*store, "NONE", 5, None).await.unwrap().entities, []);
}

/// The moment in which a bill was made, from its id.
fn moment(id: &str) -> i64 {
    id.trim_start_matches("inv_").parse::<i64>().unwrap().div_euclid(2)
}

pub(crate) async fn a_customers_list_is_paged_newest_first(store: Engine) {
    let bills: Vec<Bill> = (0..30).map(bill).collect();
    create(&store, &bills).await;
    for limit in [30, 10, 3] {
        let ids = pages(async |after: Option<Cursor>| {
            list_by_customer::<Bill>(&*store, "cus_名前#BILL", limit, after.as_ref()).await.unwrap()
        });
        assert_eq!(ids.await, (0..30).step_by(3).rev().map(|place| format!("inv_{place:03}")).collect::<Vec<_>>());
    }
    let newest = list_newest::<Bill>(&*store, "BILL", 3, None).await.unwrap().next;
    let refused = list_by_customer::<Bill>(&*store, "cus_名前#BILL", 3, newest.as_ref()).await;
    assert!(matches!(refused, Err(EntityError::Store(saldo_store::StoreError::Cursor(_)))));
    let other = list_by_customer::<Bill>(&*store, "cus_1#BILL", 3, None).await.unwrap().next;
    assert!(list_newest::<Bill>(&*store, "BILL", 3, other.as_ref()).await.is_err());
    assert!(list_by_customer::<Bill>(&*store, "cus_名前#BILL", 3, other.as_ref()).await.is_err());
    assert!(list_newest::<Bill>(&*store, "PAYMENT", 3, newest.as_ref()).await.is_err());
}

pub(crate) async fn a_list_kept_by_another_entity_is_paged_newest_first(store: Engine) {
    let bills: Vec<Bill> = (0..7).map(bill).collect();
    create(&store, &bills).await;
    let mut keys: Vec<Key> = bills.iter().rev().map(Entity::key).collect();
    keys.push(Key::new("BILL#inv_999", "BILL"));
    let page = async |limit, after: Option<Cursor>| {
        let at = |bill: &Bill| instant_text(bill.made_at);
        list_among::<Bill>(&*store, "cus_1#KEPT", &keys, at, limit, after.as_ref()).await
    };
    let whole = pages(async |after| page(100, after).await.unwrap()).await;
    let moments: Vec<i64> = whole.iter().map(|id| moment(id)).collect();
    assert_eq!(moments, [3, 2, 2, 1, 1, 0, 0], "newest first, each once, and what is not there is left out: {whole:?}");
    for limit in [7, 3, 1] {
        assert_eq!(pages(async |after| page(limit, after).await.unwrap()).await, whole, "{limit} at a time");
    }
    let other = list_newest::<Bill>(&*store, "BILL", 3, None).await.unwrap().next;
    assert!(matches!(page(3, other).await, Err(EntityError::Store(saldo_store::StoreError::Cursor(_)))));
}

pub(crate) async fn an_item_that_is_no_such_entity_is_named(store: Engine) {
    put(&store, [item("BILL#inv_1", "BILL", [("id", s("inv_1"))])]).await;
    let error = load::<Bill>(&*store, &Key::new("BILL#inv_1", "BILL")).await.unwrap_err();
    assert_eq!(error.to_string(), "the item under BILL#inv_1|BILL is no Bill");
    assert!(Table::Inbox.indexes().is_empty());
}
