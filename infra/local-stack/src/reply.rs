//! An answer over HTTP.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// An answer over HTTP, of any status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, to the byte.
    pub bytes: Vec<u8>,
    /// The body as text.
    pub text: String,
}

impl Reply {
    pub(crate) fn read(mut reply: ureq::http::Response<ureq::Body>) -> Result<Self> {
        let headers = reply.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let (headers, status) = (headers.collect(), reply.status().as_u16());
        let bytes = reply.body_mut().with_config().limit(64 * 1024 * 1024).read_to_vec()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self { status, headers, bytes, text })
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; nothing where it is empty.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn json(&self) -> Result<Value> {
        if self.text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&self.text).with_context(|| format!("expected JSON, found: {}", self.text))
    }

    /// The body of a successful answer.
    ///
    /// # Errors
    /// When the status is not 2xx.
    pub fn success(&self) -> Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("expected a success, found {}: {}", self.status, self.text);
        }
        self.json()
    }
}
