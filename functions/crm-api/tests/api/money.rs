//! Payments, refunds, pages to pay on, reports.

use futures_util::future::join_all;
use saldo_billing::invoice::{AttemptState, Invoice};
use saldo_billing::payment::Decline;
use saldo_books::BooksError;
use saldo_books::attempts::{self, Permission};
use saldo_gateways::memory::Scripted;
use saldo_messages::{CollectionsMessage, Destination, decode};
use saldo_money::Money;
use saldo_store::entities::invoice_key;
use saldo_store::{Stored, load};
use serde_json::{Value, json};

use crate::support::{Api, now, set_clock};

#[tokio::test]
async fn payments_are_found_by_their_invoice() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.issued(&customer).await;
    let payment = api.paid(&invoice, "119.00", "pi_1").await;
    let listed = api.get(&format!("/v1/payments?invoice={invoice}")).await.must(200);
    assert_eq!(listed.text("/data/0/id"), payment);
    let shown = api.get(&format!("/v1/payments/{payment}")).await.must(200);
    assert_eq!(shown.body, listed.body["data"][0]);
    assert_eq!((shown.text("/status"), shown.text("/customer")), ("succeeded".into(), customer));
    assert_eq!(shown.body["amount_refundable"], json!({"amount": "119.00", "currency": "EUR"}));
    assert_eq!(api.get("/v1/payments").await.must(200).body["data"], json!([]));
    assert_eq!(api.get("/v1/payments?invoice=pay_1").await.must(400).blamed(), ["invoice"]);
    assert_eq!(api.get("/v1/payments/pay_00000000000000000000000000").await.must(404).blamed(), ["id"]);
}

#[tokio::test]
async fn what_was_paid_too_much_is_shown_as_credit_until_it_is_used() {
    let api = Api::new();
    let customer = api.customer().await;
    let path = format!("/v1/customers/{customer}/credit");
    assert_eq!(api.get(&path).await.must(200).body, json!({"data": [], "next_cursor": null}));
    let invoice = api.issued(&customer).await;
    api.paid(&invoice, "139.00", "pi_1").await;
    assert_eq!(api.get(&path).await.must(200).body["data"], json!([{"amount": "20.00", "currency": "EUR"}]));
    api.issued(&customer).await;
    assert_eq!(api.get(&path).await.must(200).body["data"], json!([{"amount": "0.00", "currency": "EUR"}]));
    assert_eq!(api.get("/v1/customers/cus_00000000000000000000000000/credit").await.must(404).blamed(), ["id"]);
}

#[tokio::test]
async fn the_payments_of_an_invoice_are_paged_and_those_that_failed_are_among_them() {
    let api = Api::new();
    let invoice = api.issued(&api.customer().await).await;
    let mut made = vec![api.tried(&invoice, "pi_1").await, api.paid(&invoice, "60.00", "pi_2").await];
    made.push(api.paid(&invoice, "59.00", "pi_3").await);
    let (mut listed, mut path) = (Vec::new(), format!("/v1/payments?invoice={invoice}&limit=1"));
    loop {
        let page = api.get(&path).await.must(200);
        assert_eq!(page.body["data"].as_array().unwrap().len(), 1);
        listed.push(page.text("/data/0/id"));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("/v1/payments?invoice={invoice}&limit=1&cursor={cursor}");
    }
    listed.sort();
    made.sort();
    assert_eq!(listed, made);
    let other = api.issued(&api.customer().await).await;
    let foreign = path.replace(&invoice, &other);
    assert_eq!(api.get(&foreign).await.must(400).blamed(), ["cursor"]);
}

