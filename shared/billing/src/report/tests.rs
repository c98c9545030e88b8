use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use saldo_money::{Currency, Money};

use super::*;
use crate::id::{CustomerId, InvoiceId, PriceId, ProductId, SellerId, SubscriptionId};
use crate::invoice::{Collection, Document, Draft, Invoice, Line, LineOrigin, Number, Origin};
use crate::metrics::Movement;
use crate::party::{Customer, Seller};
use crate::payment::{Decline, Fact, MethodUsed, Payment, PaymentReport, RefundStatus, Statement};
use crate::period::{Interval, Schedule};
use crate::subscription::{NewSubscription, Standing, Subscription, SubscriptionItem};
use crate::tax::TaxBehavior;
use crate::terms::NetTerms;

const INVOICE: InvoiceId = InvoiceId::from_random(3);

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

fn days(from: &str, to: &str) -> Days {
    Days::try_new(day(from), day(to)).unwrap()
}

fn seller() -> Seller {
    serde_json::from_value(serde_json::json!({
        "id": SellerId::from_random(1), "name": "Nordwind GmbH", "address": {"country": "DE"}, "zone": "Europe/Berlin",
        "email": "billing@nordwind.example", "number_prefix": "NW-", "provider_account": "stripe/main",
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

fn customer(region: &str) -> Customer {
    serde_json::from_value(serde_json::json!({
        "id": CustomerId::from_random(2), "seller": SellerId::from_random(1), "name": "Zoë 名前", "email": "zoe@example.com",
        "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "nl", "region": region, "channel": "web",
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

fn line(product: u128, net: i64, rate: &str) -> Line {
    Line {
        description: "Support".to_owned(),
        quantity: Decimal::ONE,
        unit_amount: eur(net).amount(),
        net: eur(net),
        gross: None,
        tax_rate: rate.parse().unwrap(),
        product: (product > 0).then(|| ProductId::from_random(product)),
        origin: LineOrigin::Manual,
    }
}

fn issued(lines: Vec<Line>, now: &str) -> (Invoice, Document) {
    let draft = Draft {
        id: INVOICE,
        origin: Origin::OneOff,
        collection: Collection::SendInvoice,
        terms: NetTerms::try_new(14, false).unwrap(),
        currency: Currency::EUR,
    };
    let (mut invoice, document) = Invoice::draft(draft, &seller(), &customer("EMEA"), lines, at(now)).unwrap();
    invoice.finalise(Number::new("NW-", 1), &seller(), &customer("EMEA"), eur(0), at(now)).unwrap();
    (invoice, document)
}

fn payment(reference: &str, method: Option<&str>, facts: Vec<(&str, Statement)>) -> Payment {
    let report = PaymentReport {
        account: "stripe/main".parse().unwrap(),
        reference: reference.to_owned(),
        invoice: Some(INVOICE),
        attempt: None,
        page: None,
        method: method.map(|kind| MethodUsed { kind: kind.to_owned(), network: None, last4: None }),
        currency: Currency::EUR,
        introduces: true,
        facts: facts.into_iter().map(|(when, statement)| Fact::new(at(when), statement)).collect(),
    };
    let mut payment = Payment::introduced_by(&report);
    payment.apply(&report).unwrap();
    payment
}

fn captured(minor: i64) -> Statement {
    Statement::Captured { reference: "ch_1".to_owned(), amount: eur(minor) }
}

fn failed(reference: &str) -> Statement {
    let decline = Decline { code: "insufficient_funds".to_owned(), hard: false };
    Statement::Failed { reference: reference.to_owned(), decline }
}

fn refund(reference: &str, minor: i64, status: RefundStatus) -> Statement {
    Statement::Refund { reference: reference.to_owned(), amount: eur(minor), status, requested_as: None }
}

fn sale(payments: &[Payment]) -> Sale {
    let mut sale = Sale::new(SaleId::Invoice(INVOICE), Currency::EUR);
    for payment in payments {
        sale.note_payment(payment).unwrap();
    }
    sale
}

fn rows(name: ReportName, by: By, contributions: &Contributions) -> serde_json::Value {
    let cells = contributions.iter().map(|(cell, amount)| (cell.clone(), amount));
    let report = report(name, by, days("2026-09-01", "2027-12-31"), cells, &[]).unwrap();
    serde_json::to_value(report).unwrap()["rows"].clone()
}

#[test]
fn t5_revenue_counts_on_the_day_of_the_seller() {
    let (invoice, document) = issued(vec![line(1, 10_000, "0.19")], "2026-09-30T22:30:00Z");
    let mut sale = sale(&[]);
    sale.note_invoice(&invoice, seller().zone);
    let counted = sale.contributions(&Sold::of(&document, Currency::EUR).unwrap()).unwrap();
    assert_eq!(
        rows(ReportName::Revenue, By::Day, &counted),
        serde_json::json!([{
            "key": "2026-10-01", "currency": "EUR", "net": {"amount": "100.00", "currency": "EUR"},
            "tax": {"amount": "19.00", "currency": "EUR"}, "total": {"amount": "119.00", "currency": "EUR"},
        }])
    );
}

#[test]
fn r9_the_tax_of_products_sums_to_the_tax_of_the_invoice() {
    let lines =
        vec![line(1, 33, "0.19"), line(2, 33, "0.19"), line(0, -7, "0.19"), line(3, 33, "0.07"), line(1, 5, "0")];
    let (invoice, document) = issued(lines, "2026-10-01T08:00:00Z");
    let sold = Sold::of(&document, Currency::EUR).unwrap();
    let sum = |part: fn(&sold::Part) -> Money| {
        Money::sum(sold.parts().map(|(_, it)| part(&it)).collect::<Vec<_>>(), Currency::EUR).unwrap()
    };
    assert_eq!((sum(|part| part.net), sum(|part| part.tax)), (invoice.totals.net, invoice.totals.tax));
    assert_eq!(sold.parts().count(), 4);
}

#[test]
fn b12_only_decided_attempts_count_and_an_invoice_counts_once() {
    let first = payment(
        "pi_1",
        Some("card"),
        vec![("2026-10-01T08:00:00Z", failed("ch_0")), ("2026-10-02T08:00:00Z", failed("ch_9"))],
    );
    let second = payment("pi_2", Some("sepa_debit"), vec![("2026-10-03T08:00:00Z", Statement::Processing)]);
    let third = payment("pi_3", Some("sepa_debit"), vec![("2026-10-04T08:00:00Z", captured(100))]);
    let undecided = sale(&[first.clone(), second.clone()]).contributions(&Sold::unknown()).unwrap();
    let found = &rows(ReportName::Payments, By::Method, &undecided)[0];
    assert_eq!((&found["attempts"], &found["success_rate"]), (&2.into(), &"0".into()));
    let all = sale(&[first, second, third]).contributions(&Sold::unknown()).unwrap();
    let found = rows(ReportName::Payments, By::Gateway, &all);
    let numbers =
        ["attempts", "succeeded", "failed", "success_rate", "invoices", "invoices_paid", "invoice_success_rate"];
    let numbers = numbers.map(|name| found[0][name].to_string().replace('"', ""));
    assert_eq!(numbers, ["3", "1", "2", "0.3333", "1", "1", "1"]);
    // The invoice stays with the day and the method of its first decision.
    let by_method = rows(ReportName::Payments, By::Method, &all);
    assert_eq!((&by_method[0]["key"], &by_method[0]["invoices_paid"]), (&"card".into(), &1.into()));
    assert_eq!(
        (&by_method[1]["invoices"], &by_method[1]["invoice_success_rate"]),
        (&0.into(), &serde_json::Value::Null)
    );
}

#[test]
fn atv_names_the_average_gross_and_net_of_refunds() {
    let paid = payment("pi_1", None, vec![("2026-10-01T08:00:00Z", captured(1_000))]);
    let refunded = vec![
        ("2026-10-01T08:00:00Z", captured(501)),
        ("2026-10-05T08:00:00Z", refund("re_1", 100, RefundStatus::Succeeded)),
    ];
    let counted = sale(&[paid, payment("pi_2", Some("card"), refunded)]).contributions(&Sold::unknown()).unwrap();
    let month = &rows(ReportName::Atv, By::Month, &counted)[0];
    assert_eq!(month["payments"], 2);
    assert_eq!((&month["average_gross"]["amount"], &month["average_net"]["amount"]), (&"7.51".into(), &"7.01".into()));
    // A day on which only something came back has no average.
    let later = rows(ReportName::Atv, By::Day, &counted)[1].clone();
    assert_eq!((&later["key"], &later["average_net"]), (&"2026-10-05".into(), &serde_json::Value::Null));
}

#[test]
fn d5_cumulative_refunds_count_once_and_a_refund_that_failed_not_at_all() {
    let in_all = |minor| Statement::RefundedInAll { reference: "ch_1".to_owned(), amount: eur(minor) };
    let told = vec![
        ("2026-10-01T08:00:00Z", captured(10_000)),
        ("2026-10-02T08:00:00Z", refund("re_1", 3_000, RefundStatus::Succeeded)),
        ("2026-10-03T08:00:00Z", in_all(5_000)),
    ];
    let counted = sale(&[payment("pi_1", None, told.clone())]).contributions(&Sold::unknown()).unwrap();
    let by_day = rows(ReportName::Refunds, By::Day, &counted);
    let amounts: Vec<_> =
        by_day.as_array().unwrap().iter().map(|row| (&row["key"], &row["refunded"]["amount"])).collect();
    assert_eq!(
        format!("{amounts:?}"),
        r#"[(String("2026-10-02"), String("30.00")), (String("2026-10-03"), String("20.00"))]"#
    );
    let failed =
        vec![told[0].clone(), told[1].clone(), ("2026-10-04T08:00:00Z", refund("re_1", 3_000, RefundStatus::Failed))];
    let counted = sale(&[payment("pi_1", None, failed)]).contributions(&Sold::unknown()).unwrap();
    assert_eq!(rows(ReportName::Refunds, By::Gateway, &counted), serde_json::json!([]));
}

fn subscription(started_as: Standing, trial: bool) -> Subscription {
    let item = |product, amount: &str| SubscriptionItem {
        price: PriceId::from_random(1),
        product: ProductId::from_random(product),
        description: "Team".to_owned(),
        unit_amount: amount.parse().unwrap(),
        quantity: Decimal::ONE,
        tax_rate: "0.19".parse().unwrap(),
        tax_behavior: TaxBehavior::Exclusive,
    };
    let new = NewSubscription {
        id: SubscriptionId::from_random(1),
        customer: CustomerId::from_random(2),
        seller: SellerId::from_random(1),
        currency: Currency::EUR,
        items: vec![item(1, "100.00"), item(2, "0.01")],
        schedule: Schedule::try_new(day("2026-10-15"), None, Interval::QUARTERLY).unwrap(),
        trial_from: trial.then(|| day("2026-09-15")),
        ends_on: None,
        collection: Collection::Automatic,
        terms: NetTerms::try_new(0, false).unwrap(),
        started_as,
    };
    Subscription::try_new(new, chrono_tz::Europe::Berlin, at("2026-09-01T00:00:00Z")).unwrap()
}

fn moves(subscription: &Subscription) -> Vec<(String, Figure, String)> {
    let counted = Recurring::of(subscription, &customer("EMEA")).unwrap().contributions().unwrap();
    counted.iter().map(|(cell, amount)| (cell.day.to_string(), cell.figure, amount.to_string())).collect()
}

#[test]
fn b8_revenue_begins_after_the_trial_and_churns_on_the_day_it_really_ends() {
    let mut subscription = subscription(Standing::Only, true);
    let began = ("2026-10-15".to_owned(), Figure::Moved(Movement::New));
    let found = moves(&subscription);
    assert!(found.iter().all(|(day, figure, _)| (day, figure) == (&began.0, &began.1)), "{found:?}");
    assert_eq!(
        found.iter().map(|(_, _, amount)| amount.as_str()).collect::<Vec<_>>(),
        ["33.3333333333", "0.0033333333"]
    );
    let zone = chrono_tz::Europe::Berlin;
    subscription.bill_next(zone, at("2026-10-20T00:00:00Z")).unwrap();
    subscription.cancel(true, Standing::Only, zone, at("2026-10-20T00:00:00Z")).unwrap();
    let ended = moves(&subscription).into_iter().filter(|(day, figure, _)| (day, figure) != (&began.0, &began.1));
    assert!(ended.clone().all(|(day, figure, _)| day == "2027-01-15" && figure == Figure::Moved(Movement::Churn)));
    assert_eq!(ended.count(), 2);
}

#[test]
fn b7_a_pause_that_is_over_leaves_the_months_it_lasted_as_they_were() {
    let mut subscription = subscription(Standing::Only, false);
    let zone = chrono_tz::Europe::Berlin;
    // Half past midnight in Berlin is still the day before by UTC.
    subscription.pause(zone, at("2026-11-19T23:30:00Z")).unwrap();
    let figures = |subscription: &Subscription| -> BTreeSet<(String, Figure)> {
        moves(subscription).into_iter().map(|(day, figure, _)| (day, figure)).collect()
    };
    let paused = figures(&subscription);
    let moved = |day: &str, how| (day.to_owned(), Figure::Moved(how));
    assert_eq!(paused, [moved("2026-10-15", Movement::New), moved("2026-11-20", Movement::Churn)].into());
    subscription.resume(zone, at("2027-02-03T08:00:00Z")).unwrap();
    let resumed = figures(&subscription);
    assert_eq!(resumed, paused.iter().cloned().chain([moved("2027-02-03", Movement::Reactivation)]).collect());
    // One that is taken back on the same day was none.
    subscription.pause(zone, at("2027-03-01T08:00:00Z")).unwrap();
    subscription.resume(zone, at("2027-03-01T09:00:00Z")).unwrap();
    assert_eq!(figures(&subscription), resumed);
}

#[test]
fn a_start_and_an_end_are_named_by_what_the_customer_had_besides() {
    let of = |started_as, left_as| {
        let mut subscription = subscription(started_as, false);
        let zone = chrono_tz::Europe::Berlin;
        subscription.cancel(false, left_as, zone, at("2026-11-01T12:00:00Z")).unwrap();
        let found = moves(&subscription);
        (found.first().unwrap().1, found.last().unwrap().1)
    };
    let moved = |began, ended| (Figure::Moved(began), Figure::Moved(ended));
    assert_eq!(of(Standing::Only, Standing::Only), moved(Movement::New, Movement::Churn));
    assert_eq!(of(Standing::OneOfSeveral, Standing::OneOfSeveral), moved(Movement::Expansion, Movement::Contraction));
    assert_eq!(of(Standing::Returned, Standing::Returned), moved(Movement::Reactivation, Movement::Churn));
}

#[test]
fn what_is_called_off_before_it_begins_never_moved_anything() {
    let mut subscription = subscription(Standing::Only, true);
    subscription.cancel(false, Standing::Only, chrono_tz::Europe::Berlin, at("2026-09-20T12:00:00Z")).unwrap();
    assert!(moves(&subscription).is_empty());
}

#[test]
fn b7_what_is_shown_of_recurring_revenue_adds_up_to_the_minor_unit() {
    let counted =
        Recurring::of(&subscription(Standing::Only, false), &customer("EMEA")).unwrap().contributions().unwrap();
    let third: Decimal = "33.3333333333".parse().unwrap();
    let dimensions = Dimensions::Sold { region: "EMEA".into(), channel: "web".into(), product: "p".into() };
    let opening = Opening { currency: Currency::EUR, dimensions, balance: third };
    let cells = counted.iter().map(|(cell, amount)| (cell.clone(), amount));
    let report = report(ReportName::Mrr, By::Month, days("2026-10-01", "2026-12-31"), cells, &[opening]).unwrap();
    let shown: Vec<_> = report
        .rows
        .iter()
        .filter_map(|row| if let Figures::Mrr(mrr) = &row.figures { Some((row, mrr)) } else { None })
        .map(|(row, mrr)| format!("{} {} + {} = {}", row.key, mrr.opening, mrr.new, mrr.closing))
        .collect();
    // 33.333… and 33.336… more: 66.67 in all, of which 33.34 are new.
    assert_eq!(
        shown,
        [
            "2026-10 33.33 EUR + 33.34 EUR = 66.67 EUR",
            "2026-11 66.67 EUR + 0.00 EUR = 66.67 EUR",
            "2026-12 66.67 EUR + 0.00 EUR = 66.67 EUR"
        ]
    );
}

#[test]
fn what_cannot_be_asked_is_refused_with_what_can() {
    let none: [(Cell, Decimal); 0] = [];
    let error = report(ReportName::Payments, By::Region, days("2026-10-01", "2026-10-01"), none, &[]).unwrap_err();
    assert_eq!(error.to_string(), "by: expected day, month, method, gateway for the report payments, found region");
    assert!(Days::try_new(day("2026-10-02"), day("2026-10-01")).is_err());
    assert!(Days::try_new(day("2016-10-02"), day("2026-10-11")).is_err());
    assert!(Days::try_new(day("2016-10-02"), day("2026-10-09")).is_ok());
    let error = "profit".parse::<ReportName>().unwrap_err();
    assert_eq!(error.to_string(), "expected a report of revenue, tax, refunds, payments, mrr, atv, found `profit`");
}

#[test]
fn names_are_those_of_the_json() {
    for name in ReportName::ALL {
        assert_eq!(serde_json::to_value(name).unwrap(), name.name());
        assert_eq!(name.name().parse(), Ok(*name));
    }
    for by in By::ALL {
        assert_eq!(serde_json::to_value(by).unwrap(), by.name());
    }
}

#[test]
fn values_of_dimensions_are_never_empty_and_never_long() {
    assert_eq!(
        [value(" "), value(" web "), value(&"名".repeat(100))],
        [NONE.to_owned(), "web".to_owned(), "名".repeat(64)]
    );
}
