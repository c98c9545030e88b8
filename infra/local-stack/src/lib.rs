//! A client of the deployed local stack, for the demo and the journeys.
//!
//! It does what the world outside does to Saldo: calls the API with a key, posts signed webhooks, lets the schedule tick at a
//! time of its choice, reads the mail. It looks into the queues only to see whether work is still under way.

mod reply;
mod twin;
mod webhook;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::reply::Reply;
pub use self::webhook::signature;

/// How long work may take to come to rest, and something expected to come true.
const PATIENCE: Duration = Duration::from_secs(180);

/// How soon it is looked again; the local AWS that is at work is asked less and less often, since asking takes its time.
const POLL: Duration = Duration::from_millis(20);
const POLL_MAX: Duration = Duration::from_millis(80);

/// The queues of work.
const QUEUES: [&str; 4] = ["ProviderEventsQueueUrl", "InvoicesDueQueueUrl", "CollectionsQueueUrl", "RemindersQueueUrl"];

/// The running local stack, as `target/local/stack.json` describes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stack {
    /// Where the local AWS answers.
    pub endpoint: String,
    /// Base of all routes of the HTTP API, without a slash at the end.
    pub api_url: String,
    /// The first key to the API.
    pub api_key: String,
    /// Where the provider's twin answers.
    pub provider_url: String,
    /// Through what the functions call both, unless the stack was deployed for the demo, which lets nothing fail.
    #[serde(default)]
    pub faults: Option<FaultProxies>,
    /// Every output of the stack by name.
    pub outputs: BTreeMap<String, String>,
    /// The provider accounts by name.
    pub accounts: BTreeMap<String, Account>,
}

/// The proxies between the functions and what they call, in which calls can be made to fail: rules at `/_microburst/rules`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FaultProxies {
    /// Where the one before the local AWS answers.
    pub aws: String,
    /// Where the one before the provider's twin answers.
    pub provider: String,
}

/// One configured provider account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// What the provider signs its webhooks with.
    pub webhook_secret: String,
    /// The key with which Saldo calls the provider.
    #[serde(default)]
    pub api_key: String,
}

/// A mail as the local AWS kept it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Mail {
    /// To whom, as the header says.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The body as plain text.
    pub body_text: String,
    /// The body as HTML.
    pub body_html: Option<String>,
}

/// A client of the stack.
#[derive(Debug, Clone)]
pub struct LocalStack {
    stack: Stack,
    agent: ureq::Agent,
}

impl LocalStack {
    /// Reads the description of the running stack.
    ///
    /// # Errors
    /// When no stack runs, or its description cannot be read.
    pub fn open(description: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(description).with_context(|| {
            format!("no local stack runs: there is no {}; start one with `cargo dev up`", description.display())
        })?;
        Ok(Self::of(serde_json::from_str(&text).context("stack.json does not describe a stack")?))
    }

