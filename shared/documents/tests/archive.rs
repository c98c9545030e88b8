//! The archive's twin in memory.

mod world;

use std::time::Duration;

use saldo_billing::invoice::Collection;
use saldo_documents::archive::{Archive, MemoryArchive, invoice_pdf_key};

#[tokio::test(flavor = "current_thread")]
async fn what_was_put_is_got_and_what_was_not_is_nothing() {
    let archive = MemoryArchive::new();
    assert_eq!(archive.get("invoices/1.pdf").await.unwrap(), None);
    archive.put("invoices/1.pdf", b"%PDF".to_vec(), "application/pdf").await.unwrap();
    archive.put("invoices/1.pdf", b"%PDF".to_vec(), "application/pdf").await.unwrap();
    assert_eq!(archive.get("invoices/1.pdf").await.unwrap().unwrap(), b"%PDF");
    assert_eq!(archive.keys(), ["invoices/1.pdf"]);
    let link = archive.link("invoices/1.pdf", "Invoice-1.pdf", Duration::from_secs(300)).await.unwrap();
    assert!(link.contains("invoices/1.pdf") && link.contains("Invoice-1.pdf") && link.contains("300"), "{link}");
}

#[test]
fn an_invoices_key_names_its_seller_and_itself() {
    let (invoice, _) =
        world::issued(&world::nordwind(), &world::zoe(), Collection::SendInvoice, world::ten_lines(), world::eur("0"));
    let key = invoice_pdf_key(&invoice);
    assert_eq!(key, "documents/invoices/sel_0000000000000000000000000a/inv_00000000000000000000000003.pdf");
}
