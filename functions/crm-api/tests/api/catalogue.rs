//! Products and prices.

use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn a_price_names_its_product_by_id_or_by_name() {
    let api = Api::new();
    let body = json!({
        "product": "Gold plan", "currency": "EUR", "unit_amount": "19.99", "interval": "month", "interval_count": 3, "tax_rate": "0.19",
    });
    let first = api.post("/v1/prices", &body).await.must(201);
    let product = first.text("/product");
    assert_eq!(api.get(&format!("/v1/products/{product}")).await.must(200).text("/name"), "Gold plan");
    let again = api.post("/v1/prices", &body).await.must(201);
    assert_eq!(again.text("/product"), product, "the same name is the same product");
    let mut by_id = body.clone();
    by_id["product"] = json!(product);
    assert_eq!(api.post("/v1/prices", &by_id).await.must(201).text("/product"), product);
    by_id["product"] = json!("prd_00000000000000000000000000");
    assert_eq!(api.post("/v1/prices", &by_id).await.must(404).blamed(), ["product"]);
    assert_eq!(api.get("/v1/products").await.must(200).body["data"].as_array().unwrap().len(), 1);
    assert_eq!(api.get("/v1/prices").await.must(200).body["data"].as_array().unwrap().len(), 3);
    assert_eq!(api.get(&format!("/v1/prices/{}", first.id())).await.must(200).body, first.body);
}

#[tokio::test]
async fn products_made_by_hand_may_share_a_name() {
    let api = Api::new();
    let one = api.post("/v1/products", &json!({"name": "名前"})).await.must(201);
    let two = api.post("/v1/products", &json!({"name": "名前"})).await.must(201);
    assert_ne!(one.id(), two.id());
    assert_eq!(api.get("/v1/products/prd_00000000000000000000000000").await.must(404).blamed(), ["id"]);
}

#[tokio::test]
async fn amounts_come_as_text_or_with_their_currency_and_may_be_finer_than_the_minor_unit() {
    let api = Api::new();
    let price = |amount: serde_json::Value, currency: &str| json!({"product": "API calls", "currency": currency, "unit_amount": amount, "interval": "month", "tax_rate": "0"});
    for (given, currency, shown) in [
        (json!("0.0025"), "EUR", "0.0025"),
        (json!({"amount": "19.90", "currency": "EUR"}), "EUR", "19.90"),
        (json!("500"), "JPY", "500"),
        (json!("1.234"), "KWD", "1.234"),
    ] {
        assert_eq!(api.post("/v1/prices", &price(given, currency)).await.must(201).text("/unit_amount"), shown);
    }
    let other = price(json!({"amount": "19.90", "currency": "USD"}), "EUR");
    assert_eq!(api.post("/v1/prices", &other).await.must(422).blamed(), ["unit_amount.currency"]);
    assert_eq!(api.post("/v1/prices", &price(json!(19.9), "EUR")).await.must(400).blamed(), ["unit_amount"]);
    for below in ["-1", "-0", "-0.00"] {
        assert_eq!(api.post("/v1/prices", &price(json!(below), "EUR")).await.must(400).blamed(), ["unit_amount"]);
    }
}
