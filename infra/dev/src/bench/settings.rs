//! The variables of a function, read off the template, with values that are good for a start.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use architecture::rules::functions::{crate_name, functions};
use architecture::stack::{Stack, field, fields};

use crate::local_aws::REGION;

/// The variable that only functions have which keep, send or hand out documents.
const OF_DOCUMENTS: &str = "DOCUMENTS_BUCKET";

/// The variables that the template sets for one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    names: Vec<String>,
}

impl Settings {
    /// The settings of all functions, by the name of their crate.
    pub(crate) fn read(repository: &Path) -> Result<BTreeMap<String, Self>> {
        let stack = Stack::read(repository)?;
        let globals = field(field(field(stack.root(), "Globals"), "Function"), "Environment");
        let shared: Vec<String> = fields(field(globals, "Variables")).map(|(name, _)| name.clone()).collect();
        let of_function = |function: &architecture::stack::Resource<'_>| {
            let own = fields(function.property(&["Environment", "Variables"])).map(|(name, _)| name.clone());
            Some((crate_name(function)?.to_owned(), Self { names: shared.iter().cloned().chain(own).collect() }))
        };
        Ok(functions(&stack).iter().filter_map(of_function).collect())
    }

    /// Whether the function works with documents.
    pub(crate) fn has_documents(&self) -> bool {
        self.names.iter().any(|name| name == OF_DOCUMENTS)
    }

    /// The variables with values; those that are addresses lead to `endpoint`.
    pub(crate) fn values<'a>(&'a self, endpoint: &'a str) -> impl Iterator<Item = (&'a str, String)> {
        self.names.iter().map(move |name| (name.as_str(), value(name, endpoint)))
    }
}

/// A value of the kind that the end of the name promises.
fn value(name: &str, endpoint: &str) -> String {
    match name.rsplit('_').next() {
        Some("URL") => format!("{endpoint}/123456789012/bench"),
        Some("ARN") => format!("arn:aws:secretsmanager:{REGION}:123456789012:secret:bench-AbCdEf"),
        Some("ADDRESS") => "billing@lumen.example".to_owned(),
        Some("LEVEL") => "info".to_owned(),
        Some(_) | None => "bench".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn the_template_tells_the_variables_of_every_function() {
        let workspace = Workspace::find();
        let settings = Settings::read(workspace.root()).unwrap();
        assert_eq!(settings.keys().cloned().collect::<Vec<_>>(), workspace.functions().unwrap());
        let intake: BTreeMap<_, _> = settings["webhook-intake"].values("https://127.0.0.1:1").collect();
        assert_eq!(intake["PROVIDER_EVENTS_QUEUE_URL"], "https://127.0.0.1:1/123456789012/bench");
        assert_eq!(intake["LOG_LEVEL"], "info");
    }

    #[test]
    fn who_draws_sends_or_hands_out_documents_is_known() {
        let settings = Settings::read(Workspace::find().root()).unwrap();
        let with: Vec<_> = settings.iter().filter(|(_, settings)| settings.has_documents()).collect();
        let names: Vec<_> = with.into_iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["crm-api", "invoice-generation", "reminder-emails"]);
    }
}
