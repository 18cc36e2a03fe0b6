//! An answer whose head has come, and how its body is read.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Body, Response, StatusCode, Url};
use serde::de::{DeserializeOwned, Error as _};
use serde_json::{Map, Value};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::client::pace::Pass;
use crate::client::{Inner, error_body, redirect, retry_hints, secrets};
pub(super) use crate::error::Misread;
use crate::error::explanation;
use crate::error::{ApiError, Error, Result};
use crate::mend::{self, without_bom};
use crate::meta::Meta;
use crate::trace::Trace;

/// An answer with a status that says it went well.
pub(super) struct Answer {
    inner: Arc<Inner>,
    status: StatusCode,
    redirects_from: Option<Box<Url>>,
    body: Body,
    pub(super) meta: Arc<Meta>,
    /// The key it was asked with, to strike it out where the server echoes it.
    key: Option<Arc<str>>,
    pub(super) trace: Trace,
    /// What it was let go with, until it is over.
    pub(super) pass: Pass,
    /// Since when it has been waited for the next piece.
    waiting: Option<Instant>,
    patience: Patience,
}

impl Answer {
    pub(super) fn new(
        inner: Arc<Inner>,
        response: Response,
        key: Option<Arc<str>>,
        trace: &Trace,
    ) -> Self {
        // A copy that only a redirect is worth.
        let redirects_from =
            response.status().is_redirection().then(|| Box::new(response.url().clone()));
        let (parts, body) = http::Response::<Body>::from(response).into_parts();
        let meta = Arc::new(Meta::of(parts.status.as_u16(), parts.headers));
        trace.answered(&meta);
        Self {
            inner,
            status: parts.status,
            redirects_from,
            body,
            meta,
            key,
            trace: trace.clone(),
            pass: Pass::default(),
            waiting: None,
            patience: Patience::default(),
        }
    }

    /// Where it comes from, if it sends us elsewhere.
    pub(super) fn redirects_from(&self) -> Option<&Url> {
        self.redirects_from.as_deref()
    }

    pub(super) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Polls for the next piece of the body; `first` if none has come yet.
    pub(super) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
        first: bool,
    ) -> Poll<Result<Option<Bytes>>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(frame) => {
                    self.waiting = None;
                    match frame {
                        None => return Poll::Ready(Ok(None)),
                        Some(Err(error)) => return Poll::Ready(Err(broken(error))),
                        // What is no data is a trailer.
                        Some(Ok(frame)) => {
                            if let Ok(data) = frame.into_data() {
                                return Poll::Ready(Ok(Some(data)));
                            }
                        }
                    }
                }
                Poll::Pending => {
                    let timeouts = &self.inner.timeouts;
                    let limit = if first { timeouts.read } else { timeouts.idle };
                    let since = *self.waiting.get_or_insert_with(Instant::now);
                    ready!(self.patience.poll(since, limit, cx));
                    self.waiting = None;
                    let what = "further part of the answer";
                    return Poll::Ready(Err(Error::Timeout { what, limit }));
                }
            }
        }
    }

    /// The next piece of the body; `first` if none has come yet.
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn chunk(&mut self, first: bool) -> Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_chunk(cx, first)).await
    }

    /// Reads the body to its end, unless it is too long to be held in memory.
    pub(super) async fn bytes(&mut self) -> Result<Bytes> {
        self.bytes_up_to(self.inner.longest_answer).await
    }

    /// Reads the body to its end, however long it is.
    pub(super) async fn all_bytes(&mut self) -> Result<Bytes> {
        self.bytes_up_to(usize::MAX).await
    }

    async fn bytes_up_to(&mut self, limit: usize) -> Result<Bytes> {
        let Some(first) = self.chunk(true).await? else { return Ok(Bytes::new()) };
        check_length(first.len(), limit)?;
        let Some(second) = self.chunk(false).await? else { return Ok(first) };
        check_length(first.len() + second.len(), limit)?;
        let mut body = Vec::with_capacity(2 * (first.len() + second.len()));
        body.extend_from_slice(&first);
        body.extend_from_slice(&second);
        while let Some(chunk) = self.chunk(false).await? {
            check_length(body.len() + chunk.len(), limit)?;
            body.extend_from_slice(&chunk);
        }
        Ok(body.into())
    }

    /// Refuses to hold so many bytes in memory, if that is too much.
    pub(super) fn check_length(&self, length: usize) -> Result<()> {
        check_length(length, self.inner.longest_answer)
    }

    /// Reads the body as JSON, unless it is an error after all.
    ///
    /// `OpenRouter` and others report an upstream's error with status 200. `is_error` tells from
    /// what was read, since a failed job has an `error` of its own.
    pub(super) fn parse<T: DeserializeOwned>(
        &self,
        body: &[u8],
        what: &'static str,
        is_error: impl Fn(&T) -> bool,
    ) -> Result<T> {
        self.heed(without_bom(body));
        match mend::from_slice(without_bom(body)) {
            Ok(value) if is_error(&value) => Err(self.late_error(body)),
            Ok(value) => Ok(value),
            Err(_) if says_error(body) => Err(self.late_error(body)),
            Err(error) => Err(self.form().unreadable(what, Some(&error))),
        }
    }

    /// Looks for what an answer, or an event of it, tells of the tokens that it took.
    #[inline]
    pub(super) fn heed(&self, json: &[u8]) {
        self.trace.read(json);
        self.pass.read(json);
    }

    /// The error for a body that can be read but is not what it should be.
    pub(super) fn lacks(&self, what: &'static str, missing: &'static str) -> Error {
        self.form().unreadable(what, Some(&serde_json::Error::custom(missing)))
    }

    /// Status and content type, for an error that needs them after the body was read.
    pub(super) fn form(&self) -> Form {
        let content_type = self.meta.header(CONTENT_TYPE.as_str()).unwrap_or("unknown");
        let encoding = self.encoding().map(str::to_owned);
        Form { status: self.status, content_type: content_type.to_owned(), encoding }
    }

    /// How the body is compressed, which nobody asked for.
    pub(super) fn encoding(&self) -> Option<&str> {
        self.meta.header(CONTENT_ENCODING.as_str()).filter(|it| !matches!(*it, "" | "identity"))
    }

    /// The error that a body read in full, or in part, stands for.
    fn api_error(&self, body: &[u8]) -> ApiError {
        let body = if self.encoding().is_some() { b"" } else { body };
        let body = secrets::strike_out(body, self.key.as_deref());
        let mut error = explanation::parse(self.meta.status(), &body);
        let refusal = self.redirects_from().and_then(|at| redirect::refusal(at, &self.meta));
        if let Some(refusal) = refusal {
            error.message = refusal;
        }
        self.with_headers(error)
    }

    /// The same error, with what the headers tell of it.
    fn with_headers(&self, mut error: ApiError) -> ApiError {
        error.request_id = self.meta.request_id().map(str::to_owned);
        let headers = self.meta.headers();
        error.retry_after = retry_hints::retry_after(headers, std::time::SystemTime::now());
        error.should_retry = retry_hints::should_retry(headers);
        error.meta = Some(Arc::clone(&self.meta));
        error
    }

    /// The error that an answer turns out to be whose status said it went well.
    pub(super) fn late_error(&self, body: &[u8]) -> Error {
        let body = secrets::strike_out(body, self.key.as_deref());
        let error = self.with_headers(error_body::parse_late(&body)).into();
        self.pass.failed(&error);
        error
    }

    /// The error that a status other than success stands for.
    pub(super) async fn refuse(mut self) -> Error {
        let mut body = Vec::new();
        // Whatever came of the explanation will do.
        while let Ok(Some(chunk)) = self.chunk(false).await {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ERROR_BODY {
                break;
            }
        }
        self.api_error(&body).into()
    }
}

