use chrono::{Duration, TimeZone};
use rust_decimal::Decimal;

mod collecting;

use super::*;
use crate::Outcome;
use crate::calendar::local_date;
use crate::dunning::ReminderStep;
use crate::invoice::collection::{Duty, StepKind};
use crate::ledger::Account;
use crate::party::{Customer, Seller};
use crate::payment::{Decline, DisputeOutcome, Fact, Payment, PaymentReport, Statement};
use crate::provider::PaymentMethod;
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
fn d1_a_part_payment_leaves_the_rest_open() {
    let mut invoice = issued();
    pay(&mut invoice, &payment("pi_1", vec![captured(6_000)]));
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::PartlyPaid);
    assert_eq!(invoice.amount_due().unwrap(), eur(4_000));
}

#[test]
fn d2_what_is_paid_too_much_becomes_credit_and_pays_the_next_invoice() {
    let mut invoice = issued();
    let change = pay(&mut invoice, &payment("pi_1", vec![captured(12_000)]));
    assert_eq!((invoice.status().unwrap(), change.credit), (InvoiceStatus::Paid, eur(2_000)));
    let (next, change) = issued_with(Collection::SendInvoice, eur(2_000));
    assert_eq!((next.amount_due().unwrap(), change.credit), (eur(8_000), eur(-2_000)));
}

#[test]
fn credit_beyond_the_total_is_left_over_and_pays_it_in_full() {
    let (invoice, change) = issued_with(Collection::SendInvoice, eur(15_000));
    assert_eq!((invoice.status().unwrap(), change.credit), (InvoiceStatus::Paid, eur(-10_000)));
    let (_, change) = issued_with(Collection::SendInvoice, eur(-500));
    assert_eq!(change.credit, eur(0));
}

#[test]
fn credit_pays_only_what_was_not_paid_while_it_was_a_draft() {
    let mut invoice = drafted(Collection::SendInvoice, vec![line(10_000, "0")]);
    pay(&mut invoice, &payment("pi_1", vec![captured(7_000)]));
    let number = Number::new("NW-", 7);
    let outcome = invoice.finalise(number, &seller(), &customer(), eur(5_000), now()).unwrap();
    let Outcome::Applied(change) = outcome else { panic!("a draft can be finalised") };
    assert_eq!((invoice.credit_used(), change.credit), (eur(3_000), eur(-3_000)));
    assert_eq!(invoice.amount_due().unwrap(), eur(0));
}

#[test]
fn d4_a_refund_does_not_reopen_the_invoice() {
    let mut invoice = issued();
    let refund = Statement::RefundedInAll { reference: "ch_1".to_owned(), amount: eur(3_000) };
    let change = pay(&mut invoice, &payment("pi_1", vec![captured(10_000), refund]));
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::Paid);
    assert_eq!(change.entry.postings.on(&Account::Refunds), Some(eur(3_000)));
    assert_eq!(change.entry.postings.on(&Account::Receivable), Some(eur(-10_000)));
    assert!(balances(&change.entry.postings));
}

#[test]
fn refunding_what_was_paid_too_much_takes_the_credit_and_not_revenue() {
    let mut invoice = issued();
    pay(&mut invoice, &payment("pi_1", vec![captured(12_000)]));
    let refund = Statement::RefundedInAll { reference: "ch_1".to_owned(), amount: eur(2_000) };
    let change = pay(&mut invoice, &payment("pi_1", vec![captured(12_000), refund]));
    assert_eq!(change.credit, eur(-2_000));
    assert_eq!(change.entry.postings.on(&Account::Refunds), None);
    assert_eq!(change.entry.postings.on(&Account::Receivable), Some(eur(2_000)));
}

#[test]
fn d8_to_d11_disputed_money_moves_only_when_it_is_withdrawn() {
    let mut invoice = issued();
    let clearing = Account::Clearing("stripe/main".parse().unwrap());
    let opened =
        Statement::DisputeOpened { reference: "dp_1".to_owned(), amount: eur(10_000), reason: "fraudulent".to_owned() };
    let withdrawn =
        Statement::DisputeFundsWithdrawn { reference: "dp_1".to_owned(), amount: eur(10_000), fee: Some(eur(1_500)) };
    let closed = |outcome| Statement::DisputeClosed { reference: "dp_1".to_owned(), outcome };
    pay(&mut invoice, &payment("pi_1", vec![captured(10_000)]));
    let change = pay(&mut invoice, &payment("pi_1", vec![captured(10_000), opened.clone()]));
    assert!(change.entry.postings.is_empty() && invoice.is_disputed());
    pay(&mut invoice, &payment("pi_1", vec![captured(10_000), opened.clone(), withdrawn.clone()]));
    assert_eq!(invoice.position().unwrap().on(&clearing), Some(eur(-1_500)));

    let mut lost = invoice.clone();
    pay(
        &mut lost,
        &payment("pi_1", vec![captured(10_000), opened.clone(), withdrawn.clone(), closed(DisputeOutcome::Lost)]),
    );
    assert_eq!(lost.position().unwrap().on(&Account::DisputeLosses), Some(eur(10_000)));
    assert!(!lost.is_disputed());

    let reinstated =
        Statement::DisputeFundsReinstated { reference: "dp_1".to_owned(), amount: eur(10_000), fee: Some(eur(1_500)) };
    pay(
        &mut invoice,
        &payment("pi_1", vec![captured(10_000), opened, withdrawn, closed(DisputeOutcome::Won), reinstated]),
    );
    assert_eq!(invoice.position().unwrap().on(&clearing), Some(eur(10_000)));
}

