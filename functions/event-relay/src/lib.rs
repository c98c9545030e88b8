//! Publishes domain events from the table's stream.
//!
//! | | |
//! |---|---|
//! | trigger | the stream of the billing table, with old and new images |
//! | reads | nothing else: an event is a function of the two images |
//! | writes | nothing |
//! | emits | domain events on the EventBridge bus: source `saldo`, detail type = kind, detail = [`saldo_messages::DomainEvent`] |
//! | redelivery | the same events again, under the same ids; whoever listens drops an id it knows |
//! | dead letters | changes that could not be told in 21 tries, and what happened to the same thing later in their batch: their place in the stream goes to the EventRelay dead-letter queue. Everything else of the batch is told |
//!
//! Changes of one entity come in the order in which they were committed. `data` is the thing after the change, in the words of
//! the API, without names, addresses or anything else that points at a person: who needs those asks the API.
//!
//! | kind | when |
//! |---|---|
//! | `customer.created`, `customer.updated` | |
//! | `customer.credit_changed` | a customer paid too much, or credit was used |
//! | `subscription.created`, `subscription.cancelled`, `subscription.paused`, `subscription.resumed` | cancelled: when it is asked for, `effective_on` may lie ahead |
//! | `invoice.created`, `invoice.deleted` | a draft came or went |
//! | `invoice.finalised` | it has its number; followed by `invoice.paid` when credit covers it |
//! | `invoice.partly_paid`, `invoice.paid` | what is due became less, or nothing |
//! | `invoice.carried_forward` | it is too small to be charged alone: what was due is owed with a later one, in whose `brought_forward` it stands |
//! | `invoice.taken_back` | the later one is void: what was due is owed on it again, unless it was paid meanwhile |
//! | `invoice.voided`, `invoice.uncollectible` | |
//! | `payment.requires_action`, `payment.processing`, `payment.authorised` | it waits for the customer, for the bank, for us |
//! | `payment.succeeded` | money was taken |
//! | `payment.failed` | an attempt was declined; `failure` says why |
//! | `payment.cancelled` | called off for good |
//! | `payment.refunded`, `payment.refund_failed`, `payment.refund_refused` | money went back; came back to us; was never sent |
//! | `payment.disputed`, `payment.dispute_closed` | a dispute was opened, ended |
//! | `payment.dispute_funds_withdrawn`, `payment.dispute_funds_reinstated` | the provider took the money, gave it back |
//! | `mail.sent` | an invoice, a reminder, a receipt or a notice went out |
//! | `provider_event.parked` | a webhook refers to something that is not known yet |
//!
//! A golden file in `golden/` holds an event of each kind; kinds and fields are only ever added.

pub mod config;
pub mod events;
pub mod handler;
