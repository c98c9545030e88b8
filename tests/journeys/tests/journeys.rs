//! What users do with a deployed Saldo, from outside, on the real `sam deploy` of the real template.
use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use journeys::{Journey, journey, judge, mark, text};
use serde_json::{Value, json};

#[test]
fn an_invoice_is_issued_rendered_mailed_and_paid_on_the_hosted_page() -> Result<()> {
    let journey = journey()?;
    let customer = journey.customer("Hosted 名前", "DE", "Europe/Berlin", "de")?;
    let invoice = journey.invoice(&customer, "EUR", "119.99", "0.19")?;
    assert_eq!(invoice["status"], "open");
    assert_eq!(invoice["total"], json!({ "amount": "142.79", "currency": "EUR" }));
    assert_eq!(invoice["tax"], json!({ "amount": "22.80", "currency": "EUR" }));
    let id = text(&invoice, "/id")?;
    journey.stack.settle()?;

    let link = journey.stack.get(&format!("/v1/invoices/{id}/pdf"))?;
    let pdf = journey.stack.send("GET", &text(&link, "/url")?, &[], "")?;
    assert_eq!(pdf.status, 200);
    let file = journeys::root().join("target/local/journey-invoice.pdf");
    std::fs::write(&file, &pdf.bytes)?;
    let read = judge(
        "import pypdf, sys; r = pypdf.PdfReader(sys.argv[1]); print(len(r.pages)); print(r.pages[0].extract_text())",
        &[&file.to_string_lossy()],
    )?;
    assert!(read.starts_with("1\n"), "{read}");
    for expected in [text(&invoice, "/number")?.as_str(), "142,79", "名前", "Consulting"] {
        assert!(read.contains(expected), "no {expected} in {read}");
    }

    let page = journey.stack.post(&format!("/v1/invoices/{id}/payment-link"), &json!({}))?;
    assert_eq!(journey.stack.send("POST", &text(&page, "/url")?, &[], "")?.status, 303);
    journey.stack.settle_all()?;
    let paid = journey.stack.get(&format!("/v1/invoices/{id}"))?;
    assert_eq!((&paid["status"], &paid["amount_due"]["amount"]), (&json!("paid"), &json!("0.00")));
    assert_eq!(journey.payments_of(&id)?.len(), 1);
    let mails = journey.mails_to("Hosted 名前")?;
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(mails.iter().all(|mail| mail.body_html.is_some() && mail.body_text.contains("142,79")), "{mails:?}");
    Ok(())
}

#[test]
fn t1_a_subscription_is_billed_at_the_customers_midnight_and_once_however_often_it_ticks() -> Result<()> {
    let journey = journey()?;
    let customer = journey.customer("Kolkata", "IN", "Asia/Kolkata", "en")?;
    let subscription = journey.subscription(&customer, "49.00", "2027-03-02", "send_invoice")?;
    journey.tick("2027-03-01T18:00:00Z")?;
    assert!(journey.invoices_of(&customer)?.is_empty());
    for tick in ["2027-03-01T18:30:00Z", "2027-03-01T19:30:00Z", "2027-03-01T20:30:00Z", "2027-03-02T17:30:00Z"] {
        journey.tick(tick)?;
    }
    let invoices = journey.invoices_of(&customer)?;
    assert_eq!(invoices.len(), 1);
    assert_eq!(invoices[0]["total"]["amount"], "58.31");
    // Two periods late: each has its own invoice.
    journey.tick("2027-05-04T00:00:00Z")?;
    assert_eq!(journey.invoices_of(&customer)?.len(), 3);
    journey.stack.post(&format!("/v1/subscriptions/{subscription}/cancel"), &json!({ "at": "period_end" }))?;
    journey.tick("2027-07-04T00:00:00Z")?;
    assert_eq!(journey.invoices_of(&customer)?.len(), 3);
    Ok(())
}

