//! The hosted page on which the customer can pay an invoice.

use chrono::{DateTime, Duration, Utc};
use saldo_money::Money;
use serde::{Deserialize, Serialize};

use crate::id::PaymentId;
use crate::provider::ProviderAccount;

/// How long the provider has to tell by itself that a page is done, before it is asked.
pub(super) const PAGE_ASKED_AFTER: Duration = Duration::minutes(5);

/// A provider's page on which one invoice can be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostedPage {
    /// At which account, whatever the seller's is by now.
    pub account: ProviderAccount,
    /// The provider's id of it.
    pub reference: String,
    /// Where it is.
    pub url: String,
    /// What it asks for.
    pub amount: Money,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
    /// The payment that was made on it, once the provider said that the customer went through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
}

impl HostedPage {
    /// From when on nobody can pay on it by anybody's clock; only the provider knows whether somebody did.
    pub(super) fn over_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at.checked_add_signed(PAGE_ASKED_AFTER)
    }

    /// Whether it has run out.
    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.over_at().is_some_and(|at| at <= now)
    }
}
