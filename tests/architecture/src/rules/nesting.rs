//! Nested templates: each gets exactly the parameters that it declares.

use std::collections::BTreeSet;

use crate::rules::Findings;
use crate::stack::{Stack, field, fields};

/// Nobody passes what is not declared, and nothing without a default is left out.
pub fn nested_templates_get_their_parameters(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for nesting in stack.of_kind("AWS::Serverless::Application") {
        let location = nesting.property(&["Location"]).as_str().unwrap_or_default();
        let Some((_, nested)) = stack.templates().find(|(file, _)| *file == location) else {
            findings.push(format!("{}: there is no {location}", nesting.address));
            continue;
        };
        let passed: BTreeSet<&String> = fields(nesting.property(&["Parameters"])).map(|(name, _)| name).collect();
        for (name, declaration) in fields(field(nested, "Parameters")) {
            if !passed.contains(name) && declaration.get("Default").is_none() {
                findings.push(format!("{}: {name} of {location} is not passed", nesting.address));
            }
        }
        for name in passed.into_iter().filter(|name| field(nested, "Parameters").get(name).is_none()) {
            findings.push(format!("{}: {location} declares no {name}", nesting.address));
        }
    }
    findings
}
