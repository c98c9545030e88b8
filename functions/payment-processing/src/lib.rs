//! Keeps every provider event for good, and takes what it states into the books.
//!
//! | | |
//! |---|---|
//! | trigger | the provider-events queue: `Take{event}` from webhook-intake, `Retry{parked}` from billing-tick, once each time that an event is due, and from `saldo`, at once |
//! | reads | the event's key in the inbox; payment, invoice, seller, customer, mail record; the links to provider customers |
//! | writes | the event into the inbox, under (provider, account, event id), before anything else; then facts, invoice, entry and credit in one transaction; methods of payment and their owners; events that wait |
//! | emits | `Send{invoice, purpose}` to the reminders queue: receipt, failed payment; the counts named below |
//! | redelivery | one failed condition, then reads that find nothing to change. After a crash the same reads find what is missing, so an event is complete however often it was interrupted |
//! | dead letters | messages that are none; events that cannot be read or contradict the books (kept in the inbox as given up); events whose books could not be written five times |
//!
//! Order does not matter: a payment is a fold over its facts, a customer's method a fold over what was told about all
//! of them. What refers to a payment or invoice that is not there yet is *parked*: visible in the books, and tried again
//! after 5 minutes, an hour, six hours, then daily, then weekly.
//!
//! | count | of what |
//! |---|---|
//! | `UnknownEvents` | events of a kind that this version does not read: kept, and acknowledged |
//! | `PayoutEvents` | events about payouts: kept, for the reports that will use them |
//! | `ParkedEvents` | tries after which an event still waits |
//! | `UnallocatedPayments` | payments that name no invoice of ours: booked as unallocated money |
//! | `AmountDifferences` | payments of another amount than was due: booked as told, the difference open or credit |
//! | `UnmatchedMethods` | methods of provider customers that are no customers of ours yet |

pub mod applying;
pub mod config;
mod failure;
pub mod handler;
pub mod inbox;
pub mod methods;

pub use self::failure::ProcessingError;
