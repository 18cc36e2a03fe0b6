//! Examples from JSON Lines: one object on each line.

use std::path::Path;

use openai_api::Message;
use serde_json::{Map, Value};

use crate::dataset::{Dataset, Example, Label, Origin, Preference};
use crate::error::{Error, Problem, Result};
use crate::messages::{self, Fault, kind};
use crate::text::{Problems, decode, place, read_file, shown};

/// # JSON Lines
///
/// One object on each line; blank lines are left out. An object has one of these shapes:
///
/// | fields | what it is |
/// |---|---|
/// | `messages` | a conversation that ends with the assistant's answer, as OpenAI takes it |
/// | `input.messages`, `preferred_output`, `non_preferred_output` | a preference, as OpenAI takes it |
/// | `prompt`, `completion` | a question and its answer: strings, or arrays of messages as TRL has them |
///
/// A field `label` (`true` or `false`, `1` or `0`, `"positive"` or `"negative"`) beside the first
/// and the last says whether the answer is one to learn. Further fields, of a preference those of
/// `input`, are kept in `extra`.
impl Dataset {
    /// Reads a JSON Lines file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::InvalidData`] with up to 20 faults, each
    /// with its line and field, if something in it cannot be used.
    pub fn from_jsonl_file(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_labelled_jsonl_file(path.as_ref(), Label::Positive)
    }

    /// Reads JSON Lines text.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] with up to 20 faults, each with its line and field.
    ///
    /// # Examples
    ///
    /// ```
    /// use trainer::Dataset;
    ///
    /// let text = r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":""}]}"#;
    /// assert_eq!(
    ///     Dataset::from_jsonl_text(text).unwrap_err().to_string(),
    ///     "data, line 1, column messages[1].content: is empty; there is nothing to learn",
    /// );
    /// ```
    pub fn from_jsonl_text(text: &str) -> Result<Self> {
        Self::from_labelled_jsonl_text(text, Label::Positive)
    }

    /// Reads a JSON Lines file whose objects are labelled `label` where they do not say.
    pub(crate) fn from_labelled_jsonl_file(path: &Path, label: Label) -> Result<Self> {
        parse(&read_file(path)?, Some(path), label)
    }

    /// Reads JSON Lines text whose objects are labelled `label` where they do not say.
    pub(crate) fn from_labelled_jsonl_text(text: &str, label: Label) -> Result<Self> {
        parse(text.as_bytes(), None, label)
    }
}

fn parse(bytes: &[u8], file: Option<&Path>, label: Label) -> Result<Dataset> {
    let text = decode(bytes, file, "JSON Lines").map_err(Error::invalid_data)?;
    if text.trim_start().starts_with('[') {
        let message = "this is a JSON array; JSON Lines has one object on each line, \
                       with no array around them";
        return Err(Error::invalid_data(Problem::new(place(file, 1), message)));
    }
    let (mut set, mut problems) = (Dataset::default(), Problems::default());
    for (line, text) in (1..).zip(text.split('\n')) {
        if text.trim().is_empty() {
            continue;
        }
        let origin = place(file, line);
        if let Err(fault) = read_line(text, label, &origin, &mut set) {
            problems.push(problem(fault, origin));
        }
        if problems.is_full() {
            break;
        }
    }
    problems.or_ok(set)
}

fn problem(fault: Fault, origin: Origin) -> Problem {
    let origin = if fault.field.is_empty() { origin } else { origin.with_column(fault.field) };
    Problem::new(origin, fault.message)
}

/// Adds to `set` what a line holds.
fn read_line(text: &str, label: Label, origin: &Origin, set: &mut Dataset) -> Result<(), Fault> {
    let object = match messages::parse_json(text)? {
        Value::Object(object) => object,
        other => {
            return Err(Fault::new("", format!("must be an object, found {}", kind(&other))));
        }
    };
    let has = |field: &str| object.contains_key(field);
    if has("messages") {
        set.examples.push(chat(object, label)?.with_origin(origin.clone()));
    } else if has("preferred_output") || has("non_preferred_output") {
        set.preferences.push(preference(object)?.with_origin(origin.clone()));
    } else if has("prompt") && has("completion") {
        set.examples.push(pair(object, label)?.with_origin(origin.clone()));
    } else {
        return Err(Fault::new("", unknown_shape(&object)));
    }
    Ok(())
}

