//! Stripe (docs.stripe.com), API version [`API_VERSION`].

pub mod amount;
mod answer;
mod client;
mod decline;
mod event;
mod object;
mod report;
mod request;
mod signature;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use saldo_billing::provider::ProviderAccount;

use crate::gateway::Gateway;
use crate::provider::{ConnectError, Connection, EventHead, Provider, ReadError, Rejection};
use crate::reading::Reading;

/// The version of the API that requests ask for and objects are read by. Webhook endpoints should be set to the same.
pub const API_VERSION: &str = "2026-10-28.endive";
/// Where the API is.
pub const API_BASE: &str = "https://api.stripe.com";
/// The metadata key that names the invoice on a payment, a page and a charge.
pub const INVOICE_KEY: &str = "saldo_invoice";
/// The metadata key that names our attempt on the invoice.
pub const ATTEMPT_KEY: &str = "saldo_attempt";
/// The metadata key that names the page on which a payment is made.
pub const PAGE_KEY: &str = "saldo_page";
/// The metadata key that names a refund we asked for.
pub const REFUND_KEY: &str = "saldo_refund";
/// The metadata key that names our customer on pages, methods and set-ups.
pub const CUSTOMER_KEY: &str = "saldo_customer";

/// Stripe.
#[derive(Debug, Clone, Copy)]
pub struct Stripe;

impl Stripe {
    const NAME: &'static str = "stripe";
}

impl Provider for Stripe {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn signed_headers(&self) -> &'static [&'static str] {
        &[signature::HEADER]
    }

    fn authenticate(
        &self,
        body: &[u8],
        headers: &HeaderMap,
        secrets: &[String],
        now: DateTime<Utc>,
    ) -> Result<EventHead, Rejection> {
        if body.len() > crate::provider::BODY_BYTES_MAX {
            return Err(Rejection::TooLarge { bytes: body.len() });
        }
        signature::verify(body, headers, secrets, now)?;
        event::head(body)
    }

    fn read(&self, account: &ProviderAccount, body: &[u8]) -> Result<Reading, ReadError> {
        event::read(account, body)
    }

    fn connect(&self, connection: Connection) -> Result<Arc<dyn Gateway>, ConnectError> {
        Ok(Arc::new(client::StripeGateway::try_new(connection)?))
    }
}
