//! Documents as PDF: A4, every font embedded and subset, text that can be searched, copied and read aloud.
//!
//! The file is PDF/A-3a and PDF/UA-1, and is the same to the byte each time the same document is rendered: all it says
//! about itself (dates, ids) comes from the document.

#![expect(clippy::float_arithmetic, reason = "places on a page are floats in PDF; amounts come here as text only")]

mod font;
mod invoice;
mod letter;
mod paint;
mod sheet;
mod table;
mod text;

use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::{Document, Invoice, InvoiceError};

pub use self::invoice::{file_name, invoice};

/// How a document is made: [`invoice()`], unless somebody plays a million of them and looks at none.
pub type Draw = fn(&Invoice, &Document) -> Result<Vec<u8>, PdfError>;

/// Why a document could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// A draft has no number and is no document yet.
    #[error("cannot render invoice {invoice}: it is a draft")]
    Draft {
        /// Which invoice.
        invoice: InvoiceId,
    },
    /// The content is that of another invoice.
    #[error("cannot render invoice {invoice}: it was given the content of {found}")]
    OtherDocument {
        /// Which invoice.
        invoice: InvoiceId,
        /// Whose content it was.
        found: InvoiceId,
    },
    /// The invoice's amounts do not add up.
    #[error("cannot render invoice {invoice}: its amounts do not add up")]
    Amounts {
        /// Which invoice.
        invoice: InvoiceId,
        /// Why.
        #[source]
        source: InvoiceError,
    },
    /// A font of this crate cannot be read.
    #[error("the font {face} cannot be read")]
    Font {
        /// Which file.
        face: &'static str,
    },
    /// The writer refused.
    #[error("the PDF of `{title}` cannot be written")]
    Write {
        /// The title of the document.
        title: String,
        /// Why.
        #[source]
        source: krilla::error::KrillaError,
    },
}
