//! Counting everything that is in the books.

use saldo_store::entities::list;
use saldo_store::{Cursor, Key, Store, customer_keys, newest_keys};
use serde::{Deserialize, Serialize};

use super::apply::apply_beside_others;
use super::{Hint, Refused, Subject};
use crate::BooksError;

/// Things whose keys are listed at once.
const PAGE: u32 = 50;

/// Everything there is to count, in the order in which it is walked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum List {
    #[default]
    Subscriptions,
    /// Each with its payments.
    Invoices,
    /// Those that belong to no invoice.
    Payments,
}

/// Where a walk goes on; the default is its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    #[serde(default)]
    list: List,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Cursor>,
}

/// What a step of the walk did.
#[derive(Debug)]
pub struct Rebuilt {
    /// How many things were looked at.
    pub looked_at: usize,
    /// What could not be counted.
    pub refused: Vec<Refused>,
    /// Where the next step goes on; `None` at the end.
    pub next: Option<Place>,
}

/// Counts one page of everything. Walked to its end it repairs reports, and fills an empty table.
///
/// # Errors
/// When the books or the reports cannot be read or written; the same step may be taken again.
pub async fn rebuild(store: &dyn Store, place: Place) -> Result<Rebuilt, BooksError> {
    let kind = match place.list {
        List::Subscriptions => list::SUBSCRIPTIONS,
        List::Invoices => list::INVOICES,
        List::Payments => list::PAYMENTS,
    };
    let page = newest_keys(store, kind, PAGE, place.after.as_ref()).await?;
    let mut subjects: Vec<Subject> = page.keys.iter().filter_map(Subject::under).collect();
    for invoice in page.keys.iter().filter_map(Subject::under) {
        if let Subject::Invoice(id) = invoice {
            subjects.extend(payments_of(store, &list::of_invoice(id)).await?.iter().filter_map(Subject::under));
        }
    }
    let hints = subjects.iter().map(|subject| Hint::Changed(*subject, None)).collect();
    let refused = apply_beside_others(store, hints).await?;
    let next = match (page.next, place.list) {
        (Some(after), list) => Some(Place { list, after: Some(after) }),
        (None, List::Subscriptions) => Some(Place { list: List::Invoices, after: None }),
        (None, List::Invoices) => Some(Place { list: List::Payments, after: None }),
        (None, List::Payments) => None,
    };
    Ok(Rebuilt { looked_at: subjects.len(), refused, next })
}

async fn payments_of(store: &dyn Store, list: &str) -> Result<Vec<Key>, BooksError> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = customer_keys(store, list, 1000, after.as_ref()).await?;
        keys.extend(page.keys);
        after = page.next;
        if after.is_none() {
            return Ok(keys);
        }
    }
}
