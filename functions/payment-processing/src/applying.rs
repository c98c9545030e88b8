//! Taking what an event states into the books.

use chrono::{DateTime, Utc};
use saldo_billing::invoice::Invoice;
use saldo_billing::mail::Purpose;
use saldo_billing::payment::{PaymentReport, Statement, payment_at};
use saldo_billing::provider::ProviderAccount;
use saldo_books::payments::{self, Booked, Reported};
use saldo_books::{BooksError, attempts, mail};
use saldo_gateways::{News, PageReport, PageState, Reading};
use saldo_money::Money;
use saldo_store::entities::invoice_key;
use saldo_store::load;

use crate::ProcessingError;
use crate::handler::Processing;
use crate::methods::{self, Told};

/// Where an event came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// All it states is in the books, now or before.
    ToTheBooks,
    /// It refers to something that is not there yet.
    ToWait {
        /// What that is.
        on: String,
    },
}

/// Takes all that an event states into the books; what is there already is left alone.
///
/// # Errors
/// When it contradicts the books, or they cannot be written.
pub async fn apply(
    processing: &Processing,
    account: &ProviderAccount,
    reading: &Reading,
    now: DateTime<Utc>,
) -> Result<Came, ProcessingError> {
    for news in &reading.news {
        let came = match news {
            News::Payment(report) => payment(processing, report, now).await?,
            News::Page(report) => page(processing, report, now).await?,
            News::Method(report) => {
                let told = Told::Method { method: report.method.clone(), is_new: report.is_new, at: report.at };
                methods::tell(processing, account, &report.method.customer, told, report.customer, now).await?
            }
            News::MethodDetached { account, token, customer: Some(customer) } => {
                methods::tell(processing, account, customer, Told::Detached { token: token.clone() }, None, now).await?
            }
            News::Setup(setup) if setup.decline.is_none() => match (&setup.customer, setup.payer) {
                (Some(customer), Some(payer)) => {
                    methods::tell(processing, &setup.account, customer, Told::Owner, Some(payer), now).await?
                }
                (Some(_) | None, _) => Came::ToTheBooks,
            },
            News::MethodDetached { customer: None, .. } => {
                methods::count_unmatched(processing, account, now);
                Came::ToTheBooks
            }
            News::Setup(_) | News::Payout(_) => Came::ToTheBooks,
        };
        if let Came::ToWait { .. } = came {
            return Ok(came);
        }
    }
    Ok(Came::ToTheBooks)
}

async fn payment(processing: &Processing, report: &PaymentReport, now: DateTime<Utc>) -> Result<Came, ProcessingError> {
    let store = &*processing.store;
    let booked = match payments::report(store, report, now).await? {
        Reported::WaitsFor(what) => return Ok(Came::ToWait { on: what.to_string() }),
        Reported::Booked(booked) => booked,
    };
    if booked.news {
        flag(processing, report, &booked, now).await?;
    }
    if let Some((invoice, purpose)) = booked.mail {
        mail::ask(&*processing.store, &*processing.queue, invoice, purpose, now).await?;
        if matches!(purpose, Purpose::PaymentFailed(_)) {
            attempts::end_dunning(store, invoice, now).await?;
        }
    }
    Ok(Came::ToTheBooks)
}

/// Shows what the books took and a person may want to look at: money without an invoice, or not as much as was due (W7).
async fn flag(
    processing: &Processing,
    report: &PaymentReport,
    booked: &Booked,
    now: DateTime<Utc>,
) -> Result<(), ProcessingError> {
    let captured = report.facts.iter().find_map(|fact| match fact.statement() {
        Some(Statement::Captured { amount, .. }) => Some(*amount),
        Some(_) | None => None,
    });
    let Some(captured) = captured else { return Ok(()) };
    let payment = booked.payment.to_string();
    let Some(invoice) = booked.invoice else {
        let fields = [("payment.id", payment.as_str()), ("payment.amount", &captured.to_string())];
        processing.metrics.count(now, "UnallocatedPayments", 1, &fields);
        return Ok(());
    };
    let Some(stored) = load::<Invoice>(&*processing.store, &invoice_key(invoice)).await? else { return Ok(()) };
    let invoice = stored.value;
    let (open, over) = (invoice.amount_due()?, paid_too_much(&invoice)?);
    if open.is_zero() && over.is_zero() {
        return Ok(());
    }
    tracing::warn!(
        invoice.id = %invoice.id,
        invoice.total = %invoice.totals.total,
        invoice.amount_due = %open,
        invoice.credited = %over,
        payment.id = payment,
        payment.amount = %captured,
        "another amount was paid than was due"
    );
    let (id, amount) = (invoice.id.to_string(), captured.to_string());
    let fields = [("invoice.id", id.as_str()), ("payment.id", &payment), ("payment.amount", &amount)];
    processing.metrics.count(now, "AmountDifferences", 1, &fields);
    Ok(())
}

/// What payments and credit brought beyond what the invoice asks for.
fn paid_too_much(invoice: &Invoice) -> Result<Money, ProcessingError> {
    let settled = invoice.amount_paid()?.checked_add(invoice.credit_used())?;
    Ok(settled.checked_sub(invoice.owed()?)?.max(Money::zero(invoice.currency()))?)
}

/// A page that ran out or failed is taken away; one that the customer went through stays until its payment is decided. Both may
/// tell whose the provider's customer is.
async fn page(processing: &Processing, report: &PageReport, now: DateTime<Utc>) -> Result<Came, ProcessingError> {
    if let Some(invoice) = report.invoice {
        let store = &*processing.store;
        let payment = report.payment.as_ref().map(|reference| payment_at(&report.account, reference));
        let changed = match (report.state, payment) {
            (PageState::Completed { .. }, Some(payment)) => {
                attempts::page_used(store, invoice, &report.reference, payment, now).await
            }
            (PageState::Completed { .. } | PageState::Failed | PageState::Expired, _) => {
                attempts::page_closed(store, invoice, &report.reference, now).await
            }
        };
        match changed {
            Ok(()) => {}
            Err(BooksError::Missing { .. }) => return Ok(Came::ToWait { on: invoice.to_string() }),
            Err(error) => return Err(error.into()),
        }
    }
    match (&report.customer, report.payer) {
        (Some(customer), Some(payer)) => {
            methods::tell(processing, &report.account, customer, Told::Owner, Some(payer), now).await
        }
        (Some(_) | None, _) => Ok(Came::ToTheBooks),
    }
}
