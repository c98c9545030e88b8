//! Handlers at work: begun with an event, taken one step at a time, able to die between any two.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use billing_tick::handler::Tick;
use chrono::{DateTime, TimeDelta, Utc};
use provider_twin::Delivery;
use report_aggregation::handler::{Input, Output};
use saldo_messages::Destination;
use saldo_runtime::budget::Budget;
use saldo_runtime::stream::delivered;
use serde_json::Value;

use super::event::{body_of, checkpoint, http_event, kind_of, message_id, shortened, sqs_message};
use super::stream::{Reader, Taken};
use super::{Run, later};
use crate::moment;
use crate::people::Request;
use crate::sabotage::Sabotage;
use crate::violation::{Invariant, Violation, broken};
use crate::weather::Fault;
use crate::world::API_KEY;

/// How long an invocation may take; nothing takes any time here.
pub(crate) const INVOCATION: Duration = Duration::from_secs(900);

/// How many seconds a clock is off at most.
const SKEW_MAX: usize = 600;

/// How many seconds the clock is off at most by which a signature is checked: the provider allows for five minutes.
const SIGNATURE_SKEW_MAX: usize = 290;

/// How often a client asks again before it gives up.
const TRIES_MAX: u32 = 12;

/// What a handler said.
pub(super) enum Said {
    /// The messages that failed; nothing when the whole batch did.
    Batch(Option<Vec<String>>),
    /// Where the stream goes on, if not behind the batch; nothing when the whole batch failed.
    Stream(Option<Option<u64>>),
    Answered(i64, String),
    Ticked,
}

/// What a handler is at work on.
enum About {
    Batch { queue: Destination, ids: Vec<u64> },
    Stream(Taken),
    Webhook(Box<Delivery>),
    Request(Box<Request>),
    Tick,
}

/// A handler at work.
pub(super) struct Task {
    name: &'static str,
    about: About,
    /// How far this machine's clock is off.
    skew: TimeDelta,
    work: Pin<Box<dyn Future<Output = Said>>>,
}

/// The handler behind a queue: its name, the most messages it takes at once, for how long it hides them.
const fn reader_of(queue: Destination) -> (&'static str, usize, i64) {
    match queue {
        Destination::ProviderEvents => ("payment-processing", 10, 180),
        Destination::InvoicesDue => ("invoice-generation", 10, 360),
        Destination::Collections => ("payment-collection", 5, 720),
        Destination::Reminders | Destination::DomainEvents => ("reminder-emails", 10, 360),
    }
}

impl Run {
    /// Begins something that waits to be done; whether there was anything.
    pub(super) fn begin(&mut self) -> Result<bool, Violation> {
        if self.happen()? {
            return Ok(true);
        }
        let queues = crate::ports::Queues::ALL;
        let from = self.chance.below(queues.len());
        let queue = (0..queues.len())
            .filter_map(|step| queues.get((from.saturating_add(step)) % queues.len()).copied())
            .find(|queue| self.world.queues.has_visible(*queue, self.now));
        let dice = self.chance.below(8);
        match (queue, self.streams.waiting(dice)) {
            (Some(queue), Some(_)) if dice.is_multiple_of(2) => self.begin_batch(queue),
            (_, Some((reader, shard))) => self.begin_stream(reader, shard),
            (Some(queue), None) => self.begin_batch(queue),
            (None, None) => return Ok(false),
        }
        Ok(true)
    }

    /// How far a machine's clock is off: at most so many seconds, before or after.
    fn skew(&self, most: usize) -> TimeDelta {
        let weather = &self.world.weather;
        if !weather.strikes(Fault::ClockSkew) {
            return TimeDelta::zero();
        }
        let (from, width) = (i64::try_from(most).unwrap_or(0), most.saturating_mul(2));
        let ahead = i64::try_from(weather.how(Fault::ClockSkew, width)).unwrap_or(0);
        TimeDelta::seconds(ahead.saturating_sub(from))
    }

    fn start(&mut self, name: &'static str, about: About, work: impl Future<Output = Said> + 'static) {
        self.count(name);
        let skew = match about {
            About::Request(_) | About::Batch { .. } => self.skew(SKEW_MAX),
            // A webhook is told its time when it begins; the others have only the times of their events.
            About::Webhook(_) | About::Stream(_) | About::Tick => TimeDelta::zero(),
        };
        self.tasks.push(Task { name, about, skew, work: Box::pin(work) });
    }

