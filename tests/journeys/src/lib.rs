//! Journeys on the deployed local stack: what the tests in `tests/` share.
//!
//! They need a running stack (`cargo dev up --detach --no-demo`); `cargo dev test` starts one for them. They run one after the
//! other, because a tick concerns everybody's subscriptions.

mod faults;
mod queues;
mod webhooks;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use local_stack::{LocalStack, Mail};
use serde_json::{Value, json};

pub use self::faults::Faults;
pub use self::queues::QuickRedelivery;
pub use self::webhooks::Deliveries;

static TURN: Mutex<()> = Mutex::new(());

/// A test's turn on the stack, and what it does there.
#[derive(Debug)]
pub struct Journey {
    /// The stack.
    pub stack: LocalStack,
    /// When it began. It makes this run's addresses different from those of a run before on the same stack.
    pub began_at: DateTime<Utc>,
    _turn: MutexGuard<'static, ()>,
}

/// Waits for the turn on the running stack.
///
/// # Errors
/// When no stack runs.
pub fn journey() -> Result<Journey> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let stack = LocalStack::open(&root().join("target/local/stack.json"))?;
    #[expect(clippy::disallowed_methods, reason = "every journey begins now")]
    let now = Utc::now();
    let journey = Journey { stack, began_at: now, _turn: turn };
    for proxy in journey.stack.stack().faults.iter().flat_map(|faults| [&faults.aws, &faults.provider]) {
        faults::set_rules(&journey.stack, proxy, &json!([]))
            .context("a proxy keeps the faults of an earlier journey")?;
    }
    journey.provider_clock(now)?;
    Ok(journey)
}

/// The root of the project.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text at a place of a JSON value.
///
/// # Errors
/// When there is none.
pub fn text(value: &Value, place: &str) -> Result<String> {
    let found = value.pointer(place).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("expected text at {place} of {value}"))
}

