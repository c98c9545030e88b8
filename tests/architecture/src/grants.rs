//! What each function may do, by the policies of its role.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::rules::functions::{crate_name, functions};
use crate::rules::policies::{strings, visit_statements};
use crate::stack::{Stack, elements, field};

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The action, such as `dynamodb:Query`.
    pub action: String,
    /// The logical id of the resource.
    pub resource: String,
    /// What stands behind the resource's ARN, such as `/index/due`.
    pub part: String,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}{}", self.action, self.resource, self.part)
    }
}

/// The grants of every function by the name of its crate, as far as they name resources of the stack.
#[must_use]
pub fn grants(stack: &Stack) -> BTreeMap<String, BTreeSet<Grant>> {
    let mut all = BTreeMap::new();
    for function in functions(stack) {
        let template = &function.address.template;
        let role = stack.resolve(template, function.property(&["Role"])).and_then(|address| stack.resource(&address));
        let (Some(name), Some(role)) = (crate_name(&function), role) else { continue };
        let granted: &mut BTreeSet<Grant> = all.entry(name.to_owned()).or_default();
        visit_statements(role.property(&["Policies"]), &mut |statement| {
            if field(statement, "Effect").as_str() != Some("Allow") {
                return;
            }
            let resource = field(statement, "Resource");
            let resources = if resource.is_array() { elements(resource) } else { std::slice::from_ref(resource) };
            for (resource, part) in resources.iter().filter_map(|resource| stack.resolve_arn(template, resource)) {
                granted.extend(strings(field(statement, "Action")).into_iter().map(|action| Grant {
                    action,
                    resource: resource.id.clone(),
                    part: part.clone(),
                }));
            }
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_an_action_on_a_resource_or_a_part_of_it() {
        let stack = Stack::read(&crate::repository()).unwrap();
        let shown: BTreeSet<String> = grants(&stack)["billing-tick"].iter().map(ToString::to_string).collect();
        assert!(shown.contains("dynamodb:Query on BillingTable/index/due"), "{shown:?}");
        assert!(shown.contains("sqs:SendMessage on RemindersQueue"), "{shown:?}");
        assert!(!shown.iter().any(|grant| grant.contains("InboxTable")), "{shown:?}");
    }
}
