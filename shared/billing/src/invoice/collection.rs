//! Collecting and chasing an invoice: which step is next, and the attempts to charge it.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, AttemptState};
use super::page::{HostedPage, PAGE_ASKED_AFTER};
use super::{Collection, Invoice, InvoiceError, InvoiceStatus};
use crate::Outcome;
use crate::dunning::{DunningPolicy, NextReminder, ReminderStep, ReminderSubject};

/// What is to be done next with an invoice, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub kind: StepKind,
    /// When.
    pub at: DateTime<Utc>,
}

/// What can be next with an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Make its document, and hand it on to be charged or sent.
    Render,
    /// Charge it.
    Collect,
    /// Ask the provider what became of a charge.
    LookUp,
    /// Remind the customer.
    Remind,
}

impl StepKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Render, Self::Collect, Self::LookUp, Self::Remind];
}

impl Step {
    /// The first step of an invoice that was just finalised.
    #[must_use]
    pub const fn render(at: DateTime<Utc>) -> Self {
        Self { kind: StepKind::Render, at }
    }
}

/// How far collecting and reminding have come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is next; nothing when nothing is due, or when something outside must happen first. Kept as when the invoice is due.
    #[serde(skip)]
    pub next: Option<Step>,
    /// Whether its document was sent or a first charge was begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handed_over: bool,
    /// The last reminder that was dealt with, sent or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded: Option<ReminderStep>,
    /// The last attempt to charge it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// Whether it is left to the customer to pay, because they have no method that could be charged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_to_customer: bool,
    /// How many attempts failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// When the attempts before the last were begun that were made, as far back as the card networks count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_attempts: Vec<DateTime<Utc>>,
    /// The hosted page on which the customer can pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<HostedPage>,
    /// How many pages there were: the next one needs another key.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) pages: u32,
    /// Whether the customer has another method since the last one was refused for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_new_method: bool,
    /// Whether the policy's end was carried out, so that somebody who resumes is not stopped by an old failure told again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_given_up: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a collector has to do for an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duty {
    /// Nothing is due, or somebody else is at it.
    Nothing,
    /// First close the page on which the customer could pay at the same time.
    ClosePage(HostedPage),
    /// Begin a new attempt with this method.
    Begin,
    /// Ask again with the same key: whether the provider was asked is not known, and it answers a repeat with the first answer.
    Repeat(Attempt),
    /// Ask what became of it.
    LookUp(Attempt),
}

