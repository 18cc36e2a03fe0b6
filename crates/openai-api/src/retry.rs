//! A wrapper that asks again when asking again can help.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep, timeout_at};

use crate::backend::{ChatBackend, ChatStream};
use crate::chat::{ChatCompletion, ChatRequest};
use crate::error::{Error, Result};
use crate::model::Model;

/// A [`ChatBackend`] that sends a request again when [that can help](Error::is_retryable).
///
/// Between attempts it waits as long as the server asks (`Retry-After`), else for a random time up
/// to a bound that doubles with each attempt. A stream is sent again only until its first item has
/// arrived; from then on its errors are the caller's.
///
/// What comes back in the end is the last error: as it is after one attempt, within
/// [`Error::Exhausted`] after several. An error that another attempt cannot mend always comes back
/// as it is. A server that asks to wait longer than a minute, or past the deadline, is not waited
/// for. Dropping the returned future gives up at once.
///
/// ```
/// use std::time::Duration;
///
/// use openai_api::Retry;
/// # fn wrap(backend: impl openai_api::ChatBackend) -> impl openai_api::ChatBackend {
///
/// Retry::new(backend).with_attempts(5).with_deadline(Duration::from_secs(90))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Retry<B> {
    backend: B,
    attempts: u32,
    base: Duration,
    cap: Duration,
    deadline: Option<Duration>,
}

impl<B: ChatBackend> Retry<B> {
    /// Wraps a backend: at most 3 attempts, waits up to 0.5 s doubling to 8 s, no deadline.
    pub fn new(backend: B) -> Self {
        Self {
            backend,
            attempts: 3,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(8),
            deadline: None,
        }
    }

    /// Sets how often a request is sent at most, the first time included; 0 counts as 1.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets the bound of the wait after the first attempt; it doubles with each further one.
    #[must_use]
    pub fn with_base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets what the bound of a wait never exceeds; a wait that the server asks for may.
    #[must_use]
    pub fn with_cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Sets how long all attempts and waits together may take; of a stream, to its first item.
    ///
    /// An attempt still under way then is given up with [`Error::Timeout`].
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The backend within.
    pub fn get_ref(&self) -> &B {
        &self.backend
    }

    async fn run<T, F>(&self, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let deadline =
            self.deadline.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        let mut made = 0;
        loop {
            let result = match deadline {
                None => attempt().await,
                Some((at, limit)) => timeout_at(at, attempt())
                    .await
                    .unwrap_or(Err(Error::Timeout { what: "answer", limit })),
            };
            made += 1;
            let error = match result {
                Ok(value) => return Ok(value),
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => error,
            };
            match self.wait_after(made, &error, deadline.map(|(at, _)| at)) {
                Some(wait) => sleep(wait).await,
                None if made == 1 => return Err(error),
                None => return Err(Error::Exhausted { attempts: made, source: Box::new(error) }),
            }
        }
    }

    /// How long to wait before the next attempt, unless there should be none.
    fn wait_after(&self, made: u32, error: &Error, deadline: Option<Instant>) -> Option<Duration> {
        if made >= self.attempts {
            return None;
        }
        let wait = match error.retry_after() {
            Some(asked) if asked > LONGEST_RETRY_AFTER => return None,
            Some(asked) => asked,
            None => {
                let doubled =
                    self.base.saturating_mul(1_u32.checked_shl(made - 1).unwrap_or(u32::MAX));
                doubled.min(self.cap).mul_f64(fastrand::f64())
            }
        };
        let fits = deadline.is_none_or(|at| wait < at.saturating_duration_since(Instant::now()));
        fits.then_some(wait)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<B: ChatBackend> ChatBackend for Retry<B> {
    async fn complete(&self, request: ChatRequest) -> Result<ChatCompletion> {
        self.run(|| self.backend.complete(request.clone())).await
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream> {
        self.run(|| async {
            let mut stream = self.backend.stream(request.clone()).await?;
            match stream.next().await {
                // The stream has ended, and some must not be asked again after that.
                None => Ok(futures_util::stream::empty().boxed()),
                Some(first) => Ok(futures_util::stream::iter([Ok(first?)]).chain(stream).boxed()),
            }
        })
        .await
    }

    async fn models(&self) -> Result<Vec<Model>> {
        self.run(|| self.backend.models()).await
    }
}

/// A server that asks to wait longer than this is better asked by a person.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use super::*;
    use crate::{ApiError, ChatChunk, Delta, FinishReason, Message, MockChatBackend};

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
        let retry = Retry::new(backend).with_deadline(Duration::from_secs(10));
        assert_eq!(retry.models().await.unwrap_err().as_api().unwrap().status, 429);
        assert_eq!((start.elapsed(), *calls.lock().unwrap()), (Duration::ZERO, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn back_off_stays_below_bounds_that_double_up_to_the_cap() {
        let retry = Retry::new(MockChatBackend::new()).with_attempts(u32::MAX);
        let longest = |made| {
            let waits = (0..200).filter_map(|_| retry.wait_after(made, &status(500), None));
            waits.max().unwrap()
        };
        for (made, bound) in [(1, 500), (2, 1000), (3, 2000), (5, 8000), (40, 8000)] {
            let (longest, bound) = (longest(made), Duration::from_millis(bound));
            assert!(longest <= bound && longest > bound / 2, "{made}: {longest:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_outlasts_the_deadline_is_given_up() {
        let mut backend = MockChatBackend::new();
        // async-trait's futures are boxed, so the mock hands out what never ends.
        backend.expect_stream().returning(|_| Ok(futures_util::stream::pending().boxed()));
        let limit = Duration::from_secs(5);
        let start = Instant::now();
        let error = Retry::new(backend).with_deadline(limit).stream(request()).await.err().unwrap();
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
