//! Subscriptions: what is billed for which period, and when.

mod amounts;
mod pausing;
mod trial;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use saldo_money::{Currency, MoneyError};
use serde::{Deserialize, Serialize};

use self::pausing::LeftOut;
pub use self::pausing::Pause;
use crate::Outcome;
use crate::calendar::{local_date, start_of_day};
use crate::id::{CustomerId, InvoiceId, PriceId, ProductId, SellerId, SubscriptionId};
use crate::invoice::{Collection, Line};
use crate::period::{Period, PeriodError, Schedule};
use crate::tax::{TaxBehavior, TaxRate};
use crate::terms::NetTerms;

/// One price of a subscription, as agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionItem {
    /// Which price.
    pub price: PriceId,
    /// What is sold.
    pub product: ProductId,
    /// Its name when it was agreed.
    pub description: String,
    /// What one costs for a period.
    pub unit_amount: Decimal,
    /// How many.
    pub quantity: Decimal,
    /// The tax on it.
    pub tax_rate: TaxRate,
    /// Whether that is in it.
    #[serde(default, skip_serializing_if = "TaxBehavior::is_exclusive")]
    pub tax_behavior: TaxBehavior,
}

/// What a subscription's start or end means for recurring revenue, seen from its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The customer had no other.
    Only,
    /// The customer had others at the time.
    OneOfSeveral,
    /// The customer had others once, and none at the time.
    Returned,
}

/// The end of a subscription that was called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// From which day on nothing is billed.
    pub effective_on: NaiveDate,
    /// Whether the customer had others then.
    pub standing: Standing,
}

/// An agreement to be billed at an interval, in advance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose it is.
    pub customer: CustomerId,
    /// From whom.
    pub seller: SellerId,
    /// In which currency.
    pub currency: Currency,
    /// What is billed for each period.
    pub items: Vec<SubscriptionItem>,
    /// The time line: the first period begins at its anchor.
    pub schedule: Schedule,
    /// Where the trial before the first period began, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_from: Option<NaiveDate>,
    /// The last day, included, when it ends by agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_on: Option<NaiveDate>,
    /// How its invoices are to be paid.
    pub collection: Collection,
    /// How long the customer has for each.
    pub terms: NetTerms,
    /// What its start means for recurring revenue.
    pub started_as: Standing,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    next_period: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bill_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancelled: Option<Cancellation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pauses: Vec<Pause>,
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Its first day is still to come.
    Scheduled,
    /// In the trial before its first period.
    Trialing,
    /// Running.
    Active,
    /// Not billed until it is resumed: its charges failed for good.
    Paused,
    /// Over: called off, or ended by agreement.
    Ended,
}

/// Why a subscription refused a command.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// There is nothing to bill.
    #[error("a subscription needs at least one item and at most 100, found {found}")]
    Items {
        /// How many were given.
        found: usize,
    },
    /// A quantity that cannot be.
    #[error("items[{item}].quantity: expected more than 0, found {found}")]
    Quantity {
        /// Which item, counted from 0.
        item: usize,
        /// What was given.
        found: Decimal,
    },
    /// It would end before it begins.
    #[error("ends_on: expected {start_on} or later, found {ends_on}")]
    EndsBeforeStart {
        /// The first day.
        start_on: NaiveDate,
        /// The last day.
        ends_on: NaiveDate,
    },
    /// There is no trial that could last longer.
    #[error("cannot extend the trial of subscription {subscription}: none goes on")]
    NoTrial {
        /// Of which subscription.
        subscription: SubscriptionId,
    },
    /// A trial does not become shorter, nor endless.
    #[error("trial_end_on: expected a day after {known}, and at most ten years after {from}, found {found}")]
    TrialEnd {
        /// Its first day.
        from: NaiveDate,
        /// The day on which it ends until now.
        known: NaiveDate,
        /// What was given.
        found: NaiveDate,
    },
    /// A period outside the calendar.
    #[error("subscription {subscription} has no period {number}")]
    Period {
        /// Which subscription.
        subscription: SubscriptionId,
        /// Which period, counted from 0.
        number: u32,
        /// Why.
        #[source]
        source: PeriodError,
    },
    /// Amounts beyond what money can hold.
    #[error("amounts of subscription {subscription} do not add up")]
    Money {
        /// Which subscription.
        subscription: SubscriptionId,
        /// Why.
        #[source]
        source: MoneyError,
    },
}

