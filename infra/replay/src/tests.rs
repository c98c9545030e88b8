//! Sound books are rebuilt as they are, and each way in which they can differ from their facts is named.

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use proptest::prelude::*;
use rust_decimal::Decimal;
use saldo_billing::dunning::DunningPolicy;
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, RefundId, SellerId};
use saldo_billing::invoice::{Collection, Draft, Invoice, Line, LineOrigin, Origin};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{Decline, Fact, Payment, PaymentReport, RefundState, RefundStatus, Statement};
use saldo_billing::terms::NetTerms;
use saldo_books::payments::Reported;
use saldo_books::reports::{self, Place};
use saldo_books::{invoices, nothing_more, payments, refunds};
use saldo_money::Money;
use saldo_store::entities::{CreditBalance, invoice_key, payment_key};
use saldo_store::inbox::InboxStatus;
use saldo_store::memory::MemoryStore;
use saldo_store::{AttributeValue, Condition, Entity, Item, Key, Store as _, Table, Transaction, load, to_item};
use serde_json::json;

use crate::{Difference, Kept, Kind, Replay, Told, replay};

fn at(minutes: i64) -> DateTime<Utc> {
    let start = Utc.with_ymd_and_hms(2026, 2, 28, 23, 30, 0).unwrap();
    start.checked_add_signed(TimeDelta::minutes(minutes)).unwrap()
}

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, "EUR".parse().unwrap())
}

fn invoice(number: u128) -> InvoiceId {
    InvoiceId::from_random(number)
}

fn customer_id() -> CustomerId {
    CustomerId::from_random(1)
}

fn pay(reference: &str) -> PaymentId {
    PaymentId::derive(&["stripe", "main", reference])
}

fn told_of(reference: &str, of: Option<InvoiceId>, facts: Vec<Fact>) -> PaymentReport {
    PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: reference.into(),
        invoice: of,
        attempt: None,
        method: None,
        currency: "EUR".parse().unwrap(),
        introduces: true,
        facts,
    }
}

fn captured(reference: &str, minor: i64, minute: i64) -> Fact {
    Fact::new(at(minute), Statement::Captured { reference: format!("ch_{reference}"), amount: eur(minor) })
}

fn withdrawn(minor: i64, minute: i64) -> Fact {
    let reference = "dp_1".to_owned();
    Fact::new(at(minute), Statement::DisputeFundsWithdrawn { reference, amount: eur(minor), fee: Some(eur(1_500)) })
}

/// A stack whose inbox is held as it was read.
struct Stack {
    store: MemoryStore,
    events: Vec<Told>,
}

