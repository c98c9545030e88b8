//! Why a use case did not do what it should.

use saldo_billing::invoice::InvoiceError;
use saldo_billing::payment::{PaymentError, RefundError};
use saldo_billing::subscription::SubscriptionError;
use saldo_messages::{Disposed, Disposition, MessageError, QueueError};
use saldo_money::MoneyError;
use saldo_store::{CommitError, EntityError, Key, StoreError, TransactionError};

/// Why a use case did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// Something that is referred to is not there.
    #[error("there is no {key}")]
    Missing {
        /// What.
        key: Key,
    },
    /// A document is not whole.
    #[error("the document of invoice {invoice} is not whole")]
    Document {
        /// Of which invoice.
        invoice: saldo_billing::id::InvoiceId,
    },
    /// Others changed the same things faster than this could be done.
    #[error("gave up to {attempted}: others changed the same things again and again")]
    Contended {
        /// What should be done.
        attempted: &'static str,
    },
    /// The invoice refused.
    #[error("the invoice refused")]
    Invoice(#[from] InvoiceError),
    /// The payment refused.
    #[error("the payment refused")]
    Payment(#[from] PaymentError),
    /// The refund was refused.
    #[error("the refund was refused")]
    Refund(#[from] RefundError),
    /// The subscription refused.
    #[error("the subscription refused")]
    Subscription(#[from] SubscriptionError),
    /// Amounts do not add up.
    #[error("amounts do not add up")]
    Money(#[from] MoneyError),
    /// Something could not be read.
    #[error("the books could not be read")]
    Read(#[from] EntityError),
    /// Something could not be asked for.
    #[error("the books could not be searched")]
    Search(#[from] StoreError),
    /// A transaction could not be made up.
    #[error("the change cannot be written")]
    Transaction(#[from] TransactionError),
    /// A transaction was not, or not certainly, committed.
    #[error("the change was not committed")]
    Commit(#[from] CommitError),
    /// A message could not be written.
    #[error("the message could not be written")]
    Message(#[from] MessageError),
    /// Work could not be handed on.
    #[error("work could not be handed on")]
    Queue(#[from] QueueError),
}

impl Disposed for BooksError {
    fn disposition(&self) -> Disposition {
        match self {
            // What is referred to may be on its way: a message can overtake the write it is about.
            Self::Missing { .. } | Self::Contended { .. } => Disposition::Retry,
            Self::Read(error) => error.disposition(),
            Self::Search(error) => error.disposition(),
            Self::Commit(error) => error.disposition(),
            Self::Queue(error) => error.disposition(),
            Self::Document { .. }
            | Self::Invoice(_)
            | Self::Payment(_)
            | Self::Refund(_)
            | Self::Subscription(_)
            | Self::Money(_)
            | Self::Transaction(_)
            | Self::Message(_) => Disposition::Poison,
        }
    }
}
