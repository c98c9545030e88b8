//! What is not as the document says is refused with the field named, and nothing of it is stored.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{Api, KEY, customer, invoice};

fn request(method: &str, path: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {KEY}"));
    request.header("content-type", content_type).body(body.into()).unwrap()
}

/// Path, body, what is set where in it, the status and the field that is blamed.
type Case = (&'static str, Value, &'static str, Value, u16, &'static str);

fn about_customers() -> Vec<Case> {
    vec![
        ("/v1/customers", customer(), "/name", json!(""), 400, "name"),
        ("/v1/customers", customer(), "/name", json!("a\r\nBcc: b@c.example"), 400, "name"),
        ("/v1/customers", customer(), "/name", json!("x".repeat(201)), 400, "name"),
        ("/v1/customers", customer(), "/name", json!("card 4242 4242 4242 4242"), 400, "name"),
        ("/v1/customers", customer(), "/email", json!("zoe@"), 400, "email"),
        ("/v1/customers", customer(), "/country", json!("UK"), 400, "country"),
        ("/v1/customers", customer(), "/zone", json!("Mars/Base"), 400, "zone"),
        ("/v1/customers", customer(), "/language", json!("german"), 400, "language"),
        ("/v1/customers", customer(), "/seller", json!("cus_00000000000000000000000000"), 400, "seller"),
        ("/v1/customers", customer(), "/address", json!({"lines": ["1", "2", "3", "4", "5"]}), 400, "address.lines"),
        ("/v1/customers", customer(), "/address", json!({"street": "x"}), 400, "address.street"),
        ("/v1/customers", customer(), "/tax_ids", json!([{"kind": "eu_vat"}]), 400, "tax_ids[0].value"),
        ("/v1/customers", customer(), "/nickname", json!("Z"), 400, "nickname"),
        (
            "/v1/customers",
            customer(),
            "/payment_method",
            json!({"token": "pm 1", "customer": "c", "kind": "card"}),
            400,
            "payment_method.token",
        ),
        (
            "/v1/customers",
            customer(),
            "/payment_method",
            json!({"token": "4242424242424242", "customer": "c", "kind": "card"}),
            400,
            "payment_method.token",
        ),
        (
            "/v1/customers",
            customer(),
            "/payment_method",
            json!({"account": "adyen/main", "token": "pm_1", "customer": "c", "kind": "card"}),
            400,
            "payment_method.account",
        ),
        (
            "/v1/sellers",
            json!({"name": "N", "email": "n@n.example", "country": "DE", "zone": "Europe/Berlin"}),
            "/provider_account",
            json!("stipe/main"),
            400,
            "provider_account",
        ),
    ]
}

fn about_invoices(customer_id: &str) -> Vec<Case> {
    vec![
        ("/v1/invoices", invoice(customer_id), "/currency", json!("euro"), 400, "currency"),
        ("/v1/invoices", invoice(customer_id), "/currency", json!("XAU"), 400, "currency"),
        ("/v1/invoices", invoice(customer_id), "/customer", json!("cus_00000000000000000000000000"), 404, "customer"),
        ("/v1/invoices", invoice(customer_id), "/lines", json!([]), 400, "lines"),
        ("/v1/invoices", invoice(customer_id), "/lines/0/tax_rate", json!("19"), 400, "lines[0].tax_rate"),
        ("/v1/invoices", invoice(customer_id), "/lines/0/tax_rate", json!(0.19), 400, "lines[0].tax_rate"),
        ("/v1/invoices", invoice(customer_id), "/lines/0/quantity", json!("-1"), 400, "lines[0].quantity"),
        ("/v1/invoices", invoice(customer_id), "/lines/0/unit_amount", json!(19.99), 400, "lines[0].unit_amount"),
        ("/v1/invoices", invoice(customer_id), "/lines/0/unit_amount", json!("1e3"), 400, "lines[0].unit_amount"),
        (
            "/v1/invoices",
            invoice(customer_id),
            "/lines/0/description",
            json!("x".repeat(501)),
            400,
            "lines[0].description",
        ),
        (
            "/v1/invoices",
            invoice(customer_id),
            "/lines/0/product",
            json!("prd_00000000000000000000000000"),
            404,
            "lines[0].product",
        ),
        ("/v1/invoices", invoice(customer_id), "/lines/0/colour", json!("red"), 400, "lines[0].colour"),
        ("/v1/invoices", invoice(customer_id), "/net_terms_days", json!(-1), 400, "net_terms_days"),
        ("/v1/invoices", invoice(customer_id), "/net_terms_days", json!("14"), 400, "net_terms_days"),
        ("/v1/invoices", invoice(customer_id), "/net_terms_end_of_month", json!(1), 400, "net_terms_end_of_month"),
    ]
}

fn about_keys() -> Vec<Case> {
    vec![
        ("/v1/api-keys", json!({"name": "x", "scopes": ["read"]}), "/scopes", json!([]), 400, "scopes"),
        ("/v1/api-keys", json!({"name": "x", "scopes": ["read"]}), "/scopes", json!(["root"]), 400, "scopes[0]"),
    ]
}

#[tokio::test]
async fn fields_that_are_wrong_are_named() {
    let api = Api::new();
    let customer_id = api.customer().await;
    let before = api.stored();
    let cases = about_customers().into_iter().chain(about_invoices(&customer_id)).chain(about_keys());
    for (path, mut body, pointer, value, status, blamed) in cases {
        match body.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                let parent = if parent.is_empty() { &mut body } else { body.pointer_mut(parent).unwrap() };
                parent[name] = value;
            }
        }
        let answer = api.post_as("k", path, &body).await.must(status);
        assert_eq!(answer.blamed(), [blamed], "{body}");
        assert!(answer.body["errors"][0]["reason"].as_str().unwrap().len() > 5);
    }
    for missing in ["name", "email", "country", "zone"] {
        let mut body = customer();
        body.as_object_mut().unwrap().remove(missing);
        assert_eq!(api.post("/v1/customers", &body).await.must(400).blamed(), [missing]);
    }
    assert_eq!(api.stored(), before, "nothing is stored of what was refused");
}

