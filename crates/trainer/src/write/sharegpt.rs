//! ShareGPT's lines, in the variant that [LLaMA-Factory](https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html)
//! reads: text alone, with calls of tools as turns of their own.

use std::collections::BTreeMap;

use openai_api::{Content, Message, Role, ToolCall};
use serde::Serialize;
use serde_json::Value;

use super::{Kind, PairForm, Riders, push};
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

pub(super) fn example(
    kind: Kind,
    example: &Example,
    extra: &Riders,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut line = Line::of(&example.messages, extra, "messages")?;
    line.kto_tag = (kind == Kind::Unpaired).then_some(example.label == Label::Positive);
    push(out, &line)
}

pub(super) fn preference(
    pair: &Preference,
    extra: &Riders,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut line = Line::of(&pair.prompt, extra, "prompt")?;
    line.chosen = Some(Turn::of(&pair.preferred, "chosen")?);
    line.rejected = Some(Turn::of(&pair.rejected, "rejected")?);
    push(out, &line)
}

/// The turns, and beside them the tools as text.
#[derive(Serialize)]
struct Line<'a> {
    conversations: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen: Option<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kto_tag: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<String>,
    #[serde(flatten)]
    extra: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Line<'a> {
    fn of(messages: &'a [Message], extra: &'a Riders, field: &str) -> Result<Self, Fault> {
        let turns = messages.iter().enumerate();
        let turns = turns.map(|(at, message)| Turn::of(message, &format!("{field}[{at}]")));
        let others = extra.iter().filter(|(name, _)| *name != "tools");
        Ok(Self {
            conversations: turns.collect::<Result<_, Fault>>()?,
            chosen: None,
            rejected: None,
            kto_tag: None,
            tools: tools(extra)?,
            extra: others.map(|(name, value)| (name.as_str(), value)).collect(),
        })
    }
}

/// The tools as text, without OpenAI's wrapping of the functions.
fn tools(extra: &Riders) -> Result<Option<String>, Fault> {
    match extra.get("tools") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(tools)) => {
            let bare = tools.iter().map(|tool| tool.get("function").unwrap_or(tool));
            Ok(Some(Value::from_iter(bare.cloned()).to_string()))
        }
        Some(Value::String(text)) if serde_json::from_str::<Vec<Value>>(text).is_ok() => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Fault::new("tools", "must be an array, or one as JSON in a string")),
    }
}

#[derive(Serialize)]
struct Turn<'a> {
    from: &'static str,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<&'a Value>,
}

impl<'a> Turn<'a> {
    fn of(message: &'a Message, field: &str) -> Result<Self, Fault> {
        let fault = |part: &str, words: &str| Err(Fault::new(format!("{field}.{part}"), words));
        if let Some(Content::Parts(parts)) = &message.content
            && parts.iter().any(|part| part.text().is_none())
        {
            return fault("content", "has parts other than text, for which ShareGPT has no form");
        }
        let said = message.text();
        let (from, value) = match &message.role {
            Role::System | Role::Developer => ("system", said),
            Role::User => ("human", said),
            Role::Tool => ("observation", said),
            Role::Assistant if message.tool_calls.is_empty() => ("gpt", said),
            Role::Assistant if said.trim().is_empty() => {
                ("function_call", calls(&message.tool_calls)?)
            }
            Role::Assistant => {
                let words = "stands beside calls of tools, for which ShareGPT has no form";
                return fault("content", words);
            }
            _ => return fault("role", "is one for which ShareGPT has no form"),
        };
        if value.trim().is_empty() {
            // A refusal, for example.
            return fault("content", "is empty, for which ShareGPT has no form");
        }
        Ok(Self { from, value, weight: message.extra.get("weight") })
    }
}

/// Calls as JSON text: one by itself, several in an array.
fn calls(calls: &[ToolCall]) -> Result<String, Fault> {
    let calls: Vec<Call<'_>> = calls.iter().map(Call::of).collect();
    let written = match &calls[..] {
        [call] => serde_json::to_string(call),
        calls => serde_json::to_string(calls),
    };
    written.map_err(|_| Fault::new("tool_calls", "cannot be written as JSON"))
}

#[derive(Serialize)]
struct Call<'a> {
    name: &'a str,
    arguments: Value,
}

impl<'a> Call<'a> {
    fn of(call: &'a ToolCall) -> Self {
        let text = &call.function.arguments;
        // What is no JSON is passed on as the text that it is.
        let arguments = serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into());
        Self { name: &call.function.name, arguments }
    }
}
