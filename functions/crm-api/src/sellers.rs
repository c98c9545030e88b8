//! Sellers: legal entities, each with its own invoice numbers.

pub mod views;

use std::sync::Arc;

use axum::extract::State;
use saldo_billing::dunning::DunningPolicy;
use saldo_billing::id::SellerId;
use saldo_billing::party::{Address, Country, Language, Seller};
use saldo_billing::provider::ProviderAccount;
use saldo_store::entities::{SellerDefaults, list, seller_key};
use saldo_store::{Stored, Transaction, list_newest, load};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::views::{DunningFields, NewSeller, SellerChange, SellerView};
use crate::app::App;
use crate::paging::{Page, after, count};
use crate::party::{AddressFields, TaxIdFields};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Body, Call, Named, PageParams, Params};

/// How often a change starts over when somebody else changed the same seller meanwhile.
const ROUNDS: usize = 8;

/// The routes of sellers.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create, list_all)).routes(routes!(get, change))
}

/// Makes a seller. The first one is the seller of customers that name none.
#[utoipa::path(post, path = "/v1/sellers", tag = "sellers", operation_id = "createSeller", request_body = NewSeller,
    responses((status = 201, description = "The seller.", body = SellerView)))]
async fn create(State(app): State<Arc<App>>, call: Call, Body(new): Body<NewSeller>) -> Result<Reply, Problem> {
    let seller = Seller {
        id: SellerId::from_random(app.new_id()?),
        name: new.name.0.0,
        address: new.address.unwrap_or_default().in_country(new.country.0)?,
        tax_ids: TaxIdFields::all(new.tax_ids)?,
        zone: new.zone.0,
        language: new.language.map_or_else(Language::default, |language| language.0),
        email: new.email.0,
        number_prefix: new.number_prefix.map_or_else(|| NUMBER_PREFIX.to_owned(), |prefix| prefix.0.0),
        brand_colour: new.brand_colour.map(|colour| colour.0.0),
        footer: new.footer.map(|footer| footer.0.0),
        provider_account: match new.provider_account {
            Some(account) => account.0,
            None => default_account()?,
        },
        dunning: new.dunning.map(DunningFields::policy).transpose()?.unwrap_or_default(),
        created_at: call.now,
    };
    let reply = Reply::created(&SellerView::of(&seller))?;
    for _ in 0..ROUNDS {
        let is_first = load::<SellerDefaults>(app.store.as_ref(), &SellerDefaults::key_of()).await?.is_none();
        let mut transaction = Transaction::new();
        transaction.create(&seller)?;
        if is_first {
            transaction.create(&SellerDefaults { seller: seller.id })?;
        }
        call.keep(&mut transaction, &reply)?;
        match call.commit(&app, transaction).await {
            Ok(()) => return Ok(reply),
            // Two were made first at once: one of them is.
            Err(error) if error.is_conflict() && is_first => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::internal("sellers were made first again and again"))
}

/// Lists sellers.
#[utoipa::path(get, path = "/v1/sellers", tag = "sellers", operation_id = "listSellers",
    responses((status = 200, description = "A page of sellers.", body = Page<SellerView>)))]
async fn list_all(State(app): State<Arc<App>>, Params(page): Params<PageParams>) -> Result<Reply, Problem> {
    let sellers =
        list_newest::<Seller>(app.store.as_ref(), list::SELLERS, count(page.limit), after(page.cursor.as_ref()))
            .await?;
    Page::of(&sellers.entities, sellers.next.as_ref(), |seller| Ok(SellerView::of(seller)))
}

/// Shows a seller.
#[utoipa::path(get, path = "/v1/sellers/{id}", tag = "sellers", operation_id = "getSeller",
    responses((status = 200, description = "The seller.", body = SellerView)))]
async fn get(State(app): State<Arc<App>>, Named(id): Named<SellerId>) -> Result<Reply, Problem> {
    Reply::ok(&SellerView::of(&load_seller(&app, id).await?.value))
}

/// Changes a seller.
#[utoipa::path(patch, path = "/v1/sellers/{id}", tag = "sellers", operation_id = "changeSeller", request_body = SellerChange,
    responses((status = 200, description = "The seller.", body = SellerView)))]
