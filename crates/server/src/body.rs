//! The body of a request: JSON of a limited size.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use futures_core::Stream;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::app::App;
use crate::failure::Failure;

/// A body that is JSON.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let kind = media_type(&parts.headers).unwrap_or_default();
        if kind != "application/json" && !kind.ends_with("+json") {
            drain(body.into_data_stream()).await;
            return Err(unsupported("application/json"));
        }
        if content_length(&parts.headers).is_some_and(|length| length > app.max_body) {
            drain(body.into_data_stream()).await;
            return Err(too_large(app.max_body));
        }
        parse(&read(body, app.max_body).await?).map(Self)
    }
}

/// The media type in lower case, without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(crate) fn unsupported(wanted: &str) -> Failure {
    let message = format!("the body must be {wanted}; say so in `Content-Type`");
    Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).with_code("unsupported_media_type")
}

pub(crate) fn too_large(limit: u64) -> Failure {
    let message = format!("the body is larger than {limit} bytes");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, message).with_code("request_too_large")
}

/// The body did not come whole; its sender may be gone.
pub(crate) fn cut_short() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "the body ended before it was complete")
}

/// Reads on for a while and throws away what comes.
///
/// A client that is still sending does not look at the answer, and closing on it loses the answer.
pub(crate) async fn drain<E>(mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) {
    let mut left = DRAINED;
    while let Some(Ok(bytes)) = body.next().await {
        let Some(rest) = left.checked_sub(bytes.len()) else { return };
        left = rest;
    }
}

async fn read(body: Body, limit: u64) -> Result<Vec<u8>, Failure> {
    let (mut body, mut whole) = (body.into_data_stream(), Vec::new());
    while let Some(bytes) = body.next().await {
        let bytes: Bytes = bytes.map_err(|_| cut_short())?;
        if (whole.len() + bytes.len()) as u64 > limit {
            drain(body).await;
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        explain(&path, &error)
    })?;
    reader.end().map_err(|error| explain("", &error))?;
    Ok(value)
}

/// Says what is wrong and where, and quotes nothing: the body may hold what is private.
fn explain(path: &str, error: &serde_json::Error) -> Failure {
    let place = format!("line {}, column {}", error.line(), error.column());
    let text = error.to_string();
    if error.classify() != Category::Data {
        let text = text.split(" at line ").next().unwrap_or_default();
        return Failure::new(
            StatusCode::BAD_REQUEST,
            format!("the body is not valid JSON: {text} at {place}"),
        )
        .with_code("invalid_json");
    }
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    if let Some(field) = text.strip_prefix("missing field `").and_then(|t| t.strip_suffix('`')) {
        let field =
            if matches!(path, "" | ".") { field.to_owned() } else { format!("{path}.{field}") };
        return Failure::invalid(&field, format!("is required; it is missing at {place}"))
            .with_code("missing_required_parameter");
    }
    let found = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| text.strip_prefix(start))
        .and_then(|rest| {
            Some((rest.split([' ', ',']).next()?, rest.rsplit_once(", expected ")?.1))
        });
    let problem = match found {
        Some((found, expected)) => {
            format!("expected {}, found {}", wanted(expected), in_json(found))
        }
        None => "has a value that does not belong there".to_owned(),
    };
    let param = if matches!(path, "" | ".") { "body" } else { path };
    Failure::invalid(param, format!("{problem} at {place}")).with_code("invalid_type")
}

/// What serde calls a value, as JSON calls it.
fn in_json(kind: &str) -> &str {
    match kind {
        "sequence" => "an array",
        "map" => "an object",
        "string" => "a string",
        "boolean" => "true or false",
        "integer" | "floating" => "a number",
        "null" => "null",
        _ => "something else",
    }
}

/// What serde expects, as JSON calls it.
fn wanted(expected: &str) -> &str {
    match expected {
        "a sequence" | "a list" => "an array",
        "a map" => "an object",
        "a text" => "a string",
        "a boolean" => "true or false",
        "u32" | "u64" => "a whole number that is not negative",
        "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        rust if rust.starts_with("struct ") || rust.starts_with("an object") => "an object",
        other => other,
    }
}

const DRAINED: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use openai_api::ChatRequest;

    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Expect) {
        let failure = parse::<ChatRequest>(body.as_bytes()).unwrap_err();
        let error = &failure.to_body("")["error"];
        expected.assert_eq(&format!("{} {}", error["param"], error["message"].as_str().unwrap()));
    }

    #[test]
    fn malformed_json_is_refused_with_its_place_and_without_its_content() {
        check(
            "{\"model\": \"secret\",\n  oops}",
            expect!["null the body is not valid JSON: key must be a string at line 2, column 3"],
        );
        check(
            "",
            expect![
                "null the body is not valid JSON: EOF while parsing a value at line 1, column 0"
            ],
        );
        check(
            "{\"model\": \"secret\"",
            expect![
                "null the body is not valid JSON: EOF while parsing an object at line 1, column 18"
            ],
        );
        check(
            r#"{"model":"m","messages":[]} secret"#,
            expect!["null the body is not valid JSON: trailing characters at line 1, column 29"],
        );
    }

    #[test]
    fn json_of_the_wrong_shape_is_refused_by_field_and_without_its_content() {
        check(
            r#"{"model":"m"}"#,
            expect![[r#""messages" messages: is required; it is missing at line 1, column 13"#]],
        );
        check(
            r#"["secret"]"#,
            expect![[r#""body" body: expected an object, found an array at line 1, column 0"#]],
        );
        check(
            r#"{"model":"m","messages":"secret, expected nothing"}"#,
            expect![[
                r#""messages" messages: expected an array, found a string at line 1, column 50"#
            ]],
        );
        check(
            r#"{"model":"m","messages":[{"role":7,"content":"secret"}]}"#,
            expect![[
                r#""messages[0].role" messages[0].role: expected a string, found a number at line 1, column 34"#
            ]],
        );
        check(
            r#"{"model":"m","messages":[{"role":"user","content":{"a":"secret"}}]}"#,
            expect![[
                r#""messages[0].content" messages[0].content: expected a text or parts, found an object at line 1, column 51"#
            ]],
        );
        check(
            r#"{"model":"m","messages":[],"max_tokens":-1}"#,
            expect![[
                r#""max_tokens" max_tokens: expected a whole number that is not negative, found a number at line 1, column 43"#
            ]],
        );
        check(
            r#"{"model":"m","messages":[],"temperature":"secret"}"#,
            expect![[
                r#""temperature" temperature: expected a number, found a string at line 1, column 50"#
            ]],
        );
    }
}
