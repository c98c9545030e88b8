//! Lists: newest first, a page at a time.

use saldo_store::{Cursor, Stored};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{After, Limit};

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

/// Where the page begins, as the store wants it.
pub fn after(cursor: Option<&After>) -> Option<&Cursor> {
    cursor.map(|after| &after.0)
}

/// How many entities the store is asked for.
pub const fn count(limit: Limit) -> u32 {
    limit.0
}
