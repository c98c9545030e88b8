//! Prices: what a product costs, and how often.

use std::sync::Arc;

use axum::extract::State;
use saldo_billing::catalogue::Price;
use saldo_billing::id::PriceId;
use saldo_billing::period::{Interval, IntervalUnit};
use saldo_billing::tax::TaxBehavior;
use saldo_store::entities::{list, price_key};
use saldo_store::{Stored, Transaction, list_newest, load};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::paging::{Page, after, count};
use crate::problem::Problem;
use crate::products::{Referred, id_of};
use crate::reply::Reply;
use crate::request::{Body, Call, Named, PageParams, Params, Whole, given};
use crate::wire::{self, Wire};

/// How often making a price starts over when its product was made meanwhile.
const ROUNDS: usize = 4;

/// The routes of prices.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create, list_all)).routes(routes!(get))
}

/// What an interval counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Civil days.
    Day,
    /// Seven days.
    Week,
    /// Calendar months.
    Month,
    /// Calendar years.
    Year,
}

impl Unit {
    /// The unit as it is shown.
    pub const fn of(interval: Interval) -> Self {
        match interval.unit() {
            IntervalUnit::Day => Self::Day,
            IntervalUnit::Week => Self::Week,
            IntervalUnit::Month => Self::Month,
            IntervalUnit::Year => Self::Year,
        }
    }

    const fn domain(self) -> IntervalUnit {
        match self {
            Self::Day => IntervalUnit::Day,
            Self::Week => IntervalUnit::Week,
            Self::Month => IntervalUnit::Month,
            Self::Year => IntervalUnit::Year,
        }
    }
}

/// Whether the tax on an amount is in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaxBehavior)]
pub enum TaxBehaviorWord {
    /// The amount is net, and the tax comes on top.
    #[default]
    Exclusive,
    /// The amount is gross, and stays what it is.
    Inclusive,
}

impl TaxBehaviorWord {
    /// What it means.
    pub const fn domain(self) -> TaxBehavior {
        match self {
            Self::Exclusive => TaxBehavior::Exclusive,
            Self::Inclusive => TaxBehavior::Inclusive,
        }
    }

    /// How it is shown.
    pub const fn of(behavior: TaxBehavior) -> Self {
        match behavior {
            TaxBehavior::Exclusive => Self::Exclusive,
            TaxBehavior::Inclusive => Self::Inclusive,
        }
    }
}

/// A price to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrice {
    /// What is sold: the id of a product, or a name.
    product: wire::ProductRefText,
    /// In which currency.
    currency: wire::Currency,
    /// What one costs for one interval; 0 or more.
    unit_amount: wire::PriceAmountText,
    /// What the interval counts in.
    interval: Unit,
    /// How many of them it has, up to ten years; 1 when left out.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = u16, required = false, minimum = 1, maximum = 3650)]
    interval_count: Option<Whole<u16>>,
    /// The tax on it.
    tax_rate: wire::TaxRate,
    /// Whether the tax is in the amount; `exclusive` when left out.
    #[serde(default)]
    tax_behavior: TaxBehaviorWord,
}

/// A price.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Price)]
pub struct PriceView {
    /// Its id.
    id: wire::PriceId,
    /// What is sold.
    product: wire::ProductId,
    /// In which currency.
    currency: wire::Currency,
    /// What one costs for one interval.
    unit_amount: wire::UnitAmountOut,
    /// What the interval counts in.
    interval: Unit,
    /// How many of them it has.
    #[schema(minimum = 1)]
    interval_count: u16,
    /// The tax on it.
    tax_rate: wire::TaxRate,
    /// Whether the tax is in the amount.
    tax_behavior: TaxBehaviorWord,
    /// When it was made.
    created_at: wire::Instant,
}

impl PriceView {
    fn of(price: &Price) -> Self {
        Self {
            id: Wire(price.id),
            product: Wire(price.product),
            currency: Wire(price.currency),
            unit_amount: Wire(wire::UnitAmount(price.unit_amount)),
            interval: Unit::of(price.interval),
            interval_count: price.interval.count(),
            tax_rate: Wire(price.tax_rate),
            tax_behavior: TaxBehaviorWord::of(price.tax_behavior),
            created_at: Wire(price.created_at),
        }
    }
}

/// Makes a price. Where the product is given by a name that is not known yet, it makes the product too.
#[utoipa::path(post, path = "/v1/prices", tag = "prices", operation_id = "createPrice", request_body = NewPrice,
    responses((status = 201, description = "The price.", body = PriceView)))]
async fn create(State(app): State<Arc<App>>, call: Call, Body(new): Body<NewPrice>) -> Result<Reply, Problem> {
    let currency = new.currency.0;
    let unit_amount = new.unit_amount.resolve("unit_amount", currency)?;
    let interval = Interval::try_new(new.interval.domain(), new.interval_count.map_or(1, |count| count.0))
        .map_err(|error| Problem::refused("interval_count", error.to_string()))?;
    let price = Price {
        id: PriceId::from_random(app.new_id()?),
        product: id_of(&new.product.0),
        currency,
        unit_amount,
        interval,
        tax_rate: new.tax_rate.0,
        tax_behavior: new.tax_behavior.domain(),
        created_at: call.now,
    };
    let reply = Reply::created(&PriceView::of(&price))?;
    for _ in 0..ROUNDS {
        let referred = Referred::find(&app, &[("product".to_owned(), &new.product.0)], call.now).await?;
        let mut transaction = Transaction::new();
        for product in &referred.new {
            transaction.create(product)?;
        }
        transaction.create(&price)?;
        call.keep(&mut transaction, &reply)?;
        match call.commit(&app, transaction).await {
            Ok(()) => return Ok(reply),
            // Somebody else made the product of this name meanwhile.
            Err(error) if error.is_conflict() && !referred.new.is_empty() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::internal("a product was neither there nor could be made"))
}

/// Lists prices.
#[utoipa::path(get, path = "/v1/prices", tag = "prices", operation_id = "listPrices",
    responses((status = 200, description = "A page of prices.", body = Page<PriceView>)))]
async fn list_all(State(app): State<Arc<App>>, Params(page): Params<PageParams>) -> Result<Reply, Problem> {
    let store = app.store.as_ref();
    let prices = list_newest::<Price>(store, list::PRICES, count(page.limit), after(page.cursor.as_ref())).await?;
    Page::of(&prices.entities, prices.next.as_ref(), |price| Ok(PriceView::of(price)))
}

/// Shows a price.
#[utoipa::path(get, path = "/v1/prices/{id}", tag = "prices", operation_id = "getPrice",
    responses((status = 200, description = "The price.", body = PriceView)))]
async fn get(State(app): State<Arc<App>>, Named(id): Named<PriceId>) -> Result<Reply, Problem> {
    let price: Option<Stored<Price>> = load(app.store.as_ref(), &price_key(id)).await?;
    let price = price.ok_or_else(|| Problem::missing(format!("there is no price {id}")))?;
    Reply::ok(&PriceView::of(&price.value))
}
