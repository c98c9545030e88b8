//! Reports of payments, refunds and mail: one effect, whatever the order, the repetition and the crash.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    dead_code,
    reason = "a test stops at the first surprise, and shares a file with the others"
)]

mod books;

use books::*;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::Duration;
use futures_util::future::join_all;
use proptest::prelude::*;
use saldo_billing::Outcome;
use saldo_billing::id::{InvoiceId, PaymentId, RefundId};
use saldo_billing::invoice::{Invoice, InvoiceStatus};
use saldo_billing::mail::{MailState, Purpose};
use saldo_billing::payment::{Decline, DisputeOutcome, PaymentReport, Statement};
use saldo_books::mail::{Decision, decide, record};
use saldo_books::payments::{Reported, WaitsFor};
use saldo_books::{BooksError, nothing_more, parking, payments, refunds};
use saldo_store::entities::{ParkedEvent, invoice_key};
use saldo_store::memory::MemoryStore;
use saldo_store::{
    CommitError, Committed, Condition, Consistency, Item, Key, Page, Query, Store, StoreError, Stored, Table,
    Transaction, load,
};

async fn book(store: &dyn Store, report: &PaymentReport) -> bool {
    match payments::report(store, report, now()).await.unwrap() {
        Reported::Booked(booked) => booked.news,
        Reported::WaitsFor(what) => panic!("waits for {what}"),
    }
}

#[tokio::test]
async fn w1_w6_the_same_payment_told_again_and_by_another_event_is_booked_once() {
    let store = business().await;
    let invoice = issued(&store, 11).await;
    let paid = report("pi_1", Some(invoice), captured(10_000), 0);
    assert!(book(&store, &paid).await);
    let before = store.usage(Table::Billing);
    assert!(!book(&store, &paid).await);
    assert!(!book(&store, &report("pi_1", Some(invoice), captured(10_000), 1)).await);
    assert_eq!(store.usage(Table::Billing).since(before).write_units, 0);
    let balances = balances(&store);
    assert!(balances.contains(&("clearing:stripe/main".to_owned(), eur(10_000).amount())), "{balances:?}");
}

#[tokio::test]
async fn fifty_deliveries_at_once_have_one_effect() {
    let store = business().await;
    let invoice = issued(&store, 11).await;
    let paid = report("pi_1", Some(invoice), captured(10_000), 0);
    let told = join_all((0..50).map(|_| book(&store, &paid))).await;
    assert_eq!(told.into_iter().filter(|news| *news).count(), 1);
    assert_eq!(read(&store, invoice).await.amount_paid().unwrap(), eur(10_000));
}

/// A store in which somebody else books these reports before the first invoice is read.
struct Meanwhile<'a> {
    store: &'a MemoryStore,
    reports: Mutex<Vec<PaymentReport>>,
}

