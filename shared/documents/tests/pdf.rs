//! Invoices as PDF, read back by a reader that knows nothing of how they were written.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod golden;
mod world;

use chrono::Duration;
use lopdf::Document as Pdf;
use saldo_billing::invoice::{Collection, Document, Invoice, Number};
use saldo_documents::pdf::{PdfError, invoice as render};
use saldo_money::Money;

fn text_of(bytes: &[u8]) -> String {
    let pdf = Pdf::load_mem(bytes).unwrap();
    let pages: Vec<u32> = pdf.get_pages().into_keys().collect();
    pdf.extract_text(&pages).unwrap()
}

/// All words in one line: where a reader puts line breaks is its own affair.
fn words_of(bytes: &[u8]) -> String {
    text_of(bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn pages_of(bytes: &[u8]) -> usize {
    Pdf::load_mem(bytes).unwrap().get_pages().len()
}

fn ten_lines() -> (Invoice, Document) {
    world::issued(&world::nordwind(), &world::zoe(), Collection::SendInvoice, world::ten_lines(), world::eur("120.00"))
}

#[test]
fn ten_lines_fit_one_page_and_say_all_that_an_invoice_has_to() {
    let (invoice, document) = ten_lines();
    let bytes = render(&invoice, &document).unwrap();
    assert_eq!(pages_of(&bytes), 1);
    golden::compare("pdf/ten-lines-de.txt", &text_of(&bytes));
    let words = words_of(&bytes);
    for said in [
        "Nordwind Software GmbH",
        "USt-IdNr. DE 811 907 980",
        "Zoë Größl & Söhne KG",
        "80331 München",
        "Rechnung NW-2027-000042",
        "1. Februar 2027",
        "15. Februar 2027",
        "01.02.2027 – 28.02.2027",
        "48.250",
        "0,0035",
        "USt. 7 % auf 179,80 €",
        "407,87 €",
        "2.746,94 €",
        "-120,00 €",
        "2.626,94 €",
        "Łucja Żółtowska, José Muñoz",
        "Seite 1 von 1",
    ] {
        assert!(words.contains(said), "{said:?} is missing in {words}");
    }
}

#[test]
fn ten_long_lines_fit_one_page_too() {
    let eur = world::currency("EUR");
    let description = "Prioritäts-Support mit garantierter Antwort binnen vier Stunden an allen Werktagen des Jahres";
    let lines = vec![world::recurring(description, "1", "149.00", "0.19", eur); 10];
    let (invoice, document) =
        world::issued(&world::nordwind(), &world::zoe(), Collection::SendInvoice, lines, world::eur("120.00"));
    assert_eq!(pages_of(&render(&invoice, &document).unwrap()), 1);
}

#[test]
fn chinese_and_japanese_names_are_there_as_text() {
    for (name, invoice, document) in world::gallery() {
        // A reader may see a gap where one face ends and another begins.
        let words = words_of(&render(&invoice, &document).unwrap()).replace(' ', "");
        match name {
            "chinese-en" => {
                for said in
                    ["北京名前科技有限公司", "朝阳区建国路88号5座1203室", "100022北京市", "数据连接器（标准版）"]
                {
                    assert!(words.contains(said), "{said} is missing in {words}");
                }
            }
            "charged-jpy-en" => assert!(words.contains("株式会社名前") && words.contains("¥32,340"), "{words}"),
            _ => {}
        }
    }
}

#[test]
fn the_same_invoice_is_the_same_file_to_the_byte() {
    for (name, invoice, document) in world::gallery() {
        let bytes = render(&invoice, &document).unwrap();
        let again = std::thread::spawn(move || render(&invoice, &document).unwrap()).join().unwrap();
        assert!(bytes == again, "{name} differs");
    }
}

#[test]
fn what_is_paid_later_does_not_change_the_document() {
    let (mut invoice, document) = ten_lines();
    let issued = render(&invoice, &document).unwrap();
    world::pay(&mut invoice, "2626.94");
    assert!(invoice.amount_due().unwrap().is_zero());
    assert!(render(&invoice, &document).unwrap() == issued);
    invoice.handed_over(&world::nordwind().dunning, world::now() + Duration::days(9)).unwrap();
    assert!(render(&invoice, &document).unwrap() == issued);
}

#[test]
fn five_thousand_lines_have_a_head_and_a_number_on_each_page() {
    let lines = world::many_lines(5_000);
    let (invoice, document) =
        world::issued(&world::nordwind(), &world::zoe(), Collection::SendInvoice, lines, world::eur("0"));
    let bytes = render(&invoice, &document).unwrap();
    let pdf = Pdf::load_mem(&bytes).unwrap();
    let pages = pdf.get_pages().len();
    assert!((200..300).contains(&pages), "{pages}");
    for page in [1, 2, 117, u32::try_from(pages).unwrap()] {
        let text = pdf.extract_text(&[page]).unwrap();
        assert!(text.contains("Einzelpreis"), "page {page} has no head");
        assert!(text.contains(&format!("Seite {page} von {pages}")), "page {page} has no number");
    }
    let last = pdf.extract_text(&[u32::try_from(pages).unwrap()]).unwrap();
    assert!(last.contains("Arbeitsplatz 5000") && last.contains("Gesamtbetrag"), "the sums never stand alone");
}

#[test]
fn the_sums_stay_with_the_last_line_wherever_it_falls() {
    for count in 8..40 {
        let lines = world::many_lines(count);
        let (invoice, document) =
            world::issued(&world::nordwind(), &world::zoe(), Collection::SendInvoice, lines, world::eur("0"));
        let bytes = render(&invoice, &document).unwrap();
        let pdf = Pdf::load_mem(&bytes).unwrap();
        let last = pdf.extract_text(&[u32::try_from(pdf.get_pages().len()).unwrap()]).unwrap();
        assert!(last.contains(&format!("Arbeitsplatz {count:04}")) && last.contains("Zahlbetrag"), "{count} lines");
    }
}

#[test]
fn all_fonts_are_embedded_and_latin_does_not_bring_the_chinese_one() {
    let fonts = |bytes: &[u8]| -> Vec<String> {
        let pdf = Pdf::load_mem(bytes).unwrap();
        let mut names = Vec::new();
        for object in pdf.objects.values() {
            let Ok(descriptor) = object.as_dict() else { continue };
            if !descriptor.has_type(b"FontDescriptor") {
                continue;
            }
            assert!(descriptor.has(b"FontFile2") || descriptor.has(b"FontFile3"), "{descriptor:?} is not embedded");
            let name = String::from_utf8(descriptor.get(b"FontName").unwrap().as_name().unwrap().to_vec()).unwrap();
            let (subset, name) = name.split_once('+').unwrap();
            assert_eq!(subset.len(), 6, "a subset is marked by six letters");
            names.push(name.to_owned());
        }
        names.sort();
        names
    };
    let (invoice, document) = ten_lines();
    let bytes = render(&invoice, &document).unwrap();
    assert_eq!(fonts(&bytes), ["NotoSans-Bold", "NotoSans-Regular"]);
    assert!(bytes.len() < 60_000, "{} bytes", bytes.len());
    let (_, invoice, document) = world::gallery().swap_remove(2);
    let bytes = render(&invoice, &document).unwrap();
    assert_eq!(fonts(&bytes), ["NotoSans-Bold", "NotoSans-Regular", "NotoSansCJKsc-Regular"]);
    assert!(bytes.len() < 60_000, "{} bytes", bytes.len());
}

#[test]
fn the_file_is_archival_and_can_be_read_aloud() {
    let (mut invoice, mut document) = ten_lines();
    let label = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        (
            text.contains("<pdfaid:part>3</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>"),
            text.contains("<pdfuaid:part>1</pdfuaid:part>"),
        )
    };
    assert_eq!(label(&render(&invoice, &document).unwrap()), (true, true));
    // Whatever a customer is called: characters that no face has, private ones, controls, directions.
    document.customer.name = "안녕 \u{e000}\u{f8ff} \u{0} \u{202e}😀 ﷺ नमस्ते \u{10fffd}\u{feff}".to_owned();
    document.lines[0].description = "e\u{301} \u{fffd} \u{1f9ff}\u{200d}\u{2640}\n\n\tx".to_owned();
    let bytes = render(&invoice, &document).unwrap();
    assert_eq!(label(&bytes), (true, true));
    let words = words_of(&bytes);
    assert!(words.contains("Rechnung an □□ □□"), "what no face has is a box, also for who copies it: {words}");
    assert!(words.contains("é"), "{words}");
    let pdf = Pdf::load_mem(&bytes).unwrap();
    let catalog = pdf.catalog().unwrap();
    assert_eq!(catalog.get(b"Lang").unwrap().as_str().unwrap(), b"de");
    assert!(catalog.has(b"StructTreeRoot"));
    let marked = catalog.get(b"MarkInfo").unwrap().as_dict().unwrap();
    assert!(marked.get(b"Marked").unwrap().as_bool().unwrap());
    assert!(!marked.has(b"Suspects"), "readers built on poppler before 23 call it an error");
    invoice.handed_over(&world::nordwind().dunning, world::now()).unwrap();
}

#[test]
fn paid_by_credit_there_is_nothing_to_pay() {
    let (invoice, document) = world::issued(
        &world::nordwind(),
        &world::zoe(),
        Collection::SendInvoice,
        world::ten_lines(),
        world::eur("9999"),
    );
    let words = words_of(&render(&invoice, &document).unwrap());
    assert!(words.contains("Zahlbetrag 0,00 €") && words.contains("Es ist nichts mehr zu zahlen"), "{words}");
}

#[test]
fn a_unit_price_with_its_tax_in_it_says_so() {
    let (seller, customer) = (world::nordwind(), world::zoe());
    let mut line = world::line("Kurs", "1", "353.90", "0.19", world::currency("EUR"));
    line.net = world::eur("297.39");
    line.gross = Some(world::eur("353.90"));
    let (invoice, document) = world::issued(&seller, &customer, Collection::SendInvoice, vec![line], world::eur("0"));
    let words = words_of(&render(&invoice, &document).unwrap());
    for part in ["Einzelpreis inklusive USt.", "297,39", "56,51", "Zahlbetrag 353,90"] {
        assert!(words.contains(part), "{part} is missing in {words}");
    }
}

#[test]
fn what_was_paid_for_a_draft_is_not_asked_for_again() {
    let (seller, customer) = (world::nordwind(), world::zoe());
    let lines = vec![world::line("Schulung", "1", "100.00", "0", world::currency("EUR"))];
    let (mut invoice, document) =
        world::drafted(&seller, &customer, Collection::SendInvoice, lines, world::currency("EUR"));
    world::pay(&mut invoice, "60.00");
    invoice.finalise(Number::new("NW-", 42), &seller, &customer, world::eur("10.00"), world::now()).unwrap();
    let bytes = render(&invoice, &document).unwrap();
    let words = words_of(&bytes);
    for part in ["Bereits bezahlt -60,00 €", "Verrechnetes Guthaben -10,00 €", "Zahlbetrag 30,00 €"] {
        assert!(words.replace('\u{2212}', "-").contains(part), "{part} is missing in {words}");
    }
    world::pay(&mut invoice, "90.00");
    assert_eq!(render(&invoice, &document).unwrap(), bytes, "what is paid later does not show");
}

#[test]
fn c8_what_an_earlier_invoice_left_to_it_is_asked_for_by_its_number() {
    let (invoice, document) = world::brought_forward(&world::nordwind(), &world::zoe());
    let words = words_of(&render(&invoice, &document).unwrap());
    for part in ["Gesamtbetrag 100,00 €", "Übertrag aus NW-2027-000042 0,30 €", "Zahlbetrag 100,30 €"] {
        assert!(words.contains(part), "{part} is missing in {words}");
    }
}

#[test]
fn texts_of_any_length_stay_on_the_paper() {
    let (invoice, mut document) = ten_lines();
    let wide = "W".repeat(400);
    document.seller.name = wide.clone();
    document.customer.name = wide.clone();
    document.customer.address.lines = vec![wide.clone(); 30];
    document.branding.footer = Some(vec![wide.clone(); 20].join("\n"));
    document.lines[0].description = "W".repeat(500);
    document.lines[1].unit_amount = rust_decimal::Decimal::MAX;
    let bytes = render(&invoice, &document).unwrap();
    assert!(pages_of(&bytes) >= 2);
    assert!(words_of(&bytes).contains("Zahlbetrag"));
}

#[test]
fn a_draft_is_refused() {
    let eur = world::currency("EUR");
    let (draft, document) =
        world::drafted(&world::nordwind(), &world::zoe(), Collection::SendInvoice, world::ten_lines(), eur);
    let error = render(&draft, &document).unwrap_err();
    assert!(matches!(error, PdfError::Draft { invoice } if invoice == draft.id), "{error}");
    assert_eq!(error.to_string(), format!("cannot render invoice {}: it is a draft", draft.id));
}

#[test]
fn the_content_of_another_invoice_is_refused() {
    let (invoice, mut document) = ten_lines();
    document.invoice = saldo_billing::id::InvoiceId::from_random(99);
    assert!(matches!(render(&invoice, &document), Err(PdfError::OtherDocument { .. })));
}

#[test]
fn an_unknown_language_is_english_and_dinar_have_three_decimals() {
    let mut customer = world::zoe();
    customer.language = "eo".parse().unwrap();
    let kwd = world::currency("KWD");
    let lines = vec![world::line("Licence", "1", "12.345", "0", kwd)];
    let (invoice, document) =
        world::issued(&world::nordwind(), &customer, Collection::Automatic, lines, Money::zero(kwd));
    let words = words_of(&render(&invoice, &document).unwrap());
    assert!(words.contains("Amount due KWD 12.345") && words.contains("We charge KWD 12.345"), "{words}");
}
