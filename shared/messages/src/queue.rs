//! The port through which functions hand work on.

use std::sync::{Mutex, PoisonError};

use crate::disposition::{Disposed, Disposition};

/// Where a message can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// Webhooks as received, to payment-processing.
    ProviderEvents,
    /// Subscriptions to bill and invoices to render, to invoice-generation.
    InvoicesDue,
    /// Charges and refunds, to payment-collection.
    Collections,
    /// Mail, to reminder-emails.
    Reminders,
    /// Domain events, to whoever listens on the bus.
    DomainEvents,
}

/// Why messages were not, or not certainly, taken.
#[derive(Debug, thiserror::Error)]
#[error("{refused} of {sent} messages to {to:?} were not taken: {reason}")]
pub struct QueueError {
    /// Where they should go.
    pub to: Destination,
    /// How many were handed over.
    pub sent: usize,
    /// How many of them are not known to have been taken.
    pub refused: usize,
    /// The service's word.
    pub reason: String,
    /// What the transport reported, if anything.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Disposed for QueueError {
    fn disposition(&self) -> Disposition {
        Disposition::Retry
    }
}

/// Takes messages durably: `Ok` means that every one of them will be delivered at least once.
#[async_trait::async_trait]
pub trait Queue: Send + Sync {
    /// Hands messages over.
    ///
    /// # Errors
    /// When any of them may not have been taken; all may be handed over again.
    async fn send(&self, to: Destination, bodies: Vec<String>) -> Result<(), QueueError>;
}

/// A queue in memory, for tests and the simulator.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    taken: Mutex<Vec<(Destination, String)>>,
    refusals: Mutex<u32>,
}

impl MemoryQueue {
    /// Refuses the next `times` calls.
    pub fn refuse(&self, times: u32) {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner) = times;
    }

    /// Takes out what was handed over so far, in order.
    #[must_use]
    pub fn drain(&self) -> Vec<(Destination, String)> {
        std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait::async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, to: Destination, bodies: Vec<String>) -> Result<(), QueueError> {
        {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            if *refusals > 0 {
                *refusals = refusals.saturating_sub(1);
                let sent = bodies.len();
                return Err(QueueError { to, sent, refused: sent, reason: "refused as told".to_owned(), source: None });
            }
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.extend(bodies.into_iter().map(|body| (to, body)));
        Ok(())
    }
}
