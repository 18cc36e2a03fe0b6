//! Who asks: a key, or something that gives keys.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use tokio::time::timeout;

use crate::client::{Inner, header};
use crate::error::{BoxError, Error, Result};

/// A secret that says who asks; neither `Debug` nor `Display` shows it.
///
/// ```
/// use openai_api::Key;
///
/// let key = Key::new("sk-secret");
/// assert_eq!(format!("{key} {key:?}"), "[key] Key([key])");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    secret: Arc<str>,
    is_token: bool,
}

impl Key {
    /// A key, such as `sk-…`: sent as `Authorization: Bearer`, to [Azure](crate::Azure) as
    /// `api-key`.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self { secret: key.into(), is_token: false }
    }

    /// A token, such as Microsoft Entra ID's: sent as `Authorization: Bearer` to every server.
    pub fn token(token: impl Into<Arc<str>>) -> Self {
        Self { secret: token.into(), is_token: true }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.secret.trim().is_empty()
    }

    /// The header that shows the key, in the manner of Azure or of all others.
    pub(super) fn header(&self, is_azure: bool) -> Result<(HeaderName, HeaderValue)> {
        let name = self.header_name(is_azure);
        let mut value = if name == API_KEY {
            header("key", &self.secret)?
        } else {
            header("key", &format!("Bearer {}", self.secret))?
        };
        value.set_sensitive(true);
        Ok((name, value))
    }

    fn header_name(&self, is_azure: bool) -> HeaderName {
        if is_azure && !self.is_token { API_KEY } else { AUTHORIZATION }
    }

    /// The key that headers show.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(AUTHORIZATION).or_else(|| headers.get(API_KEY))?.to_str().ok()?;
        let secret = ["Bearer ", "Basic "].iter().find_map(|scheme| value.strip_prefix(scheme));
        Some(Self::new(secret.unwrap_or(value)))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([key])")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

impl From<&str> for Key {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

impl From<&String> for Key {
    fn from(key: &String) -> Self {
        Self::new(key.as_str())
    }
}

impl From<String> for Key {
    fn from(key: String) -> Self {
        Self::new(key)
    }
}

/// Gives the key to ask with, where keys change: from a vault, or tokens that expire.
///
/// It is asked for each attempt, so it should keep its key as long as that is good. A closure that
/// gives a future of a [`Key`] is one. What it gives is sent, and struck out of what the server
/// echoes.
///
/// ```
/// use openai_api::testing::{Reply, ScriptedServer};
/// use openai_api::{BoxError, Client, Key};
/// use serde_json::json;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let server = ScriptedServer::start([Reply::json(200, json!({"data": []}))]).await?;
/// let client = Client::builder()
///     .base_url(server.url())
///     .key_provider(|| async { Ok::<_, BoxError>(Key::new("sk-of-today")) })
///     .build()?;
/// client.list_models().await?;
/// assert_eq!(server.requests()[0].header("authorization"), Some("Bearer sk-of-today"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait KeyProvider: Send + Sync + 'static {
    /// Gives the key for the next attempt.
    ///
    /// `refused` is the key that the server has just answered with status 401: one that is kept
    /// should be fetched anew then. If the same key is given again, the server's error is returned.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from giving a key; the call ends with [`Error::Key`], which has the
    /// server's refusal too where there was one.
    async fn key(&self, refused: Option<&Key>) -> Result<Key, BoxError>;
}

#[async_trait]
impl<F, K> KeyProvider for F
where
    F: Fn() -> K + Send + Sync + 'static,
    K: Future<Output = Result<Key, BoxError>> + Send,
{
    async fn key(&self, _refused: Option<&Key>) -> Result<Key, BoxError> {
        self().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: KeyProvider + ?Sized> KeyProvider for Arc<P> {
    async fn key(&self, refused: Option<&Key>) -> Result<Key, BoxError> {
        (**self).key(refused).await
    }
}

/// A box of a closure is a closure, so this is for a provider whose type is not known.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl KeyProvider for Box<dyn KeyProvider> {
    async fn key(&self, refused: Option<&Key>) -> Result<Key, BoxError> {
        (**self).key(refused).await
    }
}

/// Where the key comes from.
#[derive(Clone)]
pub(super) enum KeySource {
    None,
    /// The same for each request; it goes into the client's headers.
    Fixed(Key),
    /// Asked for each attempt.
    Provider(Arc<dyn KeyProvider>),
}

impl KeySource {
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The header that shows the key, where it is always the same.
    pub(super) fn header_name(&self, is_azure: bool) -> Option<HeaderName> {
        match self {
            Self::Fixed(key) => Some(key.header_name(is_azure)),
            Self::None | Self::Provider(_) => None,
        }
    }
}

/// What one attempt is made with.
#[derive(Default)]
pub(super) struct Credentials {
    key: Option<Key>,
    /// The header for a key that has been asked for.
    header: Option<(HeaderName, HeaderValue)>,
}

impl Credentials {
    /// The header for a key that has been asked for.
    pub(super) fn header(&self) -> Option<(&HeaderName, &HeaderValue)> {
        self.header.as_ref().map(|(name, value)| (name, value))
    }

    /// The secret, to strike it out of answers.
    pub(super) fn secret(&self) -> Option<Arc<str>> {
        self.key.as_ref().map(|key| Arc::clone(&key.secret))
    }
}

impl Inner {
    /// What the next attempt is made with; `own` are the call's headers, if a key is among them.
    pub(super) async fn credentials(&self, own: Option<&HeaderMap>) -> Result<Credentials> {
        let key = own.map_or_else(|| self.shown_key.clone(), Key::of);
        match &self.key {
            KeySource::Provider(provider) if key.is_none() => self.ask(&**provider, None).await,
            _ => Ok(Credentials { key, header: None }),
        }
    }

    /// What to try once more with, after the server refused these credentials.
    pub(super) async fn fresh_credentials(
        &self,
        refused: &Credentials,
    ) -> Result<Option<Credentials>> {
        let (KeySource::Provider(provider), Some(_), key) =
            (&self.key, &refused.header, &refused.key)
        else {
            return Ok(None);
        };
        let fresh = self.ask(&**provider, key.as_ref()).await?;
        Ok((fresh.key != *key).then_some(fresh))
    }

    async fn ask(&self, provider: &dyn KeyProvider, refused: Option<&Key>) -> Result<Credentials> {
        let limit = self.timeouts.read;
        let key = timeout(limit, provider.key(refused)).await;
        let key = key.map_err(|_| Error::Timeout { what: "key", limit })?;
        let key = key.map_err(|source| Error::Key { refusal: None, source })?;
        if key.is_blank() {
            return Err(Error::invalid("key", "is blank; look at what the provider gave"));
        }
        let header = key.header(self.is_azure)?;
        Ok(Credentials { key: Some(key), header: Some(header) })
    }
}

/// Whether a header with this name shows a key.
pub(super) fn shows_key(name: &HeaderName) -> bool {
    *name == AUTHORIZATION || *name == API_KEY
}

const API_KEY: HeaderName = HeaderName::from_static("api-key");
