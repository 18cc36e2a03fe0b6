//! One request and its answer, whatever the endpoint.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Request, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::client::{Client, Inner, error_body, retry_hints, secrets};
use crate::error::{ApiError, Error, Result};
use crate::page::Page;

impl Client {
    /// Begins a request; each piece of the path becomes one segment of it, escaped as needed.
    pub(super) fn call(&self, method: Method, path: &[&str]) -> Result<Call> {
        let url = join(&self.inner.base, path)?;
        let mut request = Request::new(method, url);
        *request.headers_mut() = self.inner.headers.clone();
        Ok(Call { inner: Arc::clone(&self.inner), request, sent: None }.header(ACCEPT, JSON))
    }

    pub(super) fn get(&self, path: &[&str]) -> Result<Call> {
        self.call(Method::GET, path)
    }

    pub(super) fn post(&self, path: &[&str]) -> Result<Call> {
        self.call(Method::POST, path)
    }
}

/// A request that is being put together.
pub(super) struct Call {
    inner: Arc<Inner>,
    request: Request,
    /// How many bytes of an upload are under way.
    sent: Option<Arc<AtomicU64>>,
}

impl Call {
    pub(super) fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.request.headers_mut().insert(name, HeaderValue::from_static(value));
        self
    }

    pub(super) fn query<V: fmt::Display>(mut self, name: &str, value: Option<V>) -> Self {
        if let Some(value) = value {
            let mut pairs = self.request.url_mut().query_pairs_mut();
            pairs.append_pair(name, &value.to_string());
        }
        self
    }

    pub(super) fn json<T: Serialize>(self, body: &T) -> Result<Self> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Error::invalid("request", format!("is no JSON: {error}")))?;
        Ok(self.body(HeaderValue::from_static(JSON), body.into()))
    }

    pub(super) fn body(mut self, content_type: HeaderValue, body: Body) -> Self {
        self.request.headers_mut().insert(CONTENT_TYPE, content_type);
        *self.request.body_mut() = Some(body);
        self
    }

    /// Counts the bytes of the body as they go out, so that a long upload is not taken for a
    /// server that does not answer.
    pub(super) fn counting(mut self, sent: Arc<AtomicU64>) -> Self {
        self.sent = Some(sent);
        self
    }

    /// Sends the request and waits until the answer begins; an error status is an error.
    pub(super) async fn send(self) -> Result<Answer> {
        let Self { inner, request, sent } = self;
        let url = request.url().clone();
        let limit = inner.timeouts.read;
        let mut exchange = std::pin::pin!(inner.http.execute(request));
        let mut seen = 0;
        let response = loop {
            match timeout(limit, &mut exchange).await {
                Ok(response) => break response,
                Err(_) => match sent.as_ref().map(|sent| sent.load(Ordering::Relaxed)) {
                    Some(sent) if sent > seen => seen = sent,
                    _ => return Err(Error::Timeout { what: "response", limit }),
                },
            }
        };
        let response =
            response.map_err(|error| sending_failed(error, &url, inner.timeouts.connect))?;
        let request_id = request_id(response.headers());
        let answer = Answer { inner, response, request_id };
        if answer.response.status().is_success() { Ok(answer) } else { Err(answer.refuse().await) }
    }

    /// Sends the request and reads the answer as JSON.
    pub(super) async fn read<T: DeserializeOwned>(self, what: &'static str) -> Result<T> {
        let mut answer = self.send().await?;
        let body = answer.bytes().await?;
        parse(&body, what, &answer.form())
    }

    /// Sends the request and reads the answer as a page of a list, or as a bare array.
    pub(super) async fn read_page<T: DeserializeOwned>(
        self,
        what: &'static str,
    ) -> Result<Page<T>> {
        let mut answer = self.send().await?;
        let body = answer.bytes().await?;
        // Together lists its models as a bare array.
        if without_bom(&body).trim_ascii_start().starts_with(b"[") {
            return Ok(Page::whole(parse(&body, what, &answer.form())?));
        }
        answer.parse(&body, what, |page: &Page<T>| &page.extra)
    }
}

