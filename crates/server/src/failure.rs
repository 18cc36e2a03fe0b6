//! What goes wrong with a request, in the shape in which OpenAI tells it.

use std::error::Error as StdError;
use std::fmt::Display;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use openai_api::{ApiError, Error};
use serde_json::Value;

/// An answer that is an error.
///
/// As a response it has no body yet: the [exchange](crate::exchange) writes it, since only that
/// knows the request's id.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    error: Box<ApiError>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { error: Box::new(ApiError::new(status.as_u16(), message)), cause: None }
    }

    /// A field of the request that is wrong: status 400.
    ///
    /// Many clients show the message alone, so it names the field as well.
    pub(crate) fn invalid(param: &str, problem: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("{param}: {problem}")).with_param(param)
    }

    /// What this server could do and was not set up to do: status 404.
    pub(crate) fn not_offered(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, message).with_code("not_offered")
    }

    /// A fault of the server's own: status 500.
    pub(crate) fn internal(
        message: impl Into<String>,
        cause: impl StdError + Send + Sync + 'static,
    ) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message).with_cause(cause)
    }

    pub(crate) fn with_code(mut self, code: &str) -> Self {
        self.error.code = Some(code.to_owned());
        self
    }

    pub(crate) fn with_param(mut self, param: &str) -> Self {
        self.error.param = Some(param.to_owned());
        self
    }

    pub(crate) fn with_cause(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.error.status)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
            .unwrap_or(StatusCode::BAD_GATEWAY)
    }

    pub(crate) fn retry_after_secs(&self) -> Option<u64> {
        let wait = self.error.retry_after?;
        Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }

    pub(crate) fn should_retry(&self) -> Option<bool> {
        self.error.should_retry
    }

    pub(crate) fn cause(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }

    /// The body; a failure of the server names the request, so that it can be found again.
    pub(crate) fn to_body(&self, request_id: &str) -> Value {
        let mut error = self.error.clone();
        let status = self.status();
        if status.is_server_error() {
            error.message = format!("{} (request {request_id})", error.message);
        }
        error.kind.get_or_insert_with(|| kind(status).to_owned());
        error.to_body()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Api(told) => {
                let cause = (told.status >= 500).then(|| Arc::new((**told).clone()) as _);
                return Self { error: told.clone(), cause };
            }
            Error::InvalidRequest { field, problem } => return Self::invalid(field, problem),
            Error::Exhausted { source, .. } => match &**source {
                Error::Api(told) => {
                    return Self { error: told.clone(), cause: Some(Arc::new(error)) };
                }
                last => status(last),
            },
            other => status(other),
        };
        Self::new(status, words(&error)).with_cause(error)
    }
}

/// The status of an error that brings none.
fn status(error: &Error) -> StatusCode {
    match error {
        Error::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
        Error::Connect { .. } => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What clients are told of a failure: no path of this machine, and no cause.
fn words(error: &Error) -> String {
    match error {
        Error::File { .. } => "a file could not be read".to_owned(),
        Error::Connect { .. } => "the backend could not be reached".to_owned(),
        other => other.to_string(),
    }
}

/// The `type` that OpenAI gives a status.
fn kind(status: StatusCode) -> &'static str {
    match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    }
}
