//! What travels on queues and on the event bus.
