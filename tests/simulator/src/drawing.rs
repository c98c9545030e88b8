//! What stands for a PDF in a run: drawing one takes a hundred times as long as everything else that is done for an invoice.

use saldo_billing::invoice::{Document, Invoice};
use saldo_documents::pdf::PdfError;

/// A text in which two documents differ where their PDFs would.
#[expect(clippy::unnecessary_wraps, reason = "the signature of drawing")]
pub(crate) fn digest(invoice: &Invoice, document: &Document) -> Result<Vec<u8>, PdfError> {
    Ok(format!("{:?}\n{:?}\n{document:?}", invoice.issued(), invoice.totals).into_bytes())
}
