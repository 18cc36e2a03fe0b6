//! What TRL's trainers take: [dataset formats](https://huggingface.co/docs/trl/dataset_formats).

use openai_api::Message;
use serde_json::Value;

use super::openai::one_answer;
use super::{Object, answer, take, take_label, with_extra};
use crate::dataset::{Example, Label, Preference};
use crate::messages::{self, Fault};

/// `{"prompt":…,"completion":…}` with strings or messages, and a `label` for KTO.
pub(super) fn pair(mut object: Object, label: Label) -> Result<Example, Fault> {
    let label = take_label(&mut object, label)?;
    let mut list = prompt(&mut object)?;
    list.push(reply(&mut object, "completion")?);
    let mut example = Example::new(list).with_label(label);
    example.extra = object;
    Ok(example)
}

/// `{"prompt":…,"chosen":…,"rejected":…}` with strings or messages. Without a prompt, or where
/// they hold it too, `chosen` and `rejected` are conversations that begin alike.
pub(super) fn preference(mut object: Object) -> Result<Preference, Fault> {
    let is_whole = |field| matches!(object.get(field), Some(Value::Array(list)) if list.len() > 1);
    let has_prompt = object.get("prompt").is_some_and(|prompt| !prompt.is_null());
    if has_prompt && !(is_whole("chosen") && is_whole("rejected")) {
        let prompt = prompt(&mut object)?;
        let chosen = reply(&mut object, "chosen")?;
        let rejected = reply(&mut object, "rejected")?;
        return Ok(with_extra(Preference::new(prompt, chosen, rejected), object));
    }
    object.remove("prompt");
    let mut conversation = |field: &str| match take(&mut object, field) {
        Value::Null => Err(Fault::new(field, "is missing")),
        Value::String(_) => {
            Err(Fault::new(field, "is a string, and there is no prompt; add the prompt"))
        }
        value => messages::parse_list(value, field),
    };
    let (mut chosen, mut rejected) = (conversation("chosen")?, conversation("rejected")?);
    let (last, other) = (chosen.pop(), rejected.pop());
    let (Some(last), Some(other)) = (last, other) else {
        return Err(Fault::new("chosen", "must hold a question and an answer"));
    };
    if chosen != rejected {
        let message = "must begin with the same messages as chosen, and differ in the last alone";
        return Err(Fault::new("rejected", message));
    }
    messages::check_prompt(&chosen, "chosen").map_or(Ok(()), Err)?;
    let last = answer(last, &format!("chosen[{}]", chosen.len()))?;
    let other = answer(other, &format!("rejected[{}]", chosen.len()))?;
    Ok(with_extra(Preference::new(chosen, last, other), object))
}

/// `{"messages":[…],"chosen":{…},"rejected":{…}}`, as axolotl has it.
pub(super) fn preference_of_messages(mut object: Object) -> Result<Preference, Fault> {
    let prompt = messages::parse_list(take(&mut object, "messages"), "messages")?;
    messages::check_prompt(&prompt, "messages").map_or(Ok(()), Err)?;
    let mut reply = |field| match take(&mut object, field) {
        message @ Value::Object(_) => one_answer(Value::Array(vec![message]), field),
        other => one_answer(other, field),
    };
    let (chosen, rejected) = (reply("chosen")?, reply("rejected")?);
    Ok(with_extra(Preference::new(prompt, chosen, rejected), object))
}

fn prompt(object: &mut Object) -> Result<Vec<Message>, Fault> {
    match take(object, "prompt") {
        Value::String(text) if text.trim().is_empty() => Err(Fault::new("prompt", "is empty")),
        Value::String(text) => Ok(vec![Message::user(text)]),
        value => {
            let list = messages::parse_list(value, "prompt")?;
            messages::check_prompt(&list, "prompt").map_or(Ok(list), Err)
        }
    }
}

/// An answer: a string, or a list of one message.
fn reply(object: &mut Object, field: &str) -> Result<Message, Fault> {
    match take(object, field) {
        Value::Null => Err(Fault::new(field, "is missing")),
        Value::String(text) if text.trim().is_empty() => Err(Fault::new(field, "is empty")),
        Value::String(text) => Ok(Message::assistant(text)),
        list => one_answer(list, field),
    }
}
