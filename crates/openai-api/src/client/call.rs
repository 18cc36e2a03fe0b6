//! A request that is being put together, whatever the endpoint.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::answer::Answer;
use crate::client::body::Body;
use crate::client::form::Form;
use crate::client::key::shows_key;
use crate::client::transport::shown;
use crate::client::{Client, Inner, error_body, json};
use crate::error::{Error, Result};
use crate::meta::Meta;
use crate::wire::Told;

/// A request to a server; it is sent when it is awaited.
///
/// Whatever the endpoint, a call takes headers and a time limit of its own, is sent again as the
/// client's [`RetryPolicy`](crate::RetryPolicy) says, and gives the answer alone or
/// [with status and headers](Self::with_meta). What is wrong with it is told when it is awaited.
/// Dropping the future gives the request up and frees its connection.
///
/// ```
/// use openai_api::Client;
/// use openai_api::testing::{Reply, ScriptedServer};
/// use serde_json::json;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// // An endpoint that this crate does not know:
/// let reply = Reply::json(200, json!({"results": [{"index": 1}]})).with_header("x-request-id", "r1");
/// let server = ScriptedServer::start([reply]).await?;
/// let client = Client::builder().base_url(server.url()).build()?;
/// let call = client.post("rerank").json(&json!({"query": "lakes"})).header("x-tenant", "7");
/// let (answer, meta) = call.with_meta().await?;
/// assert_eq!(answer["results"][0]["index"], 1);
/// assert_eq!((meta.status(), meta.request_id()), (200, Some("r1")));
/// assert_eq!(server.requests()[0].path(), "/v1/rerank");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[must_use = "a call is sent when it is awaited"]
pub struct Call<T = Value> {
    /// In a box, since a call is moved at every step on its way.
    pub(super) request: Box<Outgoing>,
    what: &'static str,
    send: Sender<T>,
}

/// Sends a request whose answer is of a kind, and reads it.
type Sender<T> = fn(Box<Outgoing>, &'static str) -> Sending<T>;

pub(super) type Sending<T> = BoxFuture<'static, Result<(T, Arc<Meta>)>>;

impl Client {
    /// Begins a request to a path below the base URL, which may have a query.
    pub fn request(&self, method: Method, path: &str) -> Call {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let path = path.strip_prefix('/').unwrap_or(path);
        let pieces: Vec<&str> = path.split('/').collect();
        let mut call = self.call::<Value>(method, &pieces, "answer");
        if !query.is_empty() {
            let url = &mut call.request.url;
            let query = match url.query() {
                Some(first) => format!("{first}&{query}"),
                None => query.to_owned(),
            };
            url.set_query(Some(&query));
        }
        call
    }

    /// Begins a `GET` request to a path below the base URL.
    pub fn get(&self, path: &str) -> Call {
        self.request(Method::GET, path)
    }

    /// Begins a `POST` request to a path below the base URL.
    pub fn post(&self, path: &str) -> Call {
        self.request(Method::POST, path)
    }

    /// Begins a `DELETE` request to a path below the base URL.
    pub fn delete(&self, path: &str) -> Call {
        self.request(Method::DELETE, path)
    }

    /// Begins a request whose answer is known; each piece of the path becomes one segment of it,
    /// escaped as needed.
    pub(super) fn call<T: Told + DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        path: &[&str],
        what: &'static str,
    ) -> Call<T> {
        self.call_at(join(&self.inner.base, path), method, what)
    }

    /// Begins a request to a place that is known already.
    pub(super) fn call_at<T: Told + DeserializeOwned + Send + 'static>(
        &self,
        url: Result<Url>,
        method: Method,
        what: &'static str,
    ) -> Call<T> {
        let (url, failure) = match url {
            Ok(url) => (url, None),
            Err(error) => (self.inner.base.clone(), Some(error)),
        };
        let request = Outgoing {
            inner: Arc::clone(&self.inner),
            method,
            url,
            failure,
            headers: HeaderMap::new(),
            shows_key: false,
            body: None,
            limit: None,
        };
        Call { request: Box::new(request), what, send: send_told }
    }
}

