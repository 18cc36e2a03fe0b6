//! One attempt after the other, until an answer has come.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, StatusCode, Url};
use tokio::time::timeout;

use crate::client::answer::Answer;
#[cfg(feature = "files")]
use crate::client::body::Disk;
use crate::client::key::Credentials;
use crate::client::outgoing::{Intake, Outgoing};
use crate::client::redirect::{self, Target};
use crate::client::tls;
use crate::error::{Error, Result};
use crate::retry::Attempt;
use crate::trace::Trace;

impl Outgoing {
    /// Sends the request and takes the answer in, again as often as it may help.
    ///
    /// One function for all kinds of answer, since a copy for each would take long to compile.
    pub(super) async fn run(mut self: Box<Self>, intake: Intake<'_>) -> Result<()> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        self.route()?;
        if let Some(unopened) = self.unopened.take() {
            // In a box, as all that is rare.
            self = Box::pin(self.opened(unopened)).await?;
        }
        let mut policy = self.inner.retry;
        if let Some(limit) = self.limit {
            policy = policy.with_deadline(limit);
        }
        if self.method == Method::POST && policy.attempts() > 1 {
            self.idempotency = Some(fastrand::u128(..));
        }
        let path = self.url.path();
        let path = path.strip_prefix(self.inner.base.path().trim_end_matches('/')).unwrap_or(path);
        let host = self.inner.base.host_str().unwrap_or_default();
        let trace = Trace::begin(self.method.as_str(), host, path);
        let attempts = Attempts { request: &self, intake, trace: &trace };
        trace.over(policy.run(attempts)).await
    }

    /// Sends the request once, when the limits allow it, and waits until the answer begins; an error
    /// status is an error.
    async fn send(&self, trace: &Trace) -> Result<Answer> {
        if self.inner.pace.is_limited() {
            return Box::pin(self.send_in_turn(trace)).await;
        }
        self.send_now(trace).await
    }

    async fn send_in_turn(&self, trace: &Trace) -> Result<Answer> {
        let pass = self.inner.pace.admit(self).await;
        let mut answer = self.send_now(trace).await.inspect_err(|error| pass.failed(error))?;
        pass.answered(&answer.meta);
        answer.pass = pass;
        Ok(answer)
    }

    /// Sends the request once and waits until the answer begins; an error status is an error.
    ///
    /// A key that the server refuses is asked for anew, once, which does not count as an attempt.
    async fn send_now(&self, trace: &Trace) -> Result<Answer> {
        trace.attempts();
        let own_key = self.shows_key.then_some(&self.headers);
        let credentials = self.inner.credentials(own_key).await?;
        let answer = self.follow(&credentials, trace).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        // In a box, as all that is rare, so that what is usual needs little memory.
        Box::pin(self.refused(answer, &credentials, trace)).await
    }

    /// What to make of an answer that is an error.
    async fn refused(&self, answer: Answer, shown: &Credentials, trace: &Trace) -> Result<Answer> {
        let refuses_key = answer.meta.status() == StatusCode::UNAUTHORIZED;
        let error = answer.refuse().await;
        if !refuses_key {
            return Err(error);
        }
        let credentials = match self.inner.fresh_credentials(shown).await {
            Ok(Some(credentials)) => credentials,
            Ok(None) => return Err(error),
            Err(failure) => return Err(no_other_key(error, failure)),
        };
        let answer = self.follow(&credentials, trace).await?;
        if answer.is_success() { Ok(answer) } else { Err(answer.refuse().await) }
    }

    /// Sends the request, and on to where redirects lead.
    async fn follow(&self, credentials: &Credentials, trace: &Trace) -> Result<Answer> {
        let answer = self.exchange(&self.url, Some(credentials), trace).await?;
        if answer.redirects_from().is_none() {
            return Ok(answer);
        }
        Box::pin(self.redirected(answer, credentials, trace)).await
    }

    /// Sends the request on to where an answer leads.
    async fn redirected(
        &self,
        mut answer: Answer,
        credentials: &Credentials,
        trace: &Trace,
    ) -> Result<Answer> {
        let mut was_foreign = false;
        for _ in 0..redirect::MOST {
            let Some(at) = answer.redirects_from() else { break };
            let target = redirect::next(&self.method, &self.url, at, &answer.meta);
            let Some(Target { url, is_foreign }) = target else { break };
            // Who sends the request back has chosen where to, and gets no key shown there.
            was_foreign |= is_foreign;
            answer = self.exchange(&url, (!was_foreign).then_some(credentials), trace).await?;
        }
        Ok(answer)
    }

