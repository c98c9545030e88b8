//! Reports equal the slow computation, whatever the stream does, and a rebuild makes the same ones.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, any as arbitrary, prop, proptest};
use saldo_billing::payment::{RefundStatus, Statement};
use saldo_billing::period::{Interval, IntervalUnit};
use saldo_billing::report::{By, ReportName};
use saldo_money::{Currency, Money};
use saldo_store::memory::{Change, MemoryStore};
use saldo_store::{Condition, Store, Table, Transaction};
use slow_reports::{Books, figures};

use super::world::{CURRENCIES, World, captured, count, days, failed, refund, shown};
use crate::reports::{Place, query, rebuild};

/// Something that happens, with numbers that say how.
type Event = (u8, u16, u16, u16);

async fn happen(world: &mut World, (kind, a, b, c): Event) {
    world.wait(i64::from(a % 60));
    let (at, bt, ct) = (usize::from(a), usize::from(b), usize::from(c));
    let minor = i64::from(b % 5000) + 1;
    let next = world.next_id();
    match kind % 12 {
        0 | 1 => {
            let mut lines = vec![(u128::from(c % 4), minor + 100, at)];
            lines.extend((0..c % 5).map(|n| (u128::from(b % 3 + n), 100 * i64::from(n) - 33, bt + usize::from(n))));
            world.invoice(at, bt, &lines).await;
        }
        2..=4 => {
            let invoice = world.invoices.get(ct % (world.invoices.len() + 1)).copied();
            let currency = invoice.map_or(CURRENCIES[at % 3], |(_, currency)| currency);
            let payment = world.payment(invoice.map(|(id, _)| id), currency, bt);
            let told = if kind % 12 == 2 { failed(next) } else { captured(minor, currency, next) };
            world.tell(payment, None, told).await;
        }
        5 => {
            if let Some(n) = any(ct, world.payments.len()) {
                let currency = world.payments[n].currency;
                let told = if a % 2 == 0 { failed(next) } else { captured(minor, currency, next) };
                world.tell(n, None, told).await;
            }
        }
        6 | 7 => {
            if let Some(n) = any(ct, world.payments.len()) {
                let currency = world.payments[n].currency;
                let status = [RefundStatus::Succeeded, RefundStatus::Pending, RefundStatus::Failed][at % 3];
                world.tell(n, None, refund(minor, currency, u128::from(b % 2) + next / 9, status)).await;
            }
        }
        8 => {
            if let Some(n) = any(ct, world.payments.len()) {
                let reference = "ch_sum".to_owned();
                let amount = Money::from_minor(minor, world.payments[n].currency);
                world.tell(n, None, Statement::RefundedInAll { reference, amount }).await;
            }
        }
        9 => {
            if let Some(n) = any(ct, world.invoices.len()) {
                let (invoice, currency) = world.invoices[n];
                let alone = world.payments.iter().position(|it| it.invoice.is_none() && it.currency == currency);
                match alone.filter(|_| a % 2 == 0) {
                    // A payment finds its invoice only now.
                    Some(payment) => {
                        world.tell(payment, Some(invoice), Statement::Processing).await;
                    }
                    None => {
                        world.void(invoice).await;
                    }
                }
            }
        }
        10 => {
            let unit = [IntervalUnit::Month, IntervalUnit::Year, IntervalUnit::Week, IntervalUnit::Day][at % 4];
            let interval = Interval::try_new(unit, b % 3 + 1).unwrap();
            world.subscribe(ct, &[(u128::from(a % 3) + 1, minor), (u128::from(b % 3) + 1, 999)], interval).await;
        }
        _ => match (any(ct, world.subscriptions.len()), b % 5) {
            (Some(n), how @ 1..=2) => world.cancel(world.subscriptions[n], how == 1).await,
            (Some(n), how @ 3..=4) => world.pause_or_resume(world.subscriptions[n], how == 3).await,
            _ => world.relocate(at, bt).await,
        },
    }
}

fn any(n: usize, of: usize) -> Option<usize> {
    n.checked_rem(of)
}

