//! Charges: what an intent makes when it is confirmed.

use serde_json::Value;

use super::{Account, Moved, page};
use crate::books::Movement;
use crate::error::ApiError;
use crate::form::Params;
use crate::object::{Charge, ChargeStatus, IntentStatus, Method, MethodKind, No, PaymentFailure};
use crate::render;

/// About 1.4 % and 25 cents, as a European card costs.
fn fee(amount: i64) -> i64 {
    amount.saturating_mul(14).saturating_add(500).checked_div(1_000).unwrap_or(0).saturating_add(25).min(amount)
}

impl Account {
    pub(super) fn used(&self, charge: &Charge) -> Option<&Method> {
        self.methods.get(&charge.method)
    }

    pub(super) fn render_charge(&self, id: &str) -> Value {
        self.charges.get(id).map(|charge| render::charge(charge, self.used(charge))).unwrap_or_default()
    }

    pub(super) fn raise_charge(&mut self, kind: &'static str, id: &str) {
        let rendered = self.render_charge(id);
        self.raise(kind, &rendered, None);
    }

    pub(super) fn new_charge(&mut self, intent_id: &str, method: &str, status: ChargeStatus, no: Option<No>) -> String {
        let is_card = self.methods.get(method).is_none_or(|method| matches!(method.kind, MethodKind::Card { .. }));
        let id = self.new_id(if is_card { "ch" } else { "py" });
        let created = self.now.timestamp();
        if let Some(intent) = self.intents.get_mut(intent_id) {
            intent.latest_charge = Some(id.clone());
            self.charges.put(Charge {
                id: id.clone(),
                created,
                intent: intent_id.to_owned(),
                amount: intent.amount,
                currency: intent.currency.clone(),
                customer: intent.customer.clone(),
                method: method.to_owned(),
                description: intent.description.clone(),
                metadata: intent.metadata.clone(),
                status,
                amount_refunded: 0,
                disputed: false,
                no,
                transaction: None,
            });
        }
        id
    }

    /// The money is there.
    pub(super) fn take(&mut self, intent_id: &str, charge_id: &str) {
        let Some(charge) = self.charges.get(charge_id) else { return };
        let (amount, currency) = (charge.amount, charge.currency.clone());
        let is_card = charge.id.starts_with("ch_");
        let kind = if is_card { "charge" } else { "payment" };
        let moved = Moved {
            intent: intent_id,
            source: charge_id,
            amount,
            fee: fee(amount),
            currency: &currency,
            outward: false,
        };
        let transaction = self.move_money(Movement::Charged, (kind, "charge"), moved);
        if let Some(charge) = self.charges.get_mut(charge_id) {
            charge.status = ChargeStatus::Succeeded;
            charge.transaction = Some(transaction);
        }
        if let Some(intent) = self.intents.get_mut(intent_id) {
            intent.status = IntentStatus::Succeeded;
            intent.amount_received = amount;
            intent.failure = None;
        }
        self.raise_charge("charge.succeeded", charge_id);
        self.raise_intent("payment_intent.succeeded", intent_id);
    }

    /// The bank says no; what the caller is answered.
    pub(super) fn decline(&mut self, intent_id: &str, method: &str, no: No) -> ApiError {
        let charge = self.new_charge(intent_id, method, ChargeStatus::Failed, Some(no.clone()));
        self.fail(intent_id, &charge, method, no)
    }

    pub(super) fn fail(&mut self, intent_id: &str, charge: &str, method: &str, no: No) -> ApiError {
        let message = "Your card was declined.";
        if let Some(intent) = self.intents.get_mut(intent_id) {
            intent.status = IntentStatus::RequiresPaymentMethod;
            intent.method = None;
            intent.failure = Some(PaymentFailure {
                no: no.clone(),
                message: message.to_owned(),
                charge: charge.to_owned(),
                method: method.to_owned(),
            });
        }
        self.raise_charge("charge.failed", charge);
        self.raise_intent("payment_intent.payment_failed", intent_id);
        let mut error = ApiError::declined(message)
            .with("code", no.code)
            .with("charge", charge)
            .with("payment_intent", self.render_intent(intent_id, false))
            .with("payment_method", self.methods.get(method).map(render::method).unwrap_or_default());
        for (name, field) in [
            ("decline_code", no.decline_code),
            ("advice_code", no.advice_code),
            ("network_decline_code", no.network_decline_code),
        ] {
            if let Some(field) = field {
                error = error.with(name, field);
            }
        }
        error
    }

    pub(crate) fn retrieve_charge(&self, id: &str) -> Result<Value, ApiError> {
        let missing = || ApiError::no_such("charge", id, "charge", 404);
        self.charges.get(id).map(|charge| render::charge(charge, self.used(charge))).ok_or_else(missing)
    }

    pub(crate) fn list_charges(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "created",
            "customer",
            "ending_before",
            "expand",
            "limit",
            "payment_intent",
            "starting_after",
        ])?;
        let wanted = |charge: &&Charge| {
            params.text("customer").is_none_or(|customer| charge.customer.as_deref() == Some(customer))
                && params.text("payment_intent").is_none_or(|intent| charge.intent == intent)
        };
        page(&self.charges, "/v1/charges", params, wanted, |charge| render::charge(charge, self.used(charge)))
    }
}
