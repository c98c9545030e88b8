//! Why a mail was not sent.

use saldo_billing::id::{InvoiceId, PaymentId};
use saldo_billing::mail::Purpose;
use saldo_billing::payment::PaymentError;
use saldo_books::BooksError;
use saldo_documents::archive::ArchiveError;
use saldo_documents::mail::{ComposeError, MailError};
use saldo_documents::pdf::PdfError;
use saldo_messages::{Disposed, Disposition, MessageError};
use saldo_runtime::several::Several;
use saldo_store::EntityError;

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailingError {
    /// The message is none of ours.
    #[error("the message cannot be understood")]
    Message(#[from] MessageError),
    /// The books refused, or could not be reached.
    #[error("the books could not be kept")]
    Books(#[from] BooksError),
    /// Something could not be read.
    #[error("the books could not be read")]
    Read(#[from] EntityError),
    /// The PDF could not be fetched.
    #[error("the document to attach could not be had")]
    Archive(#[from] ArchiveError),
    /// The PDF could not be made.
    #[error("the document to attach could not be made")]
    Pdf(#[from] PdfError),
    /// The mail could not be written.
    #[error("the mail could not be written")]
    Compose(#[from] ComposeError),
    /// A payment's amounts do not add up.
    #[error("the payment cannot be judged")]
    Payment(#[from] PaymentError),
    /// The books speak of a receipt without its payment, or of a failure without its attempt.
    #[error("the mail `{purpose}` about invoice {invoice} has nothing to tell")]
    NothingToTell {
        /// About which invoice.
        invoice: InvoiceId,
        /// Which mail.
        purpose: Purpose,
    },
    /// A receipt for a payment that took nothing.
    #[error("payment {payment} was not taken, there is nothing to receipt")]
    NotTaken {
        /// Which payment.
        payment: PaymentId,
    },
    /// The mailer did not take it.
    #[error("the mail was not taken")]
    NotSent {
        /// Whether it may be taken later.
        again: bool,
        /// Why.
        #[source]
        source: MailError,
    },
    /// Too little time is left for the mail.
    #[error("no time is left for the mail")]
    OutOfTime,
    /// Not all that a message asks for was done.
    #[error("some of the work is not done")]
    Several(#[from] Several),
}

impl Disposed for MailingError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Message(error) => error.disposition(),
            Self::Books(error) => error.disposition(),
            Self::Read(error) => error.disposition(),
            Self::Archive(_) | Self::OutOfTime | Self::NotSent { again: true, .. } => Disposition::Retry,
            Self::Pdf(_)
            | Self::Compose(_)
            | Self::Payment(_)
            | Self::NothingToTell { .. }
            | Self::NotTaken { .. }
            | Self::NotSent { again: false, .. } => Disposition::Poison,
            Self::Several(several) => several.disposition(),
        }
    }
}
