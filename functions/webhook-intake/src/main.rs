//! Takes provider webhooks: authenticates, queues, acknowledges.
fn main() {}
