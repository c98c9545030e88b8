//! Parameters: nested templates get exactly those that they declare, and each of the deployment's reaches what it sets.

use std::collections::BTreeSet;

use serde_json::{Value, json};

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

/// What each parameter of the deployment sets.
const REACHES: [(&str, &str); 9] = [
    ("Architecture", "/Globals/Function/Architectures/0"),
    ("LogLevel", "/Globals/Function/Environment/Variables/LOG_LEVEL"),
    ("LogRetentionDays", "/Resources/Api/Properties/Parameters/LogRetentionDays"),
    ("DeletionProtection", "/Resources/Tables/Properties/Parameters/DeletionProtection"),
    ("SenderAddress", "/Resources/ReminderEmails/Properties/Environment/Variables/SENDER_ADDRESS"),
    ("SenderDomain", "/Conditions/SenderHasDomain/Fn::Not/0/Fn::Equals/0"),
    ("SenderConfigurationSet", "/Conditions/SenderHasConfigurationSet/Fn::Not/0/Fn::Equals/0"),
    ("AlarmTopicArn", "/Resources/Alarms/Properties/Parameters/TopicArn"),
    ("TickState", "/Resources/BillingTick/Properties/Events/Tick/Properties/State"),
];

/// Each parameter of the deployment reaches what it sets, and tables are protected unless somebody says otherwise.
pub fn parameters_reach_what_they_set(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    let Some((_, root)) = stack.templates().find(|(file, _)| *file == "template.yaml") else {
        return vec!["there is no template.yaml".to_owned()];
    };
    let declared = field(root, "Parameters");
    for (name, place) in REACHES {
        if field(declared, name).is_null() || root.pointer(place) != Some(&json!({ "Ref": name })) {
            findings.push(format!("template.yaml: {name} is not what {place} is set by"));
        }
    }
    for (name, _) in fields(declared).filter(|(name, _)| REACHES.iter().all(|(known, _)| name != known)) {
        findings.push(format!("template.yaml: nobody knows what {name} sets"));
    }
    if declared.pointer("/DeletionProtection/Default").and_then(Value::as_str) != Some("true") {
        findings.push("template.yaml: tables must be protected by default".to_owned());
    }
    findings
}
