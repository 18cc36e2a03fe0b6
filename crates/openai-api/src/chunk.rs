//! Chat completions that come in chunks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::chat::{ChatCompletion, Choice, FinishReason, Usage};
use crate::error::{Error, Result};
use crate::message::{Content, Message, Role};
use crate::model::{ModelId, unnamed};
use crate::serde_util::{is_default, null_as_default};
use crate::tool::{FunctionCall, ToolCall};

/// One chunk of a streamed answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatChunk {
    /// The server's id for the answer, the same in each chunk.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// When it was made, in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created: u64,
    /// The model that answers.
    #[serde(default = "unnamed")]
    pub model: ModelId,
    /// What is new; empty in a chunk that only tells the usage.
    #[serde(default, deserialize_with = "null_as_default")]
    pub choices: Vec<ChunkChoice>,
    /// How many tokens it took, in the last chunk where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The server's id for the HTTP exchange, from its headers.
    #[serde(skip)]
    pub request_id: Option<String>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ChatChunk {
    /// A chunk of one answer, as a backend in process makes it.
    pub fn new(
        id: impl Into<String>,
        model: impl Into<ModelId>,
        delta: Delta,
        finish_reason: Option<FinishReason>,
    ) -> Self {
        let object = ("object".to_owned(), Value::from("chat.completion.chunk"));
        Self {
            id: id.into(),
            created: 0,
            model: model.into(),
            choices: vec![ChunkChoice { index: 0, delta, finish_reason, extra: Map::new() }],
            usage: None,
            request_id: None,
            extra: Map::from_iter([object]),
        }
    }

    /// The text that the first answer grows by; empty when it does not.
    #[must_use]
    pub fn text(&self) -> &str {
        self.choices.first().and_then(|choice| choice.delta.content.as_deref()).unwrap_or_default()
    }
}

/// What is new in one of the answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChunkChoice {
    /// Its place among the answers.
    #[serde(default, deserialize_with = "null_as_default")]
    pub index: u32,
    /// What to append.
    #[serde(default, deserialize_with = "null_as_default")]
    pub delta: Delta,
    /// Why it ended, in its last chunk.
    #[serde(default)]
    pub finish_reason: Option<FinishReason>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What an answer grows by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Delta {
    /// The role, in the first chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Text to append.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Text to append to the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Pieces of tool calls.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallDelta>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Delta {
    /// The first chunk's: the assistant begins to speak.
    #[must_use]
    pub fn begin() -> Self {
        Self { role: Some(Role::Assistant), content: Some(String::new()), ..Self::default() }
    }

    /// Text to append.
    pub fn text(content: impl Into<String>) -> Self {
        Self { content: Some(content.into()), ..Self::default() }
    }
}

/// A piece of a tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolCallDelta {
    /// Which of the calls it belongs to.
    #[serde(default, deserialize_with = "null_as_default")]
    pub index: u32,
    /// The call's id, in its first piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The kind of call, in its first piece.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A piece of the name and of the arguments; empty for a call of another kind.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub function: FunctionCall,
    /// Fields this version does not know, such as a piece of `custom`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Puts the chunks of a stream together into the whole answer.
///
/// ```
/// use openai_api::{ChatAccumulator, ChatChunk, Delta, FinishReason};
///
/// let mut answer = ChatAccumulator::default();
/// answer.push(ChatChunk::new("c1", "m", Delta::text("Hel"), None));
/// answer.push(ChatChunk::new("c1", "m", Delta::text("lo"), Some(FinishReason::Stop)));
/// assert_eq!(answer.finish().unwrap().text(), "Hello");
/// ```
#[derive(Debug, Default)]
pub struct ChatAccumulator {
    completion: Option<ChatCompletion>,
}

impl ChatAccumulator {
    /// Takes the next chunk.
    pub fn push(&mut self, chunk: ChatChunk) {
        let completion = self.completion.get_or_insert_with(|| {
            let mut empty = ChatCompletion::new(
                chunk.model.clone(),
                Message::assistant(""),
                FinishReason::Stop,
            );
            empty.choices.clear();
            empty
        });
        if completion.id.is_empty() {
            completion.id = chunk.id;
        }
        if completion.created == 0 {
            completion.created = chunk.created;
        }
        if completion.model.as_str().is_empty() {
            completion.model = chunk.model;
        }
        completion.usage = chunk.usage.or(completion.usage.take());
        completion.request_id = chunk.request_id.or(completion.request_id.take());
        for piece in chunk.choices {
            let choice = choice_at(&mut completion.choices, piece.index);
            choice.finish_reason = piece.finish_reason.or(choice.finish_reason.take());
            append(&mut choice.message, piece.delta);
        }
    }

    /// The whole answer.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] if no chunk came, or an answer has no finish reason: the stream was
    /// cut short.
    pub fn finish(self) -> Result<ChatCompletion> {
        let completion = self.completion.ok_or(Error::Truncated)?;
        let cut = completion.choices.iter().any(|choice| choice.finish_reason.is_none());
        if cut || completion.choices.is_empty() { Err(Error::Truncated) } else { Ok(completion) }
    }
}

