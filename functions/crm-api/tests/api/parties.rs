//! Sellers and customers.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use saldo_billing::subscription::Subscription;
use saldo_store::entities::subscription_key;
use saldo_store::memory::Fate;
use saldo_store::{Stored, load};
use serde_json::{Value, json};

use crate::support::{Api, customer, set_clock};

#[tokio::test]
async fn a_customer_as_in_the_design_works_on_a_deployment_without_sellers() {
    let api = Api::new();
    let made = api.post("/v1/customers", &customer()).await.must(201);
    assert!(made.id().starts_with("cus_"));
    let seller = api.get(&format!("/v1/sellers/{}", made.text("/seller"))).await.must(200);
    assert_eq!((seller.text("/name"), seller.text("/zone")), ("Default seller".into(), "UTC".into()));
    assert_eq!(
        (seller.text("/number_prefix"), seller.text("/provider_account")),
        ("INV-".into(), "stripe/main".into())
    );
    let other = api.post("/v1/customers", &customer()).await.must(201);
    assert_eq!(other.text("/seller"), made.text("/seller"));
    assert_eq!(api.get("/v1/sellers").await.must(200).body["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_made_on_the_way_is_made_once_however_many_ask_at_once() {
    let api = Api::new();
    let body = customer();
    let made = join_all((0..5).map(|_| api.post("/v1/customers", &body))).await;
    let sellers: BTreeSet<String> = made.into_iter().map(|customer| customer.must(201).text("/seller")).collect();
    assert_eq!(sellers.len(), 1);
    let body =
        json!({"product": "Gold plan", "currency": "EUR", "unit_amount": "1", "interval": "day", "tax_rate": "0"});
    let made = join_all((0..5).map(|_| api.post("/v1/prices", &body))).await;
    let products: BTreeSet<String> = made.into_iter().map(|price| price.must(201).text("/product")).collect();
    assert_eq!(products.len(), 1);
    let api = Api::new();
    let sellers = join_all(["A-", "B-", "C-"].map(|prefix| api.seller("Erste", prefix))).await;
    assert!(sellers.contains(&api.post("/v1/customers", &customer()).await.must(201).text("/seller")));
    assert_eq!(api.get("/v1/sellers").await.must(200).body["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn customers_belong_to_the_seller_named_or_to_the_first() {
    let api = Api::new();
    let first = api.seller("Erste GmbH", "E-").await;
    let second = api.seller("Seconda S.r.l.", "S-").await;
    assert_eq!(api.post("/v1/customers", &customer()).await.must(201).text("/seller"), first);
    let mut named = customer();
    named["seller"] = json!(second);
    assert_eq!(api.post("/v1/customers", &named).await.must(201).text("/seller"), second);
    named["seller"] = json!("sel_00000000000000000000000000");
    assert_eq!(api.post("/v1/customers", &named).await.must(404).blamed(), ["seller"]);
}

#[tokio::test]
async fn a_seller_is_shown_as_it_was_made_and_changed() {
    let api = Api::new();
    let body = json!({
        "name": "Contoso 株式会社", "email": "billing@example.co.jp", "country": "JP", "zone": "Asia/Tokyo", "language": "ja",
        "address": {"lines": ["1-1 Marunouchi"], "postal_code": "100-0005", "city": "東京"},
        "tax_ids": [{"kind": "jp_trn", "value": "T1234567890123"}], "number_prefix": "JP-", "brand_colour": "#0b5fff",
        "footer": "登記", "provider_account": "stripe/jp",
        "dunning": {"retry_after_days": [1, 2], "when_exhausted": "cancel", "reminder_days": [-1, 5], "reminder_time": "08:30"},
    });
    let made = api.post("/v1/sellers", &body).await.must(201);
    for field in
        ["name", "address/city", "tax_ids", "number_prefix", "brand_colour", "footer", "provider_account", "dunning"]
    {
        let pointer = format!("/{field}");
        assert_eq!(made.body.pointer(&pointer), body.pointer(&pointer), "{field}");
    }
    let path = format!("/v1/sellers/{}", made.id());
    let changed = api.patch(&path, &json!({"footer": null, "city": 1})).await;
    assert_eq!(changed.must(400).blamed(), ["city"]);
    let changed = api.patch(&path, &json!({"footer": null, "zone": "Europe/Paris", "country": "FR"})).await.must(200);
    assert_eq!(changed.body["footer"], Value::Null);
    assert_eq!(
        (changed.text("/zone"), changed.text("/country"), changed.text("/name")),
        ("Europe/Paris".into(), "FR".into(), "Contoso 株式会社".into())
    );
    assert_eq!(api.get(&path).await.must(200).body, changed.body);
    let bad = json!({"dunning": {"retry_after_days": [0], "when_exhausted": "pause", "reminder_days": [], "reminder_time": "09:00"}});
    assert_eq!(api.patch(&path, &bad).await.must(422).blamed(), ["dunning.retry_after_days"]);
}

#[tokio::test]
async fn a_change_touches_what_it_names_and_null_takes_away() {
    let api = Api::new();
    let mut body = customer();
    body["payment_method"] = json!({"token": "pm_1", "customer": "cus_at_stripe", "kind": "card", "network": "visa", "last4": "4242", "expires": "2029-08"});
    let made = api.post("/v1/customers", &body).await.must(201);
    assert_eq!(made.text("/payment_method/account"), "stripe/main");
    let path = format!("/v1/customers/{}", made.id());
    let changed = api.patch(&path, &json!({"language": "en", "payment_method": null})).await.must(200);
    assert_eq!(changed.body["payment_method"], Value::Null);
    assert_eq!((changed.text("/language"), changed.text("/email")), ("en".into(), "accounts@example.com".into()));
    for (field, value) in
        [("name", json!(null)), ("zone", json!("Mars/Base")), ("email", json!("a@b")), ("seller", json!("x"))]
    {
        let mut change = json!({});
        change[field] = value;
        assert_eq!(api.patch(&path, &change).await.must(400).blamed(), [field]);
    }
    assert_eq!(api.get(&path).await.must(200).body, changed.body);
    assert_eq!(api.patch("/v1/customers/cus_00000000000000000000000000", &json!({})).await.must(404).blamed(), ["id"]);
}

#[tokio::test]
async fn a_customer_of_the_provider_belongs_to_one_customer() {
    let api = Api::new();
    let mut body = customer();
    body["payment_method"] = json!({"token": "pm_1", "customer": "cus_at_stripe", "kind": "card"});
    let first = api.post("/v1/customers", &body).await.must(201).id();
    assert_eq!(api.post("/v1/customers", &body).await.must(409).blamed(), ["payment_method.customer"]);
    let newer = json!({"payment_method": {"token": "pm_2", "customer": "cus_at_stripe", "kind": "card"}});
    let changed = api.patch(&format!("/v1/customers/{first}"), &newer).await.must(200);
    assert_eq!(changed.text("/payment_method/token"), "pm_2");
}

#[tokio::test]
async fn t4_after_a_move_the_next_period_begins_where_the_last_ended_in_the_new_zone() {
    let api = Api::new();
    set_clock("2027-01-10T12:00:00Z");
    let customer = api.customer().await;
    let price = json!({"product": "Gold plan", "currency": "EUR", "unit_amount": "10", "interval": "month", "tax_rate": "0.19"});
    let price = api.post("/v1/prices", &price).await.must(201).id();
    let subscription = json!({"customer": customer, "items": [{"price": price, "quantity": "1"}], "start_on": "2027-01-05", "collection": "send_invoice"});
    let id = api.post("/v1/subscriptions", &subscription).await.must(201).id();
    let key = subscription_key(id.parse().unwrap());
    saldo_books::subscriptions::bill_next(api.store.as_ref(), id.parse().unwrap(), crate::support::now())
        .await
        .unwrap();
    let bill_at = async || {
        let subscription: Stored<Subscription> = load(api.store.as_ref(), &key).await.unwrap().unwrap();
        subscription.value.bill_at().unwrap().to_rfc3339()
    };
    assert_eq!(bill_at().await, "2027-02-04T23:00:00+00:00");
    api.patch(&format!("/v1/customers/{customer}"), &json!({"zone": "Asia/Kolkata"})).await.must(200);
    assert_eq!(bill_at().await, "2027-02-04T18:30:00+00:00");
    api.patch(&format!("/v1/customers/{customer}"), &json!({"zone": "America/Los_Angeles"})).await.must(200);
    assert_eq!(bill_at().await, "2027-02-05T08:00:00+00:00");
    assert_eq!(api.get(&format!("/v1/subscriptions/{id}")).await.must(200).text("/next_period/start_on"), "2027-02-05");
}

#[tokio::test]
async fn lists_are_paged_newest_first_to_the_end() {
    let api = Api::new();
    let mut made = Vec::new();
    for second in 0..7 {
        set_clock(&format!("2027-01-15T10:00:{second:02}Z"));
        made.insert(0, api.customer().await);
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = api.get(&format!("/v1/customers?limit=3{cursor}")).await.must(200);
        let ids = page.body["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        pages += 1;
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((seen, pages), (made, 3));
}

#[tokio::test]
async fn a_subscription_that_is_made_while_its_customer_moves_is_planned_where_they_live_then() {
    for head_start in 0..12 {
        let api = Api::new();
        let customer = api.customer().await;
        let price =
            json!({"product": "P", "currency": "EUR", "unit_amount": "10", "interval": "month", "tax_rate": "0"});
        let price = api.post("/v1/prices", &price).await.must(201).id();
        let body = json!({"customer": customer, "items": [{"price": price}], "start_on": "2027-02-05", "collection": "automatic"});
        let make = api.post("/v1/subscriptions", &body);
        let (path, zone) = (format!("/v1/customers/{customer}"), json!({"zone": "Asia/Kolkata"}));
        let move_away = async {
            for _ in 0..head_start {
                tokio::task::yield_now().await;
            }
            api.patch(&path, &zone).await.must(200)
        };
        let (made, _) = futures_util::join!(make, move_away);
        let id = made.must(201).id();
        let bill_at = api.get(&format!("/v1/subscriptions/{id}")).await.must(200).text("/bill_at");
        assert_eq!(bill_at, "2027-02-04T18:30:00.000Z", "head start {head_start}");
    }
}

#[tokio::test]
async fn a_move_that_is_not_done_to_the_end_says_so_and_is_done_when_it_is_repeated() {
    let api = Api::new();
    let customer = api.customer().await;
    let price = json!({"product": "P", "currency": "EUR", "unit_amount": "10", "interval": "month", "tax_rate": "0"});
    let price = api.post("/v1/prices", &price).await.must(201).id();
    let body =
        json!({"customer": customer, "items": [{"price": price}], "start_on": "2027-02-05", "collection": "automatic"});
    let mut made = Vec::new();
    for _ in 0..92 {
        made.push(api.post("/v1/subscriptions", &body).await.must(201).id());
    }
    let (path, zone) = (format!("/v1/customers/{customer}"), json!({"zone": "Asia/Kolkata"}));
    // What fits into one transaction is done, and the next one is refused.
    api.store.script([Fate::Succeeds, Fate::IsNeverSent]);
    let answer = api.patch(&path, &zone).await.must(409);
    assert!(answer.text("/detail").contains("repeat the request"), "{}", answer.text);
    api.patch(&path, &zone).await.must(200);
    for id in made {
        let bill_at = api.get(&format!("/v1/subscriptions/{id}")).await.must(200).text("/bill_at");
        assert_eq!(bill_at, "2027-02-04T18:30:00.000Z");
    }
}
