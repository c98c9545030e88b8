//! Deploys `template.yaml` to the local AWS, and describes the deployed stack for tests and people.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, bail};
use local_stack::{Account, FaultProxies, LocalStack, Stack};

use crate::allowances;
use crate::command::run_logged;
use crate::console::Console;
use crate::local_aws::{LocalAws, token};
use crate::python::Venv;
use crate::workspace::Workspace;

const STACK_NAME: &str = "saldo";

/// The address that the local stack's mails come from.
const SENDER: &str = "billing@saldo.example";

/// The provider accounts of the local stack: one per seller of the demo.
const ACCOUNTS: [&str; 2] = ["stripe/main", "stripe/nl"];

/// What stands around the local AWS.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// Where the provider's twin answers.
    pub(crate) provider_url: String,
    /// Through what the functions call both, if not directly.
    pub(crate) faults: Option<FaultProxies>,
}

/// Deploys the template, fills in the provider secrets, writes `stack.json`, and makes the accounts known to the
/// provider's twin.
pub(crate) fn deploy(
    workspace: &Workspace,
    console: &Console,
    tools: &Venv,
    aws: &LocalAws,
    around: &Surroundings,
) -> Result<LocalStack> {
    sam_deploy(workspace, console, tools, aws)?;
    let outputs = outputs(aws)?;
    let output = |name: &str| outputs.get(name).with_context(|| format!("the stack has no output {name}"));
    aws.verify_sender(SENDER)?;
    allowances::grant(aws, STACK_NAME, &workspace.functions()?, output("DocumentsBucketName")?)?;
    let (webhook_secrets, api_keys) = (output("ProviderWebhookSecretsArn")?, output("ProviderApiKeysArn")?);
    let provider = around.faults.as_ref().map_or(&around.provider_url, |faults| &faults.provider);
    let accounts = configure_accounts(aws, webhook_secrets, api_keys, provider)?;
    let stack = Stack {
        endpoint: aws.endpoint().to_owned(),
        // The emulator's own host names would need a resolver; it serves the same API below this path.
        api_url: format!("{}/_aws/execute-api/{}", aws.endpoint(), output("ApiId")?),
        api_key: aws.secret(output("FirstApiKeyArn")?)?,
        provider_url: around.provider_url.clone(),
        faults: around.faults.clone(),
        outputs,
        accounts,
    };
    std::fs::write(workspace.local("stack.json"), serde_json::to_string_pretty(&stack)?)?;
    let stack = LocalStack::of(stack);
    stack.open_twin_accounts().context("the provider's twin does not open the accounts")?;
    Ok(stack)
}

/// The processor of this machine, in AWS's words.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

fn sam_deploy(workspace: &Workspace, console: &Console, tools: &Venv, aws: &LocalAws) -> Result<()> {
    let mut sam = sam(workspace, tools, aws);
    sam.args(["deploy", "--template-file", "template.yaml", "--stack-name", STACK_NAME, "--resolve-s3"]);
    sam.args([
        "--no-confirm-changeset",
        "--no-progressbar",
        "--capabilities",
        "CAPABILITY_IAM",
        "CAPABILITY_AUTO_EXPAND",
    ]);
    sam.arg("--parameter-overrides").arg(format!("Architecture={}", architecture()));
    // Ticks are sent by the demo and by the journeys, which travel in time; the clock must not come in between.
    sam.args(["DeletionProtection=false", "TickState=DISABLED"]).arg(format!("SenderAddress={SENDER}"));
    run_logged(console, &mut sam, &workspace.local("deploy.log"))
}

fn outputs(aws: &LocalAws) -> Result<BTreeMap<String, String>> {
    let fields = [("Action", "DescribeStacks"), ("Version", "2010-05-15"), ("StackName", STACK_NAME)];
    let answer = aws.submit("cloudformation", &fields)?;
    let outputs = outputs_in(&answer).context("the stack tells outputs without name or value")?;
    if outputs.is_empty() {
        bail!("the stack tells no outputs: {answer}");
    }
    Ok(outputs)
}

/// The outputs in CloudFormation's XML answer: names, ARNs and addresses, in which nothing is escaped.
fn outputs_in(answer: &str) -> Option<BTreeMap<String, String>> {
    let between = |text: &str, tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once(&format!("</{tag}>"))?.0.to_owned())
    };
    let told = answer.split("<OutputKey>").skip(1);
    told.map(|told| Some((told.split_once("</OutputKey>")?.0.to_owned(), between(told, "OutputValue")?))).collect()
}

fn sam(workspace: &Workspace, tools: &Venv, aws: &LocalAws) -> Command {
    let mut sam = Command::new(tools.program("python"));
    sam.arg(workspace.path("infra/dev/python/sam.py"));
    sam.current_dir(workspace.root()).envs(aws.environment());
    sam.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN").env("SAM_CLI_BETA_FEATURES", "0");
    // The local AWS is done in a second; on AWS, where it takes minutes, this is five.
    sam.env("SAM_CLI_POLL_DELAY", "0.25");
    sam
}

/// Makes up the secrets of the provider accounts and puts them where the functions read them.
fn configure_accounts(
    aws: &LocalAws,
    webhook_secrets_arn: &str,
    api_keys_arn: &str,
    api_base: &str,
) -> Result<BTreeMap<String, Account>> {
    let mut accounts = BTreeMap::new();
    let mut webhook_secrets = serde_json::Map::new();
    let mut api_keys = serde_json::Map::new();
    for name in ACCOUNTS {
        let webhook_secret = format!("whsec_{}", token()?);
        webhook_secrets.insert(name.to_owned(), serde_json::json!({ "webhook_secrets": [&webhook_secret] }));
        let api_key = format!("sk_test_{}", token()?);
        api_keys.insert(name.to_owned(), serde_json::json!({ "api_key": &api_key, "api_base": api_base }));
        accounts.insert(name.to_owned(), Account { webhook_secret, api_key });
    }
    aws.put_secret(webhook_secrets_arn, &serde_json::Value::Object(webhook_secrets).to_string())?;
    aws.put_secret(api_keys_arn, &serde_json::Value::Object(api_keys).to_string())?;
    Ok(accounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_out_of_the_answer() {
        let output = |key: &str, value: &str| {
            format!("<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>")
        };
        let answer = format!("<Outputs>{}{}</Outputs>", output("ApiId", "a1"), output("Table", "saldo-billing"));
        let expected = BTreeMap::from([("ApiId", "a1"), ("Table", "saldo-billing")]);
        let read = outputs_in(&answer).unwrap();
        assert_eq!(
            read.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<BTreeMap<_, _>>(),
            expected
        );
        assert_eq!(outputs_in("<OutputKey>ApiId</OutputKey>"), None);
    }
}