    fn begin_batch(&mut self, queue: Destination) {
        let (name, most, hidden) = reader_of(queue);
        let most = self.chance.below(most).saturating_add(1);
        let weather = Arc::clone(&self.world.weather);
        let is_doubled = || weather.strikes(Fault::MessageDoubled);
        let messages = self.world.queues.receive(queue, most, TimeDelta::seconds(hidden), self.now, is_doubled);
        if messages.is_empty() {
            return;
        }
        let mut event = SqsEvent::default();
        event.records = messages
            .iter()
            .map(|message| sqs_message(message.id, &message.body, message.receives, message.sent_at))
            .collect();
        if self.world.weather.strikes(Fault::PoisonNeighbour) {
            let place = self.world.weather.how(Fault::PoisonNeighbour, event.records.len());
            event.records.insert(place, sqs_message(0, "{\"not\": \"ours\"}", 1, self.now));
        }
        let ids: Vec<u64> = messages.iter().map(|message| message.id).collect();
        self.say(format!(
            "{name} takes {}",
            messages.iter().map(|message| shortened(&message.body)).collect::<Vec<_>>().join(" + ")
        ));
        self.start_batch(queue, ids, event);
        if queue == Destination::InvoicesDue && self.chance.happens(1_000) {
            let request = self.people.interfere(&self.observer, self.now);
            request.into_iter().for_each(|request| self.begin_request(request));
        }
    }

    /// Hands a batch to the function that reads the queue.
    pub(super) fn start_batch(&mut self, queue: Destination, ids: Vec<u64>, event: SqsEvent) {
        let (name, ..) = reader_of(queue);
        let functions = Arc::clone(&self.world.functions);
        let work = async move {
            let budget = Budget::lasting(INVOCATION);
            let failures = |response: SqsBatchResponse| -> Vec<String> {
                response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
            };
            let said = match queue {
                Destination::ProviderEvents => {
                    payment_processing::handler::handle(&functions.processing, event, budget).await
                }
                Destination::InvoicesDue => {
                    invoice_generation::handler::handle(&functions.generation, event, budget).await
                }
                Destination::Collections => {
                    payment_collection::handler::handle(&functions.collection, event, budget).await
                }
                Destination::Reminders | Destination::DomainEvents => {
                    reminder_emails::handler::handle(&functions.mailing, event, budget).await
                }
            };
            Said::Batch(said.ok().map(failures))
        };
        self.start(name, About::Batch { queue, ids }, work);
    }

    fn begin_stream(&mut self, reader: Reader, shard: usize) {
        let most = self.chance.below(60).saturating_add(1);
        let weather = &self.world.weather;
        let rewind = if weather.strikes(Fault::StreamRewound) { weather.how(Fault::StreamRewound, 30) } else { 0 };
        let Some((taken, changes)) = self.streams.read(reader, shard, most.saturating_add(rewind), rewind) else {
            return;
        };
        let event = delivered(&changes, self.now);
        if self.sabotage == Some(Sabotage::CheckpointBeforeEffect) {
            self.streams.done(taken, None);
        }
        let functions = Arc::clone(&self.world.functions);
        let budget = Budget::lasting(INVOCATION);
        match reader {
            Reader::Reports => self.start("report-aggregation", About::Stream(taken), async move {
                let input = Input { records: Some(event.records), rebuild: None };
                match report_aggregation::handler::handle(&*functions.store, input, budget).await {
                    Ok(Output::Batch(response)) => Said::Stream(Some(checkpoint(response))),
                    Ok(Output::Walked(_)) | Err(_) => Said::Stream(None),
                }
            }),
            Reader::Relay => self.start("event-relay", About::Stream(taken), async move {
                let said = event_relay::handler::handle(&*functions.queue, event, budget).await;
                Said::Stream(said.ok().map(checkpoint))
            }),
        }
    }

    pub(super) fn begin_tick(&mut self, time: DateTime<Utc>) {
        if time != self.now {
            self.say(format!("billing-tick for {}", time.format("%F %R")));
        }
        let functions = Arc::clone(&self.world.functions);
        let work = async move {
            let budget = Budget::lasting(INVOCATION);
            // A tick that failed is followed by the next one, which finds the same work.
            let ticked =
                billing_tick::handler::handle(&*functions.store, &*functions.queue, Tick { time }, budget).await;
            drop(ticked);
            Said::Ticked
        };
        self.start("billing-tick", About::Tick, work);
    }

    pub(super) fn begin_webhook(&mut self, delivery: Delivery, account: &'static str) {
        let path = format!("/webhooks/{account}");
        let signature = delivery.signature(self.now);
        let mut event = http_event("POST", &path, None, &[("stripe-signature", &signature)]);
        event.body = Some(delivery.body.clone());
        self.say(format!("webhook {} {}", kind_of(&delivery.body), delivery.event));
        let functions = Arc::clone(&self.world.functions);
        let now = later(self.now, self.skew(SIGNATURE_SKEW_MAX));
        let work = async move {
            let answer = webhook_intake::handler::handle(&functions.intake, event, now).await;
            Said::Answered(answer.status_code, String::new())
        };
        self.start("webhook-intake", About::Webhook(Box::new(delivery)), work);
    }

    pub(super) fn begin_request(&mut self, request: Request) {
        let authorization = format!("Bearer {API_KEY}");
        let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
        if let Some(key) = &request.key {
            headers.push(("idempotency-key", key));
        }
        let event = http_event(request.method, &request.path, request.body.as_ref(), &headers);
        self.say(format!("{} {} {}", request.method, request.path, request.key.as_deref().unwrap_or_default()));
        let functions = Arc::clone(&self.world.functions);
        let work = async move {
            let answer = crm_api::handler::handle(&functions.router, event).await;
            let text = body_of(&answer);
            Said::Answered(answer.status_code, text)
        };
        self.start("crm-api", About::Request(Box::new(request)), work);
    }

