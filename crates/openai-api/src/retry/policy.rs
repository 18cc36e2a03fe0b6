//! How often, and after which waits, a request is sent again.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::error::{Error, Result};
use crate::trace;

/// How often, and after which waits, a request is sent again when
/// [that can help](Error::is_retryable).
///
/// Between attempts it waits as long as the server asks (`retry-after-ms`, `Retry-After`), else for
/// a random time up to a bound that doubles with each attempt ([full jitter]).
///
/// What comes back in the end is the last error: as it is after one attempt, within
/// [`Error::Exhausted`] after several. An error that another attempt cannot mend always comes back
/// as it is. A server that asks to wait longer than [the longest wait](Self::with_longest_wait), or
/// past the deadline, is not waited for.
///
/// [full jitter]: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: u32,
    base: Duration,
    cap: Duration,
    longest_wait: Duration,
    deadline: Option<Duration>,
}

impl Default for RetryPolicy {
    /// At most 3 attempts, waits up to 0.5 s doubling to 8 s, at most 60 s if the server asks for
    /// it, no deadline.
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(8),
            longest_wait: Duration::from_secs(60),
            deadline: None,
        }
    }
}

impl RetryPolicy {
    /// Sends each request once.
    #[must_use]
    pub fn never() -> Self {
        Self::default().with_attempts(1)
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

    /// Sets how long to wait at most when the server asks to; if it asks for more, its error is
    /// returned at once.
    #[must_use]
    pub fn with_longest_wait(mut self, longest: Duration) -> Self {
        self.longest_wait = longest;
        self
    }

    /// Sets how long all attempts and waits together may take; of a stream, to its first item.
    ///
    /// An attempt still under way then is given up with [`Error::Timeout`]. A wait that would reach
    /// past it is not begun.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How often a request is sent at most.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Makes attempts until one goes well or another would be of no use.
    pub(crate) async fn run<A: Attempt>(&self, mut attempts: A) -> Result<A::Value> {
        let deadline =
            self.deadline.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        let mut made = 0;
        loop {
            // What an attempt gave is let go before the wait, so that no room is kept for it.
            let wait = {
                let result = match deadline {
                    None => attempts.attempt().await,
                    Some((at, limit)) => timeout_at(at, Box::pin(attempts.attempt()))
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
                    Some(wait) => {
                        trace::sends_again(made, wait, &error);
                        wait
                    }
                    None if made == 1 => return Err(error),
                    None => {
                        return Err(Error::Exhausted { attempts: made, source: Box::new(error) });
                    }
                }
            };
            sleep(wait).await;
        }
    }

    /// How long to wait before the next attempt, unless there should be none.
    fn wait_after(&self, made: u32, error: &Error, deadline: Option<Instant>) -> Option<Duration> {
        if made >= self.attempts {
            return None;
        }
        let wait = match error.retry_after() {
            Some(asked) if asked > self.longest_wait => return None,
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

/// What can be tried more than once.
pub(crate) trait Attempt {
    /// What comes of it when it goes well.
    type Value;

    /// Tries it once.
    fn attempt(&mut self) -> impl Future<Output = Result<Self::Value>> + Send;
}

impl<A, F, T> Attempt for A
where
    A: FnMut() -> F,
    F: Future<Output = Result<T>> + Send,
{
    type Value = T;

    fn attempt(&mut self) -> impl Future<Output = Result<T>> + Send {
        self()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ApiError;

    #[tokio::test(start_paused = true)]
    async fn back_off_stays_below_bounds_that_double_up_to_the_cap() {
        let policy = RetryPolicy::default().with_attempts(u32::MAX);
        let error = Error::from(ApiError::new(500, ""));
        let longest = |made| {
            let waits = (0..200).filter_map(|_| policy.wait_after(made, &error, None));
            waits.max().unwrap()
        };
        for (made, bound) in [(1, 500), (2, 1000), (3, 2000), (5, 8000), (40, 8000)] {
            let (longest, bound) = (longest(made), Duration::from_millis(bound));
            assert!(longest <= bound && longest > bound / 2, "{made}: {longest:?}");
        }
    }
}