impl<T> Call<T> {
    /// Adds a header, or replaces one of the client's; a key goes in the place of the client's.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => {
                if shows_key(&name) {
                    self.request.show_own_key();
                }
                self.request.headers.insert(name, value);
            }
            // The value may be a secret.
            _ => self.request.fail(Error::invalid("header", "cannot be carried by HTTP")),
        }
        self
    }

    /// Appends a pair to the query, escaped as needed.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.request.url.query_pairs_mut().append_pair(name, &value.to_string());
        self
    }

    /// Sets the body.
    pub fn json<B: Serialize + ?Sized>(self, body: &B) -> Self {
        self.with_json(json::body(body))
    }

    /// Limits how long the call may take, all attempts and the waits between them together; of a
    /// stream, to its first item.
    ///
    /// It goes before the deadline of the client's [`RetryPolicy`](crate::RetryPolicy).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.request.limit = Some(limit);
        self
    }

    /// Reads the answer as another type.
    ///
    /// A field that is missing is an error only if that type says so.
    pub fn reads<U: DeserializeOwned + Send + 'static>(self) -> Call<U> {
        self.sent_by(send_any)
    }

    /// The same request, whose answer is read in another way.
    pub(super) fn sent_by<U>(self, send: Sender<U>) -> Call<U> {
        Call { request: self.request, what: self.what, send }
    }

    pub(super) fn with_json(self, body: Result<Body>) -> Self {
        self.with_body(HeaderValue::from_static(JSON), body)
    }

    pub(super) fn with_body(mut self, content_type: HeaderValue, body: Result<Body>) -> Self {
        self.request.headers.insert(CONTENT_TYPE, content_type);
        match body {
            Ok(body) => self.request.body = Some(body),
            Err(error) => self.request.fail(error),
        }
        self
    }

    pub(super) fn form(self, form: Result<Form>) -> Self {
        match form {
            Ok(Form { content_type, body }) => self.with_body(content_type, Ok(body)),
            Err(error) => self.with_json(Err(error)),
        }
    }

    /// The same call, to be sent once more.
    pub(super) fn again(&self) -> Self {
        let request = Box::new(self.request.again());
        Self { request, what: self.what, send: self.send }
    }

    pub(super) fn accept(mut self, content_type: &'static str) -> Self {
        self.request.headers.insert(ACCEPT, HeaderValue::from_static(content_type));
        self
    }

    pub(super) fn maybe_query(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }
}

impl<T> Call<T> {
    /// Sends the request; gives the answer with its status and headers.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if it cannot be sent as it is, [`Error::Api`] if the server refuses
    /// it, and whatever else can go wrong on the way.
    pub async fn with_meta(self) -> Result<(T, Arc<Meta>)> {
        (self.send)(self.request, self.what).await
    }

    /// Sends the request; gives the answer's body as it is.
    ///
    /// # Errors
    ///
    /// Those of [`with_meta`](Self::with_meta).
    pub async fn bytes(self) -> Result<bytes::Bytes> {
        self.request.run(|mut answer: Answer| async move { answer.bytes().await }).await
    }
}

impl<T: 'static> IntoFuture for Call<T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<'static, Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { Ok(self.with_meta().await?.0) })
    }
}

/// Sends a request and reads the answer as JSON, where fields that are unknown tell an error.
fn send_told<T: Told + DeserializeOwned + Send + 'static>(
    request: Box<Outgoing>,
    what: &'static str,
) -> Sending<T> {
    let is_error = |answer: &T| answer.extra().is_some_and(error_body::is_error);
    Box::pin(request.read(move |body, answer| answer.parse(body, what, is_error)))
}

