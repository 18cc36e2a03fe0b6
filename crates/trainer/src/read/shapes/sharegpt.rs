//! ShareGPT's conversations, as [LLaMA-Factory](https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html)
//! and axolotl read them: turns of `from` and `value`.

use openai_api::{FunctionCall, Message, ToolCall};
use serde_json::{Value, json};

use super::{Object, answer, example, optional, take, take_label, text, with_extra};
use crate::dataset::{Example, Label, Preference};
use crate::messages::{self, Fault, kind};

/// `{"conversations":[{"from":"human","value":…},{"from":"gpt","value":…}],"system":…,"tools":…}`.
pub(super) fn conversation(mut object: Object, label: Label) -> Result<Example, Fault> {
    let label = take_label(&mut object, label)?;
    let list = turns(&mut object)?;
    example(list, label, object).map_err(|fault| Fault {
        field: fault.field.replacen("messages", "conversations", 1),
        ..fault
    })
}

/// The same, with the answer apart: `"chosen":{"from":"gpt",…},"rejected":{"from":"gpt",…}`.
pub(super) fn preference(mut object: Object) -> Result<Preference, Fault> {
    let prompt = turns(&mut object)?;
    messages::check_prompt(&prompt, "conversations").map_or(Ok(()), Err)?;
    let mut reply = |field: &str| {
        let message = turn(take(&mut object, field), field, &mut Calls::default())?;
        answer(message, field)
    };
    let (chosen, rejected) = (reply("chosen")?, reply("rejected")?);
    Ok(with_extra(Preference::new(prompt, chosen, rejected), object))
}

/// The turns behind the system prompt, and the tools in OpenAI's form.
fn turns(object: &mut Object) -> Result<Vec<Message>, Fault> {
    let Value::Array(turns) = take(object, "conversations") else {
        return Err(Fault::new("conversations", "must be an array"));
    };
    let mut list: Vec<Message> =
        optional(object, "system")?.map(Message::system).into_iter().collect();
    let mut calls = Calls::default();
    for (at, value) in turns.into_iter().enumerate() {
        list.push(turn(value, &format!("conversations[{at}]"), &mut calls)?);
    }
    if let Some(Value::String(tools)) = object.get("tools") {
        match serde_json::from_str(tools) {
            Ok(Value::Array(tools)) => {
                let tools = tools.into_iter().map(in_openai_form).collect();
                object.insert("tools".to_owned(), Value::Array(tools));
            }
            Ok(Value::Null) => _ = object.remove("tools"),
            Err(_) if tools.trim().is_empty() => _ = object.remove("tools"),
            Ok(_) | Err(_) => {
                return Err(Fault::new("tools", "must be a JSON array in a string"));
            }
        }
    }
    Ok(list)
}

/// The calls of tools so far, which ShareGPT does not name.
#[derive(Default)]
struct Calls {
    made: usize,
    answered: usize,
}

fn turn(value: Value, field: &str, calls: &mut Calls) -> Result<Message, Fault> {
    let Value::Object(mut turn) = value else {
        return Err(Fault::new(field, format!("must be an object, found {}", kind(&value))));
    };
    let inner = |fault: Fault| Fault { field: format!("{field}.{}", fault.field), ..fault };
    let from = text(&mut turn, "from").map_err(inner)?;
    let said = text(&mut turn, "value").map_err(inner)?;
    let mut message = match from.as_str() {
        "human" | "user" => Message::user(said),
        "gpt" | "assistant" | "chatgpt" | "bing" | "bard" | "claude" | "model" => {
            Message::assistant(said)
        }
        "system" => Message::system(said),
        "observation" | "tool" | "function_response" => {
            calls.answered += 1;
            Message::tool(call_id(calls.answered), said)
        }
        "function_call" => {
            let found = called(&said, calls);
            let tool_calls = found.ok_or_else(|| {
                let words = "must be a JSON object of name and arguments, or an array of them";
                Fault::new(format!("{field}.value"), words)
            })?;
            let mut message = Message::assistant("");
            (message.content, message.tool_calls) = (None, tool_calls);
            message
        }
        _ => {
            let words = "must be one of human, gpt, system, function_call, observation";
            return Err(Fault::new(format!("{field}.from"), words));
        }
    };
    if let Some(weight) = turn.remove("weight") {
        message.extra.insert("weight".to_owned(), weight);
    }
    Ok(message)
}

fn call_id(number: usize) -> String {
    format!("call_{number}")
}

/// The calls in the text of a turn.
fn called(said: &str, calls: &mut Calls) -> Option<Vec<ToolCall>> {
    let list = match serde_json::from_str(said).ok()? {
        Value::Array(list) if !list.is_empty() => list,
        object @ Value::Object(_) => vec![object],
        _ => return None,
    };
    let call = |value: Value| {
        let name = value.get("name")?.as_str()?.to_owned();
        let arguments = match value.get("arguments")? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        calls.made += 1;
        Some(ToolCall::new(call_id(calls.made), FunctionCall::new(name, arguments)))
    };
    list.into_iter().map(call).collect()
}

fn in_openai_form(tool: Value) -> Value {
    if tool.get("type").is_some_and(|kind| kind == "function") && tool.get("function").is_some() {
        return tool;
    }
    json!({ "type": "function", "function": tool })
}
