//! Stands in for what a function talks to when it starts: Lambda's Runtime API, and the AWS services over TLS, since the
//! handshakes are most of what a start costs.
//!
//! Both listen on free ports of the loopback interface until the command ends. The Runtime API never hands out an event:
//! a function that asks for the first one has started, and waits. Its contract is
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::http::{Reply, Request, converse};
use super::now;

/// The path at which a function asks for its next event.
const NEXT: &str = "/2018-06-01/runtime/invocation/next";

/// The path at which a function says that it cannot start.
const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";

/// The secret of every ARN: it has what each of the functions looks for in its own.
const SECRET: &str = r#"{"stripe/main": {"webhook_secrets": ["whsec_bench"], "api_key": "sk_test_bench"}}"#;

/// What a function told the Runtime API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// It has started and asks for an event.
    Started,
    /// It cannot start, and this is why.
    CannotStart(String),
}

/// The host of the AWS services: a name, because a start resolves names.
const HOST: &str = "localhost";

/// The two stand-ins, which tell what they are told.
#[derive(Debug)]
pub(crate) struct StandIn {
    runtime_api: SocketAddr,
    aws: SocketAddr,
    certificate: String,
    told: Receiver<(Instant, Told)>,
}

impl StandIn {
    /// Starts both.
    pub(crate) fn start() -> Result<Self> {
        let (sender, told) = channel();
        let runtime_api = listen(move |stream| {
            let sender = sender.clone();
            // A process that is ended amid a request is no concern of the next one.
            converse(stream, |request| runtime_api(request, &sender)).ok();
        })?;
        let (tls, certificate) = tls()?;
        let aws = listen(move |stream| {
            if let Ok(session) = ServerConnection::new(Arc::clone(&tls)) {
                converse(StreamOwned::new(session, stream), |request| Some(aws(request))).ok();
            }
        })?;
        Ok(Self { runtime_api, aws, certificate, told })
    }

    /// Host and port of the Runtime API, as Lambda gives it to a function.
    pub(crate) fn runtime_api(&self) -> String {
        self.runtime_api.to_string()
    }

    /// Where the AWS services answer.
    pub(crate) fn endpoint(&self) -> String {
        format!("https://{HOST}:{}", self.aws.port())
    }

    /// What to trust at the endpoint, as a PEM text.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Forgets what an earlier function told.
    pub(crate) fn forget(&self) {
        while self.told.try_recv().is_ok() {}
    }

    /// What a function tells next, with the moment; none when it tells nothing for so long.
    pub(crate) fn wait(&self, limit: Duration) -> Result<Option<(Instant, Told)>> {
        match self.told.recv_timeout(limit) {
            Ok(told) => Ok(Some(told)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the stand-in of the Runtime API has ended"),
        }
    }
}

/// Serves each connection to a free port on a thread of its own.
fn listen(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on the loopback interface")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A reply that is held back for more to come would count as the function's own time.
            if stream.set_nodelay(true).is_ok() {
                let serve = serve.clone();
                std::thread::spawn(move || serve(stream));
            }
        }
    });
    Ok(address)
}

/// TLS with a certificate made for this run, and that certificate as a PEM text.
fn tls() -> Result<(Arc<ServerConfig>, String)> {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).context("cannot make a certificate")?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok((Arc::new(config), made.cert.pem()))
}

/// Tells what a function told; who asks for an event gets no reply.
fn runtime_api(request: &Request, sender: &Sender<(Instant, Told)>) -> Option<Reply> {
    let moment = now();
    let (told, reply) = match (request.method.as_str(), request.path.as_str()) {
        ("GET", NEXT) => (Told::Started, None),
        ("POST", INIT_ERROR) => {
            let reason = String::from_utf8_lossy(&request.body).into_owned();
            (Told::CannotStart(reason), Some(json("202 Accepted", r#"{"status":"OK"}"#.to_owned())))
        }
        _ => return Some(json("404 Not Found", "{}".to_owned())),
    };
    // Nobody listens any more when the command is about to end.
    sender.send((moment, told)).ok();
    reply
}

/// Answers the reads of a start. The rest are calls that only open a connection, and AWS refuses those too.
fn aws(request: &Request) -> Reply {
    match request.target.as_deref() {
        Some("secretsmanager.GetSecretValue") => {
            json("200 OK", serde_json::json!({ "Name": "bench", "SecretString": SECRET }).to_string())
        }
        Some("DynamoDB_20120810.GetItem") => json("200 OK", "{}".to_owned()),
        _ => json("400 Bad Request", r#"{"__type":"ValidationException","message":"not part of a start"}"#.to_owned()),
    }
}

fn json(status: &'static str, body: String) -> Reply {
    Reply { status, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, target: Option<&str>) -> Request {
        let (method, path) = (method.to_owned(), path.to_owned());
        Request { method, path, target: target.map(str::to_owned), body: b"no table".to_vec() }
    }

    #[test]
    fn who_asks_for_an_event_has_started_and_is_left_waiting() {
        let (sender, told) = channel();
        assert_eq!(runtime_api(&request("GET", NEXT, None), &sender), None);
        assert_eq!(told.try_recv().unwrap().1, Told::Started);
    }

    #[test]
    fn who_cannot_start_says_why() {
        let (sender, told) = channel();
        let reply = runtime_api(&request("POST", INIT_ERROR, None), &sender).unwrap();
        assert_eq!(reply.status, "202 Accepted");
        assert_eq!(told.try_recv().unwrap().1, Told::CannotStart("no table".to_owned()));
    }

    #[test]
    fn another_path_tells_nothing() {
        let (sender, told) = channel();
        assert_eq!(runtime_api(&request("POST", NEXT, None), &sender).unwrap().status, "404 Not Found");
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn a_secret_is_text_inside_the_answer() {
        let reply = aws(&request("POST", "/", Some("secretsmanager.GetSecretValue")));
        let answer: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        let accounts: serde_json::Value = serde_json::from_str(answer["SecretString"].as_str().unwrap()).unwrap();
        assert_eq!(accounts["stripe/main"]["webhook_secrets"][0], "whsec_bench");
        assert_eq!(aws(&request("POST", "/", Some("AmazonSQS.SendMessageBatch"))).status, "400 Bad Request");
    }
}