    /// A client of this stack.
    #[must_use]
    pub fn of(stack: Stack) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .max_redirects(0)
            .build();
        Self { stack, agent: config.into() }
    }

    /// The stack.
    #[must_use]
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// An output of the stack.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn output(&self, name: &str) -> Result<&str> {
        self.stack.outputs.get(name).map(String::as_str).with_context(|| format!("the stack has no output {name}"))
    }

    /// One call of the API, with these headers besides the key; any status is an answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Result<Reply> {
        let key = format!("Bearer {}", self.stack.api_key);
        let mut all = vec![("authorization", key.as_str()), ("content-type", "application/json")];
        all.extend(headers);
        let url = format!("{}{path}", self.stack.api_url);
        self.send(method, &url, &all, &body.map(Value::to_string).unwrap_or_default())
    }

    /// One request to anywhere; any status is an answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Reply> {
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let asked = || format!("{method} {url}");
        let reply = if body.is_empty() && matches!(method, "GET" | "DELETE" | "HEAD") {
            self.agent.run(request.body(())?)
        } else {
            self.agent.run(request.body(body.to_owned())?)
        };
        Reply::read(reply.with_context(asked)?).with_context(asked)
    }

    /// Reads something from the API.
    ///
    /// # Errors
    /// When the answer is not a success.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.call("GET", path, &[], None)?.success()
    }

    /// Creates or changes something by the API.
    ///
    /// # Errors
    /// When the answer is not a success.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call("POST", path, &[], Some(body))?.success()
    }

    /// All entries of a list of the API, page by page.
    ///
    /// # Errors
    /// When an answer is not a success.
    pub fn list(&self, path: &str) -> Result<Vec<Value>> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = self.get(&format!("{path}{joint}limit=100{after}"))?;
            all.extend(page.get("data").and_then(Value::as_array).cloned().unwrap_or_default());
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// Posts an event as the provider would, signed with the account's secret at this moment.
    ///
    /// # Errors
    /// When there is no such account or nobody answers.
    pub fn deliver(&self, account: &str, event: &Value) -> Result<Reply> {
        let secret = &self.stack.accounts.get(account).with_context(|| format!("no account {account}"))?.webhook_secret;
        let body = event.to_string();
        let url = format!("{}/webhooks/{account}", self.stack.api_url);
        let signed = signature(secret, wall_clock(), &body);
        self.send("POST", &url, &[("stripe-signature", signed.as_str()), ("content-type", "application/json")], &body)
    }

    /// Lets the schedule tick as if it were `at`, and waits until everything that follows has come to rest.
    ///
    /// # Errors
    /// When the tick fails, or work does not come to rest.
    pub fn tick(&self, at: DateTime<Utc>) -> Result<()> {
        self.send_tick(at)?;
        self.settle()
    }

    /// Lets the schedule tick as if it were `at`.
    ///
    /// # Errors
    /// When the tick fails.
    pub fn send_tick(&self, at: DateTime<Utc>) -> Result<()> {
        let event = json!({
            "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "000000000000", "region": "us-east-1", "detail": {},
            "time": at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "resources": ["arn:aws:events:us-east-1:000000000000:rule/saldo-tick"],
        });
        self.invoke(self.output("BillingTickName")?, &event).map(drop)
    }

    /// Calls a function and waits for its answer.
    ///
    /// # Errors
    /// When the function fails.
    pub fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let reply = self.aws("lambda", "POST", &path, &[("content-type", "application/json")], &event.to_string())?;
        if reply.header("x-amz-function-error").is_some() {
            bail!("{function} failed: {}", reply.text);
        }
        reply.success()
    }

    /// Waits until no queue holds a message, visible or being worked on.
    ///
    /// # Errors
    /// When they do not run empty.
    pub fn settle(&self) -> Result<()> {
        // Looked at twice: what is on its way from one place to the other is seen by then.
        loop {
            self.eventually("work to come to rest", || Ok(!self.is_at_work()?))?;
            std::thread::sleep(POLL);
            if !self.is_at_work()? {
                return Ok(());
            }
        }
    }

    /// Whether a queue holds a message, visible or being worked on: all queues in one look.
    fn is_at_work(&self) -> Result<bool> {
        let kept = self.send("GET", &format!("{}/_ministack/sqs/messages", self.stack.endpoint), &[], "")?.success()?;
        let accounts: BTreeMap<String, BTreeMap<String, BTreeMap<String, Vec<Value>>>> =
            serde_json::from_value(kept.get("messages").cloned().unwrap_or_default())
                .context("the kept messages have another shape")?;
        let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
        let ours: Vec<String> = QUEUES.iter().map(|queue| Ok(name(self.output(queue)?))).collect::<Result<_>>()?;
        let queues = || accounts.values().flat_map(BTreeMap::values).flatten();
        if let Some(missing) = ours.iter().find(|ours| !queues().any(|(url, _)| name(url) == **ours)) {
            bail!("the local AWS tells nothing of the queue {missing}");
        }
        Ok(queues().any(|(url, messages)| ours.contains(&name(url)) && !messages.is_empty()))
    }

    /// How many messages a queue holds, visible or being worked on.
    ///
    /// # Errors
    /// When the local AWS does not tell.
    pub fn messages_in(&self, queue_url: &str) -> Result<u64> {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ];
        let body = json!({ "QueueUrl": queue_url, "AttributeNames": names });
        let reply = self.json_action("sqs", "AmazonSQS.GetQueueAttributes", &body)?;
        let count = |name: &&str| reply.get("Attributes")?.get(*name)?.as_str()?.parse::<u64>().ok();
        Ok(names.iter().filter_map(count).fold(0, u64::saturating_add))
    }

    /// An attribute of a queue.
    ///
    /// # Errors
    /// When the local AWS does not tell.
    pub fn queue_attribute(&self, queue_url: &str, name: &str) -> Result<String> {
        let body = json!({ "QueueUrl": queue_url, "AttributeNames": [name] });
        let reply = self.json_action("sqs", "AmazonSQS.GetQueueAttributes", &body)?;
        let found = reply.get("Attributes").and_then(|attributes| attributes.get(name)).and_then(Value::as_str);
        found.map(str::to_owned).with_context(|| format!("the queue has no {name}"))
    }

    /// Waits until something has come true.
    ///
    /// # Errors
    /// When it does not, or asking fails.
    pub fn eventually(&self, what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
        let (mut waited, mut pause) = (Duration::ZERO, POLL);
        while !holds()? {
            if waited >= PATIENCE {
                bail!("waited {} s in vain for {what}", PATIENCE.as_secs());
            }
            std::thread::sleep(pause);
            waited = waited.saturating_add(pause);
            pause = pause.saturating_mul(2).min(POLL_MAX);
        }
        Ok(())
    }

    /// The mails that were sent, oldest first.
    ///
    /// # Errors
    /// When the local AWS does not tell.
    pub fn mails(&self) -> Result<Vec<Mail>> {
        let kept = self.send("GET", &format!("{}/_ministack/ses/messages", self.stack.endpoint), &[], "")?.success()?;
        let by_account: BTreeMap<String, Vec<Mail>> =
            serde_json::from_value(kept.get("messages").cloned().unwrap_or_default())
                .context("the kept mails have another shape")?;
        Ok(by_account.into_values().flatten().collect())
    }

    /// One action of a service that speaks JSON.
    ///
    /// # Errors
    /// When the answer is not a success.
    pub fn json_action(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)];
        self.aws(service, "POST", "/", &headers, &body.to_string())?.success()
    }

    /// One request to a service of the local AWS, as its root user, whose signature it does not check.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn aws(&self, service: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Reply> {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let mut all = vec![("authorization", credential.as_str())];
        all.extend(headers);
        self.send(method, &format!("{}{path}", self.stack.endpoint), &all, body)
    }
}

/// The time by which signatures are checked.
#[expect(clippy::disallowed_methods, reason = "a provider signs with the time of its own clock")]
fn wall_clock() -> i64 {
    Utc::now().timestamp()
}
