//! What the twin keeps: Stripe's objects, as far as Saldo and its tests meet them.

use std::collections::{BTreeMap, HashMap};

/// Our own words on an object.
pub(crate) type Metadata = BTreeMap<String, String>;

/// Something with an id and a time, to be found and listed.
pub(crate) trait Kept {
    fn id(&self) -> &str;
    fn created(&self) -> i64;
}

macro_rules! kept {
    ($($object:ident),+) => {$(
        impl Kept for $object {
            fn id(&self) -> &str {
                &self.id
            }

            fn created(&self) -> i64 {
                self.created
            }
        }
    )+};
}

kept!(Customer, Method, Intent, Charge, Refund, Dispute, Session, Setup, Payout, Transaction, Event);

/// Objects of one kind in the order in which they were made.
#[derive(Debug, Clone)]
pub(crate) struct Shelf<T> {
    objects: Vec<T>,
    places: HashMap<String, usize>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { objects: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Kept> Shelf<T> {
    pub(crate) fn put(&mut self, object: T) {
        self.places.insert(object.id().to_owned(), self.objects.len());
        self.objects.push(object);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.places.get(id).and_then(|place| self.objects.get(*place))
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        let place = self.places.get(id)?;
        self.objects.get_mut(*place)
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.objects.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.objects.iter_mut()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) metadata: Metadata,
}

/// How a bank says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct No {
    pub(crate) code: String,
    pub(crate) decline_code: Option<String>,
    pub(crate) advice_code: Option<String>,
    pub(crate) network_decline_code: Option<String>,
}

/// What happens when a method is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Pays,
    Refuses(No),
    /// The customer must be there.
    Asks,
    /// A direct debit: decided when the twin is told, or by itself after five days.
    PaysLater,
    /// A direct debit that bounces.
    BouncesLater,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MethodKind {
    Card { brand: &'static str, exp_month: i64, exp_year: i64 },
    SepaDebit,
}

impl MethodKind {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Card { .. } => "card",
            Self::SepaDebit => "sepa_debit",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Method {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) kind: MethodKind,
    pub(crate) last4: String,
    pub(crate) customer: Option<String>,
    /// It was detached, and may not be used again.
    pub(crate) is_spent: bool,
    pub(crate) metadata: Metadata,
    pub(crate) behaviour: Behaviour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    Succeeded,
    Canceled,
}

#[derive(Debug, Clone)]
pub(crate) struct PaymentFailure {
    pub(crate) no: No,
    pub(crate) message: String,
    pub(crate) charge: String,
    pub(crate) method: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) amount_received: i64,
    pub(crate) currency: String,
    pub(crate) customer: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) setup_future_usage: Option<String>,
    pub(crate) status: IntentStatus,
    pub(crate) latest_charge: Option<String>,
    pub(crate) failure: Option<PaymentFailure>,
    pub(crate) canceled_at: Option<i64>,
    pub(crate) cancellation_reason: Option<String>,
    pub(crate) session: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChargeStatus {
    Succeeded,
    Pending,
    Failed,
}

#[derive(Debug, Clone)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) intent: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) customer: Option<String>,
    pub(crate) method: String,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) status: ChargeStatus,
    pub(crate) amount_refunded: i64,
    pub(crate) disputed: bool,
    pub(crate) no: Option<No>,
    pub(crate) transaction: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
}

#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) charge: String,
    pub(crate) intent: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) reason: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) status: RefundStatus,
    pub(crate) failure_reason: Option<String>,
    pub(crate) transaction: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DisputeStatus {
    NeedsResponse,
    WarningNeedsResponse,
    WarningClosed,
    Won,
    Lost,
}

#[derive(Debug, Clone)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) charge: String,
    pub(crate) intent: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) reason: String,
    pub(crate) status: DisputeStatus,
    pub(crate) transactions: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) expires_at: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) customer: Option<String>,
    pub(crate) customer_creation: Option<String>,
    pub(crate) customer_email: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) success_url: Option<String>,
    pub(crate) cancel_url: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) intent_metadata: Metadata,
    pub(crate) intent_description: Option<String>,
    pub(crate) setup_future_usage: Option<String>,
    pub(crate) status: SessionStatus,
    pub(crate) paid: bool,
    pub(crate) intent: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) customer: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) failure: Option<No>,
    pub(crate) succeeded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayoutStatus {
    Pending,
    Paid,
    Failed,
}

#[derive(Debug, Clone)]
pub(crate) struct Payout {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) arrival_date: i64,
    pub(crate) status: PayoutStatus,
    pub(crate) failure_code: Option<String>,
    pub(crate) failure_transaction: Option<String>,
    pub(crate) transaction: String,
}

/// A line of the account's balance.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) fee: i64,
    pub(crate) currency: String,
    pub(crate) kind: &'static str,
    pub(crate) category: &'static str,
    pub(crate) source: String,
    pub(crate) payout: Option<String>,
}

impl Transaction {
    pub(crate) const fn net(&self) -> i64 {
        self.amount.saturating_sub(self.fee)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) kind: &'static str,
    /// As it was when it was raised, to the byte.
    pub(crate) body: String,
}
