//! The attempts to charge an invoice, one after the other.

use chrono::{DateTime, Duration, Utc};

use super::attempt::{Attempt, AttemptState};
use super::collection::{Duty, Step, StepKind};
use super::{Collection, Invoice, InvoiceError};
use crate::Outcome;
use crate::dunning::{DunningPolicy, may_attempt};
use crate::provider::{MethodReference, PaymentMethod};

/// What beginning an attempt led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The attempt, to be committed before the provider is asked.
    Attempt(Box<Attempt>),
    /// The card network allows no attempt before this time.
    NotBefore(DateTime<Utc>),
}

impl Invoice {
    /// Whether an attempt is still what is to be charged.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn wants(&self, attempt: &Attempt) -> Result<bool, InvoiceError> {
        Ok(self.is_to_be_charged()? && self.amount_due()? == attempt.amount)
    }

    /// The provider was asked about the last attempt, and surely made nothing of it. It is asked for again under the same key, as
    /// long as the provider knows that: not even a request that was on its way all the time takes money twice then. Otherwise,
    /// or when something else is to be charged, or by another method than `method`, the next attempt may begin.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn attempt_not_made(
        &mut self,
        method: Option<&MethodReference>,
        policy: &DunningPolicy,
        now: DateTime<Utc>,
        clock: DateTime<Utc>,
    ) -> Result<Outcome<()>, InvoiceError> {
        let Some(attempt) = &self.progress.attempt else { return Ok(Outcome::AlreadyApplied) };
        let is_safe = attempt.may_still_arrive() && attempt.may_be_repeated(clock);
        let again = is_safe && method == Some(&attempt.method) && self.wants(attempt)?;
        let state = if again { AttemptState::Begun } else { AttemptState::NeverMade };
        self.settle_attempt(attempt.number, state, policy, now)
    }

    /// Writes down an attempt before the provider is asked for it.
    ///
    /// # Errors
    /// When the invoice is not to be charged now.
    pub fn begin_attempt(
        &mut self,
        method: &PaymentMethod,
        now: DateTime<Utc>,
        clock: DateTime<Utc>,
    ) -> Result<Begun, InvoiceError> {
        if self.collector_duty(now, clock)? != Duty::Begin {
            return Err(InvoiceError::Status { command: "charge", invoice: self.id, status: self.status()? });
        }
        let last = self.progress.attempt.as_ref();
        let mut earlier = self.progress.earlier_attempts.clone();
        earlier.extend(last.filter(|last| last.state != AttemptState::NeverMade).map(|last| last.begun_at));
        if let Some(Err(stop)) = method.network.as_deref().map(|network| may_attempt(network, &earlier, now)) {
            self.progress.next = Some(Step { kind: StepKind::Collect, at: stop.again_at });
            return Ok(Begun::NotBefore(stop.again_at));
        }
        let number = last.map_or(1, |last| last.number.saturating_add(1));
        let (amount, method, asked_at) = (self.amount_due()?, method.reference(), Some(clock));
        let attempt = Attempt { number, amount, method, begun_at: now, asked_at, state: AttemptState::Begun };
        self.progress.next = attempt.look_up_at(now).map(|at| Step { kind: StepKind::LookUp, at });
        earlier.retain(|at| now.signed_duration_since(*at) <= Duration::days(30));
        self.progress.earlier_attempts = earlier;
        self.progress.attempt = Some(attempt.clone());
        self.progress.handed_over = true;
        self.progress.has_new_method = false;
        Ok(Begun::Attempt(Box::new(attempt)))
    }

    /// Records what became of attempt `number`. What was decided stands; only open attempts change.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn settle_attempt(
        &mut self,
        number: u32,
        state: AttemptState,
        policy: &DunningPolicy,
        now: DateTime<Utc>,
    ) -> Result<Outcome<()>, InvoiceError> {
        let asked_again = self.progress.next.is_some_and(|step| step.at <= now);
        let Some(attempt) = self.progress.attempt.as_mut().filter(|attempt| attempt.number == number) else {
            return Ok(Outcome::AlreadyApplied);
        };
        let was_declined = matches!(attempt.state, AttemptState::Declined { .. });
        let may_change = match (&attempt.state, &state) {
            // Asked again and still the same: the next time to ask is planned.
            (before, after) if attempt.is_open() => before != after || asked_again,
            // Money that was taken outranks a no, whichever is told first; and a no is told by several events.
            (AttemptState::Declined { .. } | AttemptState::NeverMade, AttemptState::Succeeded { .. }) => true,
            (AttemptState::Declined { .. }, AttemptState::Declined { .. }) => attempt.state != state,
            (AttemptState::NeverMade, AttemptState::Declined { .. })
            | (
                AttemptState::Declined { .. } | AttemptState::NeverMade,
                AttemptState::Begun
                | AttemptState::Unknown { .. }
                | AttemptState::Pending { .. }
                | AttemptState::NeverMade,
            )
            | (
                AttemptState::Begun
                | AttemptState::Unknown { .. }
                | AttemptState::Pending { .. }
                | AttemptState::Succeeded { .. },
                _,
            ) => false,
        };
        if !may_change {
            return Ok(Outcome::AlreadyApplied);
        }
        attempt.state = state;
        attempt.asked_at = attempt.asked_at.filter(|_| attempt.is_open());
        let is_declined = matches!(attempt.state, AttemptState::Declined { .. });
        self.progress.failures = match (was_declined, is_declined) {
            (false, true) => self.progress.failures.saturating_add(1),
            (true, false) => self.progress.failures.saturating_sub(1),
            (true, true) | (false, false) => self.progress.failures,
        };
        self.plan(policy, now)?;
        Ok(Outcome::Applied(()))
    }

    /// The customer has `method`: an invoice that could not be charged by another one, or not by its last retry, is charged by
    /// it. What one refused for good is not asked of the same one again, however often somebody tells that it is there.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn method_changed(
        &mut self,
        method: &PaymentMethod,
        policy: &DunningPolicy,
        now: DateTime<Utc>,
    ) -> Result<Outcome<()>, InvoiceError> {
        let waits = match &self.progress.attempt {
            Some(attempt)
                if attempt.is_open() || attempt.is_refused_for_good() || self.retries_are_used_up(policy, now) =>
            {
                (&attempt.method.account, &attempt.method.token) != (&method.account, &method.token)
            }
            Some(_) | None => self.progress.left_to_customer,
        };
        let payable = self.status()?.is_owed();
        if self.collection != Collection::Automatic || !payable || !waits || self.progress.has_new_method {
            return Ok(Outcome::AlreadyApplied);
        }
        self.progress.left_to_customer = false;
        self.progress.has_new_method = true;
        self.plan(policy, now)?;
        Ok(Outcome::Applied(()))
    }
}
