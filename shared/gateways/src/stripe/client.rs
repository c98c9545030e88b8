//! The gateway of one Stripe account.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use saldo_billing::payment::{Decline, PaymentReport, RefundState};
use saldo_billing::provider::ProviderAccount;
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;

use super::amount::{self, AmountError};
use super::answer::{Acknowledged, Answer, AnswerError, Failed, lacks_method, last_id};
use super::object::{
    Expandable, Identified, IntentStatus, List, PaymentFailure, PaymentIntent, Refund, Session, SessionStatus, instant,
};
use super::report::{self, ours};
use super::request::{self, Form};
use super::{API_BASE, API_VERSION, ATTEMPT_KEY, INVOICE_KEY, REFUND_KEY, decline};
use crate::gateway::{
    Cause, ChargeKind, ChargeOutcome, ChargeRequest, Gateway, GatewayError, LookUpOutcome, LookUpRequest, Page,
    PageClosed, PageOpened, PageRequest, RefundLookUp, RefundOrder, RefundOutcome,
};
use crate::http::{Transport, TransportError, is_private};
use crate::provider::{ConnectError, Connection};

/// Of 100 objects each. A customer with more payments since the charge was begun is none.
const PAGES_MAX: usize = 50;

/// Stripe's code for less than it takes.
const TOO_SMALL: &str = "amount_too_small";

#[derive(Debug)]
pub(super) struct StripeGateway {
    account: ProviderAccount,
    authorization: HeaderValue,
    base: String,
    transport: Arc<dyn Transport>,
}

/// One call: what it is named in errors, where it goes, and under which key.
struct Call<'a> {
    name: &'static str,
    method: Method,
    path: &'a str,
    form: Form,
    key: Option<&'a str>,
}

