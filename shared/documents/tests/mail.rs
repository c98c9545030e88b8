//! Mail as it is composed and as it goes over the wire.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod golden;
mod world;

use std::collections::BTreeSet;

use chrono::Duration;
use saldo_billing::dunning::ReminderStep;
use saldo_billing::invoice::Collection;
use saldo_billing::party::Email;
use saldo_documents::mail::{ComposeError, Mail, MailContext, MailError, Mailer, MemoryMailer, Occasion, compose};

fn sender() -> Email {
    "billing@mail.nordwind.example".parse().unwrap()
}

/// A reminder of what is left of 100.00 after 60.00 were paid, so many days after the due date.
fn reminder(days: i16) -> Mail {
    let (invoice, _, _) = world::partly_paid();
    let context = MailContext {
        occasion: Occasion::Reminder(ReminderStep::from_days(days)),
        sender: &sender(),
        seller: &world::nordwind(),
        customer: &world::zoe(),
        invoice: &invoice,
        pdf: None,
        pay_url: Some("https://pay.example/1"),
        now: world::now(),
    };
    compose(&context).unwrap()
}

fn lines(mime: &[u8]) -> Vec<String> {
    String::from_utf8(mime.to_vec()).unwrap().split("\r\n").map(str::to_owned).collect()
}

