//! Builds a client; whatever can be wrong with its settings is found here.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Url, redirect};

use crate::client::{Client, Inner, Timeouts, tls};
use crate::error::{BoxError, Error, Result};
use crate::retry::RetryPolicy;

/// Settings of a [`Client`] to be.
///
/// ```
/// use std::time::Duration;
///
/// use openai_api::Client;
///
/// let client = Client::builder()
///     .base_url("http://127.0.0.1:8080/v1")
///     .key("sk-local")
///     .read_timeout(Duration::from_secs(60))
///     .build()
///     .unwrap();
/// assert_eq!(client.base_url(), "http://127.0.0.1:8080/v1");
/// assert!(!format!("{client:?}").contains("sk-local"));
///
/// let error = Client::builder().key("sk-from-a-file\n").build().unwrap_err();
/// assert!(error.to_string().starts_with("key: "));
/// ```
#[derive(Clone)]
pub struct ClientBuilder {
    key: Option<String>,
    base_url: String,
    organization: Option<String>,
    project: Option<String>,
    user_agent: String,
    timeouts: Timeouts,
    retry: RetryPolicy,
    http: Option<reqwest::Client>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            key: None,
            base_url: OPENAI.to_owned(),
            organization: None,
            project: None,
            user_agent: concat!("attune-openai-api/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                read: Duration::from_secs(600),
                idle: Duration::from_secs(120),
            },
            retry: RetryPolicy::default(),
            http: None,
        }
    }
}

