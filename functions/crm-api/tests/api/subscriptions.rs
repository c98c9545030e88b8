//! Subscriptions.

use saldo_billing::invoice::Origin;
use saldo_billing::subscription::{Standing, Subscription};
use saldo_books::subscriptions::Billed;
use saldo_store::{Stored, load};
use serde_json::{Value, json};

use crate::support::{Api, customer, set_clock};

async fn price(api: &Api, currency: &str, interval: &str) -> String {
    let body = json!({"product": "Gold plan", "currency": currency, "unit_amount": "120", "interval": interval, "tax_rate": "0.19"});
    api.post("/v1/prices", &body).await.must(201).id()
}

fn subscription(customer: &str, price: &str) -> Value {
    json!({
        "customer": customer, "items": [{"price": price, "quantity": "2"}], "start_on": "2027-01-31",
        "collection": "automatic", "net_terms_days": 0,
    })
}

#[tokio::test]
async fn a_subscription_is_shown_with_its_next_period_and_what_it_brings_a_month() {
    let api = Api::new();
    let (customer, price) = (api.customer().await, price(&api, "EUR", "year").await);
    let mut asked = subscription(&customer, &price);
    asked["net_terms_end_of_month"] = json!(true);
    let made = api.post("/v1/subscriptions", &asked).await.must(201);
    assert_eq!((&made.body["net_terms_days"], &made.body["net_terms_end_of_month"]), (&json!(0), &json!(true)));
    assert!(made.id().starts_with("sub_"));
    assert_eq!((made.text("/status"), made.text("/bill_at")), ("scheduled".into(), "2027-01-30T23:00:00.000Z".into()));
    assert_eq!(made.body["next_period"], json!({"start_on": "2027-01-31", "end_on": "2028-01-31"}));
    assert_eq!(made.body["period_amount"], json!({"amount": "240.00", "currency": "EUR"}));
    assert_eq!(made.body["monthly_amount"], json!({"amount": "20.00", "currency": "EUR"}));
    assert_eq!(made.text("/items/0/description"), "Gold plan");
    assert_eq!(api.get(&format!("/v1/subscriptions/{}", made.id())).await.must(200).body, made.body);
    let listed = api.get(&format!("/v1/subscriptions?customer={customer}")).await.must(200);
    assert_eq!(listed.body["data"], json!([made.body]));
    assert_eq!(api.get("/v1/subscriptions").await.must(200).body["data"], json!([made.body]));
    let nobody = "/v1/subscriptions?customer=cus_00000000000000000000000000";
    assert_eq!(api.get(nobody).await.must(200).body["data"], json!([]));
}

#[tokio::test]
async fn all_prices_of_a_subscription_share_currency_and_interval() {
    let api = Api::new();
    let customer = api.customer().await;
    let monthly = price(&api, "EUR", "month").await;
    for other in [price(&api, "USD", "month").await, price(&api, "EUR", "year").await] {
        let mut body = subscription(&customer, &monthly);
        body["items"] = json!([{"price": monthly}, {"price": other}]);
        assert_eq!(api.post("/v1/subscriptions", &body).await.must(422).blamed(), ["items[1].price"]);
    }
}

#[tokio::test]
async fn what_cannot_be_agreed_on_names_its_field() {
    let api = Api::new();
    let (customer, price) = (api.customer().await, price(&api, "EUR", "month").await);
    let weekly = self::price(&api, "EUR", "week").await;
    let before = api.stored();
    let cases = [
        ("customer", json!("cus_00000000000000000000000000"), 404, "customer"),
        ("items", json!([]), 400, "items"),
        ("items", json!([{"price": "pri_00000000000000000000000000"}]), 404, "items[0].price"),
        ("items", json!([{"price": price, "quantity": "0"}]), 400, "items[0].quantity"),
        ("items", json!([{"price": price, "quantity": 1}]), 400, "items[0].quantity"),
        ("start_on", json!("2027-02-29"), 400, "start_on"),
        ("start_on", json!("2016-01-01"), 422, "start_on"),
        ("start_on", json!("2038-01-01"), 422, "start_on"),
        ("ends_on", json!("2027-01-30"), 422, "ends_on"),
        ("trial_end_on", json!("2027-01-31"), 422, "trial_end_on"),
        ("anchor_day", json!(32), 422, "anchor_day"),
        ("anchor_day", json!(null), 400, "anchor_day"),
        ("collection", json!("by carrier pigeon"), 400, "collection"),
        ("net_terms_days", json!(367), 400, "net_terms_days"),
        ("colour", json!("red"), 400, "colour"),
    ];
    for (field, value, status, blamed) in cases {
        let mut body = subscription(&customer, &price);
        body[field] = value;
        assert_eq!(api.post("/v1/subscriptions", &body).await.must(status).blamed(), [blamed], "{body}");
    }
    let mut body = subscription(&customer, &weekly);
    body["anchor_day"] = json!(1);
    assert_eq!(api.post("/v1/subscriptions", &body).await.must(422).blamed(), ["anchor_day"]);
    assert_eq!(api.stored(), before, "nothing is stored of what was refused");
}

