//! Customers: who buys.

pub mod views;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, Utc};
use saldo_billing::id::CustomerId;
use saldo_billing::party::{Customer, Seller};
use saldo_billing::subscription::Subscription;
use saldo_runtime::logs;
use saldo_store::entities::{CreditBalance, ProviderCustomer, customer_key, list, seller_key};
use saldo_store::{Entity as _, Stored, Transaction, list_by_customer, list_newest, load};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::views::{CustomerChange, CustomerView, MethodFields, NewCustomer, UNASSIGNED};
use crate::app::App;
use crate::paging::{Page, after, count, parts};
use crate::party::TaxIdFields;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Body, Call, Named, PageParams, Params};
use crate::sellers::{changed_address, seller_for};
use crate::wire;

/// How often a change starts over when somebody else changed the same things meanwhile.
const ROUNDS: usize = 8;
/// How many subscriptions are planned anew in one transaction with the customer.
const REPLANNED_AT_ONCE: usize = 90;

/// The routes of customers.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create, list_all)).routes(routes!(get, change)).routes(routes!(credit))
}

/// Makes a customer of the seller that is named, or of the first one.
///
/// On a deployment without any seller, a "Default seller" in the customer's country is made on the way; complete it with
/// `PATCH /v1/sellers/…` before real invoices go out.
#[utoipa::path(post, path = "/v1/customers", tag = "customers", operation_id = "createCustomer", request_body = NewCustomer,
    responses((status = 201, description = "The customer.", body = CustomerView)))]
async fn create(State(app): State<Arc<App>>, call: Call, Body(new): Body<NewCustomer>) -> Result<Reply, Problem> {
    let country = new.country.0;
    let address = new.address.unwrap_or_default().in_country(country.clone())?;
    let tax_ids = TaxIdFields::all(new.tax_ids)?;
    let seller = seller_for(&app, &call, new.seller.map(|seller| seller.0), &country).await?;
    let label = |label: Option<wire::LabelText>| label.map_or_else(|| UNASSIGNED.to_owned(), |label| label.0.0);
    let customer = Customer {
        id: CustomerId::from_random(app.new_id()?),
        seller: seller.id,
        name: new.name.0.0,
        email: new.email.0,
        address,
        zone: new.zone.0,
        language: new.language.map_or_else(|| seller.language.clone(), |language| language.0),
        region: label(new.region),
        channel: label(new.channel),
        tax_ids,
        payment_method: new.payment_method.map(|method| method.domain(&seller)),
        method_new_since: None,
        too_small: BTreeSet::new(),
        suppressed_at: None,
        created_at: call.now,
    };
    let reply = Reply::created(&CustomerView::of(&customer))?;
    let mut transaction = Transaction::new();
    transaction.create(&customer)?;
    claim_method(&app, &mut transaction, &customer).await?;
    call.keep(&mut transaction, &reply)?;
    call.commit(&app, transaction).await?;
    Ok(reply)
}

/// Writes down which customer of ours the provider's customer is, so that what the provider reports finds its way.
async fn claim_method(app: &App, transaction: &mut Transaction, customer: &Customer) -> Result<(), Problem> {
    let Some(method) = &customer.payment_method else { return Ok(()) };
    let key = ProviderCustomer::key_of(&method.account, &method.customer);
    let known: Option<Stored<ProviderCustomer>> = load(app.store.as_ref(), &key).await?;
    match known {
        None => {
            let (account, reference) = (method.account.clone(), method.customer.clone());
            transaction.create(&ProviderCustomer { account, reference, customer: customer.id })?;
            Ok(())
        }
        Some(known) if known.value.customer == customer.id => Ok(()),
        Some(_) => Err(Problem::conflict("the provider's customer belongs to another customer")
            .blaming("payment_method.customer", "expected a customer of the provider that is not another customer's")),
    }
}

/// Lists customers.
#[utoipa::path(get, path = "/v1/customers", tag = "customers", operation_id = "listCustomers",
    responses((status = 200, description = "A page of customers.", body = Page<CustomerView>)))]
async fn list_all(State(app): State<Arc<App>>, Params(page): Params<PageParams>) -> Result<Reply, Problem> {
    let store = app.store.as_ref();
    let customers =
        list_newest::<Customer>(store, list::CUSTOMERS, count(page.limit), after(page.cursor.as_ref())).await?;
    Page::of(&customers.entities, customers.next.as_ref(), |customer| Ok(CustomerView::of(customer)))
}

/// Shows a customer.
#[utoipa::path(get, path = "/v1/customers/{id}", tag = "customers", operation_id = "getCustomer",
    responses((status = 200, description = "The customer.", body = CustomerView)))]
async fn get(State(app): State<Arc<App>>, Named(id): Named<CustomerId>) -> Result<Reply, Problem> {
    Reply::ok(&CustomerView::of(&load_customer(&app, id).await?.value))
}

/// Lists what a customer has paid too much, one amount for each currency.
///
/// It pays what is finalised next in its currency. An amount below zero is owed: credit was used, and the payment that it came
/// from was refunded after.
#[utoipa::path(get, path = "/v1/customers/{id}/credit", tag = "customers", operation_id = "listCustomerCredit",
    responses((status = 200, description = "A page of amounts.", body = Page<wire::Money>)))]
async fn credit(
    State(app): State<Arc<App>>,
    Named(id): Named<CustomerId>,
    Params(page): Params<PageParams>,
) -> Result<Reply, Problem> {
    let customer = load_customer(&app, id).await?;
    let partition = customer.value.key().pk;
    let (credit, next) = parts::<CreditBalance>(app.store.as_ref(), partition, CreditBalance::PREFIX, page).await?;
    Page::reply(credit.iter().map(|credit| wire::Money(credit.balance)).collect(), next.as_ref())
}

