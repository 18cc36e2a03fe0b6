//! Keys that servers echo.

use std::borrow::Cow;

use memchr::memmem;

/// A body without the key, however it is written in JSON.
///
/// To be called before the body is parsed or cut, so that neither half of a key nor a field that
/// nobody thought of shows it.
pub(super) fn strike_out<'b>(body: &'b [u8], key: Option<&str>) -> Cow<'b, [u8]> {
    let mut body = Cow::Borrowed(body);
    let Some(key) = key.map(str::trim).filter(|key| key.len() >= SHORTEST_SECRET) else {
        return body;
    };
    let escaped = key.replace('\\', r"\\").replace('"', r#"\""#);
    for form in [key, &escaped.replace('/', r"\/"), &escaped] {
        if memmem::find(&body, form.as_bytes()).is_some() {
            body = Cow::Owned(replace(&body, form.as_bytes()));
        }
    }
    body
}

fn replace(body: &[u8], key: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(body.len());
    let mut end = 0;
    for start in memmem::find_iter(body, key) {
        clean.extend_from_slice(&body[end..start]);
        clean.extend_from_slice(b"[key]");
        end = start + key.len();
    }
    clean.extend_from_slice(&body[end..]);
    clean
}

/// A shorter key is no secret, and striking it out would garble messages.
const SHORTEST_SECRET: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, key: &str, expected: &str) {
        let clean = strike_out(body.as_bytes(), Some(key));
        assert_eq!(std::str::from_utf8(&clean), Ok(expected));
    }

    #[test]
    fn a_key_is_struck_out_wherever_it_stands() {
        check("sk-12345", "sk-12345", "[key]");
        check("a sk-12345 b sk-12345sk-12345", "sk-12345", "a [key] b [key][key]");
        check("sk-1234", "sk-12345", "sk-1234");
        check("", "sk-12345", "");
    }

    #[test]
    fn a_key_is_struck_out_as_json_writes_it() {
        for key in [r#"sk-"1/2\3"#, "sk-12/34", "sk-1234=="] {
            let body = serde_json::json!({"message": format!("no {key} here")}).to_string();
            let expected = r#"{"message":"no [key] here"}"#;
            check(&body, key, expected);
            check(&body.replace('/', r"\/"), key, expected);
        }
    }

    #[test]
    fn a_key_too_short_to_be_a_secret_is_left_alone() {
        check("nobody is an outsider", "no", "nobody is an outsider");
        assert_eq!(&*strike_out(b"sk-12345", None), b"sk-12345");
    }
}
