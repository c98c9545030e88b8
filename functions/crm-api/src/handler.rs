//! From an event of the HTTP API to a route, and back.
//!
//! `lambda_http` would make the request too, but stops the process over a query that is no URI (`?limit=<1>`), and a wrong
//! request deserves an answer.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body as EventBody;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Uri};
use tower::ServiceExt;

use crate::problem::Problem;

/// The largest answer: Lambda lets 6 MiB out, in which every quotation mark takes two bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Answers one request.
pub async fn handle(router: &Router, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    let response = match request(event) {
        Ok(request) => match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        Err(problem) => problem.into_response(),
    };
    match event_of(response).await {
        Ok(answer) => answer,
        // A problem is a few hundred bytes of JSON, so this second writing ends it.
        Err(problem) => event_of(problem.into_response()).await.unwrap_or_default(),
    }
}

fn request(event: ApiGatewayV2httpRequest) -> Result<Request<Body>, Problem> {
    let path = sound(event.raw_path.as_deref().unwrap_or("/"), |byte| byte != b'?');
    let query = sound(event.raw_query_string.as_deref().unwrap_or_default(), |_| true);
    let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
    let uri: Uri = uri.parse().map_err(|_no_uri| Problem::invalid("path", "the address cannot be read"))?;
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        let decoded = STANDARD.decode(body);
        Body::from(decoded.map_err(|_not_base64| Problem::invalid("body", "expected base64"))?)
    } else {
        Body::from(body)
    };
    let mut request = Request::new(body);
    *request.method_mut() = event.request_context.http.method;
    *request.uri_mut() = uri;
    *request.headers_mut() = event.headers;
    Ok(request)
}

/// The text with every character written out that has no place in a URI; what is written out already stays.
fn sound(text: &str, may_stay: impl Fn(u8) -> bool) -> String {
    const PLACES: &[u8] = b"-._~!$&'()*+,;=:@/?%";
    text.bytes().fold(String::with_capacity(text.len()), |mut sound, byte| {
        if (byte.is_ascii_alphanumeric() || PLACES.contains(&byte)) && may_stay(byte) {
            sound.push(char::from(byte));
        } else {
            sound.push_str(&format!("%{byte:02X}"));
        }
        sound
    })
}

async fn event_of(response: Response) -> Result<ApiGatewayV2httpResponse, Problem> {
    let (parts, body) = response.into_parts();
    // A body of ours is there as a whole: only its size can be in the way, as of a report on every day of ten years.
    let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|_too_large| {
        Problem::unprocessable(
            "the answer would be larger than 4 MiB; ask for less at once: months, fewer days, one currency",
        )
    })?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|error| Problem::internal(error.utf8_error()))?;
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.status_code = i64::from(parts.status.as_u16());
    answer.headers = parts.headers;
    answer.body = Some(EventBody::Text(text));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_uri_is_written_out() {
        assert_eq!(sound("/v1/customers/cus 1", |_| true), "/v1/customers/cus%201");
        assert_eq!(sound("limit=<1>&x=%20é", |_| true), "limit=%3C1%3E&x=%20%C3%A9");
        assert_eq!(sound("/a?b", |byte| byte != b'?'), "/a%3Fb");
    }

    #[tokio::test]
    async fn an_answer_that_lambda_would_not_let_out_says_what_to_do() {
        let answer = |bytes| event_of(Response::new(Body::from("\"".repeat(bytes))));
        let largest = answer(ANSWER_BYTES_MAX).await.unwrap();
        assert!(largest.body.unwrap().len() == ANSWER_BYTES_MAX);
        let refused = answer(ANSWER_BYTES_MAX + 1).await.unwrap_err().into_response();
        assert_eq!(refused.status(), http::StatusCode::UNPROCESSABLE_ENTITY);
    }
}
