//! The local AWS: one emulator process on a free port of the loopback interface.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::tail;
use crate::process;
use crate::python::Venv;
use crate::workspace::Workspace;

/// The region that the emulator plays.
pub(crate) const REGION: &str = "us-east-1";

/// The name under which log and process id of the stack's emulator are kept.
pub(crate) const PROCESS: &str = "aws";

/// How long the emulator may take to start.
const START_LIMIT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(50);

/// Whether calls are checked against policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policies {
    /// Every call of a function is checked against the policies of its role.
    Enforced,
    /// Anyone may do anything.
    Ignored,
}

/// Where an emulator answers, and where the functions that it runs call it.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) endpoint: String,
    pub(crate) for_functions: String,
}

/// A running emulator.
#[derive(Debug)]
pub(crate) struct LocalAws {
    endpoint: String,
    agent: ureq::Agent,
}

impl LocalAws {
    /// Starts an emulator as the named process and waits until it answers.
    pub(crate) fn start(
        workspace: &Workspace,
        tools: &Venv,
        process: &str,
        addresses: Addresses,
        policies: Policies,
    ) -> Result<Self> {
        let Addresses { endpoint, for_functions } = addresses;
        let port = endpoint.rsplit(':').next().unwrap_or_default();
        let scratch = workspace.local("scratch").join(process);
        // Code of functions from an earlier run, unpacked by the emulator, would only pile up.
        if scratch.exists() {
            std::fs::remove_dir_all(&scratch)?;
        }
        std::fs::create_dir_all(&scratch)?;
        let mut command = Command::new(tools.program("ministack"));
        command.current_dir(&scratch);
        isolate(&mut command, &scratch);
        command.env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1").env("GATEWAY_PORT", port);
        // The functions inherit this: it leads their clients back here, if need be through a proxy.
        command.env("AWS_ENDPOINT_URL", &for_functions).env("MINISTACK_REGION", REGION).env("IOT_MTLS_ENABLED", "0");
        command.env("AUTH", if policies == Policies::Enforced { "true" } else { "false" });
        let child = process::start(workspace, process, &mut command)?;
        let aws = Self { endpoint, agent: agent() };
        wait_until_ready(child, &process::log_file(workspace, process), || aws.ready())?;
        Ok(aws)
    }

    /// Where the emulator answers.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn ready(&self) -> bool {
        self.agent.get(format!("{}/_ministack/ready", self.endpoint)).call().is_ok_and(|reply| reply.status() == 200)
    }

    /// The variables with which AWS tools talk to the emulator.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("SAM_CLI_TELEMETRY", "0"),
        ]
    }

    /// The text of a secret.
    pub(crate) fn secret(&self, arn: &str) -> Result<String> {
        let reply = self.secrets_manager("GetSecretValue", &serde_json::json!({ "SecretId": arn }))?;
        let text = reply.get("SecretString").and_then(Value::as_str);
        text.map(str::to_owned).with_context(|| format!("the secret {arn} has no text"))
    }

    /// Gives a secret its text.
    pub(crate) fn put_secret(&self, arn: &str, text: &str) -> Result<()> {
        let body = serde_json::json!({ "SecretId": arn, "SecretString": text, "ClientRequestToken": token()? });
        self.secrets_manager("PutSecretValue", &body).map(|_| ())
    }

    fn secrets_manager(&self, action: &str, body: &Value) -> Result<Value> {
        let target = format!("secretsmanager.{action}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let text = self.call("secretsmanager", "POST", "/", &headers, &body.to_string())?;
        serde_json::from_str(&text).with_context(|| format!("{action} was answered with something that is not JSON"))
    }

    /// Verifies the address that mails come from, as an operator does once on AWS.
    pub(crate) fn verify_sender(&self, address: &str) -> Result<()> {
        let fields = [("Action", "VerifyEmailIdentity"), ("Version", "2010-12-01"), ("EmailAddress", address)];
        self.submit("ses", &fields).map(drop)
    }

    /// Sends one action to a service that takes its parameters as a form and answers with XML.
    pub(crate) fn submit(&self, service: &str, fields: &[(&str, &str)]) -> Result<String> {
        let form: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", form_encode(value))).collect();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.call(service, "POST", "/", &headers, &form.join("&"))
    }

    /// Sends one request to a service and answers with the body of a successful reply.
    pub(crate) fn call(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<String> {
        // The emulator reads service and account off the signature of its root user, which it does not check.
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let url = format!("{}{path}", self.endpoint);
        let mut request = ureq::http::Request::builder().method(method).uri(url).header("authorization", signature);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let asked = || format!("{method} {path} of the local {service}");
        let mut reply = self.agent.run(request.body(body.to_owned())?).with_context(asked)?;
        let text = reply.body_mut().read_to_string()?;
        if !reply.status().is_success() {
            bail!("{} was answered with {}: {text}", asked(), reply.status());
        }
        Ok(text)
    }
}

/// An HTTP client for local services; an answer of any status is an answer.
pub(crate) fn agent() -> ureq::Agent {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(30)));
    config.build().into()
}

/// Waits until a service that was just started says that it is ready; when it ends or stays silent, the end of its log
/// is the error.
pub(crate) fn wait_until_ready(mut child: Child, log: &Path, ready: impl Fn() -> bool) -> Result<()> {
    let mut waited = Duration::ZERO;
    while !ready() {
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status} before it was ready:\n{}", tail(log).join("\n"));
        }
        if waited >= START_LIMIT {
            bail!("it was not ready within {} s; see {}", START_LIMIT.as_secs(), log.display());
        }
        std::thread::sleep(POLL);
        waited = waited.saturating_add(POLL);
    }
    Ok(())
}

/// An address of the loopback interface that nobody listens on at this moment.
pub(crate) fn free_endpoint() -> Result<String> {
    Ok(format!("http://127.0.0.1:{}", free_port()?))
}

/// A port of the loopback interface that nobody listens on at this moment.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Takes everything of the developer's environment away from a program, real AWS credentials above all, except what it
/// needs to run.
#[expect(clippy::disallowed_methods, reason = "it hands on what it does not read")]
pub(crate) fn isolate(command: &mut Command, scratch: &Path) {
    command.env_clear();
    for name in ["PATH", "HOME", "LANG", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("TMPDIR", scratch);
}

/// 32 random hexadecimal digits.
#[expect(clippy::disallowed_methods, reason = "a token of the local stack, which nobody shall guess")]
pub(crate) fn token() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    Ok(hex::encode(bytes))
}

/// Encodes the value of a form field: every byte that is not a letter or a digit as `%XX`.
fn form_encode(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_value_keeps_its_bytes() {
        assert_eq!(form_encode("ses:*é"), "ses%3A%2A%C3%A9");
    }
}
