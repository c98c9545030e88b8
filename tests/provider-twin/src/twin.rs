//! The twin itself: a request in, an answer and deliveries out. No clock, no network, no randomness of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

use crate::account::Account;
use crate::admin;
use crate::books::Books;
use crate::delivery::{Delivery, Endpoint, Outbox};
use crate::error::ApiError;
use crate::fault::{Fault, FaultKind, Faults};
use crate::form::Params;
use crate::idempotency::{Kept, Known};
use crate::{page, render, route};

/// A provider with accounts, a clock, and faults on demand.
#[derive(Debug, Clone)]
pub struct Twin {
    seed: u64,
    now: DateTime<Utc>,
    accounts: BTreeMap<String, Account>,
    pub(crate) faults: Faults,
    pub(crate) outbox: Outbox,
    calls: u64,
    base: String,
    /// Whether a server passes the wall clock on to it.
    pub(crate) follows_wall_clock: bool,
}

/// How far a call comes that fails at the provider itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    BeforeAll,
    /// A payment is made, and not confirmed.
    HalfWay,
    AfterAll,
}

/// What becomes of a request.
#[derive(Debug)]
pub struct Handled {
    /// The answer; `None` when the connection breaks instead.
    pub answer: Option<Response<Bytes>>,
    /// How long the answer is held back.
    pub delay: Option<Duration>,
    /// To be given to [`Twin::landed`] when a delayed answer leaves: until then its key is in use.
    pub flight: Option<Flight>,
}

/// A call whose answer has not left yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flight {
    api_key: String,
    idempotency_key: String,
}