fn choice_at(choices: &mut Vec<Choice>, index: u32) -> &mut Choice {
    let place = match choices.iter().position(|choice| choice.index == index) {
        Some(place) => place,
        None => {
            let message = Message::assistant("");
            choices.push(Choice { index, message, finish_reason: None, extra: Map::new() });
            choices.len() - 1
        }
    };
    &mut choices[place]
}

fn append(message: &mut Message, delta: Delta) {
    if let (Some(more), Some(Content::Text(text))) = (delta.content, &mut message.content) {
        text.push_str(&more);
    }
    if let Some(more) = delta.refusal {
        message.refusal.get_or_insert_default().push_str(&more);
    }
    for piece in delta.tool_calls {
        // An index far past the end is a server's slip, not a reason to fill the gap.
        let place = (piece.index as usize).min(message.tool_calls.len());
        if place == message.tool_calls.len() {
            message.tool_calls.push(ToolCall::new("", FunctionCall::default()));
        }
        let call = &mut message.tool_calls[place];
        if let Some(id) = piece.id {
            call.id = id;
        }
        if let Some(kind) = piece.kind {
            call.kind = kind;
        }
        call.function.name.push_str(&piece.function.name);
        call.function.arguments.push_str(&piece.function.arguments);
        merge(&mut call.function.extra, piece.function.extra);
        merge(&mut call.extra, piece.extra);
    }
}

/// Puts unknown fields together as known ones are: texts grow, objects merge, the rest is replaced.
fn merge(fields: &mut Map<String, Value>, pieces: Map<String, Value>) {
    for (name, piece) in pieces {
        match (fields.get_mut(&name), piece) {
            (_, Value::Null) => {}
            (Some(Value::String(text)), Value::String(more)) => text.push_str(&more),
            (Some(Value::Object(fields)), Value::Object(pieces)) => merge(fields, pieces),
            (_, piece) => {
                fields.insert(name, piece);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(json: &str) -> ChatChunk {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn chunks_add_up_to_the_whole_answer() {
        let mut answer = ChatAccumulator::default();
        answer.push(chunk(
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}"#,
        ));
        answer.push(chunk(r#"{"choices":[{"index":0,"delta":{"content":"Hel"}}]}"#));
        answer.push(chunk(r#"{"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}"#));
        answer.push(chunk(r#"{"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":2}}"#));
        let answer = answer.finish().unwrap();
        assert_eq!((answer.id.as_str(), answer.text().as_str()), ("c", "Hello"));
        assert_eq!(answer.finish_reason(), Some(&FinishReason::Stop));
        assert_eq!(answer.usage.unwrap().prompt_tokens, 3);
    }

    #[test]
    fn tool_calls_are_put_together_from_their_pieces() {
        let mut answer = ChatAccumulator::default();
        answer.push(chunk(
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"t1","function":{"name":"f","arguments":"{\"a\""}}]}}]}"#,
        ));
        answer.push(chunk(
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},"finish_reason":"tool_calls"}]}"#,
        ));
        let answer = answer.finish().unwrap();
        let call = &answer.choices[0].message.tool_calls[0];
        assert_eq!((call.id.as_str(), call.function.arguments.as_str()), ("t1", r#"{"a":1}"#));
    }

    #[test]
    fn a_call_of_another_kind_is_put_together_with_what_is_unknown() {
        let mut answer = ChatAccumulator::default();
        for piece in [
            r#"{"index":0,"id":"t","type":"custom","custom":{"name":"c","input":""},"x":1}"#,
            r#"{"index":0,"custom":{"input":"so "},"x":null}"#,
            r#"{"index":0,"custom":{"input":"be it"},"x":2}"#,
        ] {
            let delta: ToolCallDelta = serde_json::from_str(piece).unwrap();
            let written = serde_json::to_value(&delta).unwrap();
            assert_eq!(written, serde_json::from_str::<Value>(piece).unwrap());
            let delta = Delta { tool_calls: vec![delta], ..Delta::default() };
            answer.push(ChatChunk::new("c", "m", delta, None));
        }
        let reason = Some(FinishReason::ToolCalls);
        answer.push(ChatChunk::new("c", "m", Delta::default(), reason));
        let answer = answer.finish().unwrap();
        assert_eq!(
            serde_json::to_value(&answer.choices[0].message.tool_calls).unwrap(),
            serde_json::json!([
                {"id": "t", "type": "custom", "custom": {"name": "c", "input": "so be it"}, "x": 2}
            ])
        );
    }

    #[test]
    fn a_piece_of_a_call_survives_a_round_trip() {
        for piece in [
            r#"{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}"#,
            r#"{"index":1,"function":{"arguments":"{}","thought":"t"},"extra_content":{"a":[1]}}"#,
        ] {
            let delta: ToolCallDelta = serde_json::from_str(piece).unwrap();
            assert_eq!(
                serde_json::to_value(&delta).unwrap(),
                serde_json::from_str::<Value>(piece).unwrap()
            );
        }
    }

    #[test]
    fn a_stream_without_a_finish_reason_is_truncated() {
        let mut answer = ChatAccumulator::default();
        answer.push(chunk(r#"{"choices":[{"delta":{"content":"Hel"}}]}"#));
        assert!(matches!(answer.finish(), Err(Error::Truncated)));
        assert!(matches!(ChatAccumulator::default().finish(), Err(Error::Truncated)));
    }
}
