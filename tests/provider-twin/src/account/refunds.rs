//! Refunds, never more than was taken.

use serde_json::{Value, json};

use super::{Account, Moved, merged, page};
use crate::books::Movement;
use crate::error::ApiError;
use crate::form::Params;
use crate::object::{Charge, ChargeStatus, Dispute, DisputeStatus, Refund, RefundStatus};
use crate::render;

impl Account {
    /// The charge that a call means.
    pub(super) fn charge_meant(&self, params: &Params) -> Result<Charge, ApiError> {
        let charge = match (params.text("payment_intent"), params.text("charge")) {
            (Some(intent), None) => {
                let missing = || ApiError::no_such("payment_intent", intent, "payment_intent", 404);
                self.intents.get(intent).ok_or_else(missing)?.latest_charge.clone()
            }
            (None, Some(charge)) => Some(charge.to_owned()),
            (None, None) | (Some(_), Some(_)) => {
                let message =
                    "One of the following params should be provided for this request: payment_intent or charge.";
                return Err(ApiError::invalid("parameter_missing", Some("payment_intent"), message));
            }
        };
        match charge.as_deref().map(|charge| (charge, self.charges.get(charge))) {
            Some((_, Some(charge))) if charge.status == ChargeStatus::Succeeded => Ok(charge.clone()),
            Some((charge, None)) => Err(ApiError::no_such("charge", charge, "charge", 404)),
            Some((_, Some(_))) | None => Err(ApiError::unfit(
                Some("charge_not_captured"),
                "This payment does not have a successful charge to refund.",
            )),
        }
    }

    /// Whether a dispute holds the money: an inquiry does not, and giving back is how most of them end.
    fn is_charged_back(&self, charge: &str) -> bool {
        let holds = |dispute: &Dispute| {
            dispute.charge == charge
                && !matches!(dispute.status, DisputeStatus::WarningNeedsResponse | DisputeStatus::WarningClosed)
        };
        self.disputes.iter().any(holds)
    }

    fn raise_refund(&mut self, kinds: &[&'static str], id: &str) {
        let rendered = self.render_refund(id);
        for kind in kinds {
            self.raise(kind, &rendered, None);
        }
    }

    fn render_refund(&self, id: &str) -> Value {
        self.refunds.get(id).map(|refund| render::refund(refund, refund.charge.starts_with("ch_"))).unwrap_or_default()
    }

    pub(crate) fn create_refund(&mut self, params: &Params) -> Result<Value, ApiError> {
        params.only(&["amount", "charge", "expand", "metadata", "payment_intent", "reason"])?;
        let charge = self.charge_meant(params)?;
        let left = charge.amount.saturating_sub(charge.amount_refunded);
        let amount = params.integer("amount")?.unwrap_or(left);
        if self.is_charged_back(&charge.id) {
            return Err(ApiError::unfit(
                Some("charge_disputed"),
                "This charge has been charged back and cannot be refunded.",
            ));
        }
        if left == 0 {
            return Err(ApiError::unfit(Some("charge_already_refunded"), "The charge has already been refunded."));
        }
        if amount < 1 {
            return Err(ApiError::invalid("parameter_invalid_integer", Some("amount"), "Invalid positive integer"));
        }
        if amount > left {
            let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).");
            return Err(ApiError::unfit(Some("amount_too_large"), &message).with("param", "amount"));
        }
        let id = self.new_id("re");
        let moved =
            Moved { intent: &charge.intent, source: &id, amount, fee: 0, currency: &charge.currency, outward: true };
        let kind = if charge.id.starts_with("ch_") { "refund" } else { "payment_refund" };
        let transaction = self.move_money(Movement::Refunded, (kind, "refund"), moved);
        let metadata = params.inner("metadata").texts();
        self.books.label(&id, &metadata);
        self.refunds.put(Refund {
            id: id.clone(),
            created: self.now.timestamp(),
            charge: charge.id.clone(),
            intent: charge.intent.clone(),
            amount,
            currency: charge.currency.clone(),
            reason: params.text("reason").map(ToOwned::to_owned),
            metadata,
            status: if charge.id.starts_with("ch_") { RefundStatus::Succeeded } else { RefundStatus::Pending },
            failure_reason: None,
            transaction: Some(transaction),
        });
        if let Some(kept) = self.charges.get_mut(&charge.id) {
            kept.amount_refunded = kept.amount_refunded.saturating_add(amount);
        }
        let previous = json!({ "amount_refunded": charge.amount_refunded, "refunded": false });
        let rendered = self.render_charge(&charge.id);
        self.raise_refund(&["refund.created"], &id);
        self.raise("charge.refunded", &rendered, Some(previous));
        self.raise_refund(&["refund.updated", "charge.refund.updated"], &id);
        Ok(self.render_refund(&id))
    }

    /// Ends a refund: it arrives, or it bounces and the money is ours again.
    pub(crate) fn finish_refund(&mut self, id: &str, failure_reason: Option<&str>) -> Result<Value, ApiError> {
        let refund = self.refunds.get(id).ok_or_else(|| ApiError::no_such("refund", id, "refund", 404))?.clone();
        if refund.status == RefundStatus::Failed {
            return Err(ApiError::unfit(None, "This refund has failed already."));
        }
        if let Some(reason) = failure_reason {
            let moved = Moved {
                intent: &refund.intent,
                source: id,
                amount: refund.amount,
                fee: 0,
                currency: &refund.currency,
                outward: false,
            };
            self.move_money(Movement::RefundReturned, ("refund_failure", "refund_failure"), moved);
            if let Some(charge) = self.charges.get_mut(&refund.charge) {
                charge.amount_refunded = charge.amount_refunded.saturating_sub(refund.amount);
            }
            if let Some(kept) = self.refunds.get_mut(id) {
                kept.status = RefundStatus::Failed;
                kept.failure_reason = Some(reason.to_owned());
            }
            self.raise_refund(&["refund.updated", "charge.refund.updated", "refund.failed"], id);
        } else {
            if let Some(kept) = self.refunds.get_mut(id) {
                kept.status = RefundStatus::Succeeded;
            }
            self.raise_refund(&["refund.updated", "charge.refund.updated"], id);
        }
        Ok(self.render_refund(id))
    }

    pub(crate) fn retrieve_refund(&self, id: &str) -> Result<Value, ApiError> {
        self.refunds.get(id).ok_or_else(|| ApiError::no_such("refund", id, "refund", 404))?;
        Ok(self.render_refund(id))
    }

    pub(crate) fn update_refund(&mut self, id: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&["expand", "metadata"])?;
        let refund = self.refunds.get_mut(id).ok_or_else(|| ApiError::no_such("refund", id, "refund", 404))?;
        refund.metadata = merged(refund.metadata.clone(), params.inner("metadata").texts());
        Ok(self.render_refund(id))
    }

    pub(crate) fn list_refunds(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&["charge", "created", "ending_before", "expand", "limit", "payment_intent", "starting_after"])?;
        let wanted = |refund: &&Refund| {
            params.text("charge").is_none_or(|charge| refund.charge == charge)
                && params.text("payment_intent").is_none_or(|intent| refund.intent == intent)
        };
        page(&self.refunds, "/v1/refunds", params, wanted, |refund| self.render_refund(&refund.id))
    }
}