#[test]
fn a_webhook_signed_by_stripes_own_package_counts_once_and_a_forged_one_not_at_all() -> Result<()> {
    let journey = journey()?;
    let customer = journey.customer("Webhooks", "US", "America/New_York", "en")?;
    let invoice = journey.invoice(&customer, "USD", "100.00", "0")?;
    let id = text(&invoice, "/id")?;
    let secret = &journey.stack.stack().accounts["stripe/main"].webhook_secret;
    let event = journey.paid_event(mark(&id), &id, 6_000, "usd", 1_790_000_000).to_string();
    let header = judge(
        "import stripe, sys, time; print(stripe.WebhookSignature.generate_signature_header(payload=sys.argv[1], \
         secret=sys.argv[2], timestamp=int(time.time())), end='')",
        &[&event, secret],
    )?;
    let base = format!("{}/webhooks/stripe", journey.stack.stack().api_url);
    let send = |account: &str, signature: &str, body: &str| {
        let url = format!("{base}/{account}");
        journey.stack.send("POST", &url, &[("stripe-signature", signature)], body).map(|reply| reply.status)
    };
    for _ in 0..3 {
        assert_eq!(send("main", &header, &event)?, 200);
    }
    assert_eq!(send("main", &header, &event.replace("6000", "9000"))?, 401);
    assert_eq!(send("main", "t=1,v1=00", &event)?, 401);
    assert_eq!(send("nobody", &header, &event)?, 404);
    // W9: an event of one account, sent to the address of another.
    assert_eq!(send("nl", &header, &event)?, 401);
    journey.stack.settle()?;
    let paid = journey.stack.get(&format!("/v1/invoices/{id}"))?;
    assert_eq!((&paid["status"], &paid["amount_due"]["amount"]), (&json!("partly_paid"), &json!("40.00")));
    assert_eq!(journey.payments_of(&id)?.len(), 1);
    Ok(())
}

#[test]
fn what_is_due_automatically_is_charged_once_and_both_books_agree() -> Result<()> {
    let journey = journey()?;
    let customer = journey.customer("Automatic", "DE", "Europe/Berlin", "en")?;
    journey.stack.save_method("stripe/main", &customer, "pm_card_visa")?;
    let subscription = journey.subscription(&customer, "100.00", "2027-08-01", "automatic")?;
    for tick in ["2027-08-01T00:00:00Z", "2027-08-01T01:00:00Z"] {
        journey.tick(tick)?;
    }
    let invoices = journey.invoices_of(&customer)?;
    assert_eq!((invoices.len(), &invoices[0]["status"]), (1, &json!("paid")));
    let invoice = text(&invoices[0], "/id")?;
    let charges = journey.intents_of("stripe/main", &invoice)?;
    assert_eq!((charges.len(), &charges[0]["amount_received"]), (1, &json!(11_900)));
    let payments = journey.payments_of(&invoice)?;
    assert_eq!(payments.len(), 1);

    let payment = text(&payments[0], "/id")?;
    let amount = |text: &str| json!({ "payment": payment, "amount": { "amount": text, "currency": "EUR" } });
    journey.stack.post("/v1/refunds", &amount("19.00"))?;
    journey.stack.settle_all()?;
    let refused = journey.stack.call("POST", "/v1/refunds", &[], Some(&amount("100.01")))?;
    assert_eq!(refused.status / 100, 4, "{refused:?}");
    assert_eq!(journey.stack.get(&format!("/v1/invoices/{invoice}"))?["status"], "paid");
    assert_eq!(journey.payments_of(&invoice)?[0]["amount_refunded"]["amount"], "19.00");
    let refunded = &journey.intents_of("stripe/main", &invoice)?[0];
    let charge = text(refunded, "/latest_charge")?;
    let charge = journey.stack.provider("stripe/main", "GET", &format!("charges/{charge}"), &[])?;
    assert_eq!(charge["amount_refunded"], 1_900);
    journey.stack.post(&format!("/v1/subscriptions/{subscription}/cancel"), &json!({ "at": "period_end" }))?;
    Ok(())
}

