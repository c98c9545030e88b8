//! The way to the provider: the real adapter, the twin behind it, and what can happen between the two.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use crm_api::app::{Gateways, GatewaysError};
use http::{Request, Response};
use provider_twin::{Fault as TwinFault, FaultKind, Twin};
use saldo_billing::provider::ProviderAccount;
use saldo_gateways::Gateway;
use saldo_gateways::http::{Transport, TransportError};
use tokio::task::yield_now;

use crate::sabotage::Sabotage;
use crate::weather::{Fault, Weather};

/// Carries requests to the twin.
pub(crate) struct StormyTransport {
    pub(crate) twin: Arc<Mutex<Twin>>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) sabotage: Option<Sabotage>,
}

impl fmt::Debug for StormyTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StormyTransport").finish_non_exhaustive()
    }
}

impl StormyTransport {
    /// What goes wrong at the provider itself with this call.
    fn fault(&self) -> Option<TwinFault> {
        let of = [
            (Fault::ProviderAnswerLost, FaultKind::LoseAnswer),
            (Fault::ProviderRequestLost, FaultKind::LoseAnswer),
            (Fault::ProviderError, FaultKind::Error),
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

#[async_trait]
impl Transport for StormyTransport {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        if self.weather.gives_way() {
            yield_now().await;
        }
        if self.weather.strikes(Fault::ProviderUnreachable) {
            return Err(TransportError::NotSent { host: "twin".to_owned(), source: "weather".into() });
        }
        if let Some(sabotage) = self.sabotage {
            sabotage.request(&mut request);
        }
        let fault = self.fault();
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
