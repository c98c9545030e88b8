//! What invoices leave to later ones.

use saldo_billing::invoice::AttemptState;
use saldo_billing::payment::Decline;

use super::*;

async fn invoice(store: &MemoryStore, id: InvoiceId) -> Invoice {
    load::<Invoice>(store, &invoice_key(id)).await.unwrap().unwrap().value
}

#[tokio::test]
async fn a_debt_on_which_two_invoices_do_not_agree_is_found() {
    let store = books().await;
    let small = InvoiceId::from_random(21);
    let draft = Draft {
        id: small,
        origin: Origin::OneOff,
        collection: Collection::Automatic,
        terms: NetTerms::try_new(0, false).unwrap(),
        currency: "EUR".parse().unwrap(),
    };
    let lines = vec![line(30, "EUR", "0")];
    invoices::draft(&store, draft, &customer(1), lines, now(), &nothing_more).await.unwrap();
    invoices::finalise(&store, small, now(), &nothing_more).await.unwrap();
    let mut waiting = invoice(&store, small).await;
    let method = json!({"account": "stripe/main", "customer": "cus_1", "token": "pm_1", "kind": "card"});
    waiting.begin_attempt(&serde_json::from_value(method).unwrap(), now(), now()).unwrap();
    let decline = Decline { code: Decline::TOO_SMALL.to_owned(), hard: true };
    let refused = AttemptState::Declined { at: now(), decline };
    waiting.settle_attempt(1, refused, &seller(1).dunning, now()).unwrap();
    put(&store, &waiting).await;
    put(&store, &Customer { too_small: [small].into(), ..customer(1) }).await;
    let next = issued(&store, 22, 1, vec![line(10_000, "EUR", "0")]).await;
    let (carried, brought) = (invoice(&store, small).await, invoice(&store, next).await);
    assert_eq!(verified(&store).await.0, [""; 0], "they agree");

    put(&store, &waiting).await;
    let found = finding(&store).await;
    assert_eq!(
        found,
        format!("I2 ledger   invoice {next} brings 0.30 EUR of invoice {small} forward, which says otherwise")
    );
    put(&store, &carried).await;
    let mut void = brought;
    void.void(now()).unwrap();
    put(&store, &void).await;
    let (found, _) = verified(&store).await;
    let left = format!("invoice {small} left 0.30 EUR to invoice {next}, which says otherwise");
    assert!(found.iter().any(|found| found.ends_with(&left)), "{found:#?}");
}
