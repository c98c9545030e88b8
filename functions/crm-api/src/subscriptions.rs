//! Subscriptions: made, shown, called off.

pub mod views;

pub use self::views::PeriodView;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use chrono::{Days, NaiveDate};
use saldo_billing::Outcome;
use saldo_billing::calendar::local_date;
use saldo_billing::catalogue::{Price, Product};
use saldo_billing::id::{PriceId, ProductId, SubscriptionId};
use saldo_billing::party::Customer;
use saldo_billing::period::{Interval, PeriodError, Schedule};
use saldo_billing::subscription::{NewSubscription, Subscription, SubscriptionItem};
use saldo_books::{BooksError, subscriptions};
use saldo_money::Currency;
use saldo_store::entities::{customer_key, list, price_key, product_key, subscription_key};
use saldo_store::{Stored, Transaction, TransactionError, list_by_customer, list_newest, load, load_many};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::views::{Cancel, CancelAt, ExtendTrial, ItemFields, NewSubscriptionFields, SubscriptionView};
use crate::app::App;
use crate::customers::referred_customer;
use crate::invoices::net_terms;
use crate::paging::{Page, after, count};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{After, Body, Call, Limit, Named, Nothing, OptionalBody, Params};
use crate::wire;

/// How often making a subscription starts over when its customer was changed meanwhile.
const ROUNDS: usize = 8;
/// The most items of a subscription.
const ITEMS_MAX: usize = 100;
/// How far from today a subscription may start: each missed period becomes an invoice.
const START_DAYS_MAX: Days = Days::new(3_653);

/// The routes of subscriptions.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create, list_all))
        .routes(routes!(get))
        .routes(routes!(cancel))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(extend_trial))
}

/// Makes a subscription. It is billed in advance, from the next tick of the clock on; a start in the past is caught up with.
#[utoipa::path(post, path = "/v1/subscriptions", tag = "subscriptions", operation_id = "createSubscription",
    request_body = NewSubscriptionFields,
    responses((status = 201, description = "The subscription.", body = SubscriptionView)))]
async fn create(
    State(app): State<Arc<App>>,
    call: Call,
    Body(new): Body<NewSubscriptionFields>,
) -> Result<Reply, Problem> {
    if !(1..=ITEMS_MAX).contains(&new.items.len()) {
        let reason = format!("expected 1 to {ITEMS_MAX} items, found {}", new.items.len());
        return Err(Problem::invalid("items", reason));
    }
    let id = SubscriptionId::from_random(app.new_id()?);
    for _ in 0..ROUNDS {
        let customer = referred_customer(&app, new.customer.0).await?;
        let agreed = Agreed::of(&app, &new.items).await?;
        let subscription = agree(&app, &call, id, &new, &customer.value, agreed).await?;
        let today = local_date(call.now, customer.value.zone);
        let reply = Reply::created(&SubscriptionView::of(&subscription, today)?)?;
        let mut transaction = Transaction::new();
        transaction.create(&subscription)?;
        // A customer who moves at this moment would not see it among those to be planned anew.
        transaction.check_version(&customer)?;
        call.keep(&mut transaction, &reply)?;
        match call.commit(&app, transaction).await {
            Ok(()) => return Ok(reply),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::conflict("others changed the customer again and again"))
}

/// What the items' prices agree on.
struct Agreed {
    currency: Currency,
    interval: Interval,
    items: Vec<SubscriptionItem>,
}

impl Agreed {
    async fn of(app: &App, fields: &[ItemFields]) -> Result<Self, Problem> {
        let keys: Vec<_> = fields.iter().map(|item| price_key(item.price.0)).collect();
        let prices: Vec<Stored<Price>> = load_many(app.store.as_ref(), &keys).await?;
        let keys: Vec<_> = prices.iter().map(|price| product_key(price.value.product)).collect();
        let products: Vec<Stored<Product>> = load_many(app.store.as_ref(), &keys).await?;
        let prices: BTreeMap<PriceId, Price> =
            prices.into_iter().map(|stored| (stored.value.id, stored.value)).collect();
        let names: BTreeMap<ProductId, String> =
            products.into_iter().map(|stored| (stored.value.id, stored.value.name)).collect();
        let mut first: Option<(Currency, Interval)> = None;
        let mut items = Vec::with_capacity(fields.len());
        for (place, item) in fields.iter().enumerate() {
            let field = format!("items[{place}].price");
            let id = item.price.0;
            let price = prices.get(&id).ok_or_else(|| Problem::no_such(&field, format!("there is no price {id}")))?;
            let (currency, interval) = *first.get_or_insert((price.currency, price.interval));
            if (currency, interval) != (price.currency, price.interval) {
                return Err(Problem::refused(
                    field,
                    "expected a price of the same currency and interval as the first item's",
                ));
            }
            let name = names.get(&price.product).cloned();
            let name = name.ok_or_else(|| Problem::internal("the product of a price is not there"))?;
            items.push(SubscriptionItem {
                price: id,
                product: price.product,
                description: name,
                unit_amount: price.unit_amount,
                quantity: item.quantity(),
                tax_rate: price.tax_rate,
                tax_behavior: price.tax_behavior,
            });
        }
        let (currency, interval) = first.ok_or_else(|| Problem::invalid("items", "expected at least one item"))?;
        Ok(Self { currency, interval, items })
    }
}

async fn agree(
    app: &App,
    call: &Call,
    id: SubscriptionId,
    new: &NewSubscriptionFields,
    customer: &Customer,
    agreed: Agreed,
) -> Result<Subscription, Problem> {
    let start_on = new.start_on.0;
    within_reach(start_on, local_date(call.now, customer.zone))?;
    let trial_end_on = new.trial_end_on.map(|date| date.0);
    if trial_end_on.is_some_and(|end_on| end_on <= start_on) {
        return Err(Problem::refused("trial_end_on", format!("expected a day after {start_on}")));
    }
    let anchor_on = trial_end_on.unwrap_or(start_on);
    if trial_end_on.is_some_and(|end_on| start_on.checked_add_days(START_DAYS_MAX).is_none_or(|last| end_on > last)) {
        return Err(Problem::refused("trial_end_on", "expected a trial of at most ten years"));
    }
    let schedule = Schedule::try_new(anchor_on, new.anchor_day.map(|day| day.0), agreed.interval).map_err(|error| {
        let field = match error {
            PeriodError::AnchorDay { .. } | PeriodError::AnchorDayWithoutMonths { .. } => "anchor_day",
            PeriodError::BeyondCalendar { .. } => "start_on",
        };
        Problem::refused(field, error.to_string())
    })?;
    let collection = new.collection.domain();
    let subscription = NewSubscription {
        id,
        customer: customer.id,
        seller: customer.seller,
        currency: agreed.currency,
        items: agreed.items,
        schedule,
        trial_from: trial_end_on.map(|_| start_on),
        ends_on: new.ends_on.map(|date| date.0),
        collection,
        terms: net_terms(new.net_terms_days, new.net_terms_end_of_month, collection)?,
        started_as: subscriptions::standing(app.store.as_ref(), customer.id, None, anchor_on).await?,
    };
    let subscription = Subscription::try_new(subscription, customer.zone, call.now)?;
    let bookable = subscription.period_amount().map_err(Problem::from)?.to_minor();
    bookable.map_err(|error| Problem::refused("items", error.to_string()))?;
    Ok(subscription)
}

fn within_reach(start_on: NaiveDate, today: NaiveDate) -> Result<(), Problem> {
    let first = today.checked_sub_days(START_DAYS_MAX);
    let last = today.checked_add_days(START_DAYS_MAX);
    if first.is_some_and(|first| start_on >= first) && last.is_some_and(|last| start_on <= last) {
        Ok(())
    } else {
        Err(Problem::refused("start_on", "expected a day at most ten years from today"))
    }
}

/// Which subscriptions to list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    limit: Limit,
    cursor: Option<After>,
    customer: Option<wire::CustomerId>,
}

