//! Drafting, finalising and billing: numbers without a gap, one invoice per period, also when everything happens at once.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    dead_code,
    reason = "a test stops at the first surprise, and shares a file with the others"
)]

mod books;

use std::sync::Arc;

use books::*;
use chrono::{Duration, TimeZone, Utc};
use futures_util::future::join_all;
use saldo_billing::Outcome;
use saldo_billing::id::{CustomerId, InvoiceId, SellerId, SubscriptionId};
use saldo_billing::invoice::{InvoiceStatus, Origin};
use saldo_billing::subscription::Subscription;
use saldo_books::subscriptions::{Billed, bill_next, cancel};
use saldo_books::{BooksError, invoices, nothing_more, payments};
use saldo_store::Store;
use saldo_store::entities::{CreditBalance, NumberSeries, subscription_key};
use saldo_store::memory::MemoryStore;

async fn last_number(store: &MemoryStore, seller: u128) -> u64 {
    let key = NumberSeries::key_of(SellerId::from_random(seller), NumberSeries::INVOICES);
    find::<NumberSeries>(store, key).await.map_or(0, |series| series.last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b1_fifty_finalisations_at_once_take_fifty_consecutive_numbers() {
    let store = Arc::new(business().await);
    for invoice in 0..50 {
        draft(&*store, 100 + invoice, 1, lines(1, 100)).await;
    }
    let finalise = |invoice: u128| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let id = InvoiceId::from_random(100 + invoice);
            invoices::finalise(&*store, id, now(), &nothing_more).await.unwrap();
            read(&*store, id).await.issued().unwrap().number.sequence
        })
    };
    let mut numbers: Vec<u64> =
        join_all((0..50).map(finalise)).await.into_iter().map(|number| number.unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
    assert_eq!(last_number(&store, 1).await, 50);
}

#[tokio::test]
async fn b4_two_sellers_count_for_themselves() {
    let store = business().await;
    for (invoice, customer) in [(11, 1), (12, 2), (13, 1)] {
        let id = draft(&store, invoice, customer, lines(1, 100)).await;
        invoices::finalise(&store, id, now(), &nothing_more).await.unwrap();
    }
    let finalised = join_all([11, 12, 13].map(|n| read(&store, InvoiceId::from_random(n)))).await;
    let numbers: Vec<_> = finalised.iter().map(|invoice| invoice.issued().unwrap().number.text.as_str()).collect();
    assert_eq!(numbers, ["N1-000001", "N2-000001", "N1-000002"]);
}

#[tokio::test]
async fn i9_two_workers_that_finalise_one_invoice_take_one_number() {
    let store = business().await;
    let id = draft(&store, 11, 1, lines(1, 100)).await;
    let outcomes = join_all((0..2).map(|_| invoices::finalise(&store, id, now(), &nothing_more))).await;
    let applied = outcomes.into_iter().filter(|outcome| matches!(outcome, Ok(Outcome::Applied(_)))).count();
    assert_eq!((applied, last_number(&store, 1).await), (1, 1));
}

#[tokio::test]
async fn b5_wherever_finalising_breaks_off_no_number_is_lost() {
    for loses_answers in [false, true] {
        for calls in 0..12 {
            let store = business().await;
            let id = draft(&store, 11, 1, lines(1, 100)).await;
            let breaking = Breaking::new(&store, calls, loses_answers);
            let broken: Result<_, BooksError> = invoices::finalise(&breaking, id, now(), &nothing_more).await;
            let issued = read(&store, id).await.issued().is_some();
            assert_eq!(last_number(&store, 1).await, u64::from(issued), "after {calls} calls, {broken:?}");
            invoices::finalise(&store, id, now(), &nothing_more).await.unwrap();
            assert_eq!(last_number(&store, 1).await, 1);
        }
    }
}

#[tokio::test]
async fn i10_an_invoice_of_5000_lines_is_whole() {
    let store = business().await;
    let mut many = lines(5_000, 1);
    for (number, line) in many.iter_mut().enumerate() {
        line.description = format!("{number}");
    }
    let id = draft(&store, 11, 1, many).await;
    invoices::finalise(&store, id, now(), &nothing_more).await.unwrap();
    let document = invoices::document(&store, id).await.unwrap();
    assert_eq!((document.lines.len(), document.lines[4_999].description.as_str()), (5_000, "4999"));
    assert_eq!(read(&store, id).await.amount_due().unwrap(), eur(5_000));
}

