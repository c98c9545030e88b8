//! What remains true when calls fail, answers are lost and functions die, on the deployed stack.
use std::sync::Mutex;

use anyhow::{Context, Result};
use journeys::{Faults, Journey, journey, mark, text};
use serde_json::{Value, json};

/// How the answer of a call is lost after the call had its effect.
fn answer_lost() -> Value {
    json!({ "abort_bytes": 0 })
}

/// Every third call of DynamoDB is refused; the SDK asks again, and often in vain.
fn throttled(journey: &Journey) -> Result<Faults<'_>> {
    journey.faults_at_aws(&json!([{
        "service": "dynamodb", "probability": 0.3, "error": { "code": "ProvisionedThroughputExceededException" },
    }]))
}

fn status(journey: &Journey, invoice: &str) -> Result<Value> {
    journey.stack.get(&format!("/v1/invoices/{invoice}"))?.get("status").cloned().context("an invoice without status")
}

/// Paid once: by our books, by the provider's, and by what the customer was told.
fn assert_charged_once(journey: &Journey, account: &str, name: &str, invoice: &str) -> Result<()> {
    assert_eq!(status(journey, invoice)?, "paid");
    let charges = journey.intents_of(account, invoice)?;
    let statuses = |of: &[Value]| of.iter().filter_map(|one| one.get("status").cloned()).collect::<Vec<_>>();
    assert_eq!(statuses(&charges), ["succeeded"]);
    let payments = journey.payments_of(invoice)?;
    assert_eq!(statuses(&payments), ["succeeded"]);
    let mut told: Vec<String> = journey.mails_to(name)?.into_iter().map(|mail| mail.subject).collect();
    let mails = told.len();
    told.sort();
    told.dedup();
    assert!(mails > 0 && told.len() == mails, "{mails} mails about {told:?}");
    Ok(())
}

#[test]
fn a_charge_whose_answer_was_lost_is_looked_up_and_never_repeated() -> Result<()> {
    let journey = journey()?;
    // An account of its own: what else is due at that time must not meet the faults instead.
    let account = "stripe/nl";
    let key = &journey.stack.stack().accounts[account].api_key;
    // No webhook helps: what became of the charge is found by asking.
    let silent = journey.deliveries(account, &json!({ "automatic": false }))?;
    let customer = journey.customer("Lost", "DE", "Europe/Berlin", "en")?;
    journey.stack.save_method(account, &customer, "pm_card_visa")?;
    let subscription = journey.subscription(&customer, "100.00", "2028-03-01", "automatic")?;
    let next_lost = json!([{ "headers": { "authorization": key }, "times": 1, "response": answer_lost() }]);
    let faults = journey.faults_at_provider(&next_lost)?;
    journey.tick("2028-03-01T00:00:00Z")?;
    assert_eq!(faults.fired()?, [1]);
    let invoice = text(&journey.invoices_of(&customer)?[0], "/id")?;
    assert_eq!((journey.intents_of(account, &invoice)?.len(), status(&journey, &invoice)?), (1, json!("open")));
    drop(faults);

    // The first look-up finds no answer either.
    let faults = journey.faults_at_provider(&next_lost)?;
    journey.tick("2028-03-01T00:05:00Z")?;
    assert_eq!((faults.fired()?, status(&journey, &invoice)?), (vec![1], json!("open")));
    drop(faults);
    journey.tick("2028-03-01T01:10:00Z")?;
    assert_charged_once(&journey, account, "Lost", &invoice)?;

    // The webhooks come after all, and the schedule goes on.
    drop(silent);
    let charge = text(&journey.intents_of(account, &invoice)?[0], "/id")?;
    let late = journey.events_about(account, &charge)?;
    assert!(!late.is_empty());
    journey.stack.twin_admin(account, "POST", "deliver", &json!({ "events": late }))?;
    journey.tick("2028-03-02T00:00:00Z")?;
    assert_charged_once(&journey, account, "Lost", &invoice)?;
    journey.stack.post(&format!("/v1/subscriptions/{subscription}/cancel"), &json!({ "at": "now" }))?;
    Ok(())
}

