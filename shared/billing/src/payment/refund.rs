//! Refunds that we ask for: reserved against the payment before the provider is called.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use saldo_money::{Money, MoneyError};
use serde::{Deserialize, Serialize};

use super::{Decline, Payment, PaymentError, RefundStatus, Standing, Statement};
use crate::Outcome;
use crate::id::{PaymentId, RefundId};

/// Where a refund that we asked for stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RefundState {
    /// Reserved; the provider has not answered yet.
    Requested,
    /// We asked and do not know what became of it.
    Unknown {
        /// How often we have looked it up.
        look_ups: u32,
    },
    /// The provider accepted it under this id.
    Accepted {
        /// The provider's id of the refund.
        reference: String,
        /// Where it stands there.
        status: RefundStatus,
    },
    /// The provider refused it.
    Refused {
        /// How it said no.
        decline: Decline,
    },
}

/// A refund that we asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequest {
    /// What is to be given back.
    pub amount: Money,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When the provider was last asked what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<DateTime<Utc>>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: RefundState,
}

impl RefundRequest {
    /// When the collector has to see to it: at once, until it was ordered; what is unknown after 5 minutes, an hour, then daily,
    /// counted from the request; what the provider has in hand daily, because the webhook that should tell may never come.
    #[must_use]
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        let wait = match &self.state {
            RefundState::Requested => return Some(self.requested_at),
            RefundState::Unknown { look_ups: 0 } => Duration::minutes(5),
            RefundState::Unknown { look_ups: 1 } => Duration::hours(1),
            RefundState::Unknown { look_ups } => Duration::days(i64::from(look_ups.saturating_sub(1))),
            RefundState::Accepted { status: RefundStatus::Pending, .. } => {
                return self.asked_at.unwrap_or(self.requested_at).checked_add_signed(Duration::days(1));
            }
            RefundState::Accepted { .. } | RefundState::Refused { .. } => return None,
        };
        self.requested_at.checked_add_signed(wait)
    }
}