/// Puts changes out of order, doubles some, and loses some that are not the last about their item.
fn disturbed(changes: &[Change], chance: &mut impl FnMut() -> usize) -> Vec<Change> {
    let last: BTreeSet<u64> = changes
        .iter()
        .map(|change| changes.iter().rev().find(|it| it.key == change.key).map_or(0, |it| it.sequence))
        .collect();
    let mut disturbed: Vec<Change> = Vec::new();
    for change in changes {
        let may_be_lost = !last.contains(&change.sequence) && !change.key.sk.starts_with("CUSTOMER");
        let times = if may_be_lost { chance() % 3 } else { 1 + chance() % 2 };
        for _ in 0..times {
            let place = chance() % (disturbed.len() + 1);
            disturbed.insert(place, change.clone());
        }
    }
    disturbed
}

const RANGES: [(&str, &str); 4] = [
    ("2026-09-27", "2027-03-31"),
    ("2026-10-07", "2026-10-20"),
    ("2026-11-01", "2026-11-30"),
    ("2027-01-05", "2027-02-28"),
];

async fn assert_equal(store: &MemoryStore) {
    let books = Books::of(store);
    for (from, to) in RANGES {
        for name in ReportName::ALL {
            for by in name.dimensions() {
                let found = shown(store, *name, *by, days(from, to)).await;
                if *name == ReportName::Mrr {
                    continue;
                }
                assert_eq!(figures(&found), books.shown(*name, *by, days(from, to)), "{name} by {by}, {from} to {to}");
            }
        }
        assert_recurring(store, &books, from, to).await;
    }
}

/// B7, and each balance is that of the subscriptions that ran.
async fn assert_recurring(store: &MemoryStore, books: &Books, from: &str, to: &str) {
    let span = days(from, to);
    for by in ReportName::Mrr.dimensions() {
        let report = figures(&shown(store, ReportName::Mrr, *by, span).await);
        let rows: BTreeSet<(String, String)> =
            report.keys().map(|(currency, key, _)| (currency.clone(), key.clone())).collect();
        for (currency, key) in rows {
            let of = |name: &str| {
                let text = &report[&(currency.clone(), key.clone(), name.to_owned())];
                Money::parse(text, currency.parse().unwrap()).unwrap().to_minor().unwrap()
            };
            let gained = of("new") + of("expansion") + of("reactivation");
            assert_eq!(of("opening") + gained - of("contraction") - of("churn"), of("closing"), "{by} {key}");
            let at_end = match by {
                By::Day => Some(key.parse().unwrap()),
                By::Month => None,
                _ => None,
            };
            if let Some(day) = at_end {
                let currency: Currency = currency.parse().unwrap();
                assert_eq!(of("closing"), minor(books.recurring_after(day, currency), currency), "{key}");
                let eve = day.pred_opt().unwrap();
                assert_eq!(of("opening"), minor(books.recurring_after(eve, currency), currency), "{key}");
            }
        }
        // Rounded where they are shown, movements of a whole span are off by less than one unit for each step shown.
        for currency in CURRENCIES {
            for name in ["new", "expansion", "reactivation", "contraction", "churn"] {
                let all = report.iter().filter(|((of, _, figure), _)| *of == currency.code() && figure == name);
                let shown: i64 =
                    all.clone().map(|(_, text)| Money::parse(text, currency).unwrap().to_minor().unwrap()).sum();
                let exact = minor(books.moved(name, span, currency), currency);
                let steps = i64::try_from(all.count()).unwrap();
                assert!((shown - exact).abs() <= steps, "{name} by {by}: {shown}, {exact}");
            }
        }
    }
}

fn minor(exact: rust_decimal::Decimal, currency: Currency) -> i64 {
    saldo_billing::metrics::presented(exact, currency).unwrap().to_minor().unwrap()
}

async fn all_reports(store: &MemoryStore) -> Vec<String> {
    let mut all = Vec::new();
    for (from, to) in RANGES {
        for name in ReportName::ALL {
            for by in name.dimensions() {
                all.push(shown(store, *name, *by, days(from, to)).await);
            }
        }
    }
    all
}