    /// Sends the request to this place and waits until the answer begins, whatever it is.
    async fn exchange(
        &self,
        url: &Url,
        credentials: Option<&Credentials>,
        trace: &Trace,
    ) -> Result<Answer> {
        let inner = &self.inner;
        let mut sent = None;
        let exchange = inner.http.execute(self.request(url, credentials, &mut sent));
        let response = patiently(exchange, inner.timeouts.read, sent.as_deref()).await?;
        let failed = |error| sending_failed(error, url, inner.timeouts.connect);
        let secret = credentials.and_then(Credentials::secret);
        Ok(Answer::new(Arc::clone(inner), response.map_err(failed)?, secret, trace))
    }

    /// The request to this place; `sent` becomes what grows as its body goes out.
    ///
    /// Without credentials it goes without a body too, and nothing tells who asks.
    fn request(
        &self,
        url: &Url,
        credentials: Option<&Credentials>,
        sent: &mut Option<Arc<AtomicU64>>,
    ) -> Request {
        let mut request = Request::new(self.method.clone(), url.clone());
        let headers = request.headers_mut();
        let Some(credentials) = credentials else {
            let user_agent = self.inner.headers.get(USER_AGENT);
            headers.extend(user_agent.map(|it| (USER_AGENT, it.clone())));
            return request;
        };
        headers.clone_from(&self.inner.headers);
        if self.shows_key {
            // On Azure it has another header than the call's own may have.
            let name = self.inner.key.header_name(self.inner.is_azure);
            name.map(|name| headers.remove(name));
        }
        if let Some(content_type) = &self.content_type {
            headers.insert(CONTENT_TYPE, content_type.clone());
        }
        if let Some(bits) = self.idempotency {
            headers.insert(IDEMPOTENCY_KEY, idempotency_key(bits));
        }
        for (name, value) in self.headers.iter().chain(credentials.header()) {
            headers.insert(name, value.clone());
        }
        if let Some(body) = &self.body {
            *request.body_mut() = Some(body.open(sent));
        }
        request
    }
}

/// The error for a key that was refused, where asking for another failed.
fn no_other_key(refusal: Error, failure: Error) -> Error {
    let refusal = match refusal {
        Error::Api(refusal) => Some(refusal),
        _ => None,
    };
    let source = match failure {
        Error::Key { source, .. } => source,
        failure => failure.into(),
    };
    Error::Key { refusal, source }
}

/// A request under way.
struct Attempts<'a, 'i> {
    request: &'a Outgoing,
    intake: Intake<'i>,
    trace: &'a Trace,
}

impl Attempt for Attempts<'_, '_> {
    type Value = ();

    async fn attempt(&mut self) -> Result<()> {
        let mut answer = self.request.send(self.trace).await?;
        match &mut self.intake {
            Intake::Whole(read) => {
                let body = answer.bytes().await?;
                read(body, &answer)
            }
            Intake::Kept(kept) => {
                let body = answer.all_bytes().await?;
                **kept = Some((body, answer.meta));
                Ok(())
            }
            Intake::Begun(opening) => {
                opening.begin(answer);
                poll_fn(|cx| opening.poll_begun(cx)).await
            }
        }
    }
}

/// A key of 128 random bits.
fn idempotency_key(mut bits: u128) -> HeaderValue {
    let mut key = *b"attune-00000000000000000000000000000000";
    for digit in &mut key[7..] {
        *digit = b"0123456789abcdef"[(bits & 0xf) as usize];
        bits >>= 4;
    }
    HeaderValue::from_bytes(&key).unwrap_or_else(|_| HeaderValue::from_static("attune"))
}

/// Waits for the answer to begin; while the request still goes out, that does not count.
async fn patiently<T>(
    exchange: impl Future<Output = T>,
    limit: Duration,
    sent: Option<&AtomicU64>,
) -> Result<T> {
    let mut exchange = pin!(exchange);
    let mut seen = 0;
    loop {
        match timeout(limit, &mut exchange).await {
            Ok(response) => return Ok(response),
            Err(_) => match sent.map_or(0, |sent| sent.load(Ordering::Relaxed)) {
                now if now > seen => seen = now,
                _ => return Err(Error::Timeout { what: "response", limit }),
            },
        }
    }
}

/// A URL as it may be shown: without credentials, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only a URL without a host refuses these, and that has neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// Whether an error comes from a connection that ended in the middle of a body.
#[inline]
pub(super) fn is_cut_short(error: &Error) -> bool {
    causes(error).any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof)
    })
}

pub(super) fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn sending_failed(error: reqwest::Error, url: &Url, connect: Duration) -> Error {
    let error = error.without_url();
    if error.is_connect() && error.is_timeout() {
        return Error::Timeout { what: "connection", limit: connect };
    }
    if let Some(source) = tls::distrust(&error) {
        return Error::Certificate { url: shown(url), source: source.into() };
    }
    if error.is_connect() {
        return Error::Connect { url: shown(url), source: error.into() };
    }
    if error.is_builder() {
        return Error::invalid("request", error.to_string());
    }
    let error = Error::Transport { source: error.into() };
    #[cfg(feature = "files")]
    if let Some(error) = Disk::failure(&error) {
        return error;
    }
    error
}

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
