//! HTTPS to providers: bounded in time and size, and quiet.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::timeout::Timeout;
use tower::util::BoxCloneSyncService;

use crate::gateway::Cause;

/// What carries a request to a provider and its answer back. Not a port of the domain: the seam at which a provider's double is
/// driven in process and requests are recorded.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends one request, once.
    ///
    /// # Errors
    /// [`TransportError`].
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Not a byte of the request left.
    #[error("no connection to {host}")]
    NotSent {
        /// To where.
        host: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The request may have arrived.
    #[error("no answer from {host}")]
    Lost {
        /// From where.
        host: String,
        /// Why.
        #[source]
        source: Cause,
    },
}

/// What is given up after how much.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// For a connection to stand: name looked up, TLS agreed. What has not come that far was not sent.
    pub connect: Duration,
    /// For the whole call.
    pub total: Duration,
    /// Of an answer.
    pub answer_bytes: usize,
}

impl Default for Bounds {
    /// Five seconds to connect, 25 in all (providers answer a charge within seconds, or in up to 20), 8 MiB.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(25), answer_bytes: 8 * 1024 * 1024 }
    }
}

/// Opens a connection within its time.
type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, Cause>;

/// The real transport: HTTP/1.1 over TLS 1.3, roots of Mozilla, no redirects, no proxies.
#[derive(Clone)]
pub struct HttpsClient {
    client: Client<Connector, Full<Bytes>>,
    bounds: Bounds,
}

impl fmt::Debug for HttpsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsClient").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl HttpsClient {
    /// A client with these bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        #[expect(clippy::expect_used, reason = "fails only where ring has no suite for TLS 1.3, and a test builds one")]
        let secured = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .expect("ring speaks TLS 1.3");
        let secured = secured.https_or_http().enable_http1().wrap_connector(tcp);
        let connector = Connector::new(Timeout::new(secured, bounds.connect));
        let client = Client::builder(TokioExecutor::new())
            // A function that was frozen finds its idle connections dead; a fresh one is cheaper than an unknown outcome.
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { client, bounds }
    }
}

/// Whether a request to this address cannot be overheard: TLS, or the machine itself.
#[must_use]
pub fn is_private(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        _ => false,
    }
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("plain http is only for the loopback interface")]
    Plain,
    #[error("not within {0:?}")]
    TimedOut(Duration),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

#[async_trait]
impl Transport for HttpsClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        if !is_private(request.uri()) {
            return Err(TransportError::NotSent { host, source: Fault::Plain.into() });
        }
        let lost = |source: Cause| TransportError::Lost { host: host.clone(), source };
        let call = async {
            let answer = self.client.request(request.map(Full::new)).await.map_err(|source| {
                // A connection that never stood carried nothing. Every other failure may have come after the last byte.
                if source.is_connect() {
                    TransportError::NotSent { host: host.clone(), source: source.into() }
                } else {
                    lost(source.into())
                }
            })?;
            let (head, body) = answer.into_parts();
            let limit = self.bounds.answer_bytes;
            let body = Limited::new(body, limit).collect().await.map_err(|source| {
                let too_large = source.downcast_ref::<LengthLimitError>().is_some();
                lost(if too_large { Fault::TooLarge(limit).into() } else { source })
            })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        match tokio::time::timeout(self.bounds.total, call).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(lost(Fault::TimedOut(self.bounds.total).into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_the_machine() {
        for (uri, private) in [
            ("https://api.stripe.com/v1", true),
            ("http://127.0.0.1:12111", true),
            ("http://[::1]:12111", true),
            ("http://localhost:1", true),
            ("http://api.stripe.com", false),
            ("http://127.0.0.1.example.com", false),
            ("ftp://127.0.0.1", false),
            ("/v1/charges", false),
        ] {
            assert_eq!(is_private(&uri.parse().unwrap()), private, "{uri}");
        }
    }
}
