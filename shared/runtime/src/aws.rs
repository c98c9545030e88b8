//! AWS clients that start quickly.
//!
//! The SDK's own defaults cost 35 ms of CPU at each cold start (entropy for a TLS library, a chain of credential sources
//! that Lambda never needs). Here all clients but that for mail share one HTTP client; they speak TLS by rustls with `ring`,
//! trust only the roots that AWS certificates chain to, and take the credentials that Lambda puts into the environment.
//!
//! `AWS_ENDPOINT_URL` redirects every client, also to plain http (the local stack); `AWS_CA_BUNDLE` names a PEM file to
//! trust instead of the built-in roots (a TLS stub, a partition with another authority).

use std::future::Future;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::config::{ConfigError, Environment};
use crate::logs;

/// Amazon Root CA 1 to 4 and Starfield Services Root CA G2, which every certificate of the AWS services chains to.
const AMAZON_ROOTS: &str = include_str!("../roots/amazon.pem");

/// One connection that does not come up must not eat an invocation.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The services answer within tens of milliseconds; a silent one is asked again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// All attempts together: well below the timeout of the shortest function.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(12);
const MAX_ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// How long a cold start may wait for connections; they can open later as well.
const WARM_TIMEOUT: Duration = Duration::from_secs(2);

/// Builds the clients of one process; a function builds only those that it uses.
#[derive(Debug, Clone)]
pub struct Aws {
    shared: SdkConfig,
    unpooled: SharedHttpClient,
    is_local: bool,
}

impl Aws {
    /// Takes credentials, region and endpoint from the environment that Lambda provides.
    ///
    /// # Errors
    /// When a credential or the region is missing, or `AWS_CA_BUNDLE` is not readable.
    pub fn read(env: &Environment) -> Result<Self, ConfigError> {
        let credentials = Credentials::new(
            env.required("AWS_ACCESS_KEY_ID")?,
            env.required("AWS_SECRET_ACCESS_KEY")?,
            env.optional("AWS_SESSION_TOKEN"),
            None,
            "lambda environment",
        );
        let endpoint = env.optional("AWS_ENDPOINT_URL");
        let tls = tls(env)?;
        let mut shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(env.required("AWS_REGION")?))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client(Builder::new(), tls.clone()))
            .timeout_config(timeouts())
            .retry_config(retries());
        shared.set_endpoint_url(endpoint.clone());
        let unpooled = http_client(Builder::new().pool_max_idle_per_host(0), tls);
        Ok(Self { shared: shared.build(), unpooled, is_local: endpoint.is_some() })
    }

    /// What all clients share, for a tool that needs one which no function uses.
    pub fn config(&self) -> &SdkConfig {
        &self.shared
    }

    /// A DynamoDB client.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.shared)
    }

    /// An SQS client.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.shared)
    }

    /// An EventBridge client.
    pub fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.shared)
    }

    /// A Secrets Manager client.
    pub fn secretsmanager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.shared)
    }

    /// An S3 client; with `AWS_ENDPOINT_URL` set it puts the bucket into the path, since no such host name exists there.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.shared).force_path_style(self.is_local).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// An SES client that tries once: a mail whose answer was lost may be out, and asking again would send it twice.
    ///
    /// So it opens a connection for each mail: one that died while the function was frozen would look like a lost answer.
    pub fn ses(&self) -> aws_sdk_ses::Client {
        let config = aws_sdk_ses::config::Builder::from(&self.shared)
            .http_client(self.unpooled.clone())
            .retry_config(RetryConfig::disabled())
            .build();
        aws_sdk_ses::Client::from_conf(config)
    }
}

/// Whom the clients trust.
fn tls(env: &Environment) -> Result<TlsContext, ConfigError> {
    let malformed = || ConfigError::Malformed { name: "AWS_CA_BUNDLE".to_owned(), expected: "the path of a PEM file" };
    let roots = match env.optional("AWS_CA_BUNDLE") {
        None => AMAZON_ROOTS.to_owned(),
        Some(path) => std::fs::read_to_string(path)
            .ok()
            .filter(|pem| pem.contains("-----BEGIN CERTIFICATE-----"))
            .ok_or_else(malformed)?,
    };
    let context = TlsContext::builder().with_trust_store(TrustStore::empty().with_pem_certificate(roots)).build();
    context.map_err(|_refused| malformed())
}

/// An HTTP client; it speaks TLS to AWS and plain http to the local stack.
fn http_client(builder: Builder, tls: TlsContext) -> SharedHttpClient {
    builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build_https()
}

