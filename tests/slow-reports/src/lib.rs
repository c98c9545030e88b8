//! The slow way: every figure computed from all that is in the billing table, one report at a time, without any code of the
//! reports themselves. Amounts are minor units here, dates are texts, and nothing is kept.
//!
//! It judges the reports in the tests of `saldo-books` and in the simulator.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a judge that is at its end stops, and should; the slow way looks only at what it counts"
)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};
use saldo_billing::calendar::local_date;
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, SellerId};
use saldo_billing::invoice::{Document, Invoice, Line};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{Payment, RefundStatus, Statement};
use saldo_billing::period::IntervalUnit;
use saldo_billing::report::{By, Days, ReportName};
use saldo_billing::subscription::{Standing, Subscription};
use saldo_billing::tax::TaxBehavior;
use saldo_money::{Currency, Money};
use saldo_store::entities::{DocumentPart, join_document};
use saldo_store::memory::MemoryStore;
use saldo_store::{Entity, Key, Stored, Table};

/// Figures by currency, key and name, as text.
pub type Shown = BTreeMap<(String, String, String), String>;

/// One fact that some report counts.
struct Entry {
    day: String,
    currency: Currency,
    /// Region, channel, product, method, gateway.
    of: [String; 5],
    figure: &'static str,
    amount: Decimal,
}

/// All that is in the books.
pub struct Books {
    invoices: BTreeMap<InvoiceId, Invoice>,
    documents: BTreeMap<InvoiceId, Document>,
    payments: BTreeMap<PaymentId, Payment>,
    subscriptions: Vec<Subscription>,
    customers: BTreeMap<CustomerId, Customer>,
    sellers: BTreeMap<SellerId, Seller>,
}

impl Books {
    /// Reads all that is in the billing table.
    #[must_use]
    pub fn of(store: &MemoryStore) -> Self {
        let mut parts: BTreeMap<InvoiceId, Vec<DocumentPart>> = BTreeMap::new();
        for part in all::<DocumentPart>(store, |key| key.sk.starts_with("DOCUMENT#")) {
            parts.entry(part.invoice).or_default().push(part);
        }
        let invoices = all::<Invoice>(store, |key| key.sk == "INVOICE");
        let invoices: BTreeMap<InvoiceId, Invoice> =
            invoices.into_iter().map(|invoice| (invoice.id, invoice)).collect();
        // The later parts of a long document are written before its invoice: those of one that was never made count for nothing.
        parts.retain(|id, _| invoices.contains_key(id));
        let payments = all::<Payment>(store, |key| key.sk == "PAYMENT");
        let customers = all::<Customer>(store, |key| key.sk == "CUSTOMER" && key.pk.starts_with("CUSTOMER#"));
        let sellers = all::<Seller>(store, |key| key.sk == "SELLER" && key.pk.starts_with("SELLER#"));
        Self {
            invoices,
            documents: parts.into_iter().map(|(id, parts)| (id, join_document(parts).unwrap())).collect(),
            payments: payments.into_iter().map(|payment| (payment.id, payment)).collect(),
            subscriptions: all(store, |key| key.sk == "SUBSCRIPTION"),
            customers: customers.into_iter().map(|customer| (customer.id, customer)).collect(),
            sellers: sellers.into_iter().map(|seller| (seller.id, seller)).collect(),
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.invoices.values().for_each(|invoice| self.invoice_entries(invoice, &mut entries));
        self.payments.values().for_each(|payment| self.payment_entries(payment, &mut entries));
        self.invoices.keys().for_each(|invoice| self.rate_entries(*invoice, &mut entries));
        self.subscriptions.iter().for_each(|subscription| self.recurring_entries(subscription, &mut entries));
        entries
    }

    fn invoice_entries(&self, invoice: &Invoice, entries: &mut Vec<Entry>) {
        let Some(issued) = invoice.issued() else { return };
        let document = &self.documents[&invoice.id];
        let mut days = vec![(issued.on, 1)];
        if let Some(at) = invoice.voided_at() {
            days.push((local_date(at, self.sellers[&invoice.seller].zone).max(issued.on), -1));
        }
        for (day, sign) in days {
            for (product, net, tax) in self.by_product(document, invoice.currency()) {
                for (figure, minor) in [("net", net), ("tax", tax)] {
                    entries.push(Entry {
                        day: day.to_string(),
                        currency: invoice.currency(),
                        of: [&document.region, &document.channel, &product, "", ""].map(named),
                        figure,
                        amount: Decimal::from(minor * sign),
                    });
                }
            }
        }
    }

    /// Net and tax of each line's product, in minor units: the tax of a line is the rounded tax of the lines of its rate up
    /// to it, less that of the lines before it; where the price includes the tax, the difference to the line's gross.
    fn by_product(&self, document: &Document, currency: Currency) -> Vec<(String, i64, i64)> {
        let rounded = |sum: i64, rate: Decimal| {
            let exact = Decimal::from(sum) * rate;
            i64::try_from(exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)).unwrap()
        };
        let mut lines = Vec::new();
        for (place, line) in document.lines.iter().enumerate() {
            let added = |other: &&Line| other.tax_rate == line.tax_rate && other.gross.is_none();
            let before = document.lines[..place].iter().filter(added);
            let before: i64 = before.map(|other| other.net.to_minor().unwrap()).sum();
            let (net, rate) = (line.net.to_minor().unwrap(), line.tax_rate.share());
            assert_eq!(line.net.currency(), currency);
            let product = line.product.map(|product| product.to_string()).unwrap_or_default();
            let tax = match line.gross {
                Some(gross) => gross.to_minor().unwrap() - net,
                None => rounded(before + net, rate) - rounded(before, rate),
            };
            lines.push((product, net, tax));
        }
        lines
    }

