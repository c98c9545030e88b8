//! Runs the provider twin over HTTP.

use std::io::Write;

use anyhow::{Context, Result};
use chrono::Utc;
use clap::Parser;
use provider_twin::server::{Server, bind};
use provider_twin::{Endpoint, Twin};

/// A Stripe-like provider on the loopback interface, with books of its own.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// An account's API key; may be given more than once.
    #[arg(long, default_value = "sk_test_twin")]
    api_key: Vec<String>,
    /// Where all accounts' events go.
    #[arg(long, requires = "webhook_secret")]
    webhook_url: Option<String>,
    /// What signs them.
    #[arg(long)]
    webhook_secret: Option<String>,
    /// What makes the ids of this twin different from those of another; the time, unless given.
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    #[expect(clippy::disallowed_methods, reason = "the process begins now")]
    let now = Utc::now();
    let seed = arguments.seed.unwrap_or_else(|| now.timestamp_micros().unsigned_abs());
    let (listener, address) = bind(arguments.port).await.context("cannot listen")?;
    let mut twin = Twin::new(seed, now);
    twin.set_base(&format!("http://{address}"));
    for api_key in &arguments.api_key {
        twin.open_account(api_key);
        if let (Some(url), Some(secret)) = (&arguments.webhook_url, &arguments.webhook_secret) {
            let endpoint = Endpoint {
                url: url.clone(),
                secret: secret.clone(),
                enabled_events: provider_twin::all_events(),
                automatic: true,
                copies: 1,
                newest_first: false,
                delay_seconds: 0,
                at_once: 1,
            };
            twin.set_endpoint(api_key, Some(endpoint));
        }
    }
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    Server::new(twin).run(listener).await.context("the listener broke")?;
    Ok(())
}
