//! The variables that the template sets are those that the functions read.

use std::collections::BTreeSet;
use std::path::Path;

use crate::rules::Findings;
use crate::rules::functions::{crate_name, functions};
use crate::stack::{Stack, field, fields};

/// What the runtime crate reads for every function, so that no function names it.
const READ_BY_THE_RUNTIME: &str = "LOG_LEVEL";

/// Each function's variables in the template are exactly those that its `config.rs` reads.
///
/// `sources` answers with the text of a function's `config.rs`.
pub fn variables_are_those_read(stack: &Stack, sources: impl Fn(&str) -> Option<String>) -> Findings {
    let shared = field(field(field(field(stack.root(), "Globals"), "Function"), "Environment"), "Variables");
    let shared: BTreeSet<String> = fields(shared).map(|(name, _)| name.clone()).collect();
    let mut findings = Findings::new();
    for function in functions(stack) {
        let Some(name) = crate_name(&function) else { continue };
        let Some(source) = sources(name) else {
            findings.push(format!("{name}: it has no config.rs"));
            continue;
        };
        let mut read = variables_read(&source);
        read.insert(READ_BY_THE_RUNTIME.to_owned());
        let own = fields(function.property(&["Environment", "Variables"])).map(|(name, _)| name.clone());
        let set: BTreeSet<String> = own.chain(shared.iter().cloned()).collect();
        findings.extend(set.difference(&read).map(|variable| format!("{name}: {variable} is set and never read")));
        findings.extend(read.difference(&set).map(|variable| format!("{name}: {variable} is read and never set")));
    }
    findings
}

/// The source of `config.rs` of a function in a repository.
pub fn config_source(repository: &Path, function: &str) -> Option<String> {
    std::fs::read_to_string(repository.join("functions").join(function).join("src/config.rs")).ok()
}

/// The literal names in `.required("…")` and `.optional("…")` before the unit tests begin.
pub fn variables_read(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut names = BTreeSet::new();
    for reader in [".required(\"", ".optional(\""] {
        let after = code.split(reader).skip(1);
        names.extend(after.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_off_the_code_and_not_off_its_tests() {
        let source = r#"
            Ok(Self { table: env.required("BILLING_TABLE")?, sender: env.optional("SENDER_ADDRESS") })
            #[cfg(test)]
            mod tests { fn f() { env.required("NOTHING"); } }
        "#;
        let expected = ["BILLING_TABLE", "SENDER_ADDRESS"].map(str::to_owned);
        assert_eq!(variables_read(source), BTreeSet::from(expected));
    }
}