fn unknown_shape(object: &Map<String, Value>) -> String {
    let names: Vec<&str> = object.keys().map(String::as_str).collect();
    let found = match names.as_slice() {
        [] => "no field".to_owned(),
        names => shown(names.iter().copied()),
    };
    format!(
        "found {found}; expected messages, or prompt and completion, or input, preferred_output \
         and non_preferred_output"
    )
}

fn chat(mut object: Map<String, Value>, label: Label) -> Result<Example, Fault> {
    let label = take_label(&mut object, label)?;
    let list = messages::parse_list(take(&mut object, "messages"), "messages")?;
    messages::check_conversation(&list).map_or(Ok(()), Err)?;
    let mut example = Example::new(list).with_label(label);
    example.extra = object;
    Ok(example)
}

fn preference(mut object: Map<String, Value>) -> Result<Preference, Fault> {
    let mut input = match take(&mut object, "input") {
        Value::Object(input) => input,
        Value::Null => return Err(Fault::new("input", "is missing")),
        other => {
            let message = format!("must be an object, found {}", kind(&other));
            return Err(Fault::new("input", message));
        }
    };
    let prompt = messages::parse_list(take(&mut input, "messages"), "input.messages")?;
    messages::check_prompt(&prompt, "input.messages").map_or(Ok(()), Err)?;
    let preferred = one_answer(&mut object, "preferred_output")?;
    let rejected = one_answer(&mut object, "non_preferred_output")?;
    let mut pair = Preference::new(prompt, preferred, rejected);
    pair.extra = input;
    Ok(pair)
}

fn one_answer(object: &mut Map<String, Value>, field: &str) -> Result<Message, Fault> {
    let list = messages::parse_list(take(object, field), field)?;
    let Ok([answer]) = <[Message; 1]>::try_from(list) else {
        return Err(Fault::new(field, "must hold exactly one message"));
    };
    messages::check_answer(&answer, &format!("{field}[0]")).map_or(Ok(answer), Err)
}

fn pair(mut object: Map<String, Value>, label: Label) -> Result<Example, Fault> {
    let label = take_label(&mut object, label)?;
    let empty = |field: &str| Fault::new(field, "is empty");
    let mut list = match take(&mut object, "prompt") {
        Value::String(text) if text.trim().is_empty() => return Err(empty("prompt")),
        Value::String(text) => vec![Message::user(text)],
        value => {
            let list = messages::parse_list(value, "prompt")?;
            messages::check_prompt(&list, "prompt").map_or(Ok(list), Err)?
        }
    };
    list.push(match object.get("completion") {
        Some(Value::String(text)) if text.trim().is_empty() => return Err(empty("completion")),
        Some(Value::String(text)) => Message::assistant(text.as_str()),
        _ => one_answer(&mut object, "completion")?,
    });
    object.remove("completion");
    let mut example = Example::new(list).with_label(label);
    example.extra = object;
    Ok(example)
}

fn take(object: &mut Map<String, Value>, field: &str) -> Value {
    object.remove(field).unwrap_or_default()
}

fn take_label(object: &mut Map<String, Value>, label: Label) -> Result<Label, Fault> {
    let found = match take(object, "label") {
        Value::Null => Some(label),
        Value::String(word) if word.trim().is_empty() => Some(label),
        Value::String(word) => Label::from_word(&word),
        Value::Bool(good) => Some(if good { Label::Positive } else { Label::Negative }),
        Value::Number(number) => Label::from_word(&number.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    };
    found.ok_or_else(|| Fault::new("label", Label::EXPECTED))
}

#[cfg(test)]
mod tests;
