//! What subscriptions look like in requests and answers.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use saldo_billing::subscription::{Subscription, SubscriptionItem, SubscriptionStatus};
use saldo_money::Rounding;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::invoices::CollectionWord;
use crate::prices::TaxBehaviorWord;
use crate::prices::Unit;
use crate::problem::Problem;
use crate::request::{Whole, given};
use crate::wire::{self, Wire};

/// A subscription to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSubscription)]
pub struct NewSubscriptionFields {
    /// Whose it is.
    pub customer: wire::CustomerId,
    /// What is billed for each period; all prices share one currency and one interval.
    #[schema(min_items = 1, max_items = 100)]
    pub items: Vec<ItemFields>,
    /// The first day, in the customer's zone; at most ten years from today.
    pub start_on: wire::Date,
    /// How its invoices are to be paid.
    pub collection: CollectionWord,
    /// How many days the customer has for each invoice; when left out none if they are charged, 30 if they are sent.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = u16, required = false, minimum = 0, maximum = 366)]
    pub net_terms_days: Option<Whole<u16>>,
    /// Whether these days are counted from the end of the month of issue.
    #[serde(default)]
    pub net_terms_end_of_month: bool,
    /// The day on which a trial ends and the first period begins; nothing is billed before.
    #[serde(default)]
    pub trial_end_on: Option<wire::Date>,
    /// The last day, included, when it shall end by itself.
    #[serde(default)]
    pub ends_on: Option<wire::Date>,
    /// The day of the month on which periods begin, where it is not that of the start; the first period is what remains until then.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = u8, required = false, minimum = 1, maximum = 31)]
    pub anchor_day: Option<Whole<u8>>,
}

/// One price of a subscription.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSubscriptionItem)]
pub struct ItemFields {
    /// Which price.
    pub price: wire::PriceId,
    /// How many; one when left out.
    #[serde(default)]
    quantity: Option<wire::QuantityText>,
}

impl ItemFields {
    /// How many.
    pub fn quantity(&self) -> Decimal {
        self.quantity.map_or(Decimal::ONE, |quantity| quantity.0.0)
    }
}

/// How to call a subscription off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CancelSubscription)]
pub struct Cancel {
    /// When it ends.
    pub at: CancelAt,
}

/// When a subscription that is called off ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelAt {
    /// Today, in the customer's zone.
    Now,
    /// When what is billed has run out.
    PeriodEnd,
}

/// Until when a trial lasts from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendTrial {
    /// The day on which it ends and the first period begins: later than until now.
    pub trial_end_on: wire::Date,
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SubscriptionStatus)]
enum StatusWord {
    /// Its first day is still to come.
    Scheduled,
    /// In the trial before its first period.
    Trialing,
    /// Running.
    Active,
    /// Not billed until somebody resumes it: a charge could not be collected.
    Paused,
    /// Over.
    Ended,
}

/// One price of a subscription, as agreed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubscriptionItem)]
struct ItemView {
    /// Which price.
    price: wire::PriceId,
    /// What is sold.
    product: wire::ProductId,
    /// Its name when it was agreed.
    description: String,
    /// What one costs for a period.
    unit_amount: wire::UnitAmountOut,
    /// How many.
    quantity: wire::QuantityText,
    /// The tax on it.
    tax_rate: wire::TaxRate,
    /// Whether the tax is in the amount.
    tax_behavior: TaxBehaviorWord,
}

impl ItemView {
    fn of(item: &SubscriptionItem) -> Self {
        Self {
            price: Wire(item.price),
            product: Wire(item.product),
            description: item.description.clone(),
            unit_amount: Wire(wire::UnitAmount(item.unit_amount)),
            quantity: Wire(wire::Quantity(item.quantity)),
            tax_rate: Wire(item.tax_rate),
            tax_behavior: TaxBehaviorWord::of(item.tax_behavior),
        }
    }
}

/// A span of days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Period)]
pub struct PeriodView {
    /// The first day.
    pub start_on: wire::Date,
    /// The first day after it.
    pub end_on: wire::Date,
}

impl PeriodView {
    /// The period as it is shown.
    pub fn of(period: saldo_billing::period::Period) -> Self {
        Self { start_on: Wire(period.start_on()), end_on: Wire(period.end_on()) }
    }
}