/// The header lines of a message, unfolded.
fn headers(mime: &[u8]) -> Vec<String> {
    let text = String::from_utf8(mime.to_vec()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n").map(str::to_owned).collect()
}

#[test]
fn every_mail_reads_as_it_did_in_both_languages() {
    for (name, mail) in world::mails() {
        golden::compare(&format!("mail/{name}.txt"), &format!("Subject: {}\n\n{}", mail.subject, mail.text));
        if name.starts_with("overdue-7") || name == "issued-de" {
            golden::compare(&format!("mail/{name}.html"), &mail.html);
        }
    }
}

#[test]
fn text_and_html_say_the_same() {
    for (name, mail) in world::mails() {
        let (_, body) = mail.html.split_once("<p class=\"seller\">").unwrap();
        let mut plain = String::new();
        let mut rest = body;
        while let Some((before, after)) = rest.split_once('<') {
            plain.push_str(before);
            plain.push(' ');
            rest = after.split_once('>').unwrap().1;
        }
        let plain = plain
            .replace("&nbsp;", " ")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#39;", "'")
            .replace("&amp;", "&");
        let words = |text: &str| -> BTreeSet<String> {
            text.split_whitespace()
                .map(|word| word.trim_end_matches(':').to_owned())
                .filter(|word| !word.is_empty())
                .collect()
        };
        let (mut text, html) = (words(&mail.text), words(&plain));
        text.retain(|word| word != "--" && !word.starts_with("https://"));
        assert_eq!(text, html, "{name}");
        assert_eq!(
            mail.text.contains("https://pay.example"),
            mail.html.contains("href=\"https://pay.example"),
            "{name}"
        );
    }
}

#[test]
fn d1_a_reminder_asks_for_what_is_left() {
    let mail = reminder(7);
    for body in [&mail.text, &mail.html.replace("&nbsp;", " ")] {
        assert!(body.contains("wir haben 40,00 € noch immer nicht erhalten"), "{body}");
        assert_eq!(body.matches("100,00 €").count(), 1, "what was invoiced is a fact, and asked for no more: {body}");
        assert!(body.contains("Bereits beglichen") && body.contains("60,00 €"), "{body}");
    }
}

#[test]
fn the_tone_rises_with_the_days() {
    let subject = |days: i16| reminder(days).subject;
    assert!(subject(-3).ends_with("ist am 15. Februar 2027 fällig"));
    assert!(subject(0).ends_with("ist heute fällig"));
    assert!(subject(1).starts_with("Zahlungserinnerung"));
    assert!(subject(7).starts_with("Erneute"));
    assert!(subject(14).starts_with("Letzte") && subject(90).starts_with("Letzte"));
}

#[test]
fn only_the_last_step_of_the_sellers_ladder_says_that_it_is_the_last() {
    let (invoice, _, _) = world::partly_paid();
    let subject = |ladder: &[i16], days| {
        let mut seller = world::nordwind();
        seller.dunning = serde_json::from_value(serde_json::json!({ "reminder_days": ladder })).unwrap();
        let customer = world::zoe();
        let context = MailContext {
            occasion: Occasion::Reminder(ReminderStep::from_days(days)),
            sender: &sender(),
            seller: &seller,
            customer: &customer,
            invoice: &invoice,
            pdf: None,
            pay_url: None,
            now: world::now(),
        };
        compose(&context).unwrap().subject.split(':').next().unwrap().to_owned()
    };
    let slow = [10, 20, 30, 40];
    assert_eq!(
        slow.map(|days| subject(&slow, days)),
        ["Zahlungserinnerung", "Erneute Zahlungserinnerung", "Erneute Zahlungserinnerung", "Letzte Zahlungserinnerung"]
    );
    assert_eq!(subject(&[-3, 20], 20), "Zahlungserinnerung", "the only one has not been preceded by any");
    assert_eq!([2, 4].map(|days| subject(&[2, 4], days)), ["Zahlungserinnerung", "Letzte Zahlungserinnerung"]);
}

#[test]
fn a_receipt_tells_what_was_paid_too_much() {
    let text = |void: bool, amount: &str| {
        let (seller, customer) = (world::nordwind(), world::zoe());
        let lines = vec![world::line("Schulung", "1", "100.00", "0", world::currency("EUR"))];
        let (mut invoice, _) = world::issued(&seller, &customer, Collection::SendInvoice, lines, world::eur("0"));
        if void {
            invoice.void(world::now()).unwrap();
        }
        let payment = world::pay(&mut invoice, amount);
        let (amount, received_at) = (world::eur(amount), world::now());
        let occasion = Occasion::Receipt { payment: payment.id, amount, received_at, method: None };
        let sender = sender();
        let context = MailContext {
            occasion,
            sender: &sender,
            seller: &seller,
            customer: &customer,
            invoice: &invoice,
            pdf: None,
            pay_url: None,
            now: world::now(),
        };
        compose(&context).unwrap().text
    };
    let credited =
        |text: &str, amount: &str| text.replace('\u{a0}', " ").contains(&format!("Das sind {amount} € mehr"));
    let (exact, surplus, void) = (text(false, "100.00"), text(false, "120.00"), text(true, "100.00"));
    assert!(exact.contains("vollständig bezahlt") && !exact.contains("mehr, als"), "{exact}");
    assert!(surplus.contains("vollständig bezahlt") && credited(&surplus, "20,00"), "{surplus}");
    assert!(!void.contains("vollständig bezahlt") && credited(&void, "100,00"), "{void}");
}

#[test]
fn only_who_is_to_pay_gets_a_button() {
    for (name, mail) in world::mails() {
        let asked = mail.text.contains("https://pay.example/c/cs_test_1?a=1&b=2");
        let settled = ["issued-charged", "issued-too-small", "issued-carried", "receipt-de", "receipt-en"];
        let settled = settled.iter().any(|begins| name.starts_with(begins));
        assert_eq!(asked, !settled, "{name}");
        assert!(!asked || mail.html.contains("href=\"https://pay.example/c/cs_test_1?a=1&amp;b=2\""), "{name}");
    }
    let (invoice, _, _) = world::partly_paid();
    let context = MailContext {
        occasion: Occasion::Reminder(ReminderStep::from_days(1)),
        sender: &sender(),
        seller: &world::nordwind(),
        customer: &world::zoe(),
        invoice: &invoice,
        pdf: None,
        pay_url: Some("javascript:alert(1)"),
        now: world::now(),
    };
    assert!(!compose(&context).unwrap().html.contains("javascript"), "only web addresses are linked");
}

#[test]
fn who_was_to_be_charged_and_has_no_payment_method_is_asked_to_pay() {
    let (seller, mut customer) = (world::nordwind(), world::zoe());
    let (invoice, _) = world::issued(&seller, &customer, Collection::Automatic, world::ten_lines(), world::eur("0"));
    let text = |customer: &saldo_billing::party::Customer| {
        let sender = sender();
        let context = MailContext {
            occasion: Occasion::Issued,
            sender: &sender,
            seller: &seller,
            customer,
            invoice: &invoice,
            pdf: None,
            pay_url: None,
            now: world::now(),
        };
        compose(&context).unwrap().text
    };
    assert!(text(&customer).contains("Wir buchen 2.746,94 €"));
    customer.payment_method = None;
    assert!(text(&customer).contains("Bitte zahlen Sie 2.746,94 € bis zum 15. Februar 2027."));
}

#[test]
fn a_name_can_neither_add_a_header_nor_markup() {
    let (invoice, _, _) = world::partly_paid();
    let (mut seller, mut customer) = (world::nordwind(), world::zoe());
    customer.name = "\u{7}Eve\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>\"".to_owned();
    seller.name = "Mallory\nX-Evil: 1\u{202e}\u{85}, \"Ltd\" <a@b.example>".to_owned();
    let context = MailContext {
        occasion: Occasion::Reminder(ReminderStep::from_days(1)),
        sender: &sender(),
        seller: &seller,
        customer: &customer,
        invoice: &invoice,
        pdf: None,
        pay_url: None,
        now: world::now(),
    };
    let mail = compose(&context).unwrap();
    assert!(!mail.html.contains("<script>") && mail.html.contains("&lt;script&gt;"), "{}", mail.html);
    assert!(!mail.to.name.contains(char::is_control) && !mail.from.name.contains(['\u{202e}', '\u{85}']));
    let mime = mail.mime();
    let names: Vec<_> = headers(&mime).iter().map(|line| line.split_once(':').unwrap().0.to_owned()).collect();
    assert_eq!(
        names,
        [
            "From",
            "To",
            "Reply-To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "Content-Language",
            "MIME-Version",
            "Content-Type"
        ]
    );
    let to = headers(&mime).into_iter().find(|line| line.starts_with("To: ")).unwrap();
    assert!(
        to.ends_with("<zoe@groessl.example>") && to.matches('@').count() == 2,
        "one address, and one in the name: {to}"
    );
}

#[test]
fn a_message_has_text_html_and_the_pdf_and_keeps_the_lines_short() {
    let (_, mail) = world::mails().into_iter().find(|(name, _)| name == "issued-de").unwrap();
    let mime = mail.mime();
    assert!(
        lines(&mime).iter().all(|line| line.len() <= 78 && line.is_ascii()),
        "RFC 5322 asks for 78 characters a line"
    );
    let kinds: Vec<_> = lines(&mime)
        .into_iter()
        .filter_map(|line| line.strip_prefix("Content-Type: ").map(|kind| kind.split(';').next().unwrap().to_owned()))
        .collect();
    assert_eq!(kinds, ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf"]);
    assert_eq!(mail.attachments[0].file_name, "Rechnung-NW-2027-000042.pdf");
    assert!(mail.attachments[0].bytes.starts_with(b"%PDF-"));
    let headers = headers(&mime);
    assert!(headers.contains(&"Auto-Submitted: auto-generated".to_owned()), "{headers:?}");
    assert!(
        headers.contains(&"Reply-To: \"Nordwind Software GmbH\" <rechnung@nordwind.example>".to_owned()),
        "{headers:?}"
    );
}

#[test]
fn the_same_mail_is_the_same_message_and_its_id_names_invoice_and_purpose() {
    assert_eq!(reminder(7).mime(), reminder(7).mime());
    let (invoice, _, _) = world::partly_paid();
    assert_eq!(reminder(7).message_id, format!("{}.reminder.overdue_7@mail.nordwind.example", invoice.id));
    let ids: BTreeSet<_> = world::mails().into_iter().map(|(_, mail)| mail.message_id).collect();
    assert_eq!(ids.len(), 9, "samples of eight purposes, one of them of two invoices, in two languages");
}

#[test]
fn a_draft_is_not_written_about() {
    let eur = world::currency("EUR");
    let (seller, customer) = (world::nordwind(), world::zoe());
    let (draft, _) = world::drafted(&seller, &customer, Collection::SendInvoice, world::ten_lines(), eur);
    let (sender, now) = (sender(), world::now() + Duration::days(1));
    let occasion = Occasion::Issued;
    let context = MailContext {
        occasion,
        sender: &sender,
        seller: &seller,
        customer: &customer,
        invoice: &draft,
        pdf: None,
        pay_url: None,
        now,
    };
    assert!(matches!(compose(&context), Err(ComposeError::Draft { .. })));
}

#[tokio::test(flavor = "current_thread")]
async fn the_mailer_in_memory_refuses_and_loses_answers_when_told() {
    let mailer = MemoryMailer::new();
    let mail = reminder(1);
    mailer.refuse_next(true);
    mailer.lose_next_answer();
    assert!(matches!(mailer.send(&mail).await, Err(MailError::NotSent { again: true, .. })));
    assert_eq!(mailer.sent().len(), 0);
    assert!(matches!(mailer.send(&mail).await, Err(MailError::Unknown { .. })));
    assert_eq!(mailer.sent().len(), 1, "sent, and not known to be");
    mailer.send(&mail).await.unwrap();
    assert_eq!(mailer.sent().len(), 2);
}
