//! Asking the hub, and following it to where files lie.

use ureq::Body;
use ureq::http::{Response, Uri, header};

use crate::error::{Error, Result};
use crate::hub::fetch::Fetch;

impl Fetch<'_> {
    /// Asks for a URL, and follows it to where it leads.
    pub(super) fn get(&self, url: &str, from: Option<u64>) -> Result<Answer> {
        let mut url: Uri = url.parse().map_err(|error| self.failed(error))?;
        let home: Uri = self.hub.endpoint.parse().map_err(|error| self.failed(error))?;
        let mut first = None;
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.hub.agent.get(&url);
            if let (Some(token), true) = (&self.hub.token, is_same_place(&url, &home)) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            if let Some(from) = from {
                request = request.header(header::RANGE, format!("bytes={from}-"));
            }
            let response = request.call().map_err(|error| {
                let endpoint = &self.hub.endpoint;
                let problem = format!(
                    "cannot be fetched, as {endpoint} is not reached; is there a network? A model \
                     that is there already can be added by its path"
                );
                Error::Hub { model: self.name.to_owned(), problem, source: Some(error.into()) }
            })?;
            let status = response.status();
            if status.is_redirection() {
                let to = response.headers().get(header::LOCATION);
                let to = to.and_then(|to| to.to_str().ok()).and_then(|to| resolve(&url, to));
                let Some(to) = to else {
                    return Err(self.wrong(format!("is redirected by {url} to nowhere")));
                };
                first.get_or_insert_with(|| response.headers().clone());
                url = to;
                continue;
            }
            if !status.is_success() {
                return Err(self.refused(status.as_u16(), &url));
            }
            let first = first.unwrap_or_else(|| response.headers().clone());
            return Ok(Answer { first, last: response });
        }
        Err(self.wrong("is redirected again and again"))
    }

    fn refused(&self, status: u16, url: &Uri) -> Error {
        let revision = self.revision;
        self.wrong(match (status, &self.hub.token) {
            (401 | 403, None) => {
                "is not there, or is not for everybody: log in to the hub, accept \
                                  the model's terms there, and give your token"
                    .to_owned()
            }
            (401 | 403, Some(_)) => "is not for this token; accept the model's terms on the hub, \
                                     or give another"
                .to_owned(),
            (404, _) => format!("at {revision} is not on the hub; check the name and the revision"),
            (status, _) => format!("cannot be fetched: {url} answered {status}; try again later"),
        })
    }
}

/// What came of a request: the headers of the first response, which tells of the file, and the last
/// response, which holds it.
pub(super) struct Answer {
    first: header::HeaderMap,
    pub(super) last: Response<Body>,
}

impl Answer {
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.first.get(name)?.to_str().ok()
    }

    pub(super) fn last(&self, name: &str) -> Option<&str> {
        self.last.headers().get(name)?.to_str().ok()
    }
}

/// Whether two URLs lead to the same port of the same host, in the same way.
fn is_same_place(a: &Uri, b: &Uri) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && a.port_u16() == b.port_u16()
}

/// Where a redirection leads.
fn resolve(from: &Uri, to: &str) -> Option<Uri> {
    if to.starts_with('/') && !to.starts_with("//") {
        let mut parts = from.clone().into_parts();
        parts.path_and_query = Some(to.parse().ok()?);
        return Uri::from_parts(parts).ok();
    }
    to.parse().ok().filter(|to: &Uri| to.scheme().is_some())
}

const MOST_REDIRECTS: usize = 5;
