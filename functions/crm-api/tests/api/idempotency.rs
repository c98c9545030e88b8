//! `Idempotency-Key`: one effect, one answer.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::Method;
use saldo_store::Table;
use serde_json::{Value, json};

use crate::support::{Answer, Api, customer, document, invoice, set_clock};

fn count(api: &Api, prefix: &str) -> usize {
    let items = api.store.memory.items(Table::Billing);
    items.iter().filter(|item| saldo_store::text(item, "pk").is_some_and(|pk| pk.starts_with(prefix))).count()
}

#[tokio::test]
async fn a_repetition_gets_the_same_answer_and_has_no_second_effect() {
    let api = Api::new();
    let first = api.post_as("order 1", "/v1/customers", &customer()).await.must(201);
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = api.post_as("order 1", "/v1/customers", &customer()).await.must(201);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.text, first.text);
    assert_eq!(count(&api, "CUSTOMER#"), 1);
    api.post_as("order 2", "/v1/customers", &customer()).await.must(201);
    assert_eq!(count(&api, "CUSTOMER#"), 2);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let api = Api::new();
    api.post_as("k", "/v1/products", &json!({"name": "A"})).await.must(201);
    let other = api.post_as("k", "/v1/products", &json!({"name": "B"})).await.must(409);
    assert_eq!(other.text("/type"), "urn:saldo:problem:idempotency-key-reused");
    assert_eq!(other.blamed(), ["Idempotency-Key"]);
    api.post_as("k", "/v1/customers", &customer()).await.must(409);
    assert_eq!(count(&api, "PRODUCT#"), 1);
}

#[tokio::test]
async fn another_caller_may_use_the_same_key() {
    let api = Api::new();
    let key = api.post("/v1/api-keys", &json!({"name": "other", "scopes": ["write"]})).await.must(201).text("/secret");
    let bearer = format!("Bearer {key}");
    let body = json!({"name": "A"});
    let ours = api.post_as("k", "/v1/products", &body).await.must(201).id();
    let headers = [("idempotency-key", "k"), ("authorization", bearer.as_str())];
    let theirs = api.send(Method::POST, "/v1/products", Some(&body), &headers).await.must(201).id();
    assert_ne!(ours, theirs);
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let api = Api::new();
    let bad = json!({"name": "A", "colour": "red"});
    api.post_as("k", "/v1/products", &bad).await.must(400);
    api.post_as("k", "/v1/products", &json!({"name": "A"})).await.must(201);
}

#[tokio::test]
async fn a_record_runs_out_after_a_day() {
    let api = Api::new();
    let body = json!({"name": "A"});
    let first = api.post_as("k", "/v1/products", &body).await.must(201).id();
    set_clock("2027-01-16T09:59:59Z");
    assert_eq!(api.post_as("k", "/v1/products", &body).await.must(201).id(), first);
    set_clock("2027-01-16T10:00:00Z");
    let second = api.post_as("k", "/v1/products", &json!({"name": "B"})).await.must(201).id();
    assert_ne!(second, first);
    assert_eq!(api.post_as("k", "/v1/products", &json!({"name": "B"})).await.must(201).id(), second);
}

/// Sends a request twice under one key, which has one effect and one answer.
async fn twice(api: &Api, covered: &mut BTreeSet<String>, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { None } else { Some(body) };
    let headers = [("idempotency-key", path)];
    let first = api.send(Method::POST, path, body, &headers).await;
    assert!(first.status.is_success(), "{path}: {}", first.text);
    let (stored, sent) = (api.stored(), api.queue.drain().len());
    let again = api.send(Method::POST, path, body, &headers).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
    assert_eq!(again.headers["idempotent-replayed"], "true", "{path}");
    assert_eq!((api.stored(), api.queue.drain().len()), (stored, 0), "{path}, which sent {sent} messages");
    let general = path.split('/').map(|part| if part.contains('_') { "{id}" } else { part });
    covered.insert(general.collect::<Vec<_>>().join("/"));
    first
}