#[test]
fn an_invoice_is_billed_charged_and_told_of_once_while_dynamodb_is_throttled() -> Result<()> {
    let journey = journey()?;
    let customer = journey.customer("Throttled", "DE", "Europe/Berlin", "en")?;
    journey.stack.save_method("stripe/main", &customer, "pm_card_visa")?;
    let subscription = journey.subscription(&customer, "80.00", "2028-04-01", "automatic")?;
    let queues = ["ProviderEventsQueueUrl", "InvoicesDueQueueUrl", "CollectionsQueueUrl", "RemindersQueueUrl"];
    let queues = queues.map(|queue| journey.stack.output(queue)).into_iter().collect::<Result<Vec<_>>>()?;
    let quick = queues.iter().map(|queue| journey.quick_redelivery(queue, 5)).collect::<Result<Vec<_>>>()?;

    let faults = throttled(&journey)?;
    for at in ["2028-04-01T00:00:00Z", "2028-04-01T00:05:00Z"] {
        // A tick that failed is invoked again, as on AWS.
        journey.stack.eventually("the tick to succeed", || Ok(journey.tick(at).is_ok()))?;
    }
    assert!(faults.fired()?[0] > 0);
    drop(faults);
    // What was given up is due in the books as well.
    for at in ["2028-04-01T01:10:00Z", "2028-04-02T02:00:00Z"] {
        journey.tick(at)?;
    }
    drop(quick);
    let invoices = journey.invoices_of(&customer)?;
    assert_eq!((invoices.len(), &invoices[0]["total"]["amount"]), (1, &json!("95.20")));
    assert_charged_once(&journey, "stripe/main", "Throttled", &text(&invoices[0], "/id")?)?;
    journey.stack.post(&format!("/v1/subscriptions/{subscription}/cancel"), &json!({ "at": "now" }))?;
    Ok(())
}

#[test]
fn a_webhook_that_cannot_be_queued_is_refused_and_complete_when_it_is_sent_again() -> Result<()> {
    let journey = journey()?;
    let customer = journey.customer("Refused", "DE", "Europe/Berlin", "en")?;
    let invoice = text(&journey.invoice(&customer, "EUR", "70.00", "0")?, "/id")?;
    journey.stack.settle()?;
    let event = journey.paid_event(mark(&invoice), &invoice, 7_000, "eur", 1_790_000_000);
    let key = json!({ "pk": { "S": format!("stripe/main/{}", text(&event, "/id")?) }, "sk": { "S": "EVENT" } });
    let asked = json!({ "TableName": journey.stack.output("InboxTableName")?, "Key": key });
    let kept = || journey.stack.json_action("dynamodb", "DynamoDB_20120810.GetItem", &asked);

    let faults = journey.faults_at_aws(&json!([{
        "service": "sqs", "body": "ends_with(QueueUrl, 'saldo-provider-events')",
        "error": { "code": "ServiceUnavailable", "status": 503 },
    }]))?;
    assert_eq!(journey.stack.deliver("stripe/main", &event)?.status, 503);
    assert!(faults.fired()?[0] > 0);
    drop(faults);
    journey.stack.settle()?;
    assert_eq!((kept()?["Item"].clone(), status(&journey, &invoice)?), (Value::Null, json!("open")));

    assert_eq!(journey.stack.deliver("stripe/main", &event)?.status, 200);
    journey.stack.settle()?;
    assert!(kept()?["Item"].is_object());
    assert_eq!((status(&journey, &invoice)?, journey.payments_of(&invoice)?.len()), (json!("paid"), 1));
    Ok(())
}

