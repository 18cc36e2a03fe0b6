//! Headers that a caller sets.

use reqwest::header::{HeaderName, HeaderValue};

use crate::error::{Error, Result};

/// A header for a call; an error does not show its value, which may be a secret.
pub(super) fn pair(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let carried = || Error::invalid("header", "cannot be carried by HTTP");
    let name = name.parse().map_err(|_| carried())?;
    let value = HeaderValue::from_str(value).map_err(|_| carried())?;
    refuse_framing(&name)?;
    Ok((name, value))
}

/// Refuses what says where a request ends and what becomes of its connection: one that is wrong
/// cuts the body short, or has the server wait for more.
pub(super) fn refuse_framing(name: &HeaderName) -> Result<()> {
    if FRAMING.contains(&name.as_str()) {
        let problem = format!("`{name}` is for the connection to set; leave it out");
        return Err(Error::invalid("header", problem));
    }
    Ok(())
}

/// The [fields of a connection](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1), and a body's
/// length.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use crate::{Client, Error};

    #[tokio::test]
    async fn headers_that_frame_a_request_are_refused_before_it_is_sent() {
        let client = Client::builder().base_url("http://127.0.0.1:9/v1").build().unwrap();
        for name in ["Content-Length", "transfer-encoding", "Connection", "TE", "upgrade"] {
            let expected = format!(
                "header: `{}` is for the connection to set; leave it out",
                name.to_lowercase()
            );
            let error = client.post("x").header(name, "1").json(&1).await.unwrap_err();
            assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
            assert_eq!(error.to_string(), expected);
            let error = Client::builder().header(name, "1").build().unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
