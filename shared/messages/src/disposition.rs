//! Whether trying again can help.

/// What to do with a message whose handling failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Something outside was not ready: the same message may succeed later.
    Retry,
    /// The message itself cannot be handled: it belongs in the dead-letter queue, with its reason in the log.
    Poison,
}

/// An error that knows whether trying again can help.
pub trait Disposed: std::error::Error {
    /// What to do with the message that met this error.
    fn disposition(&self) -> Disposition;
}