    /// Takes a handler one step further, unless its process dies.
    pub(super) fn go_on(&mut self, place: usize) -> Result<(), Violation> {
        if self.world.weather.strikes(Fault::Deploy) {
            self.say("all processes restart");
            while let Some(task) = self.tasks.pop() {
                self.died(task);
            }
            return Ok(());
        }
        if self.world.weather.strikes(Fault::Crash) {
            let task = self.tasks.swap_remove(place);
            self.say(format!("{} dies", task.name));
            self.died(task);
            return Ok(());
        }
        let Some(task) = self.tasks.get_mut(place) else { return Ok(()) };
        moment::give_to(task.name, later(self.now, task.skew));
        let polled = task.work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.look()?;
        if let Poll::Ready(said) = polled {
            let task = self.tasks.swap_remove(place);
            self.ended(task, said)?;
        }
        Ok(())
    }

    /// What others see of a process that died.
    fn died(&mut self, task: Task) {
        match task.about {
            About::Batch { .. } | About::Tick => {}
            About::Stream(taken) => self.streams.died(taken),
            About::Webhook(delivery) => self.world.twin().bounced(*delivery),
            About::Request(request) => self.asked_in_vain(*request),
        }
    }

    fn ended(&mut self, task: Task, said: Said) -> Result<(), Violation> {
        match (task.about, said) {
            (About::Batch { queue, ids }, Said::Batch(Some(failures))) => {
                self.batch_done(task.name, queue, &ids, &failures)
            }
            (About::Batch { .. }, _) | (About::Tick, _) => {}
            (About::Stream(taken), Said::Stream(Some(goes_on_at))) => self.streams.done(taken, goes_on_at),
            (About::Stream(taken), _) => self.streams.died(taken),
            (About::Webhook(delivery), Said::Answered(status, _)) => self.webhook_answered(*delivery, status)?,
            (About::Webhook(delivery), _) => self.world.twin().bounced(*delivery),
            (About::Request(request), Said::Answered(status, text)) => {
                return self.request_answered(*request, status, text);
            }
            (About::Request(request), _) => self.asked_in_vain(*request),
        }
        Ok(())
    }

    fn batch_done(&mut self, name: &'static str, queue: Destination, ids: &[u64], failures: &[String]) {
        let is_failed = |id: &u64| failures.iter().any(|failure| *failure == message_id(*id));
        let all_acknowledged = self.sabotage == Some(Sabotage::FailuresAcknowledged);
        let mut failed = 0_usize;
        for id in ids {
            if is_failed(id) && !all_acknowledged {
                failed = failed.saturating_add(1);
            } else if !self.world.weather.strikes(Fault::DeleteFailed) {
                self.world.queues.delete(queue, *id);
            }
        }
        if failed > 0 {
            self.say(format!("{name} could not do {failed} of {}", ids.len()));
        }
    }

    fn webhook_answered(&mut self, delivery: Delivery, status: i64) -> Result<(), Violation> {
        if (200..300).contains(&status) {
            self.events.insert((delivery.api_key.clone(), delivery.event.clone()), true);
            self.world.twin().arrived();
            return Ok(());
        }
        if status < 500 {
            return Err(broken(
                Invariant::I1,
                format!("a genuine webhook was refused with {status}: {}", delivery.event),
            ));
        }
        self.world.twin().bounced(delivery);
        Ok(())
    }

    fn asked_in_vain(&mut self, mut request: Request) {
        request.tries = request.tries.saturating_add(1);
        if request.tries < TRIES_MAX {
            let wait = self.chance.between(1, 300);
            self.ask_again(request, TimeDelta::seconds(wait));
        }
    }

    fn request_answered(&mut self, mut request: Request, status: i64, text: String) -> Result<(), Violation> {
        self.note_answer(request.method, &request.path, status);
        let is_done = (200..300).contains(&status);
        if status >= 500 || status == 409 || status == 429 {
            self.asked_in_vain(request);
            return Ok(());
        }
        if !is_done {
            self.say(format!(
                "{} {} was refused: {status} {}",
                request.method,
                request.path,
                text.chars().take(160).collect::<String>()
            ));
            return Ok(());
        }
        if let Some(first) = &request.answer {
            if *first != text && request.method == "POST" {
                return Err(broken(
                    Invariant::Answer,
                    format!("{} was answered with {first}, then with {text}", request.path),
                ));
            }
            return Ok(());
        }
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let next = self.people.answered(&request.then, &answer);
        if let Some(next) = next {
            let wait = self.chance.between(1, 3_600);
            self.ask_again(next, TimeDelta::seconds(wait));
        }
        if request.key.is_some() && self.world.weather.strikes(Fault::ClientRepeats) {
            request.answer = Some(text);
            let wait = self.chance.between(1, 40_000);
            self.ask_again(request, TimeDelta::seconds(wait));
        }
        Ok(())
    }
}
