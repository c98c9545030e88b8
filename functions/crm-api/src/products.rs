//! Products: what is sold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, Utc};
use saldo_billing::catalogue::Product;
use saldo_billing::id::ProductId;
use saldo_store::entities::{list, product_key};
use saldo_store::{Stored, Transaction, list_newest, load, load_many};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::paging::{Page, after, count};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Body, Call, Named, PageParams, Params};
use crate::wire::{self, ProductRef, Wire};

/// The routes of products.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create, list_all)).routes(routes!(get))
}

/// A product to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// Its name, as invoices and reports show it.
    name: wire::NameText,
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub struct ProductView {
    /// Its id.
    id: wire::ProductId,
    /// Its name.
    name: String,
    /// When it was made.
    created_at: wire::Instant,
}

impl ProductView {
    fn of(product: &Product) -> Self {
        Self { id: Wire(product.id), name: product.name.clone(), created_at: Wire(product.created_at) }
    }
}

/// Makes a product, also when there is another of the same name.
#[utoipa::path(post, path = "/v1/products", tag = "products", operation_id = "createProduct", request_body = NewProduct,
    responses((status = 201, description = "The product.", body = ProductView)))]
async fn create(State(app): State<Arc<App>>, call: Call, Body(new): Body<NewProduct>) -> Result<Reply, Problem> {
    let product = Product { id: ProductId::from_random(app.new_id()?), name: new.name.0.0, created_at: call.now };
    let reply = Reply::created(&ProductView::of(&product))?;
    let mut transaction = Transaction::new();
    transaction.create(&product)?;
    call.keep(&mut transaction, &reply)?;
    call.commit(&app, transaction).await?;
    Ok(reply)
}

/// Lists products.
#[utoipa::path(get, path = "/v1/products", tag = "products", operation_id = "listProducts",
    responses((status = 200, description = "A page of products.", body = Page<ProductView>)))]
async fn list_all(State(app): State<Arc<App>>, Params(page): Params<PageParams>) -> Result<Reply, Problem> {
    let store = app.store.as_ref();
    let products =
        list_newest::<Product>(store, list::PRODUCTS, count(page.limit), after(page.cursor.as_ref())).await?;
    Page::of(&products.entities, products.next.as_ref(), |product| Ok(ProductView::of(product)))
}

/// Shows a product.
#[utoipa::path(get, path = "/v1/products/{id}", tag = "products", operation_id = "getProduct",
    responses((status = 200, description = "The product.", body = ProductView)))]
async fn get(State(app): State<Arc<App>>, Named(id): Named<ProductId>) -> Result<Reply, Problem> {
    let product: Option<Stored<Product>> = load(app.store.as_ref(), &product_key(id)).await?;
    let product = product.ok_or_else(|| Problem::missing(format!("there is no product {id}")))?;
    Reply::ok(&ProductView::of(&product.value))
}

/// The products that a request refers to.
#[derive(Debug, Default)]
pub struct Referred {
    /// Those that are not there yet, to be made in the request's transaction.
    pub new: Vec<Product>,
    known: BTreeMap<ProductId, String>,
}

impl Referred {
    /// Finds the products, each with the field that refers to it.
    ///
    /// # Errors
    /// When an id is of no product; its field is blamed.
    pub async fn find(app: &App, refs: &[(String, &ProductRef)], now: DateTime<Utc>) -> Result<Self, Problem> {
        let keys: BTreeSet<ProductId> = refs.iter().map(|(_, product)| id_of(product)).collect();
        let keys: Vec<_> = keys.into_iter().map(product_key).collect();
        let found: Vec<Stored<Product>> = load_many(app.store.as_ref(), &keys).await?;
        let known = found.into_iter().map(|stored| (stored.value.id, stored.value.name)).collect();
        let mut referred = Self { new: Vec::new(), known };
        for (field, product) in refs {
            let id = id_of(product);
            match product {
                _ if referred.known.contains_key(&id) => {}
                ProductRef::Id(id) => {
                    return Err(Problem::no_such(field.clone(), format!("there is no product {id}")));
                }
                ProductRef::Named(name) => {
                    referred.known.insert(id, name.clone());
                    referred.new.push(Product { id, name: name.clone(), created_at: now });
                }
            }
        }
        Ok(referred)
    }
}

/// The id of a product: the one that was given, or the one that belongs to the name.
pub fn id_of(product: &ProductRef) -> ProductId {
    match product {
        ProductRef::Id(id) => *id,
        ProductRef::Named(name) => ProductId::derive(&["named", name]),
    }
}
