//! Customers, methods and set-ups.

use serde_json::{Value, json};

use super::{Account, merged, page};
use crate::error::ApiError;
use crate::form::Params;
use crate::object::{Behaviour, Customer, Kept, Method, MethodKind, No, Setup};
use crate::render;

fn no(code: &str, decline_code: Option<&str>, advice: Option<&str>, network: Option<&str>) -> Behaviour {
    Behaviour::Refuses(No {
        code: code.to_owned(),
        decline_code: decline_code.map(ToOwned::to_owned),
        advice_code: advice.map(ToOwned::to_owned),
        network_decline_code: network.map(ToOwned::to_owned),
    })
}

const VISA: MethodKind = MethodKind::Card { brand: "visa", exp_month: 8, exp_year: 2031 };
const MASTERCARD: MethodKind = MethodKind::Card { brand: "mastercard", exp_month: 8, exp_year: 2031 };

/// Stripe's test methods (docs.stripe.com/testing), and two of the twin's own for direct debits. At Stripe most cards that decline
/// cannot be attached either; here they can, so that a saved card may begin to decline.
fn test_method(token: &str) -> Option<(MethodKind, &'static str, Behaviour)> {
    let declined = |decline_code| no("card_declined", Some(decline_code), Some("try_again_later"), Some("51"));
    let never = |code, decline_code, network| no(code, decline_code, Some("do_not_try_again"), Some(network));
    Some(match token {
        "pm_card_visa" | "pm_card_us" | "pm_card_de" => (VISA, "4242", Behaviour::Pays),
        "pm_card_visa_debit" => (VISA, "5556", Behaviour::Pays),
        "pm_card_mastercard" => (MASTERCARD, "4444", Behaviour::Pays),
        "pm_card_authenticationRequired" | "pm_card_threeDSecure2Required" => (VISA, "3155", Behaviour::Asks),
        "pm_card_chargeCustomerFail" => (VISA, "0341", declined("generic_decline")),
        "pm_card_visa_chargeDeclined" | "pm_card_chargeDeclined" => (VISA, "0002", declined("generic_decline")),
        "pm_card_visa_chargeDeclinedInsufficientFunds" | "pm_card_chargeDeclinedInsufficientFunds" => {
            (VISA, "9995", declined("insufficient_funds"))
        }
        "pm_card_visa_chargeDeclinedLostCard" => (VISA, "9987", never("card_declined", Some("lost_card"), "41")),
        "pm_card_visa_chargeDeclinedStolenCard" => (VISA, "9979", never("card_declined", Some("stolen_card"), "43")),
        "pm_card_chargeDeclinedFraudulent" => (VISA, "0019", never("card_declined", Some("fraudulent"), "59")),
        "pm_card_chargeDeclinedExpiredCard" => (VISA, "0069", no("expired_card", None, None, Some("54"))),
        "pm_card_chargeDeclinedProcessingError" => {
            (VISA, "0119", no("processing_error", None, Some("try_again_later"), None))
        }
        "pm_card_chargeDeclinedIncorrectCvc" => {
            (VISA, "0127", no("incorrect_cvc", None, Some("confirm_card_data"), Some("N7")))
        }
        "pm_sepa_debit" | "pm_sepaDebit_success" => (MethodKind::SepaDebit, "3201", Behaviour::PaysLater),
        "pm_sepa_debit_fails" | "pm_sepaDebit_fails" => (MethodKind::SepaDebit, "3202", Behaviour::BouncesLater),
        _ => return None,
    })
}

impl Account {
    pub(super) fn customer(&self, id: &str, param: &str) -> Result<&Customer, ApiError> {
        self.customers
            .get(id)
            .ok_or_else(|| ApiError::no_such("customer", id, param, if param == "id" { 404 } else { 400 }))
    }

