//! Why work was not done.

use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::InvoiceError;
use saldo_books::BooksError;
use saldo_documents::archive::ArchiveError;
use saldo_documents::pdf::PdfError;
use saldo_messages::{Disposed, Disposition, MessageError, QueueError};
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
    /// Too little time is left to begin with more.
    #[error("no time left for {left} of {of}")]
    OutOfTime {
        /// How many are left.
        left: usize,
        /// How many there were.
        of: usize,
    },
    /// Some of a message's work failed; each failure is logged where it happened.
    #[error("{failed} of {of} failed")]
    Some {
        /// How many.
        failed: usize,
        /// Of how many.
        of: usize,
        /// Whether any of them may succeed later.
        disposition: Disposition,
    },
}

impl Disposed for GenerationError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Message(error) => error.disposition(),
            Self::Books(error) => error.disposition(),
            Self::Read(error) => error.disposition(),
            Self::Queue(error) => error.disposition(),
            Self::Invoice(_) | Self::Pdf(_) => Disposition::Poison,
            Self::Archive(_) | Self::NoInvoice { .. } | Self::OutOfTime { .. } => Disposition::Retry,
            Self::Some { disposition, .. } => *disposition,
        }
    }
}
