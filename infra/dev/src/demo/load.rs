//! Puts the business into Saldo by its API, and its customers' cards into the provider's vault.

use anyhow::{Context, Result};
use chrono::{Datelike, NaiveDate};
use local_stack::LocalStack;
use serde_json::{Value, json};

use super::at_once;
use super::business::{CUSTOMERS, Customer, PRICES, PRODUCTS, Pays, SELLERS};

/// The ids that Saldo gave.
#[derive(Debug)]
pub(super) struct Loaded {
    /// In the order of the business's customers.
    pub(super) customers: Vec<String>,
}

/// The text at a place of a JSON value.
pub(super) fn text(value: &Value, place: &str) -> Result<String> {
    let found = value.pointer(place).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("expected text at {place} of {value}"))
}

/// Creates sellers, products, prices, customers with their methods, and subscriptions that begin in the month of `first`.
pub(super) fn load(stack: &LocalStack, first: NaiveDate) -> Result<Loaded> {
    let created = |path: &str, body: Value| text(&stack.post(path, &body)?, "/id");
    let sellers = SELLERS.iter().map(|seller| {
        created(
            "/v1/sellers",
            json!({
                "name": seller.name, "email": seller.email, "country": seller.country, "zone": seller.zone,
                "language": seller.language, "number_prefix": seller.prefix, "brand_colour": seller.colour,
                "address": { "lines": seller.lines, "postal_code": seller.city.0, "city": seller.city.1 },
                "tax_ids": [{ "kind": "eu_vat", "value": seller.vat }], "footer": seller.footer,
                "provider_account": seller.account,
            }),
        )
    });
    let sellers = sellers.collect::<Result<Vec<_>>>()?;
    let products = PRODUCTS.iter().map(|name| created("/v1/products", json!({ "name": name })));
    let products = products.collect::<Result<Vec<_>>>()?;
    let prices = PRICES.iter().map(|price| {
        let product = products.get(price.product).context("a price without product")?;
        let (interval, count) = price.interval;
        created(
            "/v1/prices",
            json!({
                "product": product, "currency": price.currency, "unit_amount": price.unit_amount, "interval": interval,
                "interval_count": count, "tax_rate": price.tax_rate,
            }),
        )
    });
    let prices = prices.collect::<Result<Vec<_>>>()?;

    let customers = at_once(&CUSTOMERS, |customer| load_customer(stack, customer, &sellers, &prices, first))?;
    stack.settle_all()?;
    Ok(Loaded { customers })
}

fn load_customer(
    stack: &LocalStack,
    customer: &Customer,
    sellers: &[String],
    prices: &[String],
    first: NaiveDate,
) -> Result<String> {
    let seller = sellers.get(customer.seller).context("a customer without seller")?;
    let created = stack.post(
        "/v1/customers",
        &json!({
            "name": customer.name, "email": customer.email, "country": customer.country, "zone": customer.zone,
            "language": customer.language, "region": customer.region, "channel": customer.channel, "seller": seller,
            "address": { "city": customer.city },
        }),
    )?;
    let id = text(&created, "/id")?;
    if let Pays::ByMethod(method) = customer.pays {
        let account = SELLERS.get(customer.seller).context("a customer without seller")?.account;
        stack.save_method(account, &id, method)?;
    }
    let automatic = matches!(customer.pays, Pays::ByMethod(_));
    let start_on = first.with_day(customer.start_day).context("a start day")?;
    stack.post(
        "/v1/subscriptions",
        &json!({
            "customer": id, "items": [{ "price": prices.get(customer.price), "quantity": customer.quantity }],
            "start_on": start_on, "collection": if automatic { "automatic" } else { "send_invoice" },
            "net_terms_days": if automatic { 0 } else { 14 },
        }),
    )?;
    Ok(id)
}
