//! What was paid is booked as told, and what a person should see is shown.

use chrono::{DateTime, Days, Utc};
use saldo_billing::calendar::local_date;
use saldo_billing::dunning::DunningPolicy;
use saldo_billing::id::SellerId;
use saldo_billing::invoice::HostedPage;
use saldo_billing::invoice::collection::StepKind;
use saldo_billing::invoice::{AttemptState, Collection, InvoiceStatus};
use saldo_billing::mail::Purpose;
use saldo_billing::party::Seller;
use saldo_billing::payment::PaymentStatus;
use saldo_billing::provider::PaymentMethod;
use saldo_books::BooksError;
use saldo_books::attempts::{self, Permission};
use saldo_store::entities::{CreditBalance, seller_key};
use saldo_store::{Store, Stored, Table, Transaction, load};

use crate::events_once::SUCCEEDED;
use crate::world::{World, account, customer_id, eur, invoice_id, issued_at, payment_id};

const CHARGED: &str = include_str!("../../../events/payment-processing/charge-succeeded.json");
const FAILED: &str = include_str!("../../../events/payment-processing/payment-intent-failed.json");
const DISPUTED: &str = include_str!("../../../events/payment-processing/dispute-created.json");
const WITHDRAWN: &str = include_str!("../../../events/payment-processing/dispute-funds-withdrawn.json");
const WON: &str = include_str!("../../../events/payment-processing/dispute-won.json");
const COMPLETED: &str = include_str!("../../../events/payment-processing/checkout-completed.json");
const EXPIRED: &str = include_str!("../../../events/payment-processing/checkout-expired.json");

/// The event, with another amount taken.
fn of_amount(minor: i64) -> String {
    let changed = SUCCEEDED.replace("11900", &minor.to_string());
    assert_ne!(changed, SUCCEEDED);
    changed
}

#[tokio::test]
async fn an_intent_and_its_charge_are_one_payment() {
    let world = World::new().await;
    assert!(world.take(CHARGED).await && world.take(SUCCEEDED).await);
    assert_eq!(world.invoice().await.amount_paid().unwrap(), eur(11_900));
    let sks: Vec<_> = world.store.memory.items(Table::Billing);
    let entries = sks.iter().filter(|item| saldo_store::text(item, "sk").unwrap().starts_with("ENTRY#pay_"));
    assert_eq!(entries.count(), 1);
    assert_eq!(world.counted("AmountDifferences"), 0);
}

#[tokio::test]
async fn less_than_was_due_leaves_the_rest_open_and_is_shown() {
    let world = World::new().await;
    for _ in 0..3 {
        assert!(world.take(&of_amount(6_000)).await);
    }
    let invoice = world.invoice().await;
    assert_eq!((invoice.status().unwrap(), invoice.amount_due().unwrap()), (InvoiceStatus::PartlyPaid, eur(5_900)));
    assert_eq!(world.counted("AmountDifferences"), 1);
}

#[tokio::test]
async fn more_than_was_due_becomes_credit_and_is_shown() {
    let world = World::new().await;
    assert!(world.take(&of_amount(13_900)).await);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
    let key = CreditBalance::key_of(customer_id(), "EUR".parse().unwrap());
    let credit: Stored<CreditBalance> = load(&*world.store, &key).await.unwrap().unwrap();
    assert_eq!(credit.value.balance, eur(2_000));
    assert_eq!(world.counted("AmountDifferences"), 1);
}

#[tokio::test]
async fn money_without_an_invoice_is_booked_and_counted() {
    let world = World::new().await;
    let elsewhere = SUCCEEDED.replace("saldo_invoice", "order");
    for _ in 0..2 {
        assert!(world.take(&elsewhere).await);
    }
    assert_eq!(world.payment().await.unwrap().standing().unwrap().captured, eur(11_900));
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Open);
    assert_eq!(world.counted("UnallocatedPayments"), 1);
}

#[tokio::test]
async fn a_dispute_pauses_and_moves_money_and_a_win_brings_it_back() {
    let world = World::new().await;
    assert!(world.take(SUCCEEDED).await && world.take(DISPUTED).await);
    assert!(world.invoice().await.is_disputed());
    assert!(world.take(WITHDRAWN).await);
    let standing = world.payment().await.unwrap().standing().unwrap();
    assert_eq!((standing.disputed, standing.dispute_fees), (eur(11_900), eur(1_500)));
    assert!(world.take(WON).await);
    let standing = world.payment().await.unwrap().standing().unwrap();
    assert_eq!((standing.disputed, standing.lost), (eur(0), eur(0)));
    assert!(!world.invoice().await.is_disputed());
}

/// An invoice to be charged, of which the first attempt is in the provider's hands.
async fn charging(policy: &str) -> World {
    let world = World::empty().await;
    let key = seller_key(SellerId::from_random(1));
    let mut seller: Stored<Seller> = load(&*world.store, &key).await.unwrap().unwrap();
    seller.value.dunning = serde_json::from_str::<DunningPolicy>(policy).unwrap();
    let mut transaction = Transaction::new();
    transaction.update(&seller).unwrap();
    world.store.commit(transaction).await.unwrap();
    world.add_customer().await;
    let key = saldo_store::entities::customer_key(customer_id());
    let mut customer: Stored<saldo_billing::party::Customer> = load(&*world.store, &key).await.unwrap().unwrap();
    customer.value.payment_method = Some(PaymentMethod {
        account: account(),
        token: "pm_1SkXpzLkdIwHu7ixT4nQ8RbD".to_owned(),
        customer: "cus_TiYk2xJv0Gz8Qp".to_owned(),
        kind: "sepa_debit".to_owned(),
        network: None,
        last4: Some("3000".to_owned()),
        expires: None,
    });
    let mut transaction = Transaction::new();
    transaction.update(&customer).unwrap();
    world.store.commit(transaction).await.unwrap();
    world.issue(Collection::Automatic).await;
    let permission = attempts::permission(&*world.store, invoice_id(), issued_at(), issued_at(), async |_: &_| {
        Ok::<_, BooksError>(())
    })
    .await
    .unwrap();
    assert!(matches!(permission, Permission::Charge(_)));
    world
}

