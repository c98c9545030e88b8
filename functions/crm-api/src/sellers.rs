//! Sellers: legal entities, each with its own invoice numbers.

use std::sync::Arc;

use axum::extract::State;
use saldo_billing::dunning::{DunningPlan, DunningPolicy};
use saldo_billing::id::SellerId;
use saldo_billing::party::{Address, Country, Language, Seller};
use saldo_billing::provider::ProviderAccount;
use saldo_store::entities::{SellerDefaults, list, seller_key};
use saldo_store::{Stored, Transaction, list_newest, load};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::paging::{Page, after, count};
use crate::party::{AddressFields, TaxIdFields};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Body, Call, Named, PageParams, Params, given, given_or_null};
use crate::wire::{self, Wire};

/// How often a change starts over when somebody else changed the same seller meanwhile.
const ROUNDS: usize = 8;

/// The routes of sellers.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create, list_all)).routes(routes!(get, change))
}

/// A seller to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSeller {
    /// Its registered name.
    name: wire::NameText,
    /// Where customers can write to.
    email: wire::Email,
    /// The country of its registered address.
    country: wire::Country,
    /// The rest of its registered address.
    #[serde(default)]
    address: Option<AddressFields>,
    /// Its tax numbers, in the order in which they are printed; at most ten.
    #[serde(default)]
    #[schema(max_items = 10)]
    tax_ids: Vec<TaxIdFields>,
    /// Where its days begin: issue dates are dates of this zone.
    zone: wire::Zone,
    /// The language used where the customer's is not known; English when left out.
    #[serde(default)]
    language: Option<wire::Language>,
    /// What invoice numbers begin with; `INV-` when left out.
    #[serde(default)]
    number_prefix: Option<wire::NumberPrefixText>,
    /// The colour of its documents.
    #[serde(default)]
    brand_colour: Option<wire::BrandColourText>,
    /// A line at the foot of its documents.
    #[serde(default)]
    footer: Option<wire::FooterText>,
    /// The provider account through which its customers pay; `stripe/main` when left out.
    #[serde(default)]
    provider_account: Option<wire::ProviderAccount>,
    /// How it chases what is due; reminders 3 days before and 1, 7 and 14 after, retries after 3, 5 and 7 days when left out.
    #[serde(default)]
    dunning: Option<DunningFields>,
}

/// What to change of a seller; what is left out stays. Documents that were issued do not change.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SellerChange {
    /// Its registered name.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::NameText, required = false)]
    name: Option<wire::NameText>,
    /// Where customers can write to.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Email, required = false)]
    email: Option<wire::Email>,
    /// The country of its registered address.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Country, required = false)]
    country: Option<wire::Country>,
    /// The rest of its registered address, as a whole.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = AddressFields, required = false)]
    address: Option<AddressFields>,
    /// Its tax numbers, all of them.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Vec<TaxIdFields>, required = false, max_items = 10)]
    tax_ids: Option<Vec<TaxIdFields>>,
    /// Where its days begin.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Zone, required = false)]
    zone: Option<wire::Zone>,
    /// The language used where the customer's is not known.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::Language, required = false)]
    language: Option<wire::Language>,
    /// What the next invoice numbers begin with; they go on counting.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::NumberPrefixText, required = false)]
    number_prefix: Option<wire::NumberPrefixText>,
    /// The colour of its documents; `null` for none.
    #[serde(deserialize_with = "given_or_null")]
    #[schema(value_type = Option<wire::BrandColourText>, required = false)]
    brand_colour: Option<Option<wire::BrandColourText>>,
    /// A line at the foot of its documents; `null` for none.
    #[serde(deserialize_with = "given_or_null")]
    #[schema(value_type = Option<wire::FooterText>, required = false)]
    footer: Option<Option<wire::FooterText>>,
    /// The provider account through which its customers pay.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = wire::ProviderAccount, required = false)]
    provider_account: Option<wire::ProviderAccount>,
    /// How it chases what is due.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = DunningFields, required = false)]
    dunning: Option<DunningFields>,
}

/// How a seller chases what is due.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Dunning)]
pub struct DunningFields {
    /// For each retry of a charge the wait since the failure before it, in local days.
    #[schema(max_items = 10, example = json!([3, 5, 7]))]
    retry_after_days: Vec<u16>,
    /// What happens when the last retry has failed.
    when_exhausted: EndAction,
    /// On which days reminders are sent, counted from the due date, ascending.
    #[schema(max_items = 20, example = json!([-3, 1, 7, 14]))]
    reminder_days: Vec<i16>,
    /// At which local time reminders are sent, `HH:MM`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "09:00")]
    reminder_time: String,
}

/// What happens when the last retry has failed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndAction {
    /// The subscription is paused, the invoice stays open.
    Pause,
    /// The subscription is cancelled, the invoice stays open.
    Cancel,
    /// The invoice is marked as uncollectible, the subscription goes on.
    Uncollectible,
}

