//! The seam over HTTP.

mod address;
mod answer;
#[cfg(feature = "assistants")]
mod assistants;
mod azure;
#[cfg(feature = "batches")]
mod batches;
mod body;
mod builder;
mod call;
mod chat;
mod connection;
#[cfg(feature = "responses")]
mod conversations;
#[cfg(any(feature = "files", feature = "stored-chats"))]
mod deletion;
#[cfg(feature = "embeddings")]
mod embeddings;
mod environment;
mod error_body;
mod events;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "fine-tuning")]
mod fine_tuning;
#[cfg(feature = "files")]
mod form;
mod frames;
mod headers;
mod json;
mod key;
mod list;
mod models;
#[cfg(feature = "moderations")]
mod moderations;
mod outgoing;
#[cfg(feature = "limit")]
mod pace;
#[cfg(not(feature = "limit"))]
#[path = "client/pace/off.rs"]
mod pace;
mod redirect;
mod repeated;
#[cfg(feature = "responses")]
mod responses;
mod retry_hints;
#[cfg(feature = "assistants")]
mod runs;
mod secrets;
#[cfg(feature = "stored-chats")]
mod stored_chats;
#[cfg(test)]
mod tests;
#[cfg(feature = "assistants")]
mod threads;
mod tls;
mod transport;
#[cfg(feature = "files")]
mod unopened;
#[cfg(not(feature = "files"))]
#[path = "client/unopened/off.rs"]
mod unopened;
#[cfg(feature = "files")]
mod uploads;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};

pub use self::azure::Azure;
use self::azure::Deployments;
pub use self::builder::ClientBuilder;
pub use self::call::Call;
pub use self::events::{ByteStream, EventStream, StreamEvent};
#[cfg(feature = "files")]
pub use self::form::{Form, FormFile};
use self::key::KeySource;
pub use self::key::{Key, KeyProvider};
pub use self::list::{Entry, List};
#[cfg(feature = "responses")]
pub use self::responses::ResponseStream;
#[cfg(feature = "assistants")]
pub use self::runs::RunStream;
#[cfg(feature = "files")]
use self::uploads::UploadSizes;
use crate::error::{Error, Result};
use crate::retry::RetryPolicy;

/// Speaks OpenAI's protocol with a server, OpenAI's own or any that is compatible.
///
/// A client is a handle: cloning it is cheap, and clones share their connections. It connects when
/// it is first asked, never when it is built, and sends a request again when that can help, as its
/// [`RetryPolicy`] says. Dropping a returned future, or stream, frees its connection.
///
/// A redirect is followed where the request may go: as it is within the server, and to another host
/// only what fetches, without the key or anything else that tells who asks. Any other is an error that
/// names the place.
///
/// It needs a tokio runtime with time and I/O.
///
/// ```no_run
/// use openai_api::{ChatBackendExt as _, Client};
///
/// # async fn run() -> openai_api::Result<()> {
/// let client = Client::builder().base_url("http://127.0.0.1:8080/v1").build()?;
/// let answer = client.ask("attune-tiny", "What is a seam?").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

impl Client {
    /// Begins to build a client.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Builds a client from the environment; see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`](crate::Error::InvalidRequest) if a variable holds what cannot be
    /// used.
    pub fn from_env() -> Result<Self> {
        ClientBuilder::from_env()?.build()
    }

    /// The same client, which shares its connections, with another rule for sending again.
    #[must_use]
    #[inline]
    pub fn with_retry(&self, policy: RetryPolicy) -> Self {
        let inner = Inner { retry: policy, ..(*self.inner).clone() };
        Self { inner: Arc::new(inner) }
    }

    /// The same client, which shares its connections, and keeps these limits with each attempt.
    ///
    /// See [`ClientBuilder::limits`].
    #[cfg(feature = "limit")]
    #[must_use]
    pub fn with_limits(&self, limits: crate::Limits) -> Self {
        let inner = Inner { pace: limits.into(), ..(*self.inner).clone() };
        Self { inner: Arc::new(inner) }
    }

    /// Where the server is, without credentials and query.
    #[must_use]
    pub fn base_url(&self) -> String {
        transport::shown(&self.inner.base)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.base_url())
            .field("has_key", &!self.inner.key.is_none())
            .field("timeouts", &self.inner.timeouts)
            .finish_non_exhaustive()
    }
}

/// What the clones of a client share.
#[derive(Clone)]
struct Inner {
    http: reqwest::Client,
    /// The base URL; its path does not end in a slash.
    base: Url,
    /// Where chats are completed, since most calls go there.
    completions: Url,
    /// What goes with each request.
    headers: HeaderMap,
    /// The key that these headers show.
    shown_key: Option<Key>,
    key: KeySource,
    /// Whether the key is shown as Azure wants it.
    is_azure: bool,
    /// Whether the server is Mistral's own, which refuses fields that it does not know.
    is_mistral: bool,
    /// Azure's deployments, where their paths are of their own.
    deployments: Option<Arc<Deployments>>,
    timeouts: Timeouts,
    retry: RetryPolicy,
    pace: pace::Pace,
    #[cfg(feature = "files")]
    uploads: UploadSizes,
    /// How many bytes an answer may have that is held in memory as a whole.
    longest_answer: usize,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    connect: Duration,
    read: Duration,
    idle: Duration,
}

/// A value for a header; an error does not show it.
fn header(field: &'static str, value: &str) -> Result<HeaderValue> {
    let ascii = value.is_ascii().then(|| HeaderValue::from_str(value).ok()).flatten();
    ascii.ok_or_else(|| {
        let problem = if value.contains(['\r', '\n']) {
            "has a line break in it; trim what was read from a file"
        } else {
            "has a character in it that an HTTP header cannot carry"
        };
        Error::invalid(field, problem)
    })
}
