//! What a charge leads to besides money: retries, mails, the end of dunning, and messages that cannot be handled.

use std::time::Duration;

use payment_collection::handler::handle;
use saldo_billing::dunning::{DunningPolicy, ReminderStep};
use saldo_billing::id::{InvoiceId, SellerId};
use saldo_billing::invoice::collection::StepKind;
use saldo_billing::invoice::{AttemptState, InvoiceStatus};
use saldo_billing::mail::{MailRecord, MailState, Purpose};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::Decline;
use saldo_books::mail;
use saldo_gateways::memory::Scripted;
use saldo_runtime::budget::Budget;
use saldo_store::entities::{customer_key, seller_key};
use saldo_store::memory::Fate;
use saldo_store::{DueKind, Store, Stored, Transaction, load};

use crate::world::{World, at, charge_event, eur, invoice_id, sample};

const NEIGHBOURS: &str = include_str!("../../../events/payment-collection/poison-neighbours.json");
const DAY: i64 = 24 * 60;

fn decline(code: &str, hard: bool) -> Scripted {
    Scripted::Decline(Decline { code: code.to_owned(), hard })
}

#[tokio::test]
async fn bad_neighbours_do_not_stop_a_charge() {
    let world = World::new().await;
    let failed = world.handle(sample(NEIGHBOURS)).await;
    assert_eq!(
        failed,
        [
            "8f0d2c4a-7a51-4b8e-9a35-0c5e2b0f6a11",
            "c7d1a0be-52d4-4b0c-8a64-5f1f3f6c2a93",
            "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
        ]
    );
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
}

#[tokio::test]
async fn a_failing_invoice_does_not_stop_the_others_of_its_message() {
    let world = World::new().await;
    let missing = InvoiceId::from_random(99);
    let event = charge_event(vec![missing, invoice_id()], at(0));
    assert_eq!(world.handle(event).await, ["m-0"]);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
}

#[tokio::test]
async fn after_a_soft_decline_the_customer_is_told_and_the_charge_is_tried_again_later() {
    let world = World::new().await;
    world.gateway.script_charges([decline("insufficient_funds", false)]);
    assert!(world.charge(0).await);
    assert_eq!(world.mails(), [Purpose::PaymentFailed(1)]);
    let invoice = world.invoice().await;
    assert_eq!((invoice.status().unwrap(), invoice.progress.failures), (InvoiceStatus::Open, 1));
    assert!(world.charge(2 * DAY).await, "too early");
    assert_eq!(world.gateway.charge_calls(), 1);
    assert!(world.charge(3 * DAY).await);
    assert_eq!(world.gateway.times_taken(), 1);
}

#[tokio::test]
async fn after_a_hard_decline_the_method_is_left_alone_and_the_customer_is_reminded() {
    let world = World::new().await;
    world.gateway.script_charges([decline("stolen_card", true)]);
    assert!(world.charge(0).await);
    assert_eq!(world.mails(), [Purpose::PaymentFailed(1)]);
    assert_eq!(world.invoice().await.progress.next.unwrap().kind, StepKind::Remind);
    assert!(world.charge(30 * DAY).await);
    assert_eq!(world.gateway.charge_calls(), 1);
}

#[tokio::test]
async fn when_the_last_retry_has_failed_the_policy_has_its_way() {
    let world = World::new().await;
    let mut seller: Stored<Seller> = load(&*world.store, &seller_key(SellerId::from_random(1))).await.unwrap().unwrap();
    seller.value.dunning =
        serde_json::from_str::<DunningPolicy>(r#"{"retry_after_days": [1], "when_exhausted": "uncollectible"}"#)
            .unwrap();
    let mut transaction = Transaction::new();
    transaction.update(&seller).unwrap();
    world.store.commit(transaction).await.unwrap();

    world.gateway.script_charges([decline("insufficient_funds", false), decline("insufficient_funds", false)]);
    assert!(world.charge(0).await);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Open);
    // The process dies after the second decline is booked, before the policy had its way.
    world.store.script([Fate::Succeeds, Fate::Succeeds, Fate::IsNeverSent]);
    assert!(!world.charge(DAY).await);
    assert!(world.charge(DAY + 1).await);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Uncollectible);
    assert_eq!(world.gateway.charge_calls(), 2);
}