#[tokio::test]
async fn every_post_of_the_document_is_replayed() {
    let api = Api::new();
    let (none, mut covered) = (Value::Null, BTreeSet::new());
    let seller = json!({"name": "Nordwind GmbH", "country": "DE", "zone": "Europe/Berlin", "email": "a@example.com"});
    twice(&api, &mut covered, "/v1/sellers", &seller).await;
    let customer_id = twice(&api, &mut covered, "/v1/customers", &customer()).await.id();
    twice(&api, &mut covered, "/v1/products", &json!({"name": "P"})).await;
    let price = json!({"product": "P", "currency": "EUR", "unit_amount": "1", "interval": "month", "tax_rate": "0"});
    let price = twice(&api, &mut covered, "/v1/prices", &price).await.id();
    let subscription = json!({
        "customer": customer_id, "items": [{"price": price}], "start_on": "2027-01-10", "trial_end_on": "2027-02-01",
        "collection": "send_invoice",
    });
    let subscription = twice(&api, &mut covered, "/v1/subscriptions", &subscription).await.id();
    let id = twice(&api, &mut covered, "/v1/invoices", &invoice(&customer_id)).await.id();
    let (void, given_up) = (api.issued(&customer_id).await, api.issued(&customer_id).await);
    for (path, body) in [
        (format!("/v1/invoices/{id}/finalise"), &none),
        (format!("/v1/invoices/{id}/payment-link"), &none),
        (format!("/v1/invoices/{void}/void"), &none),
        (format!("/v1/invoices/{given_up}/write-off"), &none),
        (format!("/v1/subscriptions/{subscription}/extend-trial"), &json!({"trial_end_on": "2027-03-01"})),
        (format!("/v1/subscriptions/{subscription}/pause"), &none),
        (format!("/v1/subscriptions/{subscription}/resume"), &none),
        (format!("/v1/subscriptions/{subscription}/cancel"), &json!({"at": "now"})),
    ] {
        twice(&api, &mut covered, &path, body).await;
    }
    let payment = api.paid(&given_up, "119.00", "pi_2").await;
    twice(&api, &mut covered, "/v1/refunds", &json!({"payment": payment, "amount": "1.00"})).await;
    assert_eq!(count(&api, "REFUND#"), 1);
    let posts = document()["paths"].as_object().unwrap().iter().filter(|(_, item)| item.get("post").is_some());
    let mut posts: BTreeSet<String> = posts.map(|(path, _)| path.clone()).collect();
    // The secret of a new key is shown once: its repetition has a test of its own.
    posts.remove("/v1/api-keys");
    assert_eq!(covered, posts);
}

#[tokio::test]
async fn an_effect_whose_commit_was_not_heard_of_happens_once_and_its_repetition_has_the_answer() {
    let api = Api::new();
    let customer_id = api.customer().await;
    let payment = api.paid(&api.issued(&customer_id).await, "119.00", "pi_1").await;
    let draft = api.draft(&customer_id).await;
    for (path, body, prefix) in [
        ("/v1/refunds".to_owned(), json!({"payment": payment, "amount": "1.00"}), "REFUND#"),
        (format!("/v1/invoices/{draft}/finalise"), json!({}), "INVOICE#"),
        ("/v1/customers".to_owned(), customer(), "CUSTOMER#"),
    ] {
        api.lose_next_answer();
        // The second look under the key finds what the commit has done.
        let first = api.post_as(&path, &path, &body).await;
        assert!(first.status.is_success() && first.headers["idempotent-replayed"] == "true", "{path}: {}", first.text);
        let (stored, things) = (api.stored(), count(&api, prefix));
        let again = api.post_as(&path, &path, &body).await;
        assert_eq!((again.status, again.text), (first.status, first.text), "{path}");
        assert_eq!((api.stored(), count(&api, prefix)), (stored, things), "{path}");
    }
    assert_eq!(count(&api, "REFUND#"), 1);
    assert_eq!(api.get(&format!("/v1/invoices/{draft}")).await.must(200).text("/number"), "INV-000002");
}

#[tokio::test]
async fn a_refund_whose_message_is_refused_is_carried_out_when_it_is_due() {
    let api = Api::new();
    let payment = api.paid(&api.issued(&api.customer().await).await, "119.00", "pi_1").await;
    assert!(!api.queue.drain().is_empty());
    api.queue.refuse(1);
    api.post("/v1/refunds", &json!({"payment": payment, "amount": "1.00"})).await.must(201);
    assert!(api.queue.drain().is_empty());
    let due = api.stored().into_iter().filter(|item| saldo_store::text(item, "due_kind") == Some("refund")).count();
    assert_eq!(due, 1);
}

