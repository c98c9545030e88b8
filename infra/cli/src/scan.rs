//! Reading a whole table, which only an operator's command does.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use saldo_store::dynamodb::received;
use saldo_store::{Item, Key, attribute};

/// A page of items.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// After which key the next page begins.
    pub(crate) next: Option<Key>,
}

/// The page of the table after a key: up to a megabyte, with every write that was committed before.
pub(crate) async fn scan(client: &aws_sdk_dynamodb::Client, table: &str, after: Option<Key>) -> Result<Page> {
    let start = after.map(|key| {
        HashMap::from([
            (attribute::PK.to_owned(), AttributeValue::S(key.pk)),
            (attribute::SK.to_owned(), AttributeValue::S(key.sk)),
        ])
    });
    let call = client.scan().table_name(table).consistent_read(true).set_exclusive_start_key(start);
    let page = Box::pin(call.send()).await.map_err(aws_sdk_dynamodb::Error::from)?;
    let next =
        page.last_evaluated_key.map(|key| Key::of(&Item::from(key)).context("a place without key")).transpose()?;
    Ok(Page { items: page.items.unwrap_or_default().into_iter().map(received).collect(), next })
}
