//! Checkout Sessions: pages on which a customer pays once.

use serde_json::Value;

use super::intents::{NewIntent, amount};
use super::{Account, page};
use crate::error::ApiError;
use crate::form::Params;
use crate::object::{Customer, IntentStatus, Session, SessionStatus};
use crate::render;

const SHORTEST_SECONDS: i64 = 30 * 60;
const LONGEST_SECONDS: i64 = 24 * 3_600;
/// How many letters the id of a page has.
const SESSION_CHARS: usize = 58;

/// The currency and the amount of a page's only line.
fn one_line(params: &Params) -> Result<(String, i64), ApiError> {
    let line = params.inner("line_items").inner("0");
    let price = line.inner("price_data");
    price.only(&["currency", "product_data", "tax_behavior", "unit_amount"])?;
    price.inner("product_data").required("name")?;
    let currency = price.required("currency")?.to_ascii_lowercase();
    let unit_amount = amount(&price, "unit_amount", &currency)?;
    let quantity = line.integer("quantity")?.unwrap_or(1);
    Ok((currency, unit_amount.saturating_mul(quantity)))
}

impl Account {
    fn render_session(&self, id: &str) -> Value {
        self.sessions.get(id).map(|session| render::session(session, &self.base)).unwrap_or_default()
    }

    fn raise_session(&mut self, kind: &'static str, id: &str) {
        let rendered = self.render_session(id);
        self.raise(kind, &rendered, None);
    }

    fn session(&self, id: &str) -> Result<&Session, ApiError> {
        self.sessions.get(id).ok_or_else(|| ApiError::no_such("checkout.session", id, "session", 404))
    }

    /// Until when a new page can be used.
    fn expires_at(&self, params: &Params) -> Result<i64, ApiError> {
        let now = self.now.timestamp();
        let asked = params.integer("expires_at")?.unwrap_or(now.saturating_add(LONGEST_SECONDS));
        // The other clock is not ours: Stripe leaves some room, too.
        let (earliest, latest) = (now.saturating_add(SHORTEST_SECONDS - 60), now.saturating_add(LONGEST_SECONDS + 60));
        if (earliest..=latest).contains(&asked) {
            Ok(asked)
        } else {
            let message =
                "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.";
            Err(ApiError::invalid("parameter_invalid_integer", Some("expires_at"), message))
        }
    }

    /// The customer that a page is for, if Stripe is told of one.
    fn payer(&self, params: &Params) -> Result<Option<String>, ApiError> {
        let Some(customer) = params.text("customer") else { return Ok(None) };
        self.customer(customer, "customer")?;
        if params.text("customer_email").is_some() || params.text("customer_creation").is_some() {
            let message = "You may only specify one of these parameters: customer, customer_email, customer_creation.";
            return Err(ApiError::invalid("parameter_invalid_string", Some("customer"), message));
        }
        Ok(Some(customer.to_owned()))
    }

