//! Reading which form an answer is to have.

use openai_api::ChatRequest;
use serde_json::{Value, json};

use crate::error::Result;
use crate::request::refuse;

/// The schema of the JSON that an answer is to be; `None` if any text will do.
///
/// A schema is kept to whether or not it is called strict.
pub(super) fn schema(request: &ChatRequest) -> Result<Option<Value>> {
    let Some(format) = &request.response_format else { return Ok(None) };
    match format.kind.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(json!({"type": "object"}))),
        "json_schema" => {
            let schema = format.json_schema.as_ref().and_then(|format| format.get("schema"));
            match schema {
                Some(schema @ (Value::Object(_) | Value::Bool(_))) => Ok(Some(schema.clone())),
                _ => refuse("response_format", "its json_schema has no schema that is an object"),
            }
        }
        _ => refuse("response_format", "its type must be text, json_object or json_schema"),
    }
}

#[cfg(test)]
mod tests {
    use openai_api::ResponseFormat;

    use super::*;
    use crate::request::tests::{param, request};

    #[test]
    fn every_form_is_read_and_what_is_none_is_refused() {
        let read = |format: ResponseFormat| schema(&request().with_response_format(format));
        assert_eq!(schema(&request()).unwrap(), None);
        assert_eq!(read(ResponseFormat::json_object()).unwrap(), Some(json!({"type": "object"})));
        let whole = json!({"type": "integer"});
        assert_eq!(read(ResponseFormat::json_schema("n", whole.clone())).unwrap(), Some(whole));
        let mut text = ResponseFormat::json_object();
        text.kind = "text".to_owned();
        assert_eq!(read(text).unwrap(), None);
        let none = request().with_response_format(ResponseFormat::json_schema("n", json!("x")));
        assert_eq!(param(&none).as_deref(), Some("response_format"));
    }
}