impl StripeGateway {
    pub(super) fn try_new(connection: Connection) -> Result<Self, ConnectError> {
        let Connection { account, api_key, api_base, transport } = connection;
        let key = api_key.expose_secret();
        let mut authorization = Some(format!("Bearer {key}"))
            .filter(|_| !key.is_empty())
            .and_then(|value| HeaderValue::try_from(value).ok())
            .ok_or_else(|| ConnectError::ApiKey { account: account.clone() })?;
        authorization.set_sensitive(true);
        let base = api_base.unwrap_or_else(|| API_BASE.to_owned());
        if !base.parse::<Uri>().is_ok_and(|uri| is_private(&uri)) {
            return Err(ConnectError::ApiBase { account, api_base: base });
        }
        Ok(Self { account, authorization, base: base.trim_end_matches('/').to_owned(), transport })
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Bytes>, GatewayError> {
        let encoded = call.form.encoded();
        let reading = call.method == Method::GET;
        let query = if reading && !encoded.is_empty() { format!("?{encoded}") } else { String::new() };
        let mut builder = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}{query}", self.base, call.path))
            .header(AUTHORIZATION, self.authorization.clone())
            .header("stripe-version", API_VERSION)
            .header(USER_AGENT, concat!("Saldo/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json");
        if let Some(key) = call.key {
            builder = builder.header("idempotency-key", key);
        }
        if !reading {
            builder = builder.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let body = if reading { Bytes::new() } else { Bytes::from(encoded) };
        builder.body(body).map_err(|source| self.refused(call.name, source))
    }

    async fn send(&self, call: &Call<'_>) -> Result<Answer, GatewayError> {
        let request = self.request(call)?;
        match self.transport.send(request).await {
            Ok(response) => Ok(response.into()),
            Err(source @ TransportError::NotSent { .. }) => Err(self.not_sent(call.name, source)),
            Err(source @ TransportError::Lost { .. }) => Err(self.unknown(call.name, source)),
        }
    }

    /// All objects of a list, page by page.
    async fn list<T: DeserializeOwned + Identified>(
        &self,
        name: &'static str,
        path: &str,
        form: Form,
    ) -> Result<(Vec<T>, Option<DateTime<Utc>>), GatewayError> {
        let mut found = Vec::new();
        let mut next = form.clone();
        for _ in 0..PAGES_MAX {
            let answer = self.send(&Call { name, method: Method::GET, path, form: next, key: None }).await?;
            let List { data, has_more } = answer.understood().map_err(|failed| self.error(name, failed))?;
            found.extend(data);
            match last_id(&found) {
                Some(last) if has_more => next = form.clone().starting_after(last),
                Some(_) | None => return Ok((found, answer.told_at)),
            }
        }
        Err(self.unknown(name, AnswerError::Endless { pages: PAGES_MAX }))
    }

    fn not_sent(&self, call: &'static str, source: impl Into<Cause>) -> GatewayError {
        GatewayError::NotSent { call, account: self.account.clone(), source: source.into() }
    }

    fn unknown(&self, call: &'static str, source: impl Into<Cause>) -> GatewayError {
        GatewayError::Unknown { call, account: self.account.clone(), answered: false, source: source.into() }
    }

    fn refused(&self, call: &'static str, source: impl Into<Cause>) -> GatewayError {
        GatewayError::Refused { call, account: self.account.clone(), source: source.into() }
    }

    /// The error of a call whose failure is no outcome.
    fn error(&self, call: &'static str, failed: Failed) -> GatewayError {
        match failed {
            Failed::TurnedAway(told) => self.not_sent(call, told),
            Failed::Unknown(told) => {
                let (account, answered) = (self.account.clone(), told.is_final());
                GatewayError::Unknown { call, account, answered, source: told.into() }
            }
            Failed::Forbidden(told) => {
                GatewayError::Forbidden { call, account: self.account.clone(), source: told.into() }
            }
            Failed::KeyReused(told) | Failed::Declined(_, told) | Failed::Invalid(_, told) => self.refused(call, told),
        }
    }

    /// What a PaymentIntent says became of the charge.
    fn outcome(
        &self,
        call: &'static str,
        intent: &PaymentIntent,
        told_at: Option<DateTime<Utc>>,
    ) -> Result<ChargeOutcome, GatewayError> {
        let told_at = told_at
            .map_or_else(|| instant(&intent.id, intent.created), Ok)
            .map_err(|source| self.unknown(call, source))?;
        let report = report::of_intent(&self.account, intent, told_at).map_err(|source| self.unknown(call, source))?;
        let kind = match intent.status {
            IntentStatus::Succeeded => ChargeKind::Succeeded,
            IntentStatus::Processing | IntentStatus::RequiresCapture => ChargeKind::Processing,
            IntentStatus::RequiresAction => ChargeKind::RequiresAction,
            IntentStatus::RequiresConfirmation => ChargeKind::Undecided,
            IntentStatus::Canceled => {
                let code = intent.cancellation_reason.as_deref().unwrap_or(Decline::CANCELED);
                ChargeKind::Declined { decline: decline::of_code(code) }
            }
            IntentStatus::RequiresPaymentMethod => match &intent.last_payment_error {
                Some(failure) => {
                    let charge = intent.latest_charge.as_ref().and_then(Expandable::object);
                    ChargeKind::Declined { decline: decline::of_failure(failure, charge) }
                }
                None => ChargeKind::Undecided,
            },
        };
        Ok(ChargeOutcome { kind, report: Some(report) })
    }

    /// What a card error says; it carries the intent, and where it does not, a look-up has to tell.
    fn declined(
        &self,
        call: &'static str,
        failure: &PaymentFailure,
        told: AnswerError,
        told_at: Option<DateTime<Utc>>,
    ) -> Result<ChargeOutcome, GatewayError> {
        match &failure.payment_intent {
            Some(intent) => self.outcome(call, intent, told_at),
            None => Err(self.error(call, Failed::Unknown(told))),
        }
    }

    fn invalid_charge(
        &self,
        call: &'static str,
        failure: &PaymentFailure,
        told: AnswerError,
    ) -> Result<ChargeOutcome, GatewayError> {
        let kind = match failure.code.as_deref() {
            Some(TOO_SMALL) => ChargeKind::TooSmall { minimum: None },
            Some(code) if lacks_method(failure) => ChargeKind::Declined { decline: decline::of_code(code) },
            Some(_) | None => return Err(self.refused(call, told)),
        };
        Ok(ChargeOutcome { kind, report: None })
    }

    fn refund_outcome(
        &self,
        call: &'static str,
        refund: &Refund,
        told_at: Option<DateTime<Utc>>,
    ) -> Result<RefundOutcome, GatewayError> {
        let told_at = told_at
            .map_or_else(|| instant(&refund.id, refund.created), Ok)
            .map_err(|source| self.unknown(call, source))?;
        let report: PaymentReport =
            report::of_refund(&self.account, refund, told_at).map_err(|source| self.unknown(call, source))?;
        let state = RefundState::Accepted { reference: refund.id.clone(), status: report::refund_status(refund) };
        Ok(RefundOutcome { state, report: Some(report) })
    }

    /// A payment as it stands.
    async fn payment(&self, name: &'static str, reference: &str) -> Result<ChargeOutcome, GatewayError> {
        let path = format!("/v1/payment_intents/{reference}");
        let form = request::payment();
        let answer = self.send(&Call { name, method: Method::GET, path: &path, form, key: None }).await?;
        let intent: PaymentIntent = answer.understood().map_err(|failed| self.error(name, failed))?;
        self.outcome(name, &intent, answer.told_at)
    }

    async fn session(&self, name: &'static str, reference: &str) -> Result<Session, GatewayError> {
        let path = format!("/v1/checkout/sessions/{reference}");
        let call = Call { name, method: Method::GET, path: &path, form: Form::default(), key: None };
        self.send(&call).await?.understood().map_err(|failed| self.error(name, failed))
    }
}

/// Of several intents for one attempt, which must never be: the one that took money, or may yet.
const fn weight(status: IntentStatus) -> u8 {
    match status {
        IntentStatus::Succeeded => 4,
        IntentStatus::Processing | IntentStatus::RequiresCapture => 3,
        IntentStatus::RequiresAction => 2,
        IntentStatus::RequiresConfirmation | IntentStatus::RequiresPaymentMethod => 1,
        IntentStatus::Canceled => 0,
    }
}

fn is_name(reference: &str) -> bool {
    !reference.is_empty() && reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[async_trait]
impl Gateway for StripeGateway {
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, GatewayError> {
        let name = "a charge";
        let refused = |source: AmountError| self.refused(name, source);
        match amount::payable(request.amount) {
            Ok(()) => {}
            Err(AmountError::TooSmall { minimum }) => {
                return Ok(ChargeOutcome { kind: ChargeKind::TooSmall { minimum }, report: None });
            }
            Err(error) => return Err(refused(error)),
        }
        let form = request::charge(request).map_err(refused)?;
        let key = Some(request.idempotency_key.as_str());
        let answer = self.send(&Call { name, method: Method::POST, path: "/v1/payment_intents", form, key }).await?;
        match answer.understood::<PaymentIntent>() {
            Ok(intent) => self.outcome(name, &intent, answer.told_at),
            Err(Failed::Declined(failure, told)) => self.declined(name, &failure, told, answer.told_at),
            Err(Failed::Invalid(failure, told)) => self.invalid_charge(name, &failure, told),
            Err(failed) => Err(self.error(name, failed)),
        }
    }

    async fn look_up(&self, request: &LookUpRequest) -> Result<LookUpOutcome, GatewayError> {
        let name = "a look-up of a charge";
        let (intents, told_at) =
            self.list::<PaymentIntent>(name, "/v1/payment_intents", request::look_up(request)).await?;
        let ours: Vec<_> = intents
            .iter()
            .filter(|intent| {
                ours(&intent.metadata, INVOICE_KEY) == Some(request.invoice)
                    && ours(&intent.metadata, ATTEMPT_KEY) == Some(request.attempt)
            })
            .collect();
        if ours.len() > 1 {
            let (invoice, attempt) = (request.invoice, request.attempt);
            tracing::error!(invoice.id = %invoice, payment.attempt = attempt, payments = ours.len(), "one attempt has several payments");
        }
        match ours.into_iter().max_by_key(|intent| weight(intent.status)) {
            Some(intent) => self.outcome(name, intent, told_at).map(LookUpOutcome::Found),
            None => Ok(LookUpOutcome::NotFound),
        }
    }

    async fn call_off(&self, payment_reference: &str) -> Result<ChargeOutcome, GatewayError> {
        let name = "calling a payment off";
        if !is_name(payment_reference) {
            return Err(
                self.refused(name, AnswerError::NotAName { text: payment_reference.chars().take(64).collect() })
            );
        }
        let path = format!("/v1/payment_intents/{payment_reference}/cancel");
        // What is over cannot be called off, so the answer under a key must not be kept: no key, and the state is asked for.
        let answer =
            self.send(&Call { name, method: Method::POST, path: &path, form: request::call_off(), key: None }).await?;
        match answer.understood::<PaymentIntent>() {
            Ok(intent) => self.outcome(name, &intent, answer.told_at),
            Err(Failed::Invalid(..)) => self.payment(name, payment_reference).await,
            Err(failed) => Err(self.error(name, failed)),
        }
    }

    async fn refund(&self, order: &RefundOrder) -> Result<RefundOutcome, GatewayError> {
        let name = "a refund";
        let form = request::refund(order).map_err(|source| self.refused(name, source))?;
        let key = Some(order.idempotency_key.as_str());
        let answer = self.send(&Call { name, method: Method::POST, path: "/v1/refunds", form, key }).await?;
        match answer.understood::<Refund>() {
            Ok(refund) => self.refund_outcome(name, &refund, answer.told_at),
            // Already refunded, disputed, too much, too old: a refund does not fit its payment, and Stripe says so as for any
            // invalid request.
            Err(Failed::Invalid(failure, _) | Failed::Declined(failure, _)) => {
                let code = failure.decline_code.or(failure.code).unwrap_or_else(|| Decline::INVALID_REQUEST.to_owned());
                let decline = Decline { code, hard: true };
                Ok(RefundOutcome { state: RefundState::Refused { decline }, report: None })
            }
            Err(failed) => Err(self.error(name, failed)),
        }
    }

    async fn look_up_refund(&self, order: &RefundOrder) -> Result<RefundLookUp, GatewayError> {
        let name = "a look-up of a refund";
        let (refunds, told_at) = self.list::<Refund>(name, "/v1/refunds", request::refunds_of(order)).await?;
        let ours = refunds.iter().find(|refund| {
            refund.metadata.as_ref().and_then(|metadata| ours(metadata, REFUND_KEY)) == Some(order.refund)
        });
        match ours {
            Some(refund) => self.refund_outcome(name, refund, told_at).map(RefundLookUp::Found),
            None => Ok(RefundLookUp::NotFound),
        }
    }

    async fn open_page(&self, request: &PageRequest) -> Result<PageOpened, GatewayError> {
        let name = "opening a page";
        match amount::payable(request.amount) {
            Ok(()) => {}
            Err(AmountError::TooSmall { minimum }) => return Ok(PageOpened::TooSmall { minimum }),
            Err(AmountError::Unsupported { .. }) => return Ok(PageOpened::NotInCurrency),
            Err(error @ (AmountError::Uneven { .. } | AmountError::Money { .. })) => {
                return Err(self.refused(name, error));
            }
        }
        let form = request::page(request).map_err(|source| self.refused(name, source))?;
        let key = Some(request.idempotency_key.as_str());
        let answer = self.send(&Call { name, method: Method::POST, path: "/v1/checkout/sessions", form, key }).await?;
        let session: Session = match answer.understood() {
            Ok(session) => session,
            Err(Failed::Invalid(failure, _)) if failure.code.as_deref() == Some(TOO_SMALL) => {
                return Ok(PageOpened::TooSmall { minimum: None });
            }
            Err(failed) => return Err(self.error(name, failed)),
        };
        let expires_at = instant(&session.id, session.expires_at).map_err(|source| self.unknown(name, source))?;
        match session.url {
            Some(url) => Ok(PageOpened::Open(Page { reference: session.id, url, expires_at })),
            None => Err(self.refused(name, AnswerError::NotOpen { session: session.id })),
        }
    }

    async fn close_page(&self, reference: &str) -> Result<PageClosed, GatewayError> {
        let name = "closing a page";
        if !is_name(reference) {
            return Err(self.refused(name, AnswerError::NotAName { text: reference.chars().take(64).collect() }));
        }
        let path = format!("/v1/checkout/sessions/{reference}/expire");
        // Expiring what has expired is refused, so the answer under a key must not be kept: no key, and the state is asked for.
        let call = Call { name, method: Method::POST, path: &path, form: Form::default(), key: None };
        match self.send(&call).await?.understood::<Acknowledged>() {
            Ok(_) => Ok(PageClosed::Closed),
            Err(Failed::Invalid(_, told)) => {
                let session = self.session(name, reference).await?;
                match session.status {
                    Some(SessionStatus::Expired) => Ok(PageClosed::Closed),
                    Some(SessionStatus::Complete) => match &session.payment_intent {
                        Some(intent) => Ok(PageClosed::Used(Box::new(self.payment(name, intent.id()).await?))),
                        None => Err(self.unknown(name, told)),
                    },
                    Some(SessionStatus::Open) | None => Err(self.refused(name, told)),
                }
            }
            Err(failed) => Err(self.error(name, failed)),
        }
    }
}
