//! Documents: made once, kept for good, and the invoice on its way.

use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::{Collection, InvoiceStatus};
use saldo_billing::mail::Purpose;
use saldo_documents::archive::{Archive, invoice_pdf_key};

use crate::world::{Handed, World, at, invoice_id, sample};

const RENDER: &str = include_str!("../../../events/invoice-generation/render.json");

#[tokio::test]
async fn an_issued_invoice_becomes_a_pdf_under_its_own_key() {
    let world = World::new(Collection::SendInvoice).await;
    world.issue(Collection::SendInvoice, 3).await;
    assert!(world.take(RENDER).await);
    let invoice = world.invoice(invoice_id()).await;
    let bytes = world.archive.get(&invoice_pdf_key(&invoice)).await.unwrap().unwrap();
    assert!(bytes.starts_with(b"%PDF-"));
    assert_eq!(world.handed_on(), [(Handed::Issued, invoice_id())]);
}

#[tokio::test]
async fn an_invoice_of_450_lines_is_rendered_from_all_its_parts() {
    let world = World::new(Collection::SendInvoice).await;
    world.issue(Collection::SendInvoice, 450).await;
    assert!(world.take(RENDER).await);
    let invoice = world.invoice(invoice_id()).await;
    let document = saldo_books::invoices::document(&*world.store, invoice_id()).await.unwrap();
    assert_eq!(document.lines.len(), 450);
    let kept = world.archive.get(&invoice_pdf_key(&invoice)).await.unwrap().unwrap();
    assert!(kept == saldo_documents::pdf::invoice(&invoice, &document).unwrap(), "all lines are drawn");
}

#[tokio::test]
async fn a_document_that_is_there_is_never_made_again() {
    let world = World::new(Collection::SendInvoice).await;
    world.issue(Collection::SendInvoice, 1).await;
    let key = invoice_pdf_key(&world.invoice(invoice_id()).await);
    // As an earlier version of this function drew it.
    world.archive.put(&key, b"%PDF-1.4 as issued".to_vec(), "application/pdf").await.unwrap();
    assert!(world.take(RENDER).await && world.take(RENDER).await);
    assert_eq!(world.archive.get(&key).await.unwrap().unwrap(), b"%PDF-1.4 as issued");
}

#[tokio::test]
async fn the_same_document_is_the_same_to_the_byte() {
    let mut drawn = Vec::new();
    for _ in 0..2 {
        let world = World::new(Collection::SendInvoice).await;
        world.issue(Collection::SendInvoice, 2).await;
        assert!(world.take(RENDER).await);
        let key = invoice_pdf_key(&world.invoice(invoice_id()).await);
        drawn.push(world.archive.get(&key).await.unwrap().unwrap());
    }
    assert!(drawn[0] == drawn[1]);
}

#[tokio::test]
async fn a_redelivery_hands_on_again_until_somebody_has_it_in_hand() {
    let world = World::new(Collection::SendInvoice).await;
    world.issue(Collection::SendInvoice, 1).await;
    world.queue.refuse(1);
    assert!(!world.take(RENDER).await);
    assert!(world.take(RENDER).await);
    assert_eq!(world.handed_on(), [(Handed::Issued, invoice_id())]);
    saldo_books::mail::decide(&world.store.memory, invoice_id(), Purpose::Issued, at(1)).await.unwrap();
    assert!(world.take(RENDER).await);
    assert_eq!(world.handed_on(), []);
}

#[tokio::test]
async fn an_invoice_to_be_charged_is_handed_to_collections() {
    let world = World::new(Collection::SendInvoice).await;
    world.issue(Collection::Automatic, 1).await;
    assert!(world.take(RENDER).await);
    assert_eq!(world.handed_on(), [(Handed::Charge, invoice_id())]);
}

#[tokio::test]
async fn an_invoice_that_credit_paid_is_sent_and_not_charged() {
    let world = World::new(Collection::SendInvoice).await;
    world.give_credit(1_000_000).await;
    world.issue(Collection::Automatic, 1).await;
    assert_eq!(world.invoice(invoice_id()).await.status().unwrap(), InvoiceStatus::Paid);
    assert!(world.take(RENDER).await);
    assert_eq!(world.handed_on(), [(Handed::Issued, invoice_id())]);
}

#[tokio::test]
async fn a_void_invoice_is_kept_and_goes_nowhere() {
    let world = World::new(Collection::SendInvoice).await;
    world.issue(Collection::SendInvoice, 1).await;
    saldo_books::invoices::void(&world.store.memory, invoice_id(), at(1), &saldo_books::nothing_more).await.unwrap();
    assert!(world.take(RENDER).await);
    assert_eq!((world.archive.keys().len(), world.handed_on()), (1, vec![]));
    assert_eq!(world.invoice(invoice_id()).await.progress.next, None);
}

#[tokio::test]
async fn what_was_paid_while_it_was_a_draft_is_receipted_once_there_is_a_document() {
    let world = World::new(Collection::SendInvoice).await;
    world.draft(Collection::Automatic, 1).await;
    world.pay(1_000).await;
    world.finalise().await;
    assert!(world.take(RENDER).await);
    assert_eq!(world.handed_on(), [(Handed::Receipt, invoice_id()), (Handed::Charge, invoice_id())]);
}

#[tokio::test]
async fn a_draft_is_no_document_and_a_missing_invoice_is_waited_for() {
    let world = World::new(Collection::SendInvoice).await;
    world.draft(Collection::SendInvoice, 1).await;
    assert!(!world.take(RENDER).await);
    assert!(!world.render(InvoiceId::from_random(99)).await);
    assert_eq!((world.archive.keys().len(), world.handed_on()), (0, vec![]));
}

#[tokio::test]
async fn a_failing_archive_costs_only_its_invoice() {
    let world = World::new(Collection::SendInvoice).await;
    world.issue(Collection::SendInvoice, 1).await;
    world.archive.fail_next(1);
    let mut batch = sample(RENDER);
    let bill = sample(include_str!("../../../events/invoice-generation/bill.json"));
    batch.records.extend(bill.records);
    let failed = world.handle(batch.clone()).await;
    assert_eq!(failed, [batch.records[0].message_id.clone().unwrap()]);
    assert!(world.take(RENDER).await);
    assert_eq!(world.archive.keys().len(), 2);
}
