//! Sellers, customers and the invoices between them, as tests and samples need them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "each file uses a part of it, and the data is written here and known to be good"
)]

use chrono::{DateTime, Duration, NaiveDate, Utc};
use rust_decimal::Decimal;
use saldo_billing::dunning::ReminderStep;
use saldo_billing::id::{InvoiceId, PriceId, SubscriptionId};
use saldo_billing::invoice::{AttemptState, Collection, Document, Draft, Invoice, Line, LineOrigin, Number, Origin};
use saldo_billing::party::{Customer, Email, Seller};
use saldo_billing::payment::{Decline, Fact, MethodUsed, Payment, PaymentReport, Statement};
use saldo_billing::period::Period;
use saldo_billing::terms::NetTerms;
use saldo_documents::mail::{Mail, MailContext, Occasion, compose};
use saldo_money::{Currency, Money};
use serde_json::json;

/// 1 February 2027, 09:30 in Berlin.
pub(crate) fn now() -> DateTime<Utc> {
    "2027-02-01T08:30:00Z".parse().unwrap()
}

pub(crate) fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

pub(crate) fn eur(text: &str) -> Money {
    Money::parse(text, currency("EUR")).unwrap()
}

pub(crate) fn nordwind() -> Seller {
    serde_json::from_value(json!({
        "id": "sel_0000000000000000000000000a", "name": "Nordwind Software GmbH",
        "address": {"lines": ["Rosenthaler Straße 40"], "postal_code": "10178", "city": "Berlin", "country": "DE"},
        "tax_ids": [{"kind": "eu_vat", "value": "DE 811 907 980"}, {"kind": "de_stnr", "value": "37/123/45678"}],
        "zone": "Europe/Berlin", "language": "de", "email": "rechnung@nordwind.example", "number_prefix": "NW-2027-",
        "brand_colour": "#0f5c5a",
        "footer": "Nordwind Software GmbH · Geschäftsführung: Łucja Żółtowska, José Muñoz · Amtsgericht Charlottenburg HRB 123456\nBerliner Sparkasse · IBAN DE02 1005 0000 0054 5404 02 · BIC BELADEBEXXX",
        "provider_account": "stripe/main", "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

pub(crate) fn brightside() -> Seller {
    serde_json::from_value(json!({
        "id": "sel_0000000000000000000000000b", "name": "Brightside Analytics, Inc.",
        "address": {"lines": ["548 Market Street", "Suite 200"], "postal_code": "94104", "city": "San Francisco", "state": "CA", "country": "US"},
        "tax_ids": [{"kind": "us_ein", "value": "94-3177549"}],
        "zone": "America/Los_Angeles", "language": "en", "email": "billing@brightside.example", "number_prefix": "BRT-",
        "brand_colour": "#ffb000", "provider_account": "stripe/us", "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

pub(crate) fn zoe() -> Customer {
    serde_json::from_value(json!({
        "id": "cus_0000000000000000000000000a", "seller": "sel_0000000000000000000000000a",
        "name": "Zoë Größl & Söhne KG", "email": "zoe@groessl.example",
        "address": {"lines": ["z. Hd. Zoë Größl", "Hauptstraße 5"], "postal_code": "80331", "city": "München", "country": "DE"},
        "zone": "Europe/Berlin", "language": "de", "region": "DACH", "channel": "web",
        "tax_ids": [{"kind": "eu_vat", "value": "DE 129 273 398"}],
        "payment_method": {"account": "stripe/main", "token": "pm_1", "customer": "cus_1", "kind": "card", "last4": "4242"},
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

pub(crate) fn beijing() -> Customer {
    serde_json::from_value(json!({
        "id": "cus_0000000000000000000000000b", "seller": "sel_0000000000000000000000000b",
        "name": "北京名前科技有限公司", "email": "ap@mingqian.example",
        "address": {"lines": ["朝阳区建国路88号 5座1203室"], "postal_code": "100022", "city": "北京市", "country": "CN"},
        "zone": "Asia/Shanghai", "language": "en", "region": "APAC", "channel": "partner",
        "tax_ids": [{"kind": "cn_uscc", "value": "91110105MA01ABCD2X"}], "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

pub(crate) fn line(description: &str, quantity: &str, unit: &str, rate: &str, currency: Currency) -> Line {
    let (quantity, unit_amount) = (quantity.parse().unwrap(), unit.parse().unwrap());
    Line {
        description: description.to_owned(),
        quantity,
        unit_amount,
        net: Line::net_of(quantity, unit_amount, currency).unwrap(),
        gross: None,
        tax_rate: rate.parse().unwrap(),
        product: None,
        origin: LineOrigin::Manual,
    }
}

/// A line of a subscription's price for February 2027.
pub(crate) fn recurring(description: &str, quantity: &str, unit: &str, rate: &str, currency: Currency) -> Line {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let origin = LineOrigin::Price {
        price: PriceId::from_random(1),
        subscription: SubscriptionId::from_random(1),
        period: Period::try_new(day("2027-02-01"), day("2027-03-01")).unwrap(),
    };
    Line { origin, ..line(description, quantity, unit, rate, currency) }
}

/// Ten lines, as one month of a customer with many add-ons has them.
pub(crate) fn ten_lines() -> Vec<Line> {
    let eur = currency("EUR");
    vec![
        recurring("Team-Tarif, Arbeitsplatz", "12", "24.90", "0.19", eur),
        recurring("Zusätzlicher Speicher, 100 GB", "3", "9.00", "0.19", eur),
        recurring(
            "Prioritäts-Support mit garantierter Antwort binnen vier Stunden an Werktagen",
            "1",
            "149.00",
            "0.19",
            eur,
        ),
        recurring("API-Aufrufe über dem Freikontingent, je Aufruf", "48250", "0.0035", "0.19", eur),
        recurring("Einmalanmeldung (SAML, OIDC)", "1", "49.00", "0.19", eur),
        recurring("Prüfprotokoll, Aufbewahrung sieben Jahre", "1", "29.00", "0.19", eur),
        line("Handbuch für Administratoren, gedruckt", "5", "34.58", "0.07", eur),
        line(
            "Schulung vor Ort in München, ein Tag, für bis zu acht Teilnehmende, einschließlich der Vorbereitung",
            "1.5",
            "980.00",
            "0.19",
            eur,
        ),
        line("Versandkosten", "1", "6.90", "0.07", eur),
        line("Gutschrift für die Störung vom 14. Januar", "1", "-45.00", "0.19", eur),
    ]
}

/// An invoice on the given lines, finalised with so much credit at hand.
pub(crate) fn issued(
    seller: &Seller,
    customer: &Customer,
    collection: Collection,
    lines: Vec<Line>,
    credit: Money,
) -> (Invoice, Document) {
    let (mut invoice, document) = drafted(seller, customer, collection, lines, credit.currency());
    invoice.finalise(Number::new(&seller.number_prefix, 42), seller, customer, credit, now()).unwrap();
    (invoice, document)
}

pub(crate) fn drafted(
    seller: &Seller,
    customer: &Customer,
    collection: Collection,
    lines: Vec<Line>,
    currency: Currency,
) -> (Invoice, Document) {
    let draft = Draft {
        id: InvoiceId::from_random(3),
        origin: Origin::OneOff,
        collection,
        terms: NetTerms::try_new(14, false).unwrap(),
        currency,
    };
    Invoice::draft(draft, seller, customer, lines, now()).unwrap()
}

/// 100.00 for Zoë, of which 60.00 are paid (case D1).
pub(crate) fn partly_paid() -> (Invoice, Document, Payment) {
    let lines = vec![line("Beratung", "1", "100", "0", currency("EUR"))];
    let (mut invoice, document) = issued(&nordwind(), &zoe(), Collection::SendInvoice, lines, eur("0"));
    let payment = pay(&mut invoice, "60.00");
    (invoice, document, payment)
}

/// A card payment of so much, two days after the issue.
pub(crate) fn pay(invoice: &mut Invoice, amount: &str) -> Payment {
    let at = now() + Duration::days(2);
    let amount = Money::parse(amount, invoice.currency()).unwrap();
    let report = PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: "pi_1".to_owned(),
        invoice: Some(invoice.id),
        attempt: None,
        page: None,
        method: Some(MethodUsed {
            kind: "card".to_owned(),
            network: Some("visa".to_owned()),
            last4: Some("4242".to_owned()),
        }),
        currency: invoice.currency(),
        introduces: true,
        facts: vec![Fact::new(at, Statement::Captured { reference: "ch_1".to_owned(), amount })],
    };
    let mut payment = Payment::introduced_by(&report);
    payment.apply(&report).unwrap();
    invoice.record_payment(&payment, "captured", at).unwrap();
    payment
}

/// So many lines of a large customer.
pub(crate) fn many_lines(count: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for place in 0..count {
        let quantity = Decimal::from(place % 7 + 1).to_string();
        lines.push(recurring(
            &format!("Arbeitsplatz {:04}, Tarif Unternehmen", place + 1),
            &quantity,
            "12.30",
            "0.19",
            currency("EUR"),
        ));
    }
    lines
}

/// Invoices that show what documents can look like, by name.
pub(crate) fn gallery() -> Vec<(&'static str, Invoice, Document)> {
    let (nordwind, brightside, zoe, beijing) = (nordwind(), brightside(), zoe(), beijing());
    let usd = currency("USD");
    let mut jpy_customer = beijing.clone();
    jpy_customer.name = "株式会社 名前".to_owned();
    jpy_customer.address = serde_json::from_value(
        json!({"lines": ["渋谷区神南1丁目12番"], "postal_code": "150-0041", "city": "東京都", "country": "JP"}),
    )
    .unwrap();
    jpy_customer.tax_ids.clear();
    let english = |name: &'static str, customer: &Customer, collection, lines, credit| {
        let (invoice, document) = issued(&brightside, customer, collection, lines, credit);
        (name, invoice, document)
    };
    let (ten, ten_document) = issued(&nordwind, &zoe, Collection::SendInvoice, ten_lines(), eur("120.00"));
    let (brought, brought_document) = brought_forward(&nordwind, &zoe);
    let (long, long_document) = issued(&nordwind, &zoe, Collection::SendInvoice, many_lines(60), eur("0"));
    vec![
        ("ten-lines-de", ten, ten_document),
        ("sixty-lines-de", long, long_document),
        english(
            "chinese-en",
            &beijing,
            Collection::SendInvoice,
            vec![
                recurring("Insights Platform, Enterprise plan", "1", "4990", "0", usd),
                recurring("Data connector 数据连接器（标准版）", "6", "149.50", "0", usd),
                line("Onboarding workshop", "2", "1200", "0", usd),
            ],
            Money::zero(usd),
        ),
        english(
            "charged-jpy-en",
            &jpy_customer,
            Collection::Automatic,
            vec![recurring("Insights Platform, Team plan", "3", "9800", "0.1", currency("JPY"))],
            Money::zero(currency("JPY")),
        ),
        ("brought-forward-de", brought, brought_document),
    ]
}

/// An invoice over an amount that the provider would not charge.
fn too_small(seller: &Seller, customer: &Customer) -> Invoice {
    let line = line("Rounding difference", "1", "0.25", "0.19", currency("EUR"));
    let (mut invoice, _) = issued(seller, customer, Collection::Automatic, vec![line], eur("0"));
    let method = customer.payment_method.clone().unwrap();
    invoice.begin_attempt(&method, now(), now()).unwrap();
    let decline = Decline { code: Decline::TOO_SMALL.to_owned(), hard: true };
    let state = AttemptState::Declined { at: now(), decline };
    invoice.settle_attempt(1, state, &seller.dunning, now()).unwrap();
    invoice
}

/// An invoice with which one is owed that was too small.
pub(crate) fn brought_forward(seller: &Seller, customer: &Customer) -> (Invoice, Document) {
    let (_, invoice, document) = carried_forward(seller, customer);
    (invoice, document)
}

/// An invoice that was too small, and the one with which it is owed.
fn carried_forward(seller: &Seller, customer: &Customer) -> (Invoice, Invoice, Document) {
    let lines = vec![line("Beratung", "1", "100", "0", currency("EUR"))];
    let (mut invoice, document) = drafted(seller, customer, Collection::SendInvoice, lines, currency("EUR"));
    let mut small = too_small(seller, customer);
    small.id = InvoiceId::from_random(2);
    invoice.bring_forward(small.carry_forward(invoice.id, now()).unwrap()).unwrap();
    invoice.finalise(Number::new(&seller.number_prefix, 43), seller, customer, eur("0"), now()).unwrap();
    (small, invoice, document)
}

/// A mail for each occasion, in both languages, by name.
pub(crate) fn mails() -> Vec<(String, Mail)> {
    let (seller, zoe) = (nordwind(), zoe());
    let mut jane = zoe.clone();
    jane.name = "Jane O'Neill <&> Partners".to_owned();
    jane.language = "en".parse().unwrap();
    let sender: Email = "billing@mail.nordwind.example".parse().unwrap();
    let (fresh, document) = issued(&seller, &zoe, Collection::SendInvoice, ten_lines(), eur("120.00"));
    let (charged, _) = issued(&seller, &zoe, Collection::Automatic, ten_lines(), eur("0"));
    let small = too_small(&seller, &zoe);
    let (carried, brought, _) = carried_forward(&seller, &zoe);
    let pdf = saldo_documents::pdf::invoice(&fresh, &document).unwrap();
    let (partly, _, payment) = partly_paid();
    let mut paid = fresh.clone();
    let whole = pay(&mut paid, &fresh.amount_due().unwrap().amount().to_string());
    let receipt = |payment: &'static Payment, amount: Money| Occasion::Receipt {
        payment: payment.id,
        amount,
        received_at: payment.captured_at().unwrap(),
        method: payment.method.as_ref(),
    };
    let (whole, payment): (&'static Payment, &'static Payment) =
        (Box::leak(Box::new(whole)), Box::leak(Box::new(payment)));
    let failed = |retry_at| Occasion::PaymentFailed { attempt: 1, amount: charged.amount_due().unwrap(), retry_at };
    let reminder = |days| Occasion::Reminder(ReminderStep::from_days(days));
    let occasions = [
        ("issued", Occasion::Issued, &fresh, true),
        ("issued-charged", Occasion::Issued, &charged, true),
        ("issued-too-small", Occasion::Issued, &small, true),
        ("issued-carried-forward", Occasion::Issued, &carried, true),
        ("issued-brought-forward", Occasion::Issued, &brought, true),
        ("before-due", reminder(-3), &partly, false),
        ("due-today", reminder(0), &partly, false),
        ("overdue-1", reminder(1), &partly, true),
        ("overdue-7", reminder(7), &partly, true),
        ("overdue-14", reminder(14), &partly, true),
        ("receipt", receipt(whole, whole.standing().unwrap().captured), &paid, true),
        ("receipt-part", receipt(payment, eur("60.00")), &partly, true),
        ("payment-failed", failed(Some(now() + Duration::days(3))), &charged, false),
        ("payment-failed-for-good", failed(None), &charged, false),
    ];
    let mut mails = Vec::new();
    for customer in [&zoe, &jane] {
        for (name, occasion, invoice, attach) in occasions {
            let context = MailContext {
                occasion,
                sender: &sender,
                seller: &seller,
                customer,
                invoice,
                pdf: attach.then_some(pdf.as_slice()),
                pay_url: Some("https://pay.example/c/cs_test_1?a=1&b=2"),
                now: now() + Duration::days(14),
            };
            mails.push((format!("{name}-{}", customer.language.as_str()), compose(&context).unwrap()));
        }
    }
    mails
}
