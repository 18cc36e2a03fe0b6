//! A wrapper that asks again when asking again can help.

mod policy;

use async_trait::async_trait;
use futures_util::StreamExt as _;

#[cfg(feature = "http")]
pub(crate) use self::policy::Attempt;
pub use self::policy::RetryPolicy;
use crate::backend::{ChatBackend, ChatStream};
use crate::chat::{ChatCompletion, ChatRequest};
use crate::error::Result;
use crate::model::Model;

/// A [`ChatBackend`] that sends a request again when [that can help](crate::Error::is_retryable).
///
/// `Client` does so by itself; this is for backends of one's own. How often, and after
/// which waits, the [`RetryPolicy`] says. A stream is sent again only until its first item has
/// arrived; from then on its errors are the caller's. Dropping the returned future gives up at
/// once.
///
/// ```
/// use std::time::Duration;
///
/// use openai_api::{Retry, RetryPolicy};
/// # fn wrap(backend: impl openai_api::ChatBackend) -> impl openai_api::ChatBackend {
///
/// let policy = RetryPolicy::default().with_attempts(5).with_deadline(Duration::from_secs(90));
/// Retry::new(backend).with_policy(policy)
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Retry<B> {
    backend: B,
    policy: RetryPolicy,
}

impl<B: ChatBackend> Retry<B> {
    /// Wraps a backend, with the default policy.
    pub fn new(backend: B) -> Self {
        Self { backend, policy: RetryPolicy::default() }
    }