/// What a subscription is made of.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// The id it shall have.
    pub id: SubscriptionId,
    /// Whose it is.
    pub customer: CustomerId,
    /// From whom.
    pub seller: SellerId,
    /// In which currency.
    pub currency: Currency,
    /// What is billed.
    pub items: Vec<SubscriptionItem>,
    /// The time line.
    pub schedule: Schedule,
    /// Where a trial begins.
    pub trial_from: Option<NaiveDate>,
    /// The last day.
    pub ends_on: Option<NaiveDate>,
    /// How invoices are to be paid.
    pub collection: Collection,
    /// How long the customer has.
    pub terms: NetTerms,
    /// What its start means for recurring revenue.
    pub started_as: Standing,
}

/// One period that is due to be billed.
#[derive(Debug, Clone, PartialEq)]
pub struct DuePeriod {
    /// The days.
    pub period: Period,
    /// The id of its one invoice.
    pub invoice: InvoiceId,
    /// What to invoice.
    pub lines: Vec<Line>,
}

impl Subscription {
    /// Makes a subscription of what was agreed.
    ///
    /// # Errors
    /// When there is nothing to bill, a quantity is not positive, or it ends before it begins.
    pub fn try_new(new: NewSubscription, zone: Tz, now: DateTime<Utc>) -> Result<Self, SubscriptionError> {
        if !(1..=100).contains(&new.items.len()) {
            return Err(SubscriptionError::Items { found: new.items.len() });
        }
        if let Some((item, bad)) = new.items.iter().enumerate().find(|(_, item)| item.quantity <= Decimal::ZERO) {
            return Err(SubscriptionError::Quantity { item, found: bad.quantity });
        }
        let start_on = new.schedule.anchor_on();
        if let Some(ends_on) = new.ends_on.filter(|ends_on| *ends_on < start_on) {
            return Err(SubscriptionError::EndsBeforeStart { start_on, ends_on });
        }
        let mut subscription = Self {
            id: new.id,
            customer: new.customer,
            seller: new.seller,
            currency: new.currency,
            items: new.items,
            schedule: new.schedule,
            trial_from: new.trial_from,
            ends_on: new.ends_on,
            collection: new.collection,
            terms: new.terms,
            started_as: new.started_as,
            created_at: now,
            next_period: 0,
            left_out: Vec::new(),
            bill_at: None,
            cancelled: None,
            paused_at: None,
            pauses: Vec::new(),
        };
        subscription.plan(zone)?;
        Ok(subscription)
    }

    /// The first day on which nothing is billed any more, if there is one.
    #[must_use]
    pub fn end_on(&self) -> Option<NaiveDate> {
        let agreed = self.ends_on.and_then(|last_day| last_day.succ_opt());
        let cancelled = self.cancelled.map(|cancellation| cancellation.effective_on);
        agreed.into_iter().chain(cancelled).min()
    }

    /// How it was called off, if it was.
    #[must_use]
    pub const fn cancellation(&self) -> Option<&Cancellation> {
        self.cancelled.as_ref()
    }

    /// Where it stands on a day of its customer.
    #[must_use]
    pub fn status(&self, today: NaiveDate) -> SubscriptionStatus {
        if self.end_on().is_some_and(|end_on| end_on <= today) {
            SubscriptionStatus::Ended
        } else if self.paused_at.is_some() {
            SubscriptionStatus::Paused
        } else if self.schedule.anchor_on() <= today {
            SubscriptionStatus::Active
        } else if self.trial_from.is_some_and(|from| from <= today) {
            SubscriptionStatus::Trialing
        } else {
            SubscriptionStatus::Scheduled
        }
    }