impl From<Response<Bytes>> for Handled {
    fn from(answer: Response<Bytes>) -> Self {
        Self { answer: Some(answer), delay: None, flight: None }
    }
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// An answer in JSON.
pub(crate) fn json_answer(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

impl Twin {
    /// A twin without accounts. The seed is in its ids: two twins with different seeds never give the same id.
    #[must_use]
    pub fn new(seed: u64, now: DateTime<Utc>) -> Self {
        Self {
            seed,
            now,
            accounts: BTreeMap::new(),
            faults: Faults::default(),
            outbox: Outbox::default(),
            calls: 0,
            base: "https://checkout.stripe.com/c".to_owned(),
            follows_wall_clock: true,
        }
    }

    /// Sets where hosted pages are, without a slash at its end.
    pub fn set_base(&mut self, base: &str) {
        base.clone_into(&mut self.base);
        for account in self.accounts.values_mut() {
            base.clone_into(&mut account.base);
        }
    }

    /// Opens the account of a key, unless it is open.
    pub fn open_account(&mut self, api_key: &str) {
        let (seed, now) = (self.seed.wrapping_add(u64::try_from(self.accounts.len()).unwrap_or(0)), self.now);
        let base = self.base.clone();
        self.accounts.entry(api_key.to_owned()).or_insert_with(|| {
            let mut account = Account::new(seed, now);
            account.base = base;
            account
        });
    }

    /// Sets where an account's events go from now on. Returns whether there is such an account.
    pub fn set_endpoint(&mut self, api_key: &str, endpoint: Option<Endpoint>) -> bool {
        self.accounts.get_mut(api_key).map(|account| account.endpoint = endpoint).is_some()
    }

    /// The twin's clock.
    #[must_use]
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Sets the clock, and does what its time has come for: pages run out, direct debits are decided.
    pub fn set_now(&mut self, now: DateTime<Utc>) {
        self.now = now;
        for account in self.accounts.values_mut() {
            account.now = now;
            account.request = None;
            account.expire_due();
            account.settle_due();
        }
        self.dispatch();
    }

    /// Lets the next fitting calls go wrong.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Lets nothing more go wrong.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// How many calls met a fault.
    #[must_use]
    pub const fn faults_met(&self) -> u64 {
        self.faults.met()
    }

    /// The books of an account.
    #[must_use]
    pub fn books(&self, api_key: &str) -> Option<&Books> {
        self.accounts.get(api_key).map(|account| &account.books)
    }

    /// The keys of all accounts.
    pub fn api_keys(&self) -> impl Iterator<Item = &str> {
        self.accounts.keys().map(String::as_str)
    }

    /// Takes out the deliveries that are due. Each has to be answered by [`Twin::arrived`] or [`Twin::bounced`].
    pub fn take_due_deliveries(&mut self) -> Vec<Delivery> {
        self.outbox.take_due(self.now)
    }

    /// When the next delivery is due.
    #[must_use]
    pub fn next_delivery_at(&self) -> Option<DateTime<Utc>> {
        self.outbox.next_due_at()
    }

    /// A delivery was answered with 2xx.
    pub fn arrived(&mut self) {
        self.outbox.arrived();
    }

    /// A delivery was not answered, or not with 2xx: it is tried again later.
    pub fn bounced(&mut self, delivery: Delivery) {
        self.outbox.failed(delivery, self.now);
    }

    /// Sends an event once more, to wherever events go. Returns whether there is such an event and such a place.
    pub fn deliver(&mut self, api_key: &str, event: &str, times: u32) -> bool {
        let Some(account) = self.accounts.get(api_key) else { return false };
        let (Some(endpoint), Some(body)) = (&account.endpoint, account.event(event)) else { return false };
        self.outbox.put((api_key, endpoint), (event, body), self.now, times);
        true
    }

    /// A delayed answer has left.
    pub fn landed(&mut self, flight: &Flight) {
        if let Some(account) = self.accounts.get_mut(&flight.api_key) {
            account.keys.landed(&flight.idempotency_key);
        }
    }

    /// Puts what was raised on its way.
    fn dispatch(&mut self) {
        for (api_key, account) in &mut self.accounts {
            let raised = account.take_raised();
            let Some(endpoint) = &account.endpoint else { continue };
            for (_, event, body) in raised.iter().filter(|(kind, ..)| endpoint.wants(kind)) {
                self.outbox.put((api_key, endpoint), (event, body), self.now, endpoint.copies);
            }
        }
    }

    /// Works on one account, whose events then go out.
    pub(crate) fn with_account<T>(&mut self, api_key: &str, work: impl FnOnce(&mut Account) -> T) -> Option<T> {
        let account = self.accounts.get_mut(api_key)?;
        account.now = self.now;
        let done = work(account);
        self.dispatch();
        Some(done)
    }

    /// Answers a request.
    pub fn handle(&mut self, request: &Request<Bytes>) -> Handled {
        let path = request.uri().path().to_owned();
        if path.starts_with("/_twin") {
            return admin::handle(self, request).into();
        }
        if let Some(session) = path.strip_prefix("/pay/") {
            return page::handle(self, request.method(), session).into();
        }
        let Some(api_key) = header(request, AUTHORIZATION.as_str())
            .and_then(|value| value.strip_prefix("Bearer "))
            .filter(|key| self.accounts.contains_key(*key))
            .map(ToOwned::to_owned)
        else {
            return self.error(&ApiError::unauthorised()).into();
        };
        match self.faults.meet(request.method().as_str(), &path) {
            None => self.answer(request, &api_key, false, None).into(),
            Some(fault) => self.faulty(request, &api_key, &fault),
        }
    }

    fn faulty(&mut self, request: &Request<Bytes>, api_key: &str, fault: &Fault) -> Handled {
        match fault.kind {
            FaultKind::RateLimit => self.error(&ApiError::rate_limited()).into(),
            FaultKind::Conflict => self.error(&ApiError::key_in_use()).into(),
            FaultKind::LoseAnswer => {
                if fault.commit {
                    drop(self.answer(request, api_key, false, None));
                }
                Handled { answer: None, delay: None, flight: None }
            }
            FaultKind::Html => {
                if fault.commit {
                    drop(self.answer(request, api_key, false, None));
                }
                let mut answer = json_answer(200, "<!doctype html><title>Welcome</title><p>It works.</p>");
                answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
                answer.into()
            }
            FaultKind::Error => {
                let failure = if fault.commit { Failure::AfterAll } else { Failure::BeforeAll };
                self.answer(request, api_key, false, Some(failure)).into()
            }
            FaultKind::Stall => self.answer(request, api_key, false, Some(Failure::HalfWay)).into(),
            FaultKind::Delay => {
                let answer = self.answer(request, api_key, true, None);
                let flight = header(request, "idempotency-key")
                    .map(|key| Flight { api_key: api_key.to_owned(), idempotency_key: key.to_owned() });
                let delay = Some(Duration::from_millis(fault.delay_ms.unwrap_or(1_000)));
                Handled { answer: Some(answer), delay, flight }
            }
        }
    }

    fn error(&mut self, error: &ApiError) -> Response<Bytes> {
        let answer = json_answer(error.status(), error.body().to_string());
        self.dressed(answer, None)
    }

    /// Adds the headers that every answer has.
    fn dressed(&mut self, mut answer: Response<Bytes>, key: Option<&str>) -> Response<Bytes> {
        let headers = answer.headers_mut();
        let mut set = |name: &'static str, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        };
        set(DATE.as_str(), self.now.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        set("request-id", format!("req_twin{:08}", self.calls));
        set("stripe-version", render::API_VERSION.to_owned());
        if let Some(key) = key {
            set("idempotency-key", key.to_owned());
        }
        answer
    }

    /// Executes a call, or repeats the answer of its key. `failing` turns the answer into a 500 that is kept.
    fn answer(
        &mut self,
        request: &Request<Bytes>,
        api_key: &str,
        in_flight: bool,
        failing: Option<Failure>,
    ) -> Response<Bytes> {
        self.calls = self.calls.saturating_add(1);
        let key =
            header(request, "idempotency-key").filter(|_| request.method() == Method::POST).map(ToOwned::to_owned);
        let encoded: &[u8] = if request.method() == Method::POST {
            request.body()
        } else {
            request.uri().query().unwrap_or_default().as_bytes()
        };
        let mut params = match Params::parse(encoded) {
            Ok(params) => params,
            Err(error) => return self.error(&error),
        };
        let path = request.uri().path();
        let fingerprint = format!("{} {path} {}", request.method(), params.fingerprint());
        if failing == Some(Failure::HalfWay) {
            params.remove("confirm");
        }
        let now = self.now;
        if let Some(key) = &key {
            let known = self.with_account(api_key, |account| account.keys.check(key, &fingerprint, now));
            match known {
                Some(Ok(Known::Answer(kept))) => {
                    let mut answer = self.dressed(json_answer(kept.status, kept.body), Some(key));
                    answer.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
                    return answer;
                }
                Some(Err(error)) => return self.error(&error),
                Some(Ok(Known::New)) | None => {}
            }
        }
        let call = (format!("req_twin{:08}", self.calls), key.clone());
        let done = self.with_account(api_key, |account| {
            account.request = Some(call);
            let result = if failing == Some(Failure::BeforeAll) {
                Err(ApiError::failed())
            } else {
                let done = route::execute(account, request.method(), path, &params);
                if failing.is_some() { done.and_then(|_| Err(ApiError::failed())) } else { done }
            };
            let (status, body, executed) = told(result);
            if let Some(key) = &key
                && executed
            {
                account.keys.keep(key, &fingerprint, now, Kept { status, body: body.clone() }, in_flight);
            }
            (status, body)
        });
        let (status, body) = done.unwrap_or((500, String::new()));
        self.dressed(json_answer(status, body), key.as_deref())
    }
}

/// The status and body of a result, and whether its execution began.
fn told(result: Result<Value, ApiError>) -> (u16, String, bool) {
    match result {
        Ok(value) => (200, value.to_string(), true),
        Err(error) => (error.status(), error.body().to_string(), error.is_executed()),
    }
}
