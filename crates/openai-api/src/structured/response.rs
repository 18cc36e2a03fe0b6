//! The same for the Responses API.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{NotParsedReason, StrictSchema, parse_text};
use crate::chat::ResponseFormat;
use crate::error::Result;
use crate::response::{IncompleteReason, Response, ResponseStatus, TextFormat};

impl From<StrictSchema> for TextFormat {
    fn from(schema: StrictSchema) -> Self {
        ResponseFormat::from(schema).into()
    }
}

impl TextFormat {
    /// JSON that fits a Rust type, strictly.
    ///
    /// # Errors
    ///
    /// Those of [`StrictSchema::of`].
    pub fn of<T: JsonSchema>() -> Result<Self> {
        StrictSchema::of::<T>().map(Self::from)
    }
}

impl Response {
    /// The model's text, as a Rust type; ask for it with [`TextFormat::of`].
    ///
    /// JSON in a Markdown code block, as servers without schemas give it, counts as JSON.
    ///
    /// # Errors
    ///
    /// The [reason](NotParsedReason) why there is none.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, NotParsedReason> {
        if self.refusal().is_some() {
            return Err(NotParsedReason::Refused);
        }
        match &self.status {
            // Not every server tells.
            None | Some(ResponseStatus::Completed) => {}
            Some(ResponseStatus::Incomplete) => {
                let details = self.incomplete_details.as_ref();
                return Err(match details.and_then(|details| details.reason.as_ref()) {
                    Some(IncompleteReason::ContentFilter) => NotParsedReason::Filtered,
                    _ => NotParsedReason::CutShort,
                });
            }
            Some(_) => return Err(NotParsedReason::Unfinished),
        }
        let text = self.text();
        if text.is_empty() && self.function_calls().next().is_some() {
            return Err(NotParsedReason::CalledTools);
        }
        parse_text(&text)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    /// Where it is.
    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Place {
        city: String,
    }

    #[track_caller]
    fn parse(response: Value) -> Result<Place, NotParsedReason> {
        serde_json::from_value::<Response>(response).unwrap().parse()
    }

    fn saying(part: Value, status: Option<&str>) -> Value {
        let message = json!({"type": "message", "role": "assistant", "content": [part]});
        json!({"status": status, "output": [message]})
    }

    fn text(text: &str) -> Value {
        json!({"type": "output_text", "text": text})
    }

    #[test]
    fn a_text_format_is_a_schema_with_name_and_description_beside_it() {
        let format = serde_json::to_value(TextFormat::of::<Place>().unwrap()).unwrap();
        assert_eq!((&format["type"], &format["name"]), (&json!("json_schema"), &json!("Place")));
        assert_eq!(
            (&format["strict"], &format["description"]),
            (&true.into(), &json!("Where it is."))
        );
        assert_eq!(format["schema"]["required"], json!(["city"]));
    }

    #[test]
    fn a_response_is_parsed_or_says_why_not() {
        let riga = Place { city: "Riga".to_owned() };
        let good = r#"{"city": "Riga"}"#;
        for status in [None, Some("completed")] {
            assert_eq!(parse(saying(text(good), status)).as_ref(), Ok(&riga));
        }
        for status in ["failed", "cancelled", "queued", "in_progress"] {
            let parsed = parse(saying(text(good), Some(status)));
            assert_eq!(parsed, Err(NotParsedReason::Unfinished), "{status}");
        }
        let refusal = json!({"type": "refusal", "refusal": "I won't"});
        assert_eq!(parse(saying(refusal, Some("completed"))), Err(NotParsedReason::Refused));
        for (reason, expected) in [
            ("max_output_tokens", NotParsedReason::CutShort),
            ("content_filter", NotParsedReason::Filtered),
        ] {
            let mut response = saying(text("{"), Some("incomplete"));
            response["incomplete_details"] = json!({"reason": reason});
            assert_eq!(parse(response), Err(expected));
        }
        let call = json!({"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"});
        assert_eq!(parse(json!({"output": [call]})), Err(NotParsedReason::CalledTools));
        let broken = parse(saying(text("Riga"), Some("completed")));
        assert!(matches!(broken, Err(NotParsedReason::Mismatch(_))), "{broken:?}");
    }
}
