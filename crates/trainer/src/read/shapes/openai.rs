//! What OpenAI's fine-tuning takes: [supervised](https://platform.openai.com/docs/guides/supervised-fine-tuning)
//! and [preferences](https://platform.openai.com/docs/guides/direct-preference-optimization).

use openai_api::Message;
use serde_json::Value;

use super::{Object, answer, example, take, take_label, with_extra};
use crate::dataset::{Example, Label, Preference};
use crate::messages::{self, Fault, kind};

/// `{"messages":[…]}`.
pub(super) fn chat(mut object: Object, label: Label) -> Result<Example, Fault> {
    let label = take_label(&mut object, label)?;
    let list = messages::parse_list(take(&mut object, "messages"), "messages")?;
    example(list, label, object)
}

/// `{"input":{"messages":[…]},"preferred_output":[…],"non_preferred_output":[…]}`.
pub(super) fn preference(mut object: Object) -> Result<Preference, Fault> {
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
    let preferred = one_answer(take(&mut object, "preferred_output"), "preferred_output")?;
    let rejected = one_answer(take(&mut object, "non_preferred_output"), "non_preferred_output")?;
    Ok(with_extra(Preference::new(prompt, preferred, rejected), input))
}

/// A list of one message, the assistant's.
pub(super) fn one_answer(list: Value, field: &str) -> Result<Message, Fault> {
    let list = messages::parse_list(list, field)?;
    let Ok([message]) = <[Message; 1]>::try_from(list) else {
        return Err(Fault::new(field, "must hold exactly one message"));
    };
    answer(message, &format!("{field}[0]"))
}
