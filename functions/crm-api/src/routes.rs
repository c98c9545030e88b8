//! All routes, and the document that was declared with them.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::admit::admit;
use crate::app::App;
use crate::problem::{FieldError, Problem, ProblemBody, method_not_allowed, not_found};
use crate::{
    api_keys, customers, invoices, openapi, pages, payments, prices, products, refunds, reports, sellers, subscriptions,
};

/// Where the document is.
const DOCUMENT: &str = "/v1/openapi.json";

#[derive(OpenApi)]
#[openapi(paths(declared_document), components(schemas(ProblemBody, FieldError)))]
struct Declared;

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "document", operation_id = "getDocument", security(()),
    responses((status = 200, description = "This document.", body = Object)))]
#[expect(
    dead_code,
    reason = "declares what the route of the document answers; the route itself is made where the document is"
)]
fn declared_document() {}

fn guarded() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Declared::openapi())
        .merge(sellers::routes())
        .merge(customers::routes())
        .merge(products::routes())
        .merge(prices::routes())
        .merge(subscriptions::routes())
        .merge(invoices::routes())
        .merge(payments::routes())
        .merge(refunds::routes())
        .merge(reports::routes())
        .merge(api_keys::routes())
}

/// Every route. All but the document and the pages for customers ask for a key.
pub fn router(app: Arc<App>) -> Router {
    let (guarded, declared) = guarded().split_for_parts();
    let made: Arc<OnceLock<Result<String, String>>> = Arc::default();
    let serve_document = move || {
        let made = Arc::clone(&made);
        // Made when somebody asks for the first time: a start need not wait for it.
        let text = made.get_or_init(|| write(&declared).map_err(|error| error.to_string())).clone();
        async move { document_response(text) }
    };
    let open = Router::new().route(DOCUMENT, get(serve_document)).merge(pages::routes());
    guarded
        .route_layer(from_fn_with_state(Arc::clone(&app), admit))
        .merge(open)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}

fn document_response(text: Result<String, String>) -> Response {
    match text {
        Ok(text) => {
            let mut response = text.into_response();
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
            response
        }
        Err(reason) => Problem::internal(reason).into_response(),
    }
}

fn write(declared: &utoipa::openapi::OpenApi) -> Result<String, serde_json::Error> {
    Ok(openapi::complete(serde_json::to_value(declared)?).to_string())
}

/// The whole document.
///
/// # Errors
/// When it cannot be written as JSON, which only a defect can cause.
pub fn document() -> Result<Value, serde_json::Error> {
    let (_, declared) = guarded().split_for_parts();
    Ok(openapi::complete(serde_json::to_value(declared)?))
}