    pub(crate) fn create_customer(&mut self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "address",
            "description",
            "email",
            "expand",
            "metadata",
            "name",
            "payment_method",
            "phone",
            "preferred_locales",
        ])?;
        let customer = Customer {
            id: self.new_id("cus"),
            created: self.now.timestamp(),
            email: params.text("email").map(ToOwned::to_owned),
            name: params.text("name").map(ToOwned::to_owned),
            metadata: params.inner("metadata").texts(),
        };
        let rendered = render::customer(&customer);
        let id = customer.id.clone();
        self.customers.put(customer);
        self.raise("customer.created", &rendered, None);
        if let Some(token) = params.text("payment_method") {
            self.attach(token, &id)?;
        }
        Ok(rendered)
    }

    pub(crate) fn retrieve_customer(&self, id: &str) -> Result<Value, ApiError> {
        self.customer(id, "id").map(render::customer)
    }

    pub(crate) fn update_customer(&mut self, id: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "address",
            "description",
            "email",
            "expand",
            "metadata",
            "name",
            "phone",
            "preferred_locales",
        ])?;
        self.customer(id, "id")?;
        let Some(customer) = self.customers.get_mut(id) else { return Err(ApiError::failed()) };
        if let Some(email) = params.text("email") {
            customer.email = Some(email.to_owned());
        }
        if let Some(name) = params.text("name") {
            customer.name = Some(name.to_owned());
        }
        customer.metadata = merged(customer.metadata.clone(), params.inner("metadata").texts());
        let rendered = render::customer(customer);
        self.raise("customer.updated", &rendered, Some(json!({})));
        Ok(rendered)
    }

    /// The method of this id, made now when it is one of the test methods, which stand for a new method each time.
    pub(super) fn method_for(&mut self, token: &str) -> Result<Method, ApiError> {
        if let Some(method) = self.methods.get(token) {
            if method.is_spent {
                let message = "The provided PaymentMethod was detached from a Customer. It may not be used again.";
                return Err(ApiError::unfit(None, message));
            }
            return Ok(method.clone());
        }
        let (kind, last4, behaviour) =
            test_method(token).ok_or_else(|| ApiError::no_such("PaymentMethod", token, "payment_method", 400))?;
        let method = Method {
            id: self.new_id("pm"),
            created: self.now.timestamp(),
            kind,
            last4: last4.to_owned(),
            customer: None,
            is_spent: false,
            metadata: std::collections::BTreeMap::new(),
            behaviour,
        };
        self.methods.put(method.clone());
        Ok(method)
    }

    pub(super) fn attach(&mut self, token: &str, customer: &str) -> Result<Value, ApiError> {
        self.customer(customer, "customer")?;
        let method = self.method_for(token)?;
        if method.customer.as_deref().is_some_and(|owner| owner != customer) {
            let message = "This payment method has already been attached to another customer.";
            return Err(ApiError::unfit(Some("payment_method_already_attached"), message));
        }
        let already = method.customer.is_some();
        let Some(kept) = self.methods.get_mut(&method.id) else { return Err(ApiError::failed()) };
        kept.customer = Some(customer.to_owned());
        let rendered = render::method(kept);
        if !already {
            self.raise("payment_method.attached", &rendered, None);
        }
        Ok(rendered)
    }

    pub(crate) fn attach_method(&mut self, token: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&["customer", "customer_account", "expand"])?;
        let customer = params.required("customer")?.to_owned();
        self.attach(token, &customer)
    }

    pub(crate) fn detach_method(&mut self, id: &str) -> Result<Value, ApiError> {
        let Some(method) = self.methods.get_mut(id) else {
            return Err(ApiError::no_such("PaymentMethod", id, "payment_method", 404));
        };
        let Some(customer) = method.customer.take() else {
            let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(ApiError::unfit(None, message));
        };
        method.is_spent = true;
        let rendered = render::method(method);
        self.raise("payment_method.detached", &rendered, Some(json!({ "customer": customer })));
        Ok(rendered)
    }

    pub(crate) fn update_method(&mut self, id: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&["expand", "metadata"])?;
        let missing = || ApiError::no_such("PaymentMethod", id, "payment_method", 404);
        let method = self.methods.get_mut(id).ok_or_else(missing)?;
        let previous = json!({ "metadata": method.metadata });
        method.metadata = merged(method.metadata.clone(), params.inner("metadata").texts());
        let rendered = render::method(method);
        self.raise("payment_method.updated", &rendered, Some(previous));
        Ok(rendered)
    }

    pub(crate) fn retrieve_method(&self, id: &str) -> Result<Value, ApiError> {
        let missing = || ApiError::no_such("PaymentMethod", id, "payment_method", 404);
        self.methods.get(id).map(render::method).ok_or_else(missing)
    }

    pub(crate) fn list_methods(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "allow_redisplay",
            "customer",
            "customer_account",
            "ending_before",
            "expand",
            "limit",
            "starting_after",
            "type",
        ])?;
        let customer = params.text("customer");
        let wanted = |method: &&Method| {
            method.customer.as_deref().is_some_and(|owner| customer.is_none_or(|customer| customer == owner))
                && params.text("type").is_none_or(|kind| kind == method.kind.name())
        };
        page(&self.methods, "/v1/payment_methods", params, wanted, render::method)
    }

    /// Lets a saved method behave like a test method from now on; `expires` moves its last month.
    pub(crate) fn change_method(
        &mut self,
        id: &str,
        like: Option<&str>,
        expires: Option<(i64, i64)>,
    ) -> Result<Value, ApiError> {
        let behaviour = match like {
            Some(token) => {
                let missing = || ApiError::no_such("PaymentMethod", token, "like", 400);
                Some(test_method(token).ok_or_else(missing)?.2)
            }
            None => None,
        };
        let Some(method) = self.methods.get_mut(id) else {
            return Err(ApiError::no_such("PaymentMethod", id, "id", 404));
        };
        if let Some(behaviour) = behaviour {
            method.behaviour = behaviour;
        }
        let mut previous = json!({});
        if let (Some((year, month)), MethodKind::Card { exp_month, exp_year, .. }) = (expires, &mut method.kind) {
            previous = json!({ "card": { "exp_month": *exp_month, "exp_year": *exp_year } });
            (*exp_month, *exp_year) = (month, year);
        }
        let rendered = render::method(method);
        if expires.is_some() {
            self.raise("payment_method.automatically_updated", &rendered, Some(previous));
        }
        Ok(rendered)
    }

    pub(crate) fn create_setup(&mut self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "automatic_payment_methods",
            "confirm",
            "customer",
            "description",
            "expand",
            "metadata",
            "payment_method",
            "usage",
        ])?;
        let customer = params.text("customer").map(ToOwned::to_owned);
        if let Some(customer) = &customer {
            self.customer(customer, "customer")?;
        }
        let method = params.text("payment_method").map(|token| self.method_for(token)).transpose()?;
        let mut setup = Setup {
            id: self.new_id("seti"),
            created: self.now.timestamp(),
            customer: customer.clone(),
            method: method.as_ref().map(|method| method.id().to_owned()),
            metadata: params.inner("metadata").texts(),
            failure: None,
            succeeded: false,
        };
        self.raise("setup_intent.created", &render::setup(&setup, None), None);
        let refused = match method.as_ref().map(|method| &method.behaviour) {
            Some(Behaviour::Refuses(no)) if params.flag("confirm") => Some(no.clone()),
            Some(_) | None => None,
        };
        if let Some(no) = refused {
            setup.failure = Some(no.clone());
            setup.method = None;
            let rendered = render::setup(&setup, method.as_ref());
            self.raise("setup_intent.setup_failed", &rendered, None);
            self.setups.put(setup);
            return Err(ApiError::declined("Your card was declined.")
                .with("code", no.code)
                .with("setup_intent", rendered));
        }
        if params.flag("confirm") && method.is_some() {
            setup.succeeded = true;
            if let (Some(customer), Some(method)) = (&customer, &method) {
                self.attach(&method.id, customer)?;
            }
            self.raise("setup_intent.succeeded", &render::setup(&setup, None), None);
        }
        let rendered = render::setup(&setup, None);
        self.setups.put(setup);
        Ok(rendered)
    }

    pub(crate) fn retrieve_setup(&self, id: &str) -> Result<Value, ApiError> {
        let missing = || ApiError::no_such("setupintent", id, "intent", 404);
        self.setups.get(id).map(|setup| render::setup(setup, None)).ok_or_else(missing)
    }
}
