//! What tracing is told: a span for each call and an event for each wait before the next attempt.
//!
//! Never the key, nor anything that is said in a message. `trace/off.rs` has the same names and does
//! nothing, for builds without the feature.

use std::time::Duration;

use crate::error::Error;

#[cfg(feature = "http")]
pub(crate) use self::call::Trace;

/// Tells that a request is sent again after a wait.
#[cfg(feature = "retry")]
pub(crate) fn sends_again(attempt: u32, wait: Duration, error: &Error) {
    tracing::warn!(
        target: TARGET,
        attempt,
        wait_ms = milliseconds(wait),
        reason = reason(error),
        status = error.as_api().map(|error| error.status),
        "sending again"
    );
}

/// The kind of an error, without its words, which may quote the request.
fn reason(error: &Error) -> &'static str {
    match error {
        Error::Api(_) => "status",
        Error::Connect { .. } => "connect",
        Error::Certificate { .. } => "certificate",
        Error::Timeout { .. } => "timeout",
        Error::Transport { .. } => "transport",
        Error::Truncated => "truncated",
        Error::TooLong { .. } => "too_long",
        Error::Decode { .. } => "decode",
        Error::InvalidRequest { .. } => "invalid_request",
        Error::Key { .. } => "key",
        Error::File { .. } => "file",
        Error::Exhausted { source, .. } => reason(source),
        _ => "other",
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const TARGET: &str = "openai_api";

#[cfg(feature = "http")]
mod call {
    use std::future::Future;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use futures_util::FutureExt as _;
    use tracing::field::Empty;
    use tracing::{Instrument as _, Span};

    use super::{TARGET, milliseconds, reason};
    use crate::error::{Error, Result};
    use crate::meta::Meta;
    use crate::spent::Spent;

    /// The span of a call, for as long as anything of its answer is still to come.
    #[derive(Clone)]
    pub(crate) struct Trace {
        /// `None` if nobody listens.
        listened: Option<Arc<Listened>>,
    }

    struct Listened {
        span: Span,
        began: Instant,
        attempts: AtomicU32,
    }

    impl Trace {
        pub(crate) fn begin(method: &str, host: &str, path: &str) -> Self {
            let span = tracing::info_span!(
                target: TARGET,
                "call",
                method,
                host,
                path,
                attempt = Empty,
                status = Empty,
                request_id = Empty,
                tokens_in = Empty,
                tokens_out = Empty,
                error = Empty,
                duration_ms = Empty,
            );
            let listened = (!span.is_disabled()).then(|| {
                let attempts = AtomicU32::new(0);
                Arc::new(Listened { span, began: Instant::now(), attempts })
            });
            Self { listened }
        }

        /// Puts what happens in a future into the span, and notes how it ends.
        pub(crate) fn over<T>(
            &self,
            call: impl Future<Output = Result<T>>,
        ) -> impl Future<Output = Result<T>> {
            let span = self.listened.as_ref().map_or_else(Span::none, |it| it.span.clone());
            call.instrument(span).inspect(|result| {
                if let Err(error) = result {
                    self.failed(error);
                }
            })
        }

        /// Notes what the call, or the stream that it gave, ends with.
        pub(crate) fn failed(&self, error: &Error) {
            if let Some(listened) = &self.listened {
                listened.span.record("error", reason(error));
            }
        }

        /// Notes that the request goes out once more.
        pub(crate) fn attempts(&self) {
            if let Some(listened) = &self.listened {
                let made = listened.attempts.fetch_add(1, Ordering::Relaxed) + 1;
                listened.span.record("attempt", made);
            }
        }

        /// Notes that an answer begins.
        pub(crate) fn answered(&self, meta: &Meta) {
            if let Some(Listened { span, .. }) = self.listened.as_deref() {
                span.record("status", meta.status());
                if let Some(id) = meta.request_id() {
                    span.record("request_id", id);
                }
            }
        }

        /// Notes the tokens that an answer, or an event of it, tells.
        pub(crate) fn read(&self, json: &[u8]) {
            let Some(Listened { span, .. }) = self.listened.as_deref() else { return };
            let Some(Spent { tokens_in, tokens_out }) = Spent::read(json) else { return };
            for (field, count) in [("tokens_in", tokens_in), ("tokens_out", tokens_out)] {
                if let Some(count) = count {
                    span.record(field, count);
                }
            }
        }
    }

    impl Drop for Listened {
        fn drop(&mut self) {
            self.span.record("duration_ms", milliseconds(self.began.elapsed()));
        }
    }
}
