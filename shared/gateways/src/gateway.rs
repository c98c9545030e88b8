//! The port to a provider's account: the only way money is asked for.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use saldo_billing::id::{CustomerId, InvoiceId, RefundId};
use saldo_billing::payment::{Decline, PaymentReport, RefundState};
use saldo_billing::provider::{MethodReference, ProviderAccount};
use saldo_messages::{Disposed, Disposition};
use saldo_money::Money;
use serde::{Deserialize, Serialize};

/// One connected account of a provider.
///
/// `Ok` is a decision of the provider, also when it declined; [`GatewayError`] says what is known when there is none.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Takes money from a saved method while the customer is away. The same request under the same key never takes twice.
    ///
    /// # Errors
    /// [`GatewayError`]; only [`GatewayError::Unknown`] leaves open whether money was taken.
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, GatewayError>;

    /// Asks what became of a charge.
    ///
    /// # Errors
    /// [`GatewayError`]; asking changes nothing.
    async fn look_up(&self, request: &LookUpRequest) -> Result<LookUpOutcome, GatewayError>;

    /// Calls off a payment that nobody is at any more, so that another one may take the money. Tells what became of it: where the
    /// provider was faster, that is not a payment called off.
    ///
    /// # Errors
    /// [`GatewayError`]; after [`GatewayError::Unknown`] the payment may be called off or not, and asking again is safe.
    async fn call_off(&self, payment_reference: &str) -> Result<ChargeOutcome, GatewayError>;

    /// Gives money back. The same order under the same key never gives twice.
    ///
    /// # Errors
    /// [`GatewayError`]; only [`GatewayError::Unknown`] leaves open whether money was given.
    async fn refund(&self, order: &RefundOrder) -> Result<RefundOutcome, GatewayError>;

    /// Asks what became of a refund.
    ///
    /// # Errors
    /// [`GatewayError`]; asking changes nothing.
    async fn look_up_refund(&self, order: &RefundOrder) -> Result<RefundLookUp, GatewayError>;

    /// Opens a page of the provider on which the customer pays one invoice.
    ///
    /// # Errors
    /// [`GatewayError`]; after [`GatewayError::Unknown`] the same request under the same key gives the same page.
    async fn open_page(&self, request: &PageRequest) -> Result<PageOpened, GatewayError>;

    /// Makes sure that nobody can pay on the page any more.
    ///
    /// # Errors
    /// [`GatewayError`]; after [`GatewayError::Unknown`] the page may be open or closed.
    async fn close_page(&self, reference: &str) -> Result<PageClosed, GatewayError>;
}

/// What to take, and from whom. Kept with the intent, and sent from nothing else: a repetition is the same to the byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeRequest {
    /// For which invoice.
    pub invoice: InvoiceId,
    /// Which attempt on that invoice.
    pub attempt: u32,
    /// How much.
    pub amount: Money,
    /// By which method.
    pub method: MethodReference,
    /// Derived from invoice and attempt; the provider takes money once for it.
    pub idempotency_key: String,
    /// What people read at the provider: the invoice's number.
    pub description: String,
}

/// Which charge to ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookUpRequest {
    /// For which invoice.
    pub invoice: InvoiceId,
    /// Which attempt on that invoice.
    pub attempt: u32,
    /// From which method, and so from which customer.
    pub method: MethodReference,
    /// When the charge was first asked for, by our clock.
    pub begun_at: DateTime<Utc>,
}

/// What became of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeOutcome {
    /// What the provider decided.
    pub kind: ChargeKind,
    /// The facts to book; `None` when the provider made no payment of it.
    pub report: Option<PaymentReport>,
}

/// What a provider decided about a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeKind {
    /// Taken.
    Succeeded,
    /// Submitted, and decided later: the provider will tell.
    Processing,
    /// The customer has to act.
    RequiresAction,
    /// Said no.
    Declined {
        /// How.
        decline: Decline,
    },
    /// Less than the provider takes; nothing was tried.
    TooSmall {
        /// The least it takes, when that is known.
        minimum: Option<Money>,
    },
    /// The payment exists and nothing was tried with it yet. Only a look-up sees this: ask again.
    Undecided,
}

/// What a look-up found.
#[expect(clippy::large_enum_variant, reason = "made once per call and taken apart at once")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUpOutcome {
    /// The charge, as it stands.
    Found(ChargeOutcome),
    /// The provider has no such charge.
    NotFound,
}