    pub(crate) fn create_session(&mut self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "adaptive_pricing",
            "cancel_url",
            "client_reference_id",
            "customer",
            "customer_creation",
            "customer_email",
            "expand",
            "expires_at",
            "line_items",
            "locale",
            "metadata",
            "mode",
            "payment_intent_data",
            "success_url",
        ])?;
        if params.required("mode")? != "payment" {
            return Err(ApiError::invalid(
                "parameter_invalid_string",
                Some("mode"),
                "The twin only knows mode=payment.",
            ));
        }
        let success_url = params.required("success_url")?.to_owned();
        let customer = self.payer(params)?;
        let (currency, amount) = one_line(params)?;
        let intent = params.inner("payment_intent_data");
        intent.only(&[
            "description",
            "metadata",
            "receipt_email",
            "setup_future_usage",
            "statement_descriptor_suffix",
        ])?;
        let expires_at = self.expires_at(params)?;
        let text = |name: &str| params.text(name).map(ToOwned::to_owned);
        let id = format!("cs_test_{}", self.letters(SESSION_CHARS));
        self.sessions.put(Session {
            id: id.clone(),
            created: self.now.timestamp(),
            expires_at,
            amount,
            currency,
            customer,
            customer_creation: text("customer_creation"),
            customer_email: text("customer_email"),
            client_reference_id: text("client_reference_id"),
            locale: text("locale"),
            success_url: Some(success_url),
            cancel_url: text("cancel_url"),
            metadata: params.inner("metadata").texts(),
            intent_metadata: intent.inner("metadata").texts(),
            intent_description: intent.text("description").map(ToOwned::to_owned),
            setup_future_usage: intent.text("setup_future_usage").map(ToOwned::to_owned),
            status: SessionStatus::Open,
            paid: false,
            intent: None,
        });
        self.open_pages.insert(id.clone());
        Ok(self.render_session(&id))
    }

    pub(crate) fn retrieve_session(&self, id: &str) -> Result<Value, ApiError> {
        self.session(id)?;
        Ok(self.render_session(id))
    }

    pub(crate) fn list_sessions(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "created",
            "customer",
            "ending_before",
            "expand",
            "limit",
            "payment_intent",
            "starting_after",
            "status",
        ])?;
        let wanted = |session: &&Session| {
            params.text("payment_intent").is_none_or(|intent| session.intent.as_deref() == Some(intent))
                && params.text("customer").is_none_or(|customer| session.customer.as_deref() == Some(customer))
        };
        page(&self.sessions, "/v1/checkout/sessions", params, wanted, |session| render::session(session, &self.base))
    }

    pub(crate) fn expire_session(&mut self, id: &str) -> Result<Value, ApiError> {
        if self.session(id)?.status != SessionStatus::Open {
            let message = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
            return Err(ApiError::unfit(None, message));
        }
        self.expire(id);
        Ok(self.render_session(id))
    }

    fn expire(&mut self, id: &str) {
        self.open_pages.remove(id);
        if let Some(session) = self.sessions.get_mut(id) {
            session.status = SessionStatus::Expired;
        }
        self.raise_session("checkout.session.expired", id);
    }

    /// Closes the pages whose time is over.
    pub(crate) fn expire_due(&mut self) {
        let now = self.now.timestamp();
        let over = |id: &&String| self.sessions.get(id).is_some_and(|session| session.expires_at <= now);
        let due: Vec<_> = self.open_pages.iter().filter(over).cloned().collect();
        for id in due {
            self.expire(&id);
        }
    }

    /// What a customer does on the page: pays by this method. After a decline the page stays open.
    pub(crate) fn pay_session(&mut self, id: &str, token: &str) -> Result<Value, ApiError> {
        let session = self.session(id)?.clone();
        if session.status != SessionStatus::Open {
            return Err(ApiError::unfit(None, "This Checkout Session is not open."));
        }
        let method = self.method_for(token)?.id;
        let customer = self.customer_of(&session);
        let intent = match session.intent {
            Some(intent) => intent,
            None => self.new_intent(NewIntent {
                amount: session.amount,
                currency: session.currency.clone(),
                customer: customer.clone(),
                method: Some(method.clone()),
                description: session.intent_description.clone(),
                metadata: session.intent_metadata.clone(),
                setup_future_usage: session.setup_future_usage.clone(),
                session: Some(id.to_owned()),
            }),
        };
        if let Some(kept) = self.sessions.get_mut(id) {
            kept.intent = Some(intent.clone());
            kept.customer.clone_from(&customer);
        }
        if let Some(kept) = self.intents.get_mut(&intent) {
            kept.method = Some(method.clone());
        }
        self.confirm(&intent, false)?;
        let status = self.intent(&intent)?.status;
        if status == IntentStatus::RequiresAction {
            return Ok(self.render_session(id));
        }
        if let (Some(customer), Some(_)) = (&customer, &session.setup_future_usage) {
            self.attach(&method, customer)?;
        }
        self.open_pages.remove(id);
        if let Some(kept) = self.sessions.get_mut(id) {
            kept.status = SessionStatus::Complete;
            kept.paid = status == IntentStatus::Succeeded;
        }
        self.raise_session("checkout.session.completed", id);
        Ok(self.render_session(id))
    }

    fn customer_of(&mut self, session: &Session) -> Option<String> {
        if session.customer.is_some() || session.customer_creation.as_deref() != Some("always") {
            return session.customer.clone();
        }
        let customer = Customer {
            id: self.new_id("cus"),
            created: self.now.timestamp(),
            email: session.customer_email.clone(),
            name: None,
            metadata: std::collections::BTreeMap::new(),
        };
        let (id, rendered) = (customer.id.clone(), render::customer(&customer));
        self.customers.put(customer);
        self.raise("customer.created", &rendered, None);
        Some(id)
    }

    /// Tells what became of a page whose money came later, or after the customer had to act.
    pub(super) fn session_settled(&mut self, id: &str, paid: bool) {
        if paid {
            self.open_pages.remove(id);
        }
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.paid = paid;
        let kind = match (session.status, paid) {
            (SessionStatus::Complete, true) => "checkout.session.async_payment_succeeded",
            (SessionStatus::Complete, false) => "checkout.session.async_payment_failed",
            (SessionStatus::Open, true) => {
                session.status = SessionStatus::Complete;
                "checkout.session.completed"
            }
            (SessionStatus::Open, false) | (SessionStatus::Expired, _) => return,
        };
        self.raise_session(kind, id);
    }
}