    fn payment_entries(&self, payment: &Payment, entries: &mut Vec<Entry>) {
        let kind = payment.method.as_ref().map(|method| method.kind.clone()).unwrap_or_default();
        let gateway = payment.account.to_string();
        let scale = Decimal::from(10_u64.pow(payment.currency.exponent()));
        let mut push = |day: &str, figure, amount: Decimal, sold: [&str; 3]| {
            entries.push(Entry {
                day: day.to_owned(),
                currency: payment.currency,
                of: [sold[0], sold[1], sold[2], &kind, &gateway].map(named),
                figure,
                amount,
            });
        };
        let (mut first_capture, mut refunds, mut gone, mut cumulative) = (None, BTreeMap::new(), vec![], vec![]);
        for fact in payment.facts() {
            let day = fact.at.format("%Y-%m-%d").to_string();
            match fact.statement().unwrap() {
                Statement::Failed { .. } => push(&day, "failed", Decimal::ONE, [""; 3]),
                Statement::Captured { amount, .. } => {
                    push(&day, "captured", amount.amount() * scale, [""; 3]);
                    first_capture.get_or_insert(day);
                }
                Statement::Refund { reference, amount, status: RefundStatus::Succeeded, .. } => {
                    refunds.insert(reference.clone(), (day, *amount));
                }
                Statement::Refund { reference, status: RefundStatus::Failed | RefundStatus::Cancelled, .. } => {
                    gone.push(reference.clone());
                }
                Statement::RefundedInAll { .. } => cumulative.push(day),
                _ => {}
            }
        }
        if let Some(day) = &first_capture {
            push(day, "succeeded", Decimal::ONE, [""; 3]);
        }
        refunds.retain(|reference, _| !gone.contains(reference));
        let mut refunds: Vec<(String, Money)> = refunds.into_values().collect();
        let told = refunds.iter().fold(Money::zero(payment.currency), |sum, (_, one)| sum.checked_add(*one).unwrap());
        let rest = payment.standing().unwrap().refunded.checked_sub(told).unwrap();
        if !rest.is_zero() {
            let day = cumulative.into_iter().max().max(first_capture).unwrap();
            refunds.push((day, rest));
        }
        // What came back on one day is shared out together.
        let mut by_day: BTreeMap<String, Money> = BTreeMap::new();
        for (day, amount) in refunds {
            let sum = by_day.entry(day).or_insert(Money::zero(payment.currency));
            *sum = sum.checked_add(amount).unwrap();
        }
        for (day, amount) in by_day {
            push(&day, "given_back", amount.amount() * scale, [""; 3]);
            let Some(document) = payment.invoice.map(|invoice| &self.documents[&invoice]) else {
                push(&day, "refunded", amount.amount() * scale, [""; 3]);
                continue;
            };
            let mut products: BTreeMap<String, i64> = BTreeMap::new();
            for (product, net, tax) in self.by_product(document, payment.currency) {
                *products.entry(named(&product)).or_default() += net + tax;
            }
            let weights: Vec<u64> = products.values().map(|gross| u64::try_from(*gross).unwrap_or(0)).collect();
            for (product, share) in products.keys().zip(amount.allocate(&weights).unwrap()) {
                push(&day, "refunded", share.amount() * scale, [&document.region, &document.channel, product]);
            }
        }
    }

