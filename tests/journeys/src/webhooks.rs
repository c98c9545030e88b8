//! How the provider's twin delivers its events.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{Journey, text};

/// The provider delivers in another way than usual, until this is dropped.
#[derive(Debug)]
pub struct Deliveries<'a> {
    journey: &'a Journey,
    account: &'a str,
}

impl Drop for Deliveries<'_> {
    fn drop(&mut self) {
        drop(self.journey.set_endpoint(self.account, &json!({})));
    }
}

impl Journey {
    /// Lets an account's events go out by these settings of the twin's endpoint: `automatic`, `copies`, `newest_first`, …
    ///
    /// # Errors
    /// When the twin refuses.
    pub fn deliveries<'a>(&'a self, account: &'a str, settings: &Value) -> Result<Deliveries<'a>> {
        self.set_endpoint(account, settings)?;
        Ok(Deliveries { journey: self, account })
    }

    fn set_endpoint(&self, account: &str, settings: &Value) -> Result<()> {
        let stack = self.stack.stack();
        let secret = &stack.accounts.get(account).with_context(|| format!("no account {account}"))?.webhook_secret;
        let mut endpoint = json!({ "url": format!("{}/webhooks/{account}", stack.api_url), "secret": secret });
        if let (Some(endpoint), Some(settings)) = (endpoint.as_object_mut(), settings.as_object()) {
            endpoint.extend(settings.clone());
        }
        self.stack.twin_admin(account, "POST", "endpoint", &endpoint).map(drop)
    }

    /// The ids of the provider's events that speak of something, for instance of a PaymentIntent; the oldest first.
    ///
    /// # Errors
    /// When the twin does not tell.
    pub fn events_about(&self, account: &str, id: &str) -> Result<Vec<String>> {
        let events = self.events(account)?;
        events.iter().rev().filter(|event| event.to_string().contains(id)).map(|event| text(event, "/id")).collect()
    }

    /// The provider's event of a kind that speaks of something.
    ///
    /// # Errors
    /// When there is none.
    pub fn event_about(&self, account: &str, kind: &str, id: &str) -> Result<Value> {
        let is_it =
            |event: &Value| event.get("type").is_some_and(|found| found == kind) && event.to_string().contains(id);
        self.events(account)?.into_iter().find(is_it).with_context(|| format!("no {kind} about {id}"))
    }

    /// The latest events of the provider, the newest first.
    fn events(&self, account: &str) -> Result<Vec<Value>> {
        let events = self.stack.provider(account, "GET", "events?limit=100", &[])?;
        events.get("data").and_then(Value::as_array).cloned().context("the provider lists no events")
    }
}