#[tokio::test]
async fn a_method_that_comes_while_an_invoice_is_left_to_its_customer_is_charged() {
    for head_start in 0..12 {
        let world = World::new().await;
        let mut method = None;
        world.change_customer(|customer| method = customer.payment_method.take()).await;
        let told = async {
            for _ in 0..head_start {
                tokio::task::yield_now().await;
            }
            // All of it between two steps of the collector.
            let (store, key) = (&world.store.memory, customer_key(world.invoice().await.customer));
            let mut customer = load::<Customer>(store, &key).await.unwrap().unwrap();
            customer.value.change_method(method, at(0));
            let mut transaction = Transaction::new();
            transaction.update(&customer).unwrap();
            store.commit(transaction).await.unwrap();
        };
        let (done, ()) = futures_util::join!(world.charge(0), told);
        assert!(done && world.new_method(0).await && world.charge(1).await, "head start {head_start}");
        assert!(world.customer().await.method_new_since.is_none());
        assert_eq!(world.gateway.times_taken(), 1, "head start {head_start}");
    }
}

#[tokio::test]
async fn an_invoice_that_waits_for_a_method_hears_of_it_whenever_the_process_dies() {
    for survived in 0..3 {
        for fate in [Fate::IsNeverSent, Fate::IsNeverHeardOf] {
            let world = World::new().await;
            let mut method = None;
            world.change_customer(|customer| method = customer.payment_method.take()).await;
            assert!(world.charge(0).await);
            world.change_customer(|customer| customer.change_method(method, at(1))).await;
            assert_eq!(world.due(2).await, [DueKind::NewMethod]);
            world.store.script(std::iter::repeat_n(Fate::Succeeds, survived).chain([fate]));
            let tries = [world.new_method(2).await, world.new_method(2).await];
            assert!(tries.contains(&true), "{fate:?} after {survived}");
            assert_eq!(world.due(2).await, [DueKind::Collect], "{fate:?} after {survived}");
        }
    }
}

#[tokio::test]
async fn a_method_that_changes_while_invoices_hear_of_it_is_told_once_more() {
    for head_start in 0..8 {
        let world = World::new().await;
        world.change_customer(|customer| customer.method_new_since = Some(at(0))).await;
        let meanwhile = async {
            for _ in 0..head_start {
                tokio::task::yield_now().await;
            }
            world.change_customer(|customer| customer.name.push('!')).await;
        };
        let (done, ()) = futures_util::join!(world.new_method(0), meanwhile);
        assert!(done, "head start {head_start}");
        let customer = world.customer().await;
        assert!(customer.name.ends_with('!'));
        // Told to the end before or after the change: then it is over; in between: it is still due.
        let is_over = customer.method_new_since.is_none();
        assert!(is_over || world.new_method(1).await && world.customer().await.method_new_since.is_none());
    }
}

#[tokio::test]
async fn a_customer_without_method_is_sent_the_invoice_also_after_a_crash() {
    for fate in [Fate::Succeeds, Fate::IsNeverHeardOf] {
        let world = World::new().await;
        world.change_customer(|customer| customer.payment_method = None).await;
        world.store.script([fate]);
        let done = world.charge(0).await;
        assert_eq!(done, fate == Fate::Succeeds);
        if !done {
            assert_eq!(world.mails(), []);
            assert!(world.charge(1).await);
        }
        assert_eq!(world.mails()[0], Purpose::Issued);
        assert_eq!(world.gateway.charge_calls(), 0);
    }
}

#[tokio::test]
async fn a_mail_whose_record_exists_is_not_asked_for_again() {
    let world = World::new().await;
    assert!(world.charge(0).await);
    let [receipt] = world.mails()[..] else { panic!("expected a receipt") };
    let record = MailRecord { invoice: invoice_id(), purpose: receipt, planned_at: at(0), state: MailState::Planned };
    let mut transaction = Transaction::new();
    transaction.create(&record).unwrap();
    world.store.commit(transaction).await.unwrap();
    let before = world.store.memory.total_usage();
    for minutes in 1..50 {
        assert!(world.charge(minutes).await);
    }
    assert_eq!(world.mails(), []);
    assert_eq!(world.store.memory.total_usage().since(before).write_units, 0);
}

