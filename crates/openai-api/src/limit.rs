//! A wrapper that keeps requests and tokens under the server's limits.

mod admission;
mod bucket;
mod estimate;
mod limits;
#[cfg(test)]
mod tests;
mod window;

use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_core::Stream;

pub(crate) use self::admission::Ticket;
pub(crate) use self::estimate::Demand;
pub use self::limits::Limits;
use crate::backend::{ChatBackend, ChatStream};
use crate::chat::{ChatCompletion, ChatRequest};
use crate::chunk::ChatChunk;
use crate::error::Result;
use crate::model::Model;

/// A [`ChatBackend`] that holds requests back until the server's [limits](Limits) allow them.
///
/// Errors come back as they are; to send again after them, wrap this in `Retry`, so that each
/// attempt is counted. A `Client` sends again by itself, and what it sends within one request cannot
/// be seen from here: give it the [`Limits`] instead (`ClientBuilder::limits`), which it then keeps
/// with each attempt. Listing models is not held back. Clones share their limits.
///
/// ```
/// use openai_api::Limit;
/// # fn wrap(backend: impl openai_api::ChatBackend) -> impl openai_api::ChatBackend {
///
/// Limit::new(backend).with_tokens_per_minute(200_000).with_concurrency(16)
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Limit<B> {
    backend: B,
    limits: Limits,
}

impl<B: ChatBackend> Limit<B> {
    /// Wraps a backend; the limits are those that the server reports.
    pub fn new(backend: B) -> Self {
        Self { backend, limits: Limits::new() }
    }

    /// Keeps these limits, together with whoever else has them.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sends at most so many requests in any 60 s; 0 counts as 1.
    #[must_use]
    pub fn with_requests_per_minute(mut self, requests: u64) -> Self {
        self.limits = self.limits.with_requests_per_minute(requests);
        self
    }

    /// Sends requests of at most so many tokens in any 60 s; 0 counts as 1.
    #[must_use]
    pub fn with_tokens_per_minute(mut self, tokens: u64) -> Self {
        self.limits = self.limits.with_tokens_per_minute(tokens);
        self
    }

    /// Has at most so many requests under way at once; 0 counts as 1.
    #[must_use]
    pub fn with_concurrency(mut self, requests: usize) -> Self {
        self.limits = self.limits.with_concurrency(requests);
        self
    }

    /// The backend within.
    pub fn get_ref(&self) -> &B {
        &self.backend
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<B: ChatBackend> ChatBackend for Limit<B> {
    async fn complete(&self, request: ChatRequest) -> Result<ChatCompletion> {
        let mut ticket = self.limits.admit(Demand::of(&request)).await;
        let result = self.backend.complete(request).await;
        match &result {
            Ok(completion) => ticket.completed(completion),
            Err(error) => ticket.failed(error),
        }
        result
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream> {
        let mut ticket = self.limits.admit(Demand::of(&request)).await;
        let stream =
            self.backend.stream(request).await.inspect_err(|error| ticket.failed(error))?;
        Ok(Box::pin(Counted { stream, ticket: Some(ticket) }))
    }

    async fn models(&self) -> Result<Vec<Model>> {
        self.backend.models().await
    }
}

/// A stream that counts what comes, until its end.
struct Counted {
    stream: ChatStream,
    ticket: Option<Ticket>,
}

impl Stream for Counted {
    type Item = Result<ChatChunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = std::task::ready!(self.stream.as_mut().poll_next(cx));
        match (&item, &mut self.ticket) {
            (Some(Ok(chunk)), Some(ticket)) => ticket.streamed(chunk),
            (Some(Err(error)), Some(ticket)) => ticket.failed(error),
            (None, ticket) => *ticket = None,
            (_, None) => {}
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