#[test]
fn a_declined_charge_is_retried_by_plan_and_the_customer_is_told() -> Result<()> {
    let journey = journey()?;
    let customer = journey.customer("Declined", "DE", "Europe/Berlin", "en")?;
    journey.stack.save_method("stripe/main", &customer, "pm_card_visa_chargeDeclinedInsufficientFunds")?;
    let subscription = journey.subscription(&customer, "10.00", "2027-09-01", "automatic")?;
    let mut attempts = Vec::new();
    for tick in ["2027-09-01T00:00:00Z", "2027-09-03T00:00:00Z", "2027-09-04T12:00:00Z"] {
        journey.tick(tick)?;
        let invoice = text(&journey.invoices_of(&customer)?[0], "/id")?;
        attempts.push(journey.intents_of("stripe/main", &invoice)?.len());
    }
    assert_eq!(attempts, [1, 1, 2]);
    assert_eq!(journey.invoices_of(&customer)?[0]["status"], "open");
    assert_eq!(journey.mails_to("Declined")?.len(), 2);
    journey.stack.post(&format!("/v1/subscriptions/{subscription}/cancel"), &json!({ "at": "now" }))?;
    Ok(())
}

#[test]
fn poison_ends_in_the_dead_letter_queue_and_its_neighbours_are_done() -> Result<()> {
    let journey = journey()?;
    let (queue, dead) =
        (journey.stack.output("ProviderEventsQueueUrl")?, journey.stack.output("ProviderEventsQueueDlqUrl")?);
    let before = journey.stack.messages_in(dead)?;
    let customer = journey.customer("Neighbours", "DE", "Europe/Berlin", "en")?;
    let mut invoices = Vec::new();
    for _ in 0..2 {
        invoices.push(text(&journey.invoice(&customer, "EUR", "50.00", "0")?, "/id")?);
    }
    let good = |invoice: &str| journey.queued(&journey.paid_event(mark(invoice), invoice, 5_000, "eur", 1_790_000_000));
    // Each redelivery waits for the visibility time-out: minutes, which a test does not have.
    let quick = journey.quick_redelivery(queue, 1)?;
    journey.send_batch(queue, &[good(&invoices[0])?, "not even JSON".to_owned(), good(&invoices[1])?])?;
    journey
        .stack
        .eventually("the poison in the dead-letter queue", || Ok(journey.stack.messages_in(dead)? > before))?;
    drop(quick);
    let log = journey.log_of("saldo-payment-processing")?;
    let told = |line: &String| line.contains("poison message") && line.contains("\"error.chain\":\"");
    assert!(log.iter().any(told), "the reason is not in the log");
    for invoice in &invoices {
        assert_eq!(journey.stack.get(&format!("/v1/invoices/{invoice}"))?["status"], "paid");
    }
    assert_eq!(journey.stack.messages_in(queue)?, 0);
    Ok(())
}

/// What the API says of the only payment of an invoice and of the invoice, without what differs between two of them.
fn standing(journey: &Journey, invoice: &str) -> Result<Value> {
    let payments = journey.payments_of(invoice)?;
    let [payment] = payments.as_slice() else { bail!("expected one payment, found {payments:?}") };
    let of = |value: &Value, fields: &[&str]| -> Result<Value> {
        let read = |field: &&str| Some(((*field).to_owned(), value.get(*field)?.clone()));
        let read: Option<serde_json::Map<_, _>> = fields.iter().map(read).collect();
        read.map(Value::Object).with_context(|| format!("expected {fields:?} in {value}"))
    };
    let of_payment = ["status", "amount_captured", "amount_refunded", "amount_disputed", "dispute_fees", "disputed"];
    let standing = journey.stack.get(&format!("/v1/invoices/{invoice}"))?;
    let of_invoice = ["status", "amount_due", "amount_paid", "disputed"];
    Ok(json!([of(payment, &of_payment)?, of(&standing, &of_invoice)?]))
}