#[tokio::test]
async fn a_queue_that_refuses_the_mail_brings_the_message_back_and_only_the_mail_is_repeated() {
    let world = World::new().await;
    world.queue.refuse(1);
    assert!(!world.charge(0).await);
    assert!(world.charge(1).await);
    assert!(matches!(world.mails()[..], [Purpose::Receipt(_)]));
    assert_eq!(world.gateway.charge_calls(), 1);
}

#[tokio::test]
async fn an_amount_below_the_providers_minimum_stays_open_and_the_invoice_is_sent() {
    let world = World::new().await;
    world.gateway.set_minimum(Some(eur(20_000)));
    assert!(world.charge(0).await);
    let invoice = world.invoice().await;
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::Open);
    let AttemptState::Declined { decline, .. } = invoice.progress.attempt.unwrap().state else {
        panic!("expected a decline")
    };
    assert_eq!((decline.code.as_str(), decline.hard), ("amount_too_small", true));
    assert_eq!(world.mails(), [Purpose::Issued]);
    assert_eq!(world.collection.metrics.counted("PaymentsTooSmall"), 1);
    assert_eq!(world.invoice().await.progress.next, None, "nobody is reminded of what nobody can pay");
    let reminder = Purpose::Reminder(ReminderStep::from_days(1));
    let asked_before = mail::decide(&*world.store, invoice_id(), reminder, at(DAY)).await.unwrap();
    assert!(matches!(asked_before, mail::Decision::NoReason), "nor if it was asked for before");
    assert!(world.charge(30 * DAY).await);
    assert_eq!(world.gateway.charge_calls(), 1);
}

#[tokio::test]
async fn a_request_that_the_provider_refuses_is_not_repeated() {
    let world = World::new().await;
    world.gateway.script_charges([Scripted::Refuse]);
    assert!(world.charge(0).await);
    assert!(world.charge(DAY).await);
    assert_eq!(world.gateway.charge_calls(), 1);
    assert_eq!(world.mails()[0], Purpose::PaymentFailed(1));
}

#[tokio::test]
async fn a_direct_debit_is_processing_until_the_provider_tells() {
    let world = World::new().await;
    world.gateway.script_charges([Scripted::Process]);
    for minutes in [0, 5, DAY, 5 * DAY] {
        assert!(world.charge(minutes).await);
    }
    let invoice = world.invoice().await;
    assert!(invoice.is_processing() && !invoice.is_overdue(at(5 * DAY)).unwrap());
    assert_eq!(world.gateway.charge_calls(), 1);
    assert_eq!(world.mails(), []);
}

#[tokio::test]
async fn an_account_without_a_key_is_waited_for_and_stands_in_nobodys_way() {
    let world = World::new().await;
    let account = |name: &'static str| {
        move |customer: &mut Customer| customer.payment_method.as_mut().unwrap().account = name.parse().unwrap()
    };
    world.change_customer(account("stripe/other")).await;
    assert!(!world.charge(0).await);
    assert_eq!(world.invoice().await.progress.attempt, None);
    // Nothing was begun: another account, or a void, is as good as ever.
    world.change_customer(account("stripe/main")).await;
    assert!(world.charge(1).await);
    assert_eq!(world.gateway.times_taken(), 1);
}

#[tokio::test]
async fn no_call_is_begun_that_might_be_cut_off() {
    let world = World::new().await;
    let event = charge_event(vec![invoice_id()], at(0));
    let response = handle(&world.collection, event, Budget::lasting(Duration::from_secs(20))).await.unwrap();
    assert_eq!(response.batch_item_failures.len(), 1);
    assert_eq!((world.gateway.charge_calls(), world.invoice().await.progress.attempt), (0, None));
}