#[tokio::test]
async fn a_trial_is_not_billed_and_a_start_in_the_past_is_caught_up_with() {
    let api = Api::new();
    let (customer, price) = (api.customer().await, price(&api, "EUR", "month").await);
    let mut body = subscription(&customer, &price);
    body["start_on"] = json!("2027-01-10");
    body["trial_end_on"] = json!("2027-02-01");
    let trial = api.post("/v1/subscriptions", &body).await.must(201);
    assert_eq!((trial.text("/status"), trial.text("/start_on")), ("trialing".into(), "2027-01-10".into()));
    assert_eq!(trial.text("/bill_at"), "2027-01-31T23:00:00.000Z");
    body = subscription(&customer, &price);
    body["start_on"] = json!("2023-03-02");
    let old = api.post("/v1/subscriptions", &body).await.must(201);
    assert_eq!((old.text("/status"), old.text("/bill_at")), ("active".into(), "2023-03-01T23:00:00.000Z".into()));
    assert!(api.queue.drain().is_empty(), "billing starts with the tick");
}

#[tokio::test]
async fn a_cancellation_takes_effect_now_or_when_what_is_billed_has_run_out() {
    let api = Api::new();
    set_clock("2027-02-10T12:00:00Z");
    let (customer, price) = (api.customer().await, price(&api, "EUR", "month").await);
    let mut body = subscription(&customer, &price);
    body["start_on"] = json!("2027-01-31");
    let id = api.post("/v1/subscriptions", &body).await.must(201).id();
    let path = format!("/v1/subscriptions/{id}");
    saldo_books::subscriptions::bill_next(api.store.as_ref(), id.parse().unwrap(), crate::support::now())
        .await
        .unwrap();
    assert_eq!(api.post(&format!("{path}/cancel"), &json!({"at": "sometime"})).await.must(400).blamed(), ["at"]);
    let ending = api.post(&format!("{path}/cancel"), &json!({"at": "period_end"})).await.must(200);
    assert_eq!(
        (ending.text("/status"), ending.text("/cancellation/effective_on")),
        ("active".into(), "2027-02-28".into())
    );
    assert_eq!(ending.body["bill_at"], Value::Null);
    let ended = api.post(&format!("{path}/cancel"), &json!({"at": "now"})).await.must(200);
    assert_eq!(
        (ended.text("/status"), ended.text("/cancellation/effective_on")),
        ("ended".into(), "2027-02-10".into())
    );
    let later = api.post(&format!("{path}/cancel"), &json!({"at": "period_end"})).await.must(200);
    assert_eq!(later.text("/cancellation/effective_on"), "2027-02-10", "the earlier one stands");
    assert_eq!(
        api.post("/v1/subscriptions/sub_00000000000000000000000000/cancel", &json!({"at": "now"}))
            .await
            .must(404)
            .blamed(),
        ["id"]
    );
}

#[tokio::test]
async fn m15_an_extended_trial_is_billed_from_its_new_end_and_not_before() {
    let api = Api::new();
    let (customer, price) = (api.customer().await, price(&api, "EUR", "month").await);
    let mut body = subscription(&customer, &price);
    body["start_on"] = json!("2027-01-10");
    body["trial_end_on"] = json!("2027-01-31");
    let id = api.post("/v1/subscriptions", &body).await.must(201).id();
    let path = format!("/v1/subscriptions/{id}/extend-trial");
    assert_eq!(api.post(&path, &json!({"trial_end_on": "2027-01-30"})).await.must(422).blamed(), ["trial_end_on"]);
    let extended = api.post(&path, &json!({"trial_end_on": "2027-02-15"})).await.must(200);
    assert_eq!(
        (extended.text("/status"), extended.text("/trial_end_on"), extended.text("/bill_at")),
        ("trialing".into(), "2027-02-15".into(), "2027-02-14T23:00:00.000Z".into())
    );
    let bill = async |at| {
        set_clock(at);
        saldo_books::subscriptions::bill_next(api.store.as_ref(), id.parse().unwrap(), crate::support::now()).await
    };
    assert_eq!(bill("2027-02-01T12:00:00Z").await.unwrap(), Billed::NothingDue, "the trial's old end has no invoice");
    let Billed::Period(invoice) = bill("2027-02-15T12:00:00Z").await.unwrap() else { panic!("it is due") };
    let Origin::Subscription { period, .. } = invoice.origin else { panic!("{:?}", invoice.origin) };
    assert_eq!(
        (period.start_on().to_string(), period.end_on().to_string()),
        ("2027-02-15".into(), "2027-03-15".into())
    );
    api.post(&path, &json!({"trial_end_on": "2027-04-01"})).await.must(409);
}