    /// Sets how often, and after which waits, a request is sent again.
    #[must_use]
    pub fn with_policy(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// The backend within.
    pub fn get_ref(&self) -> &B {
        &self.backend
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<B: ChatBackend> ChatBackend for Retry<B> {
    async fn complete(&self, request: ChatRequest) -> Result<ChatCompletion> {
        self.policy.run(|| self.backend.complete(request.clone())).await
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream> {
        self.policy
            .run(|| async {
                let mut stream = self.backend.stream(request.clone()).await?;
                match stream.next().await {
                    // The stream has ended, and some must not be asked again after that.
                    None => Ok(futures_util::stream::empty().boxed()),
                    Some(first) => {
                        Ok(futures_util::stream::iter([Ok(first?)]).chain(stream).boxed())
                    }
                }
            })
            .await
    }

    async fn models(&self) -> Result<Vec<Model>> {
        self.policy.run(|| self.backend.models()).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::{ApiError, ChatChunk, Delta, Error, FinishReason, Message, MockChatBackend};

    /// A backend that answers `models` with these errors, then with an empty list.
    fn failing(errors: Vec<Error>) -> (MockChatBackend, Arc<Mutex<u32>>) {
        let calls = Arc::new(Mutex::new(0));
        let counter = Arc::clone(&calls);
        let errors = Mutex::new(errors.into_iter());
        let mut backend = MockChatBackend::new();
        backend.expect_models().returning(move || {
            *counter.lock().unwrap() += 1;
            errors.lock().unwrap().next().map_or(Ok(Vec::new()), Err)
        });
        (backend, calls)
    }

    fn status(status: u16) -> Error {
        ApiError::new(status, "").into()
    }

    fn asking_for(wait: Duration) -> Error {
        let mut error = ApiError::new(429, "");
        error.retry_after = Some(wait);
        error.into()
    }

    fn request() -> ChatRequest {
        ChatRequest::new("m", vec![Message::user("hi")])
    }

    #[tokio::test(start_paused = true)]
    async fn asks_again_until_it_goes_well() {
        let (backend, calls) = failing(vec![status(503), status(429)]);
        Retry::new(backend).models().await.unwrap();
        assert_eq!(*calls.lock().unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_after_the_attempts_with_the_last_error() {
        let (backend, calls) = failing(vec![status(503), status(503), status(500)]);
        let error = Retry::new(backend).models().await.unwrap_err();
        assert_eq!((*calls.lock().unwrap(), error.attempts()), (3, 3));
        assert_eq!(error.as_api().unwrap().status, 500);
        assert!(!error.is_retryable());
        assert_eq!(error.to_string(), "gave up after 3 attempts");
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_stays_is_returned_as_it_is() {
        let (backend, calls) = failing(vec![status(503), status(401)]);
        let error = Retry::new(backend).models().await.unwrap_err();
        assert!(matches!(error, Error::Api(error) if error.status == 401));
        assert_eq!(*calls.lock().unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_exactly_as_long_as_the_server_asks() {
        let (backend, _) = failing(vec![asking_for(Duration::from_secs(59))]);
        let start = Instant::now();
        Retry::new(backend).models().await.unwrap();
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_secs(59) && waited < Duration::from_secs(60),
            "{waited:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_a_day_is_not_waited_for() {
        let (backend, calls) = failing(vec![asking_for(Duration::from_secs(86_400))]);
        let start = Instant::now();
        let error = Retry::new(backend).models().await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(86_400)));
        assert_eq!((start.elapsed(), *calls.lock().unwrap()), (Duration::ZERO, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_past_the_deadline_is_not_begun() {
        let (backend, calls) = failing(vec![asking_for(Duration::from_secs(20))]);
        let start = Instant::now();
        let policy = RetryPolicy::default().with_deadline(Duration::from_secs(10));
        let retry = Retry::new(backend).with_policy(policy);
        assert_eq!(retry.models().await.unwrap_err().as_api().unwrap().status, 429);
        assert_eq!((start.elapsed(), *calls.lock().unwrap()), (Duration::ZERO, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_outlasts_the_deadline_is_given_up() {
        let mut backend = MockChatBackend::new();
        // async-trait's futures are boxed, so the mock hands out what never ends.
        backend.expect_stream().returning(|_| Ok(futures_util::stream::pending().boxed()));
        let limit = Duration::from_secs(5);
        let start = Instant::now();
        let policy = RetryPolicy::default().with_deadline(limit);
        let retry = Retry::new(backend).with_policy(policy);
        let error = retry.stream(request()).await.err().unwrap();
        assert!(matches!(error, Error::Timeout { what: "answer", .. }), "{error}");
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    fn text(text: &str) -> ChatChunk {
        ChatChunk::new("c", "m", Delta::text(text), None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_is_sent_again_until_its_first_item() {
        let mut streams = vec![
            vec![
                Ok(text("hello")),
                Ok(ChatChunk::new("c", "m", Delta::default(), Some(FinishReason::Stop))),
            ],
            vec![Err(Error::Truncated)],
            vec![Err(status(500))],
        ];
        let mut backend = MockChatBackend::new();
        backend
            .expect_stream()
            .times(3)
            .returning(move |_| Ok(futures_util::stream::iter(streams.pop().unwrap()).boxed()));
        let items: Vec<_> = Retry::new(backend).stream(request()).await.unwrap().collect().await;
        assert_eq!(
            items.iter().map(|item| item.as_ref().unwrap().text()).collect::<String>(),
            "hello"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_items_is_not_polled_past_its_end() {
        let mut backend = MockChatBackend::new();
        // `unfold` panics when it is polled again after its end.
        backend
            .expect_stream()
            .returning(|_| Ok(futures_util::stream::unfold((), |()| async { None }).boxed()));
        let mut stream = Retry::new(backend).stream(request()).await.unwrap();
        assert!(stream.next().await.is_none());
        assert!(stream.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_breaks_after_its_first_item_is_left_broken() {
        let mut backend = MockChatBackend::new();
        backend.expect_stream().times(1).returning(|_| {
            Ok(futures_util::stream::iter([Ok(text("hel")), Err(Error::Truncated)]).boxed())
        });
        let items: Vec<_> = Retry::new(backend).stream(request()).await.unwrap().collect().await;
        assert!(matches!(items.as_slice(), [Ok(_), Err(Error::Truncated)]));
    }
}
