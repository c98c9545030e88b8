//! The facts of the run, told again in another order and with repetitions: the payments come out the same.

use std::collections::BTreeMap;

use saldo_billing::id::PaymentId;
use saldo_billing::payment::{Payment, PaymentReport};
use saldo_gateways::News;
use saldo_store::inbox::InboxEvent;
use saldo_store::{Stored, Table};

use crate::chance::Chance;
use crate::run::Run;
use crate::violation::{Invariant, Violation, broken, bug};

/// How many orders are tried.
const ORDERS: u64 = 3;

/// Rebuilds every payment from the inbox, in random orders.
pub(super) fn check(run: &Run) -> Result<(), Violation> {
    let mut told: BTreeMap<PaymentId, Vec<PaymentReport>> = BTreeMap::new();
    for item in run.world.memory.items(Table::Inbox) {
        let event: InboxEvent = Stored::from_item((*item).clone()).map_err(bug)?.value;
        let provider = saldo_gateways::provider(event.account.provider()).ok_or_else(|| bug("provider"))?;
        for news in provider.read(&event.account, event.body.bytes()).map_err(bug)?.news {
            if let News::Payment(report) = news {
                told.entry(report.payment()).or_default().push(report);
            }
        }
    }
    for payment in run.observer.payments.values() {
        let Some(reports) = told.get(&payment.id) else {
            return Err(broken(Invariant::I7, format!("{payment:?} is in the books and in no event")));
        };
        let rebuilt: Vec<Payment> =
            (0..ORDERS).map(|order| rebuilt(reports, order)).collect::<Result<_, Violation>>()?;
        for other in &rebuilt {
            same(&rebuilt[0], other)?;
        }
        same(&rebuilt[0], payment)?;
    }
    Ok(())
}

fn rebuilt(reports: &[PaymentReport], order: u64) -> Result<Payment, Violation> {
    let mut chance = Chance::of(order, "order");
    let mut shuffled: Vec<&PaymentReport> = reports.iter().collect();
    for place in 0..shuffled.len() {
        let other = chance.below(shuffled.len());
        shuffled.swap(place, other);
    }
    let first = shuffled.iter().find(|report| report.introduces).ok_or_else(|| bug("no event introduces a payment"))?;
    let mut payment = Payment::introduced_by(first);
    for report in &shuffled {
        payment.apply(report).map_err(bug)?;
        if chance.happens(3_000) {
            payment.apply(shuffled[chance.below(shuffled.len())]).map_err(bug)?;
        }
    }
    Ok(payment)
}

fn same(one: &Payment, other: &Payment) -> Result<(), Violation> {
    let shown = |payment: &Payment| -> Vec<String> {
        let facts = payment.facts().into_iter().map(|fact| format!("{} {:?}", fact.at, fact.said));
        let standing = [format!("{:?}", payment.status()), format!("{:?}", payment.standing())];
        standing.into_iter().chain(facts).collect()
    };
    let (one, told) = (shown(one), shown(other));
    let missing: Vec<&String> = one.iter().filter(|line| !told.contains(line)).collect();
    let surplus: Vec<&String> = told.iter().filter(|line| !one.contains(line)).collect();
    if missing.is_empty() && surplus.is_empty() {
        return Ok(());
    }
    Err(broken(Invariant::I7, format!("payment {} lacks {missing:?} and has {surplus:?}", other.id)))
}
