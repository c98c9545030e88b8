//! Money in the books and at the provider.

use std::collections::{BTreeMap, BTreeSet};

use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, RefundId};
use saldo_billing::payment::{RefundState, RefundStatus};
use saldo_gateways::stripe::REFUND_KEY;
use saldo_money::{Currency, Money};
use saldo_store::entities::LedgerEntry;

use super::Observer;
use crate::violation::{Invariant, Violation, broken, bug};
use crate::world::{ACCOUNTS, World, provider_key};
use provider_twin::Movement;

/// What was seen of the provider's books.
#[derive(Debug, Default)]
pub(super) struct Seen {
    entries: BTreeMap<&'static str, usize>,
    attempts: BTreeSet<(String, String)>,
    refunds: BTreeSet<String>,
    /// What our own charges and pages took for an invoice, in the numbers that travel.
    taken: BTreeMap<String, i64>,
    /// Invoices that somebody also paid by other means.
    paid_outside: BTreeSet<String>,
}

impl Observer {
    pub(super) fn take_entry(&mut self, partition: &str, entry: &LedgerEntry) -> Result<(), Violation> {
        let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
        for (_, amount) in entry.entry.postings.postings() {
            let sum = sums.entry(amount.currency()).or_insert(Money::zero(amount.currency()));
            *sum = sum.checked_add(amount).map_err(bug)?;
        }
        if let Some(sum) = sums.values().find(|sum| !sum.is_zero()) {
            return Err(broken(Invariant::I2, format!("entry {} of {partition} sums to {sum}", entry.entry.cause)));
        }
        let known = self.entries.entry(partition.to_owned()).or_default();
        *known = known.plus(&entry.entry.postings).map_err(bug)?;
        if let Some(id) = entry.invoice {
            self.touched.insert(id);
        }
        Ok(())
    }

    pub(super) fn check_payment(&self, id: PaymentId) -> Result<(), Violation> {
        let Some(payment) = self.payments.get(&id) else { return Ok(()) };
        let standing = payment.standing().map_err(bug)?;
        let more = |one: Money, other: Money| one.amount() > other.amount();
        // A refund may be heard of before its charge; in the end both are compared with the provider's books.
        if !standing.captured.is_zero() && more(standing.refunded, standing.captured) {
            let found = format!("{} of {} was given back of payment {id}", standing.refunded, standing.captured);
            return Err(broken(Invariant::I6, found));
        }
        let mut asked = Money::zero(payment.currency);
        for (_, request) in payment.refund_requests() {
            let counts = match &request.state {
                RefundState::Requested | RefundState::Unknown { .. } => true,
                RefundState::Accepted { status, .. } => {
                    matches!(status, RefundStatus::Pending | RefundStatus::Succeeded)
                }
                RefundState::Refused { .. } => false,
            };
            if counts {
                asked = asked.checked_add(request.amount).map_err(bug)?;
            }
        }
        if more(asked, standing.captured) {
            let found = format!("refunds over {asked} of {} stand on payment {id}", standing.captured);
            return Err(broken(Invariant::I6, found));
        }
        if payment.invoice.is_none() {
            let position = saldo_books::payments::unallocated(payment).map_err(bug)?;
            let entered = self.entries.get(&format!("PAYMENT#{id}")).cloned().unwrap_or_default();
            if position != entered {
                let found = format!("payment {id} stands at {position:?}, its entries at {entered:?}");
                return Err(broken(Invariant::I2, found));
            }
        }
        Ok(())
    }

    pub(super) fn check_credit(&self, key: (CustomerId, Currency)) -> Result<(), Violation> {
        let zero = Money::zero(key.1);
        let (kept, owed) = (self.credit.get(&key), self.owed_credit.get(&key));
        if kept.copied().unwrap_or(zero) == owed.copied().unwrap_or(zero) {
            return Ok(());
        }
        Err(broken(Invariant::I2, format!("{} has a credit of {kept:?}, by the invoices it is {owed:?}", key.0)))
    }

    /// Whether the provider gave money back for a refund of ours.
    pub(crate) fn was_given_back(&self, refund: RefundId) -> bool {
        self.provider.refunds.contains(&refund.to_string())
    }

    /// Looks at the provider's own books: no attempt takes twice, no refund gives back twice, and we take no more than an invoice
    /// asks for.
    pub(super) fn look_at_provider(&mut self, world: &World) -> Result<(), Violation> {
        let twin = world.twin();
        for account in ACCOUNTS {
            let Some(books) = twin.books(&provider_key(account)) else { continue };
            let seen = self.provider.entries.entry(account).or_default();
            let first = *seen;
            *seen = books.entries().len();
            let new = books.entries().iter().skip(first);
            for entry in new.clone().filter(|entry| entry.movement == Movement::Refunded) {
                let refund = books.metadata(&entry.source).and_then(|metadata| metadata.get(REFUND_KEY));
                if refund.is_some_and(|refund| !self.provider.refunds.insert(refund.clone())) {
                    return Err(broken(Invariant::I1, format!("refund {refund:?} was given back twice")));
                }
            }
            for entry in new.filter(|entry| entry.movement == Movement::Charged) {
                let metadata = books.metadata(&entry.payment_intent);
                let told = |key: &str| metadata.and_then(|metadata| metadata.get(key));
                let Some(invoice) = told("saldo_invoice") else { continue };
                if told("outside").is_some() {
                    self.provider.paid_outside.insert(invoice.clone());
                    continue;
                }
                if let Some(attempt) = told("saldo_attempt")
                    && !self.provider.attempts.insert((invoice.clone(), attempt.clone()))
                {
                    return Err(broken(Invariant::I1, format!("attempt {attempt} on {invoice} took money twice")));
                }
                let taken = self.provider.taken.entry(invoice.clone()).or_default();
                *taken = taken.saturating_add(entry.amount);
                let taken = *taken;
                self.check_taken(invoice, taken)?;
            }
        }
        Ok(())
    }

    fn check_taken(&self, invoice: &str, taken: i64) -> Result<(), Violation> {
        if self.provider.paid_outside.contains(invoice) {
            return Ok(());
        }
        let known = invoice.parse::<InvoiceId>().ok().and_then(|id| self.invoices.get(&id));
        let Some(known) = known else {
            return Err(broken(Invariant::I1, format!("{invoice} was charged and is unknown")));
        };
        let brought = known.amount_brought_forward().map_err(bug)?;
        let asked = known.totals.total.checked_add(brought).and_then(|sum| sum.checked_sub(known.credit_used()));
        let asked = asked.and_then(|asked| asked.to_minor()).map_err(bug)?;
        if taken > asked {
            return Err(broken(Invariant::I1, format!("{taken} was taken for {invoice}, which asks for {asked}")));
        }
        Ok(())
    }
}
