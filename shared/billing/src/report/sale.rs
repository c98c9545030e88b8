//! A sale as reports see it: an invoice with its payments, or a payment that belongs to none.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use saldo_money::{Currency, Money, MoneyError};
use serde::{Deserialize, Serialize};

use super::{Cell, Contributions, Dimensions, Figure, NONE, Sold, value};
use crate::calendar::local_date;
use crate::id::{InvoiceId, PaymentId};
use crate::invoice::Invoice;
use crate::payment::{Payment, PaymentError, RefundStatus, Statement};

/// Which sale: that of an invoice, or that of a payment without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SaleId {
    /// An invoice and what was paid on it.
    Invoice(InvoiceId),
    /// A payment that belongs to no invoice.
    Payment(PaymentId),
}

impl SaleId {
    /// The sale that a payment belongs to.
    #[must_use]
    pub fn of_payment(payment: &Payment) -> Self {
        payment.invoice.map_or(Self::Payment(payment.id), Self::Invoice)
    }
}

impl fmt::Display for SaleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoice(invoice) => invoice.fmt(f),
            Self::Payment(payment) => payment.fmt(f),
        }
    }
}

/// What reports need to know of a sale. Everything it contributes follows from this and from what was [`Sold`], which
/// never changes; so it can be kept small, as the record of what was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    id: SaleId,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_on: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voided_on: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    payments: BTreeMap<PaymentId, Taken>,
}

/// What reports need to know of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    gateway: String,
    method: String,
    /// When its first attempt was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decided_at: Option<DateTime<Utc>>,
    /// Declined attempts, by day.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    failed: BTreeMap<NaiveDate, u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    captured: BTreeMap<NaiveDate, Decimal>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refunded: BTreeMap<NaiveDate, Decimal>,
}

impl Sale {
    /// A sale of which nothing is known yet.
    #[must_use]
    pub const fn new(id: SaleId, currency: Currency) -> Self {
        Self { id, currency, issued_on: None, voided_on: None, payments: BTreeMap::new() }
    }

    /// Which sale it is.
    #[must_use]
    pub const fn id(&self) -> SaleId {
        self.id
    }