/// Why a refund was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// More than is left of the payment.
    #[error("payment {payment} has {refundable} left to refund, asked for {asked}")]
    TooMuch {
        /// Of which payment.
        payment: PaymentId,
        /// What is left.
        refundable: Money,
        /// What was asked for.
        asked: Money,
    },
    /// Nothing, less than nothing, or another currency.
    #[error("a refund of payment {payment} must be a positive amount in its currency, found {asked}")]
    Amount {
        /// Of which payment.
        payment: PaymentId,
        /// What was asked for.
        asked: Money,
    },
    /// The same id was used for another amount.
    #[error("refund {refund} of payment {payment} was already asked for with {known}")]
    Mismatch {
        /// Of which payment.
        payment: PaymentId,
        /// Which refund.
        refund: RefundId,
        /// The amount known.
        known: Money,
    },
    /// No such refund was asked for.
    #[error("refund {refund} of payment {payment} was never asked for")]
    NeverAsked {
        /// Of which payment.
        payment: PaymentId,
        /// Which refund.
        refund: RefundId,
    },
    /// The payment's own amounts do not add up.
    #[error("the standing of the payment could not be told")]
    Payment(#[source] PaymentError),
    /// Amounts beyond what money can hold.
    #[error("amounts of the refunds do not add up")]
    Money(#[source] MoneyError),
}

impl Payment {
    /// What may still be refunded: captured, less what was given back, withdrawn by disputes, or is reserved for refunds under way.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn refundable(&self) -> Result<Money, RefundError> {
        let standing = self.standing().map_err(RefundError::Payment)?;
        self.left_to_refund(&standing).map_err(RefundError::Money)
    }

    fn left_to_refund(&self, standing: &Standing) -> Result<Money, MoneyError> {
        let zero = Money::zero(self.currency);
        let (told, _) = self.refunded_one_by_one()?;
        let mut asked_for = zero;
        let mut in_hand = self.refunds_in_hand();
        for request in self.refunds.values().filter(|request| self.is_reserved(request)) {
            match &request.state {
                RefundState::Accepted { reference, .. } => {
                    in_hand.insert(reference, request.amount);
                }
                RefundState::Requested | RefundState::Unknown { .. } | RefundState::Refused { .. } => {
                    asked_for = asked_for.checked_add(request.amount)?;
                }
            }
        }
        // What the provider says of all refunds together counts what it has in hand, sooner or later; what it was only asked for,
        // perhaps not.
        let in_hand = Money::sum(in_hand.into_values(), self.currency)?;
        let on_its_way = standing.refunded.checked_sub(told)?.max(in_hand)?;
        let mut left = standing.captured;
        for taken in [standing.disputed, standing.lost, told, on_its_way, asked_for] {
            left = left.checked_sub(taken)?;
        }
        left.max(zero)
    }

    /// The refunds of which the provider has told only that they are on their way, also those that somebody else asked for.
    fn refunds_in_hand(&self) -> BTreeMap<&str, Money> {
        let mut in_hand = BTreeMap::new();
        for (_, statement) in self.statements() {
            if let Statement::Refund { reference, amount, status: RefundStatus::Pending, .. } = statement
                && !self.is_decided(reference)
            {
                in_hand.insert(reference.as_str(), *amount);
            }
        }
        in_hand
    }

    /// Whether the provider has told that a refund succeeded, or came to nothing.
    fn is_decided(&self, refund: &str) -> bool {
        self.statements().any(|(_, statement)| {
            matches!(statement, Statement::Refund { reference, status, .. } if reference == refund && *status != RefundStatus::Pending)
        })
    }

    /// A request holds its amount until the provider refuses it or the facts count it.
    fn is_reserved(&self, request: &RefundRequest) -> bool {
        match &request.state {
            RefundState::Requested | RefundState::Unknown { .. } => true,
            RefundState::Refused { .. } => false,
            RefundState::Accepted { reference, status } => {
                !self.is_decided(reference) && matches!(status, RefundStatus::Pending | RefundStatus::Succeeded)
            }
        }
    }

    /// Reserves a refund before the provider is asked for it.
    ///
    /// # Errors
    /// When the amount is not positive, of another currency, more than is left (D7, R18), or other than the same id had before.
    pub fn request_refund(
        &mut self,
        id: RefundId,
        amount: Money,
        now: DateTime<Utc>,
    ) -> Result<Outcome<()>, RefundError> {
        if let Some(known) = self.refunds.get(&id) {
            return if known.amount == amount {
                Ok(Outcome::AlreadyApplied)
            } else {
                Err(RefundError::Mismatch { payment: self.id, refund: id, known: known.amount })
            };
        }
        if !amount.is_positive() || amount.currency() != self.currency {
            return Err(RefundError::Amount { payment: self.id, asked: amount });
        }
        let refundable = self.refundable()?;
        if amount.amount() > refundable.amount() {
            return Err(RefundError::TooMuch { payment: self.id, refundable, asked: amount });
        }
        let state = RefundState::Requested;
        self.refunds.insert(id, RefundRequest { amount, requested_at: now, asked_at: None, state });
        Ok(Outcome::Applied(()))
    }

    /// Records what became of a refund that we asked for. What the provider decided stands; only open states change.
    ///
    /// # Errors
    /// When the refund was never asked for.
    pub fn settle_refund(
        &mut self,
        id: RefundId,
        state: RefundState,
        now: DateTime<Utc>,
    ) -> Result<Outcome<()>, RefundError> {
        let payment = self.id;
        let request = self.refunds.get_mut(&id).ok_or(RefundError::NeverAsked { payment, refund: id })?;
        let decided = match &request.state {
            RefundState::Requested | RefundState::Unknown { .. } => false,
            RefundState::Refused { .. } => true,
            RefundState::Accepted { status, .. } => *status != RefundStatus::Pending,
        };
        let asked_again = request.due_at().is_some_and(|at| at <= now);
        if decided || (request.state == state && !asked_again) {
            return Ok(Outcome::AlreadyApplied);
        }
        request.state = state;
        request.asked_at = Some(now);
        self.join_refunds();
        Ok(Outcome::Applied(()))
    }

    /// Lets the facts tell what became of the refunds that they say were ours.
    pub(super) fn join_refunds(&mut self) {
        for fact in self.facts.values() {
            if let Some(Statement::Refund { reference, status, requested_as: Some(id), .. }) = fact.statement()
                && let Some(request) = self.refunds.get_mut(id)
            {
                let further = match &request.state {
                    RefundState::Requested | RefundState::Unknown { .. } => true,
                    RefundState::Accepted { status: known, .. } => status > known,
                    RefundState::Refused { .. } => false,
                };
                if further {
                    request.state = RefundState::Accepted { reference: reference.clone(), status: *status };
                }
            }
        }
    }

    /// The payment with the refunds that were asked for in another copy of it. They are decisions of ours: no fact tells them, but
    /// facts may tell what became of them.
    #[must_use]
    pub fn with_requests_of(mut self, other: &Self) -> Self {
        self.refunds.clone_from(&other.refunds);
        self.join_refunds();
        self
    }

    /// The refunds that we asked for.
    pub fn refund_requests(&self) -> impl Iterator<Item = (RefundId, &RefundRequest)> {
        self.refunds.iter().map(|(id, request)| (*id, request))
    }

    /// One refund that we asked for.
    #[must_use]
    pub fn refund_request(&self, id: RefundId) -> Option<&RefundRequest> {
        self.refunds.get(&id)
    }
}
