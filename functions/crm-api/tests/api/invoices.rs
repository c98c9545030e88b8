//! Invoices: numbers, lines, states, documents.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::Method;
use saldo_billing::mail::{MailRecord, MailState, Purpose};
use saldo_documents::archive::{Archive, invoice_pdf_key};
use saldo_messages::{Destination, InvoicesDueMessage, decode};
use saldo_store::entities::invoice_key;
use saldo_store::{Store as _, Stored, Transaction, instant_text, load};
use serde_json::{Value, json};

use crate::support::{Api, customer, invoice, now, set_clock};

async fn number(api: &Api, customer: &str) -> String {
    let id = api.draft(customer).await;
    api.command(&format!("/v1/invoices/{id}/finalise")).await.must(200).text("/number")
}

#[tokio::test]
async fn a_draft_becomes_an_invoice_with_number_total_and_due_date() {
    let api = Api::new();
    set_clock("2027-01-15T23:30:00Z");
    let customer = api.customer().await;
    let draft = api.post("/v1/invoices", &invoice(&customer)).await.must(201);
    assert_eq!((draft.text("/status"), &draft.body["number"]), ("draft".into(), &Value::Null));
    assert!(api.queue.drain().is_empty());
    let id = draft.id();
    let issued = api.command(&format!("/v1/invoices/{id}/finalise")).await.must(200);
    assert_eq!((issued.text("/number"), issued.text("/status")), ("INV-000001".into(), "open".into()));
    assert_eq!(issued.body["total"], json!({"amount": "119.00", "currency": "EUR"}));
    assert_eq!(issued.body["tax"], json!({"amount": "19.00", "currency": "EUR"}));
    assert_eq!(issued.body["amount_due"], issued.body["total"]);
    // The seller's date is UTC's, and the terms count from it; the customer in Berlin is a day ahead.
    assert_eq!((issued.text("/issued_on"), issued.text("/due_on")), ("2027-01-15".into(), "2027-01-29".into()));
    let shown = api.get(&format!("/v1/invoices/{id}")).await.must(200);
    assert_eq!(shown.text("/lines/0/description"), "Consulting");
    assert_eq!(shown.body["taxes"][0]["base"], json!({"amount": "100.00", "currency": "EUR"}));
    let again = api.command(&format!("/v1/invoices/{id}/finalise")).await.must(200);
    assert_eq!(again.body, issued.body, "finalising twice gives one number");
    let sent = api.queue.drain();
    assert_eq!(sent.len(), 2);
    let message: InvoicesDueMessage = decode(&sent[0].1).unwrap();
    assert_eq!(sent[0].0, Destination::InvoicesDue);
    assert!(
        matches!(message, InvoicesDueMessage::Render { invoices, as_of, .. } if invoices[0].to_string() == id && as_of == now())
    );
}

#[tokio::test]
async fn m12_days_may_be_counted_from_the_end_of_the_month_of_issue() {
    let api = Api::new();
    set_clock("2027-01-15T12:00:00Z");
    let mut draft = invoice(&api.customer().await);
    draft["net_terms_days"] = json!(30);
    draft["net_terms_end_of_month"] = json!(true);
    let draft = api.post("/v1/invoices", &draft).await.must(201);
    assert_eq!(draft.body["net_terms_end_of_month"], json!(true));
    let issued = api.command(&format!("/v1/invoices/{}/finalise", draft.id())).await.must(200);
    assert_eq!(issued.text("/due_on"), "2027-03-02");
}

#[tokio::test]
async fn a_message_that_could_not_be_sent_is_no_failure_of_the_request() {
    let api = Api::new();
    let customer = api.customer().await;
    let id = api.draft(&customer).await;
    api.queue.refuse(1);
    api.command(&format!("/v1/invoices/{id}/finalise")).await.must(200);
    let stored: Stored<saldo_billing::invoice::Invoice> =
        load(api.store.as_ref(), &invoice_key(id.parse().unwrap())).await.unwrap().unwrap();
    assert!(stored.value.progress.next.is_some(), "it waits in the due index");
}

