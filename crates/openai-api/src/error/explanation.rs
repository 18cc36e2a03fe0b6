//! The many forms in which servers explain an error.

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::mend::{self, without_bom};

/// Reads the explanation of an error, in whatever form it comes.
pub(crate) fn parse(status: u16, body: &[u8]) -> ApiError {
    let body = without_bom(body);
    if let Ok(value) = mend::from_slice::<Value>(body)
        && let Some(error) = of_json(status, &value)
    {
        return error;
    }
    ApiError::new(status, beginning(status, body))
}

/// The error that JSON explains; none if it is no explanation.
pub(crate) fn of_json(status: u16, value: &Value) -> Option<ApiError> {
    match value {
        // OpenAI, Azure and most others; Ollama and Hugging Face give a bare text.
        Value::Object(fields) if fields.get("error").is_some_and(|error| !error.is_null()) => {
            match &fields["error"] {
                Value::Object(error) => Some(of_fields(status, error)),
                Value::String(message) => {
                    // The code and the kind stand beside the text.
                    let mut error = of_fields(status, fields);
                    error.message = message.clone();
                    Some(error)
                }
                _ => None,
            }
        }
        Value::Object(fields)
            if fields.get("x_groq").is_some_and(|it| it.get("error").is_some()) =>
        {
            of_json(status, &fields["x_groq"])
        }
        // OpenRouter puts what went wrong with an answer into its choice.
        Value::Object(fields) if fields.contains_key("choices") => {
            let choices = fields["choices"].as_array()?;
            choices.iter().find_map(|choice| Some(of_fields(status, choice["error"].as_object()?)))
        }
        // FastAPI.
        Value::Object(fields) if fields.contains_key("detail") => {
            let mut error = of_fields(status, fields);
            error.message = detail(&fields["detail"])?;
            Some(error)
        }
        // vLLM before it nested its errors, and Mistral.
        Value::Object(fields) if fields.contains_key("message") => Some(of_fields(status, fields)),
        // RFC 9457; where there is more to say than the title, `detail` says it.
        Value::Object(fields) if fields.get("title").is_some_and(Value::is_string) => {
            let mut error = of_fields(status, fields);
            error.message = fields["title"].as_str()?.to_owned();
            Some(error)
        }
        // Cloudflare and IBM list their errors.
        Value::Object(fields) if fields.contains_key("errors") => {
            Some(of_fields(status, fields["errors"].get(0)?.as_object()?))
        }
        // Google wraps its error into an array.
        Value::Array(values) => of_json(status, values.first()?),
        _ => None,
    }
}

fn of_fields(status: u16, fields: &Map<String, Value>) -> ApiError {
    let message = match fields.get("message") {
        Some(Value::String(message)) if !message.is_empty() => message.clone(),
        Some(Value::Object(message)) if message.contains_key("detail") => {
            detail(&message["detail"]).unwrap_or_default()
        }
        Some(Value::Null) | None if fields.is_empty() => beginning(status, b""),
        _ => abridge(&Value::Object(fields.clone()).to_string()),
    };
    let mut error = ApiError::new(status, message);
    // Databricks says `error_code`.
    error.code = first(fields, &["code", "error_code"]);
    // Hugging Face says `error_type`, Google `status`, which is a number elsewhere.
    error.kind = first(fields, &["type", "error_type"])
        .or_else(|| word(fields.get("status").filter(|status| status.is_string())?));
    error.param = first(fields, &["param"]);
    // What came with status 200 may say what it would have come with.
    let told = ["http_status_code", "status_code", "statusCode"];
    let told = told.iter().find_map(|name| u16::try_from(fields.get(*name)?.as_u64()?).ok());
    if let (200, Some(told)) = (status, told) {
        error.status = told;
    }
    error
}

fn first(fields: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| word(fields.get(*name)?))
}

/// `FastAPI`'s explanation: a text, or a list of what is wrong where.
fn detail(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(problems) => {
            let problems = problems.iter().map(|problem| {
                let place = problem["loc"].as_array().map(Vec::as_slice).unwrap_or_default();
                let place: Vec<_> = place.iter().filter_map(word).collect();
                match problem["msg"].as_str() {
                    Some(message) if place.is_empty() => message.to_owned(),
                    Some(message) => format!("{}: {message}", place.join(".")),
                    None => abridge(&problem.to_string()),
                }
            });
            Some(problems.collect::<Vec<_>>().join("; "))
        }
        Value::Object(fields) => Some(of_fields(0, fields).message),
        _ => None,
    }
}