#[test]
fn a_message_that_was_sent_twice_because_sqs_lost_its_answer_counts_once() -> Result<()> {
    let journey = journey()?;
    let customer = journey.customer("Doubled", "DE", "Europe/Berlin", "en")?;
    let invoice = text(&journey.invoice(&customer, "EUR", "60.00", "0")?, "/id")?;
    journey.stack.settle()?;
    let event = journey.paid_event(mark(&invoice), &invoice, 2_000, "eur", 1_790_000_000);
    let marked = format!("contains(to_string(@), '{}')", text(&event, "/id")?);
    let faults = journey.faults_at_aws(&json!([
        { "service": "sqs", "body": marked, "times": 1, "response": answer_lost() },
        // Only counts: the intake asks again, and each of the two messages is written to the inbox.
        { "body": marked, "latency": 0 },
    ]))?;
    assert_eq!(journey.stack.deliver("stripe/main", &event)?.status, 200);
    journey.stack.eventually("both messages to be worked on", || {
        let fired = faults.fired()?;
        Ok(fired[0] == 1 && fired[1] >= 3)
    })?;
    journey.stack.settle()?;
    let paid = journey.stack.get(&format!("/v1/invoices/{invoice}"))?;
    assert_eq!((&paid["status"], &paid["amount_due"]["amount"]), (&json!("partly_paid"), &json!("40.00")));
    assert_eq!(journey.payments_of(&invoice)?.len(), 1);
    Ok(())
}

#[test]
fn a_message_that_was_done_but_not_deleted_is_run_again_without_effect() -> Result<()> {
    let journey = journey()?;
    let queue = journey.stack.output("ProviderEventsQueueUrl")?;
    let function = journey.stack.output("PaymentProcessingName")?;
    let customer = journey.customer("Undeleted", "DE", "Europe/Berlin", "en")?;
    let invoice = text(&journey.invoice(&customer, "EUR", "30.00", "0")?, "/id")?;
    journey.stack.settle()?;
    let event = journey.paid_event(mark(&invoice), &invoice, 1_000, "eur", 1_790_000_000);
    let before = journey.runs_of(function)?;

    // The first run is held until the second, of the same message, is over. It cannot delete the message: its receipt is old.
    let quick = journey.quick_redelivery(queue, 1)?;
    let put = format!("contains(to_string(@), '{}')", text(&event, "/id")?);
    let held = json!([{ "service": "dynamodb", "body": put, "times": 1, "latency": 4_000 }]);
    let faults = journey.faults_at_aws(&held)?;
    journey.send_batch(queue, &[journey.queued(&event)?])?;
    journey.stack.eventually("the second run", || Ok(journey.runs_of(function)? == before.saturating_add(1)))?;
    assert_eq!((faults.fired()?, status(&journey, &invoice)?), (vec![1], json!("partly_paid")));
    journey.stack.eventually("the first run", || Ok(journey.runs_of(function)? == before.saturating_add(2)))?;
    drop((faults, quick));
    journey.stack.settle()?;
    let paid = journey.stack.get(&format!("/v1/invoices/{invoice}"))?;
    assert_eq!((&paid["status"], &paid["amount_due"]["amount"]), (&json!("partly_paid"), &json!("20.00")));
    assert_eq!(journey.payments_of(&invoice)?.len(), 1);
    Ok(())
}

#[test]
fn a_function_that_is_killed_in_the_middle_of_a_batch_leaves_nothing_half_done() -> Result<()> {
    let journey = journey()?;
    let queue = journey.stack.output("ProviderEventsQueueUrl")?;
    let customer = journey.customer("Killed", "DE", "Europe/Berlin", "en")?;
    let (mut invoices, mut messages, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let invoice = text(&journey.invoice(&customer, "EUR", "25.00", "0")?, "/id")?;
        let event = journey.paid_event(mark(&invoice), &invoice, 2_500, "eur", 1_790_000_000);
        messages.push(journey.queued(&event)?);
        events.push(text(&event, "/id")?);
        invoices.push(invoice);
    }
    journey.stack.settle()?;

    // Killed between the inbox and the books of the second, whose transaction is held up and never arrives.
    let quick = journey.quick_redelivery(queue, 5)?;
    let booking = format!("TransactItems && contains(to_string(@), '{}')", invoices[1]);
    let faults = journey.faults_at_aws(&json!([
        { "service": "dynamodb", "body": booking, "times": 1, "latency": 4_000, "reset": true },
        // Only counts the runs that keep the event.
        { "operation": "PutItem", "body": format!("contains(to_string(@), '{}')", events[1]), "latency": 0 },
    ]))?;
    journey.send_batch(queue, &messages)?;
    journey.stack.eventually("the batch to be held", || Ok(faults.fired()? == [1, 1]))?;
    assert_eq!((journey.stack.messages_in(queue)?, status(&journey, &invoices[1])?), (3, json!("open")));
    assert!(journey.kill(journey.stack.output("PaymentProcessingName")?)? > 0);
    journey.stack.settle()?;
    assert!(faults.fired()?[1] > 1, "nothing was delivered again");
    drop((faults, quick));
    for invoice in &invoices {
        assert_eq!((status(&journey, invoice)?, journey.payments_of(invoice)?.len()), (json!("paid"), 1));
    }
    Ok(())
}

