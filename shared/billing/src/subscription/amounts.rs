//! What a subscription costs.

use rust_decimal::Decimal;
use saldo_money::{Money, MoneyError};

use super::{Subscription, SubscriptionError, SubscriptionItem};
use crate::invoice::{Line, LineOrigin};
use crate::metrics::monthly_amount;
use crate::period::Period;

impl SubscriptionItem {
    /// What it brings a period, net of tax; exact.
    ///
    /// # Errors
    /// When the amount leaves what money can hold.
    pub fn net_amount(&self) -> Result<Decimal, MoneyError> {
        let amount = self.unit_amount.checked_mul(self.quantity).ok_or(MoneyError::Overflow)?;
        self.tax_behavior.net_in(amount, self.tax_rate)
    }
}

impl Subscription {
    /// What it brings a month, net of tax; exact, to be rounded where it is shown.
    #[must_use]
    pub fn monthly_amount(&self) -> Decimal {
        let interval = self.schedule.interval();
        self.items
            .iter()
            .filter_map(|item| item.net_amount().ok())
            .filter_map(|amount| monthly_amount(amount, interval).ok())
            .sum()
    }

    /// What one period costs in full, net.
    ///
    /// # Errors
    /// When amounts leave what money can hold.
    pub fn period_amount(&self) -> Result<Money, SubscriptionError> {
        let nets = self.items.iter().map(|item| {
            let amount = Line::net_of(item.quantity, item.unit_amount, self.currency)?;
            Ok(Line::amounts(amount, item.tax_rate, item.tax_behavior)?.0)
        });
        nets.collect::<Result<Vec<_>, _>>()
            .and_then(|nets| Money::sum(nets, self.currency))
            .map_err(|source| SubscriptionError::Money { subscription: self.id, source })
    }

    /// The lines of a period; one that is cut short costs its share of the days (first and last day count).
    pub(super) fn lines_for(&self, period: Period) -> Result<Vec<Line>, SubscriptionError> {
        let full = self.schedule.full_period(self.next_period).map_err(|source| SubscriptionError::Period {
            subscription: self.id,
            number: self.next_period,
            source,
        })?;
        let line = |item: &SubscriptionItem| {
            let whole = item.quantity.checked_mul(item.unit_amount).ok_or(MoneyError::Overflow)?;
            let share = whole
                .checked_mul(Decimal::from(period.days()))
                .and_then(|days| days.checked_div(Decimal::from(full.days())))
                .ok_or(MoneyError::Overflow)?;
            let amount = Line::net_of(Decimal::ONE, share, self.currency)?;
            let (net, gross) = Line::amounts(amount, item.tax_rate, item.tax_behavior)?;
            Ok(Line {
                description: item.description.clone(),
                quantity: item.quantity,
                unit_amount: item.unit_amount,
                net,
                gross,
                tax_rate: item.tax_rate,
                product: Some(item.product),
                origin: LineOrigin::Price { price: item.price, subscription: self.id, period },
            })
        };
        self.items
            .iter()
            .map(line)
            .collect::<Result<_, MoneyError>>()
            .map_err(|source| SubscriptionError::Money { subscription: self.id, source })
    }
}
