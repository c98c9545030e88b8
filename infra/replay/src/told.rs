//! What the events of the inbox tell of payments.

use chrono::{DateTime, Utc};
use saldo_billing::payment::PaymentReport;
use saldo_billing::provider::ProviderAccount;
use saldo_gateways::News;
use saldo_runtime::logs;
use saldo_store::Key;
use saldo_store::inbox::{InboxEvent, InboxStatus};

/// An event, as far as the books' payments come from it.
#[derive(Debug, Clone)]
pub struct Told {
    /// To which account it was sent.
    pub account: ProviderAccount,
    /// The provider's id of the event.
    pub event_id: String,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// What became of it, as the inbox says.
    pub status: InboxStatus,
    /// What it tells of payments; a text says why it cannot be read.
    pub reports: Result<Vec<PaymentReport>, String>,
}

impl Told {
    /// Reads an event as payment-processing does.
    #[must_use]
    pub fn by(event: &InboxEvent) -> Self {
        let reports = match saldo_gateways::provider(event.account.provider()) {
            None => Err(format!("no provider of the account {} is known", event.account)),
            Some(provider) => match provider.read(&event.account, event.body.bytes()) {
                Ok(reading) => Ok(reading.news.into_iter().filter_map(payment).collect()),
                Err(error) => Err(logs::chain(&error)),
            },
        };
        Self {
            account: event.account.clone(),
            event_id: event.event_id.clone(),
            received_at: event.received_at,
            status: event.status,
            reports,
        }
    }

    /// Its key in the inbox.
    #[must_use]
    pub fn key(&self) -> Key {
        InboxEvent::key_of(&self.account, &self.event_id)
    }

    /// What it tells of payments, as far as it can be read.
    #[must_use]
    pub fn reports(&self) -> &[PaymentReport] {
        self.reports.as_deref().unwrap_or_default()
    }
}

fn payment(news: News) -> Option<PaymentReport> {
    match news {
        News::Payment(report) => Some(report),
        News::Method(_) | News::MethodDetached { .. } | News::Page(_) | News::Setup(_) | News::Payout(_) => None,
    }
}
