//! `Debug` that tells what a value is like, and not what is said in it.
//!
//! Requests and answers hold what people write, and `{:?}` ends up in logs. So a text is shown by
//! its length, save where a field's name says that it is a word of the protocol or an id.

use std::fmt::{self, Debug, Formatter};

use serde::Serialize;
use serde_json::{Map, Serializer, Value};

use crate::mend;

/// Begins the `Debug` of a struct with its fields as they are written in JSON.
pub(crate) fn fields<'f, 'a>(
    f: &'f mut Formatter<'a>,
    name: &str,
    value: &dyn Written,
) -> fmt::DebugStruct<'f, 'a> {
    let mut shown = f.debug_struct(name);
    if let Ok(Value::Object(fields)) = read(value) {
        for (name, value) in &fields {
            shown.field(name, &Shown { name, value });
        }
    }
    shown
}

/// The `Debug` of what is written in JSON as anything but an object of its own.
pub(crate) fn value(f: &mut Formatter<'_>, value: &dyn Written) -> fmt::Result {
    match read(value) {
        Ok(value) => Shown { name: "", value: &value }.fmt(f),
        Err(_) => f.write_str(".."),
    }
}

/// What is written in JSON, of whatever type.
pub(crate) trait Written {
    fn write(&self, json: &mut Serializer<&mut Vec<u8>>) -> serde_json::Result<()>;
}

impl<T: Serialize> Written for T {
    fn write(&self, json: &mut Serializer<&mut Vec<u8>>) -> serde_json::Result<()> {
        self.serialize(json)
    }
}

/// What is written, read again.
///
/// By way of a text: writing each type into a `Value` as well would be compiled for this alone.
fn read(value: &dyn Written) -> serde_json::Result<Value> {
    let mut json = Vec::new();
    value.write(&mut Serializer::new(&mut json))?;
    mend::from_slice(&json)
}

/// Gives enums and the like, written in JSON as what they hold, a `Debug` without texts.
macro_rules! shows_no_text {
    ($( $type:ty ),+ $(,)?) => { $(
        impl ::std::fmt::Debug for $type {
            #[inline]
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::shown::value(f, self)
            }
        }
    )+ };
}

pub(crate) use shows_no_text;

struct Shown<'v> {
    name: &'v str,
    value: &'v Value,
}

impl Debug for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, value } = *self;
        match value {
            Value::Null => f.write_str("None"),
            Value::Bool(value) => value.fmt(f),
            Value::Number(value) => fmt::Display::fmt(value, f),
            Value::String(text) if is_word(name, text) => text.fmt(f),
            Value::String(text) => write!(f, "Text({} bytes)", text.len()),
            // Embeddings and tokens can be turned into text again.
            Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_number) => {
                write!(f, "[{} numbers]", list.len())
            }
            Value::Array(list) => {
                f.debug_list().entries(list.iter().map(|value| Shown { name, value })).finish()
            }
            Value::Object(fields) if FREE.contains(&name) => {
                write!(f, "Json({} fields)", fields.len())
            }
            Value::Object(fields) => show_map(f, fields),
        }
    }
}

fn show_map(f: &mut Formatter<'_>, fields: &Map<String, Value>) -> fmt::Result {
    struct Name<'n>(&'n str);

    impl Debug for Name<'_> {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    let fields = fields.iter().map(|(name, value)| (Name(name), Shown { name, value }));
    f.debug_map().entries(fields).finish()
}

/// Whether a text is a word of the protocol or an id, by its field's name and its looks.
///
/// Objects that are unknown are shown by the same names, so one is left out that is a word in one
/// object and what somebody wrote in another, such as `code` and `detail`.
fn is_word(name: &str, text: &str) -> bool {
    let is_named = WORDS.contains(&name) || name == "id" || name.ends_with("_id");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
    is_named && text.len() <= LONGEST_WORD && text.bytes().all(is_plain)
}

const WORDS: &[&str] = &[
    "fine_tuned_model",
    "finish_reason",
    "level",
    "model",
    "object",
    "purpose",
    "role",
    "service_tier",
    "status",
    "training_file",
    "type",
    "validation_file",
];

/// Fields whose JSON is the caller's own, names and all.
const FREE: &[&str] = &["arguments", "metadata", "parameters", "schema", "input", "output"];

