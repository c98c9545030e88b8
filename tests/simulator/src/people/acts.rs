//! One thing that somebody does.

use chrono::{DateTime, Days, Utc};
use http::Method;
use saldo_billing::invoice::{Invoice, InvoiceStatus};
use saldo_billing::subscription::Subscription;
use serde_json::{Value, json};

use super::{CURRENCIES, NAMES, People, Request, Then, ZONES, pending_refunds, provider_call, twin_call};
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
pub(super) fn any<'a, T>(people: &mut People, things: impl ExactSizeIterator<Item = &'a T>) -> Option<&'a T> {
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

    /// Calls off, or pauses, a subscription at the very moment when it is billed.
    pub(crate) fn interfere(&mut self, observer: &Observer, now: DateTime<Utc>) -> Option<Request> {
        let is_due = |subscription: &&Subscription| subscription.bill_at().is_some_and(|at| at <= now);
        let due: Vec<&Subscription> = observer.subscriptions.values().filter(is_due).collect();
        let id = self.chance.pick(&due)?.id;
        let (verb, body) = match self.chance.below(3) {
            0 => ("pause", None),
            1 => ("cancel", Some(json!({ "at": "period_end" }))),
            _ => ("cancel", Some(json!({ "at": "now" }))),
        };
        Some(self.request("POST", format!("/v1/subscriptions/{id}/{verb}"), body, Then::Nothing))
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
        let is_tiny = self.chance.happens(1_500);
        let count = match self.chance.below(4).saturating_add(1) {
            _ if is_tiny => 1,
            _ if self.chance.happens(100) => 450,
            few => few,
        };
        let lines: Vec<Value> = (0..count)
            .map(|_| {
                let amount = if is_tiny { self.tiny_amount(currency) } else { self.amount(currency) };
                let most = if is_tiny { 1 } else { 3 };
                json!({
                    "description": "Consulting", "quantity": self.chance.between(1, most).to_string(),
                    "unit_amount": amount, "tax_rate": self.chance.pick(&["0", "0.07", "0.19"]),
                    "tax_behavior": self.chance.pick(&["exclusive", "exclusive", "inclusive"]),
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
    pub(super) fn owed<'a>(&mut self, observer: &'a Observer) -> Option<(&'a Invoice, &'static str)> {
        for _ in 0..8 {
            let invoice = any(self, observer.invoices.values())?;
            if is_owed(invoice) {
                return Some((invoice, self.account_of(invoice)?));
            }
        }
        None
    }

    pub(super) fn account_of(&self, invoice: &Invoice) -> Option<&'static str> {
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
