//! Builds a client; whatever can be wrong with its settings is found here.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use crate::client::address::{is_mistral, join, parse_base_url, take_login};
use crate::client::azure::Azure;
use crate::client::chat::COMPLETIONS;
use crate::client::connection::{ProxyChoice, Route};
use crate::client::headers::refuse_framing;
use crate::client::key::{Key, KeyProvider, KeySource};
use crate::client::pace::Pace;
#[cfg(feature = "files")]
use crate::client::uploads::UploadSizes;
use crate::client::{Client, Inner, Timeouts, header};
use crate::error::{Error, Result};
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
    key: KeySource,
    place: Place,
    organization: Option<String>,
    project: Option<String>,
    user_agent: String,
    headers: Vec<(String, String)>,
    timeouts: Timeouts,
    retry: RetryPolicy,
    pace: Pace,
    #[cfg(feature = "files")]
    uploads: UploadSizes,
    longest_answer: usize,
    route: Route,
    http: Option<reqwest::Client>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            key: KeySource::None,
            place: Place::Url(OPENAI.to_owned()),
            organization: None,
            project: None,
            user_agent: concat!("attune-openai-api/", env!("CARGO_PKG_VERSION")).to_owned(),
            headers: Vec::new(),
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                read: Duration::from_secs(600),
                idle: Duration::from_secs(120),
            },
            retry: RetryPolicy::default(),
            pace: Pace::default(),
            #[cfg(feature = "files")]
            uploads: UploadSizes::default(),
            longest_answer: 512 * 1024 * 1024,
            route: Route::default(),
            http: None,
        }
    }
}

impl ClientBuilder {
    /// Sets the key; a server of one's own may need none, and a blank one counts as none.
    #[must_use]
    pub fn key(mut self, key: impl Into<Key>) -> Self {
        let key = key.into();
        self.key = if key.is_blank() { KeySource::None } else { KeySource::Fixed(key) };
        self
    }

    /// Sets who gives the key, in place of a fixed one: a [`KeyProvider`], or a closure.
    ///
    /// It is asked for each attempt, for at most as long as [an answer may take to
    /// begin](Self::read_timeout). When the server answers 401 it is asked once more, and if it has
    /// another key then, the request is sent once more too; that is not counted as an attempt.
    #[must_use]
    pub fn key_provider(mut self, provider: impl KeyProvider) -> Self {
        self.key = KeySource::Provider(Arc::new(provider));
        self
    }

