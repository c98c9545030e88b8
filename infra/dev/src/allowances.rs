//! What the local AWS cannot do with the policies of the template, and what is changed for it after the deployment.
//!
//! Without the demo, the local stack runs with policies enforced: a function that lacks a permission fails here as it would on AWS. Three
//! of the template's permissions mean more on AWS than the emulator understands, and only those are loosened, only here,
//! and only for the roles that have them.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::local_aws::LocalAws;

/// The version of IAM's query protocol.
const IAM_VERSION: &str = "2010-05-08";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    role: String,
}

/// Loosens what has to be on the deployed stack; `functions` are the names of the function crates.
pub(crate) fn grant(aws: &LocalAws, stack: &str, functions: &[String], bucket: &str) -> Result<()> {
    drop_tls_only(aws, bucket).context("cannot drop the bucket's policy")?;
    for function in functions {
        extend_role(aws, stack, function).with_context(|| format!("cannot extend the role of {function}"))?;
    }
    Ok(())
}

/// The bucket refuses plain http, and the emulator speaks nothing else.
fn drop_tls_only(aws: &LocalAws, bucket: &str) -> Result<()> {
    aws.call("s3", "DELETE", &format!("/{bucket}?policy"), &[], "").map(drop)
}

/// Gives the role of a function what the emulator asks for beyond AWS, next to the policy from the template.
fn extend_role(aws: &LocalAws, stack: &str, function: &str) -> Result<()> {
    let path = format!("/2015-03-31/functions/{stack}-{function}/configuration");
    let configuration: Configuration = serde_json::from_str(&aws.call("lambda", "GET", &path, &[], "")?)?;
    let role = configuration.role.rsplit('/').next().unwrap_or_default();
    let named = [("Version", IAM_VERSION), ("RoleName", role)];
    let asked = [&[("Action", "GetRolePolicy"), ("PolicyName", function)], named.as_slice()].concat();
    let extra = extra_statements(&policy_document(&aws.submit("iam", &asked)?)?);
    if extra.is_empty() {
        return Ok(());
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": extra }).to_string();
    let put = [("Action", "PutRolePolicy"), ("PolicyName", "local"), ("PolicyDocument", policy.as_str())];
    aws.submit("iam", &[put.as_slice(), named.as_slice()].concat()).map(drop)
}

/// What the emulator asks for where AWS is content with these statements.
fn extra_statements(policy: &Value) -> Vec<Value> {
    let statements = policy.get("Statement").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut extra = Vec::new();
    for statement in statements {
        // AWS checks a batch as `sqs:SendMessage`; the emulator takes it for an action of its own.
        if allows(statement, "sqs:SendMessage") {
            let resource = statement.get("Resource").cloned().unwrap_or_default();
            extra.push(json!({ "Effect": "Allow", "Action": "sqs:SendMessageBatch", "Resource": resource }));
        }
        // The emulator looks for the sender's identity in vain and checks against `*`.
        if allows(statement, "ses:SendRawEmail") {
            extra.push(json!({ "Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*" }));
        }
    }
    extra
}

fn allows(statement: &Value, action: &str) -> bool {
    let actions = statement.get("Action").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    actions.iter().any(|allowed| allowed == action)
}

/// The policy in IAM's XML answer, where it stands percent-encoded.
fn policy_document(answer: &str) -> Result<Value> {
    let encoded = answer.split_once("<PolicyDocument>").and_then(|(_, rest)| rest.split_once("</PolicyDocument>"));
    let (encoded, _) = encoded.context("the answer holds no policy")?;
    serde_json::from_str(&percent_decode(encoded)?).context("the policy is not JSON")
}

fn percent_decode(encoded: &str) -> Result<String> {
    let mut parts = encoded.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).context("an escape is cut off")?;
        bytes.push(u8::from_str_radix(digits, 16).with_context(|| format!("%{digits} is no escape"))?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).context("the text is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_out_of_the_answer() {
        let answer = "<R><PolicyDocument>%7B%22Statement%22%3A%5B%5D%7D</PolicyDocument></R>";
        assert_eq!(policy_document(answer).unwrap(), json!({ "Statement": [] }));
        assert!(policy_document("<R/>").is_err());
    }

    #[test]
    fn a_role_gets_no_more_than_what_it_may_do_anyway() {
        let policy = json!({ "Statement": [
            { "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["queue"] },
            { "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "bucket" },
        ] });
        let expected = [json!({ "Effect": "Allow", "Action": "sqs:SendMessageBatch", "Resource": ["queue"] })];
        assert_eq!(extra_statements(&policy), expected);
    }
}
