//! Whatever happens, an attempt takes money once. This file is about nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::join_all;
use saldo_billing::invoice::{AttemptState, InvoiceStatus};
use saldo_billing::mail::Purpose;
use saldo_billing::party::Customer;
use saldo_billing::payment::{Decline, Fact, PaymentReport, Statement};
use saldo_billing::provider::PaymentMethod;
use saldo_books::BooksError;
use saldo_books::attempts::{self, Permission};
use saldo_books::payments;
use saldo_gateways::memory::{MemoryGateway, Scripted};
use saldo_gateways::{
    ChargeKind, ChargeOutcome, ChargeRequest, Gateway, GatewayError, LookUpOutcome, LookUpRequest, PageClosed,
    PageOpened, PageRequest, RefundLookUp, RefundOrder, RefundOutcome,
};
use saldo_store::entities::customer_key;
use saldo_store::memory::{Fate, ShakyStore};
use saldo_store::{Table, load};

use crate::world::{World, account, at, charge_event, eur, invoice_id, sample};

const CHARGE: &str = include_str!("../../../events/payment-collection/charge.json");
const DAY: i64 = 24 * 60;

/// Asserts that money was taken once, for the whole invoice, and that the books know.
pub(crate) async fn taken_once(world: &World) {
    assert_eq!(world.gateway.times_taken(), 1);
    let invoice = world.invoice().await;
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::Paid);
    assert_eq!(invoice.amount_paid().unwrap(), eur(10_000));
    assert!(matches!(invoice.progress.attempt.unwrap().state, AttemptState::Succeeded { .. }));
}

#[tokio::test]
async fn a_message_and_its_redeliveries_take_money_once_even_when_the_webhook_never_comes() {
    let world = World::new().await;
    for _ in 0..3 {
        assert_eq!(world.handle(sample(CHARGE)).await, [""; 0]);
    }
    taken_once(&world).await;
    assert_eq!(world.gateway.charge_calls(), 1);
    assert_eq!(world.gateway.charges()[0].idempotency_key, format!("{}/attempt-1", invoice_id()));
    assert!(world.mails().iter().all(|mail| matches!(mail, Purpose::Receipt(_))));
}

#[tokio::test]
async fn after_a_crash_between_the_providers_yes_and_the_books_the_same_key_is_repeated() {
    for fate in [Fate::IsNeverSent, Fate::IsNeverHeardOf] {
        let world = World::new().await;
        world.store.script([Fate::Succeeds, fate]);
        assert!(!world.charge(0).await);
        assert!(world.charge(6).await);
        taken_once(&world).await;
        assert!(matches!(world.mails()[..], [Purpose::Receipt(_)]), "{fate:?}");
    }
}

