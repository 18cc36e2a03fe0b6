//! Where a redirect leads, and whether to go there.

use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode, Url};

use crate::client::transport::shown;
use crate::meta::Meta;

/// Where to ask next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: Url,
    /// Whether it is another's place, to which nothing goes that tells who asks.
    pub(super) is_foreign: bool,
}

/// Where an answer sends a request on to, if the request may go there.
///
/// A request with a body goes on only as it is and only to the same origin: not without its body, as
/// 301, 302 and 303 have it in practice, and not to a place that the caller has not named. What only
/// fetches goes further, but never from https to http, nor to the same host by another scheme or port,
/// which would answer that there is no key.
pub(super) fn next(method: &Method, asked: &Url, at: &Url, meta: &Meta) -> Option<Target> {
    let url = at.join(meta.header(LOCATION.as_str())?).ok()?;
    let fetches = matches!(*method, Method::GET | Method::HEAD);
    let goes_on = match StatusCode::from_u16(meta.status()).ok()? {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => fetches,
        _ => false,
    };
    let is_foreign = url.origin() != asked.origin();
    let is_safe = match (url.scheme(), at.scheme()) {
        ("https", _) | ("http", "http") => url.host() != asked.host(),
        _ => false,
    };
    let may = goes_on && (!is_foreign || (fetches && is_safe));
    may.then_some(Target { url, is_foreign })
}

/// What to tell of a redirect that is not followed.
pub(super) fn refusal(at: &Url, meta: &Meta) -> Option<String> {
    if !(300..400).contains(&meta.status()) {
        return None;
    }
    let url = at.join(meta.header(LOCATION.as_str())?).ok()?;
    Some(format!("the server redirects to {}; change the base URL to match", shown(&url)))
}

/// How often a request is sent on.
pub(super) const MOST: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, status: u16, location: &str, expected: Option<(&str, bool)>) {
        let at: Url = "http://h:1/v1/models?a=b".parse().unwrap();
        let target = next(&method, &at, &at, &Meta::new(status, [("location", location)]));
        let target = target.map(|target| (target.url.to_string(), target.is_foreign));
        let expected = expected.map(|(url, is_foreign)| (url.to_owned(), is_foreign));
        assert_eq!(target, expected, "{method} {status} {location}");
    }

    #[test]
    fn what_only_fetches_goes_anywhere_that_is_safe() {
        for status in [301, 302, 303, 307, 308] {
            check(Method::GET, status, "models/", Some(("http://h:1/v1/models/", false)));
            check(Method::GET, status, "/v2/models?c", Some(("http://h:1/v2/models?c", false)));
            check(Method::GET, status, "https://blobs/x", Some(("https://blobs/x", true)));
            check(Method::GET, status, "http://blobs/x", Some(("http://blobs/x", true)));
            check(Method::GET, status, "https://h/v1/models", None);
            check(Method::GET, status, "http://h:2/v1/models", None);
            check(Method::GET, status, "file:///etc/passwd", None);
            check(Method::GET, status, "http://", None);
        }
        for status in [200, 300, 304, 400] {
            check(Method::GET, status, "/v2/models", None);
        }
    }

    #[test]
    fn a_body_goes_on_as_it_is_and_to_the_same_origin() {
        for status in [307, 308] {
            check(Method::POST, status, "/v2/x", Some(("http://h:1/v2/x", false)));
            check(Method::POST, status, "http://other/v1/x", None);
        }
        for status in [301, 302, 303] {
            check(Method::POST, status, "/v2/x", None);
            check(Method::DELETE, status, "/v2/x", None);
        }
    }

    #[test]
    fn https_is_not_given_up_on_the_way() {
        let asked: Url = "https://h/v1/files/f/content".parse().unwrap();
        let to = |location| {
            next(&Method::GET, &asked, &asked, &Meta::new(302, [("location", location)]))
        };
        assert_eq!(to("http://blobs/x"), None);
        assert!(to("https://blobs/x").is_some_and(|target| target.is_foreign));
    }

    #[test]
    fn a_redirect_that_is_not_followed_tells_where_it_leads() {
        let at: Url = "http://h/v1/x".parse().unwrap();
        let told = |status, location| refusal(&at, &Meta::new(status, [("location", location)]));
        let expected = "the server redirects to https://h/v1/x; change the base URL to match";
        assert_eq!(told(301, "https://me:secret@h/v1/x?key=secret").as_deref(), Some(expected));
        assert_eq!(told(201, "/v1/x"), None);
        assert_eq!(told(301, "http://"), None);
    }
}
