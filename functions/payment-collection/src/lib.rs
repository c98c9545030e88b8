//! Charges invoices and carries out refunds at the payment providers, and asks what became of those that are unknown.
//!
//! | | |
//! |---|---|
//! | trigger | the collections queue: `Charge{invoices}`, `Refund{payments}`, `NewMethod{customers}`, from invoice-generation, billing-tick and the API |
//! | reads | invoices, customers, sellers, payments, mail records; the API keys of the accounts, from Secrets Manager |
//! | writes | the attempt before the provider is asked; afterwards the payment's facts, the invoice, the entry, or what became of attempt or refund; the customer, who remembers what was too small; for a new method, the invoices that waited for it, then the customer, whose method is new no more |
//! | calls | the provider: charge, refund, look-up, closing a page, calling a stranded payment off |
//! | emits | `Send{invoice, purpose}` to the reminders queue: receipt, failed payment, the invoice itself where nobody can be charged; the counts `UnknownPayments` and `PaymentsTooSmall` |
//! | redelivery | asks the books what is to be done *now*: an attempt that was begun is repeated under its own key, one that was decided is left alone, a mail is asked for unless its record exists |
//! | dead letters | messages that are none; work that failed five times: the provider not reached, its key missing or revoked, a report that contradicts the books. Each is due in the books as well, so billing-tick brings it again; redriving does no harm |
//!
//! **Never two charges.** An attempt is written down with its number before anybody is called, and the number is part of
//! the idempotency key. What may have been taken is `Unknown` and is looked up. When the provider, asked at the times the
//! books plan, still does not know it after an hour, it is asked for again under the same key. Only when that is older than
//! the provider's memory, or the provider itself answered that it failed, or something else is to be charged by now, does
//! the next attempt get the next number.

pub mod charging;
pub mod config;
mod failure;
pub mod gateways;
pub mod handler;
pub mod refunding;

pub use self::failure::CollectionError;
