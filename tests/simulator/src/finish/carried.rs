//! What was too small to be charged alone: it waits for the next invoice, and is owed with that one, once (C8).

use saldo_billing::invoice::{Invoice, InvoiceStatus};
use saldo_money::Money;

use crate::run::Run;
use crate::violation::{Invariant, Violation, broken, bug};

/// Checks each invoice against the one that it left something to, or that left something to it.
pub(super) fn check(run: &Run) -> Result<(), Violation> {
    for invoice in run.observer.invoices.values() {
        if let Some(carried) = invoice.carried_forward() {
            let to = run.observer.invoices.get(&carried.to).ok_or_else(|| bug(carried.to))?;
            is_brought(to, invoice, carried.amount)?;
        }
        let is_void = invoice.status().map_err(bug)? == InvoiceStatus::Void;
        for debt in invoice.brought_forward().iter().filter(|_| !is_void) {
            let left = run.observer.invoices.get(&debt.from).and_then(Invoice::carried_forward);
            if left.is_none_or(|left| (left.to, left.amount) != (invoice.id, debt.amount)) {
                let found = format!("{} brings {debt:?} forward, of which that says {left:?}", invoice.id);
                return Err(broken(Invariant::I2, found));
            }
        }
        if invoice.may_be_carried().map_err(bug)? {
            let customer = run.observer.customers.get(&invoice.customer);
            if !customer.is_some_and(|customer| customer.too_small.contains(&invoice.id)) {
                return Err(broken(Invariant::I8, format!("{} waits for no other invoice", invoice.id)));
            }
        }
    }
    Ok(())
}

fn is_brought(to: &Invoice, from: &Invoice, amount: Money) -> Result<(), Violation> {
    let brought = to.brought_forward().iter().filter(|debt| debt.from == from.id && debt.amount == amount).count();
    if brought == 1 && to.voided_at().is_none() {
        return Ok(());
    }
    let found = format!("{} left {amount} to {}, which brings it forward {brought} times", from.id, to.id);
    Err(broken(Invariant::I2, found))
}
