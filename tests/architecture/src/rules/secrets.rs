//! Secrets: only their names travel through templates and environments.

use serde_json::{Value, json};

use crate::rules::Findings;
use crate::stack::{Stack, elements, field, fields};

const SECRET: &str = "AWS::SecretsManager::Secret";

/// No template resolves a secret's value, takes one as a parameter, or holds one.
pub fn templates_hold_no_secrets(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for (file, document) in stack.templates() {
        if document.to_string().contains("{{resolve:") {
            findings.push(format!("{file}: it resolves a secret's value into the template"));
        }
        for (name, parameter) in fields(field(document, "Parameters")) {
            if !field(parameter, "NoEcho").is_null() {
                findings.push(format!("{file}: the parameter {name} carries a secret"));
            }
        }
    }
    for secret in stack.of_kind(SECRET) {
        let text = secret.property(&["SecretString"]);
        let empty = text.is_null() || text == &json!("{}");
        if !empty {
            findings.push(format!("{}: its value is in the template", secret.address));
        }
        if text.is_null() && secret.property(&["GenerateSecretString", "PasswordLength"]).as_u64() < Some(40) {
            findings.push(format!("{}: a generated secret must have at least 40 characters", secret.address));
        }
    }
    findings
}

/// A function gets the ARN of a secret and reads it itself; a variable for a secret says so by its name.
pub fn functions_get_secrets_by_arn(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for function in stack.of_kind("AWS::Serverless::Function") {
        for (name, value) in fields(function.property(&["Environment", "Variables"])) {
            let at = format!("{}, {name}", function.address.id);
            let resource =
                stack.resolve(&function.address.template, value).and_then(|address| stack.resource(&address));
            let is_secret = resource.is_some_and(|resource| resource.kind() == SECRET);
            if is_secret != name.ends_with("_ARN") {
                findings.push(format!("{at}: variables for secrets, and only those, end with _ARN"));
            }
            if is_secret && !is_arn(value) {
                findings.push(format!("{at}: it must be the secret's ARN"));
            }
            if value.is_string() {
                findings.push(format!("{at}: it is written out instead of referring to a resource or parameter"));
            }
        }
    }
    findings
}

fn is_arn(value: &Value) -> bool {
    matches!(value.get("Fn::GetAtt").map(elements), Some([_, attribute]) if attribute == "Id")
}
