//! Which mail is sent, what it says, and what is attached: decided from the books when it is sent.

use chrono::TimeDelta;
use saldo_billing::dunning::ReminderStep;
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::HostedPage;
use saldo_billing::invoice::collection::StepKind;
use saldo_billing::invoice::{Attempt, AttemptState, Collection, Step};
use saldo_billing::mail::{MailRecord, Purpose};
use saldo_billing::payment::{Decline, Statement};
use saldo_books::attempts;
use saldo_documents::archive::{Archive, invoice_pdf_key};
use saldo_messages::{RemindersMessage, V1};
use saldo_store::entities::mail_key;
use saldo_store::load;

use crate::world::{World, eur, event, invoice_id, on};

#[tokio::test]
async fn an_invoice_goes_out_with_its_pdf_as_it_was_archived() {
    let world = World::new().await;
    let key = invoice_pdf_key(&world.invoice().await);
    world.archive.put(&key, b"%PDF-archived".to_vec(), "application/pdf").await.unwrap();
    assert!(world.send(Purpose::Issued, 1).await);
    let mail = world.last();
    assert_eq!(mail.to.email.as_str(), "zoe@example.com");
    assert_eq!(mail.from.email.as_str(), "billing@mail.nordwind.example");
    assert_eq!(mail.reply_to.email.as_str(), "billing@nordwind.example");
    assert_eq!(mail.attachments[0].bytes, b"%PDF-archived");
    assert_eq!(mail.attachments[0].file_name, "Invoice-NW-000001.pdf");
}

#[tokio::test]
async fn a_pdf_that_is_not_archived_yet_is_made_from_the_books() {
    let world = World::new().await;
    assert!(world.send(Purpose::Issued, 1).await);
    let document = saldo_books::invoices::document(&*world.store, invoice_id()).await.unwrap();
    let made = saldo_documents::pdf::invoice(&world.invoice().await, &document).unwrap();
    assert!(world.last().attachments[0].bytes == made);
}

#[tokio::test(start_paused = true)]
async fn a_mail_whose_pdf_took_all_the_time_is_not_decided_on() {
    let world = World::new().await;
    *world.archive.takes.lock().unwrap() = std::time::Duration::from_secs(48);
    assert!(!world.send(Purpose::Issued, 1).await);
    assert_eq!(world.record(Purpose::Issued).await, None);
    *world.archive.takes.lock().unwrap() = std::time::Duration::ZERO;
    assert!(world.send(Purpose::Issued, 1).await);
    assert_eq!(world.subjects().len(), 1);
}

#[tokio::test]
async fn without_the_archive_the_mail_waits_for_it() {
    let world = World::new().await;
    *world.archive.is_away.lock().unwrap() = true;
    assert!(!world.send(Purpose::Issued, 1).await);
    let record = load::<MailRecord>(&*world.store, &mail_key(invoice_id(), Purpose::Issued)).await.unwrap();
    assert_eq!(record, None, "should the process die now, nothing says that it may have been sent");
    *world.archive.is_away.lock().unwrap() = false;
    assert!(world.send(Purpose::Issued, 1).await);
    assert_eq!(world.mailer.sent().len(), 1);
}

#[tokio::test]
async fn what_came_for_a_draft_is_receipted_once_that_is_issued() {
    let world = World::with_draft().await;
    let receipt = Purpose::Receipt(world.pay(10_000, 1).await);
    assert!(world.send(receipt, 1).await);
    assert_eq!((world.mailer.sent().len(), world.record(receipt).await), (0, None));
    world.finalise(invoice_id()).await;
    assert!(world.send(receipt, 2).await);
    assert!(world.send(receipt, 2).await);
    assert_eq!(world.mailer.sent().len(), 1);
}

#[tokio::test]
async fn d2_what_credit_paid_before_it_was_charged_is_sent_all_the_same() {
    let world = World::with_credit(10_000, Collection::Automatic).await;
    assert!(world.send(Purpose::Issued, 1).await);
    assert_eq!(world.subjects(), ["Invoice NW-000001 from Nordwind GmbH"]);
}

