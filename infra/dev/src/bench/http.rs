//! As much of HTTP/1.1 as a stand-in on the loopback interface needs.

use std::io::{self, Read, Write};

/// More than any request of a start; a longer one is refused.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// More headers than any client sends.
const HEADERS_MAX: usize = 64;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The method, in capitals.
    pub(crate) method: String,
    /// The path, with its query.
    pub(crate) path: String,
    /// The action of an AWS service, from the header `x-amz-target`.
    pub(crate) target: Option<String>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The status with its words, for example `200 OK`.
    pub(crate) status: &'static str,
    /// A JSON text.
    pub(crate) body: String,
}

/// Answers one request after the other until the client hangs up; where there is no reply, the client is left waiting.
pub(crate) fn converse(
    mut stream: impl Read + Write,
    mut answer: impl FnMut(&Request) -> Option<Reply>,
) -> io::Result<()> {
    let mut received = Vec::new();
    while let Some(request) = next_request(&mut stream, &mut received)? {
        let Some(Reply { status, body }) = answer(&request) else { continue };
        let length = body.len();
        let reply = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(reply.as_bytes())?;
        stream.flush()?;
    }
    Ok(())
}

/// Reads until a request is complete and takes it out of what was received; none when the client has hung up.
fn next_request(stream: &mut impl Read, received: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let mut chunk = [0_u8; 8192];
    loop {
        if let Some((request, length)) = parse(received)? {
            received.drain(..length);
            return Ok(Some(request));
        }
        if received.len() > REQUEST_BYTES_MAX {
            return Err(io::Error::other("the request is too long"));
        }
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(None);
        }
        received.extend_from_slice(chunk.get(..count).unwrap_or_default());
    }
}

/// The request at the beginning of what was received, with its length; none while a part is missing.
fn parse(received: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(begin) = head.parse(received).map_err(io::Error::other)? else { return Ok(None) };
    let header = |name: &str| {
        let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    };
    if header("transfer-encoding").is_some() {
        return Err(io::Error::other("expected a body of known length, found one in chunks"));
    }
    let length: usize = header("content-length").map_or(Ok(0), str::parse).map_err(io::Error::other)?;
    let end = begin.saturating_add(length);
    let Some(body) = received.get(begin..end) else { return Ok(None) };
    let request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        path: head.path.unwrap_or_default().to_owned(),
        target: header("x-amz-target").map(str::to_owned),
        body: body.to_vec(),
    };
    Ok(Some((request, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str =
        "POST / HTTP/1.1\r\nX-Amz-Target: secretsmanager.GetSecretValue\r\nContent-Length: 2\r\n\r\n{}";
    const NEXT: &str = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

    /// A connection whose client sends a few bytes at a time.
    struct Dripping {
        sent: Vec<u8>,
        step: usize,
        answered: Vec<u8>,
    }

    impl Read for Dripping {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.step.min(self.sent.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.sent[..count]);
            self.sent.drain(..count);
            Ok(count)
        }
    }

    impl Write for Dripping {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.answered.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn conversation(sent: &str, step: usize) -> (Vec<Request>, String) {
        let mut stream = Dripping { sent: sent.as_bytes().to_vec(), step, answered: Vec::new() };
        let mut requests = Vec::new();
        let ended = converse(&mut stream, |request| {
            requests.push(request.clone());
            (request.method == "POST").then(|| Reply { status: "200 OK", body: "{\"a\":1}".to_owned() })
        });
        ended.unwrap();
        (requests, String::from_utf8(stream.answered).unwrap())
    }

    #[test]
    fn requests_are_told_apart_however_they_arrive() {
        let sent = format!("{SECRET}{NEXT}");
        for step in [1, 7, sent.len()] {
            let (requests, answered) = conversation(&sent, step);
            let [secret, next] = requests.as_slice() else { panic!("expected two requests, found {requests:?}") };
            assert_eq!(secret.target.as_deref(), Some("secretsmanager.GetSecretValue"));
            assert_eq!(secret.body, b"{}");
            assert_eq!((next.method.as_str(), next.path.as_str()), ("GET", "/2018-06-01/runtime/invocation/next"));
            assert_eq!(answered.matches("HTTP/1.1").count(), 1, "the second one is left waiting: {answered}");
            assert!(answered.ends_with("content-length: 7\r\n\r\n{\"a\":1}"), "{answered}");
        }
    }

    #[test]
    fn half_a_request_is_none() {
        assert_eq!(conversation(&SECRET[..SECRET.len() - 1], 16).0, []);
    }

    #[test]
    fn a_body_in_chunks_is_refused() {
        let sent = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(parse(sent).is_err());
    }
}