#[tokio::test]
async fn a_refund_is_reserved_and_handed_on() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.issued(&customer).await;
    let payment = api.paid(&invoice, "119.00", "pi_1").await;
    drop(api.queue.drain());
    let refund = api.post("/v1/refunds", &json!({"payment": payment, "amount": "19.00"})).await.must(201);
    assert_eq!((refund.text("/status"), refund.text("/amount/amount")), ("requested".into(), "19.00".into()));
    let sent = api.queue.drain();
    let message: CollectionsMessage = decode(&sent[0].1).unwrap();
    assert_eq!(sent[0].0, Destination::Collections);
    assert!(matches!(message, CollectionsMessage::Refund { payments, .. } if payments[0].to_string() == payment));
    assert_eq!(api.get(&format!("/v1/refunds/{}", refund.id())).await.must(200).body, refund.body);
    let listed = api.get(&format!("/v1/refunds?payment={payment}")).await.must(200);
    assert_eq!(listed.body["data"], json!([refund.body]));
    let left = api.get(&format!("/v1/payments/{payment}")).await.must(200).text("/amount_refundable/amount");
    assert_eq!(left, "100.00");
    assert_eq!(api.get("/v1/refunds/ref_00000000000000000000000000").await.must(404).blamed(), ["id"]);
    assert_eq!(api.get("/v1/refunds").await.must(400).blamed(), ["payment"]);
}

#[tokio::test]
async fn refunds_are_listed_a_page_at_a_time_newest_first() {
    let api = Api::new();
    let invoice = api.issued(&api.customer().await).await;
    let payment = api.paid(&invoice, "119.00", "pi_1").await;
    let mut made = Vec::new();
    for amount in ["1.00", "2.00", "3.00"] {
        made.push(api.post("/v1/refunds", &json!({"payment": payment, "amount": amount})).await.must(201).id());
    }
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/v1/refunds?payment={payment}&limit=2{cursor}")).await.must(200).body;
        listed.extend(page["data"].as_array().unwrap().iter().map(|refund| refund["id"].as_str().unwrap().to_owned()));
        assert!(listed.len() <= 3);
        let Some(next) = page["next_cursor"].as_str() else { break };
        assert_eq!(listed.len(), 2);
        cursor = format!("&cursor={next}");
    }
    made.sort();
    listed.sort();
    assert_eq!(listed, made);
    // A cursor of another list is refused.
    let other = api.paid(&api.issued(&api.customer().await).await, "119.00", "pi_2").await;
    let refused = api.get(&format!("/v1/refunds?payment={other}{cursor}")).await.must(400);
    assert_eq!(refused.blamed(), ["cursor"]);
}

#[tokio::test]
async fn d7_more_than_is_left_is_refused_before_anybody_is_asked() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.issued(&customer).await;
    let payment = api.paid(&invoice, "100.00", "pi_1").await;
    api.post("/v1/refunds", &json!({"payment": payment, "amount": "30.00"})).await.must(201);
    drop(api.queue.drain());
    let before = api.stored();
    for (amount, status, blamed) in [
        (json!("80.00"), 422, "amount"),
        (json!("0"), 422, "amount"),
        (json!("-5"), 422, "amount"),
        (json!("1.005"), 422, "amount"),
        (json!("1.00000"), 400, "amount"),
        (json!(5), 400, "amount"),
        (json!({"amount": "5.00", "currency": "USD"}), 422, "amount.currency"),
    ] {
        let answer = api.post("/v1/refunds", &json!({"payment": payment, "amount": amount})).await.must(status);
        assert_eq!(answer.blamed(), [blamed], "{amount}");
    }
    let nobody = json!({"payment": "pay_00000000000000000000000000", "amount": "1.00"});
    assert_eq!(api.post("/v1/refunds", &nobody).await.must(404).blamed(), ["payment"]);
    assert!(api.queue.drain().is_empty());
    assert_eq!(api.stored(), before);
}

#[tokio::test]
async fn r18_of_two_refunds_of_sixty_percent_at_once_one_succeeds() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.issued(&customer).await;
    let payment = api.paid(&invoice, "100.00", "pi_1").await;
    let refund = || {
        let (api, body) = (api.clone(), json!({"payment": payment, "amount": "60.00"}));
        async move { api.post("/v1/refunds", &body).await.status.as_u16() }
    };
    let mut statuses = join_all([refund(), refund()]).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422]);
}