/// The same books with an empty reports table.
async fn without_reports(store: &MemoryStore) -> MemoryStore {
    let copy = MemoryStore::new();
    for item in store.items(Table::Billing) {
        let mut transaction = Transaction::new();
        transaction.put(Table::Billing, (*item).clone(), Condition::Absent).unwrap();
        copy.commit(transaction).await.unwrap();
    }
    copy
}

async fn walk(store: &MemoryStore) {
    let mut next = Some(Place::default());
    while let Some(place) = next {
        let step = rebuild(store, place).await.unwrap();
        assert!(step.refused.is_empty(), "{:?}", step.refused);
        next = step.next;
    }
}

async fn play(events: Vec<Event>, noise: Vec<u16>) {
    let mut world = World::new().await;
    let mut noise = noise.into_iter().map(usize::from).cycle();
    let mut chance = || noise.next().unwrap_or(7);
    let mut told = 0;
    for (place, event) in events.into_iter().enumerate() {
        happen(&mut world, event).await;
        if place % 7 == 6 {
            let changes = world.store.changes_since(told);
            told = world.told();
            for batch in disturbed(&changes, &mut chance).chunks(1 + chance() % 9) {
                count(&world.store, batch).await;
            }
        }
    }
    // The last of the stream, and some of what was told long ago.
    let rest = world.store.changes_since(told);
    let old = world.store.changes_since(0).into_iter().filter(|_| chance() % 4 == 0).collect::<Vec<_>>();
    for batch in disturbed(&rest, &mut chance).into_iter().chain(old).collect::<Vec<_>>().chunks(11) {
        count(&world.store, batch).await;
    }
    assert_equal(&world.store).await;
    let reports = all_reports(&world.store).await;
    let anew = without_reports(&world.store).await;
    walk(&anew).await;
    assert_eq!(all_reports(&anew).await, reports, "rebuilt");
    walk(&world.store).await;
    assert_eq!(all_reports(&world.store).await, reports, "walked over what was counted");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn b15_reports_equal_the_slow_computation_whatever_the_stream_does(
        events in prop::collection::vec(arbitrary::<Event>(), 1..60),
        noise in prop::collection::vec(arbitrary::<u16>(), 50),
    ) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(play(events, noise));
    }
}

#[tokio::test]
async fn a_currency_is_asked_for_alone() {
    let mut world = World::new().await;
    world.invoice(0, 0, &[(1, 1000, 0)]).await;
    world.invoice(0, 1, &[(1, 1000, 0)]).await;
    world.count_since(0).await;
    let ask = async |currency| {
        let report =
            query(&world.store, ReportName::Revenue, By::Month, days("2026-09-01", "2026-09-30"), currency).await;
        report.unwrap().rows.iter().map(|row| row.currency.code()).collect::<Vec<_>>()
    };
    assert_eq!(ask(None).await, ["EUR", "USD"]);
    assert_eq!(ask(Some(Currency::USD)).await, ["USD"]);
}

#[tokio::test]
async fn b7_recurring_revenue_opens_with_what_was_before_in_this_year_and_in_others() {
    let mut world = World::new().await;
    for _ in 0..3 {
        world.subscribe(0, &[(1, 120_000)], Interval::YEARLY).await;
    }
    let ids = world.subscriptions.clone();
    world.wait(24 * 50);
    world.cancel(ids[0], false).await;
    world.wait(24 * 365);
    world.cancel(ids[1], false).await;
    world.count_since(0).await;
    let books = Books::of(&world.store);
    for (from, to) in [("2026-11-10", "2026-11-30"), ("2027-06-01", "2027-12-31"), ("2030-01-01", "2030-01-31")] {
        let report = figures(&shown(&world.store, ReportName::Mrr, By::Month, days(from, to)).await);
        for currency in CURRENCIES {
            let month = from[..7].to_owned();
            let opening = report.get(&(currency.to_string(), month, "opening".to_owned()));
            let opening = opening.map_or(0, |text| Money::parse(text, currency).unwrap().to_minor().unwrap());
            let eve = days(from, to).from().pred_opt().unwrap();
            let before = minor(books.recurring_after(eve, currency), currency);
            assert_eq!(opening, before, "{currency} before {from}");
        }
        assert!(!report.is_empty(), "a subscription runs on");
    }
}