/// Runs a Python program with the judges' packages and returns what it printed.
///
/// # Errors
/// When it fails.
pub fn judge(program: &str, arguments: &[&str]) -> Result<String> {
    let python = root().join("target/python/judges/bin/python");
    let output =
        Command::new(python).arg("-c").arg(program).args(arguments).output().context("python of the judges")?;
    if !output.status.success() {
        bail!("the judge says no: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

impl Journey {
    /// Sets the clock of the provider's twin.
    ///
    /// # Errors
    /// When the twin refuses.
    pub fn provider_clock(&self, at: DateTime<Utc>) -> Result<()> {
        self.stack.twin_admin("stripe/main", "POST", "clock", &json!({ "now": at })).map(drop)
    }

    /// Lets the schedule tick at `at`, by the provider's clock too, and waits until all that follows has come to rest.
    ///
    /// # Errors
    /// When the tick fails, or work does not come to rest.
    pub fn tick(&self, at: &str) -> Result<()> {
        let at = at.parse().with_context(|| format!("no instant: {at}"))?;
        self.provider_clock(at)?;
        self.stack.tick(at)?;
        self.stack.settle_all()
    }

    /// An instant after the journey began, as [`Journey::tick`] takes it.
    #[must_use]
    pub fn later(&self, after: TimeDelta) -> String {
        self.began_at.checked_add_signed(after).unwrap_or(self.began_at).to_rfc3339()
    }

    /// A customer in this zone; returns the id.
    ///
    /// # Errors
    /// When the API refuses.
    pub fn customer(&self, name: &str, country: &str, zone: &str, language: &str) -> Result<String> {
        let customer = self.stack.post(
            "/v1/customers",
            &json!({
                "name": name, "email": self.email(name), "country": country, "zone": zone, "language": language,
                "region": "Journeys", "channel": "test",
            }),
        )?;
        text(&customer, "/id")
    }

    /// The address of the customer of that name.
    #[must_use]
    pub fn email(&self, name: &str) -> String {
        let local: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{}-{}@journeys.example", local.to_lowercase(), self.began_at.timestamp())
    }

    /// An invoice over one line, finalised; returns what finalising answered.
    ///
    /// # Errors
    /// When the API refuses.
    pub fn invoice(&self, customer: &str, currency: &str, unit_amount: &str, tax_rate: &str) -> Result<Value> {
        let line =
            json!({ "description": "Consulting", "quantity": "1", "unit_amount": unit_amount, "tax_rate": tax_rate });
        let draft = json!({ "customer": customer, "currency": currency, "lines": [line], "net_terms_days": 14 });
        let draft = text(&self.stack.post("/v1/invoices", &draft)?, "/id")?;
        self.stack.post(&format!("/v1/invoices/{draft}/finalise"), &json!({}))
    }

    /// A subscription to one unit of a price of its own; returns the id.
    ///
    /// # Errors
    /// When the API refuses.
    pub fn subscription(&self, customer: &str, unit_amount: &str, start_on: &str, collection: &str) -> Result<String> {
        let price = self.stack.post(
            "/v1/prices",
            &json!({
                "product": "Journey plan", "currency": "EUR", "unit_amount": unit_amount, "interval": "month",
                "interval_count": 1, "tax_rate": "0.19",
            }),
        )?;
        let subscription = self.stack.post(
            "/v1/subscriptions",
            &json!({
                "customer": customer, "items": [{ "price": text(&price, "/id")?, "quantity": "1" }], "start_on": start_on,
                "collection": collection, "net_terms_days": 14,
            }),
        )?;
        text(&subscription, "/id")
    }

    /// The invoices of a customer.
    ///
    /// # Errors
    /// When the API refuses.
    pub fn invoices_of(&self, customer: &str) -> Result<Vec<Value>> {
        self.stack.list(&format!("/v1/invoices?customer={customer}"))
    }

    /// The payments of an invoice.
    ///
    /// # Errors
    /// When the API refuses.
    pub fn payments_of(&self, invoice: &str) -> Result<Vec<Value>> {
        self.stack.list(&format!("/v1/payments?invoice={invoice}"))
    }

    /// What the provider was asked to take for an invoice, by the provider's own books.
    ///
    /// # Errors
    /// When the twin refuses.
    pub fn intents_of(&self, account: &str, invoice: &str) -> Result<Vec<Value>> {
        let intents = self.stack.provider(account, "GET", "payment_intents?limit=100", &[])?;
        let intents = intents.pointer("/data").and_then(Value::as_array).cloned().unwrap_or_default();
        let ours = |intent: &Value| intent.pointer("/metadata/saldo_invoice").and_then(Value::as_str) == Some(invoice);
        Ok(intents.into_iter().filter(ours).collect())
    }

    /// The mails to the customer of that name, oldest first.
    ///
    /// # Errors
    /// When the local AWS does not tell.
    pub fn mails_to(&self, name: &str) -> Result<Vec<Mail>> {
        let address = self.email(name);
        let mails = self.stack.mails()?;
        Ok(mails.into_iter().filter(|mail| mail.to.iter().any(|to| to.contains(&address))).collect())
    }

    /// An event of the provider that says that an invoice was paid by one charge.
    #[must_use]
    pub fn paid_event(&self, id: &str, invoice: &str, minor: i64, currency: &str, created: i64) -> Value {
        let (intent, charge) = (format!("pi_{id}"), format!("ch_{id}"));
        json!({
            "id": format!("evt_{id}"), "object": "event", "api_version": "2026-04-22.dahlia", "created": created,
            "livemode": false, "type": "payment_intent.succeeded", "data": { "object": {
                "id": intent, "object": "payment_intent", "amount": minor, "amount_received": minor, "currency": currency,
                "created": created, "latest_charge": charge, "metadata": { "saldo_invoice": invoice },
                "payment_method_types": ["card"], "status": "succeeded",
            } },
        })
    }

    /// The message of webhook-intake that carries this event of the account `stripe/main`.
    ///
    /// # Errors
    /// When the event has no id or type.
    pub fn queued(&self, event: &Value) -> Result<String> {
        let message = json!({ "do": "take", "v": 1, "event": {
            "account": "stripe/main", "event_id": text(event, "/id")?, "kind": text(event, "/type")?,
            "received_at": "2026-10-01T00:00:00Z", "headers": {}, "body": event.to_string(),
        } });
        Ok(message.to_string())
    }
}

/// The part of an invoice's id that is new each time, for ids at the provider.
#[must_use]
pub fn mark(invoice: &str) -> &str {
    invoice.trim_start_matches("inv_")
}