#[tokio::test]
async fn after_a_crash_before_the_provider_was_called_it_is_called_once() {
    for fate in [Fate::IsNeverSent, Fate::IsNeverHeardOf] {
        let world = World::new().await;
        world.store.script([fate]);
        assert!(!world.charge(0).await);
        assert_eq!(world.gateway.charge_calls(), 0);
        assert!(world.charge(6).await);
        taken_once(&world).await;
        assert_eq!(world.invoice().await.progress.attempt.unwrap().number, 1);
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_never_answered_with_a_second_charge() {
    for (script, answered) in [(Scripted::LoseAnswer, false), (Scripted::SaveFailure, true)] {
        let world = World::new().await;
        world.gateway.script_charges([script]);
        for minutes in 0..5 {
            assert!(world.charge(minutes).await, "an unknown outcome is one, and the message is done");
            let attempt = world.invoice().await.progress.attempt.unwrap();
            assert_eq!(attempt.state, AttemptState::Unknown { look_ups: 0, since: at(0), answered });
        }
        assert_eq!(world.collection.metrics.counted("UnknownPayments"), 1);
        assert!(world.charge(5).await);
        taken_once(&world).await;
        assert_eq!(world.gateway.charge_calls(), 1);
        assert!(matches!(world.mails()[..], [Purpose::Receipt(_)]));
    }
}

#[tokio::test]
async fn a_payment_that_waits_for_nobody_is_called_off_after_a_day_and_tried_anew() {
    for script in [Scripted::Stall, Scripted::RequireAction] {
        let world = World::new().await;
        world.gateway.script_charges([script]);
        for hour in 0..24 {
            assert!(world.charge(60 * hour).await);
            assert!(world.invoice().await.progress.attempt.unwrap().is_open(), "hour {hour}");
        }
        // The provider is away when it is to be called off.
        world.gateway.script_look_ups([Scripted::Succeed, Scripted::LoseAnswer]);
        for hour in 24..24 * 20 {
            assert!(world.charge(60 * hour).await);
        }
        assert!(matches!(world.gateway.charges()[0].kind, ChargeKind::Declined { .. }));
        assert_eq!((world.gateway.charge_calls(), world.gateway.times_taken()), (2, 1));
        assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
    }
}

#[tokio::test]
async fn only_what_the_provider_does_not_know_after_an_hour_is_asked_for_again_under_the_same_key() {
    let world = World::new().await;
    world.gateway.script_charges([Scripted::LoseRequest]);
    for minutes in [0, 1, 5, 6, 40, 64] {
        assert!(world.charge(minutes).await);
        assert!(matches!(world.invoice().await.progress.attempt.unwrap().state, AttemptState::Unknown { .. }));
    }
    assert_eq!(world.gateway.charge_calls(), 1);
    assert!(world.charge(65).await);
    taken_once(&world).await;
    assert_eq!(world.gateway.charges()[0].idempotency_key, format!("{}/attempt-1", invoice_id()));
}

#[tokio::test]
async fn what_the_provider_failed_to_do_is_tried_again_under_the_next_number() {
    let world = World::new().await;
    // Asked again under the same key, it would say the same for a day.
    world.gateway.script_charges([Scripted::SaveFailureOnly]);
    for minutes in [0, 5, 64] {
        assert!(world.charge(minutes).await);
    }
    assert_eq!(world.gateway.charge_calls(), 1);
    assert!(world.charge(65).await);
    taken_once(&world).await;
    assert_eq!(world.gateway.charges()[0].attempt, Some(2));
}

#[tokio::test]
async fn a_failure_ends_only_the_request_that_it_answers() {
    let world = World::new().await;
    // The first request is lost, the second is answered by a failure that leaves the key as it is: the first may still come.
    world.gateway.script_charges([Scripted::LoseRequest, Scripted::SaveFailureOnly]);
    for minutes in [0, 5, 65, 70, 130, 135] {
        assert!(world.charge(minutes).await);
    }
    let attempt = world.invoice().await.progress.attempt.unwrap();
    assert_eq!((attempt.number, world.gateway.charge_calls()), (1, 3), "asked for under the first key again");
}

#[tokio::test]
async fn look_ups_that_failed_do_not_outlast_the_key() {
    let world = World::new().await;
    world.gateway.script_charges([Scripted::LoseRequest]);
    world.gateway.script_look_ups([Scripted::NotSent, Scripted::LoseAnswer, Scripted::NotSent]);
    for minutes in [0, 5, 65, 125] {
        assert!(world.charge(minutes).await);
    }
    assert_eq!(world.gateway.charge_calls(), 1);
    assert!(world.charge(185).await);
    taken_once(&world).await;
    assert_eq!(world.gateway.charges()[0].attempt, Some(1));
}

#[tokio::test]
async fn what_another_method_is_to_pay_now_is_not_asked_of_the_old_one_again() {
    let world = World::new().await;
    world.gateway.script_charges([Scripted::LoseRequest]);
    for minutes in [0, 5] {
        assert!(world.charge(minutes).await);
    }
    let other = |customer: &mut Customer| {
        let method = customer.payment_method.take().unwrap();
        customer.change_method(Some(PaymentMethod { token: "pm_other".to_owned(), ..method }), at(10));
    };
    world.change_customer(other).await;
    assert!(world.charge(65).await);
    taken_once(&world).await;
    let attempt = world.invoice().await.progress.attempt.unwrap();
    assert_eq!((attempt.number, attempt.method.token.as_str()), (2, "pm_other"));
}

#[tokio::test]
async fn a_look_up_that_is_late_decides_nothing_about_what_was_asked_for_meanwhile() {
    let world = World::new().await;
    world.gateway.script_charges([Scripted::LoseRequest]);
    for minutes in [0, 5] {
        assert!(world.charge(minutes).await);
    }
    let seen = world.invoice().await.progress.attempt.unwrap();
    let (store, id) = (&*world.store, invoice_id());
    attempts::not_made(store, id, &seen, at(65), at(65)).await.unwrap();
    assert_eq!(world.invoice().await.progress.attempt.unwrap().state, AttemptState::Begun);
    // Another worker asked before that, and concludes when the key is old.
    let failed = AttemptState::Unknown { look_ups: 9, since: at(0), answered: false };
    attempts::looked_up(store, id, &seen, failed, at(66)).await.unwrap();
    attempts::not_made(store, id, &seen, at(2 * DAY), at(2 * DAY)).await.unwrap();
    assert_eq!(world.invoice().await.progress.attempt.unwrap().state, AttemptState::Begun);
}

#[tokio::test]
async fn what_the_provider_forgets_the_key_of_is_tried_again_under_the_next_number() {
    let world = World::new().await;
    // The request is lost each time, for as long as the key lives.
    world.gateway.script_charges(vec![Scripted::LoseRequest; 22]);
    for minutes in (0..23 * 60).step_by(5) {
        assert!(world.charge(minutes).await);
    }
    assert_eq!(world.gateway.charge_calls(), 22, "every 65 minutes");
    assert_eq!(world.invoice().await.progress.attempt.unwrap().number, 1);
    for minutes in (23 * 60..26 * 60).step_by(5) {
        assert!(world.charge(minutes).await);
    }
    taken_once(&world).await;
    assert_eq!(world.gateway.charges()[0].attempt, Some(2));
}

#[tokio::test]
async fn look_ups_that_come_at_once_after_the_queue_stood_still_prove_nothing() {
    let world = World::new().await;
    // Written down, and for two hours nobody gets to ask for it.
    world.store.script([Fate::IsNeverHeardOf]);
    assert!(!world.charge(0).await);
    world.gateway.script_charges([Scripted::LoseRequest]);
    assert!(world.charge(120).await);
    for planned in [125, 190, 260] {
        assert_eq!(world.handle(charge_event(vec![invoice_id()], at(planned))).await, [""; 0]);
        let attempt = world.invoice().await.progress.attempt.unwrap();
        assert!(matches!(attempt.state, AttemptState::Unknown { .. }), "planned for {planned}");
    }
    assert_eq!(world.gateway.charge_calls(), 1);
    assert!(world.charge(190 + 2 * DAY).await);
    taken_once(&world).await;
    assert_eq!(world.gateway.charge_calls(), 2);
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_is_asked_later_and_less_and_less_often() {
    let world = World::new().await;
    world.gateway.script_charges([Scripted::LoseAnswer]);
    world.gateway.script_look_ups([Scripted::NotSent, Scripted::LoseAnswer]);
    for minutes in [0, 5, 65, 66, 90] {
        assert!(world.charge(minutes).await);
        assert!(matches!(world.invoice().await.progress.attempt.unwrap().state, AttemptState::Unknown { .. }));
    }
    assert!(world.charge(65 + DAY).await);
    taken_once(&world).await;
}

#[tokio::test]
async fn twenty_messages_at_once_take_money_once() {
    let world = World::new().await;
    let messages = (0..20).map(|_| world.handle(charge_event(vec![invoice_id(), invoice_id()], at(0))));
    for failed in join_all(messages).await {
        assert_eq!(failed, [""; 0]);
    }
    taken_once(&world).await;
    assert!(world.gateway.charges().iter().all(|charge| charge.attempt == Some(1)));
}

#[tokio::test]
async fn what_was_not_sent_fails_and_is_repeated_under_the_same_key() {
    let world = World::new().await;
    world.gateway.script_charges([Scripted::NotSent, Scripted::Forbid]);
    assert!(!world.charge(0).await);
    assert!(!world.charge(1).await);
    assert_eq!(world.invoice().await.progress.attempt.unwrap().state, AttemptState::Begun);
    assert!(world.charge(2).await);
    taken_once(&world).await;
    assert_eq!(world.gateway.charges()[0].attempt, Some(1));
}

#[tokio::test]
async fn an_attempt_older_than_the_providers_memory_of_keys_is_looked_up_first() {
    let world = World::new().await;
    let permission =
        attempts::permission(&*world.store, invoice_id(), at(0), at(0), async |_: &_| Ok::<_, BooksError>(()))
            .await
            .unwrap();
    assert!(matches!(permission, Permission::Charge(_)));
    // The process died here, and nothing came for two days.
    assert!(world.charge(2 * DAY).await);
    assert_eq!(world.gateway.charge_calls(), 0, "it may be in other hands still");
    assert!(world.charge(2 * DAY + 5).await);
    assert_eq!(world.gateway.charge_calls(), 0, "those hands may have asked just before");
    assert!(world.charge(2 * DAY + 65).await);
    taken_once(&world).await;
    assert_eq!(world.gateway.charges()[0].attempt, Some(2));
}

#[tokio::test]
async fn an_attempt_that_was_begun_is_not_carried_out_when_the_invoice_was_paid_meanwhile() {
    let world = World::new().await;
    attempts::permission(&*world.store, invoice_id(), at(0), at(0), async |_: &_| Ok::<_, BooksError>(()))
        .await
        .unwrap();
    payments::report(&*world.store, &paid_by_transfer(10_000), at(1)).await.unwrap();
    for minutes in [2, 7, 70, 75, 200] {
        assert!(world.charge(minutes).await);
    }
    assert_eq!(world.gateway.charge_calls(), 0);
    let invoice = world.invoice().await;
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::Paid);
    assert_eq!(invoice.progress.attempt.unwrap().state, AttemptState::NeverMade);
}

#[tokio::test]
async fn what_was_paid_in_part_meanwhile_leaves_only_the_rest_to_be_charged() {
    let world = World::new().await;
    attempts::permission(&*world.store, invoice_id(), at(0), at(0), async |_: &_| Ok::<_, BooksError>(()))
        .await
        .unwrap();
    payments::report(&*world.store, &paid_by_transfer(6_000), at(1)).await.unwrap();
    for minutes in [2, 7, 70, 75] {
        assert!(world.charge(minutes).await);
    }
    assert_eq!(world.gateway.charges().iter().map(|charge| charge.amount).collect::<Vec<_>>(), [eur(4_000)]);
    assert_eq!(world.invoice().await.status().unwrap(), InvoiceStatus::Paid);
}

fn paid_by_transfer(minor: i64) -> PaymentReport {
    PaymentReport {
        account: account(),
        reference: "pi_transfer".to_owned(),
        invoice: Some(invoice_id()),
        attempt: None,
        page: None,
        method: None,
        currency: "EUR".parse().unwrap(),
        introduces: true,
        facts: vec![Fact::new(at(1), Statement::Captured { reference: "py_1".to_owned(), amount: eur(minor) })],
    }
}

/// A provider whose webhook is in the books before its answer is here, and to whom a request that was lost comes after all: just
/// after it was asked for the second time what became of it.
struct Overtaken {
    gateway: Arc<MemoryGateway>,
    store: Arc<ShakyStore>,
    lost: Mutex<Option<ChargeRequest>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Gateway for Overtaken {
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, GatewayError> {
        let outcome = self.gateway.charge(request).await;
        let asked = LookUpRequest {
            invoice: request.invoice,
            attempt: request.attempt,
            method: request.method.clone(),
            begun_at: at(0),
        };
        match self.gateway.look_up(&asked).await? {
            LookUpOutcome::Found(found) => {
                payments::report(&*self.store, &found.report.unwrap(), at(0)).await.unwrap();
            }
            LookUpOutcome::NotFound => *self.lost.lock().unwrap() = Some(request.clone()),
        }
        outcome
    }

    async fn look_up(&self, request: &LookUpRequest) -> Result<LookUpOutcome, GatewayError> {
        let answer = self.gateway.look_up(request).await;
        let is_second = self.asked.fetch_add(1, Ordering::Relaxed) == 1;
        let lost = self.lost.lock().unwrap().take_if(|_| is_second);
        if let Some(lost) = lost {
            self.gateway.charge(&lost).await.unwrap();
        }
        answer
    }

    async fn call_off(&self, payment_reference: &str) -> Result<ChargeOutcome, GatewayError> {
        self.gateway.call_off(payment_reference).await
    }

    async fn refund(&self, order: &RefundOrder) -> Result<RefundOutcome, GatewayError> {
        self.gateway.refund(order).await
    }

    async fn look_up_refund(&self, order: &RefundOrder) -> Result<RefundLookUp, GatewayError> {
        self.gateway.look_up_refund(order).await
    }

    async fn open_page(&self, request: &PageRequest) -> Result<PageOpened, GatewayError> {
        self.gateway.open_page(request).await
    }

    async fn close_page(&self, reference: &str) -> Result<PageClosed, GatewayError> {
        self.gateway.close_page(reference).await
    }
}

async fn overtaken() -> World {
    let gateway = Arc::new(MemoryGateway::new(account(), at(0)));
    World::with_gateway(gateway, |gateway, store| {
        Arc::new(Overtaken { gateway, store, lost: Mutex::default(), asked: AtomicUsize::new(0) })
    })
    .await
}

#[tokio::test]
async fn a_webhook_that_overtakes_the_answer_or_replaces_it_changes_nothing() {
    for script in [Scripted::Succeed, Scripted::LoseAnswer] {
        let world = overtaken().await;
        world.gateway.script_charges([script]);
        assert!(world.charge(0).await);
        taken_once(&world).await;
        assert!(world.charge(5).await);
        assert_eq!(world.gateway.charge_calls(), 1);
        let entries = world.store.memory.items(Table::Billing);
        let entries = entries.iter().filter(|item| saldo_store::text(item, "sk").unwrap().starts_with("ENTRY#pay_"));
        assert_eq!(entries.count(), 1, "booked once");
    }
}

#[tokio::test]
async fn a_request_that_was_on_its_way_for_an_hour_takes_no_money_twice() {
    let world = overtaken().await;
    world.gateway.script_charges([Scripted::LoseRequest]);
    for minutes in [0, 5, 65] {
        assert!(world.charge(minutes).await);
    }
    assert_eq!(world.gateway.charge_calls(), 3, "lost, come after all, asked for again");
    taken_once(&world).await;
}

#[tokio::test]
async fn a_decline_that_is_told_twice_moves_the_ladder_one_step() {
    let world = overtaken().await;
    world.gateway.script_charges([Scripted::Decline(Decline { code: "insufficient_funds".to_owned(), hard: false })]);
    assert!(world.charge(0).await);
    assert!(world.charge(1).await);
    let invoice = world.invoice().await;
    assert_eq!(invoice.progress.failures, 1);
    assert_eq!(invoice.progress.next.unwrap().at, at(3 * DAY), "the first retry is three days later");
    assert_eq!(world.gateway.charge_calls(), 1);
    assert!(world.charge(3 * DAY).await);
    taken_once(&world).await;
    assert_eq!(world.gateway.charges()[1].attempt, Some(2));
}

#[tokio::test]
async fn a_key_that_was_used_for_another_amount_takes_nothing_more() {
    let world = World::new().await;
    // Somebody used our key for something else: the provider refuses, and says what it has when asked (I3).
    let key = customer_key(world.invoice().await.customer);
    let customer = load::<Customer>(&*world.store, &key).await.unwrap().unwrap();
    let method = customer.value.payment_method.unwrap().reference();
    let request = ChargeRequest {
        invoice: invoice_id(),
        attempt: 1,
        amount: eur(9_000),
        method,
        idempotency_key: format!("{}/attempt-1", invoice_id()),
        description: "by hand".to_owned(),
    };
    assert_eq!(world.gateway.charge(&request).await.unwrap().kind, ChargeKind::Succeeded);
    assert!(world.charge(0).await);
    assert_eq!(world.gateway.times_taken(), 1);
    let invoice = world.invoice().await;
    assert_eq!(invoice.amount_due().unwrap(), eur(1_000), "what was taken is booked, whatever we meant to take");
    assert_eq!(invoice.status().unwrap(), InvoiceStatus::PartlyPaid);
}