/// Lists subscriptions, all or a customer's.
#[utoipa::path(get, path = "/v1/subscriptions", tag = "subscriptions", operation_id = "listSubscriptions",
    params(("customer" = Option<wire::CustomerId>, Query, description = "Only those of this customer.")),
    responses((status = 200, description = "A page of subscriptions.", body = Page<SubscriptionView>)))]
async fn list_all(State(app): State<Arc<App>>, call: Call, Params(filter): Params<Filter>) -> Result<Reply, Problem> {
    let (store, limit, cursor) = (app.store.as_ref(), count(filter.limit), after(filter.cursor.as_ref()));
    let page = match filter.customer {
        Some(customer) => {
            let subscriptions = list::of_customer(customer.0, list::SUBSCRIPTIONS);
            list_by_customer::<Subscription>(store, &subscriptions, limit, cursor).await?
        }
        None => list_newest::<Subscription>(store, list::SUBSCRIPTIONS, limit, cursor).await?,
    };
    let keys: Vec<_> = page.entities.iter().map(|subscription| customer_key(subscription.value.customer)).collect();
    let customers: Vec<Stored<Customer>> = load_many(store, &keys).await?;
    let zones: BTreeMap<_, _> = customers.iter().map(|stored| (stored.value.id, stored.value.zone)).collect();
    Page::of(&page.entities, page.next.as_ref(), |subscription| {
        let zone = zones.get(&subscription.customer).copied().unwrap_or(chrono_tz::UTC);
        SubscriptionView::of(subscription, local_date(call.now, zone))
    })
}

/// Shows a subscription.
#[utoipa::path(get, path = "/v1/subscriptions/{id}", tag = "subscriptions", operation_id = "getSubscription",
    responses((status = 200, description = "The subscription.", body = SubscriptionView)))]
async fn get(State(app): State<Arc<App>>, call: Call, Named(id): Named<SubscriptionId>) -> Result<Reply, Problem> {
    shown(&app, &call, id).await
}

