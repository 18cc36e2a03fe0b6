//! A wrapper that keeps requests and tokens under the server's limits.

mod admission;
mod bucket;
mod estimate;
#[cfg(test)]
mod tests;
mod window;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_core::Stream;
use tokio::sync::Semaphore;

use self::admission::{Admission, Ticket};
use self::window::Window;
use crate::backend::{ChatBackend, ChatStream};
use crate::chat::{ChatCompletion, ChatRequest};
use crate::chunk::ChatChunk;
use crate::error::Result;
use crate::model::Model;

/// A [`ChatBackend`] that holds requests back until the server's limits allow them.
///
/// It learns the limits from what the server reports with each answer and each error
/// ([`Meta::rate_limits`](crate::Meta::rate_limits)), for each model by itself, and refills them as
/// fast as the server says that they reset. After a 429 it waits for as long as the server asks,
/// at most 60 s. Before the first report only limits set by hand hold, none by default:
///
/// - [requests per minute](Self::with_requests_per_minute) and
///   [tokens per minute](Self::with_tokens_per_minute): at most so many in any 60 s.
/// - [concurrency](Self::with_concurrency): at most so many requests, streams included, at once.
///
/// The tokens of a request are estimated before it is sent: a quarter of the bytes of its messages
/// and tools, 1000 for an image, and its limit on the answer, or 500 without one. Afterwards the
/// limit set by hand is charged what the server counted, or, where it does not tell, what came; the
/// server keeps its own account. A request larger than a limit waits until all of it is free.
///
/// Requests go in the order in which they came, so a large one is not overtaken by small ones, and
/// one that waits for its model holds up the others: give each model a `Limit` if that matters.
/// Waiting is by tokio's clock, and has no limit of its own; use `tokio::time::timeout`. Dropping a future that waits gives
/// its place back and costs nothing. A stream counts as a request at once until it ends or is
/// dropped. Listing models is not held back.
///
/// Clones share their limits. Errors come back as they are; to send again after them, wrap this in
/// `Retry`, so that each attempt is counted.
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
    admission: Arc<Admission>,
}

impl<B: ChatBackend> Limit<B> {
    /// Wraps a backend; the limits are those that the server reports.
    pub fn new(backend: B) -> Self {
        Self { backend, admission: Arc::default() }
    }

    /// Sends at most so many requests in any 60 s; 0 counts as 1.
    #[must_use]
    pub fn with_requests_per_minute(self, requests: u64) -> Self {
        self.admission.state().requests = Some(Window::new(requests));
        self
    }

    /// Sends requests of at most so many tokens in any 60 s; 0 counts as 1.
    #[must_use]
    pub fn with_tokens_per_minute(self, tokens: u64) -> Self {
        self.admission.state().tokens = Some(Window::new(tokens));
        self
    }

    /// Has at most so many requests under way at once; 0 counts as 1.
    #[must_use]
    pub fn with_concurrency(self, requests: usize) -> Self {
        let permits = requests.clamp(1, Semaphore::MAX_PERMITS);
        self.admission.state().concurrency = Some(Arc::new(Semaphore::new(permits)));
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
        let mut ticket = self.admission.admit(&request).await;
        let result = self.backend.complete(request).await;
        match &result {
            Ok(completion) => ticket.completed(completion),
            Err(error) => ticket.failed(error),
        }
        result
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream> {
        let mut ticket = self.admission.admit(&request).await;
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
