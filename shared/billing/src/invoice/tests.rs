use chrono::{Duration, TimeZone};
use rust_decimal::Decimal;

mod collecting;
mod pages;
mod settling;

use super::*;
use crate::Outcome;
use crate::calendar::local_date;
use crate::dunning::ReminderStep;
use crate::invoice::collection::{Duty, StepKind};
use crate::ledger::Account;
use crate::party::{Customer, Seller};
use crate::payment::{Decline, DisputeOutcome, Fact, Payment, PaymentReport, Statement};
use crate::provider::{MethodReference, PaymentMethod};
use crate::tax::TaxRate;

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, "EUR".parse().unwrap())
}

/// 1 October 2026, 10:00 in Berlin.
fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 1, 8, 0, 0).unwrap()
}

fn seller() -> Seller {
    serde_json::from_value(serde_json::json!({
        "id": SellerId::from_random(1), "name": "Nordwind GmbH", "address": {"country": "DE"}, "zone": "Europe/Berlin",
        "email": "billing@nordwind.example", "number_prefix": "NW-", "provider_account": "stripe/main",
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

fn customer() -> Customer {
    serde_json::from_value(serde_json::json!({
        "id": CustomerId::from_random(2), "seller": SellerId::from_random(1), "name": "Zoë 名前", "email": "zoe@example.com",
        "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "nl", "region": "EMEA", "channel": "web",
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

fn line(net: i64, rate: &str) -> Line {
    Line {
        description: "Support".to_owned(),
        quantity: Decimal::ONE,
        unit_amount: eur(net).amount(),
        net: eur(net),
        gross: None,
        tax_rate: rate.parse().unwrap(),
        product: None,
        origin: LineOrigin::Manual,
    }
}

fn drafted(collection: Collection, lines: Vec<Line>) -> Invoice {
    let draft = Draft {
        id: InvoiceId::from_random(3),
        origin: Origin::OneOff,
        collection,
        terms: NetTerms::try_new(14, false).unwrap(),
        currency: "EUR".parse().unwrap(),
    };
    Invoice::draft(draft, &seller(), &customer(), lines, now()).unwrap().0
}

/// An invoice over 100.00, finalised with this much credit at hand.
fn issued_with(collection: Collection, credit: Money) -> (Invoice, Change) {
    let mut invoice = drafted(collection, vec![line(10_000, "0")]);
    let Outcome::Applied(change) =
        invoice.finalise(Number::new("NW-", 7), &seller(), &customer(), credit, now()).unwrap()
    else {
        panic!("a draft can be finalised");
    };
    (invoice, change)
}

fn issued() -> Invoice {
    issued_with(Collection::SendInvoice, eur(0)).0
}

/// An invoice over this amount, finalised.
fn issued_in_kwd(net: Money) -> Invoice {
    let draft = Draft {
        id: InvoiceId::from_random(3),
        origin: Origin::OneOff,
        collection: Collection::SendInvoice,
        terms: NetTerms::try_new(14, false).unwrap(),
        currency: net.currency(),
    };
    let line = Line { unit_amount: net.amount(), net, ..line(0, "0") };
    let mut invoice = Invoice::draft(draft, &seller(), &customer(), vec![line], now()).unwrap().0;
    invoice.finalise(Number::new("NW-", 7), &seller(), &customer(), Money::zero(net.currency()), now()).unwrap();
    invoice
}

fn payment(reference: &str, statements: Vec<Statement>) -> Payment {
    payment_in("EUR", reference, statements)
}

fn payment_in(currency: &str, reference: &str, statements: Vec<Statement>) -> Payment {
    let report = PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: reference.to_owned(),
        invoice: Some(InvoiceId::from_random(3)),
        attempt: None,
        page: None,
        method: None,
        currency: currency.parse().unwrap(),
        introduces: true,
        facts: statements.into_iter().map(|statement| Fact::new(now(), statement)).collect(),
    };
    let mut payment = Payment::introduced_by(&report);
    payment.apply(&report).unwrap();
    payment
}

fn captured(minor: i64) -> Statement {
    Statement::Captured { reference: "ch_1".to_owned(), amount: eur(minor) }
}

fn pay(invoice: &mut Invoice, payment: &Payment) -> Change {
    match invoice.record_payment(payment, "evt_1", now()).unwrap() {
        Outcome::Applied(change) => change,
        Outcome::AlreadyApplied => panic!("the payment says something new"),
    }
}

fn method() -> PaymentMethod {
    PaymentMethod {
        account: "stripe/main".parse().unwrap(),
        token: "pm_1".to_owned(),
        customer: "cus_1".to_owned(),
        kind: "card".to_owned(),
        network: Some("visa".to_owned()),
        last4: Some("4242".to_owned()),
        expires: None,
    }
}

fn decline(hard: bool) -> AttemptState {
    AttemptState::Declined { at: now(), decline: Decline { code: "card_declined".to_owned(), hard } }
}

fn balances(position: &Position) -> bool {
    position.postings().map(|(_, amount)| amount.amount()).sum::<Decimal>().is_zero()
}

#[test]
fn t5_the_date_of_issue_is_the_sellers_and_the_due_date_the_customers() {
    let mut seller = seller();
    seller.zone = chrono_tz::Europe::Paris;
    let late = Utc.with_ymd_and_hms(2026, 9, 30, 23, 10, 0).unwrap();
    let mut invoice = drafted(Collection::SendInvoice, vec![line(100, "0.19")]);
    invoice.finalise(Number::new("NW-", 1), &seller, &customer(), eur(0), late).unwrap();
    let issued = invoice.issued().unwrap();
    assert_eq!((issued.on.to_string(), issued.due_on.to_string()), ("2026-10-01".to_owned(), "2026-10-15".to_owned()));
    assert_eq!(issued.number.text, "NW-000001");
}

#[test]
fn m12_terms_count_from_the_date_on_the_document_also_where_the_customers_day_is_another() {
    let customer = Customer { zone: chrono_tz::Asia::Shanghai, ..customer() };
    let midnight_there = Utc.with_ymd_and_hms(2027, 1, 31, 16, 0, 0).unwrap();
    for (days, end_of_month, due_on) in
        [(30, true, "2027-03-02"), (14, false, "2027-02-14"), (0, true, "2027-02-01"), (0, false, "2027-02-01")]
    {
        let mut invoice = drafted(Collection::SendInvoice, vec![line(100, "0.19")]);
        invoice.terms = NetTerms::try_new(days, end_of_month).unwrap();
        invoice.finalise(Number::new("NW-", 1), &seller(), &customer, eur(0), midnight_there).unwrap();
        let issued = invoice.issued().unwrap();
        assert_eq!((issued.on.to_string(), issued.due_on.to_string()), ("2027-01-31".to_owned(), due_on.to_owned()));
    }
}

#[test]
fn m13_what_is_due_is_overdue_from_the_next_local_midnight() {
    let invoice = issued();
    let midnight = Utc.with_ymd_and_hms(2026, 10, 15, 22, 0, 0).unwrap();
    assert!(!invoice.is_overdue(midnight - Duration::seconds(1)).unwrap());
    assert!(invoice.is_overdue(midnight).unwrap());
}

#[test]
fn finalising_posts_the_totals_and_happens_once() {
    let mut invoice = drafted(Collection::SendInvoice, vec![line(10_000, "0.19"), line(500, "0.07")]);
    let Outcome::Applied(change) =
        invoice.finalise(Number::new("NW-", 1), &seller(), &customer(), eur(0), now()).unwrap()
    else {
        panic!("a draft can be finalised");
    };
    assert_eq!(change.entry.postings.on(&Account::Receivable), Some(eur(12_435)));
    assert_eq!(change.entry.postings.on(&Account::TaxPayable), Some(eur(-1_935)));
    assert!(balances(&change.entry.postings));
    let again = invoice.finalise(Number::new("NW-", 2), &seller(), &customer(), eur(0), now()).unwrap();
    assert_eq!(again, Outcome::AlreadyApplied);
    assert_eq!(invoice.issued().unwrap().number.sequence, 1);
}

#[test]
fn b2_a_void_invoice_keeps_its_number_and_gives_credit_back() {
    let (mut invoice, _) = issued_with(Collection::SendInvoice, eur(2_000));
    let Outcome::Applied(change) = invoice.void(now()).unwrap() else { panic!("an open invoice can be voided") };
    assert_eq!(change.credit, eur(2_000));
    assert_eq!(invoice.issued().unwrap().number.sequence, 7);
    assert!(invoice.position().unwrap().is_empty());
    assert_eq!(invoice.void(now()).unwrap(), Outcome::AlreadyApplied);
}

#[test]
fn lines_that_cannot_be_invoiced_are_named() {
    let draft = |lines| {
        let draft = Draft {
            id: InvoiceId::from_random(3),
            origin: Origin::OneOff,
            collection: Collection::SendInvoice,
            terms: NetTerms::DUE_ON_ISSUE,
            currency: "EUR".parse().unwrap(),
        };
        Invoice::draft(draft, &seller(), &customer(), lines, now())
    };
    let reason = |lines| match draft(lines) {
        Err(InvoiceError::Lines { source, .. }) => source,
        other => panic!("expected refused lines, found {other:?}"),
    };
    assert_eq!(reason(Vec::new()), LineError::NoLines);
    assert_eq!(reason(vec![line(1, "0"); 5_001]), LineError::TooMany { found: 5_001 });
    let mut blank = line(1, "0");
    blank.description = "  ".to_owned();
    assert_eq!(reason(vec![line(1, "0"), blank]), LineError::Description { line: 1, found: 2 });
    assert!(matches!(reason(vec![line(-1, "0")]), LineError::Negative { .. }));
    assert_eq!(TaxRate::ZERO.to_string(), "0");
}
