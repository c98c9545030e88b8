//! The real HTTP client against real sockets: what surely had no effect, and what may have had one.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use provider_twin::server::{Server, bind};
use provider_twin::{Fault, FaultKind, Twin};
use saldo_gateways::http::{Bounds, HttpsClient, Transport, TransportError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// More time than a busy machine needs.
fn bounds() -> Bounds {
    Bounds { connect: Duration::from_secs(30), total: Duration::from_secs(60), answer_bytes: 4_096 }
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

async fn twin() -> (Server, String) {
    let mut twin = Twin::new(1, "2026-10-31T08:00:00Z".parse().unwrap());
    twin.open_account("sk_test_https");
    let server = Server::new(twin);
    let (listener, address) = bind(0).await.unwrap();
    tokio::spawn(server.clone().run(listener));
    (server, format!("http://{address}"))
}

/// A peer that reads a request and then says this and leaves.
async fn peer(answer: Vec<u8>, wait: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = [0; 1_024];
            drop(stream.read(&mut read).await);
            tokio::time::sleep(wait).await;
            drop(stream.write_all(&answer).await);
        }
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let (_server, base) = twin().await;
    let answer = HttpsClient::new(bounds()).send(get(&format!("{base}/_twin/health"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.body().starts_with(b"{"));
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_host_are_not_sent() {
    let client = HttpsClient::new(bounds());
    for url in ["http://127.0.0.1:1/", "https://nobody.invalid/"] {
        let error = client.send(get(url)).await.unwrap_err();
        assert!(matches!(error, TransportError::NotSent { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn plain_http_never_leaves_the_machine() {
    let error = HttpsClient::new(bounds()).send(get("http://example.com/")).await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("loopback"), "{error:?}");
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_is_not_sent_to() {
    let (_server, base) = twin().await;
    let url = base.replace("http://", "https://");
    let error = HttpsClient::new(bounds()).send(get(&url)).await.unwrap_err();
    assert!(matches!(error, TransportError::NotSent { .. }), "{error:?}");
}

#[tokio::test]
async fn a_peer_that_never_agrees_on_tls_is_not_sent_to() {
    let url = peer(Vec::new(), Duration::from_secs(120)).await.replace("http://", "https://");
    let impatient = Bounds { connect: Duration::from_millis(300), ..bounds() };
    let error = HttpsClient::new(impatient).send(get(&url)).await.unwrap_err();
    assert!(matches!(error, TransportError::NotSent { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_lost() {
    let (server, base) = twin().await;
    let fault = Fault { kind: FaultKind::LoseAnswer, method: None, path: None, times: 1, commit: true, delay_ms: None };
    server.twin().add_fault(fault);
    let request = Request::post(format!("{base}/v1/customers"))
        .header("authorization", "Bearer sk_test_https")
        .body(Bytes::from_static(b"name=Zoe"))
        .unwrap();
    let error = HttpsClient::new(bounds()).send(request).await.unwrap_err();
    assert!(matches!(error, TransportError::Lost { .. }), "{error:?}");
}

#[tokio::test]
async fn silence_and_half_an_answer_are_lost_in_time() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec();
    let impatient = Bounds { total: Duration::from_millis(800), ..bounds() };
    for (answer, wait) in [(Vec::new(), Duration::from_secs(120)), (half, Duration::ZERO)] {
        let url = peer(answer, wait).await;
        let error = HttpsClient::new(impatient).send(get(&url)).await.unwrap_err();
        assert!(matches!(error, TransportError::Lost { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let mut endless = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n".to_vec();
    endless.extend(std::iter::repeat_n(b'x', 5_000));
    let url = peer(endless, Duration::ZERO).await;
    let error = HttpsClient::new(bounds()).send(get(&url)).await.unwrap_err();
    assert!(matches!(error, TransportError::Lost { .. }), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let redirect = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec();
    let url = peer(redirect, Duration::ZERO).await;
    let answer = HttpsClient::new(bounds()).send(get(&url)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
}
