//! The hosted page beside an invoice.

use super::*;

fn page(reference: &str, expires_at: DateTime<Utc>) -> HostedPage {
    let (account, reference, mark) = (method().account, reference.to_owned(), format!("mark of {reference}"));
    HostedPage { account, reference, mark, amount: eur(10_000), expires_at, payment: None }
}

/// An invoice to be paid on the page `cs_1`.
fn on_page() -> Invoice {
    let policy = DunningPolicy::default();
    let mut invoice = issued();
    let expires_at = now().checked_add_signed(Duration::hours(1)).unwrap();
    let opened = invoice.open_page(page("cs_1", expires_at), &policy, now()).unwrap();
    assert_eq!(opened, Outcome::Applied(()));
    invoice
}

#[test]
fn i6_a_second_page_is_refused_while_one_is_open_and_the_same_one_changes_nothing() {
    let (policy, mut invoice) = (DunningPolicy::default(), on_page());
    let other = page("cs_2", now() + Duration::hours(2));
    assert!(matches!(invoice.open_page(other.clone(), &policy, now()), Err(InvoiceError::Status { .. })));
    let before = invoice.clone();
    let same = page("cs_1", now() + Duration::hours(1));
    assert_eq!(invoice.open_page(same, &policy, now()).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(invoice, before);
    assert_eq!(invoice.close_page("cs_2", &policy, now()).unwrap(), Outcome::AlreadyApplied);
    assert_eq!(invoice, before);
    assert_eq!(invoice.close_page("cs_1", &policy, now()).unwrap(), Outcome::Applied(()));
    assert_eq!(invoice.open_page(other, &policy, now()).unwrap(), Outcome::Applied(()));
    assert_eq!(invoice.pages_opened(), 2);
}

#[test]
fn i6_there_is_no_page_for_what_is_not_owed_or_is_being_charged() {
    let (policy, expires_at) = (DunningPolicy::default(), now() + Duration::hours(1));
    let (mut charged, _) = issued_with(Collection::Automatic, eur(0));
    charged.begin_attempt(&method(), now(), now()).unwrap();
    let mut paid = issued();
    pay(&mut paid, &payment("pi_1", vec![captured(10_000)]));
    let mut void = issued();
    void.void(now()).unwrap();
    let mut processing = issued();
    pay(&mut processing, &payment("pi_1", vec![Statement::Processing]));
    for mut invoice in [drafted(Collection::SendInvoice, vec![line(10_000, "0")]), charged, paid, void, processing] {
        let refused = invoice.open_page(page("cs_1", expires_at), &policy, now());
        assert!(matches!(refused, Err(InvoiceError::Status { .. })), "{invoice:?}");
        assert_eq!(invoice.page(), None);
    }
}

#[test]
fn a_page_that_was_paid_on_stays_until_its_payment_is_final() {
    let (policy, paid) = (DunningPolicy::default(), payment("pi_1", vec![captured(10_000)]));
    let decline = Decline { code: "insufficient_funds".to_owned(), hard: false };
    let declined = payment("pi_1", vec![Statement::Failed { reference: "ch_1".to_owned(), decline }]);
    for status in [None, Some(declined.status())] {
        let mut invoice = on_page();
        let mut used = |status| invoice.use_page("cs_1", paid.id, status, &policy, now()).unwrap();
        assert_eq!(used(status), Outcome::Applied(()));
        assert_eq!(used(status), Outcome::AlreadyApplied);
        assert_eq!(invoice.settle_page(&declined, None), Outcome::AlreadyApplied);
        let other = payment("pi_2", vec![captured(10_000)]);
        assert_eq!(invoice.settle_page(&other, None), Outcome::AlreadyApplied);
        assert!(invoice.page().is_some());
        assert_eq!(invoice.settle_page(&paid, None), Outcome::Applied(()));
        assert_eq!(invoice.page(), None);
    }
    // Its payment tells by itself where it was made.
    let mut invoice = on_page();
    let mark = Some("mark of cs_1");
    assert_eq!(invoice.settle_page(&declined, mark), Outcome::AlreadyApplied);
    assert_eq!(invoice.settle_page(&paid, Some("mark of cs_2")), Outcome::AlreadyApplied);
    let mut elsewhere = paid.clone();
    elsewhere.account = "stripe/other".parse().unwrap();
    assert_eq!(invoice.settle_page(&elsewhere, mark), Outcome::AlreadyApplied);
    assert_eq!((invoice.settle_page(&paid, mark), invoice.page()), (Outcome::Applied(()), None));
    // Its payment was told first, without saying where.
    let mut invoice = on_page();
    let used = invoice.use_page("cs_1", paid.id, Some(paid.status()), &policy, now()).unwrap();
    assert_eq!((used, invoice.page()), (Outcome::Applied(()), None));
}

#[test]
fn i6_an_open_page_is_closed_before_a_charge() {
    let (mut invoice, _) = issued_with(Collection::Automatic, eur(0));
    let page = page("cs_1", now() + Duration::hours(1));
    invoice.open_page(page.clone(), &DunningPolicy::default(), now()).unwrap();
    assert_eq!(invoice.collector_duty(now(), now()).unwrap(), Duty::ClosePage(page.clone()));
    // It has run out by our clock: only the provider knows whether somebody paid on it before.
    let later = now() + Duration::hours(2);
    assert_eq!(invoice.collector_duty(later, later).unwrap(), Duty::ClosePage(page));
}

#[test]
fn a_page_that_ran_out_is_asked_about_also_where_nothing_is_charged() {
    let policy = DunningPolicy::default();
    let (mut invoice, _) = issued_with(Collection::SendInvoice, eur(0));
    invoice.handed_over(&policy, now()).unwrap();
    let expires_at = now() + Duration::hours(1);
    let page = page("cs_1", expires_at);
    invoice.open_page(page.clone(), &policy, now()).unwrap();
    let next = invoice.progress.next.unwrap();
    assert_eq!((next.kind, next.at > expires_at), (StepKind::Collect, true));
    assert_eq!(invoice.collector_duty(expires_at, expires_at).unwrap(), Duty::Nothing);
    assert_eq!(invoice.collector_duty(next.at, next.at).unwrap(), Duty::ClosePage(page));
}

#[test]
fn a_page_is_asked_about_also_where_nothing_else_is_to_come() {
    let policy = DunningPolicy::default();
    let written_off = {
        let mut invoice = issued();
        invoice.handed_over(&policy, now()).unwrap();
        invoice.write_off(now()).unwrap();
        invoice
    };
    let reminded_of_for_the_last_time = {
        let mut invoice = issued();
        invoice.handed_over(&policy, now()).unwrap();
        invoice.reminded("overdue_14".parse().unwrap(), &policy, now() + Duration::days(60)).unwrap();
        invoice
    };
    for mut invoice in [written_off, reminded_of_for_the_last_time] {
        assert_eq!(invoice.progress.next, None);
        let opened_at = now() + Duration::days(61);
        invoice.open_page(page("cs_1", opened_at + Duration::hours(1)), &policy, opened_at).unwrap();
        let next = invoice.progress.next.unwrap();
        assert!(matches!(invoice.collector_duty(next.at, next.at).unwrap(), Duty::ClosePage(_)), "{next:?}");
    }
}
