//! The command on books that the functions themselves have kept, fed with sample events as a provider sends them.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use chrono::{DateTime, Utc};
use payment_processing::handler::{Processing, handle};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, SellerId};
use saldo_billing::invoice::{Collection, Draft, Invoice, Line, LineOrigin, Origin};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::Payment;
use saldo_billing::terms::NetTerms;
use saldo_books::reports::Place;
use saldo_messages::{MemoryQueue, ProviderEventsMessage};
use saldo_money::Money;
use saldo_runtime::budget::Budget;
use saldo_runtime::logs::Metrics;
use saldo_store::entities::{invoice_key, payment_key};
use saldo_store::inbox::InboxEvent;
use saldo_store::memory::MemoryStore;
use saldo_store::{Condition, Entity, Item, Stored, Transaction, load, to_item};
use serde_json::json;

use super::*;

const INVOICE: &str = "inv_01hq4v9y3m8k2z7n5b6c1d0e9f";
const CUSTOMER: &str = "cus_4m7q1x9z2c5v8b3n6k0h1j2g3f";

/// A payment that was created, was paid, was refunded in part, and was disputed.
const EVENTS: [&str; 7] = [
    include_str!("../../../../events/payment-processing/payment-intent-created.json"),
    include_str!("../../../../events/payment-processing/charge-succeeded.json"),
    include_str!("../../../../events/payment-processing/payment-intent-succeeded.json"),
    include_str!("../../../../events/payment-processing/charge-refunded.json"),
    include_str!("../../../../events/payment-processing/refund-created.json"),
    include_str!("../../../../events/payment-processing/dispute-created.json"),
    include_str!("../../../../events/payment-processing/dispute-funds-withdrawn.json"),
];

fn issued_at() -> DateTime<Utc> {
    "2026-10-01T08:00:00Z".parse().unwrap()
}

/// Long after everything.
fn now() -> DateTime<Utc> {
    "2027-01-31T08:00:00Z".parse().unwrap()
}

struct Stack {
    store: Arc<MemoryStore>,
    processing: Processing,
}

