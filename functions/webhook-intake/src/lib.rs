//! Takes provider webhooks: authenticates, queues, acknowledges.
//!
//! | | |
//! |---|---|
//! | trigger | `POST /webhooks/{provider}/{account}` of the HTTP API |
//! | reads | the webhook secrets of the account, from memory; Secrets Manager when they are stale |
//! | writes | nothing |
//! | emits | one message with the whole event to the provider-events queue |
//! | answers | 200 only once SQS has the event; 4xx for what the sender must correct; 503 for what resending cures |
//! | redelivery | the provider's own: each delivery is queued again, payment-processing knows the event's id |
//! | dead letters | none: what is refused is the provider's to resend, and is counted as `WebhooksDeferred` where it may be genuine, `WebhooksUnproven` where its signature fits no secret of the account, otherwise `WebhooksRefused` |
//!
//! Nothing is stored before it is proven genuine, and nothing genuine is judged: an event of a kind that this version
//! does not know is queued and acknowledged like any other. SQS is the durable store until payment-processing has put
//! the event into the inbox, so there is nothing to tear between storing and queueing.

pub mod config;
pub mod handler;
pub mod refusal;
