//! What cannot be read, and what comes in between.

use super::paying::paid;
use super::*;

#[tokio::test]
async fn an_item_that_cannot_be_read_is_found_and_does_not_stop_the_walk() {
    let store = books().await;
    let mut item = to_item(&seller(9), 1).unwrap();
    item.insert("sk".to_owned(), saldo_store::AttributeValue::S("INVOICE".to_owned()));
    put_item(&store, item).await;
    let found = finding(&store).await;
    assert!(found.starts_with("unreadable") && found.contains("is no Invoice"), "{found}");
}

#[tokio::test]
async fn a_payment_that_cannot_be_read_does_not_stop_the_walk_either() {
    let (store, _, report) = paid().await;
    let mut item = to_item(&seller(9), 1).unwrap();
    let key = payment_key(report.payment());
    item.insert("pk".to_owned(), saldo_store::AttributeValue::S(key.pk));
    item.insert("sk".to_owned(), saldo_store::AttributeValue::S(key.sk));
    put_item(&store, item).await;
    assert!(finding(&store).await.contains("is no Payment"));
    // Nor does an invoice from which a balance of credit comes.
    let key = invoice_key(InvoiceId::from_random(1));
    let mut item = to_item(&seller(9), 1).unwrap();
    let invoice = to_item(&load::<Invoice>(&store, &key).await.unwrap().unwrap().value, 1).unwrap();
    for name in [attribute::PK, attribute::SK, attribute::CUSTOMER_KEY, attribute::CUSTOMER_AT] {
        item.insert(name.to_owned(), invoice[name].clone());
    }
    put_item(&store, item).await;
    let (findings, _) = verified(&store).await;
    assert!(findings.iter().any(|found| found.contains("is no Invoice")), "{findings:#?}");
}

#[tokio::test]
async fn an_interrupted_walk_goes_on_from_its_file() {
    let store = books().await;
    let mut progress = Progress::begin("billing", counters(&store).await.unwrap());
    let broken_off = walk(
        &store,
        &mut progress,
        Duration::ZERO,
        async |after| if after.is_some() { bail!("throttled") } else { page(&store, after).await },
        None,
    );
    assert!(format!("{:#}", broken_off.await.unwrap_err()).ends_with("throttled"));
    let file = std::env::temp_dir().join(format!("saldo-verify-{}.json", std::process::id()));
    progress.write(&file).unwrap();
    let mut resumed = Progress::read(&file, "billing").unwrap();
    let other = Progress::read(&file, "other").unwrap_err().to_string();
    std::fs::remove_file(&file).unwrap();
    assert!(other.contains("the table billing, this stack has other"), "{other}");
    let all = async |after| page(&store, after).await;
    assert_eq!(examine(&store, &mut resumed, Duration::ZERO, all, None).await.unwrap(), []);
    assert_eq!(resumed.summary(0), verified(&store).await.1);
}

#[tokio::test]
async fn a_conclusion_that_fails_is_drawn_again_without_another_walk() {
    let store = books().await;
    let mut progress = Progress::begin("billing", counters(&store).await.unwrap());
    let series = NumberSeries { seller: SellerId::from_random(1), series: NumberSeries::INVOICES.to_owned(), last: 3 };
    // The last thing that is read, and meanwhile cannot be.
    let scan = async |after| {
        let page = page(&store, after).await?;
        if page.next.is_none() {
            let mut item = to_item(&series, 1)?;
            item.remove("last");
            put_item(&store, item).await;
        }
        Ok(page)
    };
    assert!(examine(&store, &mut progress, Duration::ZERO, scan, None).await.is_err());
    put(&store, &series).await;
    let no_more = async |_| bail!("everything was seen");
    assert_eq!(examine(&store, &mut progress, Duration::ZERO, no_more, None).await.unwrap(), []);
    assert_eq!(progress.summary(0), verified(&store).await.1);
}

#[tokio::test]
async fn reports_that_were_never_counted_are_found() {
    let store = books().await;
    let copy = MemoryStore::new();
    let mut progress = Progress::begin("billing", counters(&store).await.unwrap());
    walk(&store, &mut progress, Duration::ZERO, async |after| page(&store, after).await, Some(&copy)).await.unwrap();
    let uncounted = reports::compare(&copy, &store).await.unwrap();
    assert!(uncounted.iter().any(|finding| finding.what.contains("EMEA in EUR: net is nothing, computed anew 199.00")));
    let mut place = Some(saldo_books::reports::Place::default());
    while let Some(next) = place {
        place = saldo_books::reports::rebuild(&store, next).await.unwrap().next;
    }
    assert_eq!(reports::compare(&copy, &store).await.unwrap(), []);
}

#[tokio::test]
async fn an_unfinished_invoice_for_which_nothing_is_planned_is_found() {
    let store = books().await;
    let key = invoice_key(InvoiceId::from_random(1));
    let mut invoice = load::<Invoice>(&store, &key).await.unwrap().unwrap().value;
    invoice.progress.next = None;
    put(&store, &invoice).await;
    let id = invoice.id;
    assert_eq!(
        finding(&store).await,
        format!("I8 planned  invoice {id}: something is left to be done, and nothing is planned")
    );
}