fn of_attempt(event: &str) -> String {
    event.replace(r#"\"saldo_invoice\\\":"#, r#"\"saldo_attempt\\\": \\\"1\\\", \\\"saldo_invoice\\\":"#)
}

#[tokio::test]
async fn a_failure_that_only_the_webhook_tells_moves_the_ladder_one_step_and_tells_the_customer() {
    let world = charging("{}").await;
    for _ in 0..3 {
        assert!(world.take(&of_attempt(FAILED)).await);
    }
    let invoice = world.invoice().await;
    assert_eq!(invoice.progress.failures, 1);
    let AttemptState::Declined { at, .. } = invoice.progress.attempt.unwrap().state else { panic!("it was declined") };
    assert_eq!(world.mails()[0], Purpose::PaymentFailed(1));
    // The waits count from the failure, and not from when the charge was asked for (D3).
    let zone = world.customer().await.zone;
    let day = |at: DateTime<Utc>| local_date(at, zone);
    let next = invoice.progress.next.unwrap();
    let expected = [day(issued_at()).succ_opt().unwrap(), day(at).checked_add_days(Days::new(3)).unwrap()];
    assert_eq!((next.kind, [day(at), day(next.at)]), (StepKind::Collect, expected));
}

#[tokio::test]
async fn what_another_account_says_of_an_attempt_of_that_number_does_not_decide_this_one() {
    let world = charging("{}").await;
    let elsewhere = of_attempt(FAILED).replace("stripe/main", "stripe/other");
    assert!(world.take(&elsewhere).await);
    let invoice = world.invoice().await;
    assert_eq!((invoice.progress.failures, invoice.progress.attempt.unwrap().state), (0, AttemptState::Begun));
}

#[tokio::test]
async fn a_last_failure_that_only_the_webhook_tells_ends_the_dunning() {
    let world = charging(r#"{"retry_after_days": [], "when_exhausted": "uncollectible"}"#).await;
    assert!(world.take(&of_attempt(FAILED)).await);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Uncollectible);
    // A late payment is accepted after all (D15).
    assert!(world.take(&of_attempt(SUCCEEDED)).await);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
    assert!(world.mails().contains(&Purpose::Receipt(payment_id())));
}

#[tokio::test]
async fn a_cancellation_that_only_the_webhook_tells_ends_the_dunning_and_tells_the_customer() {
    let world = charging(r#"{"retry_after_days": [], "when_exhausted": "uncollectible"}"#).await;
    let event = of_attempt(FAILED)
        .replace("payment_intent.payment_failed", "payment_intent.canceled")
        .replace(r#"\"status\\\": \\\"requires_payment_method\\\""#, r#"\"status\\\": \\\"canceled\\\""#)
        .replace(r#"\"canceled_at\\\": null"#, r#"\"canceled_at\\\": 1790927990"#);
    assert!(event.contains(r#"\\\"canceled\\\""#) && event.contains(r#"canceled_at\\\": 1790927990"#));
    assert!(world.take(&event).await);
    assert_eq!(world.payment().await.unwrap().status(), PaymentStatus::Cancelled);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Uncollectible);
    assert_eq!(world.mails(), [Purpose::PaymentFailed(1)]);
}

/// The invoice with a page open for it, of which payments tell by `mark`.
async fn with_page(mark: &str) -> World {
    let world = World::new().await;
    let page = HostedPage {
        account: account(),
        reference: "cs_test_a1B2c3D4e5F6g7H8i9J0".to_owned(),
        mark: mark.to_owned(),
        amount: eur(11_900),
        expires_at: issued_at(),
        payment: None,
    };
    let (url, also) = ("https://checkout.stripe.com/c/pay/cs_test_a1B2c3D4e5F6g7H8i9J0", &saldo_books::nothing_more);
    attempts::open_page(&*world.store, invoice_id(), &page, url, issued_at(), also).await.unwrap();
    world
}

#[tokio::test]
async fn a_payment_that_says_on_which_page_it_was_made_ends_that_page_by_itself() {
    let marked =
        SUCCEEDED.replace(r#"\"saldo_invoice\\\":"#, r#"\"saldo_page\\\": \\\"1f0c93ab\\\", \\\"saldo_invoice\\\":"#);
    assert!(marked.contains("saldo_page"));
    for (mark, stays) in [("1f0c93ab", false), ("0a0b0c0d", true)] {
        let world = with_page(mark).await;
        assert!(world.take(&marked).await && world.take(&marked).await);
        assert_eq!(world.invoice().await.page().is_some(), stays);
        assert!(world.mails().contains(&Purpose::Receipt(payment_id())));
        assert!(world.take(COMPLETED).await);
        assert_eq!(world.invoice().await.page(), None, "the page itself says the same");
    }
}

#[tokio::test]
async fn a_page_stays_until_what_is_paid_on_it_is_decided_and_goes_when_it_runs_out() {
    for (event, stays) in [(COMPLETED, true), (EXPIRED, false)] {
        let world = with_page("1f0c93ab").await;
        assert!(world.take(event).await && world.take(event).await);
        let invoice = world.invoice().await;
        assert_eq!(invoice.page().is_some_and(|page| page.payment.is_some()), stays, "{event}");
        assert!(world.take(SUCCEEDED).await);
        assert_eq!(world.invoice().await.page(), None);
    }
}