const LONGEST_WORD: usize = 128;

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use crate::{
        ChatChunk, ChatCompletion, ChatRequest, ContentPart, EmbeddingInput, EmbeddingVector,
        ImageUrl, Message, ModerationInput, ResponseEvent, ResponseInput,
    };

    #[track_caller]
    fn check(value: &impl std::fmt::Debug, expected: Expect) {
        let shown = format!("{value:?}");
        expected.assert_eq(&shown);
        for secret in ["secret", "0.25", "geheim"] {
            assert!(!shown.contains(secret), "{shown}");
            assert!(!format!("{value:#?}").contains(secret), "{value:#?}");
        }
    }

    #[test]
    fn a_request_shows_neither_its_messages_nor_its_images() {
        let parts = vec![
            ContentPart::from_text("secret words"),
            ContentPart::from_image(ImageUrl::new("data:image/png;base64,secret")),
            serde_json::from_value(json!({"type": "smell", "of": {"what": "secret"}})).unwrap(),
        ];
        check(
            &parts,
            expect![[
                r#"[{type: "text", text: Text(12 bytes)}, {type: "image_url", image_url: {url: Text(28 bytes)}}, {type: "smell", of: {what: Text(6 bytes)}}]"#
            ]],
        );
        let mut request = ChatRequest::new("m-1", vec![Message::user(parts)]);
        request.extra.insert("metadata".into(), json!({"secret": "secret"}));
        request.extra.insert("prompt_tokens".into(), json!([0.25, 0.25]));
        check(
            &request,
            expect![[
                r#"ChatRequest { model: "m-1", messages: [{role: "user", content: [{type: "text", text: Text(12 bytes)}, {type: "image_url", image_url: {url: Text(28 bytes)}}, {type: "smell", of: {what: Text(6 bytes)}}]}], metadata: Json(1 fields), prompt_tokens: [2 numbers] }"#
            ]],
        );
        check(
            &Message::system("secret"),
            expect![[r#"Message { role: "system", content: Text(6 bytes) }"#]],
        );
    }

    #[test]
    fn an_answer_shows_neither_its_text_nor_the_arguments_of_its_calls() {
        let call = json!({"id": "c", "type": "function",
                          "function": {"name": "f", "arguments": "{\"a\": \"secret\"}"}});
        let completion = json!({"id": "c1", "model": "m", "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "secret", "refusal": "geheim",
                        "reasoning_content": "secret", "tool_calls": [call]},
        }]});
        let completion: ChatCompletion = serde_json::from_value(completion).unwrap();
        check(
            &completion,
            expect![[
                r#"ChatCompletion { id: "c1", model: "m", choices: [{index: 0, message: {role: "assistant", content: Text(6 bytes), refusal: Text(6 bytes), reasoning_content: Text(6 bytes), tool_calls: [{id: "c", type: "function", function: {name: Text(1 bytes), arguments: Text(15 bytes)}}]}, finish_reason: "stop"}], meta: None }"#
            ]],
        );
        let chunk = json!({"id": "c1", "choices": [{"index": 0,
            "delta": {"content": "secret", "tool_calls": [call]}}]});
        let chunk: ChatChunk = serde_json::from_value(chunk).unwrap();
        check(
            &chunk,
            expect![[
                r#"ChatChunk { id: "c1", choices: [{index: 0, delta: {content: Text(6 bytes), tool_calls: [{id: "c", type: "function", function: {name: Text(1 bytes), arguments: Text(15 bytes)}}]}}], meta: None }"#
            ]],
        );
    }

    #[test]
    fn neither_do_those_of_other_endpoints() {
        let item = json!({"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "secret"}]});
        let input: ResponseInput =
            serde_json::from_value(json!([item, {"type": "secret one"}])).unwrap();
        check(
            &input,
            expect![[
                r#"[{role: "user", content: [{text: Text(6 bytes), type: "input_text"}], type: "message"}, {type: Text(10 bytes)}]"#
            ]],
        );
        check(&ResponseInput::from("secret"), expect!["Text(6 bytes)"]);
        let event =
            json!({"type": "response.output_text.delta", "delta": "secret", "item_id": "m"});
        check(
            &serde_json::from_value::<ResponseEvent>(event).unwrap(),
            expect![[
                r#"{type: "response.output_text.delta", item_id: "m", delta: Text(6 bytes)}"#
            ]],
        );
        let tokens = json!([[0, 1], [25]]);
        check(
            &serde_json::from_value::<EmbeddingInput>(tokens).unwrap(),
            expect!["[[2 numbers], [1 numbers]]"],
        );
        let vector = json!([0.25, -0.25]);
        check(&serde_json::from_value::<EmbeddingVector>(vector).unwrap(), expect!["[2 numbers]"]);
        check(&ModerationInput::Texts(vec!["secret".into()]), expect!["[Text(6 bytes)]"]);
    }

    #[test]
    fn what_is_a_word_in_one_object_and_not_in_another_is_not_shown() {
        let call = json!({"type": "code_interpreter_call", "code": "secret", "event": "secret",
                          "of": {"detail": "secret"}});
        let input: ResponseInput = serde_json::from_value(json!([call])).unwrap();
        check(
            &input,
            expect![[
                r#"[{type: "code_interpreter_call", code: Text(6 bytes), event: Text(6 bytes), of: {detail: Text(6 bytes)}}]"#
            ]],
        );
    }

    #[test]
    fn an_id_that_does_not_look_like_one_is_not_shown() {
        let chunk = json!({"id": "a secret", "model": "the secret\none", "choices": []});
        let chunk: ChatChunk = serde_json::from_value(chunk).unwrap();
        check(
            &chunk,
            expect![
                "ChatChunk { id: Text(8 bytes), model: Text(14 bytes), choices: [], meta: None }"
            ],
        );
    }
}