/// What to give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundOrder {
    /// Our id of the refund.
    pub refund: RefundId,
    /// The provider's id of the payment.
    pub payment_reference: String,
    /// How much.
    pub amount: Money,
    /// Derived from the refund's id; the provider gives back once for it.
    pub idempotency_key: String,
}

/// What became of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOutcome {
    /// Where it stands: accepted or refused.
    pub state: RefundState,
    /// The facts to book; `None` when it was refused.
    pub report: Option<PaymentReport>,
}

/// What a look-up of a refund found.
#[expect(clippy::large_enum_variant, reason = "made once per call and taken apart at once")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundLookUp {
    /// The refund, as it stands.
    Found(RefundOutcome),
    /// The provider has no such refund.
    NotFound,
}

/// Which page to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// For which invoice.
    pub invoice: InvoiceId,
    /// Who pays.
    pub customer: CustomerId,
    /// The provider's id of the customer, where they have one.
    pub provider_customer: Option<String>,
    /// Their address, filled in for them where the provider does not know them.
    pub email: Option<String>,
    /// How much is due.
    pub amount: Money,
    /// What people read on the page: the invoice's number.
    pub description: String,
    /// In which language, as a BCP 47 tag.
    pub language: String,
    /// Whether the method may be charged later while the customer is away.
    pub save_method: bool,
    /// Where the customer goes after paying.
    pub success_url: String,
    /// Where the customer goes instead.
    pub cancel_url: String,
    /// Until when the page can be used.
    pub expires_at: DateTime<Utc>,
    /// Derived from the invoice and from how many pages it had before. The provider opens one page for it and gives that one
    /// again, also when it is closed by then: another page needs another key.
    pub idempotency_key: String,
    /// What the metadata of a payment on it carry, so that the first report tells on which page it was made.
    pub mark: String,
}

/// A page on which one invoice can be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The provider's id of the page.
    pub reference: String,
    /// Where it is.
    pub url: String,
    /// Until when it can be used.
    pub expires_at: DateTime<Utc>,
}

/// What became of a request for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageOpened {
    /// The page.
    Open(Page),
    /// Less than the provider takes; there is no page.
    TooSmall {
        /// The least it takes, when that is known.
        minimum: Option<Money>,
    },
    /// The provider takes no money in this currency; there is no page.
    NotInCurrency,
}

/// Why nobody can pay on a page any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageClosed {
    /// It was open or had run out, and nothing was paid.
    Closed,
    /// The customer was faster: this is what became of their payment.
    Used(Box<ChargeOutcome>),
}

/// What lies under an error, when there is something to show.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no decision of the provider.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It surely had no effect: not connected, or turned away before anything was done. May be repeated under the same key.
    #[error("{call} had no effect at {account}")]
    NotSent {
        /// What was attempted.
        call: &'static str,
        /// At which account.
        account: ProviderAccount,
        /// Why.
        #[source]
        source: Cause,
    },
    /// It may have had its effect. To be settled by a look-up, never by a second charge.
    #[error("it is unknown whether {call} had its effect at {account}")]
    Unknown {
        /// What was attempted.
        call: &'static str,
        /// At which account.
        account: ProviderAccount,
        /// Whether the provider itself answered that it failed: nothing is on its way any more, and the same call under the same
        /// key would be answered alike.
        answered: bool,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The provider does not let us in: the key is wrong, revoked, or may not do this. It had no effect.
    #[error("{account} does not let {call} in")]
    Forbidden {
        /// What was attempted.
        call: &'static str,
        /// At which account.
        account: ProviderAccount,
        /// What it answered.
        #[source]
        source: Cause,
    },
    /// The request itself is wrong. It had no effect, and never will have.
    #[error("{call} was refused by {account}")]
    Refused {
        /// What was attempted.
        call: &'static str,
        /// At which account.
        account: ProviderAccount,
        /// What it answered.
        #[source]
        source: Cause,
    },
}

impl GatewayError {
    /// Whether the effect may have happened.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown { .. } => true,
            Self::NotSent { .. } | Self::Forbidden { .. } | Self::Refused { .. } => false,
        }
    }
}

impl Disposed for GatewayError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::NotSent { .. } | Self::Unknown { .. } | Self::Forbidden { .. } => Disposition::Retry,
            Self::Refused { .. } => Disposition::Poison,
        }
    }
}
