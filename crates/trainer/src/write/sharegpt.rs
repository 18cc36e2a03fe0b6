//! ShareGPT's lines, in the variant that [LLaMA-Factory](https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html)
//! reads: text alone, with calls of tools as turns of their own.

use openai_api::{Content, Message, Role};
use serde_json::{Map, Value, json};

use super::{Kind, PairForm, push};
use crate::dataset::{Example, Label, Preference};
use crate::messages::Fault;

pub(super) const PAIR: PairForm = PairForm {
    open: r#"{"conversations":["#,
    system: r#"{"from":"system","value":""#,
    next: r#""},"#,
    user: r#"{"from":"human","value":""#,
    assistant: r#""},{"from":"gpt","value":""#,
    close: r#""}]"#,
    label: "kto_tag",
};

pub(super) fn example(kind: Kind, example: &Example, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut line = conversation(&example.messages, &example.extra, "messages")?;
    if kind == Kind::Unpaired {
        line.insert("kto_tag".to_owned(), (example.label == Label::Positive).into());
    }
    push(out, &line)
}

pub(super) fn preference(pair: &Preference, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut line = conversation(&pair.prompt, &pair.extra, "prompt")?;
    line.insert("chosen".to_owned(), turn(&pair.preferred, "chosen")?);
    line.insert("rejected".to_owned(), turn(&pair.rejected, "rejected")?);
    push(out, &line)
}

/// The turns, and beside them the tools as text.
fn conversation(
    messages: &[Message],
    extra: &Map<String, Value>,
    field: &str,
) -> Result<Map<String, Value>, Fault> {
    let turns = messages.iter().enumerate();
    let turns: Result<Vec<Value>, Fault> =
        turns.map(|(at, message)| turn(message, &format!("{field}[{at}]"))).collect();
    let mut line = Map::new();
    line.insert("conversations".to_owned(), Value::Array(turns?));
    for (name, value) in extra {
        let value = match (name.as_str(), value) {
            ("tools", Value::Array(tools)) => Value::String(Value::from(bare(tools)).to_string()),
            _ => value.clone(),
        };
        line.insert(name.clone(), value);
    }
    Ok(line)
}

/// The functions without OpenAI's wrapping.
fn bare(tools: &[Value]) -> Vec<Value> {
    tools.iter().map(|tool| tool.get("function").unwrap_or(tool).clone()).collect()
}

fn turn(message: &Message, field: &str) -> Result<Value, Fault> {
    let fault = |part: &str, words: &str| Err(Fault::new(format!("{field}.{part}"), words));
    if let Some(Content::Parts(_)) = &message.content
        && !message.content.as_ref().is_some_and(is_text)
    {
        return fault("content", "has parts other than text, for which ShareGPT has no form");
    }
    let said = message.text();
    let from = match &message.role {
        Role::System | Role::Developer => "system",
        Role::User => "human",
        Role::Tool => "observation",
        Role::Assistant if message.tool_calls.is_empty() => "gpt",
        Role::Assistant => {
            if !said.trim().is_empty() {
                let words = "stands beside calls of tools, for which ShareGPT has no form";
                return fault("content", words);
            }
            let calls: Vec<Value> = message
                .tool_calls
                .iter()
                .map(|call| {
                    let arguments = &call.function.arguments;
                    let arguments = serde_json::from_str(arguments)
                        .unwrap_or_else(|_| Value::String(arguments.clone()));
                    json!({ "name": call.function.name, "arguments": arguments })
                })
                .collect();
            let value = match <[Value; 1]>::try_from(calls) {
                Ok([call]) => call.to_string(),
                Err(calls) => Value::Array(calls).to_string(),
            };
            return Ok(json!({ "from": "function_call", "value": value }));
        }
        _ => return fault("role", "is one for which ShareGPT has no form"),
    };
    let mut turn = json!({ "from": from, "value": said });
    if let Some(weight) = message.extra.get("weight") {
        turn["weight"] = weight.clone();
    }
    Ok(turn)
}

fn is_text(content: &Content) -> bool {
    match content {
        Content::Parts(parts) => parts.iter().all(|part| part.text().is_some()),
        Content::Text(_) => true,
        _ => false,
    }
}
