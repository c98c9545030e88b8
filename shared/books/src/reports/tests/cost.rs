//! What counting and asking cost. Write units are the bill.

use saldo_billing::payment::RefundStatus;
use saldo_billing::period::Interval;
use saldo_billing::report::{By, ReportName};
use saldo_money::Currency;
use saldo_store::entities::invoice_key;
use saldo_store::memory::Usage;
use saldo_store::{Key, Stored, Table, Transaction, load};

use super::world::{World, captured, days, failed, refund, shown};

impl World {
    /// What counting everything told since `sequence` cost, and where the stream is now.
    async fn cost_since(&self, sequence: u64) -> Usage {
        let before = self.store.usage(Table::Reports);
        self.count_since(sequence).await;
        self.store.usage(Table::Reports).since(before)
    }
}

#[tokio::test]
async fn a_payment_that_pays_an_invoice_costs_four_write_units() {
    let mut world = World::new().await;
    let invoice = world.invoice(0, 0, &[(1, 10_000, 0), (2, 500, 1)]).await;
    world.count_since(0).await;
    let told = world.told();
    let payment = world.payment(Some(invoice), Currency::EUR, 0);
    assert!(world.tell(payment, None, captured(12_435, Currency::EUR, 1)).await);
    assert_eq!(world.cost_since(told).await.write_units, 4, "payment and invoice changed: one record, one sum");
    assert_eq!(world.cost_since(told).await.write_units, 0, "the same once more");
}

#[tokio::test]
async fn finalising_an_invoice_of_one_product_costs_four_write_units() {
    let mut world = World::new().await;
    let told = world.told();
    world.invoice(0, 0, &[(1, 10_000, 0)]).await;
    assert_eq!(world.cost_since(told).await.write_units, 4);
}

#[tokio::test]
async fn a_change_that_reports_do_not_care_about_writes_nothing() {
    let mut world = World::new().await;
    let invoice = world.invoice(0, 0, &[(1, 10_000, 0)]).await;
    world.subscribe(1, &[(1, 4900)], Interval::MONTHLY).await;
    world.count_since(0).await;
    let told = world.told();
    // Any change of an invoice but its stages will do: its next step, here.
    let mut stored: Stored<saldo_billing::invoice::Invoice> =
        load(&world.store, &invoice_key(invoice)).await.unwrap().unwrap();
    stored.value.progress.next = None;
    let mut transaction = Transaction::new();
    transaction.update(&stored).unwrap();
    saldo_store::Store::commit(&world.store, transaction).await.unwrap();
    world.wait(24 * 45);
    crate::subscriptions::bill_next(&world.store, world.subscriptions[0], world.now).await.unwrap();
    let payment = world.payment(None, Currency::EUR, 0);
    world.tell(payment, None, saldo_billing::payment::Statement::Processing).await;
    let changes = world.store.changes_since(told);
    let cares = |key: &Key| key.pk.starts_with("INVOICE") && *key != invoice_key(invoice);
    let before = world.store.usage(Table::Reports).write_units;
    super::world::count(&world.store, &changes.into_iter().filter(|it| !cares(&it.key)).collect::<Vec<_>>()).await;
    assert_eq!(world.store.usage(Table::Reports).write_units, before);
}

#[tokio::test]
async fn invoices_of_one_batch_share_their_sums() {
    let mut world = World::new().await;
    let told = world.told();
    for _ in 0..20 {
        world.invoice(0, 0, &[(1, 10_000, 0)]).await;
    }
    assert_eq!(world.cost_since(told).await.write_units, 20 * 2 + 2);
}

#[tokio::test]
async fn a_year_is_one_query_however_much_there_was_before() {
    let mut world = World::new().await;
    let mut last = 0;
    for month in 0..36_i64 {
        for customer in 0..4 {
            let invoice = world.invoice(customer, 0, &[(1, 10_000 + month, 0), (2, 700, 1)]).await;
            let payment = world.payment(Some(invoice), Currency::EUR, customer);
            world.tell(payment, None, failed(1)).await;
            world.tell(payment, None, captured(12_649, Currency::EUR, 2)).await;
            world.tell(payment, None, refund(50, Currency::EUR, 1, RefundStatus::Succeeded)).await;
        }
        world.wait(24 * 30);
        world.count_since(last).await;
        last = world.told();
    }
    let calls = async |name, by, span| {
        let before = world.store.usage(Table::Reports);
        let text = shown(&world.store, name, by, span).await;
        (world.store.usage(Table::Reports).since(before), text.len())
    };
    let year = days("2028-01-01", "2028-12-31");
    for (name, by) in
        [(ReportName::Revenue, By::Product), (ReportName::Payments, By::Method), (ReportName::Atv, By::Month)]
    {
        let (usage, length) = calls(name, by, year).await;
        assert!(length > 200);
        assert_eq!(usage.calls, 1, "{name}");
        let (first_year, _) = calls(name, by, days("2026-10-01", "2027-09-30")).await;
        assert!(usage.half_read_units <= first_year.half_read_units + 1, "{usage:?} after {first_year:?}");
    }
    assert_eq!(calls(ReportName::Mrr, By::Month, year).await.0.calls, 2);
}

#[tokio::test]
async fn an_item_of_a_full_half_month_is_within_one_write_unit() {
    let mut world = World::new().await;
    world.wait(24 * 19);
    for _ in 0..16 {
        let invoice = world.invoice(1, 0, &[(1, 9_876_543_210, 0)]).await;
        let payment = world.payment(Some(invoice), Currency::EUR, 0);
        world.tell(payment, None, failed(1)).await;
        world.tell(payment, None, captured(9_876_543_210, Currency::EUR, 2)).await;
        world.tell(payment, None, refund(1_234_567_891, Currency::EUR, 1, RefundStatus::Succeeded)).await;
        world.wait(24);
    }
    world.count_since(0).await;
    let sizes: Vec<usize> = world
        .store
        .items(Table::Reports)
        .iter()
        .filter(|item| Key::of(item).is_some_and(|key| !key.pk.starts_with("COUNTED")))
        .map(|item| saldo_store::size(item))
        .collect();
    assert!(sizes.iter().all(|size| *size <= 1024), "{sizes:?}");
    assert!(sizes.iter().any(|size| *size > 400), "the half-month was not full: {sizes:?}");
}
