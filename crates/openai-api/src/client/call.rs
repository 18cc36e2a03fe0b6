//! A request that is being put together, whatever the endpoint.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::address::{append, join};
use crate::client::body::Body;
use crate::client::key::shows_key;
use crate::client::outgoing::Outgoing;
use crate::client::{Client, error_body, header, headers, json};
use crate::error::Result;
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
    ///
    /// The path is taken as it is: what is escaped stays so, as in `models/meta%2Fllama`, and so does
    /// a slash at its end. One in front changes nothing. Segments `.` and `..` are refused.
    ///
    /// An answer of status 200 that is nothing but an `error` is one. An object that says what it is,
    /// by `id`, `object` or `type`, is an answer even if it has an `error` of its own;
    /// [`reads`](Call::reads) takes whatever comes.
    pub fn request(&self, method: Method, path: &str) -> Call {
        self.call_at(append(&self.inner.base, path), method, "answer")
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
            content_type: None,
            idempotency: None,
            body: None,
            unopened: None,
            limit: None,
            answers: 0,
        };
        Call { request: Box::new(request), what, send: send_told }
    }
}

impl<T> Call<T> {
    /// Adds a header, or replaces one of the client's; a key goes in the place of the client's.
    ///
    /// A `content-type` goes before that of the body, whichever is set first. What frames the request,
    /// such as `content-length` and `connection`, is refused.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match headers::pair(name, value) {
            Ok((name, value)) => {
                self.request.shows_key |= shows_key(&name);
                self.request.headers.insert(name, value);
            }
            Err(error) => self.request.fail(error),
        }
        self
    }

    /// Appends a pair to the query, escaped as needed.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.request.url.query_pairs_mut().append_pair(name, &value.to_string());
        self
    }

    /// Sets the body, in place of one that was set before.
    pub fn json<B: Serialize + ?Sized>(self, body: &B) -> Self {
        self.with_json(json::body(body))
    }

    /// Sets the body to bytes of a type, in place of one that was set before.
    ///
    /// ```
    /// use openai_api::Client;
    /// use openai_api::testing::{Reply, ScriptedServer};
    /// use serde_json::json;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let server = ScriptedServer::start([Reply::json(200, json!({"text": "Deep."}))]).await?;
    /// let client = Client::builder().base_url(server.url()).build()?;
    /// let answer = client.post("listen").body(&b"RIFF"[..], "audio/wav").await?;
    /// assert_eq!(answer["text"], "Deep.");
    /// assert_eq!(server.requests()[0].header("content-type"), Some("audio/wav"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn body(self, bytes: impl Into<Bytes>, content_type: &str) -> Self {
        match header("content type", content_type) {
            Ok(content_type) => self.with_body(content_type, Ok(bytes.into().into())),
            Err(error) => self.with_json(Err(error)),
        }
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
        self.request.content_type = Some(content_type);
        self.request.unopened = None;
        match body {
            Ok(body) => self.request.body = Some(body),
            Err(error) => self.request.fail(error),
        }
        self
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

    /// Takes an answer of any type, unless the caller has set which.
    pub(super) fn accept_anything(self) -> Self {
        let has_own = self.request.headers.contains_key(ACCEPT)
            || self.request.inner.headers.get(ACCEPT).is_some_and(|accept| accept != JSON);
        if has_own { self } else { self.accept("*/*") }
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
    /// [`Error::InvalidRequest`](crate::Error::InvalidRequest) if it cannot be sent as it is,
    /// [`Error::Api`](crate::Error::Api) if the server refuses it, and whatever else can go wrong on
    /// the way.
    pub async fn with_meta(self) -> Result<(T, Arc<Meta>)> {
        (self.send)(self.request, self.what).await
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
pub(super) fn send_told<T: Told + DeserializeOwned + Send + 'static>(
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

const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;

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
