//! The Lambda side: configuration, logs, partial batches, AWS clients.
