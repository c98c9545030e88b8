//! Many at once.

use std::future::Future;
use std::time::Duration;

use saldo_store::{Condition, Item, Key, Query, Table, Transaction, deadline, version};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::adding::amounts;
use super::{Engine, all_sort_keys, at_version, commit, get, item, n, put};

const MANY: usize = 50;

/// Runs fifty tasks at once, each with half a minute, and collects what they return.
async fn at_once<T, F>(task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let end = Instant::now().checked_add(Duration::from_secs(30)).unwrap();
    let mut tasks = JoinSet::new();
    for place in 0..MANY {
        tasks.spawn(deadline::scope(end, task(place)));
    }
    tasks.join_all().await
}

pub(crate) async fn fifty_parallel_adds_all_count(store: Engine) {
    let add = |_| {
        let store = store.clone();
        async move {
            let add = amounts([("sum", "0.01"), ("count", "1")]);
            commit(&store, |t| t.add(Table::Billing, Key::new("P", "1"), add, Item::default())).await.unwrap();
        }
    };
    at_once(add).await;
    let expected = at_version(item("P", "1", [("sum", n("0.5")), ("count", n("50"))]), 50);
    assert_eq!(get(&store, "P", "1").await, Some(expected));
}

pub(crate) async fn fifty_parallel_updates_all_land_with_retry(store: Engine) {
    put(&store, [item("P", "1", [("count", n("0"))])]).await;
    let increment = |_| {
        let store = store.clone();
        async move {
            loop {
                let read = get(&store, "P", "1").await.unwrap();
                let before = version(&read);
                let next = before.checked_add(1).unwrap();
                let item = at_version(item("P", "1", [("count", n(&before.to_string()))]), next);
                match commit(&store, |t| t.put(Table::Billing, item, Condition::Version(before))).await {
                    Ok(_) => break,
                    Err(error) => assert!(error.is_conflict(), "{error:?}"),
                }
            }
        }
    };
    at_once(increment).await;
    assert_eq!(get(&store, "P", "1").await, Some(at_version(item("P", "1", [("count", n("50"))]), 51)));
}

pub(crate) async fn of_fifty_creators_one_wins(store: Engine) {
    let create = |place: usize| {
        let store = store.clone();
        async move {
            let item = item("P", "1", [("by", n(&place.to_string()))]);
            commit(&store, |t| t.put(Table::Billing, item.clone(), Condition::Absent)).await.map(|_| item)
        }
    };
    let (won, lost): (Vec<_>, Vec<_>) = at_once(create).await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, MANY - 1));
    assert!(lost.iter().all(|lost| lost.as_ref().unwrap_err().is_conflict()));
    assert_eq!(get(&store, "P", "1").await.as_ref(), Some(won[0].as_ref().unwrap()));
}

pub(crate) async fn fifty_transactions_on_one_item_all_land(store: Engine) {
    let transact = |place: usize| {
        let store = store.clone();
        async move {
            let mut transaction = Transaction::new();
            let entry = item("P", &format!("entry-{place:02}"), []);
            transaction.put(Table::Billing, entry, Condition::Absent).unwrap();
            transaction
                .add(Table::Billing, Key::new("P", "total"), amounts([("sum", "1.5")]), Item::default())
                .unwrap();
            store.commit(transaction).await.unwrap();
        }
    };
    at_once(transact).await;
    assert_eq!(get(&store, "P", "total").await, Some(at_version(item("P", "total", [("sum", n("75"))]), 50)));
    assert_eq!(all_sort_keys(&store, Query::table(Table::Billing, "P").consistent()).await.len(), MANY + 1);
}
