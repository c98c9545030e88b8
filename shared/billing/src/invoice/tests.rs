use chrono::{Duration, TimeZone};
use rust_decimal::Decimal;

use super::*;
use crate::dunning::ReminderStep;
use crate::invoice::collection::{Duty, HostedPage, StepKind};
use crate::ledger::Account;
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

fn payment(reference: &str, statements: Vec<Statement>) -> Payment {
    let report = PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: reference.to_owned(),
        invoice: Some(InvoiceId::from_random(3)),
        attempt: None,
        method: None,
        currency: "EUR".parse().unwrap(),
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
fn d3_a_direct_debit_under_way_is_neither_paid_nor_overdue() {
    let mut invoice = issued();
    pay(&mut invoice, &payment("pi_1", vec![Statement::Processing]));
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::Open);
    assert!(!invoice.is_overdue(now() + Duration::days(60)).unwrap());
    invoice.handed_over(&DunningPolicy::default(), now()).unwrap();
    assert_eq!(invoice.progress.next, None);
}

#[test]
fn an_invoice_to_be_paid_is_reminded_by_the_ladder_and_missed_steps_are_left_out() {
    let policy = DunningPolicy::default();
    let mut invoice = issued();
    assert_eq!(invoice.progress.next.unwrap().kind, StepKind::Render);
    invoice.handed_over(&policy, now()).unwrap();
    // Due on 15 October; three days before, 09:00 in Amsterdam.
    let first = Utc.with_ymd_and_hms(2026, 10, 12, 7, 0, 0).unwrap();
    assert_eq!(invoice.progress.next.unwrap().at, first);
    assert_eq!(invoice.due_reminder(&policy, first - Duration::seconds(1)), None);
    let late = first + Duration::days(12);
    let step = invoice.due_reminder(&policy, late).unwrap();
    assert_eq!(step, "overdue_7".parse::<ReminderStep>().unwrap());
    invoice.reminded(step, &policy, late).unwrap();
    assert_eq!(invoice.progress.next.unwrap().at, Utc.with_ymd_and_hms(2026, 10, 29, 8, 0, 0).unwrap());
    assert_eq!(invoice.due_reminder(&policy, late), None);
}

#[test]
fn a_charge_is_begun_once_and_repeated_under_its_own_key() {
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    assert_eq!(invoice.collector_duty(now(), now()).unwrap(), Duty::Begin);
    let Begun::Attempt(attempt) = invoice.begin_attempt(method(), now(), now()).unwrap() else {
        panic!("nothing stops it")
    };
    assert_eq!(attempt.idempotency_key(invoice.id), format!("{}/attempt-1", invoice.id));
    assert_eq!(invoice.collector_duty(now(), now()).unwrap(), Duty::Repeat((*attempt).clone()));
    assert!(invoice.begin_attempt(method(), now(), now()).is_err());
    // A key older than the provider keeps it could charge again.
    assert_eq!(
        invoice.collector_duty(now() + Duration::hours(23), now() + Duration::hours(23)).unwrap(),
        Duty::LookUp((*attempt).clone())
    );
    // By the clock on the wall: the message may have rested.
    assert_eq!(invoice.collector_duty(now(), now() + Duration::hours(23)).unwrap(), Duty::LookUp(*attempt));
}

#[test]
fn i7_an_unknown_answer_is_looked_up_and_never_charged_again() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(method(), now(), now()).unwrap();
    for (look_ups, wait) in
        [(0, Duration::minutes(5)), (1, Duration::hours(1)), (2, Duration::days(1)), (7, Duration::weeks(1))]
    {
        invoice.settle_attempt(1, AttemptState::Unknown { look_ups }, &policy, now()).unwrap();
        assert_eq!(invoice.progress.next.unwrap().at, now() + wait);
        assert!(matches!(invoice.collector_duty(now() + wait, now() + wait).unwrap(), Duty::LookUp(_)));
    }
}

#[test]
fn i8_a_charge_that_the_provider_has_in_hand_is_asked_for_daily() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(method(), now(), now()).unwrap();
    let pending = AttemptState::Pending { payment: PaymentId::from_random(9) };
    invoice.settle_attempt(1, pending.clone(), &policy, now()).unwrap();
    assert_eq!(
        invoice.collector_duty(now() + Duration::hours(23), now() + Duration::hours(23)).unwrap(),
        Duty::Nothing
    );
    let tomorrow = now() + Duration::days(1);
    assert!(matches!(invoice.collector_duty(tomorrow, tomorrow).unwrap(), Duty::LookUp(_)));
    assert_eq!(invoice.settle_attempt(1, pending.clone(), &policy, tomorrow).unwrap(), Outcome::Applied(()));
    assert_eq!(invoice.progress.next.unwrap().at, tomorrow + Duration::days(1));
    assert_eq!(invoice.settle_attempt(1, pending, &policy, tomorrow).unwrap(), Outcome::AlreadyApplied);
}

#[test]
fn n2_one_failure_told_twice_moves_the_ladder_one_step() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(method(), now(), now()).unwrap();
    assert_eq!(invoice.settle_attempt(1, decline(false), &policy, now()).unwrap(), Outcome::Applied(()));
    assert_eq!(invoice.settle_attempt(1, decline(false), &policy, now()).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(invoice.progress.failures, 1);
    let next = invoice.progress.next.unwrap();
    assert_eq!(
        (next.kind, local_date(next.at, chrono_tz::Europe::Amsterdam).to_string()),
        (StepKind::Collect, "2026-10-04".to_owned())
    );
    assert_eq!(
        invoice.collector_duty(next.at - Duration::seconds(1), next.at - Duration::seconds(1)).unwrap(),
        Duty::Nothing
    );
    assert!(
        matches!(invoice.begin_attempt(method(), next.at, next.at).unwrap(), Begun::Attempt(attempt) if attempt.number == 2)
    );
}