/// Changes a customer.
///
/// After a move to another time zone, what is billed next starts where the last period ended, at that day's beginning in the new
/// zone. A new e-mail address takes `suppressed_at` away.
#[utoipa::path(patch, path = "/v1/customers/{id}", tag = "customers", operation_id = "changeCustomer",
    request_body = CustomerChange,
    responses((status = 200, description = "The customer.", body = CustomerView)))]
async fn change(
    State(app): State<Arc<App>>,
    call: Call,
    Named(id): Named<CustomerId>,
    Body(change): Body<CustomerChange>,
) -> Result<Reply, Problem> {
    for _ in 0..ROUNDS {
        let mut customer = load_customer(&app, id).await?;
        let zone = customer.value.zone;
        apply(&app, &mut customer.value, change.clone(), call.now).await?;
        // Also where the zone is theirs already: the request may be repeated because not all were planned anew the first time.
        let mut moved = if change.zone.is_some() { replanned(&app, &customer.value).await? } else { Vec::new() };
        let has_moved = zone != customer.value.zone || !moved.is_empty();
        moved.truncate(REPLANNED_AT_ONCE);
        let mut transaction = Transaction::new();
        transaction.update(&customer)?;
        claim_method(&app, &mut transaction, &customer.value).await?;
        for subscription in &moved {
            transaction.update(subscription)?;
        }
        match call.commit(&app, transaction).await {
            Ok(()) => {
                if has_moved && let Err(problem) = replan_rest(&app, &customer.value).await {
                    let chain = logs::chain(problem.into_cause().as_ref());
                    tracing::error!(customer.id = %id, error.chain = chain, "subscriptions are not planned anew");
                    let detail =
                        "the customer is changed, and not yet all of their subscriptions are; repeat the request";
                    return Err(Problem::not_ready(detail, 1));
                }
                return Reply::ok(&CustomerView::of(&customer.value));
            }
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::conflict("others changed the customer or their subscriptions again and again"))
}

async fn apply(app: &App, customer: &mut Customer, change: CustomerChange, now: DateTime<Utc>) -> Result<(), Problem> {
    if let Some(name) = change.name {
        customer.name = name.0.0;
    }
    if let Some(email) = change.email {
        if customer.email != email.0 {
            customer.suppressed_at = None;
        }
        customer.email = email.0;
    }
    customer.address = changed_address(&customer.address, change.address, change.country.map(|country| country.0))?;
    if let Some(zone) = change.zone {
        customer.zone = zone.0;
    }
    if let Some(language) = change.language {
        customer.language = language.0;
    }
    if let Some(region) = change.region {
        customer.region = region.0.0;
    }
    if let Some(channel) = change.channel {
        customer.channel = channel.0.0;
    }
    if let Some(tax_ids) = change.tax_ids {
        customer.tax_ids = TaxIdFields::all(tax_ids)?;
    }
    if let Some(method) = change.payment_method {
        let method = match method {
            None => None,
            Some(method) => Some(method_of(app, customer, method).await?),
        };
        customer.change_method(method, now);
    }
    Ok(())
}

async fn method_of(
    app: &App,
    customer: &Customer,
    method: MethodFields,
) -> Result<saldo_billing::provider::PaymentMethod, Problem> {
    let seller: Option<Stored<Seller>> = load(app.store.as_ref(), &seller_key(customer.seller)).await?;
    let seller = seller.ok_or_else(|| Problem::internal("the customer's seller is not there"))?;
    Ok(method.domain(&seller.value))
}

/// The customer's subscriptions whose next period begins at another instant in the new zone.
async fn replanned(app: &App, customer: &Customer) -> Result<Vec<Stored<Subscription>>, Problem> {
    let subscriptions = list::of_customer(customer.id, list::SUBSCRIPTIONS);
    let (mut moved, mut next) = (Vec::new(), None);
    loop {
        let page = list_by_customer::<Subscription>(app.store.as_ref(), &subscriptions, 100, next.as_ref()).await?;
        for mut subscription in page.entities {
            let planned_at = subscription.value.bill_at();
            subscription.value.plan(customer.zone)?;
            if subscription.value.bill_at() != planned_at {
                moved.push(subscription);
            }
        }
        next = page.next;
        if next.is_none() {
            return Ok(moved);
        }
    }
}

/// Plans those anew that did not fit into the transaction, or were made while it was being put together: none is made with the
/// old zone once the new one is committed. One that is billed meanwhile is planned by that, so a conflict needs nothing more.
async fn replan_rest(app: &App, customer: &Customer) -> Result<(), Problem> {
    for subscription in replanned(app, customer).await? {
        let mut transaction = Transaction::new();
        transaction.update(&subscription)?;
        match app.store.commit(transaction).await {
            Ok(_) => {}
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn load_customer(app: &App, id: CustomerId) -> Result<Stored<Customer>, Problem> {
    let customer = load(app.store.as_ref(), &customer_key(id)).await?;
    customer.ok_or_else(|| Problem::missing(format!("there is no customer {id}")))
}

/// Loads a customer that a field of the body refers to.
///
/// # Errors
/// When there is no such customer.
pub async fn referred_customer(app: &App, id: CustomerId) -> Result<Stored<Customer>, Problem> {
    let customer = load(app.store.as_ref(), &customer_key(id)).await?;
    customer.ok_or_else(|| Problem::no_such("customer", format!("there is no customer {id}")))
}
