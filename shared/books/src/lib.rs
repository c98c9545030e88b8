//! What the functions do to the books: fetch, let the domain decide, commit.
//!
//! Every use case reads what it needs, asks the domain, and writes the result in one conditional transaction. When something
//! it read was changed meanwhile, nothing is written and it starts over with what is there now. So each of them may be run
//! again at any time, by a redelivery or after a crash, and has its effect once.

pub mod attempts;
mod error;
pub mod invoices;
pub mod mail;
pub mod parking;
pub mod payments;
pub mod refunds;
pub mod reports;
pub mod subscriptions;

pub use self::error::BooksError;

use saldo_billing::invoice::{Change, Invoice};
use saldo_store::entities::{CreditBalance, LedgerEntry};
use saldo_store::{Entity, Key, Store, Stored, Transaction, TransactionError, load};

/// How often a use case starts over when what it read was changed meanwhile. Fifty finalisations at once need fifty rounds.
const ROUNDS: usize = 200;

/// More to write in the same transaction, decided when the result is known: an answer to remember, for instance.
pub type Also<'a, T> = &'a (dyn Fn(&T, &mut Transaction) -> Result<(), TransactionError> + Send + Sync);

/// Nothing more to write.
///
/// # Errors
/// Never.
#[expect(clippy::missing_const_for_fn, reason = "a function pointer to it is all that is needed")]
pub fn nothing_more<T>(_: &T, _: &mut Transaction) -> Result<(), TransactionError> {
    Ok(())
}

/// Commits; tells whether it did, or whether something was changed meanwhile and all is to be read again.
async fn committed(store: &dyn Store, transaction: Transaction) -> Result<bool, BooksError> {
    if transaction.is_empty() {
        return Ok(true);
    }
    match store.commit(transaction).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Loads what must be there.
async fn expect<T: Entity>(store: &dyn Store, key: Key) -> Result<Stored<T>, BooksError> {
    load(store, &key).await?.ok_or(BooksError::Missing { key })
}

/// Writes what a change of an invoice means for the ledger and for the customer's credit, whose balance was read before.
fn write_change(
    transaction: &mut Transaction,
    invoice: &Invoice,
    change: Change,
    credit: Option<Stored<CreditBalance>>,
) -> Result<(), BooksError> {
    if !change.entry.postings.is_empty() {
        transaction.create(&LedgerEntry::of_invoice(invoice.id, change.entry))?;
    }
    if change.credit.is_zero() {
        return Ok(());
    }
    match credit {
        Some(mut credit) => {
            credit.value.balance = credit.value.balance.checked_add(change.credit)?;
            transaction.update(&credit)?;
        }
        None => {
            transaction.create(&CreditBalance { customer: invoice.customer, balance: change.credit })?;
        }
    }
    Ok(())
}

/// The customer's credit, when the change moves it.
async fn credit_moved_by(
    store: &dyn Store,
    invoice: &Invoice,
    change: &Change,
) -> Result<Option<Stored<CreditBalance>>, BooksError> {
    if change.credit.is_zero() {
        return Ok(None);
    }
    Ok(load(store, &CreditBalance::key_of(invoice.customer, invoice.currency())).await?)
}
