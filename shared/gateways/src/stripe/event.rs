//! Stripe's events (docs.stripe.com/api/events/types).

use chrono::{DateTime, Utc};
use saldo_billing::provider::{self, ProviderAccount};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::object::{
    Charge, Dispute, Expandable, ObjectError, PaymentIntent, PaymentMethod, Payout, Refund, Session, SetupIntent,
    currency, instant, money,
};
use super::report::{self, ours};
use super::{CUSTOMER_KEY, INVOICE_KEY, Stripe, decline};
use crate::provider::{BODY_BYTES_MAX, EventHead, ReadError, Rejection, is_shallow};
use crate::reading::{MethodReport, News, PageReport, PageState, PayoutReport, PayoutStatus, Reading, SetupReport};

/// Longer ids and kinds than Stripe's could not be keys.
const NAME_BYTES_MAX: usize = 128;

#[derive(Deserialize)]
struct Head {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
}

#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    #[serde(default)]
    livemode: bool,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
    #[serde(default)]
    previous_attributes: Option<Previous>,
}

/// What an object was before, as far as it matters: whose the method was.
#[derive(Deserialize)]
struct Previous {
    #[serde(default)]
    customer: Option<String>,
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// What every event has.
pub(super) fn head(body: &[u8]) -> Result<EventHead, Rejection> {
    if !is_shallow(body) {
        return Err(Rejection::TooDeep);
    }
    let malformed = |problem| Rejection::MalformedBody { problem };
    let Head { id, kind, created } =
        serde_json::from_slice(body).ok().ok_or(malformed("expected JSON with id, type and created"))?;
    if !is_name(&id) || !is_name(&kind) {
        return Err(malformed("expected id and type of at most 128 letters, digits, dots, dashes and underscores"));
    }
    let created_at = DateTime::from_timestamp(created, 0).ok_or(malformed("created is no time"))?;
    Ok(EventHead { id, kind, created_at })
}

/// What one event is read with.
struct Reader<'a> {
    account: &'a ProviderAccount,
    event: &'a Event<'a>,
    at: DateTime<Utc>,
}

/// Reads an event into what it states.
pub(super) fn read(account: &ProviderAccount, body: &[u8]) -> Result<Reading, ReadError> {
    if body.len() > BODY_BYTES_MAX || !is_shallow(body) {
        return Err(ReadError::Bounds { provider: Stripe::NAME });
    }
    let event: Event<'_> = serde_json::from_slice(body).map_err(malformed)?;
    let at = instant(&event.id, event.created).map_err(|source| content(&event.id, source))?;
    let news = Reader { account, event: &event, at }.news()?;
    Ok(Reading {
        created_at: at,
        live_mode: event.livemode,
        known: news.is_some(),
        news: news.unwrap_or_default(),
        id: event.id,
        kind: event.kind,
    })
}

fn malformed(error: serde_json::Error) -> ReadError {
    ReadError::Malformed { provider: Stripe::NAME, source: error.into() }
}

fn content(event: &str, source: ObjectError) -> ReadError {
    ReadError::Content { provider: Stripe::NAME, event: event.to_owned(), source: source.into() }
}

