//! Periods, numbers, documents, and the reasons of mail.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rust_decimal::{Decimal, RoundingStrategy};
use saldo_billing::id::{InvoiceId, SubscriptionId};
use saldo_billing::invoice::{Invoice, InvoiceStatus, Origin};
use saldo_billing::mail::{MailRecord, Purpose};
use saldo_billing::payment::PaymentStatus;
use saldo_billing::subscription::Subscription;
use saldo_store::entities::DocumentPart;

use super::Observer;
use crate::moment;
use crate::run::later;
use crate::violation::{Invariant, Violation, broken, bug};

/// The time line of each subscription, as far as it was invoiced.
#[derive(Debug, Default)]
pub(super) struct Periods(BTreeMap<SubscriptionId, Line>);

#[derive(Debug, Default)]
struct Line {
    until: Option<NaiveDate>,
    pauses: Vec<Pause>,
}

/// A pause, by the days that it may touch in any zone.
#[derive(Debug)]
struct Pause {
    paused_at: DateTime<Utc>,
    resumed_at: Option<DateTime<Utc>>,
}

impl Pause {
    /// Whether a period that began on this day may be left out.
    fn may_cover(&self, begin: NaiveDate) -> bool {
        let day = TimeDelta::days(1);
        let first = later(self.paused_at, -day).date_naive();
        first <= begin && self.resumed_at.is_none_or(|at| begin <= later(at, day).date_naive())
    }
}

