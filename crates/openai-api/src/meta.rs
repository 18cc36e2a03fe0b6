//! What an HTTP exchange tells besides its body.

use std::fmt;
use std::time::Duration;

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
    #[must_use]
    pub fn rate_limits(&self) -> RateLimits {
        RateLimits {
            requests: Window::read(self, "requests"),
            tokens: Window::read(self, "tokens"),
        }
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

/// How much a server will still take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// Of requests.
    pub requests: Window,
    /// Of tokens.
    pub tokens: Window,
}

/// One of a server's limits; `None` is what it does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// How many it takes in a window, mostly a minute long.
    pub limit: Option<u64>,
    /// How many are left of them.
    pub remaining: Option<u64>,
    /// After which time all are free again.
    pub reset: Option<Duration>,
}

impl Window {
    fn read(meta: &Meta, of: &str) -> Self {
        let header = |what: &str| meta.header(&format!("x-ratelimit-{what}-{of}"));
        Self {
            limit: header("limit").and_then(|text| text.trim().parse().ok()),
            remaining: header("remaining").and_then(|text| text.trim().parse().ok()),
            reset: header("reset").and_then(duration),
        }
    }
}

/// Reads a duration as OpenAI writes it, such as `6m0s`, `1.5s` or `120ms`; a bare number counts
/// as seconds.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut whole = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let seconds = match unit.trim() {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" | "" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let piece = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        whole = whole.checked_add(piece)?;
        rest = after;
    }
    Some(whole)
}

const REQUEST_ID: &[&str] = &["x-request-id", "apim-request-id", "request-id"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_limits_are_read_from_the_headers() {
        let meta = Meta::new(
            200,
            [
                ("X-RateLimit-Limit-Requests", "60"),
                ("x-ratelimit-limit-tokens", "150000"),
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-reset-tokens", "6m0s"),
                ("x-request-id", "req_1"),
            ],
        );
        let RateLimits { requests, tokens } = meta.rate_limits();
        assert_eq!((requests.limit, requests.remaining), (Some(60), Some(59)));
        assert_eq!(requests.reset, Some(Duration::from_secs(1)));
        assert_eq!((tokens.limit, tokens.remaining), (Some(150_000), None));
        assert_eq!(tokens.reset, Some(Duration::from_secs(360)));
        assert_eq!(meta.request_id(), Some("req_1"));
        assert_eq!(Meta::new(200, []).rate_limits(), RateLimits::default());
    }

    #[test]
    fn durations_are_read_as_servers_write_them() {
        for (text, milliseconds) in [
            ("1s", 1000),
            ("6m0s", 360_000),
            ("120ms", 120),
            ("1.5s", 1500),
            ("2h3m4s", 7_384_000),
            ("7", 7000),
            ("7.66s", 7660),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "soon", "-1s", "1x", "s", "1e400", "1..2s", "9999999999999999999999d"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_reading_it_panic(name: String, value: String, text in "[0-9.dhmsn µ]{0,9}") {
            let _ = Meta::new(200, [(name.as_str(), value.as_str())]).rate_limits();
            let _ = duration(&value);
            let _ = duration(&text);
        }
    }
}
