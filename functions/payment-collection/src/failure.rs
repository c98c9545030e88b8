//! Why work was not done.

use saldo_billing::id::{InvoiceId, PaymentId};
use saldo_billing::invoice::InvoiceError;
use saldo_billing::provider::ProviderAccount;
use saldo_books::BooksError;
use saldo_gateways::{ConnectError, GatewayError};
use saldo_messages::{Disposed, Disposition, MessageError, QueueError};
use saldo_runtime::secrets::SecretsError;
use saldo_runtime::several::Several;
use saldo_store::EntityError;

/// Why work was not done.
#[derive(Debug, thiserror::Error)]
pub enum CollectionError {
    /// The message is none of ours, or could not be written.
    #[error("the message cannot be understood")]
    Message(#[from] MessageError),
    /// The books refused, or could not be reached.
    #[error("the books could not be kept")]
    Books(#[from] BooksError),
    /// Something could not be read.
    #[error("the books could not be read")]
    Read(#[from] EntityError),
    /// The amounts of an invoice do not add up.
    #[error("the invoice cannot be judged")]
    Invoice(#[from] InvoiceError),
    /// The provider has not decided.
    #[error("the provider has not decided")]
    Gateway(#[from] GatewayError),
    /// The account cannot be connected.
    #[error("the account cannot be connected")]
    Connect(#[from] ConnectError),
    /// The keys cannot be read.
    #[error("the keys of the accounts cannot be read")]
    Secrets(#[from] SecretsError),
    /// Nobody has put a key in.
    #[error("no API key is configured for {account}")]
    NoKey {
        /// For which account.
        account: ProviderAccount,
    },
    /// The mail could not be asked for.
    #[error("the mail could not be asked for")]
    Queue(#[from] QueueError),
    /// An invoice is not there, or not yet.
    #[error("there is no invoice {invoice}")]
    NoInvoice {
        /// Which.
        invoice: InvoiceId,
    },
    /// A payment is not there, or not yet.
    #[error("there is no payment {payment}")]
    NoPayment {
        /// Which.
        payment: PaymentId,
    },
    /// The provider's answer is about something that the books do not have.
    #[error("the answer of the provider waits for {what}")]
    Waits {
        /// For what.
        what: String,
    },
    /// The books ask for one thing after the other without an end.
    #[error("invoice {invoice} was not settled in as many steps as there can be")]
    Endless {
        /// Which.
        invoice: InvoiceId,
    },
    /// Not all that a message asks for was done.
    #[error("some of the work is not done")]
    Several(#[from] Several),
}

impl Disposed for CollectionError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Message(error) => error.disposition(),
            Self::Books(error) => error.disposition(),
            Self::Read(error) => error.disposition(),
            Self::Gateway(error) => error.disposition(),
            Self::Connect(error) => error.disposition(),
            Self::Secrets(error) => error.disposition(),
            Self::Queue(error) => error.disposition(),
            Self::Invoice(_) => Disposition::Poison,
            // A person puts the key in; what is missing may be on its way.
            Self::NoKey { .. }
            | Self::NoInvoice { .. }
            | Self::NoPayment { .. }
            | Self::Waits { .. }
            | Self::Endless { .. } => Disposition::Retry,
            Self::Several(several) => several.disposition(),
        }
    }
}
