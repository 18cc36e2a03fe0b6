//! URLs: where the server is, and places below that.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::error::{Error, Result};

/// Reads the base URL.
pub(super) fn parse_base_url(text: &str) -> Result<Url> {
    parse_url("base URL", text, "write it like http://127.0.0.1:8080/v1")
}

/// Reads a URL to append paths to; its path does not end in a slash.
pub(super) fn parse_url(field: &'static str, text: &str, hint: &str) -> Result<Url> {
    let invalid = |problem: &str| Error::invalid(field, format!("{problem}; {hint}"));
    let mut url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("its scheme is neither http nor https"));
    }
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Whether a host is Mistral's, who asks for some things in words of its own.
pub(super) fn is_mistral(host: &str) -> bool {
    host == "mistral.ai" || host.ends_with(".mistral.ai")
}

/// Takes user and password out of a URL: what is sent in their place.
pub(super) fn take_login(url: &mut Url) -> Option<HeaderValue> {
    let (user, password) = (url.username(), url.password());
    if user.is_empty() && password.is_none() {
        return None;
    }
    let mut login: Vec<u8> = percent_decode_str(user).collect();
    login.push(b':');
    login.extend(percent_decode_str(password.unwrap_or_default()));
    let text = format!("Basic {}", BASE64_STANDARD.encode(login));
    // Only a URL without a host refuses these, and that has neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The place below a base URL with these pieces, each escaped into one segment.
pub(super) fn join(base: &Url, path: &[&str]) -> Result<Url> {
    let mut url = base.clone();
    let mut segments =
        url.path_segments_mut().map_err(|()| Error::invalid("base URL", "has no path"))?;
    for piece in path {
        // URLs give the dots a meaning that escaping does not take away.
        if matches!(*piece, "" | "." | "..") {
            return Err(Error::invalid("id", format!("`{piece}` is no id")));
        }
        segments.push(piece);
    }
    drop(segments);
    Ok(url)
}

/// The place below a base URL with a path of the caller's own, as it is, which may have a query.
///
/// What is escaped stays so, and so does a slash at the end; only what no URL can carry is escaped.
pub(super) fn append(base: &Url, path: &str) -> Result<Url> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    // Reading a URL leaves out line breaks and tabs, which could hide such a segment.
    if path.contains(|c: char| c.is_ascii_control()) {
        return Err(Error::invalid("path", "has a line break or the like in it"));
    }
    if let Some(dots) = path.split(['/', '\\']).find(|segment| is_dots(segment)) {
        return Err(Error::invalid("path", format!("`{dots}` would lead out of the base URL")));
    }
    let mut url = base.clone();
    let path = path.strip_prefix('/').unwrap_or(path);
    if !path.is_empty() {
        url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    }
    if !query.is_empty() {
        let query = match url.query() {
            Some(first) => format!("{first}&{query}"),
            None => query.to_owned(),
        };
        url.set_query(Some(&query));
    }
    Ok(url)
}

