//! What can go wrong, and what to do then.

#[cfg(any(feature = "batches", feature = "http"))]
pub(crate) mod explanation;
#[cfg(any(feature = "batches", feature = "http"))]
mod misread;
mod wording;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

#[cfg(any(feature = "batches", feature = "http"))]
pub(crate) use self::misread::Misread;
use crate::meta::Meta;

/// A cause of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result whose error is this crate's, unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between asking and an answer.
///
/// After several attempts it comes within [`Exhausted`](Self::Exhausted), as whatever may pass does
/// by default: match on [`last`](Self::last), which looks into that.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server, or an engine in process, answered with an error.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// No connection came about.
    #[error("could not connect to {url}")]
    Connect {
        /// Where to, without query or credentials.
        url: String,
        /// Why not.
        source: BoxError,
    },
    /// The server's certificate is not trusted, so nothing was sent.
    #[error(
        "the certificate of {url} is not trusted; if it is one of your own, name it, or its \
         authority's, with `ClientBuilder::root_certificate`"
    )]
    Certificate {
        /// Where to, without query or credentials.
        url: String,
        /// Why not.
        source: BoxError,
    },
    /// Nothing came within the time allowed.
    #[error("no {what} within {limit:?}; allow more time, or look whether the server is busy")]
    Timeout {
        /// What was waited for: a `connection`, the `response` to begin, a `further part of the
        /// answer`, a `key` of the provider, or, within the whole time allowed, the `answer`.
        what: &'static str,
        /// How long.
        limit: Duration,
    },
    /// The connection broke while an answer was under way.
    #[error("the connection broke")]
    Transport {
        /// How.
        source: BoxError,
    },
    /// A stream ended before the answer did.
    #[error("the stream ended before the answer was complete")]
    Truncated,
    /// An answer is longer than may be held in memory.
    #[error(
        "the answer is longer than {limit} bytes; look whether the base URL is right, or allow more \
         with `ClientBuilder::longest_answer`"
    )]
    TooLong {
        /// How many bytes it may have.
        limit: usize,
    },
    /// The server answered with something that is not what the protocol says.
    #[error("could not read the {what}")]
    Decode {
        /// What should have come, such as `chat completion`.
        what: &'static str,
        /// Where it went wrong.
        source: BoxError,
    },
    /// The answer is not of the type asked for.
    #[cfg(feature = "schema")]
    #[error(transparent)]
    NotParsed(Box<crate::structured::NotParsed>),
    /// The request cannot be sent as it is.
    #[error("{field}: {problem}")]
    InvalidRequest {
        /// The field or setting at fault.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The provider of keys gave none.
    #[error("could not get {}", Wanted(refusal.as_deref()))]
    Key {
        /// What the server said to the key before, if another was asked for since.
        refusal: Option<Box<ApiError>>,
        /// Why not.
        source: BoxError,
    },
    /// A file could not be read.
    #[error("could not read {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A backend failed in a way of its own.
    #[error("the {backend} backend failed")]
    Backend {
        /// Which backend.
        backend: &'static str,
        /// How.
        source: BoxError,
    },
    /// Asking again did not help either; [`last`](Self::last) gives the error within.
    #[error("gave up after {attempts} attempts")]
    Exhausted {
        /// How often the request was sent.
        attempts: u32,
        /// What went wrong the last time.
        source: Box<Error>,
    },
}