    /// Its currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Whether it has nothing that reports count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.issued_on.is_none() && self.payments.is_empty()
    }

    /// Whether [`Self::note_invoice`] would change nothing.
    #[must_use]
    pub fn knows_invoice(&self, invoice: &Invoice) -> bool {
        self.issued_on == invoice.issued().map(|issued| issued.on)
            && self.voided_on.is_some() == invoice.voided_at().is_some()
    }

    /// Takes over where the invoice stands; a void is dated where its seller is.
    pub fn note_invoice(&mut self, invoice: &Invoice, seller_zone: Tz) {
        self.issued_on = invoice.issued().map(|issued| issued.on);
        // A seller who moves west between the two must not void an invoice before it is issued.
        self.voided_on =
            invoice.voided_at().map(|at| local_date(at, seller_zone)).max(invoice.voided_at().and(self.issued_on));
    }

    /// Whether [`Self::note_payment`] would change nothing.
    ///
    /// # Errors
    /// When amounts of the payment do not add up.
    pub fn knows_payment(&self, payment: &Payment) -> Result<bool, PaymentError> {
        Ok(self.payments.get(&payment.id) == Taken::of(payment)?.as_ref())
    }

    /// Takes over what the facts of a payment now say.
    ///
    /// # Errors
    /// When amounts of the payment do not add up.
    pub fn note_payment(&mut self, payment: &Payment) -> Result<(), PaymentError> {
        match Taken::of(payment)? {
            Some(taken) => self.payments.insert(payment.id, taken),
            None => self.payments.remove(&payment.id),
        };
        Ok(())
    }

    /// Leaves out a payment, which belongs to another sale.
    pub fn forget_payment(&mut self, payment: PaymentId) {
        self.payments.remove(&payment);
    }

    /// Whether telling the difference from `before` needs what was sold.
    #[must_use]
    pub fn needs_sold(&self, before: &Self) -> bool {
        let refunds = |sale: &Self| -> BTreeMap<PaymentId, BTreeMap<NaiveDate, Decimal>> {
            let of_payment = |(id, taken): (&PaymentId, &Taken)| (*id, taken.refunded.clone());
            sale.payments.iter().map(of_payment).filter(|(_, refunded)| !refunded.is_empty()).collect()
        };
        (self.issued_on, self.voided_on) != (before.issued_on, before.voided_on) || refunds(self) != refunds(before)
    }

    /// The sale step by step from here to `goal`, which comes last: for when one step would be too much to write at once.
    #[must_use]
    pub fn steps_to(&self, goal: &Self) -> Vec<Self> {
        let mut steps = Vec::new();
        let mut at = self.clone();
        let mut step = |at: &Self| {
            if steps.last().unwrap_or(self) != at {
                steps.push(at.clone());
            }
        };
        at.payments.retain(|id, _| goal.payments.contains_key(id));
        at.issued_on = goal.issued_on;
        step(&at);
        at.voided_on = goal.voided_on;
        step(&at);
        for (id, taken) in &goal.payments {
            let mut partly = Taken { refunded: BTreeMap::new(), ..taken.clone() };
            for (day, amount) in &taken.refunded {
                at.payments.insert(*id, partly.clone());
                step(&at);
                partly.refunded.insert(*day, *amount);
            }
            at.payments.insert(*id, partly);
            step(&at);
        }
        steps
    }

    /// What it adds to reports, when this is what its invoice sold.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn contributions(&self, sold: &Sold) -> Result<Contributions, MoneyError> {
        let mut all = Contributions::default();
        for (product, part) in sold.parts() {
            for (figure, amount) in [(Figure::Net, part.net), (Figure::Tax, part.tax)] {
                let cell = |day| self.cell(day, sold.dimensions(product), figure);
                if let Some(day) = self.issued_on {
                    all.add(cell(day), amount.amount())?;
                }
                if let Some(day) = self.voided_on {
                    all.add(cell(day), amount.negated().amount())?;
                }
            }
        }
        for taken in self.payments.values() {
            self.add_payment(&mut all, taken)?;
            for (day, amount) in &taken.refunded {
                for (product, share) in sold.share(Money::try_new(*amount, self.currency)?)? {
                    all.add(self.cell(*day, sold.dimensions(product), Figure::Refunded), share.amount())?;
                }
            }
        }
        self.add_invoice_rate(&mut all)?;
        Ok(all)
    }

    fn add_payment(&self, all: &mut Contributions, taken: &Taken) -> Result<(), MoneyError> {
        let cell = |day: NaiveDate, figure| self.cell(day, taken.dimensions(), figure);
        for (day, count) in &taken.failed {
            all.add(cell(*day, Figure::Failed), Decimal::from(*count))?;
        }
        if let Some(day) = taken.captured.keys().next() {
            all.add(cell(*day, Figure::Succeeded), Decimal::ONE)?;
        }
        for (day, amount) in &taken.captured {
            all.add(cell(*day, Figure::Captured), *amount)?;
        }
        for (day, amount) in &taken.refunded {
            all.add(cell(*day, Figure::GivenBack), *amount)?;
        }
        Ok(())
    }

    /// An invoice counts once, on the day and under the method of its first decision, and so does its payment whenever it
    /// comes: the rate of a day is that of the invoices first tried on it, and never beyond one.
    fn add_invoice_rate(&self, all: &mut Contributions) -> Result<(), MoneyError> {
        if matches!(self.id, SaleId::Payment(_)) {
            return Ok(());
        }
        let decided = self.payments.iter().filter_map(|(id, taken)| Some((taken.decided_at?, id, taken)));
        let Some((at, _, first)) = decided.min_by_key(|(at, id, _)| (*at, **id)) else { return Ok(()) };
        let cell = |figure| self.cell(at.date_naive(), first.dimensions(), figure);
        all.add(cell(Figure::Invoices), Decimal::ONE)?;
        if self.payments.values().any(|taken| !taken.captured.is_empty()) {
            all.add(cell(Figure::InvoicesPaid), Decimal::ONE)?;
        }
        Ok(())
    }

    const fn cell(&self, day: NaiveDate, dimensions: Dimensions, figure: Figure) -> Cell {
        Cell { day, currency: self.currency, dimensions, figure }
    }
}