impl Reader<'_> {
    fn object<T: DeserializeOwned>(&self) -> Result<T, ReadError> {
        serde_json::from_str(self.event.data.object.get()).map_err(malformed)
    }

    fn understood<T>(&self, result: Result<T, ObjectError>) -> Result<T, ReadError> {
        result.map_err(|source| content(&self.event.id, source))
    }

    /// What the event states; `None` when this version does not know its kind.
    fn news(&self) -> Result<Option<Vec<News>>, ReadError> {
        let one = |news| Ok(Some(vec![news]));
        match self.event.kind.as_str() {
            "payment_intent.created"
            | "payment_intent.processing"
            | "payment_intent.requires_action"
            | "payment_intent.amount_capturable_updated"
            | "payment_intent.succeeded"
            | "payment_intent.payment_failed"
            | "payment_intent.canceled" => {
                let intent: PaymentIntent = self.object()?;
                one(News::Payment(self.understood(report::of_intent(self.account, &intent, self.at))?))
            }
            "charge.succeeded" | "charge.failed" | "charge.pending" | "charge.captured" | "charge.refunded"
            | "charge.updated" => {
                let charge: Charge = self.object()?;
                one(News::Payment(self.understood(report::of_charge(self.account, &charge, self.at))?))
            }
            "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
                let refund: Refund = self.object()?;
                one(News::Payment(self.understood(report::of_refund(self.account, &refund, self.at))?))
            }
            "charge.dispute.created"
            | "charge.dispute.updated"
            | "charge.dispute.funds_withdrawn"
            | "charge.dispute.funds_reinstated"
            | "charge.dispute.closed" => {
                let dispute: Dispute = self.object()?;
                one(News::Payment(self.understood(report::of_dispute(self.account, &dispute, self.at))?))
            }
            "checkout.session.completed" => {
                let session: Session = self.object()?;
                let paid = session.payment_status != "unpaid";
                one(self.page(&session, PageState::Completed { paid }))
            }
            "checkout.session.async_payment_succeeded" => {
                one(self.page(&self.object()?, PageState::Completed { paid: true }))
            }
            "checkout.session.async_payment_failed" => one(self.page(&self.object()?, PageState::Failed)),
            "checkout.session.expired" => one(self.page(&self.object()?, PageState::Expired)),
            "payment_method.attached" => Ok(Some(self.method(&self.object()?, true).into_iter().collect())),
            "payment_method.updated" | "payment_method.automatically_updated" => {
                Ok(Some(self.method(&self.object()?, false).into_iter().collect()))
            }
            "payment_method.detached" => one(self.detached(self.object()?)),
            "setup_intent.succeeded" => one(self.setup(&self.object()?, false)),
            "setup_intent.setup_failed" => one(self.setup(&self.object()?, true)),
            "payout.created"
            | "payout.updated"
            | "payout.paid"
            | "payout.failed"
            | "payout.canceled"
            | "payout.reconciliation_completed" => {
                let payout: Payout = self.object()?;
                one(self.understood(self.payout(payout))?)
            }
            _ => Ok(None),
        }
    }

    fn page(&self, session: &Session, state: PageState) -> News {
        let metadata = session.metadata.clone().unwrap_or_default();
        News::Page(PageReport {
            account: self.account.clone(),
            reference: session.id.clone(),
            invoice: ours(&metadata, INVOICE_KEY),
            payer: ours(&metadata, CUSTOMER_KEY),
            customer: session.customer.as_ref().map(|customer| customer.id().to_owned()),
            payment: session.payment_intent.as_ref().map(|intent| intent.id().to_owned()),
            state,
            at: self.at,
        })
    }

    /// A method without a customer cannot be charged again, and is no news.
    fn method(&self, method: &PaymentMethod, is_new: bool) -> Option<News> {
        let customer = method.customer.as_ref()?.id().to_owned();
        let used = report::method_used(method.details());
        Some(News::Method(MethodReport {
            method: provider::PaymentMethod {
                account: self.account.clone(),
                token: method.id.clone(),
                customer,
                kind: used.kind,
                network: used.network,
                last4: used.last4,
                expires: method.details().expires(),
            },
            customer: method.metadata.as_ref().and_then(|metadata| ours(metadata, CUSTOMER_KEY)),
            is_new,
            at: self.at,
        }))
    }

    fn detached(&self, method: PaymentMethod) -> News {
        let before = self.event.data.previous_attributes.as_ref().and_then(|previous| previous.customer.clone());
        News::MethodDetached { account: self.account.clone(), token: method.id, customer: before }
    }

    fn setup(&self, setup: &SetupIntent, failed: bool) -> News {
        let metadata = setup.metadata.clone().unwrap_or_default();
        let decline = match &setup.last_setup_error {
            Some(failure) if failed => Some(decline::of_failure(failure, None)),
            None if failed => Some(decline::of_code("unspecified")),
            Some(_) | None => None,
        };
        News::Setup(SetupReport {
            account: self.account.clone(),
            reference: setup.id.clone(),
            customer: setup.customer.as_ref().map(|customer| customer.id().to_owned()),
            payer: ours(&metadata, CUSTOMER_KEY),
            token: setup.payment_method.as_ref().map(Expandable::id).map(ToOwned::to_owned),
            decline,
            at: self.at,
        })
    }

    fn payout(&self, payout: Payout) -> Result<News, ObjectError> {
        let currency = currency(&payout.id, &payout.currency)?;
        let status = match payout.status.as_str() {
            "in_transit" => PayoutStatus::InTransit,
            "paid" => PayoutStatus::Paid,
            "failed" => PayoutStatus::Failed,
            "canceled" => PayoutStatus::Cancelled,
            _ => PayoutStatus::Pending,
        };
        Ok(News::Payout(PayoutReport {
            account: self.account.clone(),
            amount: money(&payout.id, payout.amount, currency)?,
            status,
            arrives_on: instant(&payout.id, payout.arrival_date)?.date_naive(),
            failure: payout.failure_code,
            at: self.at,
            reference: payout.id,
        }))
    }
}