#[tokio::test]
async fn what_needed_no_doing_is_answered_the_same_from_then_on() {
    let api = Api::new();
    let id = api.issued(&api.customer().await).await;
    let path = format!("/v1/invoices/{id}/finalise");
    let shown = api.send(Method::POST, &path, None, &[("idempotency-key", "later")]).await.must(200);
    api.paid(&id, "119.00", "pi_1").await;
    let again = api.send(Method::POST, &path, None, &[("idempotency-key", "later")]).await.must(200);
    assert_eq!(again.text, shown.text);
}

#[tokio::test]
async fn of_many_at_once_with_one_key_one_has_the_effect_and_all_get_its_answer() {
    let api = Api::new();
    let customer_id = api.customer().await;
    let invoice_id = api.issued(&customer_id).await;
    let payment = api.paid(&invoice_id, "119.00", "pi_1").await;
    let draft = api.draft(&customer_id).await;
    for (path, body) in [
        ("/v1/customers".to_owned(), customer()),
        ("/v1/refunds".to_owned(), json!({"payment": payment, "amount": "1.00"})),
        ("/v1/invoices".to_owned(), invoice(&customer_id)),
        (format!("/v1/invoices/{draft}/finalise"), json!({})),
    ] {
        let ask = |_| {
            let (api, path, body) = (api.clone(), path.clone(), body.clone());
            async move { api.post_as("same", &path, &body).await }
        };
        // The key is the same for all four requests on purpose: each of them clears the table of records first.
        forget(&api).await;
        let answers = join_all((0..16).map(ask)).await;
        let first = &answers[0].text;
        assert!(answers.iter().all(|answer| answer.status.is_success() && answer.text == *first), "{path}");
    }
    assert_eq!(count(&api, "CUSTOMER#"), 2);
    assert_eq!(count(&api, "REFUND#"), 1);
}

#[tokio::test]
async fn a_repetition_that_finds_the_effect_of_the_first_gets_its_answer() {
    for head_start in 0..24 {
        let api = Api::new();
        let invoice = api.issued(&api.customer().await).await;
        let payment = api.paid(&invoice, "119.00", "pi_1").await;
        let mut charged = customer();
        charged["payment_method"] = json!({"token": "pm_1", "customer": "cus_at_stripe", "kind": "card"});
        let whole = json!({"payment": payment, "amount": "119.00"});
        for (key, path, body) in [("refund", "/v1/refunds", whole), ("customer", "/v1/customers", charged)] {
            let again = async {
                for _ in 0..head_start {
                    tokio::task::yield_now().await;
                }
                api.post_as(key, path, &body).await
            };
            let (first, again) = futures_util::join!(api.post_as(key, path, &body), again);
            let (first, again) = (first.must(201), again.must(201));
            assert_eq!(first.text, again.text, "{path}, head start {head_start}");
        }
    }
}

#[tokio::test]
async fn of_two_requests_at_once_with_one_key_one_is_refused() {
    let api = Api::new();
    let customer_id = api.customer().await;
    let drafts = [api.draft(&customer_id).await, api.draft(&customer_id).await];
    let ask = |id: &String| {
        let (api, path) = (api.clone(), format!("/v1/invoices/{id}/finalise"));
        async move { api.post_as("same", &path, &json!({})).await.status.as_u16() }
    };
    let mut statuses = join_all(drafts.iter().map(ask)).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

async fn forget(api: &Api) {
    use saldo_store::{Condition, Key, Store, Transaction};
    let mut transaction = Transaction::new();
    transaction.delete(Table::Billing, Key::new("IDEMPOTENCY#first#same", "ANSWER"), Condition::Always).unwrap();
    api.store.commit(transaction).await.unwrap();
}

#[test]
fn every_post_of_the_document_takes_a_key() {
    for (path, item) in document()["paths"].as_object().unwrap() {
        if let Some(post) = item.get("post") {
            let takes = post["parameters"].as_array().unwrap().iter();
            assert!(takes.clone().any(|one| one["$ref"] == "#/components/parameters/IdempotencyKey"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_key_that_holds_a_card_number_is_refused() {
    let refused = Api::new().post_as("order-4242424242424242", "/v1/customers", &customer()).await.must(400);
    assert_eq!(refused.blamed(), ["Idempotency-Key"]);
}