    /// Sets where the server is, the version included: `https://api.openai.com/v1` by default.
    ///
    /// Paths are appended to it, whether it ends in slashes or not; a query is kept. A user and a
    /// password in it are sent as `Authorization: Basic`, in the place of a [key](Self::key).
    #[must_use]
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.place = Place::Url(base_url.into());
        self
    }

    /// Sets that the server is Azure OpenAI, in place of a base URL.
    ///
    /// A [key](Key::new) is then sent as `api-key`, a [token](Key::token) of Microsoft Entra ID as
    /// `Authorization: Bearer`; of both a [provider](Self::key_provider) may give fresh ones.
    #[must_use]
    pub fn azure(mut self, azure: Azure) -> Self {
        self.place = Place::Azure(azure);
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

    /// Sets up to which size a file is uploaded as a whole: 512 000 000 bytes by default, which is as
    /// much as OpenAI takes.
    ///
    /// What is larger goes up [in parts](Client::upload_file).
    #[cfg(feature = "files")]
    #[must_use]
    pub fn whole_upload_limit(mut self, bytes: u64) -> Self {
        self.uploads.whole = bytes;
        self
    }

    /// Sets how large the parts of an upload are: 64 MiB by default, which is as much as OpenAI takes.
    #[cfg(feature = "files")]
    #[must_use]
    pub fn upload_part_size(mut self, bytes: u64) -> Self {
        self.uploads.part = bytes;
        self
    }

    /// Sets how long an answer may be that is held in memory as a whole: 512 MiB by default.
    ///
    /// A longer one ends in [`Error::TooLong`]. The limit is that of an answer in JSON, also where a
    /// stream was asked for, and of a line of a batch's answers. A file's content and
    /// [`Call::bytes`](crate::Call::bytes) have none.
    #[must_use]
    pub fn longest_answer(mut self, bytes: usize) -> Self {
        self.longest_answer = bytes;
        self
    }

    /// Sets how often, and after which waits, a request is sent again.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Holds back what a model answers until these [limits](crate::Limits) allow it: whatever has a
    /// body in JSON that names a model.
    ///
    /// Each attempt is counted and waits for its turn, and what the server says to each is learnt
    /// from. The deadline of a call, or of its [policy](Self::retry), ends its waiting too.
    ///
    /// ```
    /// use openai_api::{Client, Limits};
    ///
    /// let limits = Limits::new().with_requests_per_minute(60);
    /// let client = Client::builder().limits(limits).build()?;
    /// # Ok::<(), openai_api::Error>(())
    /// ```
    #[cfg(feature = "limit")]
    #[must_use]
    pub fn limits(mut self, limits: crate::Limits) -> Self {
        self.pace = limits.into();
        self
    }

    /// Adds a header to each request, or replaces one of the client's.
    ///
    /// What a [call](crate::Call::header) adds goes before it. What frames a request, such as
    /// `content-length`, is refused. Its value is not shown in `Debug`, but
    /// nor is it struck out of what a server echoes, as a [key](Self::key) is.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the proxy to go through, such as `http://user:password@proxy:3128`.
    ///
    /// It goes before those that the environment and the system name, and counts for every server,
    /// one on this machine too. SOCKS takes a [client of one's own](Self::http_client).
    #[must_use]
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.route.proxy = ProxyChoice::Url(url.into());
        self
    }

    /// Goes through no proxy, whatever the environment and the system say.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.route.proxy = ProxyChoice::None;
        self
    }

    /// Trusts this certificate besides those that the operating system trusts.
    ///
    /// It is that of an authority, or one that a server has signed itself: in PEM, where several may
    /// follow each other, or in DER. May be called more than once.
    #[must_use]
    pub fn root_certificate(mut self, certificate: impl Into<Vec<u8>>) -> Self {
        self.route.roots.push(certificate.into());
        self
    }

    /// Sets the HTTP client to use, for what cannot be set here: SOCKS, client certificates.
    ///
    /// Its own policy says which redirects are followed; reqwest's default keeps the key to itself only
    /// if it is sent as `Authorization`.
    ///
    /// This crate turns on reqwest's `rustls-no-provider`, which a program shares that depends on
    /// reqwest too. With one of reqwest's TLS features, as by default, nothing changes for it; without
    /// any, a `reqwest::Client` of its own panics when it is built, unless it is given
    /// [`tls_backend_preconfigured`](reqwest::ClientBuilder::tls_backend_preconfigured), or a provider
    /// is installed for the process.
    #[must_use]
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// Builds the client; no connection is made.
    ///
    /// A server on this machine (`localhost`, `127.0.0.0/8`, `::1`) is spoken to directly. On the
    /// way to any other, the proxies count that reqwest finds in the environment (`HTTPS_PROXY`,
    /// `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`) and in the system's settings; a [proxy](Self::proxy) that
    /// is set goes before both. With a [client of one's own](Self::http_client) that client's proxies
    /// count, for every server.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] names the setting that cannot be used: a key with a line break, a
    /// base URL that is none or whose scheme is not `http` or `https`, and the like.
    pub fn build(self) -> Result<Client> {
        let (mut base, deployments, is_azure) = match &self.place {
            Place::Url(url) => (parse_base_url(url)?, None, false),
            Place::Azure(azure) => (azure.base_url()?, azure.deployments()?, true),
        };
        #[cfg(feature = "files")]
        if self.uploads.part == 0 {
            return Err(Error::invalid("upload part size", "must be at least one byte"));
        }
        // Room for what a call and the transport add, which clones keep.
        let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, header("user agent", &self.user_agent)?);
        if let KeySource::Fixed(key) = &self.key {
            let (name, value) = key.header(is_azure)?;
            headers.insert(name, value);
        }
        if let Some(login) = take_login(&mut base) {
            if headers.contains_key(AUTHORIZATION) || matches!(self.key, KeySource::Provider(_)) {
                let problem = "names a user, and there is a key: only one of them can be sent; \
                               leave one out";
                return Err(Error::invalid("base URL", problem));
            }
            headers.insert(AUTHORIZATION, login);
        }
        if let Some(organization) = &self.organization {
            headers.insert(ORGANIZATION, header("organization", organization)?);
        }
        if let Some(project) = &self.project {
            headers.insert(PROJECT, header("project", project)?);
        }
        for (name, value) in &self.headers {
            let name = name.parse::<HeaderName>();
            let name = name.map_err(|_| Error::invalid("header", "its name cannot be one"))?;
            refuse_framing(&name)?;
            let mut value = header("header", value)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let http = match self.http {
            Some(http) => {
                self.route.check_unused()?;
                http
            }
            None => self.route.http_client(&base, self.timeouts.connect)?,
        };
        let completions = join(&base, COMPLETIONS)?;
        let inner = Inner {
            http,
            is_mistral: base.host_str().is_some_and(is_mistral),
            base,
            completions,
            shown_key: Key::of(&headers),
            headers,
            key: self.key,
            is_azure,
            deployments: deployments.map(Arc::new),
            timeouts: self.timeouts,
            retry: self.retry,
            pace: self.pace,
            #[cfg(feature = "files")]
            uploads: self.uploads,
            longest_answer: self.longest_answer,
        };
        Ok(Client { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The base URL may carry credentials, and it is not parsed yet.
        f.debug_struct("ClientBuilder")
            .field("has_key", &!self.key.is_none())
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// Where the server is.
#[derive(Clone)]
enum Place {
    Url(String),
    Azure(Azure),
}

const OPENAI: &str = "https://api.openai.com/v1";
const USUAL_HEADERS: usize = 12;
const ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");
const PROJECT: HeaderName = HeaderName::from_static("openai-project");
