//! Every function starts with the variables that the template sets, and with none of them missing.

use std::collections::BTreeMap;

use architecture::rules::functions::{crate_name, functions};
use architecture::stack::{Stack, fields};
use saldo_runtime::config::Environment;

type Read = fn(&Environment) -> Result<(), String>;

macro_rules! read {
    ($function:ident) => {
        |env| $function::config::Config::read(env).map(drop).map_err(|error| error.to_string())
    };
}

const FUNCTIONS: [(&str, Read); 9] = [
    ("billing-tick", read!(billing_tick)),
    ("crm-api", read!(crm_api)),
    ("event-relay", read!(event_relay)),
    ("invoice-generation", read!(invoice_generation)),
    ("payment-collection", read!(payment_collection)),
    ("payment-processing", read!(payment_processing)),
    ("reminder-emails", read!(reminder_emails)),
    ("report-aggregation", read!(report_aggregation)),
    ("webhook-intake", read!(webhook_intake)),
];

#[test]
fn a_missing_variable_fails_the_start_by_its_name() {
    let stack = Stack::read(&architecture::repository()).unwrap();
    let mut set: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let all = functions(&stack);
    for function in &all {
        let variables = fields(function.property(&["Environment", "Variables"]));
        set.insert(crate_name(function).unwrap(), variables.map(|(name, _)| name.as_str()).collect());
    }
    assert_eq!(set.len(), FUNCTIONS.len());
    for (name, read) in FUNCTIONS {
        let variables = &set[name];
        assert!(!variables.is_empty(), "{name}");
        let without = |missing: Option<&str>| {
            let kept = variables.iter().filter(|name| Some(**name) != missing);
            read(&Environment::from_pairs(kept.map(|name| (*name, "billing@saldo.example"))))
        };
        assert_eq!(without(None), Ok(()), "{name}");
        for missing in variables {
            let told = format!("the environment variable {missing} is missing");
            assert_eq!(without(Some(missing)), Err(told), "{name}");
        }
    }
}
