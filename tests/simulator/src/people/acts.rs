//! One thing that somebody does.

use chrono::{DateTime, Days, Utc};
use http::Method;
use saldo_billing::invoice::{Invoice, InvoiceStatus};
use saldo_billing::payment::{Payment, PaymentStatus};
use saldo_money::{Currency, Money};
use serde_json::{Value, json};

use super::{
    CURRENCIES, NAMES, People, Request, Then, ZONES, pay_and_tell_late, pending_refunds, provider_call, twin_call,
};
use crate::observer::Observer;
use crate::world::{ACCOUNTS, World};

/// Methods that pay, in the end.
const GOOD: [&str; 4] = ["pm_card_visa", "pm_card_mastercard", "pm_card_visa", "pm_sepa_debit"];
/// Methods that do not.
const BAD: [&str; 4] = [
    "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_visa_chargeDeclinedLostCard",
    "pm_card_authenticationRequired",
    "pm_sepa_debit_fails",
];

/// How many shares of chance there are to do something.
const ACTS: usize = 102;

/// Something to do.
pub(crate) fn any_act(people: &mut People) -> usize {
    people.chance.below(ACTS)
}

/// Does it; what the CRM asks the API for, if it is its turn.
pub(crate) fn act(
    people: &mut People,
    observer: &Observer,
    world: &World,
    now: DateTime<Utc>,
    act: usize,
) -> Option<Request> {
    match act {
        0..=9 => people.newcomer(),
        10..=21 => people.subscribe(now),
        22..=24 => people.cancel(observer),
        25..=27 => people.pause_or_resume(observer),
        28..=29 => people.move_house(),
        30 => people.rename_seller(),
        31..=40 => people.draft(),
        41..=45 => people.decide_draft(),
        46..=47 => people.give_up(observer),
        48..=54 => people.ask_for_page(observer),
        55..=62 => people.pay_on_page(world),
        63..=69 => people.refund(observer),
        70..=73 => people.dispute(observer, world),
        74..=75 => people.pay_out(world),
        76..=83 => people.pay_outside(observer, world),
        84..=92 => people.change_method(world),
        93..=94 => people.finish_refund(world),
        95..=96 => people.settle_all(observer, world),
        _ => people.look(observer),
    }
}

/// One of the values of a map, at random.
fn any<'a, T>(people: &mut People, things: impl ExactSizeIterator<Item = &'a T>) -> Option<&'a T> {
    let count = things.len();
    let mut things = things;
    if count == 0 { None } else { things.nth(people.chance.below(count)) }
}

fn is_owed(invoice: &Invoice) -> bool {
    matches!(invoice.status(), Ok(InvoiceStatus::Open | InvoiceStatus::PartlyPaid | InvoiceStatus::Uncollectible))
}

impl People {
    fn newcomer(&mut self) -> Option<Request> {
        if self.people.len() >= self.crowd {
            return None;
        }
        let seller = self.chance.below(self.sellers.len());
        let body = json!({
            "name": self.chance.pick(&NAMES), "email": format!("c{}@customer.example", self.asked), "country": "NL",
            "zone": self.chance.pick(&ZONES), "language": self.chance.pick(&["en", "de"]),
            "region": self.chance.pick(&["EMEA", "APAC", "US"]), "channel": self.chance.pick(&["web", "sales"]),
            "seller": self.sellers.get(seller),
        });
        Some(self.request("POST", "/v1/customers", Some(body), Then::Customer(seller)))
    }

    fn subscribe(&mut self, now: DateTime<Utc>) -> Option<Request> {
        let person = self.chance.pick(&self.people)?.id.clone();
        let price = self.chance.pick(&self.prices)?.clone();
        let start_on = now.date_naive().checked_add_days(Days::new(u64::try_from(self.chance.below(20)).ok()?))?;
        let mut body = json!({
            "customer": person, "items": [{ "price": price, "quantity": self.chance.between(1, 4).to_string() }],
            "start_on": start_on, "collection": self.chance.pick(&["automatic", "automatic", "send_invoice"]),
            "net_terms_days": self.chance.between(0, 14), "net_terms_end_of_month": self.chance.happens(1_000),
        });
        let later = |days: i64| start_on.checked_add_days(Days::new(days.unsigned_abs()));
        if self.chance.happens(1_500) {
            body["trial_end_on"] = json!(later(self.chance.between(1, 20)));
        }
        if self.chance.happens(1_000) {
            body["ends_on"] = json!(later(self.chance.between(25, 60)));
        }
        Some(self.request("POST", "/v1/subscriptions", Some(body), Then::Nothing))
    }

