//! An attempt to charge an invoice, and what became of it.

use chrono::{DateTime, Duration, Utc};
use saldo_money::Money;
use serde::{Deserialize, Serialize};
use serde_with::{As, DisplayFromStr};

use crate::id::{InvoiceId, PaymentId};
use crate::payment::Decline;
use crate::provider::MethodReference;

/// For how long a provider keeps an idempotency key: afterwards a repeat could charge again, so we only look up.
const KEY_LIFE: Duration = Duration::hours(23);

/// What the provider does not know this long after it was last asked for was not made.
const NOT_MADE_AFTER: Duration = Duration::hours(1);

/// One attempt to charge an invoice: written down before the provider is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// What is charged.
    #[serde(with = "As::<DisplayFromStr>")]
    pub amount: Money,
    /// By what.
    pub method: MethodReference,
    /// As of when it was begun: by the scheduled time.
    pub begun_at: DateTime<Utc>,
    /// While it is open, when it was begun by the clock on the wall, which is the one that the provider's keys run out by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<DateTime<Utc>>,
    /// What became of it.
    #[serde(flatten)]
    pub state: AttemptState,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AttemptState {
    /// The provider may have been asked.
    Begun,
    /// The provider was asked and its answer is not known.
    Unknown {
        /// How often we have looked it up.
        look_ups: u32,
        /// Since when it is unknown, by the clock on the wall: the provider was not asked to do it after that.
        since: DateTime<Utc>,
        /// Whether the provider answered that it failed: it would answer the same to a repeat.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        answered: bool,
    },
    /// The provider has it in hand: submitted, or waiting for the customer.
    Pending {
        /// The payment.
        payment: PaymentId,
    },
    /// Paid.
    Succeeded {
        /// The payment.
        payment: PaymentId,
    },
    /// The provider said no.
    Declined {
        /// When.
        at: DateTime<Utc>,
        /// How.
        decline: Decline,
    },
    /// The provider made nothing of it, and is not asked for it any more.
    NeverMade,
}

impl Attempt {
    /// The key under which the provider does this attempt at most once.
    #[must_use]
    pub fn idempotency_key(&self, invoice: InvoiceId) -> String {
        format!("{invoice}/attempt-{}", self.number)
    }

    /// How long ago it was begun, by the clock on the wall.
    #[must_use]
    pub fn age(&self, clock: DateTime<Utc>) -> Duration {
        clock.signed_duration_since(self.asked_at.unwrap_or(self.begun_at))
    }

    /// Whether the provider, asked under the same key, would do it at most once all the same.
    pub(super) fn may_be_repeated(&self, clock: DateTime<Utc>) -> bool {
        self.age(clock) < KEY_LIFE
    }

    /// Whether the provider's finding nothing means that there is nothing. One that is only begun may be on its way at this
    /// moment, in other hands; and one that was repeated for hours was asked for just before it became unknown. By the clock on
    /// the wall: look-ups that were planned for different times may come at once, when the queue has stood still.
    #[must_use]
    pub fn is_not_made_if_not_found(&self, clock: DateTime<Utc>) -> bool {
        let is_old = |since| clock.signed_duration_since(since) >= NOT_MADE_AFTER;
        matches!(self.state, AttemptState::Unknown { look_ups: 1.., since, .. } if is_old(since))
    }

    /// What it is after it was asked for and its answer was lost, or was a failure as `answered` says. A failure ends only the
    /// request that it answers: one of an hour ago may be on its way still.
    #[must_use]
    pub fn lost(&self, answered: bool, clock: DateTime<Utc>) -> AttemptState {
        let answered = answered && self.age(clock) < NOT_MADE_AFTER;
        AttemptState::Unknown { look_ups: 0, since: clock, answered }
    }

    /// What it is after a look-up of it that found nothing, or failed: unknown as before, or in the provider's hands as before.
    /// Look-ups that failed make the next one no rarer as long as it may be asked for again.
    #[must_use]
    pub fn looked_up(&self, failed: bool, clock: DateTime<Utc>) -> AttemptState {
        match self.state {
            AttemptState::Pending { payment } => AttemptState::Pending { payment },
            AttemptState::Unknown { look_ups, since, answered } => {
                let most = if failed && self.may_be_repeated(clock) { 1 } else { u32::MAX };
                let look_ups = look_ups.saturating_add(1).min(most.max(look_ups));
                AttemptState::Unknown { look_ups, since, answered }
            }
            AttemptState::Begun
            | AttemptState::Succeeded { .. }
            | AttemptState::Declined { .. }
            | AttemptState::NeverMade => self.lost(false, clock),
        }
    }

    /// Whether a request of it may still be on its way.
    pub(super) const fn may_still_arrive(&self) -> bool {
        matches!(self.state, AttemptState::Unknown { answered: false, .. })
    }

    /// Whether its method was refused for good.
    pub(super) fn is_refused_for_good(&self) -> bool {
        matches!(&self.state, AttemptState::Declined { decline, .. } if decline.hard)
    }

    /// Whether it was refused, and may be tried again.
    pub(super) fn is_refused_for_now(&self) -> bool {
        matches!(&self.state, AttemptState::Declined { decline, .. } if !decline.hard)
    }

    /// Whether it was not made because the provider takes no amount that small.
    pub(super) fn is_too_small(&self) -> bool {
        matches!(&self.state, AttemptState::Declined { decline, .. } if decline.code == Decline::TOO_SMALL)
    }

    /// Whether it is still to be told what became of it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self.state {
            AttemptState::Begun | AttemptState::Unknown { .. } | AttemptState::Pending { .. } => true,
            AttemptState::Succeeded { .. } | AttemptState::Declined { .. } | AttemptState::NeverMade => false,
        }
    }

    /// When to ask the provider what became of it: after 5 minutes, an hour, then daily for five days, then weekly; and daily
    /// while it has it in hand, because the webhook that should tell may never come.
    #[must_use]
    pub fn look_up_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let wait = match self.state {
            AttemptState::Begun | AttemptState::Unknown { look_ups: 0, .. } => Duration::minutes(5),
            AttemptState::Unknown { look_ups: 1, .. } => Duration::hours(1),
            AttemptState::Unknown { look_ups: 2..=6, .. } => Duration::days(1),
            AttemptState::Unknown { .. } => Duration::weeks(1),
            AttemptState::Pending { .. } => Duration::days(1),
            AttemptState::Succeeded { .. } | AttemptState::Declined { .. } | AttemptState::NeverMade => return None,
        };
        now.checked_add_signed(wait)
    }
}
