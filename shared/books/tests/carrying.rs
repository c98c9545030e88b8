//! What is too small to be charged alone is owed with the customer's next invoice, once (C8).
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    dead_code,
    reason = "a test stops at the first surprise, and shares a file with the others"
)]

mod books;

use books::*;
use futures_util::future::join_all;
use saldo_billing::id::{CustomerId, InvoiceId, SubscriptionId};
use saldo_billing::invoice::{
    AttemptState, BroughtForward, Collection, Draft, HostedPage, Invoice, InvoiceError, InvoiceStatus, Origin,
};
use saldo_billing::ledger::Position;
use saldo_billing::party::Customer;
use saldo_billing::payment::{Decline, RefundStatus, Statement};
use saldo_billing::provider::PaymentMethod;
use saldo_billing::terms::NetTerms;
use saldo_books::attempts::Permission;
use saldo_books::subscriptions::{Billed, bill_next};
use saldo_books::{BooksError, attempts, invoices, nothing_more, payments};
use saldo_money::Money;
use saldo_store::entities::{CreditBalance, customer_key};
use saldo_store::memory::MemoryStore;
use saldo_store::{Store, Stored, Transaction, load};

async fn customer_of(store: &dyn Store) -> Stored<Customer> {
    load(store, &customer_key(CustomerId::from_random(1))).await.unwrap().unwrap()
}

/// A business whose first customer has a card.
async fn business_with_card() -> MemoryStore {
    let store = business().await;
    let mut customer = customer_of(&store).await;
    let method = serde_json::json!({"account": "stripe/main", "customer": "cus_1", "token": "pm_1", "kind": "card"});
    customer.value.payment_method = Some(serde_json::from_value::<PaymentMethod>(method).unwrap());
    let mut transaction = Transaction::new();
    transaction.update(&customer).unwrap();
    store.commit(transaction).await.unwrap();
    store
}

/// An invoice that is charged automatically, finalised.
async fn charged(store: &dyn Store, invoice: u128, minor: i64) -> InvoiceId {
    let draft = Draft {
        id: InvoiceId::from_random(invoice),
        origin: Origin::OneOff,
        collection: Collection::Automatic,
        terms: NetTerms::try_new(0, false).unwrap(),
        currency: "EUR".parse().unwrap(),
    };
    let id = draft.id;
    invoices::draft(store, draft, &customer(1, 1), lines(1, minor), now(), &nothing_more).await.unwrap();
    invoices::finalise(store, id, now(), &nothing_more).await.unwrap();
    id
}

/// The provider charges nothing so small.
async fn refuse_as_too_small(store: &dyn Store, id: InvoiceId) {
    let reached = async |_: &_| Ok::<_, BooksError>(());
    let permission = attempts::permission(store, id, now(), now(), reached).await.unwrap();
    assert!(matches!(permission, Permission::Charge(_)), "{permission:?}");
    let decline = Decline { code: Decline::TOO_SMALL.to_owned(), hard: true };
    attempts::settle(store, id, 1, AttemptState::Declined { at: now(), decline }, now()).await.unwrap();
}

/// An invoice over 0.30, which the provider does not charge.
async fn too_small(store: &dyn Store, invoice: u128) -> InvoiceId {
    let id = charged(store, invoice, 30).await;
    refuse_as_too_small(store, id).await;
    id
}

async fn due(store: &dyn Store, id: InvoiceId) -> Money {
    read(store, id).await.amount_due().unwrap()
}

async fn receivable(store: &MemoryStore) -> String {
    let found = balances(store).into_iter().find(|(account, _)| account == "receivable");
    found.map_or("0".to_owned(), |(_, sum)| sum.to_string())
}

async fn pay(store: &dyn Store, reference: &str, id: InvoiceId, minor: i64) {
    payments::report(store, &report(reference, Some(id), captured(minor), 0), now()).await.unwrap();
}