impl Error {
    /// A request that cannot be sent as it is.
    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::InvalidRequest { field, problem: problem.into() }
    }

    /// A request that cannot be written.
    #[cfg(any(feature = "batches", feature = "fine-tuning", feature = "http"))]
    pub(crate) fn no_json(error: &serde_json::Error) -> Self {
        Self::invalid("request", format!("is no JSON: {error}"))
    }

    /// Whether the same request may succeed when it is sent again.
    ///
    /// False for [`Exhausted`](Self::Exhausted): that has been tried. Whether it might help later
    /// is what [`last`](Self::last) says.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api(error) => error.is_retryable(),
            Self::Connect { .. } | Self::Timeout { .. } | Self::Transport { .. } => true,
            Self::Truncated => true,
            _ => false,
        }
    }

    /// What went wrong the last time: the error itself, or the one that attempts ended with.
    ///
    /// ```
    /// use openai_api::Error;
    ///
    /// let error = Error::Exhausted { attempts: 3, source: Box::new(Error::Truncated) };
    /// assert!(matches!(error.last(), Error::Truncated));
    /// assert!(matches!(Error::Truncated.last(), Error::Truncated));
    /// ```
    #[must_use]
    pub fn last(&self) -> &Self {
        match self {
            Self::Exhausted { source, .. } => source.last(),
            error => error,
        }
    }

    /// The server's error, if it is one; also the one that attempts ended with, or that made it
    /// necessary to ask for [another key](Self::Key).
    #[must_use]
    pub fn as_api(&self) -> Option<&ApiError> {
        match self.last() {
            Self::Api(error) => Some(error),
            Self::Key { refusal, .. } => refusal.as_deref(),
            _ => None,
        }
    }

    /// How often the request was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Exhausted { attempts, .. } => *attempts,
            _ => 1,
        }
    }

    /// How long the server asks to wait before the next attempt.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.as_api()?.retry_after
    }

    /// Whether the conversation is longer than the model's context window.
    ///
    /// Known by OpenAI's code, by llama.cpp's type, or by words such as vLLM's.
    #[must_use]
    pub fn is_context_length_exceeded(&self) -> bool {
        self.as_api().is_some_and(wording::is_context_length_exceeded)
    }

    /// Whether the server does not know the model.
    #[must_use]
    pub fn is_model_not_found(&self) -> bool {
        self.as_api().is_some_and(wording::is_model_not_found)
    }

    /// Whether the server has closed fine-tuning, for all or for this customer.
    ///
    /// Known by OpenAI's code `training_not_available`, or by its words; [`hint`](Self::hint) tells
    /// the ways out.
    #[must_use]
    pub fn is_fine_tuning_closed(&self) -> bool {
        self.as_api().is_some_and(wording::is_fine_tuning_closed)
    }

    /// What to do, where that takes more than the error's message says.
    ///
    /// So far for [fine-tuning that was closed](Self::is_fine_tuning_closed): since when, and who
    /// else trains.
    ///
    /// ```
    /// use openai_api::{ApiError, Error};
    ///
    /// let message = "your organization is no longer able to create new fine-tuning training jobs";
    /// let error = Error::from(ApiError::new(403, message).with_code("training_not_available"));
    /// assert!(error.is_fine_tuning_closed());
    /// assert!(error.hint().unwrap().contains("2027-01-06"));
    /// ```
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        self.is_fine_tuning_closed().then_some(wording::FINE_TUNING_CLOSED)
    }

    /// The field of the request that the server or its model does not support, by its name on the
    /// wire.
    ///
    /// Known from an error with status 400 or 422 by its code or its words. The same request may
    /// succeed without the field, or with `max_completion_tokens` in place of `max_tokens`; a value
    /// that is merely out of range is another matter, and gives `None`.
    ///
    /// ```
    /// use openai_api::{ApiError, Error};
    ///
    /// let message = "Unsupported parameter: 'max_tokens' is not supported with this model.";
    /// let error = Error::from(ApiError::new(400, message));
    /// assert_eq!(error.unsupported_param(), Some("max_tokens"));
    /// ```
    #[must_use]
    #[inline]
    pub fn unsupported_param(&self) -> Option<&str> {
        wording::unsupported_param(self.as_api()?)
    }
}

/// The key that was asked for in vain.
struct Wanted<'r>(Option<&'r ApiError>);

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("the key"),
            Some(refusal) => write!(f, "another key after {refusal}"),
        }
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

/// An error in the form that OpenAI's protocol gives it.
///
/// `Display` shows status, code and message, and the request id where there is one; of a long
/// message it shows the beginning, and so does `Debug`.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// A word for programs, such as `model_not_found`.
    pub code: Option<String>,
    /// A word for the kind of error, such as `invalid_request_error`; `type` on the wire.
    pub kind: Option<String>,
    /// The field of the request that is at fault.
    pub param: Option<String>,
    /// What went wrong, for people.
    pub message: String,
    /// The server's id for the HTTP exchange, to quote when asking for help.
    pub request_id: Option<String>,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// The server's own word on whether to try again (`x-should-retry`); it goes before the status.
    pub should_retry: Option<bool>,
    /// Status and headers of the HTTP exchange, where there was one.
    pub meta: Option<Arc<Meta>>,
}

impl ApiError {
    /// An error with a status and a message.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            code: None,
            kind: None,
            param: None,
            message: message.into(),
            request_id: None,
            retry_after: None,
            should_retry: None,
            meta: None,
        }
    }

    /// A request that is wrong in `param`: status 400.
    pub fn invalid_request(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, message).with_kind(INVALID_REQUEST).with_param(param)
    }

    /// A model that is not known: status 404, code `model_not_found`.
    #[must_use]
    pub fn model_not_found(model: &str) -> Self {
        Self::new(404, format!("the model `{model}` does not exist"))
            .with_kind(INVALID_REQUEST)
            .with_code(MODEL_NOT_FOUND)
            .with_param("model")
    }

    /// A conversation that does not fit: status 400, code `context_length_exceeded`.
    #[must_use]
    pub fn context_length_exceeded(window: usize, tokens: usize) -> Self {
        let message = format!(
            "the messages take {tokens} tokens and the model's context window holds {window}; \
             shorten them or start a new conversation"
        );
        Self::invalid_request("messages", message).with_code(CONTEXT_LENGTH_EXCEEDED)
    }

    /// Sets the word for programs.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Sets the kind of error.
    #[must_use]
    pub fn with_kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Sets the field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Whether the same request may succeed when it is sent again.
    ///
    /// True for 408, 409, 429 and 5xx, save an exhausted quota; the server's own word goes before.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        if let Some(word) = self.should_retry {
            return word;
        }
        let exhausted = self.code.as_deref() == Some("insufficient_quota")
            || self.kind.as_deref() == Some("insufficient_quota");
        !exhausted && matches!(self.status, 408 | 409 | 429 | 500..=599)
    }

    /// The body that OpenAI's protocol gives the error.
    #[must_use]
    #[inline]
    pub fn to_body(&self) -> Value {
        serde_json::json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }})
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {}", self.status)?;
        if let Some(code) = self.code.as_ref().or(self.kind.as_ref()) {
            write!(f, " ({})", Excerpt(code))?;
        }
        write!(f, ": {}", Excerpt(&self.message))?;
        if let Some(id) = &self.request_id {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("kind", &self.kind)
            .field("param", &self.param)
            .field("message", &Excerpt(&self.message))
            .field("request_id", &self.request_id)
            .field("retry_after", &self.retry_after)
            .field("should_retry", &self.should_retry)
            .field("meta", &self.meta)
            .finish()
    }
}

