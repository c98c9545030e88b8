//! From an event of the HTTP API to a route, and back.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::IntoResponse;
use http::{Request, Response};
use tower::ServiceExt;

use crate::problem::Problem;

/// The largest answer: what Lambda lets out, less some room for its envelope.
const ANSWER_BYTES_MAX: usize = 5 * 1024 * 1024;

/// Answers one request.
pub async fn handle(router: &Router, request: Request<lambda_http::Body>) -> Response<String> {
    let (parts, body) = request.into_parts();
    let body = match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        lambda_http::Body::Empty | _ => Body::empty(),
    };
    let answered = match router.clone().oneshot(Request::from_parts(parts, body)).await {
        Ok(response) => text(response).await,
        Err(never) => match never {},
    };
    match answered {
        Ok(response) => response,
        // A problem is a few hundred bytes of JSON, so this second reading ends it.
        Err(problem) => text(problem.into_response()).await.unwrap_or_default(),
    }
}

async fn text(response: Response<Body>) -> Result<Response<String>, Problem> {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.map_err(Problem::internal)?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|error| Problem::internal(error.utf8_error()))?;
    Ok(Response::from_parts(parts, text))
}
