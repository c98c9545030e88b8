//! Mail about invoices: composed in the customer's language, handed to a [`Mailer`].

mod compose;
mod letter;
mod memory;
mod mime;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use saldo_billing::party::Email;

pub use self::compose::{ComposeError, MailContext, Occasion, compose};
pub use self::memory::MemoryMailer;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Somebody who can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Their name; one line.
    pub name: String,
    /// Their address.
    pub email: Email,
}

/// A file in a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What it is called.
    pub file_name: String,
    /// What it is, `application/pdf`.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A mail, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Who sends it.
    pub from: Mailbox,
    /// Who gets it.
    pub to: Mailbox,
    /// Who gets the answer.
    pub reply_to: Mailbox,
    /// The subject; one line.
    pub subject: String,
    /// In which language it is written, as an ISO 639-1 code.
    pub language: &'static str,
    /// The plain text, which says all that the HTML says.
    pub text: String,
    /// The HTML.
    pub html: String,
    /// The files in it.
    pub attachments: Vec<Attachment>,
    /// Its id, the same each time the same mail is composed; without angle brackets.
    pub message_id: String,
    /// When it was composed.
    pub date: DateTime<Utc>,
}

/// What the mailer gave for a mail it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailReceipt {
    /// The mailer's id of it.
    pub message_id: String,
}

/// Why a mail was not sent, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It was certainly not sent.
    #[error("mail {message_id} was not sent")]
    NotSent {
        /// Which mail.
        message_id: String,
        /// Whether the same mail may be taken later: not when the mailer refuses the mail or the address itself.
        again: bool,
        /// Why.
        #[source]
        source: Source,
    },
    /// It may have been sent: there was no answer.
    #[error("whether mail {message_id} was sent is not known")]
    Unknown {
        /// Which mail.
        message_id: String,
        /// Why.
        #[source]
        source: Source,
    },
}

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over; a mail that was taken is not taken back.
    async fn send(&self, mail: &Mail) -> Result<MailReceipt, MailError>;
}
