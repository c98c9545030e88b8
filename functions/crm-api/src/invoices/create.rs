//! Drafting an invoice by hand.

use std::sync::Arc;

use axum::extract::State;
use saldo_billing::Outcome;
use saldo_billing::id::InvoiceId;
use saldo_billing::invoice::line::MAX_LINES;
use saldo_billing::invoice::{Draft, Invoice, Line, LineOrigin, Origin};
use saldo_books::invoices;
use saldo_money::Currency;
use saldo_store::{Transaction, TransactionError};
use serde::Deserialize;
use utoipa::ToSchema;

use super::views::InvoiceView;
use super::{CollectionWord, net_terms};
use crate::app::App;
use crate::customers::referred_customer;
use crate::prices::TaxBehaviorWord;
use crate::problem::Problem;
use crate::products::{Referred, id_of};
use crate::reply::Reply;
use crate::request::{Body, Call, Whole, given};
use crate::wire::{self, ProductRef};

/// How often drafting starts over when a product it names was made meanwhile.
const ROUNDS: usize = 4;
/// The most products that one invoice can bring into being.
const NEW_PRODUCTS_MAX: usize = 50;

/// A one-off invoice to be drafted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvoice {
    /// Who owes it.
    customer: wire::CustomerId,
    /// Its currency.
    currency: wire::Currency,
    /// Its lines.
    #[schema(min_items = 1, max_items = 5000)]
    lines: Vec<NewLine>,
    /// How it is to be paid; `send_invoice` when left out.
    #[serde(default)]
    collection: Option<CollectionWord>,
    /// How many days the customer has; when left out none if it is charged, 30 if it is sent.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = u16, required = false, minimum = 0, maximum = 366)]
    net_terms_days: Option<Whole<u16>>,
    /// Whether these days are counted from the end of the month of issue.
    #[serde(default)]
    net_terms_end_of_month: bool,
}

/// A line of an invoice to be drafted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// What it is for.
    description: wire::DescriptionText,
    /// How many.
    quantity: wire::QuantityText,
    /// What one costs; below zero for a discount.
    unit_amount: wire::UnitAmountText,
    /// The tax on it.
    tax_rate: wire::TaxRate,
    /// Whether the tax is in the amount; `exclusive` when left out.
    #[serde(default)]
    tax_behavior: TaxBehaviorWord,
    /// The product it counts for in reports: the id of one, or a name.
    #[serde(default)]
    product: Option<wire::ProductRefText>,
}

/// Drafts an invoice. It has no number yet; finalise it to issue it, or delete it.
#[utoipa::path(post, path = "/v1/invoices", tag = "invoices", operation_id = "createInvoice", request_body = NewInvoice,
    responses((status = 201, description = "The draft.", body = InvoiceView)))]
pub async fn create(State(app): State<Arc<App>>, call: Call, Body(new): Body<NewInvoice>) -> Result<Reply, Problem> {
    if !(1..=MAX_LINES).contains(&new.lines.len()) {
        let reason = format!("expected 1 to {MAX_LINES} lines, found {}", new.lines.len());
        return Err(Problem::invalid("lines", reason));
    }
    let customer = referred_customer(&app, new.customer.0).await?.value;
    let lines = lines(&new.lines, new.currency.0)?;
    bookable(&lines, new.currency.0)?;
    let collection = new.collection.map_or(saldo_billing::invoice::Collection::SendInvoice, CollectionWord::domain);
    let draft = Draft {
        id: InvoiceId::from_random(app.new_id()?),
        origin: Origin::OneOff,
        collection,
        terms: net_terms(new.net_terms_days, new.net_terms_end_of_month, collection)?,
        currency: new.currency.0,
    };
    let refs: Vec<(String, &ProductRef)> = named_products(&new.lines);
    let store = call.store(&app);
    for _ in 0..ROUNDS {
        let referred = Referred::find(&app, &refs, call.now).await?;
        if referred.new.len() > NEW_PRODUCTS_MAX {
            let reason = format!("expected at most {NEW_PRODUCTS_MAX} products that are not there yet");
            return Err(Problem::refused("lines", reason));
        }
        let also = |invoice: &Invoice, transaction: &mut Transaction| {
            for product in &referred.new {
                transaction.create(product)?;
            }
            match created(invoice, &call) {
                Ok(reply) => call.keep(transaction, &reply),
                // Without its answer the effect would happen again when the client repeats the request.
                Err(problem) => Err(TransactionError::Addition(problem.into_cause())),
            }
        };
        match invoices::draft(store.as_ref(), draft.clone(), &customer, lines.clone(), call.now, &also).await? {
            Outcome::Applied(invoice) => return created(&invoice, &call),
            // Somebody else made one of the products meanwhile.
            Outcome::AlreadyApplied => {}
        }
    }
    Err(Problem::internal("a draft was neither there nor could be made"))
}

fn created(invoice: &Invoice, call: &Call) -> Result<Reply, Problem> {
    Reply::created(&InvoiceView::of(invoice, call.now)?)
}

fn named_products(lines: &[NewLine]) -> Vec<(String, &ProductRef)> {
    let product = |(place, line): (usize, &'_ NewLine)| (place, line.product.is_some());
    lines
        .iter()
        .enumerate()
        .filter(|(place, line)| product((*place, line)).1)
        .filter_map(|(place, line)| Some((format!("lines[{place}].product"), &line.product.as_ref()?.0)))
        .collect()
}

fn lines(new: &[NewLine], currency: Currency) -> Result<Vec<Line>, Problem> {
    let line = |(place, line): (usize, &NewLine)| {
        let field = format!("lines[{place}].unit_amount");
        let unit_amount = line.unit_amount.resolve(&field, currency)?;
        let quantity = line.quantity.0.0;
        let amounts = Line::net_of(quantity, unit_amount, currency)
            .and_then(|amount| Line::amounts(amount, line.tax_rate.0, line.tax_behavior.domain()));
        let (net, gross) = amounts.map_err(|error| Problem::refused(&field, error.to_string()))?;
        Ok(Line {
            description: line.description.0.0.clone(),
            quantity,
            unit_amount,
            net,
            gross,
            tax_rate: line.tax_rate.0,
            product: line.product.as_ref().map(|product| id_of(&product.0)),
            origin: LineOrigin::Manual,
        })
    };
    new.iter().enumerate().map(line).collect()
}

/// Refuses what no provider could be asked for: the total must have room in 64 bits of minor units.
fn bookable(lines: &[Line], currency: Currency) -> Result<(), Problem> {
    let (totals, _) = saldo_billing::invoice::line::add_up(lines, currency).map_err(|source| {
        Problem::from(saldo_billing::invoice::InvoiceError::Lines { invoice: InvoiceId::from_random(0), source })
    })?;
    totals.total.to_minor().map(|_| ()).map_err(|error| Problem::refused("lines", error.to_string()))
}
