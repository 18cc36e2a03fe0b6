//! Records from JSON objects, by the shapes that trainers and their tools have.

mod alpaca;
mod openai;
mod sharegpt;
mod trl;

use openai_api::Message;
use serde_json::{Map, Value};

use crate::dataset::{Example, Label, Preference};
use crate::messages::{self, Fault, kind};
use crate::read::record::Record;
use crate::text::shown;

/// Fields of an object.
type Object = Map<String, Value>;

/// Reads JSON text whose label is `label` where it does not say.
pub(crate) fn read(text: &str, label: Label) -> Result<Record<'static>, Fault> {
    let object = match messages::parse_json(text)? {
        Value::Object(object) => object,
        other => {
            return Err(Fault::new("", format!("must be an object, found {}", kind(&other))));
        }
    };
    let has = |field: &str| object.contains_key(field);
    let any = |fields: &[&str]| fields.iter().any(|field| has(field));
    let is_whole = |field| matches!(object.get(field), Some(Value::Array(list)) if list.len() > 1);
    if has("messages") && any(&["chosen", "rejected"]) && !is_whole("chosen") {
        trl::preference_of_messages(object).map(boxed)
    } else if has("messages") && !is_whole("chosen") {
        openai::chat(object, label).map(Record::Example)
    } else if any(&["preferred_output", "non_preferred_output"]) {
        openai::preference(object).map(boxed)
    } else if has("conversations") && any(&["chosen", "rejected"]) {
        sharegpt::preference(object).map(boxed)
    } else if has("conversations") {
        sharegpt::conversation(object, label).map(Record::Example)
    } else if has("instruction") && any(&["chosen", "rejected"]) {
        alpaca::preference(object).map(boxed)
    } else if any(&["chosen", "rejected"]) {
        trl::preference(object).map(boxed)
    } else if has("prompt") && has("completion") {
        trl::pair(object, label).map(Record::Example)
    } else if has("instruction") && has("output") {
        alpaca::conversation(object, label).map(Record::Example)
    } else {
        alpaca::flat(object, label).map(Record::Example)
    }
}

fn boxed(pair: Preference) -> Record<'static> {
    Record::Preference(Box::new(pair))
}

fn unknown_shape(object: &Object) -> Fault {
    let names: Vec<&str> = object.keys().map(String::as_str).collect();
    let found = match names.as_slice() {
        [] => "no field".to_owned(),
        names => shown(names.iter().copied()),
    };
    let message = format!(
        "found {found}; expected messages, or prompt and completion, or conversations, or \
         instruction and output, or question and answer, or prompt, chosen and rejected, or \
         input, preferred_output and non_preferred_output"
    );
    Fault::new("", message)
}

fn take(object: &mut Object, field: &str) -> Value {
    object.remove(field).unwrap_or_default()
}

/// The label of an object, in whichever of two fields it stands.
fn take_label(object: &mut Object, label: Label) -> Result<Label, Fault> {
    let field = if object.contains_key("label") { "label" } else { "kto_tag" };
    let found = match take(object, field) {
        Value::Null => Some(label),
        Value::String(word) if word.trim().is_empty() => Some(label),
        Value::String(word) => Label::from_word(&word),
        Value::Bool(good) => Some(if good { Label::Positive } else { Label::Negative }),
        Value::Number(number) => Label::from_word(&number.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    };
    found.ok_or_else(|| Fault::new(field, Label::EXPECTED))
}

/// A text that must be there and say something.
fn text(object: &mut Object, field: &str) -> Result<String, Fault> {
    match take(object, field) {
        Value::String(text) if text.trim().is_empty() => Err(Fault::new(field, "is empty")),
        Value::String(text) => Ok(text),
        Value::Null => Err(Fault::new(field, "is missing")),
        other => Err(Fault::new(field, format!("must be a string, found {}", kind(&other)))),
    }
}

/// A text that may be left out, be `null` or empty.
fn optional(object: &mut Object, field: &str) -> Result<Option<String>, Fault> {
    match take(object, field) {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other => Err(Fault::new(field, format!("must be a string, found {}", kind(&other)))),
    }
}

/// A conversation, checked, whose messages stand at `messages`.
fn example(messages: Vec<Message>, label: Label, extra: Object) -> Result<Example, Fault> {
    messages::check_conversation(&messages).map_or(Ok(()), Err)?;
    let mut example = Example::new(messages).with_label(label);
    example.extra = extra;
    Ok(example)
}

fn with_extra(mut pair: Preference, extra: Object) -> Preference {
    pair.extra = extra;
    pair
}

/// Whether an answer can be one: the assistant's, with something in it.
fn answer(message: Message, field: &str) -> Result<Message, Fault> {
    messages::check_answer(&message, field).map_or(Ok(message), Err)
}

#[cfg(test)]
mod tests;
