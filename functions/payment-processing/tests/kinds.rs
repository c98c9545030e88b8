//! Every kind of event that Stripe posts, in the message in which the queue hands it over.

use std::collections::BTreeMap;
use std::path::Path;

use saldo_billing::id::PaymentId;
use saldo_billing::invoice::HostedPage;
use saldo_billing::payment::{Fact, Payment, PaymentReport, Statement};
use saldo_billing::provider::PaymentMethod;
use saldo_books::attempts;
use saldo_messages::ProviderEventsMessage;
use saldo_store::entities::{ProviderCustomer, payment_key};
use saldo_store::inbox::InboxStatus;
use saldo_store::{Store as _, Transaction, load};
use serde_json::Value;

use crate::world::{World, account, customer_id, eur, invoice_id, issued_at, sample};

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn every_kind_is_kept_and_is_taken_or_waits_for_what_it_is_about() {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut became: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(events.join("providers/stripe")).unwrap() {
        let posted = entry.unwrap().path();
        let name = posted.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(kind) = name.strip_suffix(".json") else { continue };
        let text = std::fs::read_to_string(events.join("payment-processing/stripe").join(&name)).expect(kind);
        let posted = json(&posted);
        let body = sample(&text).records[0].body.clone().unwrap();
        let ProviderEventsMessage::Take { event, .. } = saldo_messages::decode(&body).unwrap() else {
            panic!("{kind}")
        };
        assert_eq!(serde_json::from_str::<Value>(&event.body).unwrap(), posted, "{kind}");

        let world = World::empty().await;
        assert!(world.take(&text).await, "{kind}");
        let status = world.status(posted["id"].as_str().unwrap()).await.unwrap();
        became.entry(format!("{status:?}")).or_default().push(kind.to_owned());
    }
    let of = |status: InboxStatus| became.get(&format!("{status:?}")).cloned().unwrap_or_default();
    assert_eq!(of(InboxStatus::GivenUp), Vec::<String>::new());
    assert!(
        of(InboxStatus::Ignored).iter().all(|kind| kind.starts_with("payout.") || kind == "setup_intent.setup_failed")
    );
    let waiting = of(InboxStatus::Parked);
    assert!(waiting.iter().any(|kind| kind == "payment_intent.canceled") && waiting.len() > 15, "{waiting:?}");
    assert!(of(InboxStatus::Applied).iter().any(|kind| kind == "charge.succeeded.not_ours"), "{became:?}");
}

/// The invoice, the session and the customer that the events tell of.
const THEIR_INVOICE: &str = "inv_3r8v9x2k5m7n0p4q6s1t8w2y3z";
const SALDO_CUSTOMER: &str = "cus_1h4j7k0m3n6p9q2r5s8t1v4w7x";
const THEIR_CUSTOMER: &str = "cus_1UzlYEbvLlGAnW7YW0lOELUm";

/// What each kind does to books in which there is what it is about: the invoice over 119.00, its page, the customer's method, and a
/// payment where the event adds to one.
#[tokio::test]
async fn every_kind_has_its_effect() {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut names: Vec<String> = std::fs::read_dir(events.join("providers/stripe"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    let mut effects = String::new();
    for kind in names {
        let object = json(&events.join(format!("providers/stripe/{kind}.json")))["data"]["object"].clone();
        let text = std::fs::read_to_string(events.join(format!("payment-processing/stripe/{kind}.json"))).unwrap();
        let text = text.replace(THEIR_INVOICE, &invoice_id().to_string());
        let text = text.replace(SALDO_CUSTOMER, &customer_id().to_string());
        let world = World::new().await;
        prepare(&world, &kind, &object).await;
        assert!(world.take(&text).await, "{kind}");
        assert!(world.take(&text).await, "{kind} once more");
        effects += &format!("{kind}\n    {}\n", effect(&world, &object).await);
    }
    assert_eq!(effects, include_str!("kinds.txt"), "{effects}");
}

fn intent_of(object: &Value) -> Option<&str> {
    let intent = if object["object"] == "payment_intent" { &object["id"] } else { &object["payment_intent"] };
    intent.as_str()
}

async fn prepare(world: &World, kind: &str, object: &Value) {
    let mut transaction = Transaction::new();
    let (account, reference, customer) = (account(), THEIR_CUSTOMER.to_owned(), customer_id());
    transaction.create(&ProviderCustomer { account: account.clone(), reference, customer }).unwrap();
    world.store.memory.commit(transaction).await.unwrap();
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    if object["object"] == "payment_method" && kind != "payment_method.attached" {
        let (token, customer, kind) = (text("id"), THEIR_CUSTOMER.to_owned(), "card".to_owned());
        let (network, last4, expires) = (None, None, None);
        world
            .choose(Some(PaymentMethod { account: account.clone(), token, customer, kind, network, last4, expires }))
            .await;
    }
    if object["object"] == "checkout.session" {
        let page = HostedPage {
            account: account.clone(),
            reference: text("id"),
            mark: "1f0c93ab".to_owned(),
            amount: eur(11_900),
            expires_at: issued_at(),
            payment: None,
        };
        let (url, also) = ("https://checkout.stripe.com/c/pay", &saldo_books::nothing_more);
        attempts::open_page(&*world.store, invoice_id(), &page, url, issued_at(), also).await.unwrap();
    }
    if matches!(object["object"].as_str(), Some("dispute" | "refund")) {
        let reference = intent_of(object).unwrap().to_owned();
        let captured = Statement::Captured { reference: text("charge"), amount: eur(11_900) };
        let report = PaymentReport {
            account,
            reference,
            invoice: Some(invoice_id()),
            attempt: None,
            page: None,
            method: None,
            currency: eur(0).currency(),
            introduces: true,
            facts: vec![Fact::new(issued_at(), captured)],
        };
        saldo_books::payments::report(&*world.store, &report, issued_at()).await.unwrap();
    }
}

async fn effect(world: &World, object: &Value) -> String {
    let mut effect = Vec::new();
    if let Some(intent) = intent_of(object) {
        let key = payment_key(PaymentId::derive(&["stripe", "main", intent]));
        match load::<Payment>(&world.store.memory, &key).await.unwrap() {
            None => effect.push("no payment".to_owned()),
            Some(payment) => {
                let standing = payment.value.standing().unwrap();
                effect.push(format!("{:?}", payment.value.status()));
                for (name, money) in [
                    ("captured", standing.captured),
                    ("refunded", standing.refunded),
                    ("disputed", standing.disputed),
                    ("lost", standing.lost),
                    ("fees", standing.dispute_fees),
                ] {
                    effect.extend((!money.is_zero()).then(|| format!("{name} {money}")));
                }
                effect.extend(payment.value.is_disputed().then(|| "dispute open".to_owned()));
                effect.extend(payment.value.last_failure().map(|(_, decline)| format!("declined {}", decline.code)));
            }
        }
    }
    let invoice = world.invoice().await;
    effect.push(format!("invoice {:?}, due {}", invoice.status().unwrap(), invoice.amount_due().unwrap()));
    if object["object"] == "checkout.session" {
        let page = invoice.page().map(|page| if page.payment.is_some() { "is paid on" } else { "is open" });
        effect.push(format!("page {}", page.unwrap_or("is gone")));
    }
    if let Some(method) = world.customer().await.payment_method {
        effect.push(format!("method {} {}", method.token, method.last4.unwrap_or_default()));
    } else if object["object"] == "payment_method" {
        effect.push("no method".to_owned());
    }
    effect.join(", ")
}
