//! Finds due work by the scheduled time.
//!
//! | | |
//! |---|---|
//! | trigger | an EventBridge rule on a schedule; only the event's `time` is used |
//! | reads | the `due` index of the billing table, 8 shards: eight half read units when nothing is due, at any size |
//! | writes | nothing |
//! | emits | messages of at most 50 keys: `Bill{subscriptions}`, `Render{invoices}` → invoices-due · `Retry{parked}` → provider-events; of at most 10: `Charge{invoices}` (of the kinds `collect` and `look_up`), `Refund{payments}`, `NewMethod{customers}` → collections; of at most 5: `Remind{invoices}` → reminders |
//! | redelivery | the same work is sent again; whoever does the work commits its next due time with it, so that it is done once |
//! | dead letters | a tick that failed three times; the next one finds the same work |
//!
//! An entry leaves the index only in the transaction that does its step. So nothing can fall behind: a tick that was missed,
//! ran out of time or crashed halfway leaves its work to the next, and an outage of days is caught up by the first tick
//! after it, all of it as of *that* tick's scheduled time.
//!
//! Work that waits in its queue for longer than the schedule's interval is sent again with each tick; its handler finds
//! that nothing is due any more, at the price of a read.
//!
//! Memory is bounded by one page of the index and one unfinished message per kind of work. The shards take turns, page by
//! page, and each tick begins with another one, so that none of them waits behind the backlog of another.

pub mod config;
pub mod handler;
mod messages;
