//! By which method a customer is charged, from events in any order.

use saldo_billing::provider::PaymentMethod;
use saldo_store::inbox::InboxStatus;
use saldo_store::memory::Fate;

use crate::world::{World, customer_id};

const ATTACHED: &str = include_str!("../../../events/payment-processing/payment-method-attached.json");
const DETACHED: &str = include_str!("../../../events/payment-processing/payment-method-detached.json");
const COMPLETED: &str = include_str!("../../../events/payment-processing/checkout-completed.json");
const SET_UP: &str = include_str!("../../../events/payment-processing/setup-intent-succeeded.json");
const TOKEN: &str = "pm_1SkXpzLkdIwHu7ixT4nQ8RbD";

/// The event a minute later.
fn later(event: &str) -> String {
    event.replace(r#"\"created\\\": 1790927999"#, r#"\"created\\\": 1790928060"#)
}

/// The event a minute later under another id, about another method.
fn newer(event: &str) -> String {
    later(event).replace(TOKEN, "pm_1SkYnewLkdIwHu7ixnewerXY").replace("7ixMeth", "7ixNewr")
}

/// The event under a third id, about a third method.
fn newest(event: &str) -> String {
    newer(event).replace("pm_1SkYnewLkdIwHu7ixnewerXY", "pm_1SkYlastLkdIwHu7ixlatestXY").replace("7ixNewr", "7ixLast")
}

async fn token(world: &World) -> Option<String> {
    world.customer().await.payment_method.map(|method| method.token)
}

#[tokio::test]
async fn a_method_and_its_owner_are_joined_in_any_order() {
    for owner in [COMPLETED, SET_UP] {
        for events in [[ATTACHED, owner], [owner, ATTACHED]] {
            let world = World::new().await;
            for event in events {
                assert!(world.take(event).await && world.take(event).await);
            }
            let method = world.customer().await.payment_method.unwrap();
            assert_eq!((method.token.as_str(), method.last4.as_deref()), (TOKEN, Some("4242")));
            assert_eq!((method.network.as_deref(), method.expires.as_deref()), (Some("visa"), Some("2029-04")));
        }
    }
}

#[tokio::test]
async fn a_method_and_its_owner_that_come_at_once_are_joined() {
    for head_start in 0..12 {
        for [first, second] in [[ATTACHED, SET_UP], [SET_UP, ATTACHED]] {
            let world = World::new().await;
            let later = async {
                for _ in 0..head_start {
                    tokio::task::yield_now().await;
                }
                world.take(second).await
            };
            assert_eq!(futures_util::join!(world.take(first), later), (true, true));
            assert_eq!(token(&world).await.as_deref(), Some(TOKEN), "head start {head_start}");
        }
    }
}

#[tokio::test]
async fn what_the_crm_chose_stays_until_it_is_gone_or_another_one_comes() {
    let world = World::new().await;
    for event in [ATTACHED, SET_UP, &newer(ATTACHED)] {
        assert!(world.take(event).await);
    }
    let chosen = PaymentMethod { token: TOKEN.to_owned(), ..world.customer().await.payment_method.unwrap() };
    world.choose(Some(chosen)).await;
    let described = |event: &str, id: &str| {
        let event = event.replace("payment_method.attached", "payment_method.updated").replace("4242", "1881");
        event
            .replace("7ixMeth", id)
            .replace("7ixNewr", id)
            .replace(r#"\"created\\\": 17909280"#, r#"\"created\\\": 17909290"#)
    };
    for event in [described(&newer(ATTACHED), "7ixUpd1"), described(&later(ATTACHED), "7ixUpd2"), newer(DETACHED)] {
        assert!(world.take(&event).await);
        assert_eq!(token(&world).await.as_deref(), Some(TOKEN));
    }
    assert_eq!(world.customer().await.payment_method.unwrap().last4.as_deref(), Some("1881"));
    world.choose(None).await;
    assert!(world.take(&described(&later(ATTACHED), "7ixUpd3")).await);
    assert_eq!(token(&world).await, None);
    assert!(world.take(&newest(ATTACHED)).await);
    assert_eq!(token(&world).await.as_deref(), Some("pm_1SkYlastLkdIwHu7ixlatestXY"));
}

#[tokio::test]
async fn the_method_that_came_last_is_charged_until_it_is_gone() {
    let events = [ATTACHED.to_owned(), newer(ATTACHED), COMPLETED.to_owned()];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let world = World::new().await;
        for place in order {
            let place: usize = place;
            assert!(world.take(&events[place]).await);
        }
        assert_eq!(token(&world).await.as_deref(), Some("pm_1SkYnewLkdIwHu7ixnewerXY"), "{order:?}");
        assert!(world.take(&newer(DETACHED)).await);
        assert_eq!(token(&world).await.as_deref(), Some(TOKEN), "{order:?}");
        assert!(world.take(DETACHED).await);
        assert_eq!(token(&world).await, None, "{order:?}");
    }
}

#[tokio::test]
async fn a_method_that_is_gone_does_not_come_back_by_a_stale_event() {
    let world = World::new().await;
    for event in [COMPLETED, DETACHED, ATTACHED, ATTACHED] {
        assert!(world.take(event).await);
    }
    assert_eq!(token(&world).await, None);
}

#[tokio::test]
async fn after_a_crash_a_redelivery_completes_the_method() {
    for survived in 0..2 {
        for fate in [Fate::IsNeverSent, Fate::IsNeverHeardOf] {
            let world = World::new().await;
            assert!(world.take(ATTACHED).await);
            world.store.script(std::iter::repeat_n(Fate::Succeeds, survived).chain([fate]));
            assert!(!world.take(SET_UP).await);
            assert!(world.take(SET_UP).await);
            assert_eq!(token(&world).await.as_deref(), Some(TOKEN));
        }
    }
}

#[tokio::test]
async fn a_new_method_is_due_to_be_told_whenever_the_process_dies() {
    for survived in 0..4 {
        for fate in [Fate::IsNeverSent, Fate::IsNeverHeardOf] {
            let world = World::new().await;
            assert!(world.take(ATTACHED).await);
            assert!(world.customer().await.method_new_since.is_none());
            world.store.script(std::iter::repeat_n(Fate::Succeeds, survived).chain([fate]));
            while !world.take(SET_UP).await {}
            assert!(world.customer().await.method_new_since.is_some(), "{fate:?} after {survived}");
        }
    }
}

#[tokio::test]
async fn a_method_of_nobody_we_know_is_remembered_and_counted() {
    let world = World::new().await;
    assert!(world.take(ATTACHED).await && world.take(ATTACHED).await);
    assert_eq!(token(&world).await, None);
    assert_eq!(world.counted("UnmatchedMethods"), 1);
    assert_eq!(world.status("evt_1SkXqDLkdIwHu7ixMeth0001").await, Some(InboxStatus::Applied));
}

#[tokio::test]
async fn a_customer_of_ours_that_is_not_there_yet_is_waited_for() {
    let world = World::empty().await;
    let event = "evt_1SkXqELkdIwHu7ixSetup002";
    assert!(world.take(ATTACHED).await && world.take(SET_UP).await);
    assert_eq!(world.parked(event).await.unwrap().waits_for, customer_id().to_string());
    world.add_customer().await;
    assert!(world.retry(event, "2026-10-02T08:10:00Z").await);
    assert_eq!(token(&world).await.as_deref(), Some(TOKEN));
    assert_eq!(world.parked(event).await, None);
}

#[tokio::test]
async fn one_provider_customer_is_not_two_of_ours() {
    let world = World::new().await;
    assert!(world.take(SET_UP).await);
    let other =
        COMPLETED.replace(&customer_id().to_string(), "cus_00000000000000000000000001").replace("7ixCheck", "7ixOther");
    assert!(!world.take(&other).await);
    assert_eq!(world.status("evt_1SkXqCLkdIwHu7ixOther001").await, Some(InboxStatus::GivenUp));
}

#[tokio::test]
async fn what_waited_and_is_given_up_then_ends_as_a_dead_letter() {
    let world = World::new().await;
    let event = "evt_1SkXqELkdIwHu7ixSetup003";
    let other =
        SET_UP.replace(&customer_id().to_string(), "cus_00000000000000000000000009").replace("Setup002", "Setup003");
    assert!(world.take(&other).await, "it waits for a customer who is not there");
    assert!(world.take(SET_UP).await);
    // The provider's customer is somebody else by now.
    for _ in 0..5 {
        assert!(!world.retry(event, "2026-10-03T00:00:00Z").await);
    }
    assert_eq!(world.status(event).await, Some(InboxStatus::GivenUp));
    assert_eq!(world.parked(event).await, None);
}