#[tokio::test]
async fn the_ladder_is_climbed_step_by_step() {
    let world = World::with_invoice_sent().await;
    for day in 2..40 {
        assert!(world.remind(day).await);
    }
    assert_eq!(
        world.subjects()[1..],
        [
            "Invoice NW-000001 is due on 15 October 2026",
            "Reminder: invoice NW-000001 was due on 15 October 2026",
            "Another reminder: invoice NW-000001 is overdue",
            "Final reminder: invoice NW-000001 is overdue",
        ]
    );
    let attached: Vec<_> = world.mailer.sent().iter().map(|mail| mail.attachments.len()).collect();
    assert_eq!(attached, [1, 0, 1, 1, 1], "who forgot an invoice may have lost it");
}

#[tokio::test]
async fn after_an_outage_of_weeks_only_the_latest_reminder_is_sent() {
    let world = World::with_invoice_sent().await;
    assert!(world.remind(36).await);
    assert!(world.remind(36).await);
    assert_eq!(world.subjects()[1..], ["Final reminder: invoice NW-000001 is overdue"]);
}

#[tokio::test]
async fn d1_a_reminder_asks_for_what_is_left_when_it_is_sent() {
    let world = World::with_invoice_sent().await;
    world.pay(6_000, 10).await;
    assert!(world.remind(16).await);
    let mail = world.last();
    assert!(mail.text.contains("€40.00 is still open") && !mail.text.contains("€100.00 is"), "{}", mail.text);
}

#[tokio::test]
async fn nobody_is_reminded_of_what_is_paid_in_hand_or_disputed() {
    let disputed =
        Statement::DisputeOpened { reference: "dp_1".to_owned(), amount: eur(5_000), reason: "fraud".to_owned() };
    let captured = Statement::Captured { reference: "ch_1".to_owned(), amount: eur(10_000) };
    let part = Statement::Captured { reference: "ch_1".to_owned(), amount: eur(5_000) };
    for statements in [vec![captured], vec![Statement::Processing], vec![part, disputed]] {
        let world = World::with_invoice_sent().await;
        for statement in statements.clone() {
            world.report(statement, 12).await;
        }
        assert!(world.remind(16).await);
        assert!(world.send(Purpose::Reminder(ReminderStep::from_days(1)), 16).await);
        assert_eq!(world.mailer.sent().len(), 1, "{statements:?}");
    }
}

#[tokio::test]
async fn a_void_invoice_is_not_sent() {
    let world = World::new().await;
    saldo_books::invoices::void(&*world.store, invoice_id(), on(1), &saldo_books::nothing_more).await.unwrap();
    assert!(world.send(Purpose::Issued, 1).await);
    assert_eq!(world.mailer.sent().len(), 0);
}

#[tokio::test]
async fn an_address_that_bounced_gets_nothing_and_the_ladder_moves_on() {
    let world = World::with_invoice_sent().await;
    world.change_customer(|customer| customer.suppressed_at = Some(on(2))).await;
    assert!(world.remind(16).await);
    assert_eq!(world.mailer.sent().len(), 1);
    assert_eq!(world.invoice().await.progress.reminded, Some(ReminderStep::from_days(1)));
}

#[tokio::test]
async fn a_receipt_tells_what_was_received_and_what_is_left() {
    let world = World::with_invoice_sent().await;
    let payment = world.pay(6_000, 3).await;
    assert!(world.send(Purpose::Receipt(payment), 3).await);
    let mail = world.last();
    assert_eq!(mail.subject, "Receipt for invoice NW-000001");
    for said in ["€60.00", "3 October 2026", "Card ending in 4242", "€40.00 of invoice NW-000001 is still open"] {
        assert!(mail.text.contains(said), "{said} is missing in {}", mail.text);
    }
    assert_eq!(mail.attachments.len(), 1);
}