#[test]
fn losing_what_was_paid_too_much_takes_the_credit_and_not_revenue() {
    let mut invoice = issued();
    pay(&mut invoice, &payment("pi_1", vec![captured(12_000)]));
    let reference = "dp_1".to_owned();
    let change = pay(
        &mut invoice,
        &payment(
            "pi_1",
            vec![
                captured(12_000),
                Statement::DisputeFundsWithdrawn { reference: reference.clone(), amount: eur(2_000), fee: None },
                Statement::DisputeClosed { reference, outcome: DisputeOutcome::Lost },
            ],
        ),
    );
    assert_eq!(change.credit, eur(-2_000));
    assert_eq!(change.entry.postings.on(&Account::DisputeLosses), None);
    assert!(balances(&change.entry.postings));
}

#[test]
fn money_that_comes_for_a_draft_is_in_the_ledger_and_is_what_the_customer_will_owe() {
    let mut invoice = drafted(Collection::SendInvoice, vec![line(10_000, "0")]);
    let change = pay(&mut invoice, &payment("pi_1", vec![captured(10_000)]));
    assert_eq!(change.entry.postings.on(&Account::Receivable), Some(eur(-10_000)));
    invoice.finalise(Number::new("NW-", 7), &seller(), &customer(), eur(0), now()).unwrap();
    assert_eq!(invoice.position().unwrap().on(&Account::Receivable), None);
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::Paid);
}

#[test]
fn d15_a_late_payment_takes_the_write_off_back() {
    let mut invoice = issued();
    let Outcome::Applied(change) = invoice.write_off(now()).unwrap() else {
        panic!("an open invoice can be written off")
    };
    assert_eq!(change.entry.postings.on(&Account::BadDebt), Some(eur(10_000)));
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::Uncollectible);
    let change = pay(&mut invoice, &payment("pi_1", vec![captured(10_000)]));
    assert_eq!(change.entry.postings.on(&Account::BadDebt), Some(eur(-10_000)));
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::Paid);
    assert_eq!(invoice.position().unwrap().on(&Account::BadDebt), None);
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
fn a_paid_invoice_cannot_be_voided_and_a_late_payment_on_a_void_one_is_credit() {
    let mut paid = issued();
    pay(&mut paid, &payment("pi_1", vec![captured(100)]));
    assert!(matches!(paid.void(now()), Err(InvoiceError::AlreadyPaid { .. })));
    let mut void = issued();
    void.void(now()).unwrap();
    assert_eq!(pay(&mut void, &payment("pi_1", vec![captured(10_000)])).credit, eur(10_000));
    assert_eq!(void.status().unwrap(), InvoiceStatus::Void);
}

#[test]
fn w1_hearing_the_same_again_changes_nothing() {
    let mut invoice = issued();
    let paid = payment("pi_1", vec![captured(10_000)]);
    pay(&mut invoice, &paid);
    assert_eq!(invoice.record_payment(&paid, "evt_2", now()).unwrap(), Outcome::AlreadyApplied);
}

#[test]
fn a_payment_that_took_nothing_is_known_and_moves_nothing() {
    let mut invoice = issued();
    let tried = payment("pi_1", vec![Statement::Created { amount: eur(10_000) }]);
    let change = pay(&mut invoice, &tried);
    assert!(change.entry.postings.is_empty() && change.credit.is_zero());
    assert_eq!(invoice.received().map(|(id, _)| id).collect::<Vec<_>>(), [tried.id]);
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::Open);
    assert_eq!(invoice.record_payment(&tried, "evt_2", now()).unwrap(), Outcome::AlreadyApplied);
}

#[test]
fn d3_a_direct_debit_under_way_is_neither_paid_nor_overdue() {
    let mut invoice = issued();
    pay(&mut invoice, &payment("pi_1", vec![Statement::Processing]));
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::Open);
    assert!(!invoice.is_overdue(now() + Duration::days(60)).unwrap());
    invoice.handed_over(&DunningPolicy::default(), now()).unwrap();
    assert_eq!(invoice.progress.next, None);
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
