//! Makes one invoice per subscription and period, renders issued invoices, and hands them on to be charged or sent.
//!
//! | | |
//! |---|---|
//! | trigger | the invoices-due queue: `Bill{subscriptions}` and `Render{invoices}` from billing-tick, `Render` from the API |
//! | reads | subscriptions, sellers, customers, credit, number series; invoices with their documents, and earlier ones that were too small to be charged; the archive |
//! | writes | an invoice with its document, number, entry, used credit and the subscription's step forward in one transaction, and in the same the earlier invoices that it brings forward, with the customer who remembered them; the PDF into the archive under the invoice's key, once |
//! | emits | `Charge{invoices}` to the collections queue for invoices to be charged; `Send{invoice, issued}` to the reminders queue for those to be sent, or paid by credit; `Send{invoice, receipt}` for each payment that came before |
//! | redelivery | a billed period is there under (subscription, first day) and is not billed again; a document that is in the archive is not rendered again, so an issued one never changes; an invoice that was handed over is not handed on again |
//! | dead letters | messages that are none; subscriptions and invoices that failed five times. Each is due in the books as well, so billing-tick brings it again |
//!
//! A period missed by an outage is billed late under its own dates. What is left after [`billing::PERIODS_MAX`] periods of
//! one subscription, or when the time is over, is still due and comes with the next tick.

pub mod billing;
pub mod config;
mod failure;
pub mod handler;
pub mod rendering;

pub use self::failure::GenerationError;