#[tokio::test]
async fn there_is_no_receipt_for_a_payment_that_failed() {
    let world = World::with_invoice_sent().await;
    let decline = Decline { code: "insufficient_funds".to_owned(), hard: false };
    let payment = world.report(Statement::Failed { reference: "ch_1".to_owned(), decline }, 3).await;
    assert!(world.send(Purpose::Receipt(payment), 3).await);
    assert_eq!(world.mailer.sent().len(), 1);
}

#[tokio::test]
async fn a_failed_charge_is_told_with_the_day_of_the_next_one() {
    let retried = [
        (Some(Step { kind: StepKind::Collect, at: on(6) }), "We will try again on 6 October 2026"),
        (None, "pay in another way"),
    ];
    for (next, said) in retried {
        let world = World::new().await;
        world
            .change_invoice(|invoice| {
                invoice.collection = Collection::Automatic;
                let method = serde_json::from_value(serde_json::json!({
                    "account": "stripe/main", "token": "pm_1", "customer": "cus_1", "kind": "card",
                }));
                let decline = Decline { code: "insufficient_funds".to_owned(), hard: next.is_none() };
                let state = AttemptState::Declined { at: on(3), decline };
                let attempt = Attempt {
                    number: 2,
                    amount: eur(10_000),
                    method: method.unwrap(),
                    begun_at: on(3),
                    asked_at: None,
                    state,
                };
                invoice.progress.attempt = Some(attempt);
                invoice.progress.next = next;
            })
            .await;
        assert!(world.send(Purpose::PaymentFailed(1), 3).await, "an earlier attempt is no news");
        assert_eq!(world.mailer.sent().len(), 0);
        assert!(world.send(Purpose::PaymentFailed(2), 3).await);
        let mail = world.last();
        assert!(mail.text.contains("We could not collect €100.00") && mail.text.contains(said), "{}", mail.text);
    }
}

#[tokio::test]
async fn only_a_page_that_asks_for_what_is_due_is_linked() {
    let page = |minor, day| HostedPage {
        account: "stripe/main".parse().unwrap(),
        reference: "cs_1".to_owned(),
        mark: "1f0c93ab".to_owned(),
        amount: eur(minor),
        expires_at: on(day),
        payment: None,
    };
    for (page, linked) in [(page(10_000, 20), true), (page(4_000, 20), false), (page(10_000, 15), false)] {
        let world = World::with_invoice_sent().await;
        let (url, also) = ("https://pay.example/cs_1", &saldo_books::nothing_more);
        attempts::open_page(&*world.store, invoice_id(), &page, url, on(14), also).await.unwrap();
        assert!(world.remind(16).await);
        assert_eq!(world.last().text.contains("https://pay.example/cs_1"), linked);
    }
}

#[tokio::test]
async fn one_invoice_that_is_missing_does_not_stop_the_others_of_its_message() {
    let world = World::with_invoice_sent().await;
    let missing = InvoiceId::from_random(99);
    let message = RemindersMessage::Remind { v: V1, invoices: vec![missing, invoice_id()], as_of: on(16) };
    assert_eq!(world.handle(event(&message)).await, ["m-0"], "it comes again, for the missing one");
    assert_eq!(world.mailer.sent().len(), 2);
}

#[tokio::test]
async fn a_reminder_is_sent_at_nine_where_the_customer_is() {
    let world = World::with_invoice_sent().await;
    // The 16th in Amsterdam, at 08:59 and at 09:00; the reminder before the due date would say what is no longer true.
    for (minutes, sent) in [(61, 1), (60, 2)] {
        let as_of = on(16).checked_sub_signed(TimeDelta::minutes(minutes)).unwrap();
        let message = RemindersMessage::Remind { v: V1, invoices: vec![invoice_id()], as_of };
        assert_eq!(world.handle(event(&message)).await, [""; 0]);
        assert_eq!(world.mailer.sent().len(), sent);
    }
    assert!(world.last().subject.starts_with("Reminder: invoice NW-000001 was due"));
}
