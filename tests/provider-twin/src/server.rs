//! The twin over HTTP, on the loopback interface.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::delivery::Delivery;
use crate::twin::Twin;

/// Larger requests are cut off.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How often deliveries are looked for.
const POLL: Duration = Duration::from_millis(20);
/// How long an endpoint may take to answer a delivery.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

type WebhookClient = Client<HttpConnector, Full<Bytes>>;

/// A twin that follows the wall clock until an admin call sets another time; from then on its clock stands until it is set again or
/// let go.
#[derive(Debug, Clone)]
pub struct Server {
    twin: Arc<Mutex<Twin>>,
}

#[expect(clippy::disallowed_methods, reason = "a server has to look at a clock somewhere, and this is where")]
fn wall_clock() -> DateTime<Utc> {
    Utc::now()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct AnswerLost;

impl std::fmt::Display for AnswerLost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is lost, as asked for")
    }
}

impl std::error::Error for AnswerLost {}

impl Server {
    /// A server for this twin.
    #[must_use]
    pub fn new(twin: Twin) -> Self {
        Self { twin: Arc::new(Mutex::new(twin)) }
    }

    /// The twin, locked, with its clock up to date.
    pub fn twin(&self) -> MutexGuard<'_, Twin> {
        let mut twin = locked(&self.twin);
        if twin.follows_wall_clock {
            twin.set_now(wall_clock());
        }
        twin
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, AnswerLost> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.ok().ok_or(AnswerLost)?.to_bytes();
        let handled = self.twin().handle(&Request::from_parts(head, body));
        if let Some(delay) = handled.delay {
            tokio::time::sleep(delay).await;
        }
        if let Some(flight) = &handled.flight {
            self.twin().landed(flight);
        }
        handled.answer.map(|answer| answer.map(Full::new)).ok_or(AnswerLost)
    }

    async fn serve(self, stream: TcpStream) {
        let service = service_fn(|request| self.answer(request));
        let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        // A lost answer ends its connection with an error, and so does a client that leaves: neither is news here.
        drop(served);
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn run(self, listener: TcpListener) -> std::io::Result<Infallible> {
        tokio::spawn(self.clone().deliver());
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(self.clone().serve(stream));
        }
    }

    /// Sends what is due in the order asked for, as many at once as the endpoint takes.
    async fn deliver(self) {
        let client: WebhookClient = Client::builder(TokioExecutor::new()).build_http();
        loop {
            tokio::time::sleep(POLL).await;
            let due = self.twin().take_due_deliveries();
            let mut under_way = JoinSet::new();
            for delivery in due {
                while under_way.len() >= usize::try_from(delivery.at_once).unwrap_or(1).max(1) {
                    under_way.join_next().await;
                }
                under_way.spawn(self.clone().hand_over(client.clone(), delivery));
            }
            under_way.join_all().await;
        }
    }

    async fn hand_over(self, client: WebhookClient, delivery: Delivery) {
        let arrived = send(&client, &delivery).await;
        let mut twin = self.twin();
        if arrived {
            twin.arrived();
        } else {
            twin.bounced(delivery);
        }
    }
}

/// Whether the endpoint answered with 2xx. Signed by the wall clock, whatever the twin's clock says, because that is the one that
/// the receiver compares with.
async fn send(client: &WebhookClient, delivery: &Delivery) -> bool {
    let request = Request::post(&delivery.url)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header("stripe-signature", delivery.signature(wall_clock()))
        .body(Full::new(Bytes::from(delivery.body.clone())));
    let Ok(request) = request else { return false };
    let answer = tokio::time::timeout(DELIVERY_TIMEOUT, client.request(request)).await;
    matches!(answer, Ok(Ok(answer)) if answer.status().is_success())
}

/// Binds a port of the loopback interface; 0 for any free one.
///
/// # Errors
/// When the port is taken.
pub async fn bind(port: u16) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
