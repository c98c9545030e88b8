//! PaymentIntents and the charges they make.

use serde_json::Value;

use super::{Account, merged, page};
use crate::error::ApiError;
use crate::form::Params;
use crate::object::{Behaviour, ChargeStatus, Intent, IntentStatus, Metadata, No};
use crate::render;

/// Direct debits are decided after so many seconds, when nobody decides them before.
const DEBIT_SECONDS: i64 = 5 * 86_400;
const THREE_DECIMAL: [&str; 7] = ["bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"];
const TIMES_100: [&str; 2] = ["isk", "ugx"];

/// What a new PaymentIntent is made of.
pub(super) struct NewIntent {
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) customer: Option<String>,
    pub(super) method: Option<String>,
    pub(super) description: Option<String>,
    pub(super) metadata: Metadata,
    pub(super) setup_future_usage: Option<String>,
    pub(super) session: Option<String>,
}

fn minimum(currency: &str) -> i64 {
    match currency {
        "gbp" => 30,
        "huf" => 17_500,
        "czk" => 1_500,
        "mxn" | "thb" => 1_000,
        "hkd" => 400,
        "nok" | "sek" => 300,
        "dkk" => 250,
        "aed" | "myr" | "pln" | "ron" => 200,
        "bgn" => 100,
        _ => 50,
    }
}

/// An amount as Stripe accepts it.
pub(super) fn amount(params: &Params, name: &str, currency: &str) -> Result<i64, ApiError> {
    let amount = params.integer(name)?.ok_or_else(|| {
        ApiError::invalid("parameter_missing", Some(name), &format!("Missing required param: {name}."))
    })?;
    let uneven = (THREE_DECIMAL.contains(&currency) && amount.checked_rem(10) != Some(0))
        || (TIMES_100.contains(&currency) && amount.checked_rem(100) != Some(0));
    if amount < 1 || uneven {
        return Err(ApiError::invalid("parameter_invalid_integer", Some(name), "Invalid amount for this currency."));
    }
    if amount < minimum(currency) {
        return Err(ApiError::invalid(
            "amount_too_small",
            Some(name),
            "Amount must be at least the minimum of the currency.",
        ));
    }
    Ok(amount)
}

fn unexpected_state(intent: &Intent, what: &str) -> ApiError {
    ApiError::unfit(
        Some("payment_intent_unexpected_state"),
        &format!("You cannot {what} this PaymentIntent: {}", intent.id),
    )
}

impl Account {
    pub(super) fn intent(&self, id: &str) -> Result<&Intent, ApiError> {
        self.intents.get(id).ok_or_else(|| ApiError::no_such("payment_intent", id, "intent", 404))
    }

    pub(super) fn render_intent(&self, id: &str, expand: bool) -> Value {
        let Some(intent) = self.intents.get(id) else { return Value::Null };
        let charge = intent.latest_charge.as_deref().filter(|_| expand).map(|charge| self.render_charge(charge));
        let failed = intent.failure.as_ref().and_then(|failure| self.methods.get(&failure.method));
        render::intent(intent, failed, charge)
    }

    pub(super) fn raise_intent(&mut self, kind: &'static str, id: &str) {
        let rendered = self.render_intent(id, false);
        self.raise(kind, &rendered, None);
    }

    pub(super) fn new_intent(&mut self, new: NewIntent) -> String {
        let id = self.new_id("pi");
        let status =
            if new.method.is_some() { IntentStatus::RequiresConfirmation } else { IntentStatus::RequiresPaymentMethod };
        self.intents.put(Intent {
            id: id.clone(),
            created: self.now.timestamp(),
            amount: new.amount,
            amount_received: 0,
            currency: new.currency,
            customer: new.customer,
            method: new.method,
            description: new.description,
            metadata: new.metadata,
            setup_future_usage: new.setup_future_usage,
            status,
            latest_charge: None,
            failure: None,
            canceled_at: None,
            cancellation_reason: None,
            session: new.session,
        });
        self.raise_intent("payment_intent.created", &id);
        id
    }