impl DunningFields {
    fn policy(self) -> Result<DunningPolicy, Problem> {
        use saldo_billing::dunning::EndAction as Domain;
        let time = chrono::NaiveTime::parse_from_str(&self.reminder_time, "%H:%M").ok();
        let shaped = time.filter(|time| time.format("%H:%M").to_string() == self.reminder_time);
        let reminder_time =
            shaped.ok_or_else(|| Problem::invalid("dunning.reminder_time", "expected a time like `09:00`"))?;
        let plan = DunningPlan {
            retry_after_days: self.retry_after_days,
            when_exhausted: match self.when_exhausted {
                EndAction::Pause => Domain::Pause,
                EndAction::Cancel => Domain::Cancel,
                EndAction::Uncollectible => Domain::Uncollectible,
            },
            reminder_days: self.reminder_days,
            reminder_time,
        };
        DunningPolicy::try_from(plan).map_err(|error| Problem::refused("dunning", error.to_string()))
    }

    fn of(policy: &DunningPolicy) -> Self {
        use saldo_billing::dunning::EndAction as Domain;
        let plan = DunningPlan::from(policy.clone());
        Self {
            retry_after_days: plan.retry_after_days,
            when_exhausted: match plan.when_exhausted {
                Domain::Pause => EndAction::Pause,
                Domain::Cancel => EndAction::Cancel,
                Domain::Uncollectible => EndAction::Uncollectible,
            },
            reminder_days: plan.reminder_days,
            reminder_time: plan.reminder_time.format("%H:%M").to_string(),
        }
    }
}

/// A seller.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Seller)]
pub struct SellerView {
    /// Its id.
    id: wire::SellerId,
    /// Its registered name.
    name: String,
    /// Where customers can write to.
    email: wire::Email,
    /// The country of its registered address.
    country: wire::Country,
    /// The rest of its registered address.
    address: AddressFields,
    /// Its tax numbers.
    tax_ids: Vec<TaxIdFields>,
    /// Where its days begin.
    zone: wire::Zone,
    /// The language used where the customer's is not known.
    language: wire::Language,
    /// What invoice numbers begin with.
    number_prefix: String,
    /// The colour of its documents.
    #[schema(required = true)]
    brand_colour: Option<String>,
    /// A line at the foot of its documents.
    #[schema(required = true)]
    footer: Option<String>,
    /// The provider account through which its customers pay.
    provider_account: wire::ProviderAccount,
    /// How it chases what is due.
    dunning: DunningFields,
    /// When it was made.
    created_at: wire::Instant,
}

impl SellerView {
    fn of(seller: &Seller) -> Self {
        Self {
            id: Wire(seller.id),
            name: seller.name.clone(),
            email: Wire(seller.email.clone()),
            country: Wire(seller.address.country.clone()),
            address: AddressFields::of(&seller.address),
            tax_ids: TaxIdFields::of(&seller.tax_ids),
            zone: Wire(seller.zone),
            language: Wire(seller.language.clone()),
            number_prefix: seller.number_prefix.clone(),
            brand_colour: seller.brand_colour.clone(),
            footer: seller.footer.clone(),
            provider_account: Wire(seller.provider_account.clone()),
            dunning: DunningFields::of(&seller.dunning),
            created_at: Wire(seller.created_at),
        }
    }
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
        list_newest::<Seller>(app.store.as_ref(), list::SELLERS, count(page.limit), after(page.cursor.as_ref())).await?;
    Page::of(&sellers.entities, sellers.next.as_ref(), |seller| Ok(SellerView::of(seller)))
}

/// Shows a seller.
#[utoipa::path(get, path = "/v1/sellers/{seller}", tag = "sellers", operation_id = "getSeller",
    responses((status = 200, description = "The seller.", body = SellerView)))]
async fn get(State(app): State<Arc<App>>, Named(id): Named<SellerId>) -> Result<Reply, Problem> {
    Reply::ok(&SellerView::of(&load_seller(&app, id).await?.value))
}

/// Changes a seller.
#[utoipa::path(patch, path = "/v1/sellers/{seller}", tag = "sellers", operation_id = "changeSeller", request_body = SellerChange,
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
            email: "billing@example.com".parse().map_err(|error: saldo_billing::party::PartyError| Problem::internal(error))?,
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
pub async fn seller_for(
    app: &App,
    call: &Call,
    named: Option<SellerId>,
    country: &Country,
) -> Result<Seller, Problem> {
    match named {
        None => default_seller(app, call, country).await,
        Some(id) => {
            let seller: Option<Stored<Seller>> = load(app.store.as_ref(), &seller_key(id)).await?;
            let seller = seller.ok_or_else(|| Problem::no_such("seller", format!("there is no seller {id}")))?;
            Ok(seller.value)
        }
    }
}
