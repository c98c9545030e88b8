//! What was stated about a payment: immutable, and the same however often and in whatever order it is heard.

use chrono::{DateTime, Utc};
use saldo_money::Money;
use serde::{Deserialize, Serialize};

/// How a provider said no.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decline {
    /// The reason in the provider's word, `insufficient_funds`.
    pub code: String,
    /// Whether the same method may be tried again.
    pub hard: bool,
}

impl Decline {
    /// The code of an attempt that was not made because the provider takes no amount that small.
    pub const TOO_SMALL: &str = "amount_too_small";
    /// The code of a request that the provider refused as it was, and names no other.
    pub const INVALID_REQUEST: &str = "invalid_request";
    /// The code of a payment that was called off, where the provider names no other.
    pub const CANCELED: &str = "canceled";
}

/// Where a refund stands at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// On its way.
    Pending,
    /// Given back.
    Succeeded,
    /// Could not be given back: the money is ours again.
    Failed,
    /// Called off.
    Cancelled,
}

/// How a dispute ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeOutcome {
    /// For us.
    Won,
    /// For the customer.
    Lost,
    /// It was an inquiry and never became a dispute.
    WarningClosed,
}

/// One thing that a provider stated about a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Statement {
    /// It exists and waits for the customer or for us.
    Created {
        /// What it is meant to take.
        amount: Money,
    },
    /// The customer must act, as in 3-D Secure.
    RequiresAction,
    /// Submitted, and decided later, as a direct debit.
    Processing,
    /// Held and not yet taken.
    Authorised {
        /// What is held.
        amount: Money,
    },
    /// Taken.
    Captured {
        /// The provider's id of the taking, a charge at Stripe.
        reference: String,
        /// What was taken: the truth, whatever the invoice says.
        amount: Money,
    },
    /// An attempt to take it failed.
    Failed {
        /// The provider's id of the attempt.
        reference: String,
        /// How it said no.
        decline: Decline,
    },
    /// Called off for good.
    Cancelled,
    /// One refund, by its own id.
    Refund {
        /// The provider's id of the refund.
        reference: String,
        /// What it gives back.
        amount: Money,
        /// Where it stands.
        status: RefundStatus,
        /// Our id, when we asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requested_as: Option<crate::id::RefundId>,
    },
    /// What was given back of one taking in all, so far.
    RefundedInAll {
        /// The provider's id of the taking.
        reference: String,
        /// The sum of its refunds.
        amount: Money,
    },
    /// The customer's bank disputes it.
    DisputeOpened {
        /// The provider's id of the dispute.
        reference: String,
        /// How much is disputed.
        amount: Money,
        /// Why, in the provider's word.
        reason: String,
    },
    /// The provider took the disputed money from us.
    DisputeFundsWithdrawn {
        /// The provider's id of the dispute.
        reference: String,
        /// What it took, without its fee.
        amount: Money,
        /// What it charged for the dispute, where that is in the payment's currency.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fee: Option<Money>,
    },
    /// The provider gave the disputed money back to us.
    DisputeFundsReinstated {
        /// The provider's id of the dispute.
        reference: String,
        /// What it gave back.
        amount: Money,
        /// What it gave back of its fee, where that is in the payment's currency.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fee: Option<Money>,
    },
    /// A dispute ended.
    DisputeClosed {
        /// The provider's id of the dispute.
        reference: String,
        /// How.
        outcome: DisputeOutcome,
    },
}

impl Statement {
    /// What makes this statement one and the same however it is told: two tellings with one key are one fact.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Created { .. } => "created".to_owned(),
            Self::RequiresAction => "requires_action".to_owned(),
            Self::Processing => "processing".to_owned(),
            Self::Authorised { .. } => "authorised".to_owned(),
            Self::Captured { reference, .. } => format!("captured/{reference}"),
            Self::Failed { reference, .. } => format!("failed/{reference}"),
            Self::Cancelled => "cancelled".to_owned(),
            Self::Refund { reference, status, .. } => format!("refund/{reference}/{}", refund_rank(*status)),
            Self::RefundedInAll { reference, .. } => format!("refunded_in_all/{reference}"),
            Self::DisputeOpened { reference, .. } => format!("dispute/{reference}/0"),
            Self::DisputeFundsWithdrawn { reference, .. } => format!("dispute/{reference}/1"),
            Self::DisputeFundsReinstated { reference, .. } => format!("dispute/{reference}/2"),
            Self::DisputeClosed { reference, outcome } => format!("dispute/{reference}/3/{outcome:?}"),
        }
    }

    /// Where two tellings of one fact differ, the later in this order is kept: time decides, the larger amount breaks a tie.
    const fn amount(&self) -> Option<Money> {
        match self {
            Self::Created { amount }
            | Self::Authorised { amount }
            | Self::Captured { amount, .. }
            | Self::Refund { amount, .. }
            | Self::RefundedInAll { amount, .. }
            | Self::DisputeOpened { amount, .. }
            | Self::DisputeFundsWithdrawn { amount, .. }
            | Self::DisputeFundsReinstated { amount, .. } => Some(*amount),
            Self::RequiresAction
            | Self::Processing
            | Self::Failed { .. }
            | Self::Cancelled
            | Self::DisputeClosed { .. } => None,
        }
    }
}

/// Refunds go from pending to one end; the number keeps each stage a fact of its own.
const fn refund_rank(status: RefundStatus) -> u8 {
    match status {
        RefundStatus::Pending => 0,
        RefundStatus::Succeeded => 1,
        RefundStatus::Cancelled => 2,
        RefundStatus::Failed => 3,
    }
}

/// A statement that this version does not know; kept as it is, so that a newer version can read it.
pub type Foreign = serde_json::Map<String, serde_json::Value>;

/// What a fact says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// Something this version understands.
    Known(Statement),
    /// Something a newer version wrote.
    Foreign(Foreign),
}

/// A statement and when the provider says it came true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The provider's own time.
    pub at: DateTime<Utc>,
    /// What it stated.
    #[serde(flatten)]
    pub said: Said,
}

impl Fact {
    /// A statement as of the provider's time.
    #[must_use]
    pub const fn new(at: DateTime<Utc>, statement: Statement) -> Self {
        Self { at, said: Said::Known(statement) }
    }

    /// The statement, when this version understands it.
    #[must_use]
    pub const fn statement(&self) -> Option<&Statement> {
        match &self.said {
            Said::Known(statement) => Some(statement),
            Said::Foreign(_) => None,
        }
    }

    /// The one of two tellings of a fact that is kept. Commutative, associative and idempotent, so order cannot matter.
    ///
    /// Cumulative sums (of refunds, and of what was taken by one charge) only grow, so the larger is the later; elsewhere the
    /// first telling stands, and the larger amount breaks a tie, because money that the provider took must not disappear.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        use std::cmp::Reverse;
        let rank = |fact: &Self| {
            let amount = fact.statement().and_then(Statement::amount).map(Money::amount);
            let cumulative =
                matches!(fact.statement(), Some(Statement::RefundedInAll { .. } | Statement::Captured { .. }));
            let text = serde_json::to_string(&fact.said).unwrap_or_default();
            (cumulative.then_some(amount), Reverse(fact.at), amount, text)
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}
