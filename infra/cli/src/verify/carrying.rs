//! What invoices leave to later ones: both say the same, so that it is owed once.

use anyhow::{Context, Result};
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::{BroughtForward, Invoice};
use saldo_store::entities::invoice_key;
use saldo_store::{Store, load};

use super::finding::{Finding, Invariant, unreadable};

/// Judges what an invoice brings forward, and what it leaves to another.
pub(super) async fn check(store: &dyn Store, invoice: &Invoice) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for debt in invoice.brought_forward().iter().filter(|_| invoice.voided_at().is_none()) {
        let agrees = |earlier: &Invoice| {
            earlier.carried_forward().is_some_and(|left| (left.to, left.amount) == (invoice.id, debt.amount))
        };
        let BroughtForward { from, amount, .. } = debt;
        let what = format!("invoice {} brings {amount} of invoice {from} forward, which says otherwise", invoice.id);
        findings.extend(other(store, *from, agrees, what).await?);
    }
    if let Some(left) = invoice.carried_forward() {
        let agrees = |later: &Invoice| {
            let brings = |debt: &BroughtForward| (debt.from, debt.amount) == (invoice.id, left.amount);
            later.voided_at().is_none() && later.brought_forward().iter().any(brings)
        };
        let what = format!("invoice {} left {} to invoice {}, which says otherwise", invoice.id, left.amount, left.to);
        findings.extend(other(store, left.to, agrees, what).await?);
    }
    Ok(findings)
}

/// `what`, unless the other invoice agrees.
async fn other(
    store: &dyn Store,
    id: InvoiceId,
    agrees: impl Fn(&Invoice) -> bool,
    what: String,
) -> Result<Option<Finding>> {
    Ok(match load::<Invoice>(store, &invoice_key(id)).await {
        Ok(Some(invoice)) if agrees(&invoice.value) => None,
        Ok(_) => Some(Finding::new(Invariant::I2, what)),
        Err(error) => Some(unreadable(error).context("an invoice cannot be read")?),
    })
}