#[test]
fn n5_where_the_card_network_stops_the_charge_waits_until_it_may_be_made() {
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.progress.attempted = (0..15).map(|hours| now() - Duration::hours(hours)).collect();
    let Begun::NotBefore(again_at) = invoice.begin_attempt(method(), now(), now()).unwrap() else {
        panic!("15 were made")
    };
    assert_eq!(invoice.progress.next, Some(Step { kind: StepKind::Collect, at: again_at }));
    assert!(again_at > now() + Duration::days(29));
    assert_eq!(invoice.progress.attempt, None);
}

#[test]
fn n3_a_hard_decline_is_not_retried_and_the_customer_is_reminded_instead() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(method(), now(), now()).unwrap();
    invoice.settle_attempt(1, decline(true), &policy, now()).unwrap();
    assert_eq!(invoice.progress.next.unwrap().kind, StepKind::Remind);
    assert!(!invoice.retries_are_used_up(&policy, now()));
}

#[test]
fn after_the_last_retry_the_policy_has_nothing_more_to_try() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    let mut at = now();
    for number in 1..=4 {
        assert!(!invoice.retries_are_used_up(&policy, at));
        assert!(matches!(invoice.begin_attempt(method(), at, at).unwrap(), Begun::Attempt(_)));
        let decline = Decline { code: "insufficient_funds".to_owned(), hard: false };
        invoice.settle_attempt(number, AttemptState::Declined { at, decline }, &policy, at).unwrap();
        at = invoice.progress.next.map_or(at, |next| next.at);
    }
    assert!(invoice.retries_are_used_up(&policy, at));
}

#[test]
fn i6_an_open_page_is_closed_before_a_charge() {
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    let page = HostedPage {
        reference: "cs_1".to_owned(),
        url: "https://pay.example/cs_1".to_owned(),
        amount: eur(10_000),
        expires_at: now() + Duration::hours(1),
        payment: None,
    };
    invoice.progress.page = Some(page.clone());
    assert_eq!(invoice.collector_duty(now(), now()).unwrap(), Duty::ClosePage(page.clone()));
    // It has run out by our clock: only the provider knows whether somebody paid on it before.
    let later = now() + Duration::hours(2);
    assert_eq!(invoice.collector_duty(later, later).unwrap(), Duty::ClosePage(page));
}

#[test]
fn another_method_is_charged_for_what_the_first_refused_and_the_same_one_never_again() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(method(), now(), now()).unwrap();
    invoice.settle_attempt(1, decline(true), &policy, now()).unwrap();
    assert_eq!(invoice.method_changed(&method(), &policy, now()).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(invoice.collector_duty(now(), now()).unwrap(), Duty::Nothing);
    let other = PaymentMethod { token: "pm_2".to_owned(), ..method() };
    assert_eq!(invoice.method_changed(&other, &policy, now()).unwrap(), Outcome::Applied(()));
    assert_eq!(invoice.method_changed(&other, &policy, now()).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(invoice.collector_duty(now(), now()).unwrap(), Duty::Begin);
}

#[test]
fn a_page_that_ran_out_is_asked_about_also_where_nothing_is_charged() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::SendInvoice, eur(0));
    invoice.handed_over(&policy, now()).unwrap();
    let expires_at = now() + Duration::hours(1);
    let (reference, url) = ("cs_1".to_owned(), "https://pay.example/cs_1".to_owned());
    let page = HostedPage { reference, url, amount: eur(10_000), expires_at, payment: None };
    invoice.progress.page = Some(page.clone());
    invoice.plan(&policy, now()).unwrap();
    let next = invoice.progress.next.unwrap();
    assert_eq!((next.kind, next.at > expires_at), (StepKind::Collect, true));
    assert_eq!(invoice.collector_duty(expires_at, expires_at).unwrap(), Duty::Nothing);
    assert_eq!(invoice.collector_duty(next.at, next.at).unwrap(), Duty::ClosePage(page));
}

#[test]
fn what_is_left_to_the_customer_is_reminded_of_and_not_charged_again() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(method(), now(), now()).unwrap();
    invoice.settle_attempt(1, decline(false), &policy, now()).unwrap();
    let retry_at = invoice.progress.next.unwrap().at;
    invoice.leave_to_customer(&policy, retry_at).unwrap();
    assert_eq!(invoice.progress.next.unwrap().kind, StepKind::Remind);
    assert_eq!(invoice.collector_duty(retry_at, retry_at).unwrap(), Duty::Nothing);
}

#[test]
fn the_status_of_what_was_decided_never_goes_back() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    invoice.begin_attempt(method(), now(), now()).unwrap();
    let paid = AttemptState::Succeeded { payment: PaymentId::from_random(9) };
    invoice.settle_attempt(1, paid.clone(), &policy, now()).unwrap();
    assert_eq!(invoice.settle_attempt(1, decline(false), &policy, now()).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(invoice.progress.attempt.unwrap().state, paid);
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
