//! A subscription as reports see it: what it brings a month, and from when to when.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use saldo_money::{Currency, MoneyError};
use serde::{Deserialize, Serialize};

use super::{Cell, Contributions, Dimensions, Figure, OTHER, value};
use crate::id::SubscriptionId;
use crate::metrics::{Movement, monthly_amount};
use crate::party::Customer;
use crate::subscription::{Standing, Subscription};

/// Products of one subscription that are told one by one.
const MAX_PRODUCTS: usize = 20;

/// How recurring revenue moved on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Moved {
    on: NaiveDate,
    how: Movement,
}

/// What reports need to know of a subscription; everything it contributes follows from this.
///
/// Its revenue begins where its first period does, so a trial brings none (B8), and ends on the first day on which nothing
/// is billed any more. A pause ends it and its end brings it back, on the days of the customer, so what a month came to stays
/// when the pause is long over. It counts under the region and channel that its customer has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurring {
    subscription: SubscriptionId,
    currency: Currency,
    region: String,
    channel: String,
    /// How its revenue came and went.
    moves: Vec<Moved>,
    /// What it brings a month, net, by product.
    amounts: BTreeMap<String, Decimal>,
}

impl Recurring {
    /// What reports need of a subscription of this customer.
    ///
    /// # Errors
    /// When amounts leave what money can hold.
    pub fn of(subscription: &Subscription, customer: &Customer) -> Result<Self, MoneyError> {
        Self::under(subscription, value(&customer.region), value(&customer.channel))
    }

    /// Whether the subscription is still as it was, wherever its customer may be by now.
    ///
    /// # Errors
    /// When amounts leave what money can hold.
    pub fn knows(&self, subscription: &Subscription) -> Result<bool, MoneyError> {
        Ok(*self == Self::under(subscription, self.region.clone(), self.channel.clone())?)
    }

    fn under(subscription: &Subscription, region: String, channel: String) -> Result<Self, MoneyError> {
        Ok(Self {
            subscription: subscription.id,
            currency: subscription.currency,
            region,
            channel,
            moves: moves(subscription),
            amounts: amounts(subscription)?,
        })
    }

    /// Of which subscription.
    #[must_use]
    pub const fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// What it adds to reports.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn contributions(&self) -> Result<Contributions, MoneyError> {
        let mut all = Contributions::default();
        for (product, amount) in &self.amounts {
            let (region, channel, product) = (self.region.clone(), self.channel.clone(), product.clone());
            let dimensions = Dimensions::Sold { region, channel, product };
            for Moved { on, how } in &self.moves {
                let figure = Figure::Moved(*how);
                let cell = Cell { day: *on, currency: self.currency, dimensions: dimensions.clone(), figure };
                all.add(cell, *amount)?;
            }
        }
        Ok(all)
    }
}

const fn beginning(started_as: Standing) -> Movement {
    match started_as {
        Standing::Only => Movement::New,
        Standing::OneOfSeveral => Movement::Expansion,
        Standing::Returned => Movement::Reactivation,
    }
}

/// When and how revenue comes and goes. What begins and ends on one day never brought anything.
///
/// Neither a pause nor an end that was agreed from the start tells anything about the customer's others at that time, so
/// they are taken to leave them as they were found at the start.
fn moves(subscription: &Subscription) -> Vec<Moved> {
    let (mut moves, ended_on) = (Vec::new(), subscription.end_on());
    let mut run = |from: NaiveDate, until: Option<NaiveDate>| {
        let until = until.into_iter().chain(ended_on).min();
        if until.is_none_or(|until| from < until) {
            let how = if moves.is_empty() { beginning(subscription.started_as) } else { returning(subscription) };
            moves.push(Moved { on: from, how });
            moves.extend(until.map(|on| Moved { on, how: leaving(subscription, on) }));
        }
    };
    let mut from = Some(subscription.schedule.anchor_on());
    for pause in subscription.pauses() {
        let Some(began) = from else { break };
        run(began, Some(pause.from));
        from = pause.until.map(|until| until.max(began));
    }
    if let Some(began) = from {
        run(began, None);
    }
    moves
}

const fn returning(subscription: &Subscription) -> Movement {
    match subscription.started_as {
        Standing::OneOfSeveral => Movement::Expansion,
        Standing::Only | Standing::Returned => Movement::Reactivation,
    }
}

fn leaving(subscription: &Subscription, on: NaiveDate) -> Movement {
    let called_off = subscription.cancellation().filter(|it| it.effective_on == on);
    match called_off.map_or(subscription.started_as, |cancellation| cancellation.standing) {
        Standing::OneOfSeveral => Movement::Contraction,
        Standing::Only | Standing::Returned => Movement::Churn,
    }
}

/// The monthly amounts by product, the smallest together where there are too many.
fn amounts(subscription: &Subscription) -> Result<BTreeMap<String, Decimal>, MoneyError> {
    let mut by_product: BTreeMap<String, Decimal> = BTreeMap::new();
    for item in &subscription.items {
        let amount = monthly_amount(item.net_amount()?, subscription.schedule.interval())?;
        let sum = by_product.entry(item.product.to_string()).or_default();
        *sum = sum.checked_add(amount).ok_or(MoneyError::Overflow)?;
    }
    if by_product.len() <= MAX_PRODUCTS {
        return Ok(by_product);
    }
    let mut sorted: Vec<_> = by_product.into_iter().collect();
    sorted.sort_by(|(left, left_amount), (right, right_amount)| {
        right_amount.abs().cmp(&left_amount.abs()).then_with(|| left.cmp(right))
    });
    let smallest = sorted.split_off(MAX_PRODUCTS.saturating_sub(1));
    let mut fewer: BTreeMap<_, _> = sorted.into_iter().collect();
    let rest = smallest.into_iter().try_fold(Decimal::ZERO, |sum, (_, amount)| sum.checked_add(amount));
    fewer.insert(OTHER.to_owned(), rest.ok_or(MoneyError::Overflow)?);
    Ok(fewer)
}
