//! Charges beside a page of the provider: one open way to pay.

use saldo_billing::invoice::HostedPage;
use saldo_billing::mail::Purpose;
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::payment_at;
use saldo_billing::provider::ProviderAccount;
use saldo_books::attempts;
use saldo_gateways::memory::Scripted;
use saldo_gateways::{Gateway as _, Page, PageOpened, PageRequest};
use saldo_store::entities::seller_key;
use saldo_store::{Store as _, Stored, Transaction, load};

use crate::charging_once::taken_once;
use crate::world::{World, account, at, eur, invoice_id};

const DAY: i64 = 24 * 60;

/// Puts a page of the provider beside the invoice, as the API does.
async fn open_page(world: &World) -> String {
    open_page_at(world, account()).await
}

async fn open_page_at(world: &World, account: ProviderAccount) -> String {
    let request = PageRequest {
        invoice: invoice_id(),
        customer: world.invoice().await.customer,
        provider_customer: None,
        email: None,
        amount: eur(10_000),
        description: "NW-000001".to_owned(),
        language: "de".to_owned(),
        save_method: false,
        success_url: "https://shop.example/thanks".to_owned(),
        cancel_url: "https://shop.example/back".to_owned(),
        expires_at: at(DAY),
        idempotency_key: "page-1".to_owned(),
        mark: "1f0c93ab".to_owned(),
    };
    let opened = world.gateway.open_page(&request).await.unwrap();
    let PageOpened::Open(Page { reference, url, expires_at }) = opened else { panic!("no page: {opened:?}") };
    let (known, mark) = (reference.clone(), request.mark);
    let page = HostedPage { account, reference: known, mark, amount: eur(10_000), expires_at, payment: None };
    attempts::open_page(&*world.store, invoice_id(), &page, &url, at(0), &saldo_books::nothing_more).await.unwrap();
    reference
}

#[tokio::test]
async fn a_page_is_closed_where_it_was_opened_whatever_the_sellers_account_is_by_now() {
    let world = World::new().await;
    let page = open_page(&world).await;
    let key = seller_key(world.invoice().await.seller);
    let mut seller: Stored<Seller> = load(&*world.store, &key).await.unwrap().unwrap();
    seller.value.provider_account = "stripe/other".parse().unwrap();
    let mut transaction = Transaction::new();
    transaction.update(&seller).unwrap();
    world.store.memory.commit(transaction).await.unwrap();
    assert!(world.charge(0).await);
    assert_eq!(world.gateway.pay_page(&page), None, "too late for the customer");
    taken_once(&world).await;
}

#[tokio::test]
async fn a_page_at_an_account_whose_key_is_gone_is_given_up_a_day_after_it_ran_out() {
    let world = World::new().await;
    open_page_at(&world, "stripe/gone".parse().unwrap()).await;
    assert!(!world.charge(DAY + 10).await, "it may have been paid on, and nobody can ask");
    assert_eq!(world.gateway.charge_calls(), 0);
    assert!(world.charge(2 * DAY + 10).await);
    taken_once(&world).await;
}

#[tokio::test]
async fn a_page_stays_open_as_long_as_nothing_can_be_charged_in_its_place() {
    let world = World::new().await;
    let page = open_page(&world).await;
    let account = |customer: &mut Customer| {
        customer.payment_method.as_mut().unwrap().account = "stripe/other".parse().unwrap();
    };
    world.change_customer(account).await;
    assert!(!world.charge(0).await);
    assert!(world.gateway.pay_page(&page).is_some(), "the customer can still pay");
}

#[tokio::test]
async fn an_open_page_is_closed_before_the_charge_so_that_only_one_can_take_money() {
    let world = World::new().await;
    let page = open_page(&world).await;
    world.gateway.script_pages([Scripted::LoseAnswer]);
    assert!(!world.charge(0).await, "whether the page is closed is unknown, so nothing is charged");
    assert_eq!(world.gateway.charge_calls(), 0);
    assert!(world.charge(1).await);
    assert_eq!(world.gateway.pay_page(&page), None, "too late for the customer");
    taken_once(&world).await;
    assert_eq!(world.invoice().await.page(), None);
}

#[tokio::test]
async fn what_the_customer_paid_on_the_page_is_not_charged() {
    let world = World::new().await;
    let page = open_page(&world).await;
    assert!(world.gateway.pay_page(&page).is_some());
    for minutes in 0..3 {
        assert!(world.charge(minutes).await);
    }
    assert_eq!(world.gateway.charge_calls(), 0);
    assert_eq!(world.gateway.times_taken(), 1);
}

#[tokio::test]
async fn the_receipt_of_what_was_paid_on_the_page_outlasts_a_queue_that_refuses_it() {
    // Whether the page was known to be paid on before, as by a direct debit that was under way.
    for is_linked in [false, true] {
        let world = World::new().await;
        let page = open_page(&world).await;
        let payment = world.gateway.pay_page(&page).unwrap();
        if is_linked {
            let payment = payment_at(&account(), &payment);
            attempts::page_used(&*world.store, invoice_id(), &page, payment, at(0)).await.unwrap();
        }
        world.queue.refuse(1);
        assert!(!world.charge(0).await);
        assert!(world.charge(1).await, "the message comes again");
        let mails = world.mails();
        assert!(matches!(mails[..], [Purpose::Receipt(_), ..]), "{mails:?}");
        assert_eq!(world.invoice().await.page(), None);
    }
}
