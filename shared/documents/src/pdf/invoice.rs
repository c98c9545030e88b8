//! What an invoice says.

use saldo_billing::invoice::document::PartySnapshot;
use saldo_billing::invoice::{Collection, Document, Invoice, Issued, Line, LineOrigin};
use saldo_billing::party::Language;
use saldo_money::Money;

use super::PdfError;
use super::letter::{Letter, Party, Sum, Weight};
use super::paint::{self, Properties};
use super::table::Row;
use crate::colour::Colour;
use crate::language::{Texts, fill};

/// Renders an issued invoice. What is paid after its issue does not show: an issued document never changes.
///
/// # Errors
/// When the invoice is a draft, the content belongs to another, or its amounts do not add up.
pub fn invoice(invoice: &Invoice, document: &Document) -> Result<Vec<u8>, PdfError> {
    let amounts = |source| PdfError::Amounts { invoice: invoice.id, source };
    let (Some(issued), Some(due)) = (invoice.issued(), invoice.due_at_issue().map_err(amounts)?) else {
        return Err(PdfError::Draft { invoice: invoice.id });
    };
    if document.invoice != invoice.id {
        return Err(PdfError::OtherDocument { invoice: invoice.id, found: document.invoice });
    }
    let texts = Texts::of(&document.language);
    let sheet = letter(invoice, issued, document, due, texts).lay_out()?;
    let names = [("number", issued.number.text.as_str()), ("seller", document.seller.name.as_str())];
    let properties = Properties {
        title: fill(texts.invoice.subject, &names),
        author: document.seller.name.clone(),
        language: texts.code,
        id: invoice.id.to_string(),
        issued_at: issued.at,
    };
    paint::file(&sheet, &properties)
}

/// What the PDF of the invoice with this number is called, `Invoice-INV-000042.pdf`: nothing that a file system could mind.
#[must_use]
pub fn file_name(number: &str, language: &Language) -> String {
    let safe =
        |character: char| if character.is_ascii_alphanumeric() || "-_.".contains(character) { character } else { '-' };
    format!("{}-{}.pdf", Texts::of(language).invoice.title, number.chars().map(safe).collect::<String>())
}

fn letter<'a>(
    invoice: &'a Invoice,
    issued: &'a Issued,
    document: &'a Document,
    due: Money,
    texts: &'static Texts,
) -> Letter<'a> {
    let words = &texts.invoice;
    let currency = invoice.currency();
    let note = match invoice.collection {
        _ if due.is_zero() => words.settled,
        Collection::Automatic => words.charge,
        Collection::SendInvoice => words.pay,
    };
    // A date is not torn apart at the end of a line.
    let (amount, due_on) = (texts.money(due), texts.date(issued.due_on).replace(' ', "\u{a0}"));
    let note = fill(note, &[("amount", &amount), ("due_on", &due_on), ("number", &issued.number.text)]);
    Letter {
        texts,
        brand: Colour::brand(document.branding.colour.as_deref()),
        title: format!("{} {}", words.title, issued.number.text),
        seller: party(&document.seller, texts, true),
        customer_label: words.customer,
        customer: party(&document.customer, texts, false),
        facts: vec![
            (words.number, issued.number.text.clone()),
            (words.issued_on, texts.date(issued.on)),
            (words.due_on, texts.date(issued.due_on)),
        ],
        result: (words.amount_due, texts.money(due)),
        table_note: fill(words.currency, &[("currency", currency.code())]),
        titles: vec![words.description, words.quantity, words.unit_price, words.tax_rate, words.net],
        rows: document.lines.iter().map(|line| row(line, texts)).collect(),
        sums: sums(invoice, issued, document, due, texts),
        notes: vec![note],
        footer: document.branding.footer.as_deref(),
    }
}

fn party(party: &PartySnapshot, texts: &Texts, with_email: bool) -> Party {
    let tax_ids = party.tax_ids.iter().map(|id| texts.tax_id(id));
    Party {
        name: party.name.clone(),
        address: texts.address(&party.address),
        particulars: tax_ids.chain(with_email.then(|| party.email.as_str().to_owned())).collect(),
    }
}

fn row(line: &Line, texts: &Texts) -> Row {
    Row {
        text: line.description.clone(),
        note: note(line, texts),
        figures: vec![
            texts.number(line.quantity),
            texts.unit_price(line.unit_amount, line.net.currency()),
            texts.percent(line.tax_rate),
            texts.amount(line.net),
        ],
    }
}

/// What stands below a line's description: its days, and that its unit price includes the tax.
fn note(line: &Line, texts: &Texts) -> Option<String> {
    let days = match &line.origin {
        LineOrigin::Price { period, .. } => Some(texts.days(*period)),
        LineOrigin::Manual => None,
    };
    let included = line.gross.map(|_gross| texts.invoice.tax_included.to_owned());
    let parts: Vec<String> = days.into_iter().chain(included).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn sums(invoice: &Invoice, issued: &Issued, document: &Document, due: Money, texts: &Texts) -> Vec<Sum> {
    let words = &texts.invoice;
    let sum = |label: &str, amount: Money, weight| Sum { label: label.to_owned(), value: texts.money(amount), weight };
    let taxes = document.taxes.iter().map(|tax| {
        let label = fill(words.tax, &[("rate", &texts.percent(tax.rate)), ("base", &texts.money(tax.base))]);
        sum(&label, tax.tax, Weight::Plain)
    });
    let mut sums = vec![sum(words.subtotal, invoice.totals.net, Weight::Plain)];
    sums.extend(taxes);
    sums.push(sum(words.total, invoice.totals.total, Weight::Strong));
    for debt in invoice.brought_forward() {
        sums.push(sum(&fill(words.brought_forward, &[("number", &debt.number)]), debt.amount, Weight::Plain));
    }
    if let Some(paid) = issued.paid {
        sums.push(sum(words.paid, paid.negated(), Weight::Plain));
    }
    if !invoice.credit_used().is_zero() {
        sums.push(sum(words.credit_used, invoice.credit_used().negated(), Weight::Plain));
    }
    sums.push(sum(words.amount_due, due, Weight::Result));
    sums
}