impl Invoice {
    /// What a collector has to do at `now`, the scheduled time. `clock` is the time on the wall: a message that rested for days
    /// must not repeat a request under a key that the provider has forgotten.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn collector_duty(&self, now: DateTime<Utc>, clock: DateTime<Utc>) -> Result<Duty, InvoiceError> {
        if let Some(attempt) = &self.progress.attempt {
            match attempt.state {
                AttemptState::Begun if attempt.may_be_repeated(clock) => {
                    return Ok(Duty::Repeat(attempt.clone()));
                }
                AttemptState::Begun | AttemptState::Unknown { .. } => return Ok(Duty::LookUp(attempt.clone())),
                AttemptState::Pending { .. } => {
                    let due = self.progress.next.is_some_and(|step| step.at <= now);
                    return Ok(if due { Duty::LookUp(attempt.clone()) } else { Duty::Nothing });
                }
                AttemptState::Succeeded { .. } | AttemptState::Declined { .. } | AttemptState::NeverMade => {}
            }
        }
        let step_is_due = self.progress.next.is_some_and(|step| step.at <= now);
        if let Some(page) = self.progress.page.as_ref().filter(|_| step_is_due)
            && (page.is_over(now) || self.is_settled()? || self.is_processing())
        {
            return Ok(Duty::ClosePage(page.clone()));
        }
        let due = match self.progress.next {
            Some(Step { kind: StepKind::Collect, at }) => at <= now,
            Some(Step { kind: StepKind::Render, .. }) => true,
            Some(Step { kind: StepKind::LookUp | StepKind::Remind, .. }) | None => false,
        };
        if !due || !self.is_to_be_charged()? {
            return Ok(Duty::Nothing);
        }
        // Also one that has run out by our clock: somebody may have paid on it, and only the provider knows.
        Ok(self.progress.page.clone().map_or(Duty::Begin, Duty::ClosePage))
    }

    /// Whether something is owed that is to be charged, and nothing else is about to pay it.
    pub(super) fn is_to_be_charged(&self) -> Result<bool, InvoiceError> {
        let owed = self.status()?.is_owed() && !self.is_processing() && !self.is_disputed();
        Ok(self.collection == Collection::Automatic && owed && !self.is_below_payable()?)
    }

    /// Whether nothing is owed any more, so that no page should be left on which it could be paid.
    fn is_settled(&self) -> Result<bool, InvoiceError> {
        Ok(matches!(self.status()?, InvoiceStatus::Paid | InvoiceStatus::Void))
    }

    /// Remembers that the policy's end was carried out.
    pub const fn give_up(&mut self) -> Outcome<()> {
        if std::mem::replace(&mut self.progress.is_given_up, true) {
            Outcome::AlreadyApplied
        } else {
            Outcome::Applied(())
        }
    }

    /// Marks the document as sent, so that the ladder of reminders begins.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn handed_over(&mut self, policy: &DunningPolicy, now: DateTime<Utc>) -> Result<(), InvoiceError> {
        self.progress.handed_over = true;
        self.plan(policy, now)
    }

    /// Leaves it to the customer to pay: they have no method that could be charged. Reminders begin as if it had been sent.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn leave_to_customer(&mut self, policy: &DunningPolicy, now: DateTime<Utc>) -> Result<(), InvoiceError> {
        self.progress.left_to_customer = true;
        self.progress.has_new_method = false;
        self.handed_over(policy, now)
    }

    /// The reminder whose time has come, if there is one; earlier ones that were missed are left out.
    #[must_use]
    pub fn due_reminder(&self, policy: &DunningPolicy, now: DateTime<Utc>) -> Option<ReminderStep> {
        match self.next_reminder(policy, now) {
            NextReminder::Send(step) => Some(step),
            NextReminder::WaitUntil(_) | NextReminder::Finished => None,
        }
    }

    /// Marks a reminder as dealt with, sent or not, and plans the next.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn reminded(
        &mut self,
        step: ReminderStep,
        policy: &DunningPolicy,
        now: DateTime<Utc>,
    ) -> Result<(), InvoiceError> {
        self.progress.reminded = self.progress.reminded.max(Some(step));
        self.plan(policy, now)
    }

    fn next_reminder(&self, policy: &DunningPolicy, now: DateTime<Utc>) -> NextReminder {
        let Some(issued) = &self.issued else { return NextReminder::Finished };
        let (due_on, zone, issued_at) = (issued.due_on, issued.zone, issued.at);
        policy.next_reminder(&ReminderSubject { due_on, zone, issued_at, last_step: self.progress.reminded }, now)
    }

    /// What is next, by the invoice's own state and the seller's policy.
    pub(super) fn next_step(&self, policy: &DunningPolicy, now: DateTime<Utc>) -> Result<Option<Step>, InvoiceError> {
        if self.issued.is_none() {
            return Ok(None);
        }
        if let Some(step) = self.unfinished(now)? {
            return Ok(Some(step));
        }
        let page = self.progress.page.as_ref().and_then(HostedPage::over_at);
        let ask = page.map(|at| Step { kind: StepKind::Collect, at });
        let payable = self.status()?.is_owed();
        if !payable || self.is_processing() || self.is_disputed() || self.is_below_payable()? {
            // Written off or disputed: it may be paid on its page all the same.
            return Ok(ask);
        }
        let charge = self.next_charge(policy, now).map(|at| Step { kind: StepKind::Collect, at });
        let remind = || {
            if self.is_too_small_to_charge() {
                return None;
            }
            let at = match self.next_reminder(policy, now) {
                NextReminder::Send(_) => now,
                NextReminder::WaitUntil(at) => at,
                NextReminder::Finished => return None,
            };
            Some(Step { kind: StepKind::Remind, at })
        };
        // While charges are being retried, their notices do the reminding.
        let planned = charge.or_else(remind);
        Ok([planned, ask].into_iter().flatten().min_by_key(|step| step.at))
    }

    /// What is done even when nothing is to be collected any more: loose ends, and the document, which whoever has the number
    /// is entitled to.
    pub(super) fn unfinished(&self, now: DateTime<Utc>) -> Result<Option<Step>, InvoiceError> {
        let document = self.issued.as_ref().filter(|_| !self.progress.handed_over);
        Ok(self.loose_end(now)?.or_else(|| document.map(|issued| Step::render(issued.at))))
    }

    /// Whether something is unfinished and nothing is planned, so that nobody would ever come by.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn has_lost_its_step(&self) -> Result<bool, InvoiceError> {
        Ok(self.progress.next.is_none() && self.unfinished(self.created_at)?.is_some())
    }

    /// What must be asked about whatever else is planned: a charge that is not decided, and a page on which something is paid
    /// or could be paid that is not owed any more.
    fn loose_end(&self, now: DateTime<Utc>) -> Result<Option<Step>, InvoiceError> {
        if let Some(attempt) = self.progress.attempt.as_ref().filter(|attempt| attempt.is_open()) {
            return Ok(attempt.look_up_at(now).map(|at| Step { kind: StepKind::LookUp, at }));
        }
        let wait = match &self.progress.page {
            Some(_) if self.is_settled()? => PAGE_ASKED_AFTER,
            Some(_) if self.is_processing() => Duration::days(1),
            Some(_) | None => return Ok(None),
        };
        Ok(now.checked_add_signed(wait).map(|at| Step { kind: StepKind::Collect, at }))
    }

    fn next_charge(&self, policy: &DunningPolicy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let zone = self.issued.as_ref()?.zone;
        if self.collection != Collection::Automatic || self.progress.left_to_customer {
            return None;
        }
        if self.progress.has_new_method {
            return Some(now);
        }
        match &self.progress.attempt.as_ref()?.state {
            AttemptState::Declined { decline, .. } if decline.hard => None,
            AttemptState::Declined { at, .. } => policy.retry_at(*at, self.progress.failures, zone),
            AttemptState::NeverMade => Some(now),
            // Paid in part, or a dispute took it away: the rest is for the customer to pay.
            AttemptState::Succeeded { .. } => None,
            AttemptState::Begun | AttemptState::Unknown { .. } | AttemptState::Pending { .. } => None,
        }
    }

    /// Whether the provider would not charge so little: it waits for the next invoice, and nobody is asked for what nobody can pay.
    #[must_use]
    pub fn is_too_small_to_charge(&self) -> bool {
        self.progress.attempt.as_ref().is_some_and(Attempt::is_too_small)
    }

    /// Whether the policy's last retry has failed. Neither a hard decline nor a retry that found no method ends it: the customer is
    /// asked for another method.
    #[must_use]
    pub fn retries_are_used_up(&self, policy: &DunningPolicy, now: DateTime<Utc>) -> bool {
        let is_last = !self.progress.left_to_customer && self.next_charge(policy, now).is_none();
        is_last && self.progress.attempt.as_ref().is_some_and(Attempt::is_refused_for_now)
    }
}