/// An invoice that the customer has paid on the hosted page.
fn paid_on_the_page(journey: &Journey, name: &str) -> Result<String> {
    let customer = journey.customer(name, "DE", "Europe/Berlin", "en")?;
    let invoice = text(&journey.invoice(&customer, "EUR", "100.00", "0")?, "/id")?;
    let page = journey.stack.post(&format!("/v1/invoices/{invoice}/payment-link"), &json!({}))?;
    let paid = journey.stack.send("POST", &text(&page, "/url")?, &[], "")?;
    if paid.status != 303 {
        bail!("the page cannot be paid on: {paid:?}");
    }
    Ok(invoice)
}

#[test]
fn a_dispute_flags_the_payment_takes_the_money_and_gives_it_back_when_won() -> Result<()> {
    let journey = journey()?;
    let invoice = paid_on_the_page(&journey, "Disputed")?;
    journey.stack.settle_all()?;
    let before = standing(&journey, &invoice)?;
    let intent = text(&journey.intents_of("stripe/main", &invoice)?[0], "/id")?;
    let admin = |path: &str, body: &Value| journey.stack.twin_admin("stripe/main", "POST", path, body);
    let dispute = text(&admin("disputes", &json!({ "payment_intent": intent }))?, "/id")?;
    journey.stack.settle_all()?;
    let open = standing(&journey, &invoice)?;
    assert_eq!((&open[0]["disputed"], &open[1]["disputed"]), (&json!(true), &json!(true)));
    assert_eq!(open[0]["amount_disputed"]["amount"], "100.00");
    assert_eq!(open[0]["dispute_fees"]["amount"], "20.00");
    admin(&format!("disputes/{dispute}/close"), &json!({ "won": true }))?;
    journey.stack.settle_all()?;
    assert_eq!(standing(&journey, &invoice)?, before);
    Ok(())
}

#[test]
fn events_that_come_in_reverse_order_end_in_the_same_books() -> Result<()> {
    let journey = journey()?;
    let mut books = Vec::new();
    for newest_first in [false, true] {
        // All of them are due at one time, and go out in the order asked for.
        let settings = json!({ "newest_first": newest_first, "delay_seconds": 60 });
        let _deliveries = journey.deliveries("stripe/main", &settings)?;
        let invoice = paid_on_the_page(&journey, if newest_first { "Reversed" } else { "InOrder" })?;
        let intent = text(&journey.intents_of("stripe/main", &invoice)?[0], "/id")?;
        journey.stack.provider("stripe/main", "POST", "refunds", &[("payment_intent", &intent), ("amount", "2500")])?;
        let dispute = json!({ "payment_intent": intent, "amount": 4_000 });
        journey.stack.twin_admin("stripe/main", "POST", "disputes", &dispute)?;
        assert_eq!(journey.payments_of(&invoice)?.len(), 0);
        journey.stack.twin_admin("stripe/main", "POST", "clock", &json!({ "advance_seconds": 61 }))?;
        journey.stack.settle_all()?;
        // What came before the payment that it is about waits for the schedule.
        journey.tick(&journey.later(TimeDelta::minutes(10)))?;
        books.push(standing(&journey, &invoice)?);
    }
    assert_eq!(books[0], books[1]);
    assert_eq!(books[0][0]["amount_refunded"]["amount"], "25.00");
    assert_eq!(books[0][0]["amount_disputed"]["amount"], "40.00");
    Ok(())
}

