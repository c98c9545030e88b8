//! The provider's twin, as its customers and its tests drive it.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::LocalStack;

impl LocalStack {
    /// Opens the accounts of the stack at the twin, so that it knows their keys and where their events go.
    ///
    /// # Errors
    /// When the twin refuses.
    pub fn open_twin_accounts(&self) -> Result<()> {
        for (name, account) in &self.stack().accounts {
            let url = format!("{}/webhooks/{name}", self.stack().api_url);
            let endpoint = json!({ "url": url, "secret": account.webhook_secret });
            self.twin_admin(name, "POST", "accounts", &json!({ "api_key": account.api_key, "endpoint": endpoint }))?;
        }
        Ok(())
    }

    /// Saves a method of a customer at the provider, and tells Saldo of it as a CRM does.
    ///
    /// # Errors
    /// When the twin or the API refuses.
    pub fn save_method(&self, account: &str, customer: &str, method: &str) -> Result<()> {
        let text = |value: &Value, place: &str| {
            let found = value.pointer(place).and_then(Value::as_str).map(str::to_owned);
            found.with_context(|| format!("expected text at {place} of {value}"))
        };
        let known = self.provider(account, "POST", "customers", &[("metadata[saldo_customer]", customer)])?;
        let known = text(&known, "/id")?;
        let path = format!("payment_methods/{method}/attach");
        let saved = self.provider(account, "POST", &path, &[("customer", &known)])?;
        let mut fields = json!({
            "account": account, "token": text(&saved, "/id")?, "customer": known, "kind": text(&saved, "/type")?,
        });
        if let (Some(card), Some(fields)) = (saved.get("card").filter(|card| card.is_object()), fields.as_object_mut())
        {
            fields.insert("network".to_owned(), card.get("brand").cloned().unwrap_or_default());
            fields.insert("last4".to_owned(), card.get("last4").cloned().unwrap_or_default());
        }
        let change = json!({ "payment_method": fields });
        self.call("PATCH", &format!("/v1/customers/{customer}"), &[], Some(&change))?.success().map(drop)
    }

    /// One call of the provider's own API, with parameters as a form.
    ///
    /// # Errors
    /// When the account is unknown, or the answer is not a success.
    pub fn provider(&self, account: &str, method: &str, path: &str, form: &[(&str, &str)]) -> Result<Value> {
        let fields: Vec<String> =
            form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.twin(account, method, &format!("/v1/{path}"), &headers, &fields.join("&"))
    }

    /// One call that only tests may make: `/_twin/…`.
    ///
    /// # Errors
    /// When the account is unknown, or the answer is not a success.
    pub fn twin_admin(&self, account: &str, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        self.twin(account, method, &format!("/_twin/{path}"), &[("content-type", "application/json")], &body)
    }

    /// Waits until the twin has delivered everything, and all that follows has come to rest.
    ///
    /// # Errors
    /// When it does not.
    pub fn settle_all(&self) -> Result<()> {
        let account = self.stack().accounts.keys().next().context("the stack has no provider account")?.clone();
        self.settle()?;
        // A delivery makes work, and work makes deliveries.
        self.eventually("deliveries and work to come to rest", || {
            let deliveries = self.twin_admin(&account, "GET", "deliveries", &Value::Null)?;
            let waiting = deliveries.get("waiting").and_then(Value::as_u64).unwrap_or_default();
            if waiting > 0 {
                return Ok(false);
            }
            self.settle()?;
            let deliveries = self.twin_admin(&account, "GET", "deliveries", &Value::Null)?;
            Ok(deliveries.get("waiting").and_then(Value::as_u64) == Some(0))
        })
    }

    fn twin(&self, account: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Value> {
        let key = &self.stack().accounts.get(account).with_context(|| format!("no account {account}"))?.api_key;
        let bearer = format!("Bearer {key}");
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        self.send(method, &format!("{}{path}", self.stack().provider_url), &all, body)?.success()
    }
}

/// Encodes a form field: every byte that is not a letter or a digit as `%XX`.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