async fn change(
    State(app): State<Arc<App>>,
    call: Call,
    Named(id): Named<SellerId>,
    Body(change): Body<SellerChange>,
) -> Result<Reply, Problem> {
    for _ in 0..ROUNDS {
        let mut seller = load_seller(&app, id).await?;
        apply(&mut seller.value, change.clone())?;
        let mut transaction = Transaction::new();
        transaction.update(&seller)?;
        match call.commit(&app, transaction).await {
            Ok(()) => return Reply::ok(&SellerView::of(&seller.value)),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::conflict("others changed the seller again and again"))
}

fn apply(seller: &mut Seller, change: SellerChange) -> Result<(), Problem> {
    if let Some(name) = change.name {
        seller.name = name.0.0;
    }
    if let Some(email) = change.email {
        seller.email = email.0;
    }
    seller.address = changed_address(&seller.address, change.address, change.country.map(|country| country.0))?;
    if let Some(tax_ids) = change.tax_ids {
        seller.tax_ids = TaxIdFields::all(tax_ids)?;
    }
    if let Some(zone) = change.zone {
        seller.zone = zone.0;
    }
    if let Some(language) = change.language {
        seller.language = language.0;
    }
    if let Some(prefix) = change.number_prefix {
        seller.number_prefix = prefix.0.0;
    }
    if let Some(colour) = change.brand_colour {
        seller.brand_colour = colour.map(|colour| colour.0.0);
    }
    if let Some(footer) = change.footer {
        seller.footer = footer.map(|footer| footer.0.0);
    }
    if let Some(account) = change.provider_account {
        seller.provider_account = account.0;
    }
    if let Some(dunning) = change.dunning {
        seller.dunning = dunning.policy()?;
    }
    Ok(())
}

/// The address after a change of its fields, its country, or both.
///
/// # Errors
/// When it has too many lines.
pub fn changed_address(
    address: &Address,
    fields: Option<AddressFields>,
    country: Option<Country>,
) -> Result<Address, Problem> {
    let country = country.unwrap_or_else(|| address.country.clone());
    fields.unwrap_or_else(|| AddressFields::of(address)).in_country(country)
}

/// Loads a seller that the path names.
async fn load_seller(app: &App, id: SellerId) -> Result<Stored<Seller>, Problem> {
    let seller = load(app.store.as_ref(), &seller_key(id)).await?;
    seller.ok_or_else(|| Problem::missing(format!("there is no seller {id}")))
}

/// What invoice numbers begin with where nothing else was said.
const NUMBER_PREFIX: &str = "INV-";

fn default_account() -> Result<ProviderAccount, Problem> {
    ProviderAccount::try_new("stripe", "main").map_err(Problem::internal)
}

/// The seller of a customer that names none: the first that was made.
///
/// When there is none at all, one is made on the spot, so that a fresh deployment can be tried without preparation: it is called
/// "Default seller", lives in UTC, counts from `INV-000001` and is paid through `stripe/main`. Its address is to be completed by
/// `PATCH /v1/sellers/…` before real invoices go out.
///
/// # Errors
/// When the books cannot be read or written.
pub async fn default_seller(app: &App, call: &Call, country: &Country) -> Result<Seller, Problem> {
    for _ in 0..ROUNDS {
        if let Some(defaults) = load::<SellerDefaults>(app.store.as_ref(), &SellerDefaults::key_of()).await? {
            return Ok(load_seller(app, defaults.value.seller).await?.value);
        }
        let seller = Seller {
            id: SellerId::derive(&["default"]),
            name: "Default seller".to_owned(),
            address: AddressFields::default().in_country(country.clone())?,
            tax_ids: Vec::new(),
            zone: chrono_tz::UTC,
            language: Language::default(),
            email: "billing@example.com"
                .parse()
                .map_err(|error: saldo_billing::party::PartyError| Problem::internal(error))?,
            number_prefix: NUMBER_PREFIX.to_owned(),
            brand_colour: None,
            footer: None,
            provider_account: default_account()?,
            dunning: DunningPolicy::default(),
            created_at: call.now,
        };
        let mut transaction = Transaction::new();
        transaction.create(&seller)?;
        transaction.create(&SellerDefaults { seller: seller.id })?;
        match app.store.commit(transaction).await {
            Ok(_) => return Ok(seller),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::internal("the default seller was neither there nor could be made"))
}

/// Finds the seller that a request names, or the default one.
///
/// # Errors
/// When there is no such seller.
pub async fn seller_for(app: &App, call: &Call, named: Option<SellerId>, country: &Country) -> Result<Seller, Problem> {
    match named {
        None => default_seller(app, call, country).await,
        Some(id) => {
            let seller: Option<Stored<Seller>> = load(app.store.as_ref(), &seller_key(id)).await?;
            let seller = seller.ok_or_else(|| Problem::no_such("seller", format!("there is no seller {id}")))?;
            Ok(seller.value)
        }
    }
}
