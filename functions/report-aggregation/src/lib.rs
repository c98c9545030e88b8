//! Keeps the reports up to date from the table's stream.
//!
//! | | |
//! |---|---|
//! | trigger | the billing table's stream, up to 100 changes at a time; or a person, with `{"rebuild": {}}` |
//! | reads | what was counted, and what changed in the books; the document of an invoice that is issued, voided or refunded |
//! | writes | the reports table: records of what was counted, and sums, in one transaction |
//! | emits | nothing |
//! | redelivery | finds that everything is counted, at the price of reads |
//! | dead letters | where in the stream a change stands that could not be counted in 21 tries; the log has its reason and id |
//!
//! A change only says where to look. What is counted is the difference between what is in the books and what the record
//! says was counted, so changes that come twice, late or out of order have no effect, and one that was lost is made good by
//! the next change of the same thing. Changes of many things are counted in one transaction.
//!
//! A change that cannot be counted (an item this version cannot read) is logged with its reason and made the checkpoint of
//! its batch: everything else of the batch is counted before, so that nothing is lost with it when its tries are over.
//!
//! `{"rebuild": {}}` walks over everything in the books as far as the invocation's time allows and answers
//! `{"looked_at": 950, "refused": [], "next": {…}}`; invoke it with `{"rebuild": <next>}` until `next` is null. It repairs
//! what was lost and fills an empty reports table; after a change of what reports count, begin with an empty table.

pub mod config;
pub mod handler;
