//! Lists: newest first, a page at a time.

use saldo_store::{Cursor, Entity, Query, Range, Store, Stored};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{After, Limit, PageParams};

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The things, newest first.
    pub data: Vec<T>,
    /// What to send as `cursor` for the next page; `null` on the last.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

impl<T: Serialize> Page<T> {
    /// The page as an answer.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which only a defect can cause.
    pub fn reply(data: Vec<T>, next: Option<&Cursor>) -> Result<Reply, Problem> {
        Reply::ok(&Self { data, next_cursor: next.map(ToString::to_string) })
    }

    /// The entities as they are shown.
    ///
    /// # Errors
    /// When one of them cannot be shown.
    pub fn of<E>(
        entities: &[Stored<E>],
        next: Option<&Cursor>,
        view: impl Fn(&E) -> Result<T, Problem>,
    ) -> Result<Reply, Problem> {
        let data = entities.iter().map(|stored| view(&stored.value)).collect::<Result<_, _>>()?;
        Self::reply(data, next)
    }
}

/// A page of what is kept in a partition under keys that begin alike, in the order of the keys.
///
/// # Errors
/// When the store does not answer, or the cursor is of another list.
pub async fn parts<T: Entity>(
    store: &dyn Store,
    partition: String,
    prefix: &str,
    page: PageParams,
) -> Result<(Vec<T>, Option<Cursor>), Problem> {
    let query = Query::table(T::table(), partition)
        .range(Range::Prefix(prefix.to_owned()))
        .limit(count(page.limit))
        .after(page.cursor.map(|after| after.0))
        .consistent();
    let found = store.query(query).await?;
    let parts = found.items.into_iter().map(|item| Stored::<T>::from_item(item).map(|stored| stored.value));
    Ok((parts.collect::<Result<_, _>>()?, found.next))
}

/// Where the page begins, as the store wants it.
pub fn after(cursor: Option<&After>) -> Option<&Cursor> {
    cursor.map(|after| &after.0)
}

/// How many entities the store is asked for.
pub const fn count(limit: Limit) -> u32 {
    limit.0
}
