//! Policies: exactly the actions and resources that a function needs.

use serde_json::Value;

use crate::rules::Findings;
use crate::stack::{Stack, elements, field, fields};

/// The one place where a resource ends with a wildcard: the names of documents are made at run time, below one prefix.
const DOCUMENTS: &str = "${Tables.Outputs.DocumentsBucketArn}/documents/*";

/// No statement that allows something names an action or a resource with a wildcard, and nobody is let in by name `*`.
pub fn policies_name_actions_and_resources(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for resource in stack.resources() {
        visit_statements(resource.declaration, &mut |statement| {
            if field(statement, "Effect").as_str() != Some("Allow") {
                return;
            }
            let at = format!("{}, {}", resource.address, field(statement, "Sid").as_str().unwrap_or("a statement"));
            if strings(field(statement, "Action")).iter().any(|action| has_wildcard(action)) {
                findings.push(format!("{at}: an action has a wildcard"));
            }
            let resources = strings(field(statement, "Resource"));
            if resources.iter().any(|name| has_wildcard(name) && name != DOCUMENTS) {
                findings.push(format!("{at}: a resource has a wildcard"));
            }
            if resources.is_empty() && !statement.get("Resource").is_some_and(refers) && !is_trust(statement) {
                findings.push(format!("{at}: it names no resource"));
            }
            if strings(field(statement, "Principal")).iter().any(|principal| has_wildcard(principal)) {
                findings.push(format!("{at}: it lets everybody in"));
            }
            if ["NotAction", "NotResource", "NotPrincipal"].iter().any(|name| statement.get(name).is_some()) {
                findings.push(format!("{at}: it allows everything but something"));
            }
        });
    }
    findings
}

/// No role takes over a policy that is written elsewhere, where a wildcard may hide.
pub fn roles_borrow_no_policies(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for role in stack.of_kind("AWS::IAM::Role") {
        if !elements(role.property(&["ManagedPolicyArns"])).is_empty() {
            findings.push(format!("{}: it borrows a managed policy", role.address));
        }
    }
    for function in stack.of_kind("AWS::Serverless::Function") {
        if !function.property(&["Policies"]).is_null() {
            findings.push(format!("{}: its policies must be written out in its role", function.address));
        }
    }
    findings
}

/// Whether a text stands for more than itself.
fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Visits every policy statement anywhere inside a value; a single one may stand without a list.
pub(crate) fn visit_statements(value: &Value, visit: &mut impl FnMut(&Value)) {
    for (name, inner) in fields(value) {
        if name == "Statement" {
            let statements = if inner.is_array() { elements(inner) } else { std::slice::from_ref(inner) };
            statements.iter().for_each(&mut *visit);
        } else {
            visit_statements(inner, visit);
        }
    }
    for inner in elements(value) {
        visit_statements(inner, visit);
    }
}

/// All texts anywhere inside a value.
pub(crate) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(object) => object.values().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// Whether a value refers to a resource or parameter.
fn refers(value: &Value) -> bool {
    value.is_object() || elements(value).iter().any(refers)
}

/// Whether a statement says who may take on a role; that role is its resource.
fn is_trust(statement: &Value) -> bool {
    strings(field(statement, "Action")) == ["sts:AssumeRole"]
}
