//! What an HTTP exchange tells besides its body.

mod rate_limits;

use std::fmt;
use std::time::SystemTime;

pub use self::rate_limits::{RateLimits, Window};

/// Status and headers of an answer.
///
/// Backends that do not speak HTTP give none.
#[derive(Clone, Default, PartialEq)]
pub struct Meta {
    status: u16,
    #[cfg(feature = "http")]
    headers: http::HeaderMap,
    #[cfg(not(feature = "http"))]
    headers: Headers,
}

#[cfg(not(feature = "http"))]
type Headers = std::collections::BTreeMap<String, String>;

impl Meta {
    /// What an answer with this status and these headers tells; names in any case.
    ///
    /// A header that HTTP does not allow is left out.
    pub fn new<'h>(status: u16, headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let mut meta = Self { status, ..Self::default() };
        for (name, value) in headers {
            meta.add(name, value);
        }
        meta
    }

    #[cfg(feature = "http")]
    fn add(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse()) {
            self.headers.append(name, value);
        }
    }

    #[cfg(not(feature = "http"))]
    fn add(&mut self, name: &str, value: &str) {
        self.headers.entry(name.to_ascii_lowercase()).or_insert_with(|| value.to_owned());
    }

    #[cfg(feature = "http")]
    pub(crate) fn of(status: u16, headers: http::HeaderMap) -> Self {
        Self { status, headers }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of this name, in any case, unless it is not ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        #[cfg(feature = "http")]
        return self.headers.get(name)?.to_str().ok();
        #[cfg(not(feature = "http"))]
        return self.headers.get(&name.to_ascii_lowercase()).map(String::as_str);
    }

    /// All headers.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn headers(&self) -> &http::HeaderMap {
        &self.headers
    }

    /// The server's id for the exchange, to quote when asking for help.
    ///
    /// OpenAI and most others say `x-request-id`, Azure `apim-request-id`, Anthropic `request-id`.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        REQUEST_ID.iter().find_map(|name| self.header(name))
    }

    /// How much the server will still take, as its headers tell.
    ///
    /// Known are the names that OpenAI, Azure, Groq and most others give them, and those of
    /// Mistral, Anthropic, Cerebras and `DigitalOcean`. A time until which to wait counts from now.
    #[must_use]
    #[inline]
    pub fn rate_limits(&self) -> RateLimits {
        RateLimits::read(self, SystemTime::now())
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta")
            .field("status", &self.status)
            .field("request_id", &self.request_id())
            .finish_non_exhaustive()
    }
}

const REQUEST_ID: &[&str] = &["x-request-id", "apim-request-id", "request-id"];