#[test]
fn whoever_listens_to_the_bus_hears_that_an_invoice_was_finalised() -> Result<()> {
    let journey = journey()?;
    let bus = journey.stack.output("DomainEventsBusName")?;
    let sqs = |action: &str, body: &Value| journey.stack.json_action("sqs", &format!("AmazonSQS.{action}"), body);
    let events = |action: &str, body: &Value| journey.stack.json_action("events", &format!("AWSEvents.{action}"), body);
    let queue = text(&sqs("CreateQueue", &json!({ "QueueName": "journey-events" }))?, "/QueueUrl")?;
    let arn = journey.stack.queue_attribute(&queue, "QueueArn")?;
    // A bus without this right delivers nothing to the queue.
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sqs:SendMessage", "Resource": arn,
    }] });
    sqs("SetQueueAttributes", &json!({ "QueueUrl": queue, "Attributes": { "Policy": policy.to_string() } }))?;
    let pattern = json!({ "source": ["saldo"], "detail-type": ["invoice.finalised"] }).to_string();
    events("PutRule", &json!({ "Name": "journey", "EventBusName": bus, "EventPattern": pattern }))?;
    let targets = json!([{ "Id": "queue", "Arn": arn }]);
    events("PutTargets", &json!({ "Rule": "journey", "EventBusName": bus, "Targets": targets }))?;

    let customer = journey.customer("Listener", "DE", "Europe/Berlin", "en")?;
    let invoice = text(&journey.invoice(&customer, "EUR", "10.00", "0")?, "/id")?;
    let mut heard = Vec::new();
    journey.stack.eventually("the event on the queue", || {
        let received = sqs("ReceiveMessage", &json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10 }))?;
        for message in received["Messages"].as_array().into_iter().flatten() {
            heard.push(serde_json::from_str::<Value>(&text(message, "/Body")?)?);
        }
        Ok(heard.iter().any(|event| event.to_string().contains(&invoice)))
    })?;
    assert!(heard.iter().all(|event| event["detail-type"] == "invoice.finalised"), "{heard:?}");
    events("RemoveTargets", &json!({ "Rule": "journey", "EventBusName": bus, "Ids": ["queue"] }))?;
    events("DeleteRule", &json!({ "Name": "journey", "EventBusName": bus }))?;
    sqs("DeleteQueue", &json!({ "QueueUrl": queue }))?;
    Ok(())
}

#[test]
fn a_webhook_too_large_or_of_an_account_without_secret_is_refused() -> Result<()> {
    let journey = journey()?;
    let mut event = journey.paid_event("large", "inv_0000000000000000000000000", 100, "eur", 1_790_000_000);
    event["note"] = json!("x".repeat(192 * 1024));
    assert_eq!(journey.stack.deliver("stripe/main", &event)?.status, 413);
    let body = "{}";
    let signature = local_stack::signature("whsec_of_nobody", journey.began_at.timestamp(), body);
    let url = format!("{}/webhooks/stripe/es", journey.stack.stack().api_url);
    assert_eq!(journey.stack.send("POST", &url, &[("stripe-signature", &signature)], body)?.status, 404);
    assert_eq!(journey.stack.messages_in(journey.stack.output("ProviderEventsQueueUrl")?)?, 0);
    Ok(())
}