#[tokio::test]
async fn a_page_to_pay_on_is_handed_out_again_while_it_lasts() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.issued(&customer).await;
    let path = format!("/v1/invoices/{invoice}/payment-link");
    let first = api.command(&path).await.must(200);
    assert_eq!(first.body["amount"], json!({"amount": "119.00", "currency": "EUR"}));
    assert_eq!(api.command(&path).await.must(200).body, first.body);
    assert_eq!(api.get(&format!("/v1/invoices/{invoice}")).await.must(200).body["payment_page"], first.body);
    // In part paid, the page asks for too much: it is closed, and another asks for the rest.
    api.paid(&invoice, "60.00", "pi_1").await;
    let second = api.command(&path).await.must(200);
    assert_eq!(second.text("/amount/amount"), "59.00");
    assert_ne!(second.text("/url"), first.text("/url"));
    set_clock("2027-01-16T08:45:00Z");
    api.gateway.set_now(now());
    assert_ne!(api.command(&path).await.must(200).text("/url"), second.text("/url"), "it would have run out soon");
}

#[tokio::test]
async fn an_answer_of_the_provider_that_was_lost_does_not_open_a_second_page() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.issued(&customer).await;
    let path = format!("/v1/invoices/{invoice}/payment-link");
    api.gateway.script_pages([Scripted::LoseAnswer]);
    let lost = api.command(&path).await.must(503);
    assert_eq!(lost.text("/type"), "urn:saldo:problem:provider");
    let page = api.command(&path).await.must(200);
    assert_eq!(page.text("/url"), "https://pay.example/cs_memory0", "the first page that was opened");
}

#[tokio::test]
async fn a_provider_that_refuses_is_told_apart_from_one_that_is_silent() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.issued(&customer).await;
    let path = format!("/v1/invoices/{invoice}/payment-link");
    for (script, status) in [(Scripted::NotSent, 503), (Scripted::Forbid, 502), (Scripted::Refuse, 502)] {
        api.gateway.script_pages([script]);
        api.command(&path).await.must(status);
    }
    let shown = api.get(&format!("/v1/invoices/{invoice}")).await.must(200);
    assert_eq!(shown.body["payment_page"], Value::Null);
}

#[tokio::test]
async fn c8_there_is_no_page_for_less_than_the_provider_takes() {
    let api = Api::new();
    let invoice = api.issued(&api.customer().await).await;
    api.gateway.set_minimum(Some(Money::parse("1000.00", "EUR".parse().unwrap()).unwrap()));
    let refused = api.command(&format!("/v1/invoices/{invoice}/payment-link")).await.must(422);
    assert_eq!(refused.text("/type"), "urn:saldo:problem:unprocessable");
    assert!(refused.text("/detail").contains("1000.00 EUR"), "{}", refused.body);
}

#[tokio::test]
async fn a_page_of_an_account_without_a_key_is_refused_by_name() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.issued(&customer).await;
    let seller = api.get(&format!("/v1/customers/{customer}")).await.must(200).text("/seller");
    api.patch(&format!("/v1/sellers/{seller}"), &json!({"provider_account": "stripe/nobody"})).await.must(200);
    let refused = api.command(&format!("/v1/invoices/{invoice}/payment-link")).await.must(409);
    assert_eq!(refused.text("/errors/0/field"), "provider_account");
    assert!(refused.text("/detail").contains("stripe/nobody"), "{}", refused.body);
}

#[tokio::test]
async fn i6_there_is_one_open_way_to_pay() {
    let api = Api::new();
    let customer = api.customer_with_card().await;
    let mut invoice = crate::support::invoice(&customer);
    invoice["collection"] = json!("automatic");
    let id = api.post("/v1/invoices", &invoice).await.must(201).id();
    let path = format!("/v1/invoices/{id}/payment-link");
    api.command(&path).await.must(409);
    api.command(&format!("/v1/invoices/{id}/finalise")).await.must(200);
    let permission = attempts::permission(api.store.as_ref(), id.parse().unwrap(), now(), now(), async |_: &_| {
        Ok::<_, BooksError>(())
    })
    .await
    .unwrap();
    assert!(matches!(permission, Permission::Charge(_)));
    let refused = api.command(&path).await.must(409);
    assert_eq!(refused.text("/type"), "urn:saldo:problem:conflict");
    attempts::settle(api.store.as_ref(), id.parse().unwrap(), 1, AttemptState::NeverMade, now()).await.unwrap();
    api.command(&path).await.must(200);
    let stored: Stored<Invoice> = load(api.store.as_ref(), &invoice_key(id.parse().unwrap())).await.unwrap().unwrap();
    assert!(stored.value.page().is_some());
}

