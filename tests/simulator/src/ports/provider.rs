//! The way to the provider: the real adapter, the twin behind it, and what can happen between the two.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use crm_api::app::{Gateways, GatewaysError};
use http::{Method, Request, Response};
use provider_twin::{Fault as TwinFault, FaultKind, Twin};
use saldo_billing::provider::ProviderAccount;
use saldo_gateways::Gateway;
use saldo_gateways::http::{Transport, TransportError};
use tokio::task::yield_now;

use crate::moment;
use crate::run::later;
use crate::sabotage::Sabotage;
use crate::weather::{Fault, Weather};

/// The longest time in minutes after which a request still comes to the provider. After an hour that it has never heard of a
/// charge is believed.
const LATE_MINUTES: usize = 50;

/// The line to the provider.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Requests on their way that nobody waits for any more.
    late: Mutex<Vec<(DateTime<Utc>, Request<Bytes>)>>,
    away_until: Mutex<DateTime<Utc>>,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Vec<(DateTime<Utc>, Request<Bytes>)>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when the provider neither answers nor tells anything.
    pub(crate) fn away_until(&self) -> DateTime<Utc> {
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_away(&self, until: DateTime<Utc>) {
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Lets the twin take in what comes to it by now.
    pub(crate) fn arrive(&self, twin: &mut Twin, now: DateTime<Utc>) {
        for (_, request) in self.lock().extract_if(.., |(at, _)| *at <= now) {
            let handled = twin.handle(&request);
            if let Some(flight) = &handled.flight {
                twin.landed(flight);
            }
        }
    }

    /// When the next one arrives.
    pub(crate) fn next_at(&self) -> Option<DateTime<Utc>> {
        self.lock().iter().map(|(at, _)| *at).min()
    }
}

/// How many minutes the provider is away, at least, and at most besides.
const OUTAGE_MINUTES: (i64, usize) = (60, 180);

/// Carries requests to the twin.
pub(crate) struct StormyTransport {
    twin: Arc<Mutex<Twin>>,
    line: Arc<Line>,
    weather: Arc<Weather>,
    sabotage: Option<Sabotage>,
}

impl fmt::Debug for StormyTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StormyTransport").finish_non_exhaustive()
    }
}

impl StormyTransport {
    pub(crate) fn new(
        twin: &Arc<Mutex<Twin>>,
        line: &Arc<Line>,
        weather: &Arc<Weather>,
        sabotage: Option<Sabotage>,
    ) -> Self {
        Self { twin: Arc::clone(twin), line: Arc::clone(line), weather: Arc::clone(weather), sabotage }
    }

    /// Whether the provider is away; whether it just went.
    fn away(&self) -> (bool, bool) {
        let now = moment::now();
        if now < self.line.away_until() && !self.weather.is_calm() {
            return (true, false);
        }
        let goes = self.weather.strikes(Fault::ProviderOutage);
        if goes {
            let (least, more) = OUTAGE_MINUTES;
            let more = i64::try_from(self.weather.how(Fault::ProviderOutage, more)).unwrap_or(0);
            self.line.goes_away(later(now, TimeDelta::minutes(least.saturating_add(more))));
        }
        (false, goes)
    }

    /// What goes wrong at the provider itself with this call.
    fn fault(&self) -> Option<TwinFault> {
        let of = [
            (Fault::ProviderAnswerLost, FaultKind::LoseAnswer),
            (Fault::ProviderRequestLost, FaultKind::LoseAnswer),
            (Fault::ProviderError, FaultKind::Error),
            (Fault::ProviderStall, FaultKind::Stall),
            (Fault::ProviderConflict, FaultKind::Conflict),
            (Fault::ProviderRateLimit, FaultKind::RateLimit),
            (Fault::ProviderHtml, FaultKind::Html),
            (Fault::ProviderSlow, FaultKind::Delay),
        ];
        let (fault, kind) = of.into_iter().find(|(fault, _)| self.weather.strikes(*fault))?;
        let commit = match fault {
            Fault::ProviderAnswerLost => true,
            Fault::ProviderRequestLost => false,
            _ => self.weather.how(fault, 2) == 0,
        };
        Some(TwinFault { kind, method: None, path: None, times: 1, commit, delay_ms: None })
    }
}

/// The provider does what it is asked for, and nobody hears of it.
const fn lost_answer() -> TwinFault {
    TwinFault { kind: FaultKind::LoseAnswer, method: None, path: None, times: 1, commit: true, delay_ms: None }
}

#[async_trait]
impl Transport for StormyTransport {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        if self.weather.gives_way() {
            yield_now().await;
        }
        let (is_away, goes_away) = self.away();
        if is_away || self.weather.strikes(Fault::ProviderUnreachable) {
            return Err(TransportError::NotSent { host: "twin".to_owned(), source: "weather".into() });
        }
        if let Some(sabotage) = self.sabotage {
            sabotage.request(&mut request);
        }
        if request.method() == Method::POST && self.weather.strikes(Fault::ProviderLate) {
            let minutes = i64::try_from(self.weather.how(Fault::ProviderLate, LATE_MINUTES)).unwrap_or(0);
            self.line.lock().push((later(moment::now(), TimeDelta::minutes(minutes)), request));
            return Err(TransportError::Lost { host: "twin".to_owned(), source: "weather".into() });
        }
        let fault = if goes_away { Some(lost_answer()) } else { self.fault() };
        let handled = {
            let mut twin = self.twin.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(fault) = fault {
                twin.add_fault(fault);
            }
            twin.handle(&request)
        };
        if let Some(flight) = &handled.flight {
            for _ in 0..self.weather.how(Fault::ProviderSlow, 6) {
                yield_now().await;
            }
            self.twin.lock().unwrap_or_else(PoisonError::into_inner).landed(flight);
        }
        if self.weather.gives_way() {
            yield_now().await;
        }
        handled.answer.ok_or_else(|| TransportError::Lost { host: "twin".to_owned(), source: "weather".into() })
    }
}

/// The gateways of the configured accounts, for the API.
pub(crate) struct KnownGateways(pub(crate) BTreeMap<ProviderAccount, Arc<dyn Gateway>>);

#[async_trait]
impl Gateways for KnownGateways {
    async fn of(&self, account: &ProviderAccount, _: DateTime<Utc>) -> Result<Arc<dyn Gateway>, GatewaysError> {
        self.0.get(account).cloned().ok_or_else(|| GatewaysError::NoKey { account: account.clone() })
    }
}
