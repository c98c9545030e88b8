//! The stack that the command works on: where its queues and tables are, and with whose rights.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use local_stack::LocalStack;
use saldo_runtime::aws::Aws;
use saldo_runtime::config::Environment;
use saldo_store::Table;
use saldo_store::dynamodb::{DynamoStore, TableNames};

/// What the local AWS takes: it checks no secrets.
const LOCAL: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")];

/// How somebody comes by credentials, said whenever some are missing.
const SIGN_IN: &str = "sign in, then run `eval \"$(aws configure export-credentials --format env)\"`";

/// Which stack.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// Name of the deployed CloudFormation stack.
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "local")]
    pub(crate) stack: Option<String>,
    /// The stack that `cargo dev up` started, as target/local/stack.json or FILE describes it.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "target/local/stack.json"
    )]
    pub(crate) local: Option<PathBuf>,
    /// The region of the stack; by default AWS_REGION or AWS_DEFAULT_REGION.
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
}

/// A deployed stack.
#[derive(Debug)]
pub(crate) struct Stack {
    outputs: BTreeMap<String, String>,
    aws: Aws,
    is_local: bool,
}

impl Stack {
    /// Finds the stack.
    ///
    /// # Errors
    /// When none was named, it is not there, or credentials are missing.
    pub(crate) async fn open(target: &Target, env: &Environment) -> Result<Self> {
        match (&target.stack, &target.local) {
            (Some(name), None) => Self::deployed(name, target.region.as_deref(), env).await,
            (None, Some(description)) => {
                let described = LocalStack::open(description)?;
                let endpoint = described.stack().endpoint.as_str();
                let env = Environment::from_pairs(LOCAL.into_iter().chain([("AWS_ENDPOINT_URL", endpoint)]));
                Ok(Self { outputs: described.stack().outputs.clone(), aws: Aws::read(&env)?, is_local: true })
            }
            _ => bail!("which stack? Name a deployed one with `--stack NAME`, or take the local one with `--local`"),
        }
    }

    /// Reads the outputs of a CloudFormation stack.
    async fn deployed(name: &str, region: Option<&str>, env: &Environment) -> Result<Self> {
        let aws = Aws::read(&credentials(region, env)?)?;
        let client = aws_sdk_cloudformation::Client::new(aws.config());
        let asked = || {
            format!(
                "cannot read the outputs of stack {name}: is that its name in this region, and may you call \
                 cloudformation:DescribeStacks? If your credentials have run out, {SIGN_IN}"
            )
        };
        let described = Box::pin(client.describe_stacks().stack_name(name).send()).await;
        let described = described.map_err(aws_sdk_cloudformation::Error::from).with_context(asked)?;
        let outputs = described.stacks().iter().flat_map(|stack| stack.outputs());
        let outputs = outputs.filter_map(|output| Some((output.output_key()?.into(), output.output_value()?.into())));
        Ok(Self { outputs: outputs.collect(), aws, is_local: false })
    }

    /// Whether it is the local AWS, which lacks some of what AWS can do.
    pub(crate) const fn is_local(&self) -> bool {
        self.is_local
    }

    /// An output of the stack.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(crate) fn output(&self, name: &str) -> Result<&str> {
        self.outputs.get(name).map(String::as_str).with_context(|| {
            format!("the stack has no output {name}: was it deployed from Saldo's template.yaml, of this version?")
        })
    }

    /// An SQS client.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        self.aws.sqs()
    }

    /// A DynamoDB client.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.aws.dynamodb()
    }

    /// The three tables.
    ///
    /// # Errors
    /// When the stack has no such outputs.
    pub(crate) fn store(&self) -> Result<DynamoStore> {
        let tables = TableNames::default()
            .with(Table::Inbox, self.output("InboxTableName")?)
            .with(Table::Billing, self.output("BillingTableName")?)
            .with(Table::Reports, self.output("ReportsTableName")?);
        Ok(DynamoStore::new(&self.aws.dynamodb(), tables))
    }
}

/// The variables that matter, and the region from wherever it is told.
///
/// The SDK's own chain of profiles, SSO and roles (`aws-config`) would link four more clients to find what the AWS CLI, which
/// whoever deployed the stack has, puts into the environment with one command; `deny.toml` keeps it out of the workspace.
fn credentials(region: Option<&str>, env: &Environment) -> Result<Environment> {
    let region = region.map(str::to_owned).or_else(|| env.optional("AWS_REGION"));
    let region = region.or_else(|| env.optional("AWS_DEFAULT_REGION"));
    let region = region.context("in which region is the stack? Say `--region` or set AWS_REGION")?;
    let mut pairs = vec![("AWS_REGION", region)];
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        pairs.push((name, env.required(name).with_context(|| SIGN_IN.to_owned())?));
    }
    for name in ["AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"] {
        pairs.extend(env.optional(name).map(|value| (name, value)));
    }
    Ok(Environment::from_pairs(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_credentials_say_how_to_get_some() {
        let env = Environment::from_pairs([("AWS_REGION", "eu-central-1")]);
        let error = format!("{:#}", credentials(None, &env).unwrap_err());
        assert!(error.contains("export-credentials") && error.contains("AWS_ACCESS_KEY_ID"), "{error}");
    }

    #[test]
    fn the_region_that_is_said_wins() {
        let keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let env = Environment::from_pairs(keys.into_iter().chain([("AWS_DEFAULT_REGION", "eu-central-1")]));
        assert_eq!(credentials(None, &env).unwrap().required("AWS_REGION").unwrap(), "eu-central-1");
        assert_eq!(credentials(Some("us-east-1"), &env).unwrap().required("AWS_REGION").unwrap(), "us-east-1");
        let error = credentials(None, &Environment::from_pairs(keys)).unwrap_err().to_string();
        assert!(error.contains("--region"), "{error}");
    }
}
