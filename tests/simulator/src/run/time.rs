//! What happens when its time has come.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use provider_twin::Delivery;

use super::{Run, event, later};
use crate::people::{Request, act, any_act};
use crate::violation::{Violation, bug};
use crate::weather::Fault;
use crate::world::account_of;

/// Something that happens at a time.
#[derive(Debug)]
pub(super) enum Happening {
    /// The schedule's next tick.
    Tick,
    /// A tick that was planned for this time.
    TickFor(DateTime<Utc>),
    /// Somebody does something.
    Act,
    /// The CRM asks the API.
    Ask(Box<Request>),
    /// A webhook comes.
    Webhook(Box<Delivery>),
}

/// What is to come, in order.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    of: BTreeMap<(DateTime<Utc>, u64), Happening>,
    last: u64,
    is_quiet: bool,
}

impl Timeline {
    pub(super) fn put(&mut self, at: DateTime<Utc>, what: Happening) {
        if self.is_quiet && matches!(what, Happening::Act) {
            return;
        }
        self.last = self.last.saturating_add(1);
        self.of.insert((at, self.last), what);
    }

    fn next_at(&self) -> Option<DateTime<Utc>> {
        self.of.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn take_due(&mut self, now: DateTime<Utc>) -> Option<Happening> {
        let first = self.of.first_entry()?;
        if first.key().0 <= now { Some(first.remove()) } else { None }
    }

    /// Nobody does anything new; webhooks that were held back come at once, and what was asked is asked.
    pub(super) fn stop_people(&mut self, now: DateTime<Utc>) {
        self.is_quiet = true;
        for ((at, place), what) in std::mem::take(&mut self.of) {
            match what {
                Happening::Act => {}
                Happening::Webhook(_) => drop(self.of.insert((at.min(now), place), what)),
                Happening::Tick | Happening::TickFor(_) | Happening::Ask(_) => drop(self.of.insert((at, place), what)),
            }
        }
    }

    /// How many webhooks are still to come.
    pub(super) fn webhooks(&self) -> usize {
        self.of.values().filter(|what| matches!(what, Happening::Webhook(_))).count()
    }
}

impl Run {
    /// Time goes on to whatever is next.
    pub(super) fn pass_time(&mut self) -> Result<(), Violation> {
        let next = [
            self.timeline.next_at(),
            self.world.queues.next_visible_at(),
            self.world.twin().next_delivery_at(),
            self.world.line.next_at(),
        ];
        let soonest = next.into_iter().flatten().min().unwrap_or(later(self.now, TimeDelta::hours(1)));
        let next = soonest.max(later(self.now, TimeDelta::seconds(1)));
        self.now = next;
        self.world.twin().set_now(next);
        self.world.line.arrive(&mut self.world.twin(), next);
        self.take_deliveries();
        self.look()
    }

    /// Takes what the provider wants to tell; some of it comes late, twice, or not at all.
    fn take_deliveries(&mut self) {
        let mut due = self.world.twin().take_due_deliveries();
        if due.len() > 1 && self.world.weather.strikes(Fault::WebhookReordered) {
            due.reverse();
        }
        if !due.is_empty() && self.world.weather.strikes(Fault::WebhookOutage) {
            let minutes = i64::try_from(self.world.weather.how(Fault::WebhookOutage, 2_880)).unwrap_or(0);
            self.outage_until = later(self.now, TimeDelta::minutes(minutes));
        }
        if !self.is_healing {
            self.outage_until = self.outage_until.max(self.world.line.away_until());
        }
        for delivery in due {
            let event = (delivery.api_key.clone(), delivery.event.clone());
            self.events.entry(event).or_insert(false);
            if self.is_untold(&delivery.body) {
                continue;
            }
            let weather = &self.world.weather;
            if self.now < self.outage_until {
                // Then all come, in any order.
                let seconds = i64::try_from(weather.how(Fault::WebhookOutage, 3_600)).unwrap_or(0);
                let at = later(self.outage_until, TimeDelta::seconds(seconds));
                self.timeline.put(at, Happening::Webhook(Box::new(delivery)));
                continue;
            }
            if weather.strikes(Fault::WebhookNever) {
                continue;
            }
            if weather.strikes(Fault::WebhookDropped) {
                self.world.twin().bounced(delivery);
                continue;
            }
            if weather.strikes(Fault::WebhookDoubled) {
                let minutes = [0, 1, 10, 1_440, 43_200][weather.how(Fault::WebhookDoubled, 5)];
                self.timeline
                    .put(later(self.now, TimeDelta::minutes(minutes)), Happening::Webhook(Box::new(delivery.clone())));
            }
            let wait = if weather.strikes(Fault::WebhookLate) { weather.how(Fault::WebhookLate, 43_200) } else { 0 };
            let wait = TimeDelta::minutes(i64::try_from(wait).unwrap_or(0));
            self.timeline.put(later(self.now, wait), Happening::Webhook(Box::new(delivery)));
        }
    }