/// The end of a subscription that was called off.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cancellation)]
struct CancellationView {
    /// When it was asked for.
    requested_at: wire::Instant,
    /// From which day on nothing is billed.
    effective_on: wire::Date,
}

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Subscription)]
pub struct SubscriptionView {
    /// Its id.
    id: wire::SubscriptionId,
    /// Whose it is.
    customer: wire::CustomerId,
    /// From whom.
    seller: wire::SellerId,
    /// Where it stands today, in the customer's zone.
    status: StatusWord,
    /// In which currency.
    currency: wire::Currency,
    /// What is billed for each period.
    items: Vec<ItemView>,
    /// What the interval of its periods counts in.
    interval: Unit,
    /// How many of them it has.
    #[schema(minimum = 1)]
    interval_count: u16,
    /// Its first day.
    start_on: wire::Date,
    /// The day on which its trial ends.
    #[schema(required = true)]
    trial_end_on: Option<wire::Date>,
    /// Its last day, when it ends by agreement.
    #[schema(required = true)]
    ends_on: Option<wire::Date>,
    /// The day of the month on which periods begin, where it is not that of the start.
    #[schema(required = true, minimum = 1, maximum = 31)]
    anchor_day: Option<u8>,
    /// How its invoices are to be paid.
    collection: CollectionWord,
    /// How many days the customer has for each.
    #[schema(minimum = 0, maximum = 366)]
    net_terms_days: u16,
    /// Whether these days are counted from the end of the month of issue.
    net_terms_end_of_month: bool,
    /// The next period that is not billed.
    #[schema(required = true)]
    next_period: Option<PeriodView>,
    /// When it will be billed.
    #[schema(required = true)]
    bill_at: Option<wire::Instant>,
    /// How it was called off.
    #[schema(required = true)]
    cancellation: Option<CancellationView>,
    /// What one period costs in full, net.
    period_amount: wire::Money,
    /// What it brings a month, net, rounded.
    monthly_amount: wire::Money,
    /// When it was made.
    created_at: wire::Instant,
}

impl SubscriptionView {
    /// The subscription as it is shown on a day of its customer.
    ///
    /// # Errors
    /// When its amounts do not add up or its next period leaves the calendar.
    pub fn of(subscription: &Subscription, today: NaiveDate) -> Result<Self, Problem> {
        let schedule = subscription.schedule;
        let monthly = saldo_money::Money::rounded(
            subscription.monthly_amount(),
            subscription.currency,
            Rounding::HalfAwayFromZero,
        );
        let next = subscription.next_period()?;
        Ok(Self {
            id: Wire(subscription.id),
            customer: Wire(subscription.customer),
            seller: Wire(subscription.seller),
            status: match subscription.status(today) {
                SubscriptionStatus::Scheduled => StatusWord::Scheduled,
                SubscriptionStatus::Trialing => StatusWord::Trialing,
                SubscriptionStatus::Active => StatusWord::Active,
                SubscriptionStatus::Paused => StatusWord::Paused,
                SubscriptionStatus::Ended => StatusWord::Ended,
            },
            currency: Wire(subscription.currency),
            items: subscription.items.iter().map(ItemView::of).collect(),
            interval: Unit::of(schedule.interval()),
            interval_count: schedule.interval().count(),
            start_on: Wire(subscription.trial_from.unwrap_or_else(|| schedule.anchor_on())),
            trial_end_on: subscription.trial_from.map(|_| Wire(schedule.anchor_on())),
            ends_on: subscription.ends_on.map(Wire),
            anchor_day: schedule.anchor_day(),
            collection: CollectionWord::of(subscription.collection),
            net_terms_days: subscription.terms.days(),
            net_terms_end_of_month: subscription.terms.end_of_month(),
            next_period: next.map(PeriodView::of),
            bill_at: subscription.bill_at().map(Wire),
            cancellation: subscription.cancellation().map(|cancellation| CancellationView {
                requested_at: Wire(cancellation.requested_at),
                effective_on: Wire(cancellation.effective_on),
            }),
            period_amount: wire::Money(subscription.period_amount()?),
            monthly_amount: wire::Money(monthly.map_err(Problem::internal)?),
            created_at: Wire(subscription.created_at),
        })
    }
}
