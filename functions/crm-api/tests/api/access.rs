//! Keys, scopes, and that nothing is open by accident.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Api, customer, document};

async fn key(api: &Api, scopes: &[&str]) -> (String, String) {
    let made = api.post("/v1/api-keys", &json!({"name": "test", "scopes": scopes})).await.must(201);
    (made.id(), made.text("/secret"))
}

#[tokio::test]
async fn every_documented_operation_but_the_document_itself_asks_for_a_key() {
    let api = Api::new();
    let mut asked = 0;
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, _) in item.as_object().unwrap() {
            if path == "/v1/openapi.json" {
                continue;
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let path: String = path
                .split('/')
                .map(|part| if part.starts_with('{') { "x" } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let answer = api.send(method.clone(), &path, None, &[("authorization", "")]).await.must(401);
            assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer realm=\"saldo\""));
            asked += 1;
        }
    }
    assert!(asked > 35, "{asked}");
}

#[tokio::test]
async fn what_is_no_key_opens_nothing() {
    let api = Api::new();
    let (id, secret) = key(&api, &["read", "write", "admin"]).await;
    let nearly = format!("{}0", &secret[..secret.len() - 1]);
    let nearly = if nearly == secret { format!("{}1", &secret[..secret.len() - 1]) } else { nearly };
    for header in [
        "Bearer wrong",
        "Basic Zmlyc3Q6",
        "Bearer",
        "Bearer ",
        "first-key-of-this-deployment",
        &format!("Bearer sk_saldo_{id}_"),
        &format!("Bearer {nearly}"),
        &format!("Bearer {}", "x".repeat(600)),
    ] {
        let answer = api.send(Method::GET, "/v1/customers", None, &[("authorization", header)]).await.must(401);
        assert_eq!(answer.text("/type"), "urn:saldo:problem:unauthorised", "{header}");
    }
    let good = format!("bearer {secret}");
    api.send(Method::GET, "/v1/customers", None, &[("authorization", &good)]).await.must(200);
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_no_more() {
    let api = Api::new();
    for (scopes, read, write, admin) in
        [(&["read"][..], 200, 403, 403), (&["write"], 403, 201, 403), (&["admin"], 403, 403, 200)]
    {
        let (_, secret) = key(&api, scopes).await;
        let bearer = format!("Bearer {secret}");
        let auth = [("authorization", bearer.as_str())];
        api.send(Method::GET, "/v1/customers", None, &auth).await.must(read);
        let answer = api.send(Method::POST, "/v1/customers", Some(&customer()), &auth).await.must(write);
        if write == 403 {
            assert!(answer.headers["www-authenticate"].to_str().unwrap().contains("insufficient_scope"));
        }
        api.send(Method::GET, "/v1/api-keys", None, &auth).await.must(admin);
    }
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_any_more() {
    let api = Api::new();
    let (id, secret) = key(&api, &["read"]).await;
    let bearer = format!("Bearer {secret}");
    let auth = [("authorization", bearer.as_str())];
    api.send(Method::GET, "/v1/sellers", None, &auth).await.must(200);
    api.delete(&format!("/v1/api-keys/{id}")).await.must(204);
    api.send(Method::GET, "/v1/sellers", None, &auth).await.must(401);
    api.delete(&format!("/v1/api-keys/{id}")).await.must(204);
    let keys = api.get("/v1/api-keys").await.must(200);
    assert_eq!(keys.text("/data/0/id"), id);
    assert!(keys.body["data"][0]["revoked_at"].is_string());
    assert_eq!(api.delete("/v1/api-keys/key_00000000000000000000000000").await.must(404).blamed(), ["id"]);
}

#[tokio::test]
async fn the_secret_of_a_key_is_shown_once_and_stored_nowhere() {
    let api = Api::new();
    let body = json!({"name": "crm", "scopes": ["read"]});
    let first = api.post_as("k-1", "/v1/api-keys", &body).await.must(201);
    let secret = first.text("/secret");
    let again = api.post_as("k-1", "/v1/api-keys", &body).await.must(201);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["secret"], Value::Null);
    assert_eq!(again.id(), first.id());
    let tail = secret.rsplit('_').next().unwrap();
    assert!(!format!("{:?}", api.stored()).contains(tail));
}

#[tokio::test]
async fn pages_for_customers_and_the_document_are_open() {
    let api = Api::new();
    for path in ["/v1/openapi.json", "/v1/pages/paid", "/v1/pages/not-paid"] {
        api.send(Method::GET, path, None, &[("authorization", "")]).await.must(200);
    }
}
