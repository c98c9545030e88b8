//! Sends mail about invoices: the invoice itself, reminders, receipts, failed payments.
//!
//! | | |
//! |---|---|
//! | trigger | the reminders queue: `Remind{invoices}` from billing-tick when a reminder is due, `Send{invoice, purpose}` from whoever made the reason |
//! | reads | invoices, customers, sellers, payments, mail records, addresses of hosted pages; PDFs from the documents bucket |
//! | writes | the mail's record before the mailer is called, and what became of it; the invoice's place on the ladder of reminders |
//! | calls | SES, once for each mail |
//! | emits | the count `UnknownMails` |
//! | redelivery | asks the books what is to be done *now*: a mail that is written down is not sent again, unless the mailer said for certain that it did not take it |
//! | dead letters | messages that are none; mail that the mailer refused five times, or for good. Redriving does no harm: what lost its reason meanwhile is not sent |
//!
//! **At most one mail per invoice and purpose.** It is written down as planned before it is handed over. A process that dies
//! in between, or an answer that is lost, leaves it planned, and it is not sent again: a second mail is worse than a missing one.
//! What takes time, the PDF, is there before.
//!
//! **Only what is true.** Whether there still is a reason, and how much is due, is read in the same transaction that plans the
//! mail. A customer with `suppressed_at` gets none; nothing sets it yet, since bounces and complaints are not read.

pub mod config;
mod failure;
pub mod handler;
mod sending;

pub use self::failure::MailingError;
