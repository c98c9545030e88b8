//! Why an event was not taken.

use saldo_billing::id::CustomerId;
use saldo_billing::invoice::InvoiceError;
use saldo_billing::provider::ProviderAccount;
use saldo_books::BooksError;
use saldo_gateways::ReadError;
use saldo_messages::{Disposed, Disposition, MessageError, QueueError};
use saldo_money::MoneyError;
use saldo_runtime::several::Several;
use saldo_store::inbox::BodyError;
use saldo_store::{CommitError, EntityError, TransactionError};

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ProcessingError {
    /// The message is none of ours, or could not be written.
    #[error("the message cannot be understood")]
    Message(#[from] MessageError),
    /// No provider has this name.
    #[error("no provider of the account {account} is known")]
    UnknownProvider {
        /// Which account.
        account: ProviderAccount,
    },
    /// The provider says something that cannot be read.
    #[error("the event cannot be read")]
    Event(#[from] ReadError),
    /// The body cannot be kept.
    #[error("the event cannot be kept")]
    Body(#[from] BodyError),
    /// The books refused, or could not be reached.
    #[error("the books could not be kept")]
    Books(#[from] BooksError),
    /// Something could not be read.
    #[error("the tables could not be read")]
    Read(#[from] EntityError),
    /// A change could not be made up.
    #[error("the change cannot be written")]
    Transaction(#[from] TransactionError),
    /// A change was not, or not certainly, committed.
    #[error("the change was not committed")]
    Commit(#[from] CommitError),
    /// The amounts of an invoice do not add up.
    #[error("the invoice cannot be judged")]
    Invoice(#[from] InvoiceError),
    /// Amounts do not add up.
    #[error("amounts do not add up")]
    Money(#[from] MoneyError),
    /// The mail could not be asked for.
    #[error("the mail could not be asked for")]
    Queue(#[from] QueueError),
    /// A parked event is not in the inbox.
    #[error("event {event_id} of {account} waits and is not in the inbox")]
    NotInInbox {
        /// Of which account.
        account: ProviderAccount,
        /// Which event.
        event_id: String,
    },
    /// One customer of the provider cannot be two of ours.
    #[error("{reference} of {account} is {known}, the event says {told}")]
    OtherCustomer {
        /// At which account.
        account: ProviderAccount,
        /// The provider's customer.
        reference: String,
        /// Who it is, as was told first.
        known: CustomerId,
        /// Who it is by this event.
        told: CustomerId,
    },
    /// Not all of a message's events were tried with success.
    #[error("some of the events are not done")]
    Several(#[from] Several),
}

impl Disposed for ProcessingError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Message(error) => error.disposition(),
            Self::Event(error) => error.disposition(),
            Self::Books(error) => error.disposition(),
            Self::Read(error) => error.disposition(),
            Self::Commit(error) => error.disposition(),
            Self::Queue(error) => error.disposition(),
            Self::UnknownProvider { .. }
            | Self::Body(_)
            | Self::Transaction(_)
            | Self::Invoice(_)
            | Self::Money(_)
            | Self::NotInInbox { .. }
            | Self::OtherCustomer { .. } => Disposition::Poison,
            Self::Several(several) => several.disposition(),
        }
    }
}
