//! Disputes, which only the bank of a customer can open: by admin calls.

use serde_json::{Value, json};

use super::{Account, Moved, page};
use crate::books::Movement;
use crate::error::ApiError;
use crate::form::Params;
use crate::object::{Dispute, DisputeStatus, MethodKind, Transaction};
use crate::render;

/// What Stripe takes for a dispute, in cents.
const FEE: i64 = 2_000;

impl Account {
    fn render_dispute(&self, id: &str) -> Value {
        let Some(dispute) = self.disputes.get(id) else { return Value::Null };
        let moved: Vec<&Transaction> = dispute.transactions.iter().filter_map(|id| self.transactions.get(id)).collect();
        let brand =
            match self.charges.get(&dispute.charge).and_then(|charge| self.used(charge)).map(|method| &method.kind) {
                Some(MethodKind::Card { brand, .. }) => brand,
                Some(MethodKind::SepaDebit) | None => "visa",
            };
        render::dispute(dispute, brand, &moved)
    }

    fn raise_dispute(&mut self, kind: &'static str, id: &str, previous: Option<Value>) {
        let rendered = self.render_dispute(id);
        self.raise(kind, &rendered, previous);
    }

    /// Opens a dispute on a charge: an inquiry leaves the money with us, anything else takes it at once.
    pub(crate) fn open_dispute(&mut self, params: &Params) -> Result<Value, ApiError> {
        params.only(&["amount", "charge", "inquiry", "payment_intent", "reason"])?;
        let charge = self.charge_meant(params)?;
        if charge.disputed {
            return Err(ApiError::unfit(Some("charge_disputed"), "This charge is disputed already."));
        }
        let inquiry = params.flag("inquiry");
        let amount = params.integer("amount")?.unwrap_or(charge.amount);
        if amount < 1 || amount > charge.amount {
            return Err(ApiError::invalid("parameter_invalid_integer", Some("amount"), "More than was charged."));
        }
        let id = self.new_id("du");
        self.disputes.put(Dispute {
            id: id.clone(),
            created: self.now.timestamp(),
            charge: charge.id.clone(),
            intent: charge.intent.clone(),
            amount,
            currency: charge.currency.clone(),
            reason: params.text("reason").unwrap_or("fraudulent").to_owned(),
            status: if inquiry { DisputeStatus::WarningNeedsResponse } else { DisputeStatus::NeedsResponse },
            transactions: Vec::new(),
        });
        if let Some(charge) = self.charges.get_mut(&charge.id) {
            charge.disputed = true;
        }
        self.raise_dispute("charge.dispute.created", &id, None);
        if !inquiry {
            let moved = Moved {
                intent: &charge.intent,
                source: &id,
                amount,
                fee: FEE,
                currency: &charge.currency,
                outward: true,
            };
            let transaction = self.move_money(Movement::DisputeWithdrawn, ("adjustment", "dispute"), moved);
            if let Some(dispute) = self.disputes.get_mut(&id) {
                dispute.transactions.push(transaction);
            }
            self.raise_dispute("charge.dispute.funds_withdrawn", &id, None);
        }
        Ok(self.render_dispute(&id))
    }

    /// Ends a dispute, won or lost; an inquiry is closed.
    pub(crate) fn close_dispute(&mut self, id: &str, won: bool) -> Result<Value, ApiError> {
        let dispute = self.disputes.get(id).ok_or_else(|| ApiError::no_such("dispute", id, "dispute", 404))?.clone();
        let (status, before) = match dispute.status {
            DisputeStatus::NeedsResponse if won => (DisputeStatus::Won, "needs_response"),
            DisputeStatus::NeedsResponse => (DisputeStatus::Lost, "needs_response"),
            DisputeStatus::WarningNeedsResponse => (DisputeStatus::WarningClosed, "warning_needs_response"),
            DisputeStatus::WarningClosed | DisputeStatus::Won | DisputeStatus::Lost => {
                return Err(ApiError::unfit(None, "This dispute is closed already."));
            }
        };
        if let Some(dispute) = self.disputes.get_mut(id) {
            dispute.status = status;
        }
        if status == DisputeStatus::Won {
            let moved = Moved {
                intent: &dispute.intent,
                source: id,
                amount: dispute.amount,
                fee: FEE.saturating_neg(),
                currency: &dispute.currency,
                outward: false,
            };
            let transaction = self.move_money(Movement::DisputeReinstated, ("adjustment", "dispute_reversal"), moved);
            if let Some(dispute) = self.disputes.get_mut(id) {
                dispute.transactions.push(transaction);
            }
        }
        let previous = json!({ "status": before });
        self.raise_dispute("charge.dispute.updated", id, Some(previous.clone()));
        self.raise_dispute("charge.dispute.closed", id, Some(previous));
        if status == DisputeStatus::Won {
            self.raise_dispute("charge.dispute.funds_reinstated", id, None);
        }
        Ok(self.render_dispute(id))
    }

    pub(crate) fn retrieve_dispute(&self, id: &str) -> Result<Value, ApiError> {
        self.disputes.get(id).ok_or_else(|| ApiError::no_such("dispute", id, "dispute", 404))?;
        Ok(self.render_dispute(id))
    }

    pub(crate) fn list_disputes(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&["charge", "created", "ending_before", "expand", "limit", "payment_intent", "starting_after"])?;
        let wanted = |dispute: &&Dispute| {
            params.text("charge").is_none_or(|charge| dispute.charge == charge)
                && params.text("payment_intent").is_none_or(|intent| dispute.intent == intent)
        };
        page(&self.disputes, "/v1/disputes", params, wanted, |dispute| self.render_dispute(&dispute.id))
    }
}