#[tokio::test]
async fn c8_what_is_too_small_stays_open_and_is_owed_with_the_next_invoice() {
    let store = business_with_card().await;
    let small = too_small(&store, 11).await;
    let before = read(&store, small).await;
    assert_eq!((before.status().unwrap(), before.amount_due().unwrap()), (InvoiceStatus::Open, eur(30)));
    let next = issued(&store, 12).await;
    let (carried, brought) = (read(&store, small).await, read(&store, next).await);
    assert_eq!((carried.amount_due().unwrap(), carried.carried_forward().unwrap().to), (eur(0), next));
    let number = carried.issued().unwrap().number.text.clone();
    assert_eq!(brought.brought_forward(), [BroughtForward { from: small, number, amount: eur(30) }]);
    assert_eq!((brought.status().unwrap(), brought.amount_due().unwrap()), (InvoiceStatus::Open, eur(10_030)));
    assert_eq!(brought.due_at_issue().unwrap(), Some(eur(10_030)));
    assert_eq!(customer_of(&store).await.value.too_small.len(), 0);
    assert_eq!(receivable(&store).await, "100.30", "what is owed has not changed");
    pay(&store, "pi_1", next, 10_030).await;
    assert_eq!(read(&store, next).await.status().unwrap(), InvoiceStatus::Paid);
    assert_eq!(receivable(&store).await, "0");
    // Once.
    assert_eq!(due(&store, issued(&store, 13).await).await, eur(10_000));
}

#[tokio::test]
async fn c8_the_next_invoice_may_be_that_of_a_period() {
    let store = business_with_card().await;
    too_small(&store, 11).await;
    create(&store, &subscription(5, "2026-10-01")).await;
    let Billed::Period(invoice) = bill_next(&store, SubscriptionId::from_random(5), now()).await.unwrap() else {
        panic!("a period is due")
    };
    assert_eq!(invoice.amount_due().unwrap(), eur(4_900 + 1_029 + 30));
}

#[tokio::test]
async fn c8_small_ones_add_up_until_they_can_be_charged() {
    let store = business_with_card().await;
    let (first, second) = (too_small(&store, 11).await, charged(&store, 12, 15).await);
    assert_eq!(due(&store, second).await, eur(45));
    refuse_as_too_small(&store, second).await;
    let third = charged(&store, 13, 10).await;
    assert_eq!([due(&store, first).await, due(&store, second).await, due(&store, third).await], [0, 0, 55].map(eur));
    assert_eq!(receivable(&store).await, "0.55");
}

#[tokio::test]
async fn c8_credit_pays_what_was_brought_forward_too() {
    let store = business_with_card().await;
    let (small, other) = (too_small(&store, 11).await, issued(&store, 12).await);
    // They pay it by transfer after it was carried: that is credit now.
    pay(&store, "pi_1", small, 30).await;
    let key = CreditBalance::key_of(CustomerId::from_random(1), "EUR".parse().unwrap());
    assert_eq!(find::<CreditBalance>(&store, key).await.unwrap().balance, eur(30));
    assert_eq!((due(&store, other).await, due(&store, issued(&store, 13).await).await), (eur(10_030), eur(9_970)));
}

#[tokio::test]
async fn what_was_paid_meanwhile_or_is_in_another_currency_is_not_brought_forward() {
    let store = business_with_card().await;
    let paid = too_small(&store, 11).await;
    pay(&store, "pi_1", paid, 30).await;
    let draft = Draft {
        id: InvoiceId::from_random(12),
        origin: Origin::OneOff,
        collection: Collection::Automatic,
        terms: NetTerms::try_new(0, false).unwrap(),
        currency: "USD".parse().unwrap(),
    };
    let mut dollars = lines(1, 30);
    dollars[0].net = Money::from_minor(30, "USD".parse().unwrap());
    let usd = draft.id;
    invoices::draft(&store, draft, &customer(1, 1), dollars, now(), &nothing_more).await.unwrap();
    invoices::finalise(&store, usd, now(), &nothing_more).await.unwrap();
    refuse_as_too_small(&store, usd).await;
    assert_eq!(due(&store, issued(&store, 13).await).await, eur(10_000));
    let waiting: Vec<InvoiceId> = customer_of(&store).await.value.too_small.into_iter().collect();
    assert_eq!(waiting, [usd], "the paid one is forgotten");
}