/// Refuses what is longer than it may be.
pub(super) fn check_length(length: usize, limit: usize) -> Result<()> {
    if length > limit { Err(Error::TooLong { limit }) } else { Ok(()) }
}

fn broken(error: reqwest::Error) -> Error {
    Error::Transport { source: error.without_url().into() }
}

/// Waits no longer than a limit, again and again, with one timer for all waits.
///
/// Setting a timer for each piece of a stream costs more than reading the piece; so it is left to
/// run, and looks at the clock when it goes off.
#[derive(Default)]
struct Patience {
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn poll(&mut self, since: Instant, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        // A limit past the end of time is none.
        let Some(due) = since.checked_add(limit) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}

/// What kind of body an answer has.
pub(super) struct Form {
    status: StatusCode,
    content_type: String,
    encoding: Option<String>,
}

impl Form {
    pub(super) fn is_html(&self) -> bool {
        self.content_type.starts_with("text/html")
    }

    /// The error for a body that cannot be read.
    pub(super) fn unreadable(self, what: &'static str, error: Option<&serde_json::Error>) -> Error {
        let Self { status, content_type, encoding } = self;
        if let Some(encoding) = encoding {
            return Error::Decode { what, source: Box::new(Encoded(encoding)) };
        }
        let source = error.map(Misread::new);
        Error::Decode { what, source: Box::new(Unreadable { status, content_type, source }) }
    }
}

/// Whether a body that could not be read is an error's.
fn says_error(body: &[u8]) -> bool {
    mend::from_slice::<Map<String, Value>>(without_bom(body))
        .is_ok_and(|fields| error_body::is_error(&fields))
}

/// A body that is not what the protocol says.
#[derive(Debug, thiserror::Error)]
#[error("the server answered {status} with content type {content_type}; is the base URL right?")]
struct Unreadable {
    status: StatusCode,
    content_type: String,
    source: Option<Misread>,
}

/// A body that is compressed.
#[derive(Debug, thiserror::Error)]
#[error("the server answered with content encoding {0}, which was not asked for")]
struct Encoded(String);

const LONGEST_ERROR_BODY: usize = 64 * 1024;
