//! What payments, refunds and disputes do to an invoice.

use super::*;

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
