//! Tables and documents: nothing is lost, nothing is readable, nothing expires by accident.

use serde_json::{Value, json};

use crate::rules::Findings;
use crate::stack::{Resource, Stack, elements, field};

const TABLE: &str = "AWS::DynamoDB::Table";
const BUCKET: &str = "AWS::S3::Bucket";

/// The one table with records that may expire: the API's idempotency records and the addresses of hosted pages live beside the
/// books they belong to.
const TABLE_WITH_HOUSEKEEPING: &str = "BillingTable";

/// The attribute that only those records carry.
const EXPIRY: &str = "expires_at";

/// Every table is on demand, encrypted, recoverable to any second, and protected by the parameter.
pub fn tables_are_safe(stack: &Stack) -> Findings {
    let wanted = [
        (vec!["BillingMode"], json!("PAY_PER_REQUEST")),
        (vec!["SSESpecification", "SSEEnabled"], json!(true)),
        (vec!["PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"], json!(true)),
        (vec!["DeletionProtectionEnabled"], json!({ "Ref": "DeletionProtection" })),
    ];
    let mut findings = Findings::new();
    for table in stack.of_kind(TABLE) {
        for (path, value) in &wanted {
            if table.property(path) != value {
                findings.push(format!("{}: {} must be {value}", table.address, path.join(".")));
            }
        }
        findings.extend(outlives_the_stack(&table));
    }
    findings
}

/// Only housekeeping expires, and it does: the API's idempotency records and the addresses of hosted pages. Books, facts, events
/// and reports never do.
pub fn only_housekeeping_expires(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for table in stack.of_kind(TABLE) {
        let expiry = table.property(&["TimeToLiveSpecification"]);
        let wanted = match table.address.id == TABLE_WITH_HOUSEKEEPING {
            true => json!({ "AttributeName": EXPIRY, "Enabled": true }),
            false => Value::Null,
        };
        if *expiry != wanted {
            findings.push(format!("{}: what expires there must be {wanted}", table.address));
        }
    }
    findings
}

/// The billing table tells what changed, with both images.
pub fn books_are_streamed(stack: &Stack) -> Findings {
    let streamed = stack.of_kind(TABLE).filter(|table| !table.property(&["StreamSpecification"]).is_null());
    let views: Vec<_> = streamed
        .map(|table| (table.address.id.clone(), table.property(&["StreamSpecification", "StreamViewType"]).clone()))
        .collect();
    if views == [("BillingTable".to_owned(), json!("NEW_AND_OLD_IMAGES"))] {
        return Findings::new();
    }
    vec![format!("exactly the billing table must have a stream with both images, found {views:?}")]
}

/// Documents are encrypted, versioned, never public, and travel over TLS only.
pub fn documents_are_private(stack: &Stack) -> Findings {
    let mut findings = Findings::new();
    for bucket in stack.of_kind(BUCKET) {
        let at = &bucket.address;
        let block = bucket.property(&["PublicAccessBlockConfiguration"]);
        for name in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
            if field(block, name) != &Value::Bool(true) {
                findings.push(format!("{at}: {name} must be on"));
            }
        }
        if elements(bucket.property(&["BucketEncryption", "ServerSideEncryptionConfiguration"])).is_empty() {
            findings.push(format!("{at}: it is not encrypted"));
        }
        if bucket.property(&["VersioningConfiguration", "Status"]) != &json!("Enabled") {
            findings.push(format!("{at}: an overwritten document would be gone"));
        }
        if !stack.of_kind("AWS::S3::BucketPolicy").any(|policy| denies_plain_http(stack, &policy, &bucket)) {
            findings.push(format!("{at}: no policy refuses plain http"));
        }
        findings.extend(outlives_the_stack(&bucket));
    }
    findings
}

fn denies_plain_http(stack: &Stack, policy: &Resource<'_>, bucket: &Resource<'_>) -> bool {
    let covers =
        stack.resolve(&policy.address.template, policy.property(&["Bucket"])).as_ref() == Some(&bucket.address);
    covers
        && elements(policy.property(&["PolicyDocument", "Statement"])).iter().any(|statement| {
            field(statement, "Effect") == &json!("Deny")
                && field(statement, "Condition") == &json!({ "Bool": { "aws:SecureTransport": "false" } })
        })
}

/// What is kept stays when the stack is deleted or a resource is replaced.
fn outlives_the_stack(resource: &Resource<'_>) -> Findings {
    let wanted = [("DeletionPolicy", "RetainExceptOnCreate"), ("UpdateReplacePolicy", "Retain")];
    let missing = wanted.iter().filter(|(name, value)| field(resource.declaration, name) != &json!(value));
    missing.map(|(name, value)| format!("{}: {name} must be {value}", resource.address)).collect()
}