impl Stack {
    /// An invoice over 119.00 to Zoë, to which everything happened that the sample events tell.
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let processing = Processing {
            store: Arc::<MemoryStore>::clone(&store),
            queue: Arc::new(MemoryQueue::default()),
            metrics: Metrics::in_memory(),
        };
        let stack = Self { store, processing };
        let seller: Seller = serde_json::from_value(json!({
            "id": SellerId::from_random(1), "name": "Nordwind GmbH", "address": {"country": "DE"},
            "zone": "Europe/Berlin", "email": "billing@nordwind.example", "number_prefix": "NW-",
            "provider_account": "stripe/main", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        let customer: Customer = serde_json::from_value(json!({
            "id": CUSTOMER.parse::<CustomerId>().unwrap(), "seller": SellerId::from_random(1), "name": "Zoë 名前",
            "email": "zoe@example.com", "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "de",
            "region": "EMEA", "channel": "web", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        stack.put(&seller).await;
        stack.put(&customer).await;
        stack.issue(&customer).await;
        for event in EVENTS {
            stack.take(event).await;
        }
        stack.count().await;
        stack
    }

    async fn put<T: Entity>(&self, entity: &T) {
        let mut transaction = Transaction::new();
        transaction.put(T::table(), to_item(entity, 1).unwrap(), Condition::Always).unwrap();
        self.store.commit(transaction).await.unwrap();
    }

    async fn issue(&self, customer: &Customer) {
        let net = Money::from_minor(10_000, "EUR".parse().unwrap());
        let line = Line {
            description: "Support".to_owned(),
            quantity: 1.into(),
            unit_amount: net.amount(),
            net,
            gross: None,
            tax_rate: "0.19".parse().unwrap(),
            product: None,
            origin: LineOrigin::Manual,
        };
        let id: InvoiceId = INVOICE.parse().unwrap();
        let draft = Draft {
            id,
            origin: Origin::OneOff,
            collection: Collection::SendInvoice,
            terms: NetTerms::try_new(14, false).unwrap(),
            currency: "EUR".parse().unwrap(),
        };
        let nothing = &saldo_books::nothing_more;
        saldo_books::invoices::draft(&*self.store, draft, customer, vec![line], issued_at(), nothing).await.unwrap();
        saldo_books::invoices::finalise(&*self.store, id, issued_at(), nothing).await.unwrap();
    }

    async fn take(&self, event: &str) {
        let event: SqsEvent = serde_json::from_str(event).unwrap();
        let response = handle(&self.processing, event, Budget::lasting(Duration::from_secs(25))).await.unwrap();
        assert!(response.batch_item_failures.is_empty());
    }

    async fn count(&self) {
        let mut place = Some(Place::default());
        while let Some(next) = place {
            place = saldo_books::reports::rebuild(&*self.store, next).await.unwrap().next;
        }
    }

    /// Pages of two items, so that every walk crosses several.
    async fn replayed(&self) -> Replay {
        let page = async |table, after: Option<Key>| -> Result<Page> {
            let key = |item: &Item| Key::of(item).unwrap();
            let items = self.store.items(table).into_iter().map(|item| Item::clone(&item));
            let mut rest = items.filter(|item| after.as_ref().is_none_or(|after| key(item) > *after));
            let items: Vec<Item> = rest.by_ref().take(2).collect();
            let next = rest.next().and_then(|_| items.last().map(key));
            Ok(Page { items, next })
        };
        compared(read(page).await.unwrap(), &*self.store, now(), Duration::ZERO).await.unwrap()
    }

    async fn payment(&self) -> Payment {
        let key = payment_key(PaymentId::derive(&["stripe", "main", "pi_3SkXqBLkdIwHu7ix0kPzYq5C"]));
        load::<Payment>(&*self.store, &key).await.unwrap().unwrap().value
    }
}

#[tokio::test]
async fn what_the_functions_keep_is_what_the_facts_come_to() {
    let stack = Stack::new().await;
    let replay = stack.replayed().await;
    assert_eq!(replay.differences(), []);
    let lines = shown::lines(&replay, 20).join("\n");
    for part in [
        "7 events told again, 7 of them about payments: 0 wait, 0 are refused",
        "0 facts known only from an answer",
        // The payment, its invoice, the sum of its entries; no credit.
        "billing: 3 compared, 3 equal, 0 different, 0 missing, 0 surplus\n",
        "the books are what the facts come to",
    ] {
        assert!(lines.contains(part), "{part} is missing in {lines}");
    }
}

#[tokio::test]
async fn a_fact_that_was_lost_is_told_and_is_back_after_the_repair() {
    let stack = Stack::new().await;
    let mut value = serde_json::to_value(stack.payment().await).unwrap();
    let facts = value["facts"].as_object_mut().unwrap();
    let lost = facts.keys().find(|key| key.starts_with("dispute/") && key.ends_with("/1")).unwrap().clone();
    facts.remove(&lost);
    stack.put::<Payment>(&serde_json::from_value(value).unwrap()).await;
    let replay = stack.replayed().await;
    let lines = shown::lines(&replay, 20);
    assert!(lines[0].starts_with("different  billing PAYMENT#pay_"), "{lines:#?}");
    assert!(lines[1].trim().starts_with(&format!("facts.{lost}: kept nothing, rebuilt ")), "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "1 DIFFER from what the facts come to");

    let queue = MemoryQueue::default();
    let said = repair::repair(&replay, &queue, now(), false).await.unwrap();
    assert_eq!((queue.drain(), said[0].contains("--yes")), (vec![], true));
    repair::repair(&replay, &queue, now(), true).await.unwrap();
    let sent = queue.drain();
    let [(Destination::ProviderEvents, body)] = sent.as_slice() else { panic!("{sent:?}") };
    let ProviderEventsMessage::Retry { parked, .. } = saldo_messages::decode(body).unwrap() else { panic!("{body}") };
    assert!(!parked.is_empty() && parked.len() < EVENTS.len(), "{parked:?}");
    stack.take(&json!({"Records": [{"messageId": "m-0", "body": body}]}).to_string()).await;
    assert_eq!(stack.replayed().await.differences(), []);
}

#[tokio::test]
async fn an_invoice_that_forgot_its_payment_is_left_to_a_person_when_the_payment_was_posted() {
    let stack = Stack::new().await;
    let key = invoice_key(INVOICE.parse().unwrap());
    let kept: Stored<Invoice> = load(&*stack.store, &key).await.unwrap().unwrap();
    stack.put(&kept.value.without_payments()).await;
    let queue = MemoryQueue::default();
    let said = repair::repair(&stack.replayed().await, &queue, now(), true).await.unwrap();
    assert_eq!(queue.drain(), []);
    assert!(said[1].contains(&format!("the entries of {} are not what it says", key.pk)), "{said:?}");
}

#[tokio::test]
async fn an_invoice_that_forgot_its_payment_is_put_right_when_a_person_asks_for_it() {
    let stack = Stack::new().await;
    let key = invoice_key(INVOICE.parse().unwrap());
    let kept: Stored<Invoice> = load(&*stack.store, &key).await.unwrap().unwrap();
    stack.put(&kept.value.without_payments()).await;
    let before = stack.store.items(Table::Billing);
    let said = swap::swap(&stack.replayed().await, &*stack.store, now(), false).await.unwrap();
    let expected =
        [format!("would be put right: {}", key.pk), "1 would be put right; do it with `--swap --yes`".into()];
    assert_eq!((said.as_slice(), stack.store.items(Table::Billing)), (expected.as_slice(), before));
    let said = swap::swap(&stack.replayed().await, &*stack.store, now(), true).await.unwrap();
    assert_eq!(said, ["put right: 1 of 1; replay again in a minute"]);
    assert_eq!(stack.replayed().await.differences(), []);
}

#[tokio::test]
async fn what_is_written_while_it_is_put_right_is_left_and_named() {
    let stack = Stack::new().await;
    let key = invoice_key(INVOICE.parse().unwrap());
    let kept: Stored<Invoice> = load(&*stack.store, &key).await.unwrap().unwrap();
    stack.put(&kept.value.without_payments()).await;
    let replay = stack.replayed().await;
    let mut transaction = Transaction::new();
    transaction.put(Table::Billing, to_item(&kept.value, 9).unwrap(), Condition::Always).unwrap();
    stack.store.commit(transaction).await.unwrap();
    let said = swap::swap(&replay, &*stack.store, now(), true).await.unwrap();
    assert_eq!(said[0], "put right: 0 of 1; replay again in a minute");
    assert_eq!(said[1], format!("not touched: {} was written meanwhile; replay again", key.pk));
}

#[tokio::test]
async fn an_event_that_is_gone_leaves_its_fact_without_a_witness() {
    let stack = Stack::new().await;
    let items = stack.store.items(Table::Inbox);
    let events = items.iter().map(|item| Stored::<InboxEvent>::from_item(Item::clone(item)).unwrap().value);
    let dispute = events.into_iter().filter(|event| event.kind.contains("dispute")).map(|event| event.key());
    for key in dispute.collect::<Vec<_>>() {
        let mut transaction = Transaction::new();
        transaction.delete(Table::Inbox, key, Condition::Present).unwrap();
        stack.store.commit(transaction).await.unwrap();
    }
    let replay = stack.replayed().await;
    let lines = shown::lines(&replay, 1);
    assert!(lines.iter().any(|line| line.contains("more differences")), "{lines:#?}");
    assert!(replay.differences().iter().any(|one| one.fields.iter().any(|field| field.ends_with("rebuilt nothing"))));
    assert!(replay.mending().events.is_empty());
}
