//! Errors that come within answers whose status said it went well.

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::error::explanation::{abridge, of_json};
use crate::mend::{self, without_bom};

/// Reads the explanation of an error that came within an answer whose status said it went well.
pub(super) fn parse_late(body: &[u8]) -> ApiError {
    let body = without_bom(body);
    let text = || Value::from(String::from_utf8_lossy(body));
    let value = mend::from_slice(body).unwrap_or_else(|_| text());
    let shown = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = || ApiError::new(200, abridge(&shown()));
    let mut error = of_json(200, &value).unwrap_or_else(text);
    error.status = late_status(&error);
    error
}

/// Whether what should be an answer is an error, in the form of OpenAI or of older vLLM.
pub(super) fn is_error(fields: &Map<String, Value>) -> bool {
    let told = |error: &Value| match error {
        Value::Null | Value::Bool(false) => false,
        Value::Object(error) => !error.is_empty(),
        _ => true,
    };
    // Groq tells why it stopped a stream in a corner of its own.
    let in_corner = |corner: &Value| corner.get("error").is_some_and(told);
    fields.get("error").is_some_and(told)
        || fields.get("x_groq").is_some_and(in_corner)
        || fields.get("object").is_some_and(|object| object == "error")
}

/// The status for an error that the server put into an answer: the one it names, or what its kind or
/// its code stands for.
fn late_status(error: &ApiError) -> u16 {
    let words = || [error.kind.as_deref(), error.code.as_deref()].into_iter().flatten();
    let named = words().filter_map(|word| word.parse().ok());
    std::iter::once(error.status)
        .chain(named)
        .chain(words().filter_map(status_of))
        .find(|status| (400..600).contains(status))
        .unwrap_or_else(|| {
            // LM Studio answers so to any path that it does not know.
            if error.message.starts_with("Unexpected endpoint") { 405 } else { 500 }
        })
}

/// The status that a word for a kind of error goes with.
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error"
        | "exceed_context_size_error"
        | "context_length_exceeded"
        | "content_filter"
        | "BadRequestError" => 400,
        "authentication_error" => 401,
        "permission_error" => 403,
        "not_found_error" | "model_not_found" | "NotFoundError" => 404,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "insufficient_quota"
        | "tokens"
        | "requests" => 429,
        "unavailable_error" => 503,
        "overloaded_error" => 529,
        // What a response fails with that cannot be answered as it was asked.
        word if word.starts_with("invalid_") || word.ends_with("_policy") => 400,
        word if word.contains("image") => 400,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_within_an_answer_gets_the_status_it_names() {
        for (body, expected) in [
            (r#"{"error":{"message":"m","code":429}}"#, 429),
            (r#"{"error":{"message":"m","code":"502"}}"#, 502),
            (r#"{"error":{"message":"m","code":7}}"#, 500),
            (r#"{"error":{"message":"m","type":"invalid_request_error"}}"#, 400),
            (r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#, 429),
            (r#"{"error":{"message":"m","type":"server_error"}}"#, 500),
            (r#"{"error":{"message":"m","type":"server_error","code":"502"}}"#, 502),
            (r#"{"error":{"message":"m","http_status_code":422}}"#, 422),
            (r#"{"error":{"message":"m","status_code":7}}"#, 500),
            (r#"{"error":{"message":"m","statusCode":-1}}"#, 500),
            (r#"{"error":{"message":"m","type":"error","code":"context_length_exceeded"}}"#, 400),
            (r#"{"type":"error","error":{"message":"m","type":"overloaded_error"}}"#, 529),
            (r#"{"error":"m"}"#, 500),
        ] {
            let error = parse_late(body.as_bytes());
            assert_eq!((error.status, error.message.as_str()), (expected, "m"), "{body}");
        }
    }
}
