//! Refunds: each given once, whatever happens.

use saldo_billing::id::{PaymentId, RefundId};
use saldo_billing::payment::{Decline, RefundState, RefundStatus};
use saldo_gateways::memory::Scripted;
use saldo_messages::{CollectionsMessage, V1};
use saldo_store::memory::Fate;

use crate::world::{World, at, eur, event, invoice_id, sample, set_clock};

const REFUND: &str = include_str!("../../../events/payment-collection/refund.json");
const DAY: i64 = 24 * 60;

fn refund_id() -> RefundId {
    RefundId::from_random(7)
}

/// A paid invoice, of which 30.00 shall be given back.
struct Refunding {
    world: World,
    payment: PaymentId,
}

impl Refunding {
    async fn new() -> Self {
        let world = World::new().await;
        assert!(world.charge(0).await);
        let (payment, _) = world.invoice().await.received().next().unwrap();
        let refunding = Self { world, payment };
        refunding.ask(refund_id(), 3_000).await;
        refunding
    }

    async fn ask(&self, refund: RefundId, minor: i64) {
        let nothing = &saldo_books::nothing_more;
        saldo_books::refunds::request(&*self.world.store, self.payment, refund, eur(minor), at(DAY), nothing)
            .await
            .unwrap();
    }

    /// Has the refunds carried out so long after they were asked for; tells whether the message is done.
    async fn carry_out(&self, minutes: i64) -> bool {
        let as_of = at(DAY.saturating_add(minutes));
        self.world.gateway.set_now(as_of);
        set_clock(as_of);
        let message = CollectionsMessage::Refund { v: V1, payments: vec![self.payment], as_of };
        self.world.handle(event(&message)).await.is_empty()
    }

    async fn state(&self) -> RefundState {
        self.world.payment(self.payment).await.refund_request(refund_id()).unwrap().state.clone()
    }

    /// Asserts that 30.00 were given back once, and that the books know.
    async fn given_once(&self) {
        let given: Vec<_> = self.world.gateway.refunds().iter().map(|refund| refund.amount).collect();
        assert_eq!(given, [eur(3_000)]);
        assert_eq!(self.world.invoice().await.amount_refunded().unwrap(), eur(3_000));
        assert!(matches!(self.state().await, RefundState::Accepted { status: RefundStatus::Succeeded, .. }));
    }
}

#[tokio::test]
async fn a_refund_is_given_once_however_often_its_message_comes() {
    let refunding = Refunding::new().await;
    let sample = sample(&REFUND.replace("pay_3c1x8m5tq0v7z2k9n4b6h1d0e8", &refunding.payment.to_string()));
    for _ in 0..3 {
        assert_eq!(refunding.world.handle(sample.clone()).await, [""; 0]);
    }
    refunding.given_once().await;
}

#[tokio::test]
async fn after_a_crash_the_same_key_is_repeated() {
    // What was asked for is written down already: the one commit is that of the outcome.
    for fate in [Fate::IsNeverSent, Fate::IsNeverHeardOf] {
        let refunding = Refunding::new().await;
        refunding.world.store.script([fate]);
        assert!(!refunding.carry_out(0).await, "{fate:?}");
        assert!(refunding.carry_out(5).await, "{fate:?}");
        refunding.given_once().await;
    }
}

#[tokio::test]
async fn a_payment_that_is_not_there_does_not_stop_the_refunds_beside_it() {
    let refunding = Refunding::new().await;
    let missing = PaymentId::from_random(99);
    for payments in [vec![missing, refunding.payment], vec![refunding.payment, missing]] {
        let message = CollectionsMessage::Refund { v: V1, payments, as_of: at(DAY) };
        assert_eq!(refunding.world.handle(event(&message)).await.len(), 1, "the message comes again");
        refunding.given_once().await;
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_up() {
    for script in [Scripted::LoseAnswer, Scripted::SaveFailure] {
        let refunding = Refunding::new().await;
        refunding.world.gateway.script_refunds([script]);
        for minutes in 0..5 {
            assert!(refunding.carry_out(minutes).await);
            assert_eq!(refunding.state().await, RefundState::Unknown { look_ups: 0 });
        }
        assert_eq!(refunding.world.collection.metrics.counted("UnknownPayments"), 1);
        assert!(refunding.carry_out(5).await);
        refunding.given_once().await;
    }
}

#[tokio::test]
async fn what_the_provider_does_not_know_after_an_hour_is_ordered_again_under_its_own_key() {
    let refunding = Refunding::new().await;
    refunding.world.gateway.script_refunds([Scripted::LoseRequest]);
    for minutes in [0, 5, 30] {
        assert!(refunding.carry_out(minutes).await);
        assert_eq!(refunding.world.gateway.refunds(), []);
    }
    assert!(refunding.carry_out(60).await);
    refunding.given_once().await;
}

#[tokio::test]
async fn a_request_that_outlived_the_providers_memory_of_keys_is_looked_up_first() {
    let refunding = Refunding::new().await;
    refunding.world.gateway.script_look_ups([Scripted::NotSent]);
    assert!(refunding.carry_out(2 * DAY).await);
    assert_eq!(refunding.world.gateway.refunds(), [], "nobody could say whether it was given before");
    assert!(refunding.carry_out(2 * DAY + 5).await);
    refunding.given_once().await;
}

#[tokio::test]
async fn a_refusal_frees_what_was_reserved() {
    let refunding = Refunding::new().await;
    let no = Decline { code: "charge_disputed".to_owned(), hard: true };
    refunding.world.gateway.script_refunds([Scripted::Decline(no.clone())]);
    assert!(refunding.carry_out(0).await);
    assert_eq!(refunding.state().await, RefundState::Refused { decline: no });
    assert_eq!(refunding.world.payment(refunding.payment).await.refundable().unwrap(), eur(10_000));
}

#[tokio::test]
async fn a_request_that_is_wrong_is_not_repeated_and_what_was_not_sent_is() {
    let refunding = Refunding::new().await;
    refunding.world.gateway.script_refunds([Scripted::NotSent, Scripted::Refuse]);
    assert!(!refunding.carry_out(0).await);
    assert_eq!(refunding.state().await, RefundState::Requested);
    assert!(refunding.carry_out(1).await);
    assert!(matches!(refunding.state().await, RefundState::Refused { .. }));
}

#[tokio::test]
async fn two_refunds_of_one_payment_are_each_given_once() {
    let refunding = Refunding::new().await;
    refunding.ask(RefundId::from_random(8), 7_000).await;
    refunding.world.gateway.script_refunds([Scripted::LoseAnswer]);
    for minutes in [0, 5, 60] {
        assert!(refunding.carry_out(minutes).await);
    }
    let total: i64 = refunding.world.gateway.refunds().iter().map(|refund| refund.amount.to_minor().unwrap()).sum();
    assert_eq!(total, 10_000);
    assert_eq!(refunding.world.invoice().await.amount_refunded().unwrap(), eur(10_000));
    assert_eq!(refunding.world.invoice().await.id, invoice_id());
}
