//! From an HTTP request to a queued event.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method};
use saldo_billing::provider::ProviderAccount;
use saldo_gateways::Provider;
use saldo_messages::{Destination, ProviderEvent, ProviderEventsMessage, Queue, V1};
use saldo_runtime::logs::{self, Metrics};
use saldo_runtime::secrets::{Secrets, WebhookSecrets};

use crate::refusal::{BODY_BYTES_MAX, Refusal};

/// What the function works with.
pub struct Intake {
    /// Where events go.
    pub queue: Arc<dyn Queue>,
    /// By what events are proven genuine.
    pub secrets: Secrets<WebhookSecrets>,
    /// Where refusals are counted.
    pub metrics: Metrics,
}

/// Takes one webhook, or says why not.
pub async fn handle(intake: &Intake, request: ApiGatewayV2httpRequest, now: DateTime<Utc>) -> ApiGatewayV2httpResponse {
    match take(intake, &request, now).await {
        Ok(event) => {
            let account = event.account.to_string();
            tracing::info!(provider.account = account, event.id = event.event_id, event.kind = event.kind, "queued");
            let mut answer = ApiGatewayV2httpResponse::default();
            answer.status_code = 200;
            answer
        }
        Err(refusal) => {
            refused(intake, &request, now, &refusal);
            refusal.answer()
        }
    }
}

/// Keeps a count of what was refused, and nothing of it.
fn refused(intake: &Intake, request: &ApiGatewayV2httpRequest, now: DateTime<Utc>, refusal: &Refusal) {
    let chain = logs::chain(refusal);
    let account = addressed(request).map(|(_, account)| account.to_string()).unwrap_or_default();
    let fields = [("provider.account", account.as_str()), ("error.chain", chain.as_str())];
    intake.metrics.count(now, refusal.metric(), 1, &fields);
    if refusal.status().is_server_error() {
        tracing::error!(provider.account = account, error.chain = chain, "a webhook could not be taken");
    }
}

async fn take(
    intake: &Intake,
    request: &ApiGatewayV2httpRequest,
    now: DateTime<Utc>,
) -> Result<ProviderEvent, Refusal> {
    let (provider, account) = addressed(request)?;
    if request.request_context.http.method != Method::POST {
        return Err(Refusal::Method);
    }
    let body = body(request)?;
    let secrets = intake.secrets.of(&account, now).await.map_err(Refusal::Secrets)?;
    let secrets = secrets.ok_or(Refusal::UnknownAccount)?.expose();
    let head = provider.authenticate(&body, &request.headers, &secrets, now).map_err(Refusal::Rejected)?;
    let event = ProviderEvent {
        account,
        event_id: head.id,
        kind: head.kind,
        received_at: now,
        headers: kept(provider, &request.headers),
        body: String::from_utf8(body).map_err(|_bytes| Refusal::NotText)?,
    };
    let message = saldo_messages::encode(&ProviderEventsMessage::Take { v: V1, event: event.clone() });
    let message = message.map_err(Refusal::Message)?;
    intake.queue.send(Destination::ProviderEvents, vec![message]).await.map_err(Refusal::Queue)?;
    Ok(event)
}

/// Whom the request is addressed to, by its path.
fn addressed(request: &ApiGatewayV2httpRequest) -> Result<(&'static dyn Provider, ProviderAccount), Refusal> {
    let path = request.raw_path.as_deref().unwrap_or_default();
    let mut parts = path.strip_prefix("/webhooks/").ok_or(Refusal::NoSuchPath)?.split('/');
    let (Some(provider), Some(account), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Refusal::NoSuchPath);
    };
    let account = ProviderAccount::try_new(provider, account).map_err(|_not_a_name| Refusal::UnknownAccount)?;
    let provider = saldo_gateways::provider(provider).ok_or(Refusal::UnknownAccount)?;
    Ok((provider, account))
}

/// The body as the provider sent it, to the byte.
fn body(request: &ApiGatewayV2httpRequest) -> Result<Vec<u8>, Refusal> {
    let text = request.body.as_deref().unwrap_or_default();
    let is_within = |bytes: usize| if bytes > BODY_BYTES_MAX { Err(Refusal::TooLarge { bytes }) } else { Ok(()) };
    if !request.is_base64_encoded {
        is_within(text.len())?;
        return Ok(text.as_bytes().to_vec());
    }
    is_within(base64::decoded_len_estimate(text.len()).saturating_sub(2))?;
    let body = STANDARD.decode(text).map_err(|_position| Refusal::Base64)?;
    is_within(body.len())?;
    Ok(body)
}

/// The headers that the provider signs with, which prove the event again later.
fn kept(provider: &dyn Provider, headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |name: &&str| Some(((*name).to_owned(), headers.get(*name)?.to_str().ok()?.to_owned()));
    provider.signed_headers().iter().filter_map(text).collect()
}