#[async_trait]
impl Store for Meanwhile<'_> {
    async fn get(&self, table: Table, key: &Key, consistency: Consistency) -> Result<Option<Item>, StoreError> {
        let reports = if key.sk == "INVOICE" { std::mem::take(&mut *self.reports.lock().unwrap()) } else { Vec::new() };
        for report in reports {
            assert!(book(self.store, &report).await);
        }
        self.store.get(table, key, consistency).await
    }

    async fn get_many(&self, table: Table, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        self.store.get_many(table, keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, StoreError> {
        self.store.query(query).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        self.store.commit(transaction).await
    }
}

#[tokio::test]
async fn an_event_told_again_while_a_refund_is_booked_takes_nothing_off_the_invoice() {
    let store = business().await;
    let invoice = issued(&store, 11).await;
    let paid = report("pi_1", Some(invoice), captured(10_000), 0);
    assert!(book(&store, &paid).await);
    let created = Statement::Created { amount: eur(10_000) };
    let refund = Statement::RefundedInAll { reference: "ch_1".to_owned(), amount: eur(4_000) };
    // One that moves no money comes before, so that no entry of the ledger has the same cause.
    let reports = vec![report("pi_1", None, created, 1), report("pi_1", None, refund, 2)];
    let meanwhile = Meanwhile { store: &store, reports: Mutex::new(reports) };
    // The payment was read without the refund, the invoice with it.
    assert!(!book(&meanwhile, &paid).await);
    assert!(meanwhile.reports.lock().unwrap().is_empty());
    assert_eq!(read(&store, invoice).await.amount_refunded().unwrap(), eur(4_000));
}

#[tokio::test]
async fn an_invoice_that_lost_its_payment_is_told_again_and_the_next_news_is_booked_too() {
    let store = business().await;
    let invoice = issued(&store, 11).await;
    let paid = report("pi_1", Some(invoice), captured(10_000), 0);
    assert!(book(&store, &paid).await);
    // The invoice is restored from before the payment, which is kept.
    let mut transaction = Transaction::new();
    let restored = load::<Invoice>(&store, &invoice_key(invoice)).await.unwrap().unwrap();
    transaction.update(&Stored { value: restored.value.without_payments(), version: restored.version }).unwrap();
    for item in store.items(Table::Billing) {
        let key = Key::of(&item).unwrap();
        if key.sk.starts_with("ENTRY#pay_") {
            transaction.delete(Table::Billing, key, Condition::Present).unwrap();
        }
    }
    store.commit(transaction).await.unwrap();
    assert!(book(&store, &paid).await);
    let refund = Statement::RefundedInAll { reference: "ch_1".to_owned(), amount: eur(4_000) };
    assert!(book(&store, &report("pi_1", None, refund, 2)).await);
    assert!(balances(&store).contains(&("clearing:stripe/main".to_owned(), eur(6_000).amount())));
}

#[tokio::test]
async fn w11_what_refers_to_nothing_known_waits_and_is_booked_when_it_can_be() {
    let store = business().await;
    let unknown = InvoiceId::from_random(11);
    let paid = report("pi_1", Some(unknown), captured(10_000), 0);
    let waits = payments::report(&store, &paid, now()).await.unwrap();
    assert_eq!(waits, Reported::WaitsFor(WaitsFor::Invoice(unknown)));
    let refund = report("pi_1", None, Statement::RefundedInAll { reference: "ch_1".to_owned(), amount: eur(500) }, 0);
    let waits = payments::report(&store, &refund, now()).await.unwrap();
    assert_eq!(waits, Reported::WaitsFor(WaitsFor::Payment(refund.payment())));
    issued(&store, 11).await;
    assert!(book(&store, &paid).await);
    assert!(book(&store, &refund).await);
    assert_eq!(read(&store, unknown).await.amount_refunded().unwrap(), eur(500));
}

#[tokio::test]
async fn a_parked_event_is_tried_again_later_and_later_until_it_is_let_go() {
    let store = business().await;
    let account = "stripe/main".parse().unwrap();
    let mut waits = Vec::new();
    for _ in 0..4 {
        let parked = parking::park(&store, &account, "evt_1", "inv_1", now()).await.unwrap();
        waits.push(parked.retry_at - now());
    }
    assert_eq!(waits, [Duration::minutes(5), Duration::hours(1), Duration::hours(6), Duration::days(1)]);
    parking::unpark(&store, &account, "evt_1").await.unwrap();
    parking::unpark(&store, &account, "evt_1").await.unwrap();
    assert_eq!(find::<ParkedEvent>(&store, ParkedEvent::key_of(&account, "evt_1")).await, None);
}

#[tokio::test]
async fn money_for_no_invoice_of_ours_is_in_the_ledger_all_the_same() {
    let store = business().await;
    assert!(book(&store, &report("pi_9", None, captured(700), 0)).await);
    let amount = eur(700).amount();
    assert_eq!(balances(&store), [("clearing:stripe/main".to_owned(), amount), ("unallocated".to_owned(), -amount)]);
}

#[tokio::test]
async fn money_whose_invoice_is_named_later_leaves_no_trace_of_having_had_none() {
    let store = business().await;
    let invoice = issued(&store, 11).await;
    assert!(book(&store, &report("pi_9", None, captured(10_000), 0)).await);
    assert!(book(&store, &report("pi_9", Some(invoice), captured(10_000), 0)).await);
    let amount = eur(10_000).amount();
    assert_eq!(balances(&store), [("clearing:stripe/main".to_owned(), amount), ("revenue".to_owned(), -amount)]);
}

#[tokio::test]
async fn w12_wherever_booking_breaks_off_it_is_complete_after_the_next_delivery() {
    for loses_answers in [false, true] {
        for calls in 0..10 {
            let store = business().await;
            let invoice = issued(&store, 11).await;
            let paid = report("pi_1", Some(invoice), captured(12_000), 0);
            drop(payments::report(&Breaking::new(&store, calls, loses_answers), &paid, now()).await);
            book(&store, &paid).await;
            assert_eq!(read(&store, invoice).await.status().unwrap(), InvoiceStatus::Paid);
            let receivable = -eur(2_000).amount();
            assert!(balances(&store).contains(&("receivable".to_owned(), receivable)), "after {calls} calls");
        }
    }
}

#[tokio::test]
async fn r18_of_two_refunds_of_sixty_percent_at_once_one_succeeds() {
    let store = business().await;
    let invoice = issued(&store, 11).await;
    book(&store, &report("pi_1", Some(invoice), captured(10_000), 0)).await;
    let payment = PaymentId::derive(&["stripe", "main", "pi_1"]);
    let ask = |n| refunds::request(&store, payment, RefundId::from_random(n), eur(6_000), now(), &nothing_more);
    let asked = join_all([ask(1), ask(2)]).await;
    assert_eq!(asked.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Applied(_)))).count(), 1);
    assert_eq!(asked.iter().filter(|outcome| matches!(outcome, Err(BooksError::Refund(_)))).count(), 1);
}