#[test]
fn bad_input_names_the_field_and_stores_nothing() -> Result<()> {
    let journey = journey()?;
    let before = journey.stack.list("/v1/customers")?.len();
    let mut customer = json!({
        "name": "Bad", "email": "bad@journeys.example", "country": "DE", "zone": "Europe/Berlin", "language": "en",
        "region": "x", "channel": "y",
    });
    for (field, wrong) in [("zone", "Europe/Nowhere"), ("country", "XX"), ("email", "a@b\r\nBcc: c@d.example")] {
        let right = customer[field].clone();
        customer[field] = json!(wrong);
        let reply = journey.stack.call("POST", "/v1/customers", &[], Some(&customer))?;
        assert_eq!(reply.status / 100, 4, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert!(reply.text.contains(&format!("\"{field}\"")), "{}", reply.text);
        customer[field] = right;
    }
    assert_eq!(journey.stack.list("/v1/customers")?.len(), before);
    for (method, path, status) in
        [("GET", "/v1/nothing", 404), ("DELETE", "/v1/customers", 405), ("GET", "/v1/invoices?cursor=%00", 400)]
    {
        assert_eq!(journey.stack.call(method, path, &[], None)?.status, status, "{method} {path}");
    }
    let api = &journey.stack.stack().api_url;
    let anonymous = journey.stack.send("GET", &format!("{api}/v1/customers"), &[], "")?;
    assert_eq!(anonymous.status, 401);
    for (method, path, status, field) in [
        ("GET", "/webhooks/stripe/main", 405, "method"),
        ("POST", "/webhooks/stripe", 404, "path"),
        ("POST", "/webhooks/adyen/main", 404, "path"),
        ("POST", "/webhooks/stripe/main/extra", 404, "path"),
    ] {
        let reply = journey.stack.send(method, &format!("{api}{path}"), &[], "{}")?;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{method} {path}");
        assert!(reply.text.contains(&format!("\"{field}\"")), "{}", reply.text);
    }
    let elsewhere = journey.stack.call("GET", "/nothing/here", &[], None)?;
    assert_eq!((elsewhere.status, elsewhere.header("content-type")), (404, Some("application/problem+json")));
    Ok(())
}

#[test]
fn the_same_request_under_one_idempotency_key_is_answered_alike_and_done_once() -> Result<()> {
    let journey = journey()?;
    let mut body = json!({
        "name": "Once", "email": "once@journeys.example", "country": "DE", "zone": "Europe/Berlin", "language": "en",
        "region": "x", "channel": "y",
    });
    let before = journey.stack.list("/v1/customers")?.len();
    let key = format!("journey-{before}");
    let ask = |body: &Value| journey.stack.call("POST", "/v1/customers", &[("idempotency-key", &key)], Some(body));
    let (first, second) = (ask(&body)?, ask(&body)?);
    assert_eq!((first.status, &first.text), (201, &second.text));
    body["name"] = json!("Twice");
    assert_eq!(ask(&body)?.status / 100, 4);
    assert_eq!(journey.stack.list("/v1/customers")?.len(), before + 1);
    Ok(())
}

#[test]
fn reports_follow_the_books() -> Result<()> {
    let journey = journey()?;
    let customer = journey.customer("Reported", "CN", "Asia/Shanghai", "zh")?;
    let yen = || -> Result<i64> {
        let report = journey.stack.get("/v1/reports/revenue?from=2024-01-01&to=2030-12-31&by=channel")?;
        let rows = report["rows"].as_array().context("a report has rows")?;
        let nets = rows.iter().filter(|row| row["net"]["currency"] == "JPY").map(|row| text(row, "/net/amount"));
        nets.map(|net| Ok(net?.parse::<i64>()?)).sum()
    };
    let before = yen()?;
    journey.invoice(&customer, "JPY", "7000", "0.10")?;
    journey.stack.eventually("7000 yen more in the report", || Ok(yen()? >= before.saturating_add(7_000)))
}

#[test]
fn the_worked_example_of_the_readme_works() -> Result<()> {
    let _turn = journey()?;
    let readme = std::fs::read_to_string(journeys::root().join("README.md"))?;
    let example = readme.split("```sh\n").find(|block| block.starts_with("api=")).unwrap();
    let example = example.split("```").next().unwrap();
    let mut bash = std::process::Command::new("bash");
    let run = bash.args(["-euo", "pipefail", "-c", example]).current_dir(journeys::root()).output()?;
    let printed = String::from_utf8(run.stdout)?;
    assert!(run.status.success(), "{printed}{}", String::from_utf8_lossy(&run.stderr));
    for expected in ["\"open\"", "217.80", "INV-", "/pay/"] {
        assert!(printed.contains(expected), "no {expected} in {printed}");
    }
    Ok(())
}

#[test]
fn the_document_of_the_api_is_openapi_3_1() -> Result<()> {
    let journey = journey()?;
    let url = format!("{}/v1/openapi.json", journey.stack.stack().api_url);
    let document = journey.stack.send("GET", &url, &[], "")?.success()?;
    assert!(text(&document, "/openapi")?.starts_with("3.1"));
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    for (begin, end) in
        [("/v1/customers", ""), ("/v1/invoices/{", "}/finalise"), ("/v1/reports/{", "}"), ("/v1/refunds", "")]
    {
        assert!(
            paths.iter().any(|path| path.starts_with(begin) && path.ends_with(end)),
            "{begin}…{end} is not described"
        );
    }
    Ok(())
}