impl Periods {
    pub(super) fn note(&mut self, subscription: &Subscription) {
        let pauses = &mut self.0.entry(subscription.id).or_default().pauses;
        let open = pauses.last_mut().filter(|pause| pause.resumed_at.is_none());
        match (subscription.paused_at(), open) {
            (Some(paused_at), None) => pauses.push(Pause { paused_at, resumed_at: None }),
            (None, Some(pause)) => pause.resumed_at = Some(moment::now()),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn extend(
        &mut self,
        subscription: SubscriptionId,
        start_on: NaiveDate,
        end_on: NaiveDate,
    ) -> Result<(), Violation> {
        let line = self.0.entry(subscription).or_default();
        let told = format!("{subscription}: {start_on} to {end_on} after {:?}", line.until);
        if end_on <= start_on {
            return Err(broken(Invariant::I3, format!("an empty period: {told}")));
        }
        match line.until {
            Some(until) if start_on < until => return Err(broken(Invariant::I3, format!("periods overlap: {told}"))),
            Some(until) if start_on > until && !line.pauses.iter().any(|pause| pause.may_cover(until)) => {
                return Err(broken(Invariant::I3, format!("a hole between periods: {told}")));
            }
            Some(_) | None => {}
        }
        line.until = Some(end_on);
        Ok(())
    }
}

impl Observer {
    /// What was called off stays so: nobody who read an older state writes over it.
    pub(super) fn take_subscription(&mut self, subscription: Subscription) -> Result<(), Violation> {
        let (id, end_on) = (subscription.id, subscription.end_on());
        let known = self.subscriptions.insert(id, subscription).and_then(|known| known.end_on());
        match (known, end_on) {
            (Some(known), Some(end_on)) if end_on <= known => Ok(()),
            (Some(known), _) => Err(broken(Invariant::I3, format!("{id} was to end on {known}, now on {end_on:?}"))),
            (None, _) => Ok(()),
        }
    }

    pub(super) fn take_invoice(&mut self, invoice: Invoice) -> Result<(), Violation> {
        let id = invoice.id;
        let known = self.invoices.get(&id);
        if let (None, Origin::Subscription { subscription, period }) = (known, invoice.origin) {
            self.periods.extend(subscription, period.start_on(), period.end_on())?;
        }
        let (before, after) = (known.and_then(Invoice::issued), invoice.issued());
        if let (Some(before), false) = (before, before == after) {
            return Err(broken(Invariant::I5, format!("invoice {id} was issued as {before:?}, now {after:?}")));
        }
        if let (None, Some(issued)) = (before, after) {
            let last = self.numbers.entry(invoice.seller).or_default();
            let next = last.saturating_add(1);
            if issued.number.sequence != next {
                let found = issued.number.sequence;
                return Err(broken(Invariant::I4, format!("invoice {id} has number {found}, {next} was next")));
            }
            *last = next;
        }
        let key = (invoice.customer, invoice.currency());
        let credit = |invoice: Option<&Invoice>| invoice.map(Invoice::credit).transpose().map_err(bug);
        let (had, has) = (credit(known)?, credit(Some(&invoice))?);
        if had != has {
            let zero = saldo_money::Money::zero(key.1);
            let sum = self.owed_credit.entry(key).or_insert(zero);
            *sum = sum
                .checked_add(has.unwrap_or(zero))
                .and_then(|sum| sum.checked_sub(had.unwrap_or(zero)))
                .map_err(bug)?;
            self.touched_customers.insert(key);
        }
        self.touched.insert(id);
        self.invoices.insert(id, invoice);
        Ok(())
    }

    pub(super) fn take_part(&mut self, part: DocumentPart) -> Result<(), Violation> {
        let (id, place) = (part.invoice, part.part);
        let parts = self.parts.entry(id).or_default();
        let is_issued = self.invoices.get(&id).is_some_and(|invoice| invoice.issued().is_some());
        if is_issued && !self.touched.contains(&id) && parts.get(&place).is_some_and(|known| *known != part) {
            return Err(broken(Invariant::I5, format!("the document of issued invoice {id} was changed")));
        }
        parts.insert(place, part);
        self.touched.insert(id);
        Ok(())
    }

    pub(super) fn check_invoice(&self, id: InvoiceId) -> Result<(), Violation> {
        let Some(invoice) = self.invoices.get(&id) else { return Ok(()) };
        let position = invoice.position().map_err(bug)?;
        let entered = self.entries.get(&format!("INVOICE#{id}")).cloned().unwrap_or_default();
        if position != entered {
            return Err(broken(
                Invariant::I2,
                format!("invoice {id} stands at {position:?}, its entries at {entered:?}"),
            ));
        }
        self.check_totals(invoice)
    }

    /// The totals of an issued invoice are those of its lines: per rate the sum of the nets, and its tax rounded once; what a price
    /// includes is what is between net and gross.
    fn check_totals(&self, invoice: &Invoice) -> Result<(), Violation> {
        let parts: Vec<&DocumentPart> = self.parts.get(&invoice.id).into_iter().flat_map(BTreeMap::values).collect();
        let count = parts.first().map_or(0, |part| part.parts);
        if usize::try_from(count) != Ok(parts.len()) || parts.is_empty() {
            return Err(broken(Invariant::I5, format!("the document of invoice {} is not whole", invoice.id)));
        }
        let first = parts.iter().filter_map(|part| part.document.as_ref()).flat_map(|document| &document.lines);
        let lines = first.chain(parts.iter().flat_map(|part| &part.lines));
        let mut by_rate: BTreeMap<Decimal, Decimal> = BTreeMap::new();
        let (mut net, mut included) = (Some(Decimal::ZERO), Decimal::ZERO);
        for line in lines {
            net = net.and_then(|net| net.checked_add(line.net.amount()));
            let (sum, part) = match line.gross {
                Some(gross) => (&mut included, gross.amount().checked_sub(line.net.amount())),
                None => (by_rate.entry(line.tax_rate.share()).or_default(), Some(line.net.amount())),
            };
            *sum = part.and_then(|part| sum.checked_add(part)).ok_or_else(|| bug("nets"))?;
        }
        let places = invoice.currency().exponent();
        let tax = by_rate.iter().try_fold(included, |sum, (rate, net)| {
            let tax = net.checked_mul(*rate)?.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
            sum.checked_add(tax)
        });
        let totals = invoice.totals;
        if (net, tax) != (Some(totals.net.amount()), Some(totals.tax.amount())) {
            return Err(broken(
                Invariant::I5,
                format!("invoice {} has {totals:?}, its lines {net:?} and {tax:?}", invoice.id),
            ));
        }
        Ok(())
    }

    /// Whether a mail had a reason at the moment at which it was decided on.
    pub(super) fn check_reason(&self, record: &MailRecord) -> Result<(), Violation> {
        let none = |why: &str| broken(Invariant::I10, format!("mail {} on {} {why}", record.purpose, record.invoice));
        let Some(invoice) = self.invoices.get(&record.invoice) else { return Err(none("is about nothing")) };
        let status = invoice.status().map_err(bug)?;
        let is_owed = matches!(status, InvoiceStatus::Open | InvoiceStatus::PartlyPaid);
        match record.purpose {
            Purpose::Issued if invoice.issued().is_none() || status == InvoiceStatus::Void => {
                Err(none("is about none"))
            }
            Purpose::Reminder(_) if !is_owed || invoice.is_processing() || invoice.is_disputed() => {
                Err(none("reminds of nothing that is due"))
            }
            Purpose::PaymentFailed(_) if !is_owed => Err(none("complains about what is paid")),
            Purpose::Receipt(payment) => {
                let taken = self.payments.get(&payment).map(saldo_billing::payment::Payment::status);
                if taken == Some(PaymentStatus::Succeeded) { Ok(()) } else { Err(none("confirms what was not taken")) }
            }
            Purpose::Issued | Purpose::Reminder(_) | Purpose::PaymentFailed(_) => Ok(()),
        }
    }
}
