//! Counting everything that is in the books.

use saldo_billing::invoice::Invoice;
use saldo_store::entities::list;
use saldo_store::{Cursor, Key, Store, Stored, Table, newest_keys};
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
    if matches!(place.list, List::Invoices) {
        subjects.extend(payments_of(store, &page.keys).await?);
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

/// The payments of the invoices under these keys; one that cannot be read is refused when it is counted itself.
async fn payments_of(store: &dyn Store, invoices: &[Key]) -> Result<Vec<Subject>, BooksError> {
    let items = store.get_many(Table::Billing, invoices).await?;
    let invoices = items.into_iter().filter_map(|item| Stored::<Invoice>::from_item(item).ok());
    let payments = invoices.flat_map(|invoice| invoice.value.received().map(|(id, _)| id).collect::<Vec<_>>());
    Ok(payments.map(Subject::Payment).collect())
}