#[tokio::test]
async fn i6_a_charge_that_begins_while_a_page_is_opened_leaves_no_page_open() {
    for head_start in 0..12 {
        let api = Api::new();
        let customer = api.customer_with_card().await;
        let mut invoice = crate::support::invoice(&customer);
        invoice["collection"] = json!("automatic");
        let id = api.post("/v1/invoices", &invoice).await.must(201).id();
        api.command(&format!("/v1/invoices/{id}/finalise")).await.must(200);
        let path = format!("/v1/invoices/{id}/payment-link");
        let charge = async {
            for _ in 0..head_start {
                tokio::task::yield_now().await;
            }
            attempts::permission(api.store.as_ref(), id.parse().unwrap(), now(), now(), async |_: &_| {
                Ok::<_, BooksError>(())
            })
            .await
            .unwrap()
        };
        let (page, permission) = futures_util::join!(api.command(&path), charge);
        let is_charged = matches!(permission, Permission::Charge(_));
        assert_eq!(page.status.as_u16(), if is_charged { 409 } else { 200 }, "head start {head_start}");
        let is_open = api.gateway.pay_page("cs_memory0").is_some();
        assert_ne!(is_open, is_charged, "head start {head_start}: one way to pay");
    }
}

#[tokio::test]
async fn of_two_pages_that_are_opened_at_once_one_stays_open() {
    for head_start in 0..10 {
        let api = Api::new();
        let customer = api.customer().await;
        let invoice = api.issued(&customer).await;
        let path = format!("/v1/invoices/{invoice}/payment-link");
        let bodies = ["a", "b"].map(|shop| json!({"success_url": format!("https://{shop}.example/paid")}));
        let second = async {
            for _ in 0..head_start {
                tokio::task::yield_now().await;
            }
            api.post(&path, &bodies[1]).await.status.as_u16()
        };
        let (first, second) = futures_util::join!(api.post(&path, &bodies[0]), second);
        let given = [first.status.as_u16(), second].iter().filter(|status| **status == 200).count();
        assert!(given >= 1, "head start {head_start}");
        let open = ["cs_memory0", "cs_memory1"].into_iter().filter(|page| api.gateway.pay_page(page).is_some()).count();
        assert_eq!(open, 1, "head start {head_start}: one way to pay");
    }
}

#[tokio::test]
async fn of_two_equal_requests_at_once_neither_closes_the_page_that_both_were_given() {
    for head_start in 0..12 {
        let api = Api::new();
        let invoice = api.issued(&api.customer().await).await;
        let path = format!("/v1/invoices/{invoice}/payment-link");
        let second = async {
            for _ in 0..head_start {
                tokio::task::yield_now().await;
            }
            api.post_as("link", &path, &json!({})).await.must(200)
        };
        let body = json!({});
        let (first, second) = futures_util::join!(api.post_as("link", &path, &body), second);
        let first = first.must(200);
        assert_eq!(first.text("/url"), second.text("/url"));
        assert!(api.gateway.pay_page("cs_memory0").is_some(), "head start {head_start}: the page is open");
    }
}

#[tokio::test]
async fn addresses_to_return_to_are_https_or_our_own() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.issued(&customer).await;
    let path = format!("/v1/invoices/{invoice}/payment-link");
    for bad in ["http://shop.example/paid", "javascript:alert(1)", "https://shop.example/a b", "https://"] {
        assert_eq!(api.post(&path, &json!({"success_url": bad})).await.must(400).blamed(), ["success_url"], "{bad}");
    }
    api.post(&path, &json!({"success_url": "https://shop.example/paid?x=1"})).await.must(200);
}