fn timeouts() -> TimeoutConfig {
    // Every client has the same ones: the HTTP client keeps a separate connection pool for each combination.
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF)
}

/// Opens the connection to SQS by sending an empty batch, which SQS refuses without doing anything.
pub async fn warm_sqs(client: &aws_sdk_sqs::Client, queue_url: &str) {
    warm("sqs", client.send_message_batch().queue_url(queue_url).set_entries(Some(Vec::new())).send()).await;
}

/// Opens the connection to EventBridge by putting no events, which EventBridge refuses without doing anything.
pub async fn warm_eventbridge(client: &aws_sdk_eventbridge::Client) {
    warm("eventbridge", client.put_events().set_entries(Some(Vec::new())).send()).await;
}

/// Makes one call during the start of the process, where CPU is not throttled, so that the first event finds an open
/// connection. An answer of any kind will do; a start never fails because of it.
async fn warm<T, E, R>(
    service: &str,
    call: impl Future<Output = Result<T, aws_smithy_runtime_api::client::result::SdkError<E, R>>>,
) where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match tokio::time::timeout(WARM_TIMEOUT, call).await {
        Ok(Ok(_) | Err(aws_smithy_runtime_api::client::result::SdkError::ServiceError(_))) => {}
        Ok(Err(error)) => {
            tracing::warn!(aws.service = service, error.chain = logs::chain(&error), "not reached at start")
        }
        Err(_elapsed) => tracing::warn!(aws.service = service, "not reached at start: no answer in time"),
    }
}

/// Clients whose answers are recorded ones, given in order, and what they were asked.
#[cfg(test)]
pub(crate) mod recorded {
    use super::*;
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_runtime_api::shared::IntoShared;
    use aws_smithy_types::body::SdkBody;

    pub(crate) fn answers(answers: &[(u16, &str)]) -> (Aws, StaticReplayClient) {
        let request = || http::Request::builder().uri("https://example.org/").body(SdkBody::empty()).unwrap();
        let response = |(status, body): &(u16, &str)| {
            http::Response::builder().status(*status).body(SdkBody::from(*body)).unwrap()
        };
        let events = answers.iter().map(|answer| ReplayEvent::new(request(), response(answer))).collect();
        let client = StaticReplayClient::new(events);
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "AKIAEXAMPLE",
                "secret",
                None,
                None,
                "test",
            )))
            .http_client(client.clone())
            .retry_config(RetryConfig::disabled())
            .build();
        (Aws { shared, unpooled: client.clone().into_shared(), is_local: true }, client)
    }

    pub(crate) fn asked(client: &StaticReplayClient) -> Vec<String> {
        let text = |body: &SdkBody| String::from_utf8_lossy(body.bytes().unwrap_or_default()).into_owned();
        client.actual_requests().map(|request| text(request.body())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lambda() -> Vec<(&'static str, &'static str)> {
        vec![
            ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_REGION", "eu-central-1"),
        ]
    }

    #[test]
    fn a_missing_region_is_named() {
        let env = Environment::from_pairs(lambda().into_iter().filter(|(name, _)| *name != "AWS_REGION"));
        let error = Aws::read(&env).unwrap_err();
        assert_eq!(error, ConfigError::Missing { name: "AWS_REGION".to_owned() });
    }

    #[test]
    fn a_bundle_that_is_none_is_named() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let env = Environment::from_pairs(lambda().into_iter().chain([("AWS_CA_BUNDLE", here)]));
        assert!(matches!(Aws::read(&env), Err(ConfigError::Malformed { name, .. }) if name == "AWS_CA_BUNDLE"));
    }

    #[tokio::test]
    async fn the_built_in_roots_make_a_client() {
        let aws = Aws::read(&Environment::from_pairs(lambda())).unwrap();
        // A certificate that does not parse would panic when the first connection is made: nothing listens on port 9.
        let client = aws_sdk_sqs::Client::from_conf(
            aws_sdk_sqs::config::Builder::from(&aws.shared)
                .endpoint_url("https://127.0.0.1:9")
                .retry_config(RetryConfig::disabled())
                .build(),
        );
        let error = client.list_queues().send().await.unwrap_err();
        assert!(matches!(error, aws_smithy_runtime_api::client::result::SdkError::DispatchFailure(_)), "{error:?}");
    }

    #[test]
    fn there_are_five_roots() {
        assert_eq!(AMAZON_ROOTS.matches("-----BEGIN CERTIFICATE-----").count(), 5);
    }
}
