//! Signed deliveries of events to the account's endpoint, with retries.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Where an account's events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The address.
    pub url: String,
    /// What signs them, `whsec_…`.
    pub secret: String,
    /// Which kinds of events go there; `*` stands for all.
    #[serde(default = "all")]
    pub enabled_events: Vec<String>,
    /// Whether events go out by themselves; otherwise only when told to.
    #[serde(default = "yes")]
    pub automatic: bool,
    /// How often each event goes out by itself.
    #[serde(default = "one")]
    pub copies: u32,
    /// Whether what happened last goes out first.
    #[serde(default)]
    pub newest_first: bool,
    /// How long an event waits before it goes out.
    #[serde(default)]
    pub delay_seconds: i64,
    /// How many events are on their way at once, begun in their order. One after the other unless told.
    #[serde(default = "one")]
    pub at_once: u32,
}

/// Every kind of event.
#[must_use]
pub fn all() -> Vec<String> {
    vec!["*".to_owned()]
}

const fn yes() -> bool {
    true
}

impl Endpoint {
    /// Whether events of this kind go there by themselves.
    pub(crate) fn wants(&self, kind: &str) -> bool {
        self.automatic && self.enabled_events.iter().any(|enabled| enabled == "*" || enabled == kind)
    }
}

const fn one() -> u32 {
    1
}

/// How long to wait after each failure, in seconds: three days in all, as Stripe tries.
const RETRY_AFTER: [i64; 12] = [10, 60, 300, 1_800, 3_600, 7_200, 18_000, 36_000, 43_200, 43_200, 43_200, 43_200];

/// One event on its way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Of which account.
    pub api_key: String,
    /// Which event.
    pub event: String,
    /// To where.
    pub url: String,
    /// The event, to the byte.
    pub body: String,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// How often it failed.
    pub failures: usize,
    /// With how many others it may be on its way.
    pub at_once: u32,
    secret: String,
    /// Keeps deliveries due at one instant in order.
    rank: i64,
}

impl Delivery {
    /// The `Stripe-Signature` of this delivery at a time.
    #[must_use]
    pub fn signature(&self, at: DateTime<Utc>) -> String {
        let timestamp = at.timestamp();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else { return String::new() };
        mac.update(format!("{timestamp}.{}", self.body).as_bytes());
        format!("t={timestamp},v1={}", hex::encode(mac.finalize().into_bytes()))
    }
}

/// Everything that is still to be delivered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox {
    waiting: Vec<Delivery>,
    /// How many were taken out and have not been answered.
    under_way: usize,
    sequence: i64,
    delivered: u64,
    given_up: u64,
}

impl Outbox {
    /// Puts an event on its way, as often as asked for.
    pub(crate) fn put(
        &mut self,
        (api_key, endpoint): (&str, &Endpoint),
        (event, body): (&str, &str),
        now: DateTime<Utc>,
        copies: u32,
    ) {
        let delay = TimeDelta::try_seconds(endpoint.delay_seconds).unwrap_or_default();
        for _ in 0..copies {
            self.sequence = self.sequence.saturating_add(1);
            self.waiting.push(Delivery {
                api_key: api_key.to_owned(),
                event: event.to_owned(),
                url: endpoint.url.clone(),
                body: body.to_owned(),
                due_at: now.checked_add_signed(delay).unwrap_or(now),
                failures: 0,
                at_once: endpoint.at_once,
                secret: endpoint.secret.clone(),
                rank: if endpoint.newest_first { self.sequence.saturating_neg() } else { self.sequence },
            });
        }
    }

    /// Takes out what is due.
    pub(crate) fn take_due(&mut self, now: DateTime<Utc>) -> Vec<Delivery> {
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|delivery| delivery.due_at <= now);
        self.waiting = later;
        due.sort_by_key(|delivery| delivery.rank);
        self.under_way = self.under_way.saturating_add(due.len());
        due
    }

    pub(crate) const fn arrived(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        self.delivered = self.delivered.saturating_add(1);
    }

    /// Plans the next try, or gives up after three days.
    pub(crate) fn failed(&mut self, mut delivery: Delivery, now: DateTime<Utc>) {
        self.under_way = self.under_way.saturating_sub(1);
        match RETRY_AFTER.get(delivery.failures).and_then(|seconds| TimeDelta::try_seconds(*seconds)) {
            Some(wait) => {
                delivery.failures = delivery.failures.saturating_add(1);
                delivery.due_at = now.checked_add_signed(wait).unwrap_or(now);
                self.waiting.push(delivery);
            }
            None => self.given_up = self.given_up.saturating_add(1),
        }
    }

    /// Waiting or on their way, arrived, given up.
    pub(crate) fn counts(&self) -> (usize, u64, u64) {
        (self.waiting.len().saturating_add(self.under_way), self.delivered, self.given_up)
    }

    /// When the next one is due.
    pub(crate) fn next_due_at(&self) -> Option<DateTime<Utc>> {
        self.waiting.iter().map(|delivery| delivery.due_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(newest_first: bool) -> Endpoint {
        Endpoint {
            url: "http://127.0.0.1:1/webhooks".to_owned(),
            secret: "whsec_test_secret".to_owned(),
            enabled_events: all(),
            automatic: true,
            copies: 1,
            newest_first,
            delay_seconds: 0,
            at_once: 1,
        }
    }

    #[test]
    fn the_signature_is_the_known_answer() {
        let mut outbox = Outbox::default();
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        outbox.put(("sk_test", &endpoint(false)), ("evt_1", r#"{"id":"evt_1","note":"Zoë € 😀"}"#), now, 1);
        let signature = outbox.take_due(now)[0].signature(now);
        assert_eq!(signature, "t=1700000000,v1=a737d953b6084718ebcb27d16a79417b680cd11751fd7dbb2e5dbfd35b666a7d");
    }

    #[test]
    fn the_newest_goes_first_where_asked_for() {
        for newest_first in [false, true] {
            let mut outbox = Outbox::default();
            let now = DateTime::UNIX_EPOCH;
            for event in ["evt_1", "evt_2"] {
                outbox.put(("sk_test", &endpoint(newest_first)), (event, "{}"), now, 1);
            }
            let first = outbox.take_due(now)[0].event.clone();
            assert_eq!(first, if newest_first { "evt_2" } else { "evt_1" });
        }
    }

    #[test]
    fn what_is_on_its_way_still_counts_as_waiting() {
        let mut outbox = Outbox::default();
        let now = DateTime::UNIX_EPOCH;
        outbox.put(("sk_test", &endpoint(false)), ("evt_1", "{}"), now, 2);
        let mut taken = outbox.take_due(now);
        assert_eq!(outbox.counts(), (2, 0, 0));
        outbox.arrived();
        assert_eq!(outbox.counts(), (1, 1, 0));
        outbox.failed(taken.remove(0), now);
        assert_eq!(outbox.counts(), (1, 1, 0), "it waits for its next try");
    }

    #[test]
    fn a_failed_delivery_is_tried_for_three_days_and_then_given_up() {
        let mut outbox = Outbox::default();
        let mut now = DateTime::UNIX_EPOCH;
        outbox.put(("sk_test", &endpoint(false)), ("evt_1", "{}"), now, 1);
        let mut tries = 0;
        while let Some(due_at) = outbox.next_due_at() {
            now = due_at;
            tries += 1;
            let delivery = outbox.take_due(now).remove(0);
            outbox.failed(delivery, now);
        }
        assert_eq!((tries, outbox.counts()), (13, (0, 0, 1)));
        assert!(now.timestamp() < 3 * 86_400, "{now}");
    }
}