/// A word for programs, which some servers give as a number.
fn word(value: &Value) -> Option<String> {
    match value {
        // LiteLLM writes Python's `None` out.
        Value::String(text) if !matches!(text.as_str(), "" | "None") => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The beginning of a body that is no JSON, or what the status means if there is none.
fn beginning(status: u16, body: &[u8]) -> String {
    let text = abridge(&String::from_utf8_lossy(&body[..body.len().min(4 * LONGEST_EXCERPT * 4)]));
    if !text.is_empty() {
        return text;
    }
    format!("no explanation ({})", meaning(status))
}

/// What a status [means](https://www.rfc-editor.org/rfc/rfc9110.html#section-15).
fn meaning(status: u16) -> &'static str {
    match status {
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Entity",
        425 => "Too Early",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "unknown status",
    }
}

/// The beginning of a text, on one line.
pub(crate) fn abridge(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().take(LONGEST_EXCERPT).collect()
}

/// In characters.
const LONGEST_EXCERPT: usize = 200;

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Expect) {
        let error = parse(400, body.as_bytes());
        let (code, kind, param) = (error.code, error.kind, error.param);
        let word = |word: Option<String>| word.unwrap_or_else(|| "-".into());
        let shown =
            format!("{} | {} | {} | {}", error.message, word(code), word(kind), word(param));
        expected.assert_eq(&shown);
    }

    #[test]
    fn every_form_of_explanation_becomes_one_error() {
        check(
            r#"{"error":{"message":"no such model","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#,
            expect!["no such model | model_not_found | invalid_request_error | model"],
        );
        check(
            r#"{"error":{"message":"slow down","code":429,"type":null}}"#,
            expect!["slow down | 429 | - | -"],
        );
        check(r#"{"error":"model not found"}"#, expect!["model not found | - | - | -"]);
        check(r#"{"detail":"Not Found"}"#, expect!["Not Found | - | - | -"]);
        check(
            r#"{"detail":[{"loc":["body","messages",0],"msg":"field required","type":"missing"},{"msg":"and so on"}]}"#,
            expect!["body.messages.0: field required; and so on | - | - | -"],
        );
        check(r#"{"detail":{"message":"nested"}}"#, expect!["nested | - | - | -"]);
        check(
            r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#,
            expect!["too long | 400 | BadRequestError | -"],
        );
        check(
            r#"{"object":"error","message":{"detail":[{"loc":["body"],"msg":"bad"}]},"type":"invalid_request_error"}"#,
            expect!["body: bad | - | invalid_request_error | -"],
        );
        check(
            r#"[{"error":{"code":400,"message":"bad key","status":"INVALID_ARGUMENT"}}]"#,
            expect!["bad key | 400 | INVALID_ARGUMENT | -"],
        );
        check(
            r#"{"error":"too long","error_type":"validation"}"#,
            expect!["too long | - | validation | -"],
        );
        check(r#"{"error_code":"BAD","message":"no"}"#, expect!["no | BAD | - | -"]);
        check(r#"{"type":"about:blank","title":"No"}"#, expect!["No | - | about:blank | -"]);
        check(
            r#"{"errors":[{"code":7003,"message":"no route"}],"success":false,"result":null}"#,
            expect!["no route | 7003 | - | -"],
        );
        check(
            r#"{"error":{"message":"over budget","type":"None","param":"None","status":400}}"#,
            expect!["over budget | - | - | -"],
        );
        check(
            r#"{"choices":[{},{"error":{"code":502,"message":"gone"}}]}"#,
            expect!["gone | 502 | - | -"],
        );
        check("upstream\n  timed out", expect!["upstream timed out | - | - | -"]);
        check(
            "<html>\r\n<head><title>502 Bad Gateway</title></head></html>",
            expect!["<html> <head><title>502 Bad Gateway</title></head></html> | - | - | -"],
        );
        check("", expect!["no explanation (Bad Request) | - | - | -"]);
        check(" \n", expect!["no explanation (Bad Request) | - | - | -"]);
        check("\u{feff}{\"error\":{\"message\":\"marked\"}}", expect!["marked | - | - | -"]);
        check("null", expect!["null | - | - | -"]);
        check(r#"{"error":null}"#, expect![[r#"{"error":null} | - | - | -"#]]);
        check(r#"{"error":{}}"#, expect!["no explanation (Bad Request) | - | - | -"]);
        check(
            r#"{"error":{"message":"cut o"#,
            expect![[r#"{"error":{"message":"cut o | - | - | -"#]],
        );
        check(r#"{"status":"bad"}"#, expect![[r#"{"status":"bad"} | - | - | -"#]]);
    }

    #[test]
    fn a_long_body_is_shown_to_its_200th_character() {
        let error = parse(502, "я".repeat(100_000).as_bytes());
        assert_eq!(error.message, "я".repeat(200));
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_reading_an_error_panic(body: Vec<u8>, status: u16) {
            let error = parse(status, &body);
            proptest::prop_assert!(!error.message.is_empty() || !body.is_empty());
        }
    }
}