async fn shown(app: &App, call: &Call, id: SubscriptionId) -> Result<Reply, Problem> {
    let subscription = load_subscription(app, id).await?;
    let customer: Option<Stored<Customer>> =
        load(app.store.as_ref(), &customer_key(subscription.value.customer)).await?;
    let zone = customer.map_or(chrono_tz::UTC, |customer| customer.value.zone);
    Reply::ok(&SubscriptionView::of(&subscription.value, local_date(call.now, zone))?)
}

async fn load_subscription(app: &App, id: SubscriptionId) -> Result<Stored<Subscription>, Problem> {
    let subscription = load(app.store.as_ref(), &subscription_key(id)).await?;
    subscription.ok_or_else(|| Problem::missing(format!("there is no subscription {id}")))
}

/// Calls a subscription off: today, or when what is billed has run out. Nothing is given back for days that were billed.
///
/// Of two cancellations the one that takes effect earlier stands.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/cancel", tag = "subscriptions", operation_id = "cancelSubscription",
    request_body = Cancel,
    responses((status = 200, description = "The subscription.", body = SubscriptionView)))]
async fn cancel(
    State(app): State<Arc<App>>,
    call: Call,
    Named(id): Named<SubscriptionId>,
    Body(asked): Body<Cancel>,
) -> Result<Reply, Problem> {
    let today = customers_today(&app, &call, id).await?;
    let at_period_end = asked.at == CancelAt::PeriodEnd;
    let (store, also) = (call.store(&app), also(&call, today));
    let outcome = subscriptions::cancel(store.as_ref(), id, at_period_end, call.now, &also).await;
    answer(&app, &call, id, today, outcome).await
}

/// Stops billing a subscription until it is resumed. What was billed stays.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/pause", tag = "subscriptions", operation_id = "pauseSubscription",
    responses((status = 200, description = "The subscription.", body = SubscriptionView)))]
async fn pause(
    State(app): State<Arc<App>>,
    call: Call,
    Named(id): Named<SubscriptionId>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Reply, Problem> {
    let today = customers_today(&app, &call, id).await?;
    let (store, also) = (call.store(&app), also(&call, today));
    let outcome = subscriptions::pause(store.as_ref(), id, call.now, &also).await;
    answer(&app, &call, id, today, outcome).await
}

/// Bills a paused subscription again, from the next period that begins; those that began during the pause are left out for good.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/resume", tag = "subscriptions", operation_id = "resumeSubscription",
    responses((status = 200, description = "The subscription.", body = SubscriptionView)))]
async fn resume(
    State(app): State<Arc<App>>,
    call: Call,
    Named(id): Named<SubscriptionId>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Reply, Problem> {
    let today = customers_today(&app, &call, id).await?;
    let (store, also) = (call.store(&app), also(&call, today));
    let outcome = subscriptions::resume(store.as_ref(), id, call.now, &also).await;
    answer(&app, &call, id, today, outcome).await
}

/// Lets a trial that goes on last longer. The first period begins where it ends, and nothing is billed for it.
#[utoipa::path(post, path = "/v1/subscriptions/{id}/extend-trial", tag = "subscriptions", operation_id = "extendTrial",
    request_body = ExtendTrial,
    responses((status = 200, description = "The subscription.", body = SubscriptionView)))]
async fn extend_trial(
    State(app): State<Arc<App>>,
    call: Call,
    Named(id): Named<SubscriptionId>,
    Body(asked): Body<ExtendTrial>,
) -> Result<Reply, Problem> {
    let today = customers_today(&app, &call, id).await?;
    let (store, also) = (call.store(&app), also(&call, today));
    let outcome = subscriptions::extend_trial(store.as_ref(), id, asked.trial_end_on.0, call.now, &also).await;
    answer(&app, &call, id, today, outcome).await
}

/// The date where the subscription's customer is.
async fn customers_today(app: &App, call: &Call, id: SubscriptionId) -> Result<NaiveDate, Problem> {
    let subscription = load_subscription(app, id).await?.value;
    let customer = referred_customer(app, subscription.customer).await?.value;
    Ok(local_date(call.now, customer.zone))
}

/// Remembers the answer together with the change.
fn also(
    call: &Call,
    today: NaiveDate,
) -> impl Fn(&Subscription, &mut Transaction) -> Result<(), TransactionError> + Send + Sync {
    move |subscription, transaction| {
        match SubscriptionView::of(subscription, today).and_then(|view| Reply::ok(&view)) {
            Ok(reply) => call.keep(transaction, &reply),
            // Without its answer the effect would happen again when the client repeats the request.
            Err(problem) => Err(TransactionError::Addition(problem.into_cause())),
        }
    }
}

async fn answer(
    app: &App,
    call: &Call,
    id: SubscriptionId,
    today: NaiveDate,
    outcome: Result<Outcome<Subscription>, BooksError>,
) -> Result<Reply, Problem> {
    match outcome? {
        Outcome::Applied(subscription) => Reply::ok(&SubscriptionView::of(&subscription, today)?),
        Outcome::AlreadyApplied => call.remember(app, shown(app, call, id).await?).await,
    }
}