#[tokio::test]
async fn a_report_is_asked_for_by_name_days_and_dimension() {
    let api = Api::new();
    for name in ["revenue", "tax", "refunds", "payments", "mrr", "atv"] {
        let report = api.get(&format!("/v1/reports/{name}?from=2027-01-01&to=2027-01-31&by=month")).await.must(200);
        assert_eq!(
            report.body,
            json!({"name": name, "from": "2027-01-01", "to": "2027-01-31", "by": "month", "rows": []})
        );
    }
    let days = api.get("/v1/reports/revenue?from=2027-01-01&to=2027-01-31&currency=EUR").await.must(200);
    assert_eq!(days.text("/by"), "day");
    for (query, status, blamed) in [
        ("revenue?to=2027-01-31", 400, "from"),
        ("revenue?from=2027-01-01&to=31.01.2027", 400, "to"),
        ("revenue?from=2027-02-01&to=2027-01-31", 422, "to"),
        ("revenue?from=2027-01-01&to=2027-01-31&by=method", 422, "by"),
        ("revenue?from=2027-01-01&to=2027-01-31&by=colour", 400, "by"),
        ("revenue?from=2027-01-01&to=2027-01-31&currency=euro", 400, "currency"),
        ("gossip?from=2027-01-01&to=2027-01-31", 400, "name"),
    ] {
        assert_eq!(api.get(&format!("/v1/reports/{query}")).await.must(status).blamed(), [blamed], "{query}");
    }
}

#[tokio::test]
async fn what_was_invoiced_stands_in_the_report_once_it_is_counted() {
    let api = Api::new();
    let customer = api.customer().await;
    let invoice = api.issued(&customer).await;
    api.paid(&invoice, "119.00", "pi_1").await;
    for change in api.store.memory.changes_since(0) {
        if let Some(hint) =
            saldo_books::reports::Hint::of_change(&change.key, change.old.as_deref(), change.new.as_deref())
        {
            saldo_books::reports::apply(api.store.as_ref(), vec![hint]).await.unwrap();
        }
    }
    let row = |report: &str, by: &str| format!("/v1/reports/{report}?from=2027-01-01&to=2027-01-31&by={by}");
    let revenue = api.get(&row("revenue", "region")).await.must(200);
    assert_eq!((revenue.text("/rows/0/key"), revenue.text("/rows/0/net/amount")), ("emea".into(), "100.00".into()));
    let payments = api.get(&row("payments", "gateway")).await.must(200);
    assert_eq!(
        (payments.text("/rows/0/key"), payments.text("/rows/0/success_rate")),
        ("stripe/main".into(), "1".into())
    );
}

#[tokio::test]
async fn c8_both_invoices_say_what_was_carried_forward() {
    let api = Api::new();
    let customer = api.customer_with_card().await;
    let mut invoice = crate::support::invoice(&customer);
    invoice["collection"] = json!("automatic");
    invoice["lines"][0]["unit_amount"] = json!("0.25");
    let small = api.post("/v1/invoices", &invoice).await.must(201).id();
    api.command(&format!("/v1/invoices/{small}/finalise")).await.must(200);
    let (store, id) = (api.store.as_ref(), small.parse().unwrap());
    attempts::permission(store, id, now(), now(), async |_: &_| Ok::<_, BooksError>(())).await.unwrap();
    let decline = Decline { code: Decline::TOO_SMALL.to_owned(), hard: true };
    attempts::settle(store, id, 1, AttemptState::Declined { at: now(), decline }, now()).await.unwrap();
    let next = api.issued(&customer).await;
    let left = api.get(&format!("/v1/invoices/{small}")).await.must(200);
    let due = left.body["carried_forward"]["amount"].clone();
    assert_eq!((&left.text("/status")[..], &left.text("/carried_forward/invoice")), ("paid", &next));
    let brought = api.get(&format!("/v1/invoices/{next}")).await.must(200);
    assert_eq!(
        brought.body["brought_forward"],
        json!([{"invoice": small, "number": left.text("/number"), "amount": due}])
    );
    // Not the earlier one, as long as the later one asks for it.
    api.command(&format!("/v1/invoices/{small}/void")).await.must(409);
    let void = api.command(&format!("/v1/invoices/{next}/void")).await.must(200);
    assert_eq!(void.body["brought_forward"], json!([]));
    let again = api.get(&format!("/v1/invoices/{small}")).await.must(200);
    assert_eq!((&again.body["amount_due"], &again.body["carried_forward"]), (&due, &Value::Null));
}
