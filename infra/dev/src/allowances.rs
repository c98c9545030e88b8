//! What the local AWS cannot do with the policies of the template, and what is changed for it after the deployment.
//!
//! The local stack runs with policies enforced: a function that lacks a permission fails here as it would on AWS. Two of
//! the template's policies say more than the emulator understands, and only those are loosened, only here.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::local_aws::LocalAws;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    role: String,
}

/// Loosens the two policies on the deployed stack.
pub(crate) fn grant(aws: &LocalAws, bucket: &str, mail_function: &str) -> Result<()> {
    drop_tls_only(aws, bucket).context("cannot drop the bucket's policy")?;
    allow_any_identity(aws, mail_function).context("cannot let the local stack send mail")
}

/// The bucket refuses plain http, and the emulator speaks nothing else.
fn drop_tls_only(aws: &LocalAws, bucket: &str) -> Result<()> {
    aws.call("s3", "DELETE", &format!("/{bucket}?policy"), &[], "").map(drop)
}

/// The emulator compares `ses:SendRawEmail` with the resource `*` instead of the sender's identity.
fn allow_any_identity(aws: &LocalAws, function: &str) -> Result<()> {
    let path = format!("/2015-03-31/functions/{function}/configuration");
    let configuration: Configuration = serde_json::from_str(&aws.call("lambda", "GET", &path, &[], "")?)?;
    let role = configuration.role.rsplit('/').next().unwrap_or_default().to_owned();
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*" }],
    });
    let fields = [
        ("Action", "PutRolePolicy"),
        ("Version", "2010-05-08"),
        ("RoleName", role.as_str()),
        ("PolicyName", "local-mail"),
        ("PolicyDocument", &policy.to_string()),
    ];
    aws.submit("iam", &fields)
}
