//! What people and providers do: customers buy, pay, refuse and dispute; the CRM asks the API; all at random.

mod acts;
mod money;
mod provider;

use serde_json::{Value, json};

use crate::chance::Chance;
use crate::world::ACCOUNTS;

pub(crate) use self::acts::{act, any_act};
pub(crate) use self::provider::{finish_refunds, pay_and_tell_late, pending_refunds, provider_call, twin_call};

const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "Asia/Kolkata",
    "America/New_York",
    "Pacific/Auckland",
    "America/Santiago",
    "Asia/Tokyo",
    "Pacific/Honolulu",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Sao_Paulo",
    "Pacific/Kiritimati",
    "UTC",
];
const CURRENCIES: [&str; 4] = ["EUR", "USD", "JPY", "KWD"];
const NAMES: [&str; 5] = ["Zoë Brünn", "名前株式会社", "O'Neill & Söhne", "Ñandú S.L.", "Ίκαρος ΑΕ"];

/// A request of the CRM to the API.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// The key under which it is repeated.
    pub(crate) key: Option<String>,
    /// What its answer is for.
    pub(crate) then: Then,
    pub(crate) tries: u32,
    /// The first answer that was a success: every later one must be the same.
    pub(crate) answer: Option<String>,
}

/// What to do with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    /// A customer of this seller is there.
    Customer(usize),
    /// A draft is there; it may be finalised next.
    Draft,
    /// A page is there.
    Page(&'static str),
}

/// A customer, as they know themselves.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) seller: usize,
    /// Their id and their methods at the provider.
    pub(crate) provider: Option<(String, Vec<String>)>,
}

/// Everybody outside of Saldo.
pub(crate) struct People {
    pub(crate) chance: Chance,
    pub(crate) people: Vec<Person>,
    pub(crate) sellers: Vec<String>,
    prices: Vec<String>,
    pub(crate) drafts: Vec<String>,
    pages: Vec<(&'static str, String)>,
    disputes: Vec<(&'static str, String)>,
    crowd: usize,
    asked: u64,
}

impl People {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::of(seed, "people");
        let crowd = chance.below(12).saturating_add(3);
        Self {
            chance,
            people: Vec::new(),
            sellers: Vec::new(),
            prices: Vec::new(),
            drafts: Vec::new(),
            pages: Vec::new(),
            disputes: Vec::new(),
            crowd,
            asked: 0,
        }
    }

    /// What the business is made of before anybody comes: each request's answer has the id of what it made.
    pub(crate) fn opening(&mut self) -> Vec<(Value, &'static str)> {
        let ends = ["pause", "cancel", "uncollectible"];
        let mut requests = Vec::new();
        for (place, account) in ACCOUNTS.iter().enumerate() {
            let end = self.chance.pick(&ends).copied().unwrap_or("pause");
            requests.push((
                json!({
                    "name": format!("Seller {place}"), "email": "billing@seller.example", "country": "DE",
                    "zone": self.chance.pick(&ZONES), "number_prefix": format!("S{place}-"), "provider_account": account,
                    "dunning": {
                        "retry_after_days": [3, 5, 7], "when_exhausted": end, "reminder_days": [-3, 1, 7, 14],
                        "reminder_time": "09:00",
                    },
                }),
                "/v1/sellers",
            ));
        }
        for currency in CURRENCIES {
            for _ in 0..2 {
                let (interval, count) = [("day", 3), ("week", 1), ("week", 2), ("month", 1), ("month", 3), ("year", 1)]
                    [self.chance.below(6)];
                let amount = self.amount(currency);
                requests.push((
                    json!({
                        "product": format!("Plan {}", self.chance.below(3)), "currency": currency, "unit_amount": amount,
                        "interval": interval, "interval_count": count, "tax_rate": self.chance.pick(&["0", "0.07", "0.19", "0.21"]),
                        "tax_behavior": self.chance.pick(&["exclusive", "exclusive", "inclusive"]),
                    }),
                    "/v1/prices",
                ));
            }
        }
        requests
    }

    /// Remembers what the opening made.
    pub(crate) fn opened(&mut self, path: &str, id: String) {
        if path == "/v1/sellers" { self.sellers.push(id) } else { self.prices.push(id) }
    }

    /// An amount that the provider takes, as text.
    fn amount(&mut self, currency: &str) -> String {
        match currency {
            "JPY" => self.chance.between(100, 90_000).to_string(),
            "KWD" => format!("{}.{}0", self.chance.between(1, 90), self.chance.between(10, 99)),
            _ => format!("{}.{}", self.chance.between(1, 900), self.chance.between(10, 99)),
        }
    }

    /// An amount that the provider does not charge alone, with or without tax.
    fn tiny_amount(&mut self, currency: &str) -> String {
        match currency {
            "JPY" => self.chance.between(1, 40).to_string(),
            "KWD" => format!("0.0{}0", self.chance.between(1, 3)),
            _ => format!("0.{}", self.chance.between(10, 40)),
        }
    }

    /// A request of the CRM, under a key of its own where it changes something.
    fn request(&mut self, method: &'static str, path: impl Into<String>, body: Option<Value>, then: Then) -> Request {
        self.asked = self.asked.saturating_add(1);
        let key = (method == "POST").then(|| format!("crm-{}", self.asked));
        Request { method, path: path.into(), body, key, then, tries: 0, answer: None }
    }

    /// Takes an answer in; what is asked next.
    pub(crate) fn answered(&mut self, then: &Then, answer: &Value) -> Option<Request> {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        match then {
            Then::Nothing => None,
            Then::Customer(seller) => {
                self.people.push(Person { id: text("id")?, seller: *seller, provider: None });
                None
            }
            Then::Draft => {
                let id = text("id")?;
                if self.chance.happens(7_000) {
                    return Some(self.request("POST", format!("/v1/invoices/{id}/finalise"), None, Then::Nothing));
                }
                self.drafts.push(id);
                None
            }
            Then::Page(account) => {
                let session = text("url")?.split('#').next()?.rsplit('/').next()?.to_owned();
                self.pages.push((account, session));
                None
            }
        }
    }
}
