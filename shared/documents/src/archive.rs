//! Where rendered documents are kept: a port, and its twin in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use saldo_billing::invoice::Invoice;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the archive could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not kept, or not known to be: to be put again, which changes nothing when it was kept.
    #[error("document {key} could not be put into the archive")]
    Put {
        /// Under which key.
        key: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// It may be there, and could not be read.
    #[error("document {key} could not be read from the archive")]
    Get {
        /// Under which key.
        key: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// No link could be made.
    #[error("no link to document {key} could be made")]
    Link {
        /// Under which key.
        key: String,
        /// Why.
        #[source]
        source: Source,
    },
}

/// Keeps documents under keys. A document never changes, so putting it again does no harm.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Keeps a document.
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), ArchiveError>;

    /// Reads a document; `None` when there is none.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError>;

    /// A link by which anybody who has it can download the document under `file_name`, for so long.
    async fn link(&self, key: &str, file_name: &str, expires_in: Duration) -> Result<String, ArchiveError>;
}

/// The key of an invoice's PDF; functions are allowed what begins with `documents/`.
#[must_use]
pub fn invoice_pdf_key(invoice: &Invoice) -> String {
    format!("documents/invoices/{}/{}.pdf", invoice.seller, invoice.id)
}

/// An archive that lasts as long as the process.
#[derive(Debug, Default)]
pub struct MemoryArchive {
    documents: Mutex<BTreeMap<String, (Vec<u8>, String)>>,
}

impl MemoryArchive {
    /// An empty archive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys of all documents, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.documents().keys().cloned().collect()
    }

    fn documents(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Vec<u8>, String)>> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Archive for MemoryArchive {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), ArchiveError> {
        self.documents().insert(key.to_owned(), (bytes, content_type.to_owned()));
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        Ok(self.documents().get(key).map(|(bytes, _)| bytes.clone()))
    }

    async fn link(&self, key: &str, file_name: &str, expires_in: Duration) -> Result<String, ArchiveError> {
        Ok(format!("memory:///{key}?file={file_name}&expires={}", expires_in.as_secs()))
    }
}