impl ClientBuilder {
    /// Begins with what the environment says.
    ///
    /// `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OPENAI_ORG_ID` and `OPENAI_PROJECT_ID` are looked at;
    /// one that is unset or blank leaves the default. No other function of this crate reads them.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if one of them is not Unicode.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(|name| match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(Error::invalid(name, "is not Unicode")),
        })
    }

    fn from_variables(get: impl Fn(&'static str) -> Result<Option<String>>) -> Result<Self> {
        let get = |name| -> Result<Option<String>> {
            Ok(get(name)?.filter(|value| !value.trim().is_empty()))
        };
        let default = Self::default();
        Ok(Self {
            key: get("OPENAI_API_KEY")?,
            base_url: get("OPENAI_BASE_URL")?.unwrap_or(default.base_url),
            organization: get("OPENAI_ORG_ID")?,
            project: get("OPENAI_PROJECT_ID")?,
            ..Self::default()
        })
    }

    /// Sets the key; a server of one's own may need none, and a blank one counts as none.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into()).filter(|key| !key.trim().is_empty());
        self
    }

    /// Sets where the server is, the version included: `https://api.openai.com/v1` by default.
    ///
    /// Paths are appended to it, whether it ends in a slash or not; a query is kept.
    #[must_use]
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// Sets the organisation to bill (`OpenAI-Organization`).
    #[must_use]
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.organization = Some(organization.into());
        self
    }

    /// Sets the project to bill (`OpenAI-Project`).
    #[must_use]
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Sets what the client calls itself: `attune-openai-api/VERSION` by default.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Sets how long a connection may take: 10 s by default.
    ///
    /// A [client of one's own](Self::http_client) keeps its own limit.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.connect = limit;
        self
    }

    /// Sets how long the server may think before its answer begins: 600 s by default.
    ///
    /// Of a stream this is the wait for its first bytes. The time an upload takes does not count.
    #[must_use]
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.read = limit;
        self
    }

    /// Sets how long an answer that has begun may pause: 120 s by default.
    ///
    /// There is no limit on how long an answer takes as a whole.
    #[must_use]
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.idle = limit;
        self
    }

    /// Sets how often, and after which waits, a request is sent again.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets the HTTP client to use, for proxies, root certificates and the like.
    ///
    /// Its own policy says which redirects are followed; reqwest's default keeps the key to itself only
    /// if it is sent as `Authorization`.
    ///
    /// This crate turns on reqwest's `rustls-no-provider`: a client that speaks TLS needs
    /// [`tls_backend_preconfigured`](reqwest::ClientBuilder::tls_backend_preconfigured), one of
    /// reqwest's TLS features, or a provider installed for the process.
    #[must_use]
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// Builds the client; no connection is made.
    ///
    /// A server on this machine (`localhost`, `127.0.0.0/8`, `::1`) is spoken to directly. On the
    /// way to any other, the proxies count that reqwest finds in the environment (`HTTPS_PROXY`,
    /// `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`) and in the system's settings. With a [client of one's
    /// own](Self::http_client) that client's proxies count, for every server.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] names the setting that cannot be used: a key with a line break, a
    /// base URL that is none or whose scheme is not `http` or `https`, and the like.
    pub fn build(self) -> Result<Client> {
        let base = parse_base_url(&self.base_url)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, header("user agent", &self.user_agent)?);
        if let Some(key) = &self.key {
            let mut value = header("key", &format!("Bearer {key}"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(organization) = &self.organization {
            headers.insert(ORGANIZATION, header("organization", organization)?);
        }
        if let Some(project) = &self.project {
            headers.insert(PROJECT, header("project", project)?);
        }
        let http = match self.http {
            Some(http) => http,
            None => http_client(&base, self.timeouts.connect)?,
        };
        let key = self.key.map(Arc::from);
        let (timeouts, retry) = (self.timeouts, self.retry);
        let inner = Inner { http, base, headers, key, timeouts, retry };
        Ok(Client { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The base URL may carry credentials, and it is not parsed yet.
        f.debug_struct("ClientBuilder")
            .field("has_key", &self.key.is_some())
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

fn parse_base_url(text: &str) -> Result<Url> {
    let invalid = |problem: &str| {
        Error::invalid("base URL", format!("{problem}; write it like http://127.0.0.1:8080/v1"))
    };
    let mut url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("its scheme is neither http nor https"));
    }
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty();
    }
    Ok(url)
}

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

fn http_client(base: &Url, connect: Duration) -> Result<reqwest::Client> {
    let broken = |source: BoxError| Error::Backend { backend: "http", source };
    let tls = tls::config().map_err(|error| broken(error.into()))?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(connect)
        // Where a request may go on to is for its sender to say.
        .redirect(redirect::Policy::none());
    // To a proxy, this machine is another.
    let client = if is_loopback(base) { client.no_proxy() } else { client };
    client.build().map_err(|error| broken(error.into()))
}

/// Whether a URL is one of this machine's, by its name or address alone.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

const OPENAI: &str = "https://api.openai.com/v1";
const ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");
const PROJECT: HeaderName = HeaderName::from_static("openai-project");

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(builder: ClientBuilder, expected: &str) {
        let error = builder.build().unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}").contains("sk-"), "{error:?}");
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_when_building() {
        for key in ["sk-1\n", "sk-\r\n1", "\nsk-1"] {
            let problem = "key: has a line break in it; trim what was read from a file";
            refuses(Client::builder().key(key), problem);
        }
        for key in ["sk-\0", "sk-ключ", "sk-\u{7f}"] {
            let problem = "key: has a character in it that an HTTP header cannot carry";
            refuses(Client::builder().key(key), problem);
        }
    }

    #[test]
    fn other_settings_that_no_header_can_carry_are_refused_too() {
        let problem = "has a line break in it; trim what was read from a file";
        refuses(Client::builder().organization("o\n"), &format!("organization: {problem}"));
        refuses(Client::builder().project("p\n"), &format!("project: {problem}"));
        refuses(Client::builder().user_agent("u\n"), &format!("user agent: {problem}"));
    }

    #[test]
    fn a_base_url_that_cannot_be_used_is_refused_when_building() {
        let hint = "write it like http://127.0.0.1:8080/v1";
        for (base_url, problem) in [
            ("", "relative URL without a base"),
            ("/v1", "relative URL without a base"),
            ("api.openai.com/v1", "relative URL without a base"),
            ("http://", "empty host"),
            ("http://[::1", "invalid IPv6 address"),
            ("http://host:99999", "invalid port number"),
            ("localhost:8080", "its scheme is neither http nor https"),
            ("ftp://host/v1", "its scheme is neither http nor https"),
        ] {
            refuses(Client::builder().base_url(base_url), &format!("base URL: {problem}; {hint}"));
        }
    }

    #[test]
    fn this_machine_is_known_by_name_or_address() {
        for host in ["localhost", "LocalHost", "localhost.", "127.0.0.1", "127.8.9.1", "[::1]"] {
            for url in [format!("http://{host}"), format!("https://me@{host}:8080/v1?a=b")] {
                assert!(is_loopback(&parse_base_url(&url).unwrap()), "{url}");
            }
        }
        assert!(is_loopback(&parse_base_url("http://[::ffff:127.0.0.1]").unwrap()));
        for host in [
            "api.openai.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "128.0.0.1",
            "0.0.0.0",
            "192.168.0.1",
            "[::2]",
            "[fe80::1]",
        ] {
            let url = format!("http://{host}/localhost");
            assert!(!is_loopback(&parse_base_url(&url).unwrap()), "{url}");
        }
    }

    #[test]
    fn a_base_url_is_shown_without_credentials_and_query() {
        let client = Client::builder().base_url("http://me:sk-1@host/v1/?key=sk-2#x").build();
        let client = client.unwrap();
        assert_eq!(client.base_url(), "http://host/v1");
        assert!(!format!("{client:?}").contains("sk-"), "{client:?}");
    }

    #[test]
    fn neither_client_nor_builder_shows_the_key() {
        let builder = Client::builder().key("sk-1").base_url("http://me:sk-2@host");
        assert!(!format!("{builder:?}").contains("sk-"), "{builder:?}");
        let client = builder.build().unwrap();
        expect_test::expect![[r#"Client { base_url: "http://host/", has_key: true, timeouts: Timeouts { connect: 10s, read: 600s, idle: 120s }, .. }"#]]
            .assert_eq(&format!("{client:?}"));
    }

    #[test]
    fn the_environment_gives_key_base_url_organization_and_project() {
        let builder = ClientBuilder::from_variables(|name| Ok(Some(name.to_lowercase()))).unwrap();
        assert_eq!(builder.key.as_deref(), Some("openai_api_key"));
        assert_eq!(builder.base_url, "openai_base_url");
        assert_eq!(builder.organization.as_deref(), Some("openai_org_id"));
        assert_eq!(builder.project.as_deref(), Some("openai_project_id"));
    }

    #[test]
    fn blank_variables_leave_the_defaults() {
        let builder = ClientBuilder::from_variables(|_| Ok(Some(" ".into()))).unwrap();
        assert_eq!((builder.key, builder.base_url.as_str()), (None, OPENAI));
        let builder = ClientBuilder::from_variables(|_| Ok(None)).unwrap();
        assert_eq!((builder.organization, builder.project), (None, None));
    }

    proptest::proptest! {
        #[test]
        fn no_setting_makes_building_panic(key: String, base_url: String, other: String) {
            // Outcomes differ; what must not happen is a panic or an error that shows the key.
            let builder = Client::builder().key(&key).organization(&other);
            if let Err(error) = builder.build() && key.chars().count() > 16 {
                proptest::prop_assert!(!error.to_string().contains(&key));
            }
            let _ = parse_base_url(&base_url);
            let _ = parse_base_url(&format!("http://{base_url}"));
        }
    }
}