/// Sends a request and reads the answer as JSON.
fn send_any<T: DeserializeOwned + Send + 'static>(
    request: Box<Outgoing>,
    what: &'static str,
) -> Sending<T> {
    Box::pin(request.read(move |body, answer| answer.parse(body, what, |_| false)))
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.fmt(f)
    }
}

/// What is sent, as often as it takes.
pub(super) struct Outgoing {
    pub(super) inner: Arc<Inner>,
    pub(super) method: Method,
    pub(super) url: Url,
    /// Why the request cannot be sent.
    pub(super) failure: Option<Error>,
    /// What goes with it besides the client's own.
    pub(super) headers: HeaderMap,
    /// Whether a key of the call's own is among the headers.
    pub(super) shows_key: bool,
    pub(super) body: Option<Body>,
    pub(super) limit: Option<Duration>,
}

impl Outgoing {
    /// Sends the request and reads the answer's whole body.
    pub(super) async fn read<T>(
        self: Box<Self>,
        read: impl Fn(&[u8], &Answer) -> Result<T>,
    ) -> Result<(T, Arc<Meta>)> {
        let read = &read;
        let read = |mut answer: Answer| async move {
            let body = answer.bytes().await?;
            Ok((read(&body, &answer)?, answer.meta))
        };
        self.run(read).await
    }

    /// Takes the client's key away, for one of the call's own.
    fn show_own_key(&mut self) {
        let client = &self.inner;
        if let (false, Some(name)) = (self.shows_key, client.key.header_name(client.is_azure)) {
            self.headers.remove(name);
        }
        self.shows_key = true;
    }

    /// Keeps the first thing that is wrong, to tell it when the call is awaited.
    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// The same request; what is wrong with it is told the same way.
    fn again(&self) -> Self {
        let failure = self.failure.as_ref().map(|failure| match failure {
            Error::InvalidRequest { field, problem } => Error::invalid(field, problem),
            failure => Error::invalid("request", failure.to_string()),
        });
        Self {
            inner: Arc::clone(&self.inner),
            method: self.method.clone(),
            url: self.url.clone(),
            failure,
            headers: self.headers.clone(),
            shows_key: self.shows_key,
            body: self.body.clone(),
            limit: self.limit,
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("url", &shown(&self.url))
            .finish_non_exhaustive()
    }
}

pub(super) fn join(base: &Url, path: &[&str]) -> Result<Url> {
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

const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, path: &[&str], expected: &str) {
        let client = Client::builder().base_url(base).build().unwrap();
        let call = client.call::<Value>(Method::GET, path, "answer");
        assert!(call.request.failure.is_none());
        assert_eq!(call.request.url.as_str(), expected);
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
            let call = client.call::<Value>(Method::GET, &["files", id], "file");
            let error = call.request.failure.unwrap();
            assert_eq!(error.to_string(), format!("id: `{id}` is no id"));
        }
    }

    #[test]
    fn a_path_of_ones_own_is_taken_with_its_query() {
        let client = Client::builder().base_url("http://h/v1?a=b").build().unwrap();
        for (path, expected) in [
            ("rerank", "http://h/v1/rerank?a=b"),
            ("/x/y%20z?c=d&e", "http://h/v1/x/y%2520z?a=b&c=d&e"),
        ] {
            assert_eq!(client.get(path).request.url.as_str(), expected);
        }
        for path in ["", "a//b", "a/../b", "a/"] {
            assert!(client.post(path).request.failure.is_some(), "{path}");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_call_is_told_when_it_is_awaited() {
        let client = Client::builder().base_url("http://127.0.0.1:9/v1").build().unwrap();
        let error = client.get("x").header("a b", "c").await.unwrap_err();
        assert_eq!(error.to_string(), "header: cannot be carried by HTTP");
        let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
        let error = client.post("x").json(&unwritable).await.unwrap_err();
        assert!(error.to_string().starts_with("request: is no JSON"), "{error}");
    }
}
