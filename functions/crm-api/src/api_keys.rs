//! Keys for this API: made, listed, revoked. Only a key with the scope `admin` gets here.

use std::sync::Arc;

use axum::extract::State;
use saldo_billing::id::ApiKeyId;
use saldo_store::entities::{ApiKey, Scope, list};
use saldo_store::{Stored, Transaction, list_newest, load};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::NewKey;
use crate::paging::{Page, after, count};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Body, Call, Named, PageParams, Params};
use crate::wire::{self, Wire};

/// How often revoking starts over when the key was changed meanwhile.
const ROUNDS: usize = 4;

/// As many as there are.
const SCOPES_MAX: usize = 3;

/// The routes of keys.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create, list_all)).routes(routes!(revoke))
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Scope)]
enum ScopeWord {
    /// Read everything but keys.
    Read,
    /// Change everything but keys.
    Write,
    /// Make, list and revoke keys.
    Admin,
}

impl ScopeWord {
    const fn domain(self) -> Scope {
        match self {
            Self::Read => Scope::Read,
            Self::Write => Scope::Write,
            Self::Admin => Scope::Admin,
        }
    }

    const fn of(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Write => Self::Write,
            Scope::Admin => Self::Admin,
        }
    }
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// What it is for.
    name: wire::KeyNameText,
    /// What it may do.
    #[schema(min_items = 1, max_items = 3)]
    scopes: Vec<ScopeWord>,
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
struct ApiKeyView {
    /// Its id.
    id: wire::ApiKeyId,
    /// What it is for.
    name: String,
    /// What it may do.
    scopes: Vec<ScopeWord>,
    /// When it was made.
    created_at: wire::Instant,
    /// When it was revoked.
    #[schema(required = true)]
    revoked_at: Option<wire::Instant>,
}

impl ApiKeyView {
    fn of(key: &ApiKey) -> Self {
        Self {
            id: Wire(key.id),
            name: key.name.clone(),
            scopes: key.scopes.iter().map(|scope| ScopeWord::of(*scope)).collect(),
            created_at: Wire(key.created_at),
            revoked_at: key.revoked_at.map(Wire),
        }
    }
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedApiKey)]
struct CreatedView {
    #[serde(flatten)]
    key: ApiKeyView,
    /// The key itself: what is sent as `Authorization: Bearer …`. It is shown this once; a replayed answer has `null` here.
    #[schema(required = true)]
    secret: Option<String>,
}

/// Makes a key. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/api-keys", tag = "api-keys", operation_id = "createApiKey", request_body = NewApiKey,
    responses((status = 201, description = "The key.", body = CreatedView)))]
async fn create(State(app): State<Arc<App>>, call: Call, Body(new): Body<NewApiKey>) -> Result<Reply, Problem> {
    let mut scopes = new.scopes;
    if !(1..=SCOPES_MAX).contains(&scopes.len()) {
        return Err(Problem::invalid("scopes", "expected one to three of `read`, `write` and `admin`"));
    }
    scopes.sort_unstable();
    scopes.dedup();
    let id = ApiKeyId::from_random(app.new_id()?);
    let mut bits = [0_u8; 32];
    (app.entropy)(&mut bits).map_err(Problem::internal)?;
    let made = NewKey::of(id, bits);
    let key = ApiKey {
        id,
        name: new.name.0.0,
        scopes: scopes.into_iter().map(ScopeWord::domain).collect(),
        secret_hash: made.hash.to_hex(),
        created_at: call.now,
        revoked_at: None,
    };
    let reply = Reply::created(&CreatedView { key: ApiKeyView::of(&key), secret: Some(made.text) })?;
    // A remembered answer is stored as it is: the secret must not be in it.
    let reply = reply.keeping(&CreatedView { key: ApiKeyView::of(&key), secret: None })?;
    let mut transaction = Transaction::new();
    transaction.create(&key)?;
    call.keep(&mut transaction, &reply)?;
    call.commit(&app, transaction).await?;
    Ok(reply)
}

/// Lists the keys that were made, also those that were revoked; the first key, which came with the deployment, is not among them.
#[utoipa::path(get, path = "/v1/api-keys", tag = "api-keys", operation_id = "listApiKeys",
    responses((status = 200, description = "A page of keys.", body = Page<ApiKeyView>)))]
async fn list_all(State(app): State<Arc<App>>, Params(page): Params<PageParams>) -> Result<Reply, Problem> {
    let store = app.store.as_ref();
    let keys = list_newest::<ApiKey>(store, list::API_KEYS, count(page.limit), after(page.cursor.as_ref())).await?;
    Page::of(&keys.entities, keys.next.as_ref(), |key| Ok(ApiKeyView::of(key)))
}

/// Revokes a key, from now on and for good.
#[utoipa::path(delete, path = "/v1/api-keys/{id}", tag = "api-keys", operation_id = "revokeApiKey",
    responses((status = 204, description = "It opens nothing any more.")))]
async fn revoke(State(app): State<Arc<App>>, call: Call, Named(id): Named<ApiKeyId>) -> Result<Reply, Problem> {
    for _ in 0..ROUNDS {
        let key: Option<Stored<ApiKey>> = load(app.store.as_ref(), &ApiKey::key_of(id)).await?;
        let mut key = key.ok_or_else(|| Problem::missing(format!("there is no key {id}")))?;
        if key.value.revoked_at.is_some() {
            return Ok(Reply::nothing());
        }
        key.value.revoked_at = Some(call.now);
        let mut transaction = Transaction::new();
        transaction.update(&key)?;
        match call.commit(&app, transaction).await {
            Ok(()) => return Ok(Reply::nothing()),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::conflict("others changed the key again and again"))
}