/// Whether a URL gives a segment the meaning of `.` or `..`, which it does when they are escaped
/// too.
fn is_dots(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, path: &[&str], expected: &str) {
        let base = parse_base_url(base).unwrap();
        assert_eq!(join(&base, path).unwrap().as_str(), expected);
    }

    #[test]
    fn paths_are_appended_to_any_form_of_base_url() {
        let models = &["models"];
        check("https://api.openai.com/v1", models, "https://api.openai.com/v1/models");
        check("https://api.openai.com/v1/", models, "https://api.openai.com/v1/models");
        check("https://api.openai.com/v1//", models, "https://api.openai.com/v1/models");
        check("http://localhost:8080", models, "http://localhost:8080/models");
        check("http://localhost:8080/", models, "http://localhost:8080/models");
        check("http://localhost:8080///", models, "http://localhost:8080/models");
        check("http://h/a/b/v1/", &["chat", "completions"], "http://h/a/b/v1/chat/completions");
        check("http://[::1]:1/v1", models, "http://[::1]:1/v1/models");
        check("http://h/v1?api-version=2", models, "http://h/v1/models?api-version=2");
        check("http://h/a%2Fb//?x=1", models, "http://h/a%2Fb/models?x=1");
        check(" http://h/v1#top ", models, "http://h/v1/models");
    }

    #[test]
    fn ids_are_escaped_into_one_segment() {
        check("http://h", &["models", "ft:tiny:lake:1"], "http://h/models/ft:tiny:lake:1");
        check("http://h", &["models", "meta/llama 3"], "http://h/models/meta%2Fllama%203");
        check("http://h", &["files", "../x?y#z"], "http://h/files/..%2Fx%3Fy%23z");
        check("http://h", &["files", "%2e%2e"], "http://h/files/%252e%252e");
        check("http://h", &["files", "ф"], "http://h/files/%D1%84");
    }

    #[test]
    fn an_id_that_would_change_the_path_is_refused() {
        let base = parse_base_url("http://h/v1").unwrap();
        for id in ["", ".", ".."] {
            let error = join(&base, &["files", id]).unwrap_err();
            assert_eq!(error.to_string(), format!("id: `{id}` is no id"));
        }
    }

    #[test]
    fn a_path_of_ones_own_is_taken_as_it_is() {
        let base = parse_base_url("http://h/v1?a=b").unwrap();
        for (path, expected) in [
            ("rerank", "http://h/v1/rerank?a=b"),
            ("/x/y%20z?c=d&e", "http://h/v1/x/y%20z?a=b&c=d&e"),
            ("models/meta%2Fllama", "http://h/v1/models/meta%2Fllama?a=b"),
            ("models/meta llama ф", "http://h/v1/models/meta%20llama%20%D1%84?a=b"),
            ("collections/", "http://h/v1/collections/?a=b"),
            ("a//b", "http://h/v1/a//b?a=b"),
            ("http://elsewhere/x", "http://h/v1/http://elsewhere/x?a=b"),
            ("//elsewhere/x", "http://h/v1//elsewhere/x?a=b"),
            ("a/...", "http://h/v1/a/...?a=b"),
            ("a#b?c=#d", "http://h/v1/a%23b?a=b&c=%23d"),
            ("", "http://h/v1?a=b"),
            ("/", "http://h/v1?a=b"),
        ] {
            assert_eq!(append(&base, path).unwrap().as_str(), expected, "{path}");
        }
        let bare = parse_base_url("http://h").unwrap();
        assert_eq!(append(&bare, "x/").unwrap().as_str(), "http://h/x/");
        assert_eq!(append(&bare, "/").unwrap().as_str(), "http://h/");
    }

    #[test]
    fn a_path_of_ones_own_does_not_lead_out_of_the_base_url() {
        let base = parse_base_url("http://h/v1").unwrap();
        let told = ["a/../b", ".", "..", "a/%2e%2E/b", "%2E", "a\\..\\b", "a/.\t./b", "a\n"]
            .map(|path| append(&base, path).unwrap_err().to_string());
        expect_test::expect![[r"
            path: `..` would lead out of the base URL
            path: `.` would lead out of the base URL
            path: `..` would lead out of the base URL
            path: `%2e%2E` would lead out of the base URL
            path: `%2E` would lead out of the base URL
            path: `..` would lead out of the base URL
            path: has a line break or the like in it
            path: has a line break or the like in it"]]
        .assert_eq(&told.join("\n"));
    }

    proptest::proptest! {
        #[test]
        fn a_path_of_ones_own_stays_below_the_base_url(path: String, near in "[./%2eE\\\\ \t?#a]{0,12}") {
            let base = parse_base_url("http://h/v1/x").unwrap();
            for path in [&path, &near] {
                if let Ok(url) = append(&base, path) {
                    let below = url.path().strip_prefix("/v1/x");
                    assert!(below.is_some_and(|it| it.is_empty() || it.starts_with('/')), "{url}");
                    assert_eq!(url.host_str(), Some("h"));
                }
            }
        }
    }
}
