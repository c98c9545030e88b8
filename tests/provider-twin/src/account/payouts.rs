//! Payouts: what the balance holds goes to the bank.

use serde_json::{Value, json};

use super::{Account, page};
use crate::error::ApiError;
use crate::form::Params;
use crate::object::{Payout, PayoutStatus, Transaction};
use crate::render;

const DAY_SECONDS: i64 = 86_400;

impl Account {
    fn render_payout(&self, id: &str) -> Value {
        self.payouts.get(id).map(render::payout).unwrap_or_default()
    }

    fn raise_payout(&mut self, kind: &'static str, id: &str, previous: Option<Value>) {
        let rendered = self.render_payout(id);
        self.raise(kind, &rendered, previous);
    }

    /// Pays out all that was not paid out yet in a currency.
    pub(crate) fn pay_out(&mut self, currency: &str) -> Result<Value, ApiError> {
        let waiting =
            |moved: &Transaction| moved.payout.is_none() && moved.currency == currency && moved.kind != "payout";
        let amount = self
            .transactions
            .iter()
            .filter(|moved| waiting(moved))
            .fold(0_i64, |sum, moved| sum.saturating_add(moved.net()));
        if amount <= 0 {
            return Err(ApiError::unfit(Some("balance_insufficient"), "You have insufficient funds for this payout."));
        }
        let (id, transaction, now) = (self.new_id("po"), self.new_id("txn"), self.now.timestamp());
        for moved in self.transactions.iter_mut().filter(|moved| waiting(moved)) {
            moved.payout = Some(id.clone());
        }
        self.transactions.put(Transaction {
            id: transaction.clone(),
            created: now,
            amount: amount.saturating_neg(),
            fee: 0,
            currency: currency.to_owned(),
            kind: "payout",
            category: "payout",
            source: id.clone(),
            payout: Some(id.clone()),
        });
        let midnight = now.saturating_sub(now.checked_rem(DAY_SECONDS).unwrap_or(0));
        self.payouts.put(Payout {
            id: id.clone(),
            created: now,
            amount,
            currency: currency.to_owned(),
            arrival_date: midnight.saturating_add(2 * DAY_SECONDS),
            status: PayoutStatus::Pending,
            failure_code: None,
            failure_transaction: None,
            transaction,
        });
        self.raise_payout("payout.created", &id, None);
        Ok(self.render_payout(&id))
    }

    /// Ends a payout: it arrives, or the bank sends it back.
    pub(crate) fn finish_payout(&mut self, id: &str, failure_code: Option<&str>) -> Result<Value, ApiError> {
        let payout = self.payouts.get_mut(id).ok_or_else(|| ApiError::no_such("payout", id, "payout", 404))?;
        if payout.status == PayoutStatus::Failed {
            return Err(ApiError::unfit(None, "This payout has failed already."));
        }
        payout.failure_code = failure_code.map(ToOwned::to_owned);
        payout.status = if failure_code.is_some() { PayoutStatus::Failed } else { PayoutStatus::Paid };
        let sent_back = (payout.amount, payout.currency.clone());
        if failure_code.is_some() {
            self.take_back(id, sent_back);
        }
        let kind = if failure_code.is_some() { "payout.failed" } else { "payout.paid" };
        self.raise_payout(kind, id, None);
        if failure_code.is_none() {
            let previous = json!({ "reconciliation_status": "in_progress" });
            self.raise_payout("payout.reconciliation_completed", id, Some(previous));
        }
        Ok(self.render_payout(id))
    }

    /// What the bank sent back waits for the next payout.
    fn take_back(&mut self, id: &str, (amount, currency): (i64, String)) {
        let transaction = self.new_id("txn");
        self.transactions.put(Transaction {
            id: transaction.clone(),
            created: self.now.timestamp(),
            amount,
            fee: 0,
            currency,
            kind: "payout_failure",
            category: "payout_reversal",
            source: id.to_owned(),
            payout: None,
        });
        if let Some(payout) = self.payouts.get_mut(id) {
            payout.failure_transaction = Some(transaction);
        }
    }

    pub(crate) fn retrieve_payout(&self, id: &str) -> Result<Value, ApiError> {
        self.payouts.get(id).ok_or_else(|| ApiError::no_such("payout", id, "payout", 404))?;
        Ok(self.render_payout(id))
    }

    pub(crate) fn list_payouts(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "arrival_date",
            "created",
            "destination",
            "ending_before",
            "expand",
            "limit",
            "starting_after",
            "status",
        ])?;
        page(&self.payouts, "/v1/payouts", params, |_| true, render::payout)
    }
}
