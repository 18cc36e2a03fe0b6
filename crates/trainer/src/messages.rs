//! Messages from JSON, with faults that name the field and never quote the text.

use std::fmt;

use openai_api::{Message, Role};
use serde_json::Value;

/// A fault in a JSON value: at which field, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The path of the field, such as `messages[1].role`; empty for the value itself.
    pub(crate) field: String,
    /// What is wrong, and what to do.
    pub(crate) message: String,
}

impl Fault {
    /// A fault at a field.
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.message),
            field => write!(f, "{field}: {}", self.message),
        }
    }
}

/// Reads JSON text; the fault says where in the text it went wrong.
pub(crate) fn parse_json(text: &str) -> Result<Value, Fault> {
    serde_json::from_str(text).map_err(|error| {
        // The parser's words for a syntax error quote nothing; their place is told our way.
        let words = error.to_string();
        let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
        let place = match error.line() {
            0 | 1 => format!("character {}", error.column()),
            line => format!("line {line} of the value, character {}", error.column()),
        };
        Fault::new("", format!("invalid JSON at {place}: {words}"))
    })
}

/// Reads a CSV cell that holds messages: an array, or an object with a field `messages`.
pub(crate) fn parse_cell(cell: &str) -> Result<Vec<Message>, Fault> {
    match parse_json(cell)? {
        Value::Object(mut object) if object.contains_key("messages") => {
            parse_list(object.remove("messages").unwrap_or_default(), "messages")
        }
        value => parse_list(value, "messages"),
    }
}

/// Reads an array of messages that stands at `field`.
pub(crate) fn parse_list(value: Value, field: &str) -> Result<Vec<Message>, Fault> {
    let Value::Array(values) = value else {
        return Err(Fault::new(field, format!("must be an array, found {}", kind(&value))));
    };
    if values.is_empty() {
        return Err(Fault::new(field, "must hold at least one message"));
    }
    let values = values.into_iter().enumerate();
    values.map(|(at, value)| parse(value, &format!("{field}[{at}]"))).collect()
}

fn parse(value: Value, field: &str) -> Result<Message, Fault> {
    let Value::Object(object) = &value else {
        return Err(Fault::new(field, format!("must be an object, found {}", kind(&value))));
    };
    match object.get("role") {
        Some(Value::String(_)) => {}
        Some(other) => {
            let message = format!("must be a string, found {}", kind(other));
            return Err(Fault::new(format!("{field}.role"), message));
        }
        None => return Err(Fault::new(format!("{field}.role"), "is missing")),
    }
    match object.get("content") {
        None | Some(Value::Null | Value::String(_) | Value::Array(_)) => {}
        Some(other) => {
            let message = format!("must be a string or an array of parts, found {}", kind(other));
            return Err(Fault::new(format!("{field}.content"), message));
        }
    }
    serde_json::from_value(value).map_err(|_| {
        let message = "is not a message: look at the types of its fields, such as tool_calls";
        Fault::new(field, message)
    })
}

/// The first fault of a conversation to learn from, whose messages stand at `messages`.
pub(crate) fn check_conversation(messages: &[Message]) -> Option<Fault> {
    let Some((answer, prompt)) = messages.split_last() else {
        return Some(Fault::new("messages", "must hold a question and an answer"));
    };
    let last = format!("messages[{}]", prompt.len());
    if answer.role != Role::Assistant {
        let message = "the last message must be the assistant's answer";
        return Some(Fault::new(format!("{last}.role"), message));
    }
    if prompt.is_empty() {
        return Some(Fault::new("messages", "there is no question before the answer"));
    }
    check_prompt(prompt, "messages").or_else(|| check_answer(answer, &last))
}

/// The first fault of the messages before the answer, which stand at `field`.
pub(crate) fn check_prompt(prompt: &[Message], field: &str) -> Option<Fault> {
    if prompt.is_empty() {
        return Some(Fault::new(field, "must hold at least one message"));
    }
    prompt.iter().enumerate().find_map(|(at, message)| {
        let fault = |part: &str, words| Some(Fault::new(format!("{field}[{at}].{part}"), words));
        match &message.role {
            Role::Other(_) => fault("role", UNKNOWN_ROLE),
            Role::Assistant => check_weight(message, &format!("{field}[{at}]")),
            _ if is_blank(message) => fault("content", "is empty"),
            _ => None,
        }
    })
}

/// The first fault of an answer, which stands at `field`.
pub(crate) fn check_answer(answer: &Message, field: &str) -> Option<Fault> {
    if answer.role != Role::Assistant {
        return Some(Fault::new(format!("{field}.role"), "must be assistant"));
    }
    if is_blank(answer) && answer.tool_calls.is_empty() && answer.refusal.is_none() {
        return Some(Fault::new(format!("{field}.content"), "is empty; there is nothing to learn"));
    }
    check_weight(answer, field)
}

/// OpenAI knows the weights 0 and 1 only.
fn check_weight(message: &Message, field: &str) -> Option<Fault> {
    let weight = message.extra.get("weight")?;
    let known = weight.is_null() || weight.as_f64().is_some_and(|w| w == 0.0 || w == 1.0);
    (!known).then(|| Fault::new(format!("{field}.weight"), "must be 0 or 1"))
}

fn is_blank(message: &Message) -> bool {
    use openai_api::{Content, ContentPart};
    match &message.content {
        None => message.extra.get("function_call").is_none_or(Value::is_null),
        Some(Content::Text(text)) => text.trim().is_empty(),
        Some(Content::Parts(parts)) => parts
            .iter()
            .all(|part| ContentPart::text(part).is_some_and(|text| text.trim().is_empty())),
        Some(_) => false,
    }
}

/// What a JSON value is, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

const UNKNOWN_ROLE: &str = "must be one of system, developer, user, assistant, tool";
