//! What a call sends, as often as it takes.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use crate::client::Inner;
use crate::client::answer::Answer;
use crate::client::azure::model_of;
use crate::client::body::Body;
use crate::client::transport::shown;
use crate::client::unopened::Unopened;
use crate::error::{Error, Result};
use crate::meta::Meta;

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
    /// What the body is, unless those headers name a type of the call's own.
    pub(super) content_type: Option<HeaderValue>,
    /// The random bits by which a server knows a request that it has had before.
    pub(super) idempotency: Option<u128>,
    pub(super) body: Option<Body>,
    /// What becomes its body once it is sent.
    pub(super) unopened: Option<Box<Unopened>>,
    pub(super) limit: Option<Duration>,
    /// How many answers are asked for; 0 if that is not said.
    pub(super) answers: u32,
}

/// What is done with an answer that says it went well.
pub(super) enum Intake<'i> {
    /// Its whole body is read, and then taken.
    Whole(&'i mut (dyn FnMut(Bytes, &Answer) -> Result<()> + Send)),
    /// Its whole body is kept, however long it is.
    Kept(&'i mut Option<(Bytes, Arc<Meta>)>),
    /// It is taken as soon as it begins.
    Begun(&'i mut dyn Opening),
}

/// Takes an answer that comes bit by bit.
pub(super) trait Opening: Send {
    /// Takes the answer, in place of one that failed.
    fn begin(&mut self, answer: Answer);

    /// Waits for as much of it as there must be for the request not to be sent again.
    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;
}

impl Outgoing {
    /// Sends the request and reads the answer's whole body.
    pub(super) async fn read<T: Send>(
        self: Box<Self>,
        mut read: impl FnMut(&[u8], &Answer) -> Result<T> + Send,
    ) -> Result<(T, Arc<Meta>)> {
        let mut taken = None;
        let mut take = |body: Bytes, answer: &Answer| {
            taken = Some((read(&body, answer)?, Arc::clone(&answer.meta)));
            Ok(())
        };
        self.run(Intake::Whole(&mut take)).await?;
        taken.ok_or(Error::Truncated)
    }

    /// Turns the URL into that of the model's deployment, where the server has such.
    pub(super) fn route(&mut self) -> Result<()> {
        let Some(deployments) = &self.inner.deployments else { return Ok(()) };
        // What is fetched there, such as the chats that are stored, is below no deployment.
        if self.method != Method::POST {
            return Ok(());
        }
        let model = || match self.unopened.as_deref() {
            Some(unopened) => unopened.model(),
            None => self.body.as_ref().and_then(Body::start).and_then(model_of),
        };
        deployments.route(&self.inner.base, &mut self.url, model)
    }

    /// The request with a body, now that it is made.
    pub(super) async fn opened(mut self: Box<Self>, unopened: Box<Unopened>) -> Result<Box<Self>> {
        let (content_type, body) = unopened.open().await?;
        self.headers.remove(CONTENT_TYPE);
        self.content_type = Some(content_type);
        self.body = Some(body);
        Ok(self)
    }

    /// Keeps the first thing that is wrong, to tell it when the call is awaited.
    pub(super) fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// The same request; what is wrong with it is told the same way.
    #[inline]
    pub(super) fn again(&self) -> Self {
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
            content_type: self.content_type.clone(),
            idempotency: None,
            body: self.body.clone(),
            unopened: self.unopened.clone(),
            limit: self.limit,
            answers: self.answers,
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