#[tokio::test]
async fn voiding_the_later_invoice_has_the_earlier_one_owed_again() {
    let store = business_with_card().await;
    let (small, next) = (too_small(&store, 11).await, issued(&store, 12).await);
    let refused = invoices::void(&store, small, now(), &nothing_more).await;
    assert!(matches!(refused, Err(BooksError::Invoice(InvoiceError::Status { .. }))), "{refused:?}");
    invoices::void(&store, next, now(), &nothing_more).await.unwrap();
    assert_eq!((due(&store, small).await, due(&store, next).await), (eur(30), eur(0)));
    assert_eq!(receivable(&store).await, "0.30");
    let after = issued(&store, 13).await;
    assert_eq!((due(&store, small).await, due(&store, after).await), (eur(0), eur(10_030)));
    // Paid by transfer while it was carried, and owed again: the credit of that pays it.
    pay(&store, "pi_1", small, 30).await;
    invoices::void(&store, after, now(), &nothing_more).await.unwrap();
    let key = CreditBalance::key_of(CustomerId::from_random(1), "EUR".parse().unwrap());
    assert_eq!((due(&store, small).await, find::<CreditBalance>(&store, key).await.unwrap().balance), (eur(0), eur(0)));
    assert_eq!(receivable(&store).await, "0");
}

#[tokio::test]
async fn wherever_finalising_breaks_off_it_is_owed_once() {
    for loses_answers in [false, true] {
        for calls in 0..12 {
            let store = business_with_card().await;
            let small = too_small(&store, 11).await;
            let id = draft(&store, 12, 1, lines(1, 10_000)).await;
            let breaking = Breaking::new(&store, calls, loses_answers);
            let broken = invoices::finalise(&breaking, id, now(), &nothing_more).await;
            let sum = due(&store, small).await.checked_add(due(&store, id).await).unwrap();
            let whole = if read(&store, id).await.issued().is_some() { 10_030 } else { 30 };
            assert_eq!(sum, eur(whole), "after {calls} calls, {broken:?}");
            invoices::finalise(&store, id, now(), &nothing_more).await.unwrap();
            assert_eq!((due(&store, small).await, due(&store, id).await), (eur(0), eur(10_030)));
        }
    }
}

#[tokio::test]
async fn of_two_invoices_that_are_finalised_at_once_one_brings_it_forward() {
    let store = business_with_card().await;
    too_small(&store, 11).await;
    for invoice in [12, 13] {
        draft(&store, invoice, 1, lines(1, 10_000)).await;
    }
    join_all([12, 13].map(|n| invoices::finalise(&store, InvoiceId::from_random(n), now(), &nothing_more))).await;
    let both: Vec<Invoice> = join_all([12, 13].map(|n| read(&store, InvoiceId::from_random(n)))).await;
    let mut due: Vec<Money> = both.iter().map(|invoice| invoice.amount_due().unwrap()).collect();
    due.sort_unstable_by_key(|money| money.amount());
    assert_eq!(due, [eur(10_000), eur(10_030)]);
}

#[tokio::test]
async fn what_was_paid_and_given_back_meanwhile_is_in_the_ledger_when_the_earlier_one_is_owed_again() {
    let store = business_with_card().await;
    let (small, next) = (too_small(&store, 11).await, issued(&store, 12).await);
    pay(&store, "pi_1", small, 30).await;
    let refunded = Statement::Refund {
        reference: "re_1".to_owned(),
        amount: eur(30),
        status: RefundStatus::Succeeded,
        requested_as: None,
    };
    payments::report(&store, &report("pi_1", Some(small), refunded, 1), now()).await.unwrap();
    invoices::void(&store, next, now(), &nothing_more).await.unwrap();
    let invoices = [read(&store, small).await, read(&store, next).await];
    let mut sums = Position::default();
    for invoice in &invoices {
        sums = sums.plus(&invoice.position().unwrap()).unwrap();
    }
    let mut expected: Vec<_> = sums.postings().map(|(account, money)| (account.to_string(), money.amount())).collect();
    expected.sort();
    assert_eq!(balances(&store), expected);
}

