//! What every exchange has: an id, a key where one is asked for, and errors in OpenAI's shape.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::app::App;
use crate::failure::Failure;
use crate::random;
use crate::routes::HEALTH;

/// The id of an exchange, to quote when asking for help.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Wraps all that the server answers, unknown paths included.
pub(crate) async fn exchange(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = RequestId(random::id("req_").into());
    request.extensions_mut().insert(id.clone());
    let response = if request.uri().path() == HEALTH || shows_key(&app, &request) {
        // A backend that panics is no reason to leave its client without an answer.
        AssertUnwindSafe(next.run(request))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Failure::internal("the backend panicked", Panicked).into_response())
    } else {
        no_key()
    };
    let mut response = in_shape(&app, response, &id);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    let spent = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    headers.insert(PROCESSING_MS, HeaderValue::from(spent));
    response
}

fn shows_key(app: &App, request: &Request) -> bool {
    let Some(key) = &app.api_key else { return true };
    let shown = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let shown = shown.and_then(|shown| shown.split_at_checked(BEARER.len()));
    shown.is_some_and(|(scheme, shown)| scheme.eq_ignore_ascii_case(BEARER) && key.is(shown))
}

fn no_key() -> Response {
    let message = "this server asks for its API key; send it as `Authorization: Bearer <key>`";
    let failure = Failure::new(StatusCode::UNAUTHORIZED, message).with_code("invalid_api_key");
    ([(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))], failure).into_response()
}

/// Writes the body of an error, whoever it is from.
fn in_shape(app: &App, mut response: Response, id: &RequestId) -> Response {
    let status = response.status();
    let failure = match response.extensions_mut().remove::<Failure>() {
        Some(failure) => failure,
        // An error of the HTTP library's own has words that may quote the request.
        None if status.is_client_error() || status.is_server_error() => {
            Failure::new(status, status.canonical_reason().unwrap_or("error").to_lowercase())
        }
        None => return response,
    };
    if status.is_server_error() {
        app.report(id.as_str(), &failure);
    }
    let (parts, body) = Json(failure.to_body(id.as_str())).into_response().into_parts();
    let headers = response.headers_mut();
    headers.extend(parts.headers);
    headers.remove(CONTENT_LENGTH);
    if let Some(seconds) = failure.retry_after_secs() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(word) = failure.should_retry() {
        let word = if word { "true" } else { "false" };
        headers.insert(SHOULD_RETRY, HeaderValue::from_static(word));
    }
    *response.body_mut() = Body::new(body);
    response
}

#[derive(Debug, thiserror::Error)]
#[error("a handler panicked")]
struct Panicked;

const BEARER: &[u8] = b"Bearer ";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROCESSING_MS: HeaderName = HeaderName::from_static("openai-processing-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
