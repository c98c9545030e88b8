//! What the simulator promises of itself.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use simulator::{Fault, Invariant, Outcome, Plan, Sabotage, play, shrink};

fn plan(seed: u64, sabotage: Option<Sabotage>) -> Plan {
    Plan { seed, days: 4, without: Vec::new(), sabotage }
}

/// Plays seeds until one breaks a promise.
fn first_broken(sabotage: Sabotage) -> (Plan, Outcome) {
    let plans = (1..40).map(|seed| plan(seed, Some(sabotage)));
    plans.map(|plan| (plan.clone(), play(&plan))).find(|(_, outcome)| outcome.violation.is_some()).unwrap()
}

#[test]
fn the_same_seed_is_the_same_run() {
    let [one, other] = [7, 7].map(|seed| format!("{:?}", play(&plan(seed, None))));
    assert_eq!(one, other);
    assert_ne!(one, format!("{:?}", play(&plan(8, None))));
}

#[test]
fn a_seed_without_defect_keeps_its_promises_and_meets_every_handler() {
    let outcome = play(&plan(7, None));
    assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
    assert_eq!(outcome.invocations.len(), 9);
    assert!(outcome.faults.values().sum::<u64>() > 0);
}

#[test]
fn an_entry_that_is_not_written_is_found_at_once() {
    let (_, outcome) = first_broken(Sabotage::EntryForgotten);
    assert_eq!(outcome.violation.unwrap().0.invariant, Invariant::I2);
}

#[test]
fn events_that_vanish_are_found_in_the_end() {
    let (_, outcome) = first_broken(Sabotage::EventsSwallowed);
    assert!(matches!(outcome.violation.unwrap().0.invariant, Invariant::I1 | Invariant::I8));
}

#[test]
fn a_smaller_plan_breaks_the_same_promise() {
    let (broken, outcome) = first_broken(Sabotage::EntryForgotten);
    let invariant = outcome.violation.as_ref().unwrap().0.invariant;
    let (smaller, shown) = shrink(&broken, outcome);
    assert_eq!(shown.violation.unwrap().0.invariant, invariant);
    assert!(smaller.without.contains(&Fault::MailRefused) && smaller.days <= broken.days);
}