#[tokio::test]
async fn a_paused_subscription_is_not_billed_until_it_is_resumed() {
    let api = Api::new();
    let (customer, price) = (api.customer().await, price(&api, "EUR", "month").await);
    let id = api.post("/v1/subscriptions", &subscription(&customer, &price)).await.must(201).id();
    let paused = api.command(&format!("/v1/subscriptions/{id}/pause")).await.must(200);
    assert_eq!((paused.text("/status"), &paused.body["bill_at"]), ("paused".into(), &Value::Null));
    let resumed = api.command(&format!("/v1/subscriptions/{id}/resume")).await.must(200);
    assert_eq!(resumed.text("/bill_at"), "2027-01-30T23:00:00.000Z");
}

#[tokio::test]
async fn what_a_start_means_for_recurring_revenue_comes_from_the_customers_others() {
    let api = Api::new();
    let price = price(&api, "EUR", "month").await;
    let customer = api.post("/v1/customers", &customer()).await.must(201).id();
    let stored_standing = |id: &str| {
        let item =
            api.stored().into_iter().find(|item| format!("{item:?}").contains(&format!("SUBSCRIPTION#{id}"))).unwrap();
        saldo_store::text(&item, "started_as").unwrap().to_owned()
    };
    let mut body = subscription(&customer, &price);
    body["start_on"] = json!("2027-01-10");
    let first = api.post("/v1/subscriptions", &body).await.must(201).id();
    let second = api.post("/v1/subscriptions", &body).await.must(201).id();
    for id in [&first, &second] {
        api.post(&format!("/v1/subscriptions/{id}/cancel"), &json!({"at": "now"})).await.must(200);
    }
    body["start_on"] = json!("2027-02-01");
    let third = api.post("/v1/subscriptions", &body).await.must(201).id();
    assert_eq!(stored_standing(&first), "only");
    assert_eq!(stored_standing(&second), "one_of_several");
    assert_eq!(stored_standing(&third), "returned");
}

#[tokio::test]
async fn what_an_end_means_for_recurring_revenue_is_asked_for_the_day_on_which_it_comes() {
    let api = Api::new();
    let price = price(&api, "EUR", "month").await;
    let customer = api.post("/v1/customers", &customer()).await.must(201).id();
    let mut body = subscription(&customer, &price);
    body["start_on"] = json!("2027-01-10");
    let mut left_as = Vec::new();
    let both = [api.post("/v1/subscriptions", &body).await, api.post("/v1/subscriptions", &body).await];
    for id in both.map(|made| made.must(201).id()) {
        api.post(&format!("/v1/subscriptions/{id}/cancel"), &json!({"at": "period_end"})).await.must(200);
        let key = saldo_store::entities::subscription_key(id.parse().unwrap());
        let stored: Option<Stored<Subscription>> = load(api.store.as_ref(), &key).await.unwrap();
        left_as.push(stored.unwrap().value.cancellation().unwrap().standing);
    }
    // The second ends on the day of the first, when there is no other left.
    assert_eq!(left_as, [Standing::OneOfSeveral, Standing::Returned]);
}

#[tokio::test]
async fn r7_a_subscription_to_a_gross_price_brings_its_net() {
    let api = Api::new();
    let customer = api.customer().await;
    let body = json!({
        "product": "Course", "currency": "EUR", "unit_amount": "353.90", "interval": "month", "tax_rate": "0.19",
        "tax_behavior": "inclusive",
    });
    let price = api.post("/v1/prices", &body).await.must(201);
    assert_eq!(price.text("/tax_behavior"), "inclusive");
    let mut body = subscription(&customer, &price.id());
    body["items"][0]["quantity"] = json!("1");
    body["start_on"] = json!("2027-01-15");
    let made = api.post("/v1/subscriptions", &body).await.must(201);
    assert_eq!(made.text("/items/0/tax_behavior"), "inclusive");
    // What it brings a month is rounded where it is shown: 297.394958 a month.
    let amounts = ["period_amount", "monthly_amount"].map(|field| made.text(&format!("/{field}/amount")));
    assert_eq!(amounts, ["297.39", "297.39"]);
    let id = made.id().parse().unwrap();
    let billed = saldo_books::subscriptions::bill_next(api.store.as_ref(), id, crate::support::now()).await.unwrap();
    let Billed::Period(invoice) = billed else { panic!("it is due") };
    let totals = [invoice.totals.net, invoice.totals.tax, invoice.totals.total].map(|money| money.to_string());
    assert_eq!(totals, ["297.39 EUR", "56.51 EUR", "353.90 EUR"]);
}