    /// The next period that is not billed, cut where the subscription ends; none after its end or while it is paused.
    ///
    /// # Errors
    /// When the period leaves the calendar.
    pub fn next_period(&self) -> Result<Option<Period>, SubscriptionError> {
        if self.paused_at.is_some() {
            return Ok(None);
        }
        let period = self.period(self.next_period)?;
        Ok(match self.end_on() {
            Some(end_on) => end_on.pred_opt().and_then(|last_day| period.until(last_day)),
            None => Some(period),
        })
    }

    /// When the next period is to be billed: the first instant of its first day where the customer was when that was planned.
    #[must_use]
    pub const fn bill_at(&self) -> Option<DateTime<Utc>> {
        self.bill_at
    }

    /// Plans the next period for a customer in `zone`, who may have moved.
    ///
    /// # Errors
    /// When the period leaves the calendar.
    pub fn plan(&mut self, zone: Tz) -> Result<(), SubscriptionError> {
        self.bill_at = self.next_period()?.map(|period| start_of_day(period.start_on(), zone));
        Ok(())
    }

    /// Bills the next period, when its time has come: its invoice's id comes from the subscription and the first day.
    ///
    /// # Errors
    /// When the period leaves the calendar or amounts do not add up.
    pub fn bill_next(&mut self, zone: Tz, now: DateTime<Utc>) -> Result<Option<DuePeriod>, SubscriptionError> {
        self.plan(zone)?;
        let Some(period) = self.next_period()? else { return Ok(None) };
        if self.bill_at.is_none_or(|at| at > now) {
            return Ok(None);
        }
        let lines = self.lines_for(period)?;
        self.next_period = self.next_period.saturating_add(1);
        self.leave_out();
        self.plan(zone)?;
        let invoice = InvoiceId::derive(&[&self.id.to_string(), &period.start_on().to_string()]);
        Ok(Some(DuePeriod { period, invoice, lines }))
    }

    /// From which day on nothing would be billed if it were called off now.
    ///
    /// # Errors
    /// When the period leaves the calendar.
    pub fn would_end_on(
        &self,
        at_period_end: bool,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<NaiveDate, SubscriptionError> {
        let today = local_date(now, zone);
        if at_period_end { self.end_of_billed(today) } else { Ok(today) }
    }

    /// Ends it today, or when what is billed has run out. Nothing is given back for days that were billed.
    ///
    /// The earlier of two cancellations stands.
    ///
    /// # Errors
    /// When the period leaves the calendar.
    pub fn cancel(
        &mut self,
        at_period_end: bool,
        standing: Standing,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<Outcome<()>, SubscriptionError> {
        let effective_on = self.would_end_on(at_period_end, zone, now)?;
        if self.cancelled.is_some_and(|known| known.effective_on <= effective_on) {
            return Ok(Outcome::AlreadyApplied);
        }
        self.cancelled = Some(Cancellation { requested_at: now, effective_on, standing });
        self.plan(zone)?;
        Ok(Outcome::Applied(()))
    }

    /// The first day after what is billed. A period that has begun counts as billed: its invoice is on its way.
    fn end_of_billed(&self, today: NaiveDate) -> Result<NaiveDate, SubscriptionError> {
        let next = self.period(self.next_period)?.start_on();
        let current = self.schedule.period_containing(today).filter(|_| next <= today);
        Ok(current.map_or(next, |(_, period)| period.end_on()))
    }

    fn period(&self, number: u32) -> Result<Period, SubscriptionError> {
        self.schedule.period(number).map_err(|source| SubscriptionError::Period {
            subscription: self.id,
            number,
            source,
        })
    }
}

#[cfg(test)]
mod tests;