impl Stack {
    /// Three invoices of one customer, over 119.00 each: paid, paid too much and disputed, open; and money that nobody knows.
    async fn new() -> Self {
        let mut stack = Self { store: MemoryStore::new(), events: Vec::new() };
        let seller: Seller = serde_json::from_value(json!({
            "id": SellerId::from_random(1), "name": "Nordwind GmbH", "address": {"country": "DE"},
            "zone": "Europe/Berlin", "email": "billing@nordwind.example", "number_prefix": "N-",
            "provider_account": "stripe/main", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        let customer: Customer = serde_json::from_value(json!({
            "id": customer_id(), "seller": SellerId::from_random(1), "name": "Zoë 名前", "email": "zoe@example.com",
            "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "en", "region": "EMEA",
            "channel": "web", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        stack.put(&seller).await;
        stack.put(&customer).await;
        for number in 1..=3 {
            stack.issue(invoice(number), &customer).await;
        }
        stack.event(told_of("pi_1", Some(invoice(1)), vec![captured("1", 11_900, 10)]), 10).await;
        stack.event(told_of("pi_2", Some(invoice(2)), vec![captured("2", 20_000, 11)]), 11).await;
        stack.event(told_of("pi_2", None, vec![withdrawn(20_000, 20)]), 20).await;
        stack.event(told_of("pi_9", None, vec![captured("9", 700, 30)]), 30).await;
        stack.count().await;
        stack
    }

    async fn put<T: Entity>(&self, entity: &T) {
        self.put_item(T::table(), to_item(entity, 1).unwrap()).await;
    }

    async fn put_item(&self, table: Table, item: Item) {
        let mut transaction = Transaction::new();
        transaction.put(table, item, Condition::Always).unwrap();
        self.store.commit(transaction).await.unwrap();
    }

    async fn issue(&self, id: InvoiceId, customer: &Customer) {
        let draft = Draft {
            id,
            origin: Origin::OneOff,
            collection: Collection::SendInvoice,
            terms: NetTerms::try_new(14, false).unwrap(),
            currency: "EUR".parse().unwrap(),
        };
        let line = Line {
            description: "Support".to_owned(),
            quantity: Decimal::ONE,
            unit_amount: eur(10_000).amount(),
            net: eur(10_000),
            tax_rate: "0.19".parse().unwrap(),
            product: None,
            origin: LineOrigin::Manual,
        };
        invoices::draft(&self.store, draft, customer, vec![line], at(0), &nothing_more).await.unwrap();
        invoices::finalise(&self.store, id, at(1), &nothing_more).await.unwrap();
    }

    /// An event that is put into the inbox and taken into the books.
    async fn event(&mut self, report: PaymentReport, minute: i64) {
        payments::report(&self.store, &report, at(minute)).await.unwrap();
        self.inbox(report, minute);
    }

    fn inbox(&mut self, report: PaymentReport, minute: i64) {
        self.events.push(Told {
            account: report.account.clone(),
            event_id: format!("evt_{}", self.events.len()),
            received_at: at(minute),
            status: InboxStatus::Applied,
            reports: Ok(vec![report]),
        });
    }

    async fn count(&self) {
        let mut place = Some(Place::default());
        while let Some(next) = place {
            place = reports::rebuild(&self.store, next).await.unwrap().next;
        }
    }

    async fn replayed(&self) -> Replay {
        let mut kept = Kept::in_memory(&self.store).unwrap();
        kept.events.clone_from(&self.events);
        replay(kept).await.unwrap()
    }

    async fn differences(&self) -> Vec<Difference> {
        self.replayed().await.differences()
    }

    /// The one difference outside of the reports.
    async fn difference(&self) -> Difference {
        let found: Vec<Difference> =
            self.differences().await.into_iter().filter(|one| one.table != Table::Reports).collect();
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].clone()
    }

    async fn payment(&self, reference: &str) -> Payment {
        load::<Payment>(&self.store, &payment_key(pay(reference))).await.unwrap().unwrap().value
    }

    async fn edit<T: Entity>(&self, entity: &T, edit: impl FnOnce(&mut serde_json::Value)) {
        let mut value = serde_json::to_value(entity).unwrap();
        edit(&mut value);
        self.put::<T>(&serde_json::from_value(value).unwrap()).await;
    }

    async fn remove(&self, table: Table, key: Key) {
        let mut transaction = Transaction::new();
        transaction.delete(table, key, Condition::Present).unwrap();
        self.store.commit(transaction).await.unwrap();
    }
}

#[tokio::test]
async fn sound_books_are_rebuilt_as_they_are_to_the_byte() {
    let replayed = Stack::new().await.replayed().await;
    assert_eq!(replayed.differences(), []);
    for table in [Table::Billing, Table::Reports] {
        let (kept, rebuilt) = replayed.hashes(table);
        assert_eq!(kept, rebuilt);
        assert!(replayed.tally(table).equal > 3, "{:?}", replayed.tally(table));
    }
    // Three payments, three invoices, a sum for each invoice and the payment without one, one customer's credit.
    assert_eq!(replayed.tally(Table::Billing).equal, 3 + 3 + 4 + 1);
    assert_eq!((replayed.events.of_payments, replayed.only_answered.len()), (4, 0));
}

#[tokio::test]
async fn the_order_in_which_events_were_received_does_not_matter() {
    let mut stack = Stack::new().await;
    for (place, told) in stack.events.iter_mut().enumerate() {
        told.received_at = at(100 - i64::try_from(place).unwrap());
    }
    assert_eq!(stack.differences().await, []);
}

#[tokio::test]
async fn a_fact_that_the_books_lost_is_named_with_the_event_that_tells_it() {
    let stack = Stack::new().await;
    stack
        .edit(&stack.payment("pi_2").await, |payment| {
            payment["facts"].as_object_mut().unwrap().remove("dispute/dp_1/1").unwrap();
        })
        .await;
    let found = stack.difference().await;
    assert_eq!((found.key, found.kind), (payment_key(pay("pi_2")), Kind::Different));
    assert!(found.fields[0].starts_with("facts.dispute/dp_1/1: kept nothing, rebuilt {"), "{:?}", found.fields);
    let replayed = stack.replayed().await;
    let mending: Vec<&str> = replayed.mending().iter().map(|told| told.event_id.as_str()).collect();
    assert_eq!(mending, ["evt_2"]);
}

#[tokio::test]
async fn an_event_that_never_came_to_the_books_makes_all_that_follows_from_it_differ() {
    let mut stack = Stack::new().await;
    stack.inbox(told_of("pi_3", Some(invoice(3)), vec![captured("3", 11_900, 40)]), 40);
    let replayed = stack.replayed().await;
    let found: Vec<(Key, Kind)> = replayed
        .differences()
        .into_iter()
        .filter(|one| one.table == Table::Billing)
        .map(|one| (one.key, one.kind))
        .collect();
    let entries = Key::new(invoice_key(invoice(3)).pk, "ENTRY#");
    let expected = [
        (entries, Kind::Different),
        (invoice_key(invoice(3)), Kind::Different),
        (payment_key(pay("pi_3")), Kind::Missing),
    ];
    assert_eq!(found, expected);
    assert!(replayed.tally(Table::Reports).different > 0);
    assert_ne!(replayed.hashes(Table::Reports).0, replayed.hashes(Table::Reports).1);
    let mending: Vec<String> = replayed.mending().iter().map(|told| told.event_id.clone()).collect();
    assert_eq!(mending, ["evt_4"]);
    payments::report(&stack.store, &stack.events[4].reports()[0], at(41)).await.unwrap();
    stack.count().await;
    assert_eq!(stack.differences().await, []);
}

#[tokio::test]
async fn a_fact_that_no_event_tells_and_no_answer_can_have_told_is_named() {
    let mut stack = Stack::new().await;
    // The dispute's event, then that of the money nobody knows, are not in the inbox.
    let dispute = stack.events.remove(2);
    let found = stack.differences().await;
    assert!(found.iter().any(|one| one.key == payment_key(pay("pi_2")) && one.kind == Kind::Different), "{found:#?}");
    stack.events.push(dispute);
    stack.events.retain(|told| told.reports()[0].reference != "pi_9");
    let found = stack.differences().await;
    assert!(found.iter().any(|one| one.key == payment_key(pay("pi_9")) && one.kind == Kind::Surplus), "{found:#?}");
}

#[tokio::test]
async fn what_our_own_charge_was_answered_is_taken_over_and_counted() {
    let mut stack = Stack::new().await;
    let answer =
        PaymentReport { attempt: Some(1), ..told_of("pi_3", Some(invoice(3)), vec![captured("3", 11_900, 40)]) };
    payments::report(&stack.store, &answer, at(40)).await.unwrap();
    stack.count().await;
    let replayed = stack.replayed().await;
    assert_eq!(replayed.differences(), []);
    let facts: Vec<&str> = replayed.only_answered.iter().map(|one| one.fact.as_str()).collect();
    assert_eq!(facts, ["captured/ch_3"]);
    // The event that tells the same comes later, and tells another amount: it is what counts.
    stack.inbox(told_of("pi_3", Some(invoice(3)), vec![captured("3", 10_000, 41)]), 41);
    let replayed = stack.replayed().await;
    assert!(replayed.only_answered.is_empty());
    let found = replayed.differences();
    assert!(found.iter().any(|one| one.key == payment_key(pay("pi_3"))), "{found:#?}");
}

#[tokio::test]
async fn an_answer_that_was_told_before_the_event_gives_the_time() {
    let mut stack = Stack::new().await;
    let no = |minute| {
        let decline = Decline { code: "insufficient_funds".into(), hard: false };
        let report = told_of(
            "pi_3",
            Some(invoice(3)),
            vec![Fact::new(at(minute), Statement::Failed { reference: "ch_3".into(), decline })],
        );
        PaymentReport { attempt: Some(1), ..report }
    };
    payments::report(&stack.store, &no(40), at(40)).await.unwrap();
    stack.event(no(41), 41).await;
    stack.count().await;
    let replayed = stack.replayed().await;
    assert_eq!(replayed.differences(), []);
    assert_eq!(replayed.only_answered.len(), 1);
}

#[tokio::test]
async fn refunds_that_were_asked_for_are_decisions() {
    let mut stack = Stack::new().await;
    let refund = RefundId::from_random(1);
    refunds::request(&stack.store, pay("pi_1"), refund, eur(1_000), at(50), &nothing_more).await.unwrap();
    assert_eq!(stack.differences().await, []);
    let told = Statement::Refund {
        reference: "re_1".into(),
        amount: eur(1_000),
        status: RefundStatus::Succeeded,
        requested_as: Some(refund),
    };
    let report = PaymentReport { introduces: false, ..told_of("pi_1", None, vec![Fact::new(at(51), told)]) };
    payments::report(&stack.store, &report, at(51)).await.unwrap();
    stack.count().await;
    // Until its event comes, only the answer has told it.
    let replayed = stack.replayed().await;
    assert_eq!((replayed.differences(), replayed.only_answered.len()), (vec![], 1));
    stack.inbox(report, 52);
    let replayed = stack.replayed().await;
    assert_eq!((replayed.differences(), replayed.only_answered.len()), (vec![], 0));
    let state = stack.payment("pi_1").await.refund_request(refund).unwrap().state.clone();
    assert!(matches!(state, RefundState::Accepted { status: RefundStatus::Succeeded, .. }));
}

#[tokio::test]
async fn a_balance_that_was_changed_is_named() {
    let stack = Stack::new().await;
    stack.put(&CreditBalance { customer: customer_id(), balance: eur(8_101) }).await;
    let found = stack.difference().await;
    assert_eq!(found.key, CreditBalance::key_of(customer_id(), "EUR".parse().unwrap()));
    assert_eq!(found.fields, [r#"balance.amount: kept "81.01", rebuilt "81.00""#]);
}

#[tokio::test]
async fn an_entry_that_is_missing_is_named_by_its_sum() {
    let stack = Stack::new().await;
    stack.remove(Table::Billing, Key::new(invoice_key(invoice(1)).pk, "ENTRY#finalised")).await;
    let found = stack.difference().await;
    assert_eq!((found.key, found.kind), (Key::new(invoice_key(invoice(1)).pk, "ENTRY#"), Kind::Different));
    assert!(found.fields.iter().any(|field| field.starts_with("revenue: kept nothing, rebuilt")), "{:?}", found.fields);
}

#[tokio::test]
async fn an_invoice_that_lacks_its_payment_is_named_and_mended_by_an_event_of_it() {
    let stack = Stack::new().await;
    let kept = load::<Invoice>(&stack.store, &invoice_key(invoice(1))).await.unwrap().unwrap().value;
    stack.put(&kept.without_payments()).await;
    let found = stack.difference().await;
    assert_eq!(found.key, invoice_key(invoice(1)));
    let replayed = stack.replayed().await;
    let mending: Vec<&str> = replayed.mending().iter().map(|told| told.event_id.as_str()).collect();
    assert_eq!(mending, ["evt_0"]);
}

#[tokio::test]
async fn a_count_that_was_changed_is_named_and_one_that_came_back_to_nothing_is_not() {
    let stack = Stack::new().await;
    let items = stack.store.items(Table::Reports);
    let sales = items.iter().find(|item| Key::of(item).is_some_and(|key| key.pk == "SALES")).unwrap();
    let mut item = Item::clone(sales);
    item.insert("n31".into(), AttributeValue::N("0".into()));
    stack.put_item(Table::Reports, item.clone()).await;
    assert_eq!(stack.differences().await, []);
    item.insert("n31".into(), AttributeValue::N("1".into()));
    stack.put_item(Table::Reports, item.clone()).await;
    let found = stack.differences().await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (&found[0].key, &found[0].fields[0][..]),
        (&Key::of(&item).unwrap(), "n31: kept \"1\", rebuilt nothing")
    );
}

#[tokio::test]
async fn what_waits_is_told_and_is_a_difference_only_where_the_inbox_calls_it_applied() {
    let mut stack = Stack::new().await;
    stack.inbox(told_of("pi_7", Some(invoice(7)), vec![captured("7", 100, 60)]), 60);
    let found = stack.difference().await;
    assert_eq!((found.table, &found.key.sk[..]), (Table::Inbox, "EVENT"));
    assert_eq!(found.fields, [r#"status: kept "applied", rebuilt "parked""#]);
    stack.events[4].status = InboxStatus::Parked;
    let replayed = stack.replayed().await;
    assert_eq!(replayed.differences(), []);
    assert_eq!(replayed.events.waiting[0].reason, invoice(7).to_string());
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_refused() {
    let mut stack = Stack::new().await;
    stack.inbox(told_of("pi_7", None, vec![]), 60);
    stack.events[4].reports = Err("unexpected JSON".into());
    stack.events[4].status = InboxStatus::GivenUp;
    let replayed = stack.replayed().await;
    assert_eq!(replayed.differences(), []);
    assert_eq!(replayed.events.refused[0].reason, "unexpected JSON");
}

#[tokio::test]
async fn a_commit_that_came_between_two_reads_is_no_difference() {
    let mut stack = Stack::new().await;
    let before = Kept::in_memory(&stack.store).unwrap();
    stack.event(told_of("pi_3", Some(invoice(3)), vec![captured("3", 15_000, 40)]), 40).await;
    stack.count().await;
    // Billing and reports were read before the commit, the inbox after it.
    let kept = Kept { events: stack.events.clone(), ..before };
    let mut replayed = replay(kept).await.unwrap();
    assert!(replayed.differences().len() > 4, "{:#?}", replayed.differences());
    replayed.look_again(&stack.store, at(1_000)).await.unwrap();
    assert_eq!(replayed.differences(), []);
    for table in [Table::Billing, Table::Reports] {
        assert_eq!(replayed.hashes(table).0, replayed.hashes(table).1);
    }
}

#[tokio::test]
async fn an_event_that_is_still_on_its_way_is_not_judged_and_one_that_had_its_time_is() {
    let mut stack = Stack::new().await;
    stack.inbox(told_of("pi_3", Some(invoice(3)), vec![captured("3", 11_900, 40)]), 40);
    let mut replayed = stack.replayed().await;
    replayed.look_again(&stack.store, at(30)).await.unwrap();
    assert_eq!(replayed.differences(), []);
    assert_eq!(replayed.tally(Table::Billing).moving, 3);
    // What was summed up before it happened is judged all the same.
    let sum = Item::from(std::collections::HashMap::from([
        ("pk".to_owned(), AttributeValue::S("SALES".into())),
        ("sk".to_owned(), AttributeValue::S("2026-02-01#EUR#EMEA#web#".into())),
        ("n07".to_owned(), AttributeValue::N("1".into())),
    ]));
    stack.put_item(Table::Reports, sum).await;
    let mut replayed = stack.replayed().await;
    replayed.look_again(&stack.store, at(30)).await.unwrap();
    assert_eq!(replayed.differences()[0].key.sk, "2026-02-01#EUR#EMEA#web#");
    assert_eq!(replayed.differences().len(), 1);
    let mut replayed = stack.replayed().await;
    replayed.look_again(&stack.store, at(45)).await.unwrap();
    assert!(replayed.differences().iter().any(|one| one.key == payment_key(pay("pi_3"))));
}

#[tokio::test]
async fn what_is_really_broken_is_so_at_the_second_look() {
    let stack = Stack::new().await;
    stack.put(&CreditBalance { customer: customer_id(), balance: eur(1) }).await;
    stack.remove(Table::Billing, Key::new(invoice_key(invoice(1)).pk, "ENTRY#finalised")).await;
    stack.remove(Table::Billing, payment_key(pay("pi_9"))).await;
    let mut replayed = stack.replayed().await;
    let before = replayed.differences();
    replayed.look_again(&stack.store, at(1_000)).await.unwrap();
    assert_eq!(replayed.differences(), before);
    assert!(before.iter().filter(|one| one.table == Table::Billing).count() == 3, "{before:#?}");
}

#[tokio::test]
async fn how_far_collecting_came_is_taken_over_with_its_due_marker() {
    let mut stack = Stack::new().await;
    let policy = DunningPolicy::default();
    let mut kept = load::<Invoice>(&stack.store, &invoice_key(invoice(3))).await.unwrap().unwrap().value;
    kept.handed_over(&policy, at(5)).unwrap();
    stack.put(&kept).await;
    stack.event(told_of("pi_3", Some(invoice(3)), vec![captured("3", 900, 40)]), 40).await;
    let mut kept = load::<Invoice>(&stack.store, &invoice_key(invoice(3))).await.unwrap().unwrap().value;
    let planned = kept.progress.next;
    kept.plan(&policy, at(60 * 24 * 20)).unwrap();
    assert_ne!(kept.progress.next, planned);
    stack.put(&kept).await;
    stack.count().await;
    assert_eq!(stack.differences().await, []);
    // The marker in the index is part of what is compared.
    let mut item = to_item(&kept, 9).unwrap();
    item.remove("due_at");
    stack.put_item(Table::Billing, item).await;
    assert!(stack.difference().await.fields[0].starts_with("due_at: kept nothing, rebuilt"));
}

/// What can be told of two payments of one invoice and one of another, in any order.
fn lives() -> Vec<PaymentReport> {
    let refund = |status, minute| {
        let reference = "re_1".to_owned();
        let statement = Statement::Refund { reference, amount: eur(4_000), status, requested_as: None };
        PaymentReport { introduces: false, ..told_of("pi_a", None, vec![Fact::new(at(minute), statement)]) }
    };
    let decline = Decline { code: "insufficient_funds".into(), hard: false };
    let failed = Fact::new(at(61), Statement::Failed { reference: "ch_0".into(), decline });
    let dispute = PaymentReport { introduces: false, ..told_of("pi_b", None, vec![withdrawn(11_900, 80)]) };
    vec![
        told_of("pi_a", Some(invoice(3)), vec![Fact::new(at(60), Statement::Created { amount: eur(20_000) })]),
        told_of("pi_a", Some(invoice(3)), vec![failed]),
        told_of("pi_a", Some(invoice(3)), vec![captured("a", 20_000, 62)]),
        refund(RefundStatus::Pending, 70),
        refund(RefundStatus::Succeeded, 71),
        told_of("pi_b", Some(invoice(3)), vec![captured("b", 11_900, 65)]),
        dispute,
        told_of("pi_c", None, vec![captured("c", 100, 66)]),
        told_of("pi_c", Some(invoice(1)), vec![captured("c", 100, 67)]),
    ]
}

/// Tells in one order what the inbox has in another; what waits is tried again at the end.
async fn told_in(order: Vec<PaymentReport>, inbox: Vec<PaymentReport>) -> Replay {
    let mut stack = Stack::new().await;
    let mut waiting = Vec::new();
    for report in order {
        if let Reported::WaitsFor(_) = payments::report(&stack.store, &report, at(90)).await.unwrap() {
            waiting.push(report);
        }
    }
    for report in waiting {
        payments::report(&stack.store, &report, at(91)).await.unwrap();
    }
    for (report, minute) in inbox.into_iter().zip(100..) {
        stack.inbox(report, minute);
    }
    stack.count().await;
    stack.replayed().await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_the_books_heard_it_they_are_what_the_inbox_comes_to(
        order in Just(lives()).prop_shuffle(),
        inbox in Just(lives()).prop_shuffle(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let replayed = runtime.block_on(told_in(order, inbox));
        prop_assert_eq!(replayed.differences(), vec![]);
        prop_assert_eq!(replayed.only_answered.len(), 0);
        prop_assert_eq!(replayed.hashes(Table::Reports).0, replayed.hashes(Table::Reports).1);
    }
}
