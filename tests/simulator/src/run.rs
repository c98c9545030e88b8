//! One run: a seed, a business, months of its life, and everything that can go wrong.

#[cfg(test)]
mod cost;
mod event;
mod stream;
mod task;
mod time;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::catch_unwind;

use anyhow::{Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use self::stream::Streams;
pub(crate) use self::task::INVOCATION;
use self::task::Task;
use self::time::{Happening, Timeline};
use crate::chance::Chance;
use crate::coverage::operation;
use crate::observer::Observer;
use crate::people::{People, Request, finish_refunds};
use crate::sabotage::Sabotage;
use crate::violation::{Invariant, Violation, broken, bug};
use crate::weather::{Fault, Weather};
use crate::world::{API_KEY, World};
use crate::{finish, moment};

/// Invocations under way at a time.
const TASKS_MAX: usize = 6;

/// Many times the steps that the busiest day has: whoever needs more goes round in circles.
const STEPS_PER_DAY_MAX: u64 = 20_000;

/// The lines of the trace that are kept.
const TRACE_LINES: usize = 80;

/// What is played.
#[derive(Debug, Clone)]
pub struct Plan {
    /// From which everything random comes.
    pub seed: u64,
    /// How many days the weather lasts; afterwards everything heals.
    pub days: u32,
    /// Faults that are left out.
    pub without: Vec<Fault>,
    /// A defect on purpose.
    pub sabotage: Option<Sabotage>,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The first promise that was broken, after how many steps, and what came before it.
    pub violation: Option<(Violation, u64, Vec<String>)>,
    /// Days that passed.
    pub days: u64,
    /// Handlers that were invoked, by name.
    pub invocations: BTreeMap<&'static str, u64>,
    /// Faults that struck.
    pub faults: BTreeMap<Fault, u64>,
    /// What the functions did that a role must allow.
    pub used: BTreeSet<String>,
    /// What the API was asked, and with which status it answered.
    pub answers: BTreeSet<(&'static str, i64)>,
}

/// A run under way.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) observer: Observer,
    pub(crate) people: People,
    pub(crate) now: DateTime<Utc>,
    pub(crate) steps: u64,
    /// The number of the day, and the step that it began with.
    day: (i64, u64),
    pub(crate) sabotage: Option<Sabotage>,
    chance: Chance,
    tasks: Vec<Task>,
    streams: Streams,
    timeline: Timeline,
    trace: VecDeque<String>,
    invocations: BTreeMap<&'static str, u64>,
    answers: BTreeSet<(&'static str, i64)>,
    /// Events of the provider, and whether each has arrived.
    pub(crate) events: BTreeMap<(String, String), bool>,
    /// The bus, by kind.
    pub(crate) told: BTreeMap<String, u64>,
    /// Until when no webhook gets through.
    outage_until: DateTime<Utc>,
    is_healing: bool,
    /// The payments that webhooks told of, and whether theirs are withheld.
    untold: BTreeMap<String, bool>,
    /// Whether all webhooks are sent again that never came.
    is_all_told: bool,
}

/// Plays a plan to its end, or to the first broken promise. A panic is one, too.
#[must_use]
pub fn play(plan: &Plan) -> Outcome {
    let played = catch_unwind(|| try_play(plan)).unwrap_or_else(|_| bail!("something panicked"));
    played.unwrap_or_else(|error| Outcome {
        violation: Some((bug(format!("{error:#}")), 0, Vec::new())),
        days: 0,
        invocations: BTreeMap::new(),
        faults: BTreeMap::new(),
        used: BTreeSet::new(),
        answers: BTreeSet::new(),
    })
}

fn try_play(plan: &Plan) -> Result<Outcome> {
    // Handlers ask for a timer; nothing here ever waits for one.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _context = tokio.enter();
    let begun: DateTime<Utc> = DateTime::from_timestamp(1_772_323_200, 0).unwrap_or_default();
    moment::begin(plan.seed);
    moment::set(begun);
    let weather = Weather::of(plan.seed, &plan.without);
    let world = World::new(plan.seed, begun, weather, plan.sabotage)?;
    Ok(Run::new(plan, world, begun).play(plan))
}

impl Run {
    fn new(plan: &Plan, world: World, now: DateTime<Utc>) -> Self {
        Self {
            world,
            observer: Observer::default(),
            people: People::new(plan.seed),
            now,
            steps: 0,
            day: (0, 0),
            sabotage: plan.sabotage,
            chance: Chance::of(plan.seed, "schedule"),
            tasks: Vec::new(),
            streams: Streams::default(),
            timeline: Timeline::default(),
            trace: VecDeque::new(),
            invocations: BTreeMap::new(),
            answers: BTreeSet::new(),
            events: BTreeMap::new(),
            told: BTreeMap::new(),
            outage_until: now,
            is_healing: false,
            untold: BTreeMap::new(),
            is_all_told: false,
        }
    }

    fn play(mut self, plan: &Plan) -> Outcome {
        let begun = self.now;
        let ended = self.live(plan);
        let mut trace: Vec<String> = std::mem::take(&mut self.trace).into();
        let violation = ended.err().map(|violation| {
            trace.push(format!("{} {}: {}", self.now.format("%F %R"), violation.invariant, violation.found));
            (violation, self.steps, trace)
        });
        Outcome {
            violation,
            days: self.now.signed_duration_since(begun).num_days().unsigned_abs(),
            invocations: self.invocations,
            faults: self.world.weather.met(),
            used: self.world.permissions.used(),
            answers: self.answers,
        }
    }

    fn live(&mut self, plan: &Plan) -> Result<(), Violation> {
        self.open()?;
        self.world.weather.begin();
        let until = later(self.now, TimeDelta::days(i64::from(plan.days)));
        self.timeline.put(later(self.now, TimeDelta::minutes(30)), Happening::Tick);
        self.timeline.put(later(self.now, TimeDelta::minutes(7)), Happening::Act);
        while self.now < until {
            self.step()?;
        }
        self.heal()?;
        finish::check_untold(self)?;
        self.tell_all()?;
        finish::check(self)
    }

    /// Makes what the business begins with, while the weather is calm.
    fn open(&mut self) -> Result<(), Violation> {
        for (body, path) in self.people.opening() {
            let answer = self.ask_now("POST", path, Some(&body))?;
            let id = answer.get("id").and_then(Value::as_str).ok_or_else(|| bug(format!("{path} made nothing")))?;
            self.people.opened(path, id.to_owned());
        }
        self.look()
    }

    /// One request to the API that is answered at once.
    pub(crate) fn ask_now(
        &mut self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Violation> {
        moment::give_to("crm-api", self.now);
        let event = event::http_event(
            method,
            path,
            body,
            &[("authorization", &format!("Bearer {API_KEY}")), ("content-type", "application/json")],
        );
        let answer = crate::world::at_once(crm_api::handler::handle(&self.world.functions.router, event));
        let answer = answer.map_err(bug)?;
        self.note_answer(method, path, answer.status_code);
        let text = event::body_of(&answer);
        if !(200..300).contains(&answer.status_code) {
            return Err(bug(format!("{method} {path} was answered with {}: {text}", answer.status_code)));
        }
        serde_json::from_str(&text).map_err(bug)
    }

    /// Lets everything heal and the clocks run: faults end, dead letters are redriven. Webhooks that never came still do not come.
    fn heal(&mut self) -> Result<(), Violation> {
        self.say("everything heals");
        self.world.weather.heal();
        self.is_healing = true;
        self.outage_until = self.now;
        self.timeline.stop_people(self.now);
        self.let_pass(finish::DAYS)
    }

    /// Somebody has all webhooks sent again that never came.
    fn tell_all(&mut self) -> Result<(), Violation> {
        self.say("what was never told is told");
        self.is_all_told = true;
        let resent = self.events.iter().filter(|(_, arrived)| !**arrived).map(|(event, _)| event.clone());
        for (key, event) in resent.collect::<Vec<_>>() {
            self.world.twin().deliver(&key, &event, 1);
        }
        self.let_pass(finish::DAYS_AFTER_ALL)
    }

    /// Lets days pass, and all work come to its end.
    fn let_pass(&mut self, days: u32) -> Result<(), Violation> {
        for _ in 0..days {
            let until = later(self.now, TimeDelta::days(1));
            self.world.queues.redrive(self.now);
            finish_refunds(&mut self.world.twin());
            while self.now < until {
                self.step()?;
            }
        }
        self.rest()
    }

    /// Lets all work come to its end, and what the provider and the queues are about to tell.
    fn rest(&mut self) -> Result<(), Violation> {
        loop {
            while self.work()? {}
            let soon =
                [self.world.queues.next_visible_at(), self.world.twin().next_delivery_at(), self.world.line.next_at()];
            let soon = soon.into_iter().flatten().min();
            if soon.is_none_or(|soon| soon > later(self.now, TimeDelta::hours(1))) {
                return Ok(());
            }
            self.pass_time()?;
        }
    }

    /// One step: somebody who is at work goes on, or somebody begins, or time passes.
    fn step(&mut self) -> Result<(), Violation> {
        if !self.work()? {
            self.pass_time()?;
        }
        Ok(())
    }

    /// Whether there was anything to do.
    fn work(&mut self) -> Result<bool, Violation> {
        self.count_step()?;
        let may_begin = self.tasks.len() < TASKS_MAX;
        if self.tasks.is_empty() || (may_begin && self.chance.happens(3_000)) {
            if self.begin()? {
                return Ok(true);
            }
            if self.tasks.is_empty() {
                return Ok(false);
            }
        }
        // While some wait, time may pass for others.
        if self.chance.happens(20) && !self.is_healing {
            self.pass_time()?;
        }
        let place = self.chance.below(self.tasks.len());
        self.go_on(place)?;
        Ok(true)
    }

    /// Work comes to its end, also when every answer is bad.
    fn count_step(&mut self) -> Result<(), Violation> {
        self.steps = self.steps.saturating_add(1);
        let day = self.now.timestamp().div_euclid(86_400);
        if self.day.0 != day {
            self.day = (day, self.steps);
        }
        if self.steps.saturating_sub(self.day.1) > STEPS_PER_DAY_MAX {
            return Err(broken(Invariant::I8, "the work of a day has no end"));
        }
        Ok(())
    }

    /// Looks at what the last step changed.
    fn look(&mut self) -> Result<(), Violation> {
        if let Some(refused) = self.world.permissions.take_refused() {
            return Err(broken(Invariant::Bug, refused));
        }
        let changes = self.observer.look(&self.world)?;
        self.streams.take(changes);
        for body in self.world.queues.take_bus() {
            let event: saldo_messages::DomainEvent = saldo_messages::decode(&body).map_err(bug)?;
            let told = self.told.entry(event.kind.clone()).or_default();
            *told = told.saturating_add(1);
        }
        Ok(())
    }

    pub(crate) fn say(&mut self, what: impl Into<String>) {
        if self.trace.len() >= TRACE_LINES {
            self.trace.pop_front();
        }
        self.trace.push_back(format!("{} {}", self.now.format("%F %R"), what.into()));
    }

    fn note_answer(&mut self, method: &str, path: &str, status: i64) {
        self.answers.extend(operation(method, path).map(|operation| (operation, status)));
    }

    fn count(&mut self, handler: &'static str) {
        let count = self.invocations.entry(handler).or_default();
        *count = count.saturating_add(1);
    }

    /// The CRM asks the API again, a little later.
    fn ask_again(&mut self, request: Request, after: TimeDelta) {
        self.timeline.put(later(self.now, after), Happening::Ask(Box::new(request)));
    }

    /// Whether nobody is at work, and no stream has anything to tell.
    pub(crate) fn is_at_rest(&self) -> Result<(), Violation> {
        if !self.tasks.is_empty() {
            return Err(broken(Invariant::I8, "somebody is still at work"));
        }
        self.streams.are_read().map_err(|left| broken(Invariant::I8, format!("changes were not read: {left}")))
    }
}

/// A later time.
pub(crate) fn later(now: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    now.checked_add_signed(by).unwrap_or(now)
}
