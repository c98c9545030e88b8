//! Takes provider webhooks: authenticates, queues, acknowledges.