impl Taken {
    /// What reports need of a payment; nothing while nothing was decided.
    ///
    /// Of the failures of one payment the books keep the last 20, and so do reports.
    fn of(payment: &Payment) -> Result<Option<Self>, PaymentError> {
        let mut taken = Self {
            gateway: payment.account.to_string(),
            method: payment.method.as_ref().map_or_else(|| NONE.to_owned(), |method| value(&method.kind)),
            decided_at: None,
            failed: BTreeMap::new(),
            captured: BTreeMap::new(),
            refunded: BTreeMap::new(),
        };
        let money = |source| PaymentError::Money { payment: payment.id, source };
        for fact in payment.facts() {
            let day = fact.at.date_naive();
            match fact.statement() {
                Some(Statement::Failed { .. }) => {
                    let count = taken.failed.entry(day).or_insert(0);
                    *count = count.saturating_add(1);
                    taken.decided_at = taken.decided_at.or(Some(fact.at));
                }
                Some(Statement::Captured { amount, .. }) => {
                    add(&mut taken.captured, day, amount.amount()).map_err(money)?;
                    taken.decided_at = taken.decided_at.or(Some(fact.at));
                }
                None
                | Some(
                    Statement::Created { .. }
                    | Statement::RequiresAction
                    | Statement::Processing
                    | Statement::Authorised { .. }
                    | Statement::Cancelled
                    | Statement::Refund { .. }
                    | Statement::RefundedInAll { .. }
                    | Statement::DisputeOpened { .. }
                    | Statement::DisputeFundsWithdrawn { .. }
                    | Statement::DisputeFundsReinstated { .. }
                    | Statement::DisputeClosed { .. },
                ) => {}
            }
        }
        taken.refunded = refunds_by_day(payment, payment.standing()?.refunded.amount()).map_err(money)?;
        let says_nothing = taken.decided_at.is_none() && taken.refunded.is_empty();
        Ok((!says_nothing).then_some(taken))
    }

    fn dimensions(&self) -> Dimensions {
        Dimensions::Paid { gateway: self.gateway.clone(), method: self.method.clone() }
    }
}

/// What was given back in all, by the day on which each refund came true. What only a cumulative sum tells counts on the
/// day of the last such sum.
fn refunds_by_day(payment: &Payment, in_all: Decimal) -> Result<BTreeMap<NaiveDate, Decimal>, MoneyError> {
    let mut by_day = BTreeMap::new();
    let mut succeeded: BTreeMap<&str, Option<(NaiveDate, Decimal)>> = BTreeMap::new();
    let mut last_sum = payment.captured_at();
    for fact in payment.facts() {
        match fact.statement() {
            Some(Statement::Refund { reference, amount, status, .. }) => match status {
                RefundStatus::Pending => {}
                RefundStatus::Succeeded => {
                    succeeded.entry(reference).or_insert(Some((fact.at.date_naive(), amount.amount())));
                }
                RefundStatus::Failed | RefundStatus::Cancelled => {
                    succeeded.insert(reference, None);
                }
            },
            Some(Statement::RefundedInAll { .. }) => last_sum = last_sum.max(Some(fact.at)),
            None
            | Some(
                Statement::Created { .. }
                | Statement::RequiresAction
                | Statement::Processing
                | Statement::Authorised { .. }
                | Statement::Captured { .. }
                | Statement::Failed { .. }
                | Statement::Cancelled
                | Statement::DisputeOpened { .. }
                | Statement::DisputeFundsWithdrawn { .. }
                | Statement::DisputeFundsReinstated { .. }
                | Statement::DisputeClosed { .. },
            ) => {}
        }
    }
    let mut rest = in_all;
    for (day, amount) in succeeded.into_values().flatten() {
        add(&mut by_day, day, amount)?;
        rest = rest.checked_sub(amount).ok_or(MoneyError::Overflow)?;
    }
    if let Some(at) = last_sum.filter(|_| !rest.is_zero()) {
        add(&mut by_day, at.date_naive(), rest)?;
    }
    Ok(by_day)
}

fn add(by_day: &mut BTreeMap<NaiveDate, Decimal>, day: NaiveDate, amount: Decimal) -> Result<(), MoneyError> {
    let sum = by_day.entry(day).or_insert(Decimal::ZERO);
    *sum = sum.checked_add(amount).ok_or(MoneyError::Overflow)?;
    Ok(())
}