#[tokio::test]
async fn a_list_is_no_object_and_an_object_no_word() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.draft(&customer).await;
    let price = |field: &str, value: Value| {
        let mut price =
            json!({"product": "Plan", "currency": "EUR", "unit_amount": "1.00", "interval": "month", "tax_rate": "0"});
        price[field] = value;
        price
    };
    let line = json!(["Consulting", "1", "100.00"]);
    let cases = [
        ("POST", "/v1/products".to_owned(), json!(["Gold"]), "body"),
        ("POST", format!("/v1/invoices/{invoice}/finalise"), json!([]), "body"),
        ("PATCH", format!("/v1/customers/{customer}"), json!(["New name"]), "body"),
        ("PATCH", format!("/v1/customers/{customer}"), json!({"address": [["Way 1"], "City"]}), "address"),
        ("POST", "/v1/prices".to_owned(), price("interval", json!({"month": null})), "interval"),
        ("POST", "/v1/prices".to_owned(), price("unit_amount", json!(["1.00", "EUR"])), "unit_amount"),
        (
            "POST",
            "/v1/invoices".to_owned(),
            json!({"customer": customer, "currency": "EUR", "lines": [line]}),
            "lines[0]",
        ),
        ("POST", "/v1/api-keys".to_owned(), json!({"name": "A", "scopes": [{"read": null}]}), "scopes[0]"),
    ];
    let before = api.stored();
    for (method, path, body, field) in cases {
        let answer = api.raw(request(method, &path, "application/json", body.to_string())).await.must(400);
        assert_eq!(answer.blamed(), [field], "{method} {path} {body}");
    }
    assert_eq!(api.stored(), before);
}