#[tokio::test]
async fn b1_fifty_finalisations_at_once_give_fifty_consecutive_numbers() {
    let api = Api::new();
    let customer = api.customer().await;
    let mut drafts = Vec::new();
    for _ in 0..50 {
        drafts.push(api.draft(&customer).await);
    }
    let finalise = |id: String| {
        let api = api.clone();
        async move { api.command(&format!("/v1/invoices/{id}/finalise")).await.must(200).text("/number") }
    };
    let numbers: BTreeSet<String> = join_all(drafts.into_iter().map(finalise)).await.into_iter().collect();
    let expected: BTreeSet<String> = (1..=50).map(|n| format!("INV-{n:06}")).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn b2_a_deleted_draft_leaves_no_gap_and_a_void_keeps_its_number() {
    let api = Api::new();
    let customer = api.customer().await;
    assert_eq!(number(&api, &customer).await, "INV-000001");
    let draft = api.draft(&customer).await;
    api.delete(&format!("/v1/invoices/{draft}")).await.must(204);
    api.get(&format!("/v1/invoices/{draft}")).await.must(404);
    api.delete(&format!("/v1/invoices/{draft}")).await.must(404);
    assert!(!format!("{:?}", api.stored()).contains(&draft), "nothing of it is left");
    let id = api.issued(&customer).await;
    let void = api.command(&format!("/v1/invoices/{id}/void")).await.must(200);
    assert_eq!((void.text("/status"), void.text("/number")), ("void".into(), "INV-000002".into()));
    assert_eq!(void.body["amount_due"], json!({"amount": "0.00", "currency": "EUR"}));
    assert_eq!(number(&api, &customer).await, "INV-000003");
    assert_eq!(api.delete(&format!("/v1/invoices/{id}")).await.must(409).text("/type"), "urn:saldo:problem:conflict");
}

#[tokio::test]
async fn a_draft_for_which_money_came_cannot_be_deleted() {
    let api = Api::new();
    let draft = api.draft(&api.customer().await).await;
    api.paid(&draft, "60.00", "pi_1").await;
    assert_eq!(
        api.delete(&format!("/v1/invoices/{draft}")).await.must(409).text("/type"),
        "urn:saldo:problem:conflict"
    );
    api.get(&format!("/v1/invoices/{draft}")).await.must(200);
}

#[tokio::test]
async fn a_draft_with_a_payment_that_took_nothing_yet_cannot_be_deleted() {
    let api = Api::new();
    let draft = api.draft(&api.customer().await).await;
    api.tried(&draft, "pi_1").await;
    let detail = api.delete(&format!("/v1/invoices/{draft}")).await.must(409).text("/detail");
    assert!(detail.contains("has payments"), "{detail}");
}

#[tokio::test]
async fn a_draft_that_is_looked_at_while_it_is_deleted_is_there_or_not() {
    let api = Api::new();
    let customer = api.customer().await;
    for head_start in 0..8 {
        let path = format!("/v1/invoices/{}", api.draft(&customer).await);
        let looked_at = async {
            for _ in 0..head_start {
                tokio::task::yield_now().await;
            }
            api.get(&path).await
        };
        let (deleted, seen) = tokio::join!(api.delete(&path), looked_at);
        deleted.must(204);
        assert!([200, 404].contains(&seen.status.as_u16()), "{head_start}: {}", seen.text);
    }
}

#[tokio::test]
async fn b4_two_sellers_count_each_for_themselves() {
    let api = Api::new();
    let sellers = [api.seller("Erste GmbH", "E-").await, api.seller("Seconda S.r.l.", "S/").await];
    let mut customers = Vec::new();
    for seller in &sellers {
        let mut body = customer();
        body["seller"] = json!(seller);
        customers.push(api.post("/v1/customers", &body).await.must(201).id());
    }
    let mut numbers = Vec::new();
    for who in [0, 1, 1, 0] {
        numbers.push(number(&api, &customers[who]).await);
    }
    assert_eq!(numbers, ["E-000001", "S/000001", "S/000002", "E-000002"]);
}

#[tokio::test]
async fn what_is_paid_cannot_be_voided_and_what_is_given_up_can_still_be_paid() {
    let api = Api::new();
    let customer = api.customer().await;
    let id = api.issued(&customer).await;
    api.paid(&id, "60.00", "pi_1").await;
    let partly = api.get(&format!("/v1/invoices/{id}")).await.must(200);
    assert_eq!((partly.text("/status"), partly.text("/amount_due/amount")), ("partly_paid".into(), "59.00".into()));
    api.command(&format!("/v1/invoices/{id}/void")).await.must(409);
    let given_up = api.command(&format!("/v1/invoices/{id}/write-off")).await.must(200);
    assert_eq!(given_up.text("/status"), "uncollectible");
    api.paid(&id, "59.00", "pi_2").await;
    assert_eq!(api.get(&format!("/v1/invoices/{id}")).await.must(200).text("/status"), "paid");
    let draft = api.draft(&customer).await;
    for command in ["void", "write-off"] {
        api.command(&format!("/v1/invoices/{draft}/{command}")).await.must(409);
        assert_eq!(
            api.command(&format!("/v1/invoices/inv_00000000000000000000000000/{command}")).await.must(404).blamed(),
            ["id"]
        );
    }
}

#[tokio::test]
async fn the_entries_of_an_invoice_balance() {
    let api = Api::new();
    let customer = api.customer().await;
    let id = api.issued(&customer).await;
    api.paid(&id, "119.00", "pi_1").await;
    let entries = api.get(&format!("/v1/invoices/{id}/entries")).await.must(200);
    let entries = entries.body["data"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 2);
    for entry in &entries {
        let minor =
            |posting: &Value| posting["amount"]["amount"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
        assert_eq!(entry["postings"].as_array().unwrap().iter().map(minor).sum::<i64>(), 0, "{entry}");
    }
    let first = api.get(&format!("/v1/invoices/{id}/entries?limit=1")).await.must(200);
    let next = first.text("/next_cursor");
    let second = api.get(&format!("/v1/invoices/{id}/entries?limit=1&cursor={next}")).await.must(200);
    assert_eq!([&first.body["data"][0], &second.body["data"][0]], [&entries[0], &entries[1]]);
}

#[tokio::test]
async fn the_mails_of_an_invoice_tell_why_and_what_became_of_them() {
    let api = Api::new();
    let customer = api.customer().await;
    let id = api.issued(&customer).await;
    let mails = format!("/v1/invoices/{id}/mails");
    assert_eq!(api.get(&mails).await.must(200).body["data"], json!([]));
    let invoice = id.parse().unwrap();
    let sent = MailState::Sent { message_id: "1".to_owned() };
    let mut transaction = Transaction::new();
    for (purpose, state) in [(Purpose::PaymentFailed(1), MailState::Planned), (Purpose::Issued, sent)] {
        transaction.create(&MailRecord { invoice, purpose, planned_at: now(), state }).unwrap();
    }
    api.store.commit(transaction).await.unwrap();
    let (shown, at) = (api.get(&mails).await.must(200), instant_text(now()));
    assert_eq!(
        shown.body["data"],
        json!([
            { "purpose": "issued", "planned_at": at, "state": "sent" },
            { "purpose": "payment_failed/1", "planned_at": at, "state": "planned" },
        ])
    );
    assert_eq!(api.get("/v1/invoices/inv_00000000000000000000000000/mails").await.must(404).blamed(), ["id"]);
}

#[tokio::test]
async fn lists_are_of_a_customer_of_a_status_or_of_all() {
    let api = Api::new();
    let (one, two) = (api.customer().await, api.customer().await);
    let draft = api.draft(&one).await;
    let open = api.issued(&one).await;
    let other = api.draft(&two).await;
    let ids = async |query: &str| {
        let page = api.get(&format!("/v1/invoices{query}")).await.must(200);
        let ids = page.body["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        ids.collect::<BTreeSet<_>>()
    };
    let set = |ids: &[&String]| ids.iter().map(|id| (*id).clone()).collect::<BTreeSet<_>>();
    assert_eq!(ids("").await, set(&[&draft, &open, &other]));
    assert_eq!(ids(&format!("?customer={one}")).await, set(&[&draft, &open]));
    assert_eq!(ids("?status=draft").await, set(&[&draft, &other]));
    assert_eq!(ids(&format!("?customer={one}&status=open")).await, set(&[&open]));
}

#[tokio::test]
async fn a_line_may_name_a_product_and_a_discount_may_lower_the_total_but_not_below_zero() {
    let api = Api::new();
    let customer = api.customer().await;
    let mut body = invoice(&customer);
    body["lines"] = json!([
        {"description": "Setup", "quantity": "3", "unit_amount": "33.333", "tax_rate": "0.19", "product": "Setup"},
        {"description": "Discount", "quantity": "1", "unit_amount": {"amount": "-10.00", "currency": "EUR"}, "tax_rate": "0.19"},
    ]);
    let made = api.post("/v1/invoices", &body).await.must(201);
    assert_eq!((made.text("/net/amount"), made.text("/tax/amount")), ("90.00".into(), "17.10".into()));
    let shown = api.get(&format!("/v1/invoices/{}", made.id())).await.must(200);
    let product = shown.text("/lines/0/product");
    assert_eq!(api.get(&format!("/v1/products/{product}")).await.must(200).text("/name"), "Setup");
    body["lines"][1]["unit_amount"] = json!("-0");
    assert_eq!(api.post("/v1/invoices", &body).await.must(400).blamed(), ["lines[1].unit_amount"]);
    body["lines"][1]["unit_amount"] = json!("-100.01");
    assert_eq!(api.post("/v1/invoices", &body).await.must(422).blamed(), ["lines"]);
    body["lines"][1]["unit_amount"] = json!({"amount": "-1.00", "currency": "USD"});
    assert_eq!(api.post("/v1/invoices", &body).await.must(422).blamed(), ["lines[1].unit_amount.currency"]);
    body["lines"] =
        json!([{"description": "All", "quantity": "999999999", "unit_amount": "999999999", "tax_rate": "1"}]);
    assert_eq!(api.post("/v1/invoices", &body).await.must(422).blamed(), ["lines"]);
}

#[tokio::test]
async fn i10_an_invoice_holds_five_thousand_lines_and_not_one_more() {
    let api = Api::new();
    let customer = api.customer().await;
    let line = |n: usize| json!({"description": format!("Item {n}, {}", "x".repeat(200)), "quantity": "1", "unit_amount": "1", "tax_rate": "0.19"});
    let mut body = invoice(&customer);
    body["lines"] = (0..5_000).map(line).collect();
    let id = api.post_as("many", "/v1/invoices", &body).await.must(201).id();
    let issued = api.command(&format!("/v1/invoices/{id}/finalise")).await.must(200);
    assert_eq!(issued.text("/total/amount"), "5950.00");
    assert_eq!(api.get(&format!("/v1/invoices/{id}")).await.must(200).body["lines"].as_array().unwrap().len(), 5_000);
    body["lines"].as_array_mut().unwrap().push(line(5_000));
    assert_eq!(api.post("/v1/invoices", &body).await.must(400).blamed(), ["lines"]);
    body["lines"] = (0..5_000).map(line).collect();
    let draft = api.post("/v1/invoices", &body).await.must(201).id();
    api.delete(&format!("/v1/invoices/{draft}")).await.must(204);
    assert!(!format!("{:?}", api.stored()).contains(&draft));
}

#[tokio::test]
async fn the_document_is_linked_once_it_is_made() {
    let api = Api::new();
    let customer = api.customer().await;
    let id = api.draft(&customer).await;
    let path = format!("/v1/invoices/{id}/pdf");
    assert_eq!(api.get(&path).await.must(409).text("/type"), "urn:saldo:problem:conflict");
    api.command(&format!("/v1/invoices/{id}/finalise")).await.must(200);
    let early = api.get(&path).await.must(409);
    assert_eq!(
        (early.text("/type"), &early.headers["retry-after"]),
        ("urn:saldo:problem:not-ready".into(), &"2".parse().unwrap())
    );
    let stored: Stored<saldo_billing::invoice::Invoice> =
        load(api.store.as_ref(), &invoice_key(id.parse().unwrap())).await.unwrap().unwrap();
    api.archive.put(&invoice_pdf_key(&stored.value), b"%PDF".to_vec(), "application/pdf").await.unwrap();
    let link = api.get(&path).await.must(200);
    assert!(link.text("/url").contains("INV-000001.pdf"));
    assert_eq!(link.text("/expires_at"), "2027-01-15T10:15:00.000Z");
    let redirect =
        api.send(Method::GET, &path, None, &[("accept", "text/html, application/pdf;q=0.9")]).await.must(302);
    assert_eq!(redirect.headers["location"], link.text("/url").as_str());
}

#[tokio::test]
async fn r7_a_price_with_its_tax_in_it_stays_what_it_is() {
    let api = Api::new();
    let customer = api.customer().await;
    let mut line = json!({
        "description": "Kurs", "quantity": "1", "unit_amount": "353.90", "tax_rate": "0.19", "tax_behavior": "inclusive",
    });
    let body = |line: &Value| json!({"customer": customer, "currency": "EUR", "lines": [line]});
    let id = api.post("/v1/invoices", &body(&line)).await.must(201).id();
    let issued = api.command(&format!("/v1/invoices/{id}/finalise")).await.must(200);
    for (field, amount) in [("net", "297.39"), ("tax", "56.51"), ("total", "353.90"), ("amount_due", "353.90")] {
        assert_eq!(issued.text(&format!("/{field}/amount")), amount, "{field}");
    }
    let shown = api.get(&format!("/v1/invoices/{id}")).await.must(200);
    assert_eq!(
        ["tax_behavior", "unit_amount"].map(|field| shown.text(&format!("/lines/0/{field}"))),
        ["inclusive", "353.90"]
    );
    line["tax_behavior"] = json!("both");
    assert_eq!(api.post("/v1/invoices", &body(&line)).await.must(400).blamed(), ["lines[0].tax_behavior"]);
}
