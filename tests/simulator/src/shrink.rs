//! A plan that breaks a promise, made smaller: fewer faults, fewer days.

use clap::ValueEnum as _;

use crate::run::{Outcome, Plan, play};
use crate::weather::Fault;

/// Leaves out what the violation does not need; the smaller plan and its outcome.
#[must_use]
pub fn shrink(plan: &Plan, outcome: Outcome) -> (Plan, Outcome) {
    let Some(broken) = outcome.violation.as_ref().map(|(violation, _, _)| violation.invariant) else {
        return (plan.clone(), outcome);
    };
    let still = |candidate: &Plan| {
        let outcome = play(candidate);
        let same = outcome.violation.as_ref().is_some_and(|(violation, _, _)| violation.invariant == broken);
        same.then_some(outcome)
    };
    let (mut best, mut shown) = (plan.clone(), outcome);
    for fault in Fault::value_variants().iter().filter(|fault| !plan.without.contains(fault)) {
        let mut candidate = best.clone();
        candidate.without.push(*fault);
        if let Some(outcome) = still(&candidate) {
            (best, shown) = (candidate, outcome);
        }
    }
    let mut step = best.days / 2;
    while step > 0 {
        let candidate = Plan { days: best.days.saturating_sub(step), ..best.clone() };
        match still(&candidate) {
            Some(outcome) if candidate.days > 0 => (best, shown) = (candidate, outcome),
            Some(_) | None => step /= 2,
        }
    }
    (best, shown)
}