    fn rate_entries(&self, invoice: InvoiceId, entries: &mut Vec<Entry>) {
        let mut decisions = Vec::new();
        for payment in self.payments.values().filter(|payment| payment.invoice == Some(invoice)) {
            for fact in payment.facts() {
                let is_capture = matches!(fact.statement(), Some(Statement::Captured { .. }));
                if is_capture || matches!(fact.statement(), Some(Statement::Failed { .. })) {
                    decisions.push((fact.at, payment.id, is_capture));
                }
            }
        }
        let Some((at, first, _)) = decisions.iter().min() else { return };
        let first = &self.payments[first];
        let kind = first.method.as_ref().map(|method| method.kind.clone()).unwrap_or_default();
        let paid = decisions.iter().any(|(_, _, is_capture)| *is_capture);
        for figure in ["invoices", "invoices_paid"].into_iter().take(if paid { 2 } else { 1 }) {
            entries.push(Entry {
                day: at.format("%Y-%m-%d").to_string(),
                currency: first.currency,
                of: ["", "", "", &kind, &first.account.to_string()].map(named),
                figure,
                amount: Decimal::ONE,
            });
        }
    }

    fn recurring_entries(&self, subscription: &Subscription, entries: &mut Vec<Entry>) {
        let customer = &self.customers[&subscription.customer];
        let interval = subscription.schedule.interval();
        let count = Decimal::from(interval.count());
        for item in &subscription.items {
            let net = match item.tax_behavior {
                TaxBehavior::Exclusive => item.unit_amount * item.quantity,
                TaxBehavior::Inclusive => item.unit_amount * item.quantity / (Decimal::ONE + item.tax_rate.share()),
            };
            let month = match interval.unit() {
                IntervalUnit::Day => net * Decimal::from(365) / (Decimal::from(12) * count),
                IntervalUnit::Week => net * Decimal::from(52) / (Decimal::from(12) * count),
                IntervalUnit::Month => net / count,
                IntervalUnit::Year => net / (Decimal::from(12) * count),
            };
            let month = month.round_dp_with_strategy(10, RoundingStrategy::MidpointAwayFromZero);
            for (day, figure) in turns(subscription) {
                entries.push(Entry {
                    day: day.to_string(),
                    currency: subscription.currency,
                    of: [&customer.region, &customer.channel, &item.product.to_string(), "", ""].map(named),
                    figure,
                    amount: month,
                });
            }
        }
    }

    /// The report, figure by figure.
    #[must_use]
    pub fn shown(&self, name: ReportName, by: By, days: Days) -> Shown {
        let (from, to) = (days.from().to_string(), days.to().to_string());
        let key = |entry: &Entry| match by {
            By::Day => entry.day.clone(),
            By::Month => entry.day[..7].to_owned(),
            By::Region => entry.of[0].clone(),
            By::Channel => entry.of[1].clone(),
            By::Product => entry.of[2].clone(),
            By::Method => entry.of[3].clone(),
            By::Gateway => entry.of[4].clone(),
        };
        let mut sums: BTreeMap<(Currency, String), BTreeMap<&'static str, Decimal>> = BTreeMap::new();
        for entry in self.entries().iter().filter(|entry| from <= entry.day && entry.day <= to) {
            *sums.entry((entry.currency, key(entry))).or_default().entry(entry.figure).or_default() += entry.amount;
        }
        let mut shown = Shown::new();
        for ((currency, key), row) in &sums {
            let of = |figure: &str| row.get(figure).copied().unwrap_or_default();
            let money = |minor: Decimal| with_point(minor, *currency);
            let share = |part: Decimal, whole: Decimal| {
                let four = |exact: Decimal| exact.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
                part.checked_div(whole).map_or("null".to_owned(), |exact| four(exact).normalize().to_string())
            };
            let average = |minor: Decimal, count: Decimal| match minor.checked_div(count) {
                None => "null".to_owned(),
                Some(exact) => money(exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)),
            };
            let attempts = of("succeeded") + of("failed");
            let figures = match name {
                ReportName::Revenue => {
                    vec![("net", money(of("net"))), ("tax", money(of("tax"))), ("total", money(of("net") + of("tax")))]
                }
                ReportName::Tax => vec![("net", money(of("net"))), ("tax", money(of("tax")))],
                ReportName::Refunds => {
                    let figure = if matches!(by, By::Method | By::Gateway) { "given_back" } else { "refunded" };
                    vec![("refunded", money(of(figure)))]
                }
                ReportName::Payments => vec![
                    ("attempts", attempts.to_string()),
                    ("succeeded", of("succeeded").to_string()),
                    ("failed", of("failed").to_string()),
                    ("success_rate", share(of("succeeded"), attempts)),
                    ("captured", money(of("captured"))),
                    ("invoices", of("invoices").to_string()),
                    ("invoices_paid", of("invoices_paid").to_string()),
                    ("invoice_success_rate", share(of("invoices_paid"), of("invoices"))),
                ],
                ReportName::Atv => vec![
                    ("payments", of("succeeded").to_string()),
                    ("captured", money(of("captured"))),
                    ("refunded", money(of("given_back"))),
                    ("average_gross", average(of("captured"), of("succeeded"))),
                    ("average_net", average(of("captured") - of("given_back"), of("succeeded"))),
                ],
                ReportName::Mrr => continue,
            };
            let is_nothing = |text: &str| text == "null" || text.parse::<Decimal>().is_ok_and(|zero| zero.is_zero());
            if figures.iter().any(|(_, text)| !is_nothing(text)) {
                for (figure, text) in figures {
                    shown.insert((currency.to_string(), key.clone(), figure.to_owned()), text);
                }
            }
        }
        shown
    }

    /// What recurring revenue was after a day, in a currency, exact: of the subscriptions that ran on it.
    #[must_use]
    pub fn recurring_after(&self, day: NaiveDate, currency: Currency) -> Decimal {
        let runs = |subscription: &&Subscription| subscription.currency == currency && brings(subscription, day);
        self.subscriptions.iter().filter(runs).map(Subscription::monthly_amount).sum()
    }

    /// The sum of one kind of movement on some days, exact.
    #[must_use]
    pub fn moved(&self, figure: &str, days: Days, currency: Currency) -> Decimal {
        let (from, to) = (days.from().to_string(), days.to().to_string());
        let entries = self.entries();
        let wanted = entries.iter().filter(|entry| entry.figure == figure && entry.currency == currency);
        wanted.filter(|entry| from <= entry.day && entry.day <= to).map(|entry| entry.amount).sum()
    }
}

