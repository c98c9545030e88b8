//! Lists in order of time: everything of a kind, and what belongs to a customer.
//!
//! A kind is spread over four partitions of its index, so that no single one has to take every write. A list merges
//! them. The place of an entry in the index ends with a hash of its key, which makes places unique: a cursor is then
//! just the last place.

use std::collections::BTreeMap;

use crate::cursor::Place;
use crate::due::stable_hash;
use crate::table::{attribute, text};
use crate::{
    Cursor, CursorError, Entity, EntityError, Index, Item, Key, MAX_PAGE, Page, Query, Range, Store, StoreError,
    Stored, load_many,
};

/// How many partitions of the `by_kind` index a kind is spread over.
pub const KIND_SHARDS: u8 = 4;

/// A page of entities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The entities, newest first.
    pub entities: Vec<Stored<T>>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyPage {
    /// The keys of the entities, newest first.
    pub keys: Vec<Key>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// The newest entities of a kind: four queries of an index, and the entities read by key.
///
/// # Errors
/// [`EntityError`].
pub async fn list_newest<T: Entity>(
    store: &dyn Store,
    kind: &str,
    limit: u32,
    after: Option<&Cursor>,
) -> Result<Listing<T>, EntityError> {
    let page = newest_keys(store, kind, limit, after).await?;
    Ok(Listing { entities: load_many(store, &page.keys).await?, next: page.next })
}

/// The keys of the newest entities of a kind.
///
/// # Errors
/// [`EntityError`].
pub async fn newest_keys(
    store: &dyn Store,
    kind: &str,
    limit: u32,
    after: Option<&Cursor>,
) -> Result<KeyPage, EntityError> {
    let range = match after.map(Cursor::place) {
        None => Range::All,
        Some(Place::Kind { kind: listed, at }) if listed == kind => Range::Before(at.clone()),
        Some(Place::Item(_) | Place::Entry { .. } | Place::Kind { .. }) => {
            let list = format!("{kind} of the by_kind index");
            return Err(StoreError::Cursor(CursorError::OtherList { list }).into());
        }
    };
    let limit = limit.clamp(1, MAX_PAGE);
    let mut merged = BTreeMap::new();
    let mut more = false;
    for shard in 0..KIND_SHARDS {
        let query = Query::index(Index::ByKind, kind_key(kind, shard)).range(range.clone()).descending().limit(limit);
        let page = whole_page(store, query, limit).await?;
        more |= page.next.is_some();
        for item in page.items {
            let (key, at) = entry(&item)?;
            merged.insert(at, key);
        }
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    more |= merged.len() > limit;
    let newest: Vec<(String, Key)> = merged.into_iter().rev().take(limit).collect();
    let last = newest.last().filter(|_| more);
    let next = last.map(|(at, _)| Cursor::new(Place::Kind { kind: kind.to_owned(), at: at.clone() }));
    Ok(KeyPage { keys: newest.into_iter().map(|(_, key)| key).collect(), next })
}

/// A page that ends early only at the end of the partition: a short page of one shard would let the merge pass over
/// entries that are newer than those of the other shards.
async fn whole_page(store: &dyn Store, query: Query, limit: u32) -> Result<Page, StoreError> {
    let mut page = store.query(query.clone()).await?;
    loop {
        let missing = limit.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
        if missing == 0 || page.next.is_none() {
            return Ok(page);
        }
        let more = store.query(query.clone().limit(missing).after(page.next.take())).await?;
        page.items.extend(more.items);
        page.next = more.next;
    }
}

fn entry(item: &Item) -> Result<(Key, String), EntityError> {
    let missing = |attribute| EntityError::unusable(Index::ByKind, item, attribute);
    let key = Key::of(item).ok_or_else(|| missing(attribute::PK))?;
    let at = text(item, attribute::KIND_AT).ok_or_else(|| missing(attribute::KIND_AT))?;
    Ok((key, at.to_owned()))
}

/// The entities in a customer's list, newest first: one query of an index, and the entities read by key.
///
/// # Errors
/// [`EntityError`].
pub async fn list_by_customer<T: Entity>(
    store: &dyn Store,
    customer: &str,
    limit: u32,
    after: Option<&Cursor>,
) -> Result<Listing<T>, EntityError> {
    let page = customer_keys(store, customer, limit, after).await?;
    Ok(Listing { entities: load_many(store, &page.keys).await?, next: page.next })
}

/// The keys in a customer's list, newest first.
///
/// # Errors
/// [`EntityError`].
pub async fn customer_keys(
    store: &dyn Store,
    customer: &str,
    limit: u32,
    after: Option<&Cursor>,
) -> Result<KeyPage, EntityError> {
    let query = Query::index(Index::ByCustomer, customer).descending().limit(limit).after(after.cloned());
    let page = store.query(query).await?;
    let key = |item| Key::of(item).ok_or_else(|| EntityError::unusable(Index::ByCustomer, item, attribute::PK));
    let keys = page.items.iter().map(key).collect::<Result<_, _>>()?;
    Ok(KeyPage { keys, next: page.next })
}

/// A page of those of `keys` that exist, newest first by `at`: the keys stand in another entity, which knows them all, so no
/// index is asked and none lags behind. `list` is the name under which the pages belong together.
///
/// # Errors
/// [`EntityError`].
pub async fn list_among<T: Entity>(
    store: &dyn Store,
    list: &str,
    keys: &[Key],
    at: impl Fn(&T) -> String,
    limit: u32,
    after: Option<&Cursor>,
) -> Result<Listing<T>, EntityError> {
    let entities = load_many::<T>(store, keys).await?;
    let placed = entities.into_iter().map(|entity| (kind_at(&at(&entity.value), &entity.value.key()), entity));
    let (entities, next) = page_among(list, placed, limit, after).map_err(StoreError::Cursor)?;
    Ok(Listing { entities, next })
}

/// A page of what is known as a whole, last first by the text beside each thing, which no two have in common; and where the
/// next page begins. `list` is the name under which the pages belong together.
///
/// # Errors
/// When the cursor is of another list.
pub fn page_among<T>(
    list: &str,
    placed: impl IntoIterator<Item = (String, T)>,
    limit: u32,
    after: Option<&Cursor>,
) -> Result<(Vec<T>, Option<Cursor>), CursorError> {
    let before = match after.map(Cursor::place) {
        None => None,
        Some(Place::Kind { kind: listed, at }) if listed == list => Some(at),
        Some(Place::Item(_) | Place::Entry { .. } | Place::Kind { .. }) => {
            return Err(CursorError::OtherList { list: list.to_owned() });
        }
    };
    let mut older: BTreeMap<String, T> =
        placed.into_iter().filter(|(place, _)| before.is_none_or(|before| place < before)).collect();
    let limit = usize::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(usize::MAX);
    let (mut page, mut last) = (Vec::new(), None);
    while page.len() < limit {
        let Some((place, thing)) = older.pop_last() else { break };
        page.push(thing);
        last = Some(place);
    }
    let last = last.filter(|_| !older.is_empty());
    Ok((page, last.map(|at| Cursor::new(Place::Kind { kind: list.to_owned(), at }))))
}

/// The partition of a kind's shard: `INVOICE#2`.
pub(crate) fn kind_key(kind: &str, shard: u8) -> String {
    format!("{kind}#{shard}")
}

/// The shard that an item is in.
pub(crate) fn kind_shard(key: &Key) -> u8 {
    let hash = stable_hash(&key.to_string());
    u8::try_from(hash.checked_rem(u64::from(KIND_SHARDS)).unwrap_or(0)).unwrap_or(0)
}

/// The place of an item in its kind: the entity's own, made unique.
pub(crate) fn kind_at(at: &str, key: &Key) -> String {
    format!("{at}#{:016x}", stable_hash(&key.to_string()))
}
