//! What becomes of money after it was asked for: paid by other means, given back, disputed, paid out.

use http::Method;
use saldo_billing::invoice::Invoice;
use saldo_billing::payment::{Payment, PaymentStatus};
use saldo_money::{Currency, Money};
use serde_json::json;

use super::acts::any;
use super::{CURRENCIES, People, Request, Then, pay_and_tell_late, provider_call, twin_call};
use crate::observer::Observer;
use crate::world::{ACCOUNTS, World};

impl People {
    /// A payment that took money.
    pub(super) fn taken<'a>(&mut self, observer: &'a Observer) -> Option<&'a Payment> {
        for _ in 0..8 {
            let payment = any(self, observer.payments.values())?;
            if payment.status() == PaymentStatus::Succeeded {
                return Some(payment);
            }
        }
        None
    }

    pub(super) fn refund(&mut self, observer: &Observer) -> Option<Request> {
        let payment = self.taken(observer)?;
        let captured = payment.standing().ok()?.captured;
        let share = self.chance.between(1, 12);
        let minor = captured.to_minor().ok()?.checked_mul(share)?.checked_div(10)?.max(1);
        let amount = Money::from_minor(even(minor, payment.currency), payment.currency);
        let body = json!({ "payment": payment.id, "amount": amount });
        Some(self.request("POST", "/v1/refunds", Some(body), Then::Nothing))
    }

    pub(super) fn dispute(&mut self, observer: &Observer, world: &World) -> Option<Request> {
        if self.chance.happens(5_000) && !self.disputes.is_empty() {
            let place = self.chance.below(self.disputes.len());
            let (account, id) = self.disputes.remove(place);
            let won = self.chance.happens(5_000);
            twin_call(&mut world.twin(), account, &format!("disputes/{id}/close"), &json!({ "won": won }));
            return None;
        }
        let payment = self.taken(observer)?;
        let account = ACCOUNTS.into_iter().find(|account| *account == payment.account.to_string())?;
        let inquiry = self.chance.happens(2_000);
        let body = json!({ "payment_intent": payment.reference, "inquiry": inquiry });
        let opened = twin_call(&mut world.twin(), account, "disputes", &body)?;
        self.disputes.push((account, opened.get("id")?.as_str()?.to_owned()));
        None
    }

    pub(super) fn pay_out(&mut self, world: &World) -> Option<Request> {
        let account = self.chance.pick(&ACCOUNTS)?;
        let currency = self.chance.pick(&CURRENCIES)?.to_lowercase();
        let payout = twin_call(&mut world.twin(), account, "payouts", &json!({ "currency": currency }))?;
        let id = payout.get("id")?.as_str()?;
        twin_call(&mut world.twin(), account, &format!("payouts/{id}/finish"), &json!({}));
        None
    }

    /// Pays by means of which Saldo hears only by webhook: the whole, a part, too much, or for nothing that we know.
    pub(super) fn pay_outside(&mut self, observer: &Observer, world: &World) -> Option<Request> {
        let (invoice, account) = self.owed(observer)?;
        let due = invoice.amount_due().ok()?.to_minor().ok()?;
        let minor = match self.chance.below(4) {
            0 => due.checked_div(2)?,
            1 => due.checked_mul(6)?.checked_div(5)?,
            _ => due,
        };
        self.pay(invoice, account, minor, world)
    }

    /// A customer pays all their invoices of a currency at once, paid or not, and a little too much.
    pub(super) fn settle_all(&mut self, observer: &Observer, world: &World) -> Option<Request> {
        let any = any(self, observer.invoices.values())?;
        let account = self.account_of(any)?;
        let is_theirs = |invoice: &&Invoice| {
            invoice.customer == any.customer && invoice.currency() == any.currency() && invoice.issued().is_some()
        };
        for invoice in observer.invoices.values().filter(is_theirs).take(4) {
            let minor = invoice.totals.total.to_minor().ok()?;
            self.pay(invoice, account, minor.checked_add(20)?, world);
        }
        None
    }

    /// Pays an amount for an invoice.
    pub(super) fn pay(
        &mut self,
        invoice: &Invoice,
        account: &'static str,
        minor: i64,
        world: &World,
    ) -> Option<Request> {
        let currency = invoice.currency();
        let (minor, code) = (even(minor, currency).to_string(), currency.code().to_lowercase());
        let id = invoice.id.to_string();
        let mut form = vec![("amount", minor.as_str()), ("currency", &code), ("metadata[outside]", "1")];
        let mut twin = world.twin();
        let paid = if self.chance.happens(500) {
            pay_and_tell_late(&mut twin, account, &form, &id)?
        } else {
            form.extend([("confirm", "true"), ("payment_method", "pm_card_visa")]);
            if !self.chance.happens(1_000) {
                form.push(("metadata[saldo_invoice]", &id));
            }
            provider_call(&mut twin, account, Method::POST, "/v1/payment_intents", &form)?
        };
        if self.chance.happens(2_500) {
            // Somebody at the provider's dashboard thinks better of it, before any webhook was heard.
            let form = [("payment_intent", paid.get("id")?.as_str()?)];
            provider_call(&mut twin, account, Method::POST, "/v1/refunds", &form);
        }
        None
    }
}

/// An amount that the provider takes: with three decimals the last is a zero.
fn even(minor: i64, currency: Currency) -> i64 {
    if currency.exponent() == 3 {
        minor.saturating_sub(minor.checked_rem(10).unwrap_or(0)).max(10)
    } else {
        minor.max(1)
    }
}