#[tokio::test]
async fn wherever_voiding_breaks_off_it_is_owed_once() {
    for loses_answers in [false, true] {
        for calls in 0..12 {
            let store = business_with_card().await;
            let (small, next) = (too_small(&store, 11).await, issued(&store, 12).await);
            let broken = invoices::void(&Breaking::new(&store, calls, loses_answers), next, now(), &nothing_more).await;
            let sum = due(&store, small).await.checked_add(due(&store, next).await).unwrap();
            let whole = if read(&store, next).await.voided_at().is_some() { 30 } else { 10_030 };
            assert_eq!(sum, eur(whole), "after {calls} calls, {broken:?}");
            invoices::void(&store, next, now(), &nothing_more).await.unwrap();
            assert_eq!((due(&store, small).await, due(&store, next).await), (eur(30), eur(0)));
            assert!(customer_of(&store).await.value.too_small.contains(&small));
        }
    }
}

#[tokio::test]
async fn writing_the_later_one_off_gives_all_of_it_up_and_a_small_one_that_was_given_up_is_not_carried() {
    let store = business_with_card().await;
    let (_, next) = (too_small(&store, 11).await, issued(&store, 12).await);
    invoices::write_off(&store, next, now(), &nothing_more).await.unwrap();
    assert_eq!(receivable(&store).await, "0");
    let given_up = too_small(&store, 13).await;
    invoices::write_off(&store, given_up, now(), &nothing_more).await.unwrap();
    assert_eq!(due(&store, issued(&store, 14).await).await, eur(10_000));
    assert_eq!(customer_of(&store).await.value.too_small.len(), 0);
}

#[tokio::test]
async fn an_invoice_brings_twenty_forward_and_the_one_after_it_the_rest() {
    let store = business_with_card().await;
    // None of them brings another forward: all are finalised before any is refused.
    let mut small = Vec::new();
    for invoice in 0..21 {
        small.push(charged(&store, 100 + invoice, 30).await);
    }
    for id in small {
        refuse_as_too_small(&store, id).await;
    }
    let (next, after) = (issued(&store, 12).await, issued(&store, 13).await);
    assert_eq!((due(&store, next).await, due(&store, after).await), (eur(10_600), eur(10_030)));
}

#[tokio::test]
async fn a_page_that_was_closed_is_not_opened_again_by_who_was_slow_to_write_it_down() {
    let store = business().await;
    let id = issued(&store, 11).await;
    let page = HostedPage {
        account: "stripe/main".parse().unwrap(),
        reference: "cs_1".to_owned(),
        mark: "1f0c93ab".to_owned(),
        amount: eur(10_000),
        expires_at: now(),
        payment: None,
    };
    let open = async || attempts::open_page(&store, id, &page, "https://pay.example/1", now(), &nothing_more).await;
    open().await.unwrap();
    open().await.unwrap();
    attempts::page_closed(&store, id, "cs_1", now()).await.unwrap();
    assert!(matches!(open().await, Err(BooksError::Invoice(InvoiceError::Status { .. }))));
    assert_eq!(read(&store, id).await.page(), None);
}

#[tokio::test]
async fn nothing_is_brought_forward_by_an_invoice_that_asks_for_nothing_itself() {
    let store = business_with_card().await;
    let small = too_small(&store, 11).await;
    let prepaid = draft(&store, 12, 1, lines(1, 500)).await;
    pay(&store, "pi_1", prepaid, 500).await;
    let free = draft(&store, 13, 1, lines(1, 0)).await;
    for id in [prepaid, free] {
        invoices::finalise(&store, id, now(), &nothing_more).await.unwrap();
        assert_eq!(read(&store, id).await.status().unwrap(), InvoiceStatus::Paid);
    }
    let overpaid = issued(&store, 14).await;
    assert_eq!(due(&store, overpaid).await, eur(10_030), "this one does");
    pay(&store, "pi_2", overpaid, 12_030).await;
    let by_credit = draft(&store, 16, 1, lines(1, 1_000)).await;
    invoices::finalise(&store, by_credit, now(), &nothing_more).await.unwrap();
    assert_eq!((due(&store, by_credit).await, due(&store, small).await), (eur(0), eur(0)));
}
