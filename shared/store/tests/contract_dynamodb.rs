//! The contract, kept by a DynamoDB.
//!
//! Runs on the endpoint in `SALDO_TEST_DYNAMODB_ENDPOINT` (any that speaks the protocol: a local emulator, DynamoDB
//! Local) with credentials and region of no meaning. It is not among the default tests, since it needs that engine:
//!
//! ```text
//! SALDO_TEST_DYNAMODB_ENDPOINT=http://127.0.0.1:8000 cargo test --package saldo-store --test contract_dynamodb
//! ```
//!
//! Each case makes three tables with a name of its own and removes them, also when it fails.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod contract;

use std::future::Future;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use saldo_store::dynamodb::{DynamoStore, TableNames};
use saldo_store::{Index, Store, Table, attribute};
use tokio::task::{LocalSet, spawn_local};

const ENDPOINT: &str = "SALDO_TEST_DYNAMODB_ENDPOINT";

#[expect(clippy::disallowed_methods, reason = "the endpoint is a matter of the machine that runs the test")]
fn client() -> Client {
    let endpoint =
        std::env::var(ENDPOINT).unwrap_or_else(|_absent| panic!("set {ENDPOINT}, e.g. http://127.0.0.1:8000"));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "contract"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

async fn on_dynamodb<F>(case: impl FnOnce(Arc<dyn Store>) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let client = client();
    #[expect(clippy::disallowed_methods, reason = "a name of its own, so that runs do not meet")]
    let run = format!("saldo-contract-{:016x}", fastrand::u64(..));
    let name = |table: Table| format!("{run}-{table}");
    for table in Table::ALL {
        create(&client, table, &name(table)).await;
    }
    let names = Table::ALL.into_iter().fold(TableNames::default(), |names, table| names.with(table, name(table)));
    let store = DynamoStore::new(&client, names);
    store.warm_up().await.unwrap();
    // As a task of its own, so that a panic ends the case and not the removal of its tables.
    let outcome = LocalSet::new().run_until(async { spawn_local(case(Arc::new(store))).await }).await;
    for table in Table::ALL {
        client.delete_table().table_name(name(table)).send().await.unwrap();
    }
    if let Err(panicked) = outcome {
        std::panic::resume_unwind(panicked.into_panic());
    }
}

async fn create(client: &Client, table: Table, name: &str) {
    let text = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let mut request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys(attribute::PK, attribute::SK)))
        .attribute_definitions(text(attribute::PK))
        .attribute_definitions(text(attribute::SK));
    for index in table.indexes() {
        request = request
            .attribute_definitions(text(index.partition_attribute()))
            .attribute_definitions(text(index.sort_attribute()))
            .global_secondary_indexes(secondary(*index));
    }
    request.send().await.unwrap();
}

fn keys(partition: &str, sort: &str) -> Vec<KeySchemaElement> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    vec![element(partition, KeyType::Hash), element(sort, KeyType::Range)]
}

fn secondary(index: Index) -> GlobalSecondaryIndex {
    let included = index.included_attributes();
    let projection = Projection::builder();
    let projection = if included.is_empty() {
        projection.projection_type(ProjectionType::KeysOnly)
    } else {
        let names = included.iter().map(|name| (*name).to_owned()).collect();
        projection.projection_type(ProjectionType::Include).set_non_key_attributes(Some(names))
    };
    GlobalSecondaryIndex::builder()
        .index_name(index.name())
        .set_key_schema(Some(keys(index.partition_attribute(), index.sort_attribute())))
        .projection(projection.build())
        .build()
        .unwrap()
}

contract::cases!(crate::on_dynamodb);