#[tokio::test]
async fn n10_what_is_paid_between_plan_and_sending_is_not_reminded() {
    let store = business().await;
    let invoice = issued(&store, 11).await;
    let step = Purpose::Reminder("overdue_1".parse().unwrap());
    book(&store, &report("pi_1", Some(invoice), captured(10_000), 0)).await;
    assert_eq!(decide(&store, invoice, step, now()).await.unwrap(), Decision::NoReason);
}

#[tokio::test]
async fn one_mail_per_purpose_and_again_only_when_it_was_certainly_not_sent() {
    let store = business().await;
    let invoice = issued(&store, 11).await;
    let decided = join_all((0..10).map(|_| decide(&store, invoice, Purpose::Issued, now()))).await;
    let sent = decided.into_iter().filter(|decision| matches!(decision, Ok(Decision::Send(_)))).count();
    assert_eq!(sent, 1);
    assert_eq!(decide(&store, invoice, Purpose::Issued, now()).await.unwrap(), Decision::AlreadyPlanned);
    let not_sent = MailState::NotSent { reason: "throttled".to_owned() };
    record(&store, invoice, Purpose::Issued, not_sent).await.unwrap();
    assert!(matches!(decide(&store, invoice, Purpose::Issued, now()).await.unwrap(), Decision::Send(_)));
    let sent = MailState::Sent { message_id: "m-1".to_owned() };
    record(&store, invoice, Purpose::Issued, sent).await.unwrap();
    assert_eq!(decide(&store, invoice, Purpose::Issued, now()).await.unwrap(), Decision::AlreadyPlanned);
}

/// The life of the payment that pays an invoice, told by one event after the other, and a second payment beside it.
fn life(invoice: InvoiceId) -> Vec<PaymentReport> {
    let failed = Statement::Failed {
        reference: "ch_0".to_owned(),
        decline: Decline { code: "insufficient_funds".to_owned(), hard: false },
    };
    let dispute = |second, statement| report("pi_1", Some(invoice), statement, second);
    let reference = || "dp_1".to_owned();
    vec![
        report("pi_1", Some(invoice), Statement::Created { amount: eur(10_000) }, 0),
        report("pi_1", Some(invoice), Statement::Processing, 1),
        report("pi_1", Some(invoice), failed, 2),
        report("pi_1", Some(invoice), captured(10_000), 3),
        report("pi_2", Some(invoice), captured(2_500), 4),
        report("pi_1", Some(invoice), Statement::RefundedInAll { reference: "ch_1".to_owned(), amount: eur(3_000) }, 5),
        dispute(
            6,
            Statement::DisputeOpened { reference: reference(), amount: eur(7_000), reason: "fraudulent".to_owned() },
        ),
        dispute(
            7,
            Statement::DisputeFundsWithdrawn { reference: reference(), amount: eur(7_000), fee: Some(eur(1_500)) },
        ),
        dispute(8, Statement::DisputeClosed { reference: reference(), outcome: DisputeOutcome::Won }),
        dispute(9, Statement::DisputeFundsReinstated { reference: reference(), amount: eur(7_000), fee: None }),
    ]
}

/// Tells the reports until none waits any more, as parked events are tried again.
fn tell(reports: &[PaymentReport]) -> (Vec<Item>, Vec<(String, rust_decimal::Decimal)>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = business().await;
        issued(&store, 11).await;
        let mut waiting = reports.to_vec();
        for _ in 0..3 {
            let mut still = Vec::new();
            for report in waiting {
                if let Reported::WaitsFor(_) = payments::report(&store, &report, now()).await.unwrap() {
                    still.push(report);
                }
            }
            waiting = still;
        }
        assert!(waiting.is_empty());
        (books(&store), balances(&store))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]
    #[test]
    fn w2_any_order_with_any_repetition_gives_the_same_books_and_balances(
        shuffled in Just(life(InvoiceId::from_random(11))).prop_shuffle(),
        again in prop::collection::vec(0..10_usize, 0..12),
    ) {
        let mut told = shuffled.clone();
        told.extend(again.iter().filter_map(|index| shuffled.get(*index).cloned()));
        prop_assert!(tell(&told) == tell(&life(InvoiceId::from_random(11))), "told in this order, the books differ");
    }
}
