//! Webhooks: whether a call came from the server, and what it tells.
//!
//! OpenAI signs its webhooks as [Standard Webhooks] says, with HMAC-SHA256.
//!
//! [Standard Webhooks]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

mod event;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{Context, HMAC_SHA256, Key, Tag};
use subtle::ConstantTimeEq as _;

pub use self::event::{WebhookData, WebhookEvent, WebhookEventKind};
use crate::error::Result;
use crate::json_fault::JsonFault;

/// Tells whether a call came from whoever knows the secret, lately and unchanged.
///
/// Hand it the headers and the body as they came: a body that was parsed and written again has
/// another signature. Whoever records a call can send it again, so its timestamp must lie within
/// [the tolerance](Self::with_tolerance); within that, and when the server sends a call again
/// because it got no answer, [`WebhookEvent::webhook_id`] stays the same: remember it, and do
/// nothing for one that is known.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use openai_api::{WebhookEventKind, WebhookVerifier};
///
/// let verifier = WebhookVerifier::new("whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=")?;
/// let body = br#"{"id":"evt_1","type":"fine_tuning.job.succeeded","data":{"id":"ftjob-1"}}"#;
/// let now = UNIX_EPOCH + Duration::from_secs(1_750_861_210);
/// let headers = [
///     ("webhook-id", "wh_1"),
///     ("webhook-timestamp", "1750861210"),
///     ("webhook-signature", &verifier.sign("wh_1", now, body)),
/// ];
/// // In a server: `verifier.verify(&headers, &body)`, with an `http::HeaderMap` as it is.
/// let event = verifier.verify_at(headers, body, now)?;
/// assert_eq!(event.kind, WebhookEventKind::FineTuningJobSucceeded);
/// assert_eq!(event.data.id, "ftjob-1");
/// # Ok::<(), openai_api::WebhookError>(())
/// ```
#[derive(Clone)]
pub struct WebhookVerifier {
    secrets: Vec<Key>,
    tolerance: Duration,
}

impl WebhookVerifier {
    /// Verifies with a secret as the server shows it: `whsec_` and base64.
    ///
    /// # Errors
    ///
    /// [`WebhookError::BadSecret`] if it is something else, or shorter than the 24 bytes that
    /// Standard Webhooks asks for.
    pub fn new(secret: &str) -> Result<Self, WebhookError> {
        Ok(Self { secrets: vec![key(secret)?], tolerance: DEFAULT_TOLERANCE })
    }

    /// Accepts a further secret, so that the server's can be changed without losing a call.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn with_secret(mut self, secret: &str) -> Result<Self, WebhookError> {
        self.secrets.push(key(secret)?);
        Ok(self)
    }

    /// Sets how far a call's timestamp may lie in the past and in the future; 300 s by default.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Verifies a call and reads its event.
    ///
    /// `headers` are pairs of name and value, such as those of `&http::HeaderMap` or of a map of
    /// strings; names count in any case, and of several by the same name the first.
    ///
    /// # Errors
    ///
    /// A [`WebhookError`] that says what does not hold. Answer it with status 400; nothing in the
    /// body is to be believed then.
    pub fn verify<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        headers: impl IntoIterator<Item = (N, V)>,
        body: &[u8],
    ) -> Result<WebhookEvent, WebhookError> {
        self.verify_at(headers, body, SystemTime::now())
    }

    /// Verifies a call as [`verify`](Self::verify) does, by a clock of the caller's.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify).
    pub fn verify_at<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        headers: impl IntoIterator<Item = (N, V)>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<WebhookEvent, WebhookError> {
        let [mut id, mut timestamp, mut signatures] = [None, None, None];
        for (name, value) in headers {
            let place = match name.as_ref() {
                name if name.eq_ignore_ascii_case(ID) => &mut id,
                name if name.eq_ignore_ascii_case(TIMESTAMP) => &mut timestamp,
                name if name.eq_ignore_ascii_case(SIGNATURE) => &mut signatures,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        let missing = |header| WebhookError::MissingHeader { header };
        let id = id.ok_or_else(|| missing(ID))?;
        let timestamp = timestamp.ok_or_else(|| missing(TIMESTAMP))?;
        let signatures = signatures.ok_or_else(|| missing(SIGNATURE))?;

        let (id, timestamp) = (id.as_ref(), timestamp.as_ref());
        self.check_time(timestamp, now)?;
        let expected = self.secrets.iter().map(|secret| tag(secret, id, timestamp, body));
        if !any_matches(signatures.as_ref(), &expected.collect::<Vec<_>>()) {
            return Err(WebhookError::NoMatch);
        }
        let event: WebhookEvent =
            serde_json::from_slice(body).map_err(|error| WebhookError::Body(error.into()))?;
        Ok(event.delivered_as(String::from_utf8_lossy(id).into_owned()))
    }

    /// Signs a call as a server does, for tests and for a server of one's own: the value of
    /// `webhook-signature`.
    ///
    /// Its `webhook-timestamp` is `at` in whole seconds since the Unix epoch. Of several secrets,
    /// the first signs.
    #[must_use]
    pub fn sign(&self, webhook_id: &str, at: SystemTime, body: &[u8]) -> String {
        let timestamp = seconds(at).to_string();
        let tags = self.secrets.iter().take(1);
        tags.map(|secret| tag(secret, webhook_id.as_bytes(), timestamp.as_bytes(), body))
            .map(|tag| format!("{VERSION}{}", STANDARD.encode(tag)))
            .collect()
    }

    fn check_time(&self, timestamp: &[u8], now: SystemTime) -> Result<(), WebhookError> {
        let sent: u64 = std::str::from_utf8(timestamp)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(WebhookError::BadTimestamp)?;
        let now = seconds(now);
        let by = Duration::from_secs(now.abs_diff(sent));
        match by > self.tolerance {
            false => Ok(()),
            true if sent < now => Err(WebhookError::TooOld { by }),
            true => Err(WebhookError::TooNew { by }),
        }
    }
}

impl fmt::Debug for WebhookVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookVerifier")
            .field("secrets", &self.secrets.len())
            .field("tolerance", &self.tolerance)
            .finish()
    }
}