    /// Whether nothing is told of the payment that a webhook is about.
    fn is_untold(&mut self, body: &str) -> bool {
        let Some(payment) = event::payment_of(body).filter(|_| !self.is_all_told) else { return false };
        if let Some(untold) = self.untold.get(payment) {
            return *untold;
        }
        let untold = self.world.weather.strikes(Fault::PaymentUntold);
        self.untold.insert(payment.to_owned(), untold);
        untold
    }

    /// Begins what its time has come for; whether there was anything.
    pub(super) fn happen(&mut self) -> Result<bool, Violation> {
        let Some(what) = self.timeline.take_due(self.now) else { return Ok(false) };
        match what {
            Happening::Tick => self.plan_tick(),
            Happening::TickFor(time) => self.begin_tick(time),
            Happening::Act => {
                let minutes = self.chance.between(5, 400);
                self.timeline.put(later(self.now, TimeDelta::minutes(minutes)), Happening::Act);
                // Now and then everybody comes at once, and often for the same thing.
                let people = if self.chance.happens(800) { self.chance.between(3, 9) } else { 1 };
                let same = any_act(&mut self.people);
                for _ in 0..people {
                    let act = if self.chance.happens(5_000) { same } else { any_act(&mut self.people) };
                    self.say_act(act)?;
                }
            }
            Happening::Ask(request) => self.begin_request(*request),
            Happening::Webhook(delivery) => {
                let account = account_of(&delivery.api_key).ok_or_else(|| bug("a webhook of an unknown account"))?;
                self.begin_webhook(*delivery, account);
            }
        }
        Ok(true)
    }

    fn say_act(&mut self, what: usize) -> Result<(), Violation> {
        let request = act(&mut self.people, &self.observer, &self.world, self.now, what);
        if let Some(request) = request {
            if self.world.weather.strikes(Fault::ClientRepeats) {
                let seconds = self.chance.between(0, 1);
                self.ask_again(request.clone(), TimeDelta::seconds(seconds));
            }
            self.begin_request(request);
        }
        // What the provider did by itself is seen at once.
        self.look()
    }

    /// The tick of this hour, and the plan of the next.
    fn plan_tick(&mut self) {
        let weather = &self.world.weather;
        let next = later(self.now, TimeDelta::hours(1));
        let next = next.with_minute(0).and_then(|at| at.with_second(0)).unwrap_or(next);
        let gap = if weather.strikes(Fault::TickMissing) { weather.how(Fault::TickMissing, 72) } else { 0 };
        let next = later(next, TimeDelta::hours(i64::try_from(gap).unwrap_or(0)));
        let doubled = weather.strikes(Fault::TickDoubled);
        let late = if weather.strikes(Fault::TickLate) { weather.how(Fault::TickLate, 1_440) } else { 0 };
        let time = self.now;
        self.timeline.put(next, Happening::Tick);
        if doubled {
            self.timeline.put(later(time, TimeDelta::seconds(20)), Happening::TickFor(time));
        }
        if late > 0 {
            self.timeline
                .put(later(time, TimeDelta::minutes(i64::try_from(late).unwrap_or(0))), Happening::TickFor(time));
        } else {
            self.begin_tick(time);
        }
    }

    /// Webhooks that were held back.
    pub(crate) fn held_webhooks(&self) -> usize {
        self.timeline.webhooks()
    }
}
