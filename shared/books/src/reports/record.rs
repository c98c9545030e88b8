//! The records of what was counted.

use saldo_billing::id::SubscriptionId;
use saldo_billing::report::{Recurring, Sale, SaleId};
use saldo_store::{Entity, Key, Stored, Table, Transaction, TransactionError};
use serde::{Deserialize, Serialize};

/// What was counted of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct CountedSale(pub(super) Sale);

/// What was counted of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct CountedRecurring(pub(super) Recurring);

impl CountedSale {
    pub(super) fn key_of(id: SaleId) -> Key {
        Key::new(format!("COUNTED#{id}"), "SALE")
    }
}

impl Entity for CountedSale {
    fn key(&self) -> Key {
        Self::key_of(self.0.id())
    }

    fn table() -> Table {
        Table::Reports
    }
}

impl CountedRecurring {
    pub(super) fn key_of(id: SubscriptionId) -> Key {
        Key::new(format!("COUNTED#{id}"), "RECURRING")
    }
}

impl Entity for CountedRecurring {
    fn key(&self) -> Key {
        Self::key_of(self.0.subscription())
    }

    fn table() -> Table {
        Table::Reports
    }
}

/// How a record is written, always on the condition that it is as it was read.
#[derive(Debug, Clone)]
pub(super) enum RecordWrite {
    CreateSale(CountedSale),
    UpdateSale(Stored<CountedSale>),
    RemoveSale(Stored<CountedSale>),
    CreateRecurring(CountedRecurring),
    UpdateRecurring(Stored<CountedRecurring>),
}

impl RecordWrite {
    /// The write that makes `now` of what was counted; none when nothing was and nothing is.
    pub(super) fn of_sale(stored: Option<Stored<CountedSale>>, now: Sale) -> Option<Self> {
        match (stored, now.is_empty()) {
            (None, true) => None,
            (None, false) => Some(Self::CreateSale(CountedSale(now))),
            (Some(stored), true) => Some(Self::RemoveSale(stored)),
            (Some(stored), false) => Some(Self::UpdateSale(Stored { value: CountedSale(now), ..stored })),
        }
    }

    pub(super) fn of_recurring(stored: Option<Stored<CountedRecurring>>, now: Recurring) -> Self {
        match stored {
            None => Self::CreateRecurring(CountedRecurring(now)),
            Some(stored) => Self::UpdateRecurring(Stored { value: CountedRecurring(now), ..stored }),
        }
    }

    pub(super) fn add_to(&self, transaction: &mut Transaction) -> Result<usize, TransactionError> {
        match self {
            Self::CreateSale(sale) => transaction.create(sale),
            Self::UpdateSale(sale) => transaction.update(sale),
            Self::RemoveSale(sale) => transaction.remove(sale),
            Self::CreateRecurring(recurring) => transaction.create(recurring),
            Self::UpdateRecurring(recurring) => transaction.update(recurring),
        }
    }
}