/// Why a call is not to be believed.
///
/// It shows neither the secret, nor the signature, nor the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The secret cannot be one.
    #[error("the webhook secret is not `whsec_` and base64 of at least 24 bytes; copy it anew")]
    BadSecret,
    /// The call lacks a header.
    #[error("the call has no header `{header}`, so it is no signed webhook")]
    MissingHeader {
        /// Which one.
        header: &'static str,
    },
    /// The header `webhook-timestamp` is no number of seconds.
    #[error("the header `{TIMESTAMP}` is not in seconds since the Unix epoch")]
    BadTimestamp,
    /// The call was signed too long ago: it may be a recorded one.
    #[error("the call was signed {} s ago; it may be a recorded one", by.as_secs())]
    TooOld {
        /// How long ago, in whole seconds.
        by: Duration,
    },
    /// The call was signed too far in the future: one of the clocks is wrong.
    #[error("the call was signed {} s in the future; set the clock of this machine", by.as_secs())]
    TooNew {
        /// How far, in whole seconds.
        by: Duration,
    },
    /// No signature is by a secret that is known: the call came from elsewhere, or was changed.
    #[error("no signature matches; take the body as it came, and the secret of this endpoint")]
    NoMatch,
    /// The call is signed as it should be, but is no event.
    #[error("could not read the webhook's event")]
    Body(#[source] JsonFault),
}

fn key(secret: &str) -> Result<Key, WebhookError> {
    let encoded = secret.trim().strip_prefix("whsec_").ok_or(WebhookError::BadSecret)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| WebhookError::BadSecret)?;
    if bytes.len() < SHORTEST_SECRET {
        return Err(WebhookError::BadSecret);
    }
    Ok(Key::new(HMAC_SHA256, &bytes))
}

fn tag(secret: &Key, id: &[u8], timestamp: &[u8], body: &[u8]) -> Tag {
    let mut context = Context::with_key(secret);
    for piece in [id, b".", timestamp, b".", body] {
        context.update(piece);
    }
    context.sign()
}

/// Whether one of the signatures is one of those expected.
///
/// Each comparison takes as long whatever it compares, and the body was hashed once for each
/// secret however many signatures a stranger sends.
fn any_matches(signatures: &[u8], expected: &[Tag]) -> bool {
    let signatures = signatures
        .split(|byte| *byte == b' ')
        .filter_map(|signature| signature.strip_prefix(VERSION.as_bytes()))
        .filter_map(|signature| STANDARD.decode(signature).ok());
    signatures.fold(false, |found, signature| {
        expected.iter().fold(found, |found, tag| found | bool::from(tag.as_ref().ct_eq(&signature)))
    })
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
/// What stands before a symmetric signature; `v1a`, the asymmetric one, OpenAI does not send.
const VERSION: &str = "v1,";
const SHORTEST_SECRET: usize = 24;
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);