/// The figures of a report as it serialises.
#[must_use]
pub fn figures(report: &str) -> Shown {
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let mut figures = Shown::new();
    for row in report["rows"].as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        for (name, value) in row.as_object().unwrap() {
            let value = value.get("amount").unwrap_or(value);
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if name != "key" && name != "currency" {
                let before = figures.insert((text("currency"), text("key"), name.clone()), value);
                assert!(before.is_none(), "two rows for {name} of {}", text("key"));
            }
        }
    }
    figures
}

/// Whether a subscription brings something on a day.
fn brings(subscription: &Subscription, day: NaiveDate) -> bool {
    let pauses = subscription.pauses();
    subscription.schedule.anchor_on() <= day
        && subscription.end_on().is_none_or(|end_on| day < end_on)
        && !pauses.iter().any(|pause| pause.from <= day && pause.until.is_none_or(|until| day < until))
}

/// The days on which that changes, and what each is called.
fn turns(subscription: &Subscription) -> Vec<(NaiveDate, &'static str)> {
    let several = |standing| standing == Standing::OneOfSeveral;
    let mut days = BTreeSet::from([subscription.schedule.anchor_on()]);
    days.extend(subscription.end_on());
    days.extend(subscription.pauses().iter().flat_map(|pause| [Some(pause.from), pause.until]).flatten());
    let mut turns = Vec::new();
    for day in days {
        let (before, after) = (brings(subscription, day.pred_opt().unwrap()), brings(subscription, day));
        let cancelled = subscription.cancellation().filter(|it| it.effective_on == day);
        let left_as = cancelled.map_or(subscription.started_as, |cancellation| cancellation.standing);
        match (before, after) {
            (false, true) if several(subscription.started_as) => turns.push((day, "expansion")),
            (false, true) if turns.is_empty() && subscription.started_as == Standing::Only => turns.push((day, "new")),
            (false, true) => turns.push((day, "reactivation")),
            (true, false) => turns.push((day, if several(left_as) { "contraction" } else { "churn" })),
            (true, true) | (false, false) => {}
        }
    }
    turns
}

fn named(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}

fn with_point(minor: Decimal, currency: Currency) -> String {
    let mut amount = minor.trunc();
    amount.rescale(0);
    let mut amount = Decimal::from_i128_with_scale(amount.mantissa(), currency.exponent());
    if amount.is_zero() {
        amount.set_sign_positive(true);
    }
    amount.to_string()
}

fn all<T: Entity>(store: &MemoryStore, is_wanted: impl Fn(&Key) -> bool) -> Vec<T> {
    let items = store.items(Table::Billing);
    let wanted = items.iter().filter(|item| Key::of(item).is_some_and(|key| is_wanted(&key)));
    wanted.map(|item| Stored::from_item((**item).clone()).unwrap().value).collect()
}