#[test]
fn a_thousand_duplicates_under_throttling_kills_and_lost_answers_are_one_charge() -> Result<()> {
    const AT_A_TIME: usize = 50;
    const EACH: usize = 20;
    const BETWEEN_KILLS: usize = 200;
    let journey = journey()?;
    let account = "stripe/nl";
    let key = &journey.stack.stack().accounts[account].api_key;
    let function = journey.stack.output("PaymentProcessingName")?;
    let (queue, reminders) =
        (journey.stack.output("ProviderEventsQueueUrl")?, journey.stack.output("RemindersQueueUrl")?);
    // The charge is made, its answer is lost, and the provider does not tell of it yet.
    let silent = journey.deliveries(account, &json!({ "automatic": false }))?;
    let customer = journey.customer("Thousand", "DE", "Europe/Berlin", "en")?;
    journey.stack.save_method(account, &customer, "pm_card_visa")?;
    let subscription = journey.subscription(&customer, "90.00", "2028-05-01", "automatic")?;
    let lost = json!([{ "headers": { "authorization": key }, "times": 1, "response": answer_lost() }]);
    let faults = journey.faults_at_provider(&lost)?;
    journey.tick("2028-05-01T00:00:00Z")?;
    assert_eq!(faults.fired()?, [1]);
    drop(faults);
    let invoice = text(&journey.invoices_of(&customer)?[0], "/id")?;
    assert_eq!(status(&journey, &invoice)?, "open");
    let charge = text(&journey.intents_of(account, &invoice)?[0], "/id")?;
    let event = journey.event_about(account, "payment_intent.succeeded", &charge)?;

    // Then it tells a thousand times, fifty at a time, while DynamoDB refuses and whoever works on it is killed again and again.
    let quick = [journey.quick_redelivery(queue, 30)?, journey.quick_redelivery(reminders, 10)?];
    let faults = throttled(&journey)?;
    let (answers, killed) = (Mutex::new(Vec::new()), Mutex::new(0_usize));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let answer = journey.stack.deliver(account, &event).map(|reply| reply.status);
                    let mut answers = answers.lock().unwrap();
                    answers.push(answer.map_err(|error| format!("{error:#}")));
                    if answers.len().is_multiple_of(BETWEEN_KILLS) {
                        *killed.lock().unwrap() += journey.kill(function).unwrap();
                    }
                }
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    let refused: Vec<_> = answers.iter().filter(|answer| **answer != Ok(200)).collect();
    assert!(answers.len() == AT_A_TIME.saturating_mul(EACH) && refused.is_empty(), "{refused:?}");
    assert!(faults.fired()?[0] > 0 && killed.into_inner().unwrap() > 0);
    drop(faults);
    journey.stack.settle()?;
    drop((quick, silent));
    journey.tick("2028-05-01T00:05:00Z")?;
    assert_charged_once(&journey, account, "Thousand", &invoice)?;
    journey.stack.post(&format!("/v1/subscriptions/{subscription}/cancel"), &json!({ "at": "now" }))?;
    Ok(())
}