    fn cancel(&mut self, observer: &Observer) -> Option<Request> {
        let id = any(self, observer.subscriptions.keys())?.to_string();
        let body = json!({ "at": self.chance.pick(&["now", "period_end"]) });
        Some(self.request("POST", format!("/v1/subscriptions/{id}/cancel"), Some(body), Then::Nothing))
    }

    fn pause_or_resume(&mut self, observer: &Observer) -> Option<Request> {
        let (id, paused) = {
            let subscription = any(self, observer.subscriptions.values())?;
            (subscription.id, subscription.paused_at().is_some())
        };
        let verb = if paused { "resume" } else { "pause" };
        Some(self.request("POST", format!("/v1/subscriptions/{id}/{verb}"), None, Then::Nothing))
    }

    fn move_house(&mut self) -> Option<Request> {
        let id = self.chance.pick(&self.people)?.id.clone();
        let body = if self.chance.happens(6_000) {
            json!({ "zone": self.chance.pick(&ZONES) })
        } else {
            json!({ "region": self.chance.pick(&["EMEA", "APAC", "US"]) })
        };
        Some(self.request("PATCH", format!("/v1/customers/{id}"), Some(body), Then::Nothing))
    }

    fn draft(&mut self) -> Option<Request> {
        let id = self.chance.pick(&self.people)?.id.clone();
        let currency = self.chance.pick(&CURRENCIES).copied()?;
        let count = if self.chance.happens(100) { 450 } else { self.chance.below(4).saturating_add(1) };
        let lines: Vec<Value> = (0..count)
            .map(|_| {
                json!({
                    "description": "Consulting", "quantity": self.chance.between(1, 3).to_string(),
                    "unit_amount": self.amount(currency), "tax_rate": self.chance.pick(&["0", "0.07", "0.19"]),
                })
            })
            .collect();
        let body = json!({
            "customer": id, "currency": currency, "lines": lines, "net_terms_days": self.chance.between(0, 20),
            "collection": self.chance.pick(&["automatic", "send_invoice"]),
        });
        Some(self.request("POST", "/v1/invoices", Some(body), Then::Draft))
    }

    fn decide_draft(&mut self) -> Option<Request> {
        let place = self.chance.below(self.drafts.len());
        let id = self.drafts.get(place)?.clone();
        if self.chance.happens(7_000) {
            self.drafts.remove(place);
        }
        if self.chance.happens(2_000) {
            return Some(self.request("DELETE", format!("/v1/invoices/{id}"), None, Then::Nothing));
        }
        Some(self.request("POST", format!("/v1/invoices/{id}/finalise"), None, Then::Nothing))
    }

    fn give_up(&mut self, observer: &Observer) -> Option<Request> {
        let id = any(self, observer.invoices.keys())?.to_string();
        let verb = self.chance.pick(&["void", "write-off"])?;
        Some(self.request("POST", format!("/v1/invoices/{id}/{verb}"), None, Then::Nothing))
    }