/// An answer whose head has come, with a status that says it went well.
pub(super) struct Answer {
    inner: Arc<Inner>,
    response: Response,
    pub(super) request_id: Option<String>,
}

impl Answer {
    /// The next piece of the body; `first` if none has come yet.
    pub(super) async fn chunk(&mut self, first: bool) -> Result<Option<Bytes>> {
        let limit = self.limit(first);
        timeout(limit, self.response.chunk())
            .await
            .map_err(|_| Error::Timeout { what: "further part of the answer", limit })?
            .map_err(|error| Error::Transport { source: error.without_url().into() })
    }

    /// Reads the body to its end.
    pub(super) async fn bytes(&mut self) -> Result<Vec<u8>> {
        let expected = self.response.content_length().unwrap_or(0).min(1 << 20);
        let mut body = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        while let Some(chunk) = self.chunk(false).await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Reads the body as JSON, unless it is an error after all.
    pub(super) fn parse<T: DeserializeOwned>(
        &self,
        body: &[u8],
        what: &'static str,
        extra: impl Fn(&T) -> &Map<String, Value>,
    ) -> Result<T> {
        let parsed = parse(body, what, &self.form());
        // OpenRouter and others report an upstream's error with status 200.
        let is_error = match &parsed {
            Ok(value) => error_body::is_error(extra(value)),
            Err(_) => serde_json::from_slice(without_bom(body))
                .is_ok_and(|fields| error_body::is_error(&fields)),
        };
        if is_error { Err(self.late_error(body)) } else { parsed }
    }

    /// Status and content type, for an error that needs them after the body was read.
    pub(super) fn form(&self) -> Form {
        let content_type = self.response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or("unknown");
        Form { status: self.response.status(), content_type: content_type.to_owned() }
    }

    /// The error that a body read in full, or in part, stands for.
    pub(super) fn api_error(&self, body: &[u8]) -> ApiError {
        let headers = self.response.headers();
        let body = secrets::strike_out(body, self.inner.key.as_deref());
        let mut error = error_body::parse(self.response.status().as_u16(), &body);
        error.request_id.clone_from(&self.request_id);
        error.retry_after = retry_hints::retry_after(headers, std::time::SystemTime::now());
        error.should_retry = retry_hints::should_retry(headers);
        error
    }

    /// The error that an answer turns out to be whose status said it went well.
    pub(super) fn late_error(&self, body: &[u8]) -> Error {
        let body = secrets::strike_out(body, self.inner.key.as_deref());
        let mut error = error_body::parse_late(&body);
        error.request_id.clone_from(&self.request_id);
        error.into()
    }

    async fn refuse(mut self) -> Error {
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

    fn limit(&self, first: bool) -> Duration {
        if first { self.inner.timeouts.read } else { self.inner.timeouts.idle }
    }
}

/// All entries of a list that comes in pages.
pub(super) async fn all_pages<T: DeserializeOwned>(
    call: impl Fn() -> Result<Call>,
    what: &'static str,
    id: impl Fn(&T) -> &str,
) -> Result<Vec<T>> {
    let mut all: Vec<T> = Vec::new();
    loop {
        let after = all.last().map(&id);
        let call = call()?.query("limit", Some(PAGE)).query("after", after);
        let page = call.read_page::<T>(what).await?;
        // A server that knows no `after` gives the same page again, without end.
        let repeats = page.data.last().map(&id) == after;
        if !repeats {
            all.extend(page.data);
        }
        if repeats || !page.has_more {
            return Ok(all);
        }
    }
}

/// What kind of body an answer has.
pub(super) struct Form {
    status: StatusCode,
    content_type: String,
}

impl Form {
    pub(super) fn is_html(&self) -> bool {
        self.content_type.starts_with("text/html")
    }

    /// The error for a body that cannot be read.
    pub(super) fn unreadable(self, what: &'static str, source: Option<serde_json::Error>) -> Error {
        let Self { status, content_type } = self;
        Error::Decode { what, source: Box::new(Unreadable { status, content_type, source }) }
    }
}

/// A body that is not what the protocol says.
#[derive(Debug, thiserror::Error)]
#[error("the server answered {status} with content type {content_type}; is the base URL right?")]
struct Unreadable {
    status: StatusCode,
    content_type: String,
    source: Option<serde_json::Error>,
}

/// Reads a body as JSON, with or without a byte order mark.
pub(super) fn parse<T: DeserializeOwned>(
    body: &[u8],
    what: &'static str,
    form: &Form,
) -> Result<T> {
    serde_json::from_slice(without_bom(body)).map_err(|error| {
        let form = Form { status: form.status, content_type: form.content_type.clone() };
        form.unreadable(what, Some(error))
    })
}

pub(super) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A URL as it may be shown: without credentials, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only a URL without a host refuses these, and that has neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// Whether an error comes from a connection that ended in the middle of a body.
pub(super) fn is_cut_short(error: &Error) -> bool {
    causes(error).any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof)
    })
}

