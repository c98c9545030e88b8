//! What reports follow in the books.

use std::fmt;

use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, SubscriptionId};
use saldo_store::entities::{invoice_key, payment_key, subscription_key};
use saldo_store::{Item, Key, text};

/// Something in the books that reports count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// An invoice.
    Invoice(InvoiceId),
    /// A payment.
    Payment(PaymentId),
    /// A subscription.
    Subscription(SubscriptionId),
}

impl Subject {
    /// What is stored under a key of the billing table, when reports count it.
    #[must_use]
    pub fn under(key: &Key) -> Option<Self> {
        let (_, id) = key.pk.split_once('#')?;
        match key.sk.as_str() {
            "INVOICE" => id.parse().ok().map(Self::Invoice),
            "PAYMENT" => id.parse().ok().map(Self::Payment),
            "SUBSCRIPTION" => id.parse().ok().map(Self::Subscription),
            _ => None,
        }
    }

    /// Its key in the billing table.
    #[must_use]
    pub fn key(self) -> Key {
        match self {
            Self::Invoice(id) => invoice_key(id),
            Self::Payment(id) => payment_key(id),
            Self::Subscription(id) => subscription_key(id),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoice(id) => id.fmt(f),
            Self::Payment(id) => id.fmt(f),
            Self::Subscription(id) => id.fmt(f),
        }
    }
}

/// Where to look for something that may have to be counted anew.
#[derive(Debug, Clone, PartialEq)]
pub enum Hint {
    /// Something changed, and looked so at some time. The look is used only to tell early that nothing is new.
    Changed(Subject, Option<Item>),
    /// A customer's region or channel changed, under which their subscriptions count.
    Moved(CustomerId),
}

impl Hint {
    /// What a change of an item of the billing table hints at, if at anything.
    #[must_use]
    pub fn of_change(key: &Key, old: Option<&Item>, new: Option<&Item>) -> Option<Self> {
        // What can be removed, a draft or a mark, never counted.
        let new = new?;
        if let Some(subject) = Subject::under(key) {
            return Some(Self::Changed(subject, Some(new.clone())));
        }
        let customer = key.pk.strip_prefix("CUSTOMER#").filter(|_| key.sk == "CUSTOMER")?.parse().ok()?;
        let place = |item: &Item| ["region", "channel"].map(|name| text(item, name).map(str::to_owned));
        let moved = old.is_some_and(|old| place(old) != place(new));
        moved.then_some(Self::Moved(customer))
    }

    /// What it is about, when it is about one thing.
    #[must_use]
    pub const fn subject(&self) -> Option<Subject> {
        match self {
            Self::Changed(subject, _) => Some(*subject),
            Self::Moved(_) => None,
        }
    }
}