    /// An invoice on which something is due, and its account at the provider.
    fn owed<'a>(&mut self, observer: &'a Observer) -> Option<(&'a Invoice, &'static str)> {
        for _ in 0..8 {
            let invoice = any(self, observer.invoices.values())?;
            if is_owed(invoice) {
                return Some((invoice, self.account_of(invoice)?));
            }
        }
        None
    }

    fn account_of(&self, invoice: &Invoice) -> Option<&'static str> {
        let seller = self.sellers.iter().position(|seller| *seller == invoice.seller.to_string())?;
        ACCOUNTS.get(seller).copied()
    }

    fn ask_for_page(&mut self, observer: &Observer) -> Option<Request> {
        let (invoice, account) = self.owed(observer)?;
        let path = format!("/v1/invoices/{}/payment-link", invoice.id);
        Some(self.request("POST", path, Some(json!({})), Then::Page(account)))
    }

    fn pay_on_page(&mut self, world: &World) -> Option<Request> {
        let place = self.chance.below(self.pages.len());
        let (account, session) = self.pages.get(place)?.clone();
        let token = if self.chance.happens(7_500) { self.chance.pick(&GOOD) } else { self.chance.pick(&BAD) };
        twin_call(&mut world.twin(), account, &format!("sessions/{session}/pay"), &json!({ "payment_method": token }));
        if self.chance.happens(3_000) {
            self.pages.remove(place);
        }
        None
    }

    /// A payment that took money.
    fn taken<'a>(&mut self, observer: &'a Observer) -> Option<&'a Payment> {
        for _ in 0..8 {
            let payment = any(self, observer.payments.values())?;
            if payment.status() == PaymentStatus::Succeeded {
                return Some(payment);
            }
        }
        None
    }

    fn refund(&mut self, observer: &Observer) -> Option<Request> {
        let payment = self.taken(observer)?;
        let captured = payment.standing().ok()?.captured;
        let share = self.chance.between(1, 12);
        let minor = captured.to_minor().ok()?.checked_mul(share)?.checked_div(10)?.max(1);
        let amount = Money::from_minor(even(minor, payment.currency), payment.currency);
        let body = json!({ "payment": payment.id, "amount": amount });
        Some(self.request("POST", "/v1/refunds", Some(body), Then::Nothing))
    }

    fn dispute(&mut self, observer: &Observer, world: &World) -> Option<Request> {
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

    fn pay_out(&mut self, world: &World) -> Option<Request> {
        let account = self.chance.pick(&ACCOUNTS)?;
        let currency = self.chance.pick(&CURRENCIES)?.to_lowercase();
        let payout = twin_call(&mut world.twin(), account, "payouts", &json!({ "currency": currency }))?;
        let id = payout.get("id")?.as_str()?;
        twin_call(&mut world.twin(), account, &format!("payouts/{id}/finish"), &json!({}));
        None
    }

    /// Pays by means of which Saldo hears only by webhook: the whole, a part, too much, or for nothing that we know.
    fn pay_outside(&mut self, observer: &Observer, world: &World) -> Option<Request> {
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
    fn settle_all(&mut self, observer: &Observer, world: &World) -> Option<Request> {
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
    fn pay(&mut self, invoice: &Invoice, account: &'static str, minor: i64, world: &World) -> Option<Request> {
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

    /// Somebody gets a method of payment, another one, or loses theirs.
    fn change_method(&mut self, world: &World) -> Option<Request> {
        let place = self.chance.below(self.people.len());
        let person = self.people.get(place)?.clone();
        let account = ACCOUNTS.get(person.seller).copied()?;
        let mut twin = world.twin();
        let (customer, methods) = match person.provider {
            Some(known) => known,
            None => {
                let form = [("metadata[saldo_customer]", person.id.as_str())];
                let made = provider_call(&mut twin, account, Method::POST, "/v1/customers", &form)?;
                (made.get("id")?.as_str()?.to_owned(), Vec::new())
            }
        };
        if self.chance.happens(2_000) && !methods.is_empty() {
            let method = self.chance.pick(&methods)?.clone();
            // A card stays one: only a direct debit is decided days later.
            let like = if self.chance.happens(5_000) { GOOD.first() } else { BAD.get(self.chance.below(3)) };
            twin_call(&mut twin, account, &format!("payment_methods/{method}"), &json!({ "like": like }));
            return None;
        }
        if self.chance.happens(700) && !methods.is_empty() {
            let method = self.chance.pick(&methods)?.clone();
            provider_call(&mut twin, account, Method::POST, &format!("/v1/payment_methods/{method}/detach"), &[]);
            return None;
        }
        let token = if self.chance.happens(7_000) { self.chance.pick(&GOOD) } else { self.chance.pick(&BAD) }?;
        let by_setup = self.chance.happens(4_000);
        let saved = if by_setup {
            let form = [
                ("customer", customer.as_str()),
                ("payment_method", token),
                ("confirm", "true"),
                ("usage", "off_session"),
                ("metadata[saldo_customer]", &person.id),
            ];
            provider_call(&mut twin, account, Method::POST, "/v1/setup_intents", &form)?
        } else {
            let path = format!("/v1/payment_methods/{token}/attach");
            provider_call(&mut twin, account, Method::POST, &path, &[("customer", &customer)])?
        };
        let field = if by_setup { "payment_method" } else { "id" };
        let method = saved.get(field)?.as_str()?.to_owned();
        let mut all = methods;
        all.push(method.clone());
        self.people.get_mut(place)?.provider = Some((customer.clone(), all));
        if by_setup {
            return None;
        }
        let mut fields = json!({
            "account": account, "token": method, "customer": customer, "kind": saved.get("type"),
        });
        if let Some(card) = saved.get("card").filter(|card| card.is_object()) {
            fields["network"] = card["brand"].clone();
            fields["last4"] = card["last4"].clone();
        }
        let body = json!({ "payment_method": fields });
        Some(self.request("PATCH", format!("/v1/customers/{}", person.id), Some(body), Then::Nothing))
    }

    /// A refund to a bank account arrives, or comes back.
    fn finish_refund(&mut self, world: &World) -> Option<Request> {
        let account = self.chance.pick(&ACCOUNTS)?;
        let mut twin = world.twin();
        let pending = pending_refunds(&mut twin, account);
        let id = self.chance.pick(&pending)?;
        let body = if self.chance.happens(3_000) { json!({ "failure_reason": "declined" }) } else { json!({}) };
        twin_call(&mut twin, account, &format!("refunds/{id}/finish"), &body);
        None
    }

    /// A seller calls itself something else; what it has issued keeps the old name.
    fn rename_seller(&mut self) -> Option<Request> {
        let id = self.chance.pick(&self.sellers)?.clone();
        let body = json!({ "name": format!("Seller {}", self.chance.below(100)), "footer": "Thank you" });
        Some(self.request("PATCH", format!("/v1/sellers/{id}"), Some(body), Then::Nothing))
    }

    fn look(&mut self, observer: &Observer) -> Option<Request> {
        let path = match self.chance.below(4) {
            0 => self.look_at_a_list(),
            1 => format!("/v1/invoices/{}/pdf", any(self, observer.invoices.keys())?),
            2 => "/v1/reports/revenue?from=2026-01-01&to=2027-12-31&by=month".to_owned(),
            _ => self.look_at_one(observer)?,
        };
        Some(self.request("GET", path, None, Then::Nothing))
    }

    fn look_at_a_list(&mut self) -> String {
        let lists = ["invoices", "customers", "subscriptions", "sellers", "prices", "products", "api-keys"];
        format!("/v1/{}?limit=10", self.chance.pick(&lists).copied().unwrap_or("invoices"))
    }

    fn look_at_one(&mut self, observer: &Observer) -> Option<String> {
        let path = match self.chance.below(10) {
            0 => format!("/v1/payments?invoice={}", any(self, observer.invoices.keys())?),
            1 => format!("/v1/invoices/{}", any(self, observer.invoices.keys())?),
            2 => format!("/v1/invoices/{}/entries", any(self, observer.invoices.keys())?),
            3 => format!("/v1/invoices/{}/mails", any(self, observer.invoices.keys())?),
            4 => format!("/v1/payments/{}", any(self, observer.payments.keys())?),
            5 => format!("/v1/subscriptions/{}", any(self, observer.subscriptions.keys())?),
            6 => format!("/v1/customers/{}", any(self, observer.customers.keys())?),
            7 => format!("/v1/refunds?payment={}", any(self, observer.payments.keys())?),
            8 => format!("/v1/sellers/{}", self.chance.pick(&self.sellers)?),
            _ => format!("/v1/prices/{}", self.chance.pick(&self.prices)?),
        };
        Some(path)
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