pub(super) fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn join(base: &Url, path: &[&str]) -> Result<Url> {
    let mut url = base.clone();
    let mut segments =
        url.path_segments_mut().map_err(|()| Error::invalid("base URL", "has no path"))?;
    for piece in path {
        // URLs give the dots a meaning that escaping does not take away.
        if matches!(*piece, "" | "." | "..") {
            return Err(Error::invalid("id", format!("`{piece}` is no id")));
        }
        segments.push(piece);
    }
    drop(segments);
    Ok(url)
}

fn sending_failed(error: reqwest::Error, url: &Url, connect: Duration) -> Error {
    let error = error.without_url();
    if error.is_connect() && error.is_timeout() {
        Error::Timeout { what: "connection", limit: connect }
    } else if error.is_connect() {
        Error::Connect { url: shown(url), source: error.into() }
    } else if error.is_builder() {
        Error::invalid("request", error.to_string())
    } else {
        Error::Transport { source: error.into() }
    }
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    Some(headers.get("x-request-id")?.to_str().ok()?.to_owned())
}

/// How many entries to ask for at once; the most that assistants allow.
const PAGE: u32 = 100;
const JSON: &str = "application/json";
const LONGEST_ERROR_BODY: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, path: &[&str], expected: &str) {
        let client = Client::builder().base_url(base).build().unwrap();
        let url = client.get(path).unwrap().request.url().clone();
        assert_eq!(url.as_str(), expected);
    }

    #[test]
    fn paths_are_appended_to_any_form_of_base_url() {
        let models = &["models"];
        check("https://api.openai.com/v1", models, "https://api.openai.com/v1/models");
        check("https://api.openai.com/v1/", models, "https://api.openai.com/v1/models");
        check("http://localhost:8080", models, "http://localhost:8080/models");
        check("http://localhost:8080/", models, "http://localhost:8080/models");
        check("http://h/a/b/v1/", &["chat", "completions"], "http://h/a/b/v1/chat/completions");
        check("http://[::1]:1/v1", models, "http://[::1]:1/v1/models");
        check("http://h/v1?api-version=2", models, "http://h/v1/models?api-version=2");
        check(" http://h/v1#top ", models, "http://h/v1/models");
    }

    #[test]
    fn ids_are_escaped_into_one_segment() {
        check("http://h", &["models", "ft:tiny:lake:1"], "http://h/models/ft:tiny:lake:1");
        check("http://h", &["models", "meta/llama 3"], "http://h/models/meta%2Fllama%203");
        check("http://h", &["files", "../x?y#z"], "http://h/files/..%2Fx%3Fy%23z");
        check("http://h", &["files", "%2e%2e"], "http://h/files/%252e%252e");
        check("http://h", &["files", "ф"], "http://h/files/%D1%84");
    }

    #[test]
    fn an_id_that_would_change_the_path_is_refused() {
        let client = Client::builder().base_url("http://h/v1").build().unwrap();
        for id in ["", ".", ".."] {
            let error = client.get(&["files", id]).err().unwrap();
            assert_eq!(error.to_string(), format!("id: `{id}` is no id"));
        }
    }
}
