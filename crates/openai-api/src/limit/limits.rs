//! Limits that whoever has a clone of them keeps together.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::admission::{Admission, Ticket};
use super::estimate::Demand;
use super::window::Window;

/// How many requests and tokens may go: the server's limits, and those set by hand.
///
/// A [`Client`](crate::Client) that [is given them](crate::ClientBuilder::limits) keeps them with
/// each attempt that it makes, and [`Limit`](crate::Limit) with each request to any other backend.
/// Clones share one account, so several of either can keep the limits of one key together.
///
/// What the server's limits are is learnt from what it reports with each answer and each error
/// ([`Meta::rate_limits`](crate::Meta::rate_limits)), for each model by itself, and they refill as
/// fast as the server says that they reset. After a 429 what goes to its model waits for as long as
/// the server asks, at most 60 s. Before the first report only limits set by hand hold, none by
/// default:
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
/// one that waits for its model holds up the others: give each model limits of its own if that
/// matters. Waiting is by tokio's clock, and ends with the deadline of a call, if that has one.
/// Dropping a future that waits gives its place back and costs nothing. A stream counts as a request
/// at once until it ends or is dropped.
///
/// ```
/// use openai_api::Limits;
///
/// let limits = Limits::new().with_tokens_per_minute(200_000).with_concurrency(16);
/// # #[cfg(feature = "http")]
/// # {
/// let client = openai_api::Client::builder().limits(limits.clone()).build()?;
/// # }
/// # Ok::<(), openai_api::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Limits {
    pub(super) admission: Arc<Admission>,
}

impl Limits {
    /// The limits that the server reports.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets at most so many requests go in any 60 s; 0 counts as 1.
    #[must_use]
    pub fn with_requests_per_minute(self, requests: u64) -> Self {
        self.admission.state().requests = Some(Window::new(requests));
        self
    }

    /// Lets requests of at most so many tokens go in any 60 s; 0 counts as 1.
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

    /// Waits until a request may go.
    pub(crate) async fn admit(&self, demand: Demand) -> Ticket {
        self.admission.admit(demand).await
    }
}
