//! Payments, what invoices know of them, and credit.

use saldo_billing::mail::Purpose;
use saldo_billing::payment::Payment;
use saldo_books::mail;
use saldo_store::entities::{CreditBalance, mail_key};

use super::*;

fn report(reference: &str, invoice: InvoiceId, attempt: u32, minor: i64) -> PaymentReport {
    let amount = Money::from_minor(minor, "EUR".parse().unwrap());
    PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: reference.to_owned(),
        invoice: Some(invoice),
        attempt: Some(attempt),
        page: None,
        method: None,
        currency: "EUR".parse().unwrap(),
        introduces: true,
        facts: vec![Fact::new(now(), Statement::Captured { reference: reference.replace("pi", "ch"), amount })],
    }
}

/// The books, in which the invoice over 115.00 was paid by 120.00, and the customer has a receipt.
pub(super) async fn paid() -> (MemoryStore, InvoiceId, PaymentReport) {
    let (store, id) = (books().await, InvoiceId::from_random(1));
    let report = report("pi_1", id, 1, 12_000);
    payments::report(&store, &report, now()).await.unwrap();
    mail::decide(&store, id, Purpose::Receipt(report.payment()), now()).await.unwrap();
    assert_eq!(verified(&store).await.0, [""; 0]);
    (store, id, report)
}

#[tokio::test]
async fn an_invoice_that_was_paid_otherwise_than_its_payment_says_is_found() {
    let (store, id, report) = paid().await;
    let key = payment_key(report.payment());
    let mut other = Payment::introduced_by(&report);
    let mut changed = report.clone();
    changed.facts = self::report("pi_1", id, 1, 12_001).facts;
    other.apply(&changed).unwrap();
    put(&store, &other).await;
    let found = finding(&store).await;
    assert!(found.starts_with("I1 payments") && found.contains("took over something else"), "{found}");
    remove(&store, key).await;
    assert!(finding(&store).await.ends_with("which is not there"));
}

#[tokio::test]
async fn an_invoice_that_does_not_know_of_its_payment_is_found() {
    let (store, id, _) = paid().await;
    let invoice = load::<Invoice>(&store, &invoice_key(id)).await.unwrap().unwrap().value;
    put(&store, &invoice.without_payments()).await;
    let (findings, _) = verified(&store).await;
    assert!(
        findings.iter().any(|found| found.ends_with(&format!("for invoice {id}, which does not know of it"))),
        "{findings:#?}"
    );
    remove(&store, invoice_key(id)).await;
    let (findings, _) = verified(&store).await;
    assert!(findings.iter().any(|found| found.ends_with(&format!("for invoice {id}, which is not there"))));
}

#[tokio::test]
async fn an_attempt_that_took_money_twice_is_found() {
    let (store, id, _) = paid().await;
    let second = report("pi_2", id, 1, 500);
    payments::report(&store, &second, now()).await.unwrap();
    mail::decide(&store, id, Purpose::Receipt(second.payment()), now()).await.unwrap();
    assert!(finding(&store).await.contains("attempt 1 took money twice"));
}

#[tokio::test]
async fn a_payment_without_receipt_is_found_unless_its_customer_cannot_be_written_to() {
    let (store, id, report) = paid().await;
    remove(&store, mail_key(id, Purpose::Receipt(report.payment()))).await;
    assert!(finding(&store).await.contains("has no receipt"));
    put(&store, &Customer { suppressed_at: Some(now()), ..customer(1) }).await;
    assert_eq!(verified(&store).await.0, [""; 0]);
}

#[tokio::test]
async fn a_balance_of_credit_that_no_invoice_explains_is_found() {
    let (store, ..) = paid().await;
    let credit = |minor| CreditBalance {
        customer: CustomerId::from_random(1),
        balance: Money::from_minor(minor, "EUR".parse().unwrap()),
    };
    put(&store, &credit(501)).await;
    let found = finding(&store).await;
    assert!(found.ends_with("is 5.01 EUR, their invoices come to 5.00 EUR"), "{found}");
    remove(&store, credit(0).key()).await;
    assert!(finding(&store).await.contains("is 0.00 EUR"));
}