impl std::error::Error for ApiError {}

/// The beginning of a text that a server may make as long as it likes.
struct Excerpt<'t>(&'t str);

impl Excerpt<'_> {
    /// The beginning, and what stands for the rest.
    fn cut(&self) -> (&str, &'static str) {
        match self.0.char_indices().nth(LONGEST_SHOWN) {
            Some((end, _)) => (&self.0[..end], "…"),
            None => (self.0, ""),
        }
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, rest) = self.cut();
        write!(f, "{start}{rest}")
    }
}

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, rest) = self.cut();
        write!(f, "{start:?}{rest}")
    }
}

/// How many characters of a message are shown.
const LONGEST_SHOWN: usize = 1000;

const CONTEXT_LENGTH_EXCEEDED: &str = "context_length_exceeded";
const INVALID_REQUEST: &str = "invalid_request_error";
const MODEL_NOT_FOUND: &str = "model_not_found";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_pass_is_retryable() {
        for (status, expected) in
            [(400, false), (401, false), (404, false), (408, true), (409, true), (429, true)]
        {
            assert_eq!(ApiError::new(status, "").is_retryable(), expected, "{status}");
        }
        assert!(ApiError::new(503, "").is_retryable());
        assert!(!ApiError::new(429, "").with_code("insufficient_quota").is_retryable());
    }

    #[test]
    fn the_servers_word_goes_before_the_status() {
        let mut error = ApiError::new(500, "");
        error.should_retry = Some(false);
        assert!(!error.is_retryable());
    }

    #[test]
    fn an_exhausted_error_shows_the_one_within_but_is_not_retryable() {
        let mut last = ApiError::new(429, "slow down");
        last.retry_after = Some(Duration::from_secs(7));
        let error = Error::Exhausted { attempts: 3, source: Box::new(last.into()) };
        assert_eq!(error.to_string(), "gave up after 3 attempts");
        assert_eq!(error.as_api().map(|last| last.status), Some(429));
        assert_eq!((error.attempts(), error.retry_after()), (3, Some(Duration::from_secs(7))));
        assert!(!error.is_retryable());
        let twice = Error::Exhausted { attempts: 2, source: Box::new(error) };
        assert!(matches!(twice.last(), Error::Api(last) if last.status == 429));
    }

    #[test]
    fn every_question_looks_into_an_exhausted_error() {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model.";
        for (error, is_what) in [
            (ApiError::context_length_exceeded(1, 2), 0),
            (ApiError::model_not_found("m"), 1),
            (ApiError::new(403, "").with_code("training_not_available"), 2),
            (ApiError::new(400, message), 3),
        ] {
            let error = Error::Exhausted { attempts: 3, source: Box::new(error.into()) };
            let answers = [
                error.is_context_length_exceeded(),
                error.is_model_not_found(),
                error.is_fine_tuning_closed() && error.hint().is_some(),
                error.unsupported_param() == Some("max_tokens"),
            ];
            let expected: Vec<_> = (0..4).map(|question| question == is_what).collect();
            assert_eq!(answers.to_vec(), expected, "{}", error.last());
        }
    }

    #[test]
    fn of_a_long_message_the_beginning_is_shown() {
        let mut error = ApiError::new(400, "я".repeat(70_000));
        let shown = "я".repeat(1000);
        assert_eq!(error.to_string(), format!("the server answered 400: {shown}…"));
        assert!(format!("{error:?}").contains(&format!("message: \"{shown}\"…, ")), "{error:?}");
        assert!(format!("{:?}", Error::from(error.clone())).len() < 2500);
        error.message.truncate(2000);
        assert!(error.to_string().ends_with(&shown), "{error}");
    }

    #[test]
    fn display_shows_status_code_message_and_request_id() {
        let mut error = ApiError::model_not_found("gpt-9");
        error.request_id = Some("req_1".into());
        expect_test::expect![
            "the server answered 404 (model_not_found): the model `gpt-9` does not exist [request req_1]"
        ]
        .assert_eq(&error.to_string());
    }
}
