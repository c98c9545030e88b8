//! What a provider's event states.

use chrono::{DateTime, NaiveDate, Utc};
use saldo_billing::id::{CustomerId, InvoiceId};
use saldo_billing::payment::{Decline, PaymentReport};
use saldo_billing::provider::{PaymentMethod, ProviderAccount};
use saldo_money::Money;
use serde::{Deserialize, Serialize};

/// An event that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The provider's id of the event.
    pub id: String,
    /// What happened, in the provider's word.
    pub kind: String,
    /// When it happened, by the provider's clock.
    pub created_at: DateTime<Utc>,
    /// Whether it is about real money.
    pub live_mode: bool,
    /// Whether this version reads events of this kind; one that it does not know is kept and acknowledged.
    pub known: bool,
    /// What it states; nothing, when there is nothing to book.
    pub news: Vec<News>,
}

/// One thing that an event states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// About money.
    Payment(PaymentReport),
    /// A method can be charged, or is described anew.
    Method(MethodReport),
    /// A method can no longer be charged.
    MethodDetached {
        /// At which account.
        account: ProviderAccount,
        /// The provider's token of the method.
        token: String,
        /// The provider's id of the customer who had it, when the event tells.
        customer: Option<String>,
    },
    /// About a hosted page.
    Page(PageReport),
    /// A customer let us charge a method later, or tried to.
    Setup(SetupReport),
    /// The provider pays out to our bank.
    Payout(PayoutReport),
}

/// A method of payment that belongs to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodReport {
    /// The method, with the provider's id of the customer.
    pub method: PaymentMethod,
    /// Our id of the customer, when the method's metadata tells.
    pub customer: Option<CustomerId>,
    /// Whether the customer got it just then; otherwise it is described anew.
    pub is_new: bool,
    /// As of when.
    pub at: DateTime<Utc>,
}

/// What became of a hosted page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageReport {
    /// At which account.
    pub account: ProviderAccount,
    /// The provider's id of the page.
    pub reference: String,
    /// For which invoice it was opened.
    pub invoice: Option<InvoiceId>,
    /// Who pays, when we told the provider.
    pub payer: Option<CustomerId>,
    /// The provider's id of the customer, where it made or was given one.
    pub customer: Option<String>,
    /// The provider's id of the payment, once there is one.
    pub payment: Option<String>,
    /// What became of it.
    pub state: PageState,
    /// As of when.
    pub at: DateTime<Utc>,
}

/// Where a hosted page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PageState {
    /// The customer went through it; the money may still be under way. The payment's own events tell about the money.
    Completed {
        /// Whether the money is there.
        paid: bool,
    },
    /// The customer went through it, and the money did not come.
    Failed,
    /// It can no longer be used.
    Expired,
}

/// What became of an attempt to set up a method for later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupReport {
    /// At which account.
    pub account: ProviderAccount,
    /// The provider's id of the set-up.
    pub reference: String,
    /// The provider's id of the customer.
    pub customer: Option<String>,
    /// Our id of the customer, when the metadata tells.
    pub payer: Option<CustomerId>,
    /// The provider's token of the method.
    pub token: Option<String>,
    /// How the provider said no; `None` when it can be charged from now on.
    pub decline: Option<Decline>,
    /// As of when.
    pub at: DateTime<Utc>,
}

/// Where a payout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayoutStatus {
    /// Planned.
    Pending,
    /// With the bank.
    InTransit,
    /// There. It can still bounce.
    Paid,
    /// Came back.
    Failed,
    /// Called off.
    Cancelled,
}

/// Money on its way from the provider to our bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutReport {
    /// From which account.
    pub account: ProviderAccount,
    /// The provider's id of the payout.
    pub reference: String,
    /// How much; negative when the provider takes.
    pub amount: Money,
    /// Where it stands.
    pub status: PayoutStatus,
    /// When the bank is expected to have it.
    pub arrives_on: NaiveDate,
    /// Why it failed, in the provider's word.
    pub failure: Option<String>,
    /// As of when.
    pub at: DateTime<Utc>,
}
