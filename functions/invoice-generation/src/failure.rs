//! Why work was not done.

use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::InvoiceError;
use saldo_books::BooksError;
use saldo_documents::archive::ArchiveError;
use saldo_documents::pdf::PdfError;
use saldo_messages::{Disposed, Disposition, MessageError, QueueError};
use saldo_runtime::several::Several;
use saldo_store::EntityError;

/// Why work was not done.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
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
    /// The invoice cannot be rendered.
    #[error("the document cannot be made")]
    Pdf(#[from] PdfError),
    /// The document could not be kept.
    #[error("the document could not be kept")]
    Archive(#[from] ArchiveError),
    /// The invoice could not be handed on.
    #[error("the invoice could not be handed on")]
    Queue(#[from] QueueError),
    /// An invoice is not there, or not yet.
    #[error("there is no invoice {invoice}")]
    NoInvoice {
        /// Which.
        invoice: InvoiceId,
    },
    /// Not all that a message asks for was done.
    #[error("some of the work is not done")]
    Several(#[from] Several),
}

impl Disposed for GenerationError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Message(error) => error.disposition(),
            Self::Books(error) => error.disposition(),
            Self::Read(error) => error.disposition(),
            Self::Queue(error) => error.disposition(),
            Self::Invoice(_) | Self::Pdf(_) => Disposition::Poison,
            Self::Archive(_) | Self::NoInvoice { .. } => Disposition::Retry,
            Self::Several(several) => several.disposition(),
        }
    }
}
