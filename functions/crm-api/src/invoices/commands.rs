//! Issuing, deleting, voiding and giving up invoices.

use std::sync::Arc;

use axum::extract::State;
use saldo_billing::Outcome;
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::{Invoice, InvoiceError, InvoiceStatus};
use saldo_books::{BooksError, invoices};
use saldo_messages::{Destination, InvoicesDueMessage, V1};
use saldo_store::entities::{DocumentPart, invoice_partition};
use saldo_store::{Condition, Key, Query, Range, Table, Transaction, TransactionError};

use super::load_invoice;
use super::views::InvoiceView;
use crate::app::App;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Call, Named, Nothing, OptionalBody};

/// How often deleting starts over when the draft was changed meanwhile.
const ROUNDS: usize = 4;

/// Issues a draft: it gets its number, its date and its due date, and is sent or charged from then on.
///
/// Finalising what is issued changes nothing and shows it as it is.
#[utoipa::path(post, path = "/v1/invoices/{id}/finalise", tag = "invoices", operation_id = "finaliseInvoice",
    responses((status = 200, description = "The invoice.", body = InvoiceView)))]
pub async fn finalise(
    State(app): State<Arc<App>>,
    call: Call,
    Named(id): Named<InvoiceId>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Reply, Problem> {
    let store = call.store(&app);
    let outcome = invoices::finalise(store.as_ref(), id, call.now, &also(&call)).await;
    let reply = shown(&app, &call, id, outcome).await?;
    // Also when it was issued before: the message may have been lost then, and rendering twice does no harm.
    let message = InvoicesDueMessage::Render { v: V1, invoices: vec![id], as_of: call.now };
    app.hand_on(Destination::InvoicesDue, &message).await;
    Ok(reply)
}

/// Declares an invoice void: it keeps its number and is owed no more. Refused while something was paid on it and not refunded, or
/// once it left what was due to a later invoice. What earlier ones left to it is owed on them again.
#[utoipa::path(post, path = "/v1/invoices/{id}/void", tag = "invoices", operation_id = "voidInvoice",
    responses((status = 200, description = "The invoice.", body = InvoiceView)))]
pub async fn void(
    State(app): State<Arc<App>>,
    call: Call,
    Named(id): Named<InvoiceId>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Reply, Problem> {
    let store = call.store(&app);
    let outcome = invoices::void(store.as_ref(), id, call.now, &also(&call)).await;
    shown(&app, &call, id, outcome).await
}

/// Gives up what is still due. A late payment is accepted all the same and takes the write-off back.
#[utoipa::path(post, path = "/v1/invoices/{id}/write-off", tag = "invoices", operation_id = "writeOffInvoice",
    responses((status = 200, description = "The invoice.", body = InvoiceView)))]
pub async fn write_off(
    State(app): State<Arc<App>>,
    call: Call,
    Named(id): Named<InvoiceId>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Reply, Problem> {
    let store = call.store(&app);
    let outcome = invoices::write_off(store.as_ref(), id, call.now, &also(&call)).await;
    shown(&app, &call, id, outcome).await
}

/// Remembers the answer together with the change.
fn also(call: &Call) -> impl Fn(&Invoice, &mut Transaction) -> Result<(), TransactionError> + Send + Sync {
    |invoice, transaction| match InvoiceView::of(invoice, call.now).and_then(|view| Reply::ok(&view)) {
        Ok(reply) => call.keep(transaction, &reply),
        // Without its answer the effect would happen again when the client repeats the request.
        Err(problem) => Err(TransactionError::Addition(problem.into_cause())),
    }
}

async fn shown(
    app: &App,
    call: &Call,
    id: InvoiceId,
    outcome: Result<Outcome<Invoice>, BooksError>,
) -> Result<Reply, Problem> {
    match outcome? {
        Outcome::Applied(invoice) => Reply::ok(&InvoiceView::of(&invoice, call.now)?),
        Outcome::AlreadyApplied => {
            let invoice = load_invoice(app, id).await?;
            call.remember(app, Reply::ok(&InvoiceView::of(&invoice.value, call.now)?)?).await
        }
    }
}

/// Deletes a draft. It had no number, so it leaves no gap. Refused while it has payments.
#[utoipa::path(delete, path = "/v1/invoices/{id}", tag = "invoices", operation_id = "deleteInvoice",
    responses((status = 204, description = "It is gone.")))]
pub async fn delete(State(app): State<Arc<App>>, call: Call, Named(id): Named<InvoiceId>) -> Result<Reply, Problem> {
    for _ in 0..ROUNDS {
        let invoice = load_invoice(&app, id).await?;
        let status = invoice.value.status()?;
        if status != InvoiceStatus::Draft {
            return Err(InvoiceError::Status { command: "delete", invoice: id, status }.into());
        }
        // Also one that took nothing yet: its money would find no invoice.
        if invoice.value.received().next().is_some() {
            let reason = format!("draft {id} has payments: finalise it, and void it if nothing of them is kept");
            return Err(Problem::conflict(reason));
        }
        let mut transaction = Transaction::new();
        transaction.remove(&invoice)?;
        for part in document_keys(&app, id).await? {
            transaction.delete(Table::Billing, part, Condition::Always)?;
        }
        match call.commit(&app, transaction).await {
            Ok(()) => return Ok(Reply::nothing()),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::conflict("others changed the invoice again and again"))
}

/// The keys of all parts of an invoice's document: at most 25.
async fn document_keys(app: &App, id: InvoiceId) -> Result<Vec<Key>, Problem> {
    let range = Range::Prefix(DocumentPart::PREFIX.to_owned());
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let query = Query::table(Table::Billing, invoice_partition(id)).range(range.clone()).consistent().after(after);
        let page = app.store.query(query).await?;
        keys.extend(page.items.iter().filter_map(Key::of));
        after = page.next;
        if after.is_none() {
            return Ok(keys);
        }
    }
}