#[tokio::test]
async fn what_is_no_json_or_not_said_to_be_json_is_refused() {
    let api = Api::new();
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let nested = format!(r#"{{"name":{}1{}}}"#, r#"{"a":"#.repeat(1_000), "}".repeat(1_000));
    for body in [
        "",
        "{",
        "nul",
        "{}{}",
        "\u{feff}{}",
        &deep,
        &nested,
        r#"{"name":"a","name":"b"}"#,
        "[]",
        "\"x\"",
        "{\"name\":\"\\ud800\"}",
    ] {
        let answer = api.raw(request("POST", "/v1/products", "application/json", body.to_owned())).await.must(400);
        let expected = if body.contains("\"b\"") { "name" } else { "body" };
        assert_eq!(answer.blamed(), [expected], "{}", body.chars().take(40).collect::<String>());
    }
    let answer = api.raw(request("POST", "/v1/products", "application/json", vec![b'{', 0xff, b'}'])).await.must(400);
    assert_eq!(answer.blamed(), ["body"]);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"] {
        let answer = api.raw(request("POST", "/v1/products", kind, r#"{"name":"A"}"#)).await.must(415);
        assert_eq!(answer.blamed(), ["Content-Type"], "{kind}");
    }
    api.raw(request("POST", "/v1/products", "application/json; charset=utf-8", r#"{"name":"A"}"#)).await.must(201);
    let id = api.customer().await;
    api.raw(request("PATCH", &format!("/v1/customers/{id}"), "application/merge-patch+json", "{}")).await.must(200);
}

#[tokio::test]
async fn a_body_beyond_the_cap_is_refused_unread() {
    let api = Api::new();
    let before = api.stored();
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    let answer = api.raw(request("POST", "/v1/products", "application/json", large)).await.must(413);
    assert_eq!(answer.blamed(), ["body"]);
    assert_eq!(api.stored(), before);
}

#[tokio::test]
async fn wrong_paths_and_methods_are_told_apart() {
    let api = Api::new();
    for path in ["/v1", "/v1/nothing", "/v2/customers", "/", "/v1/customers/", "/v1/invoices/x/y/z"] {
        let answer = api.get(path).await.must(404);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
        assert_eq!(answer.blamed(), ["path"], "{path}");
    }
    for (method, path, allowed) in [
        (Method::PUT, "/v1/customers", "POST"),
        (Method::DELETE, "/v1/customers", "GET"),
        (Method::POST, "/v1/reports/revenue", "GET"),
        (Method::PATCH, "/v1/refunds", "POST"),
    ] {
        let answer = api.send(method, path, None, &[]).await.must(405);
        assert_eq!(answer.text("/type"), "urn:saldo:problem:method-not-allowed");
        assert_eq!(answer.blamed(), ["method"]);
        assert!(answer.headers["allow"].to_str().unwrap().contains(allowed), "{path}");
    }
}

#[tokio::test]
async fn ids_cursors_and_limits_that_are_none_are_named() {
    let api = Api::new();
    for _ in 0..3 {
        api.customer().await;
    }
    let cursor = api.get("/v1/customers?limit=1").await.must(200).text("/next_cursor");
    for (path, blamed) in [
        ("/v1/customers/inv_00000000000000000000000000".to_owned(), "id"),
        ("/v1/invoices/inv_1".to_owned(), "id"),
        ("/v1/invoices/%ff".to_owned(), "path"),
        ("/v1/customers?limit=0".to_owned(), "limit"),
        ("/v1/customers?limit=101".to_owned(), "limit"),
        ("/v1/customers?limit=ten".to_owned(), "limit"),
        ("/v1/customers?limit=1&limit=2".to_owned(), "limit"),
        ("/v1/customers?cursor=nonsense".to_owned(), "cursor"),
        ("/v1/customers?cursor=".to_owned(), "cursor"),
        (format!("/v1/invoices?cursor={cursor}"), "cursor"),
        ("/v1/customers?colour=red".to_owned(), "colour"),
        ("/v1/invoices?status=lost".to_owned(), "status"),
    ] {
        let answer = api.get(&path).await.must(400);
        assert_eq!(answer.blamed(), [blamed], "{path}");
    }
}

#[tokio::test]
async fn what_a_command_is_told_beyond_its_path_is_refused() {
    let api = Api::new();
    let customer = api.customer().await;
    let id = api.draft(&customer).await;
    let path = format!("/v1/invoices/{id}/finalise");
    assert_eq!(api.post(&path, &json!({"number": "INV-7"})).await.must(400).blamed(), ["number"]);
    api.raw(request("POST", &path, "text/plain", "now")).await.must(415);
    api.post(&path, &json!({})).await.must(200);
}

#[tokio::test]
async fn idempotency_keys_that_are_none_are_refused() {
    let api = Api::new();
    let body = json!({"name": "A"});
    for key in ["", "   ", "4242424242424242", &"k".repeat(256)] {
        let answer = api.send(Method::POST, "/v1/products", Some(&body), &[("idempotency-key", key)]).await.must(400);
        assert_eq!(answer.blamed(), ["Idempotency-Key"]);
    }
    assert_eq!(api.get("/v1/products").await.must(200).body["data"], Value::Array(Vec::new()));
}