#[tokio::test]
async fn d2_credit_is_used_once_by_whichever_invoice_comes_first() {
    let store = business().await;
    let first = issued(&store, 11).await;
    payments::report(&store, &report("pi_1", Some(first), captured(12_000), 0), now()).await.unwrap();
    for invoice in [12, 13] {
        draft(&store, invoice, 1, lines(1, 1_500)).await;
    }
    join_all([12, 13].map(|n| invoices::finalise(&store, InvoiceId::from_random(n), now(), &nothing_more))).await;
    let due = join_all([12, 13].map(|n| read(&store, InvoiceId::from_random(n)))).await;
    let due: i64 = due.iter().map(|invoice| invoice.amount_due().unwrap().to_minor().unwrap()).sum();
    assert_eq!(due, 1_000);
    let credit: CreditBalance =
        find(&store, CreditBalance::key_of(CustomerId::from_random(1), "EUR".parse().unwrap())).await.unwrap();
    assert_eq!(credit.balance, eur(0));
}

async fn bill_all(store: &dyn Store, at: chrono::DateTime<Utc>) -> Vec<String> {
    let mut periods = Vec::new();
    while let Billed::Period(invoice) = bill_next(store, SubscriptionId::from_random(5), at).await.unwrap() {
        if let Origin::Subscription { period, .. } = invoice.origin {
            periods.push(period.to_string());
        }
    }
    periods
}

#[tokio::test]
async fn t2_a_day_of_hourly_ticks_makes_one_invoice() {
    let store = business().await;
    create(&store, &subscription(5, "2026-10-02")).await;
    let midnight = Utc.with_ymd_and_hms(2026, 10, 1, 22, 0, 0).unwrap();
    assert!(bill_all(&store, midnight - Duration::seconds(1)).await.is_empty());
    let mut invoices = 0;
    for hour in 0..24 {
        invoices += bill_all(&store, midnight + Duration::hours(hour)).await.len();
    }
    assert_eq!(invoices, 1);
}

#[tokio::test]
async fn m11_two_periods_late_each_period_has_its_own_invoice() {
    let store = business().await;
    create(&store, &subscription(5, "2026-08-31")).await;
    let late = Utc.with_ymd_and_hms(2026, 10, 3, 0, 0, 0).unwrap();
    assert_eq!(bill_all(&store, late).await, ["2026-08-31 to 2026-09-29", "2026-09-30 to 2026-10-30"]);
    assert_eq!(last_number(&store, 1).await, 2);
}

#[tokio::test]
async fn workers_that_bill_one_subscription_at_once_make_one_invoice_a_period() {
    let store = business().await;
    create(&store, &subscription(5, "2026-08-31")).await;
    let late = Utc.with_ymd_and_hms(2026, 10, 3, 0, 0, 0).unwrap();
    let billed: usize = join_all((0..8).map(|_| bill_all(&store, late))).await.iter().map(Vec::len).sum();
    assert_eq!((billed, last_number(&store, 1).await), (2, 2));
}

#[tokio::test]
async fn wherever_billing_breaks_off_the_period_is_billed_once() {
    for loses_answers in [false, true] {
        for calls in 0..12 {
            let store = business().await;
            create(&store, &subscription(5, "2026-10-01")).await;
            let breaking = Breaking::new(&store, calls, loses_answers);
            drop(bill_next(&breaking, SubscriptionId::from_random(5), now()).await);
            bill_all(&store, now()).await;
            assert_eq!(last_number(&store, 1).await, 1);
        }
    }
}

#[tokio::test]
async fn a_subscription_called_off_is_billed_no_more() {
    let store = business().await;
    create(&store, &subscription(5, "2026-10-01")).await;
    bill_all(&store, now()).await;
    cancel(&store, SubscriptionId::from_random(5), true, now(), &nothing_more).await.unwrap();
    let cancelled: Subscription = find(&store, subscription_key(SubscriptionId::from_random(5))).await.unwrap();
    assert_eq!(cancelled.end_on().unwrap().to_string(), "2026-11-01");
    assert!(bill_all(&store, now() + Duration::days(90)).await.is_empty());
    assert_eq!(cancelled.bill_at(), None);
}

#[tokio::test]
async fn b2_a_void_invoice_keeps_its_number_and_leaves_no_trace_in_the_balances() {
    let store = business().await;
    let id = issued(&store, 11).await;
    invoices::void(&store, id, now(), &nothing_more).await.unwrap();
    assert_eq!(read(&store, id).await.status().unwrap(), InvoiceStatus::Void);
    assert_eq!(balances(&store), []);
    assert_eq!(last_number(&store, 1).await, 1);
}
