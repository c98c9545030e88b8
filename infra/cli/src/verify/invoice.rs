//! An invoice against its document and its entries.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};
use saldo_billing::invoice::{Invoice, Line};
use saldo_store::entities::{DocumentPart, LedgerEntry, join_document};

use super::finding::{Finding, Invariant};
use super::ledger::check_position;

/// Judges an invoice by all that stands in its partition.
pub(super) fn check(invoice: &Invoice, parts: Vec<DocumentPart>, entries: &[LedgerEntry]) -> Vec<Finding> {
    let of = format!("invoice {}", invoice.id);
    let mut findings = Vec::new();
    match invoice.position() {
        Ok(position) => findings.extend(check_position(&of, &position, entries)),
        Err(error) => findings.push(Finding::new(Invariant::I2, format!("{of}: {error}"))),
    }
    if matches!(invoice.has_lost_its_step(), Ok(true)) {
        findings
            .push(Finding::new(Invariant::I8, format!("{of}: something is left to be done, and nothing is planned")));
    }
    if invoice.issued().is_some() {
        findings.extend(match join_document(parts) {
            None => Some(Finding::new(Invariant::I5, format!("{of}: parts of its document are missing"))),
            Some(document) => check_totals(&of, invoice, &document.lines),
        });
    }
    findings
}

/// The net is the sum of the lines' nets; the tax is rounded once per rate, on the sum of its nets (EN 16931, BR-CO-17), or what is
/// between net and gross where a price includes it.
/// Computed here without the code that made the totals.
fn check_totals(of: &str, invoice: &Invoice, lines: &[Line]) -> Option<Finding> {
    let totals = invoice.totals;
    let told = (totals.net.amount(), totals.tax.amount(), totals.total.amount());
    match recomputed(lines, invoice.currency().exponent()) {
        Some(expected) if expected == told => None,
        Some((net, tax, total)) => {
            let (n, t, sum) = told;
            let what = format!(
                "{of}: its lines come to {net} + {tax} = {total}, its totals say {n} + {t} = {sum} {}",
                invoice.currency()
            );
            Some(Finding::new(Invariant::I5, what))
        }
        None => Some(Finding::new(Invariant::I5, format!("{of}: its lines cannot be added up"))),
    }
}

/// Net, tax and total of lines.
fn recomputed(lines: &[Line], places: u32) -> Option<(Decimal, Decimal, Decimal)> {
    let mut nets: BTreeMap<Decimal, Decimal> = BTreeMap::new();
    let (mut net, mut tax) = (Decimal::ZERO, Decimal::ZERO);
    for line in lines {
        net = net.checked_add(line.net.amount())?;
        if let Some(gross) = line.gross {
            tax = tax.checked_add(gross.amount().checked_sub(line.net.amount())?)?;
        } else {
            let base = nets.entry(line.tax_rate.share()).or_default();
            *base = base.checked_add(line.net.amount())?;
        }
    }
    for (rate, base) in nets {
        let exact = base.checked_mul(rate)?;
        tax = tax.checked_add(exact.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero))?;
    }
    Some((net, tax, net.checked_add(tax)?))
}