    pub(crate) fn create_intent(&mut self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "amount",
            "automatic_payment_methods",
            "capture_method",
            "confirm",
            "currency",
            "customer",
            "description",
            "error_on_requires_action",
            "expand",
            "metadata",
            "off_session",
            "payment_method",
            "receipt_email",
            "return_url",
            "setup_future_usage",
            "statement_descriptor_suffix",
        ])?;
        let currency = params.required("currency")?.to_ascii_lowercase();
        let amount = amount(params, "amount", &currency)?;
        let customer = params.text("customer").map(ToOwned::to_owned);
        if let Some(customer) = &customer {
            self.customer(customer, "customer")?;
        }
        let method = params.text("payment_method").map(|token| self.method_for(token)).transpose()?;
        if let Some(owner) = method.as_ref().and_then(|method| method.customer.as_ref())
            && Some(owner) != customer.as_ref()
        {
            let message =
                format!("The payment method belongs to the Customer {owner}; include it in the customer parameter.");
            return Err(ApiError::unfit(None, &message));
        }
        let id = self.new_intent(NewIntent {
            amount,
            currency,
            customer,
            method: method.map(|method| method.id),
            description: params.text("description").map(ToOwned::to_owned),
            metadata: params.inner("metadata").texts(),
            setup_future_usage: params.text("setup_future_usage").map(ToOwned::to_owned),
            session: None,
        });
        if params.flag("confirm") {
            self.confirm(&id, params.flag("off_session"))?;
        }
        Ok(self.render_intent(&id, params.expands("latest_charge")))
    }

    pub(crate) fn confirm_intent(&mut self, id: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&["expand", "off_session", "payment_method", "return_url"])?;
        self.intent(id)?;
        if let Some(token) = params.text("payment_method") {
            let method = self.method_for(token)?;
            if let Some(intent) = self.intents.get_mut(id) {
                intent.method = Some(method.id);
            }
        }
        self.confirm(id, params.flag("off_session"))?;
        Ok(self.render_intent(id, params.expands("latest_charge")))
    }

    /// Charges the method of an intent.
    pub(super) fn confirm(&mut self, id: &str, off_session: bool) -> Result<(), ApiError> {
        let intent = self.intent(id)?;
        let (IntentStatus::RequiresConfirmation | IntentStatus::RequiresPaymentMethod, Some(method)) =
            (intent.status, intent.method.clone())
        else {
            return Err(unexpected_state(intent, "confirm"));
        };
        let behaviour = self.method_for(&method)?.behaviour;
        match behaviour {
            Behaviour::Pays => {
                let charge = self.new_charge(id, &method, ChargeStatus::Succeeded, None);
                self.take(id, &charge);
                Ok(())
            }
            Behaviour::Refuses(no) => Err(self.decline(id, &method, no)),
            Behaviour::Asks if off_session => {
                let no = No {
                    code: "authentication_required".to_owned(),
                    decline_code: Some("authentication_required".to_owned()),
                    advice_code: None,
                    network_decline_code: None,
                };
                Err(self.decline(id, &method, no))
            }
            Behaviour::Asks => {
                self.update_intent_state(id, IntentStatus::RequiresAction);
                self.raise_intent("payment_intent.requires_action", id);
                Ok(())
            }
            Behaviour::PaysLater | Behaviour::BouncesLater => {
                let charge = self.new_charge(id, &method, ChargeStatus::Pending, None);
                self.update_intent_state(id, IntentStatus::Processing);
                self.raise_intent("payment_intent.processing", id);
                self.raise_charge("charge.pending", &charge);
                Ok(())
            }
        }
    }

    fn update_intent_state(&mut self, id: &str, status: IntentStatus) {
        if let Some(intent) = self.intents.get_mut(id) {
            intent.status = status;
        }
        if status == IntentStatus::Processing {
            self.undecided.insert(id.to_owned());
        }
    }

    /// Decides a direct debit, or an authentication that the customer was asked for.
    pub(crate) fn settle(&mut self, id: &str, decline_code: Option<&str>) -> Result<Value, ApiError> {
        self.undecided.remove(id);
        let intent = self.intent(id)?;
        let (status, charge, method) =
            (intent.status, intent.latest_charge.clone(), intent.method.clone().unwrap_or_default());
        let session = intent.session.clone();
        let no = decline_code.map(|code| No {
            code: if status == IntentStatus::Processing { code.to_owned() } else { "card_declined".to_owned() },
            decline_code: (status != IntentStatus::Processing).then(|| code.to_owned()),
            advice_code: None,
            network_decline_code: None,
        });
        match (status, charge, no) {
            (IntentStatus::Processing, Some(charge), None) => self.take(id, &charge),
            (IntentStatus::Processing, Some(charge), Some(no)) => {
                if let Some(charge) = self.charges.get_mut(&charge) {
                    charge.status = ChargeStatus::Failed;
                    charge.no = Some(no.clone());
                }
                // The answer of the call that began it went out days ago.
                drop(self.fail(id, &charge, &method, no));
            }
            (IntentStatus::RequiresAction, _, None) => {
                let charge = self.new_charge(id, &method, ChargeStatus::Succeeded, None);
                self.take(id, &charge);
            }
            (IntentStatus::RequiresAction, _, Some(no)) => drop(self.decline(id, &method, no)),
            (
                IntentStatus::RequiresPaymentMethod
                | IntentStatus::RequiresConfirmation
                | IntentStatus::Processing
                | IntentStatus::Succeeded
                | IntentStatus::Canceled,
                _,
                _,
            ) => return Err(unexpected_state(self.intent(id)?, "settle")),
        }
        if let Some(session) = session {
            self.session_settled(&session, decline_code.is_none());
        }
        Ok(self.render_intent(id, true))
    }

    /// Decides the direct debits whose time has come.
    pub(crate) fn settle_due(&mut self) {
        let until = self.now.timestamp().saturating_sub(DEBIT_SECONDS);
        let due: Vec<_> = self
            .undecided
            .iter()
            .filter_map(|id| {
                let charge = self.charges.get(self.intents.get(id)?.latest_charge.as_deref()?)?;
                let bounces = self.used(charge)?.behaviour == Behaviour::BouncesLater;
                (charge.created <= until).then(|| (id.clone(), bounces))
            })
            .collect();
        for (id, bounces) in due {
            drop(self.settle(&id, bounces.then_some("insufficient_funds")));
        }
    }

    pub(crate) fn cancel_intent(&mut self, id: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&["cancellation_reason", "expand"])?;
        let intent = self.intent(id)?;
        match intent.status {
            IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation | IntentStatus::RequiresAction => {
            }
            IntentStatus::Processing | IntentStatus::Succeeded | IntentStatus::Canceled => {
                return Err(unexpected_state(intent, "cancel"));
            }
        }
        let now = self.now.timestamp();
        if let Some(intent) = self.intents.get_mut(id) {
            intent.status = IntentStatus::Canceled;
            intent.canceled_at = Some(now);
            intent.cancellation_reason = params.text("cancellation_reason").map(ToOwned::to_owned);
        }
        self.raise_intent("payment_intent.canceled", id);
        Ok(self.render_intent(id, params.expands("latest_charge")))
    }

    pub(crate) fn retrieve_intent(&self, id: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&["client_secret", "expand"])?;
        self.intent(id)?;
        Ok(self.render_intent(id, params.expands("latest_charge")))
    }

    pub(crate) fn update_intent(&mut self, id: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&["description", "expand", "metadata"])?;
        self.intent(id)?;
        if let Some(intent) = self.intents.get_mut(id) {
            intent.metadata = merged(intent.metadata.clone(), params.inner("metadata").texts());
            if let Some(description) = params.text("description") {
                intent.description = Some(description.to_owned());
            }
        }
        Ok(self.render_intent(id, params.expands("latest_charge")))
    }

    pub(crate) fn list_intents(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "created",
            "customer",
            "customer_account",
            "ending_before",
            "expand",
            "limit",
            "starting_after",
        ])?;
        let expand = params.expands("data.latest_charge");
        let wanted = |intent: &&Intent| {
            params.text("customer").is_none_or(|customer| intent.customer.as_deref() == Some(customer))
        };
        page(&self.intents, "/v1/payment_intents", params, wanted, |intent| self.render_intent(&intent.id, expand))
    }
}
