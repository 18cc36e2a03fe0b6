//! Chat completions: the request and the whole answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::message::Message;
use crate::model::{ModelId, unnamed};
use crate::open_enum::open_enum;
use crate::serde_util::null_as_default;
use crate::tool::Tool;

/// A request for a chat completion.
///
/// What is `None` is left to the server's default and is not sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatRequest {
    /// Which model to ask.
    pub model: ModelId,
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// Sampling temperature, `0.0..=2.0`; 0 is greedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Nucleus sampling, `0.0..=1.0`: only the most likely tokens that make up this share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// At most this many tokens in the answer; what compatible servers know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// At most this many tokens in the answer, reasoning included; what OpenAI's newer models want.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u32>,
    /// Texts at which the answer ends; they are not part of it.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// The same seed and request should give the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// The form the answer must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// The tools that the model may call.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether the answer comes in chunks; set by the backend, not by the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// What a stream carries besides text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
    /// Fields this version does not know; sent as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ChatRequest {
    /// Asks `model` to continue `messages`.
    pub fn new(model: impl Into<ModelId>, messages: Vec<Message>) -> Self {
        Self {
            model: model.into(),
            messages,
            temperature: None,
            top_p: None,
            max_tokens: None,
            max_completion_tokens: None,
            stop: Vec::new(),
            seed: None,
            response_format: None,
            tools: Vec::new(),
            stream: None,
            stream_options: None,
            extra: Map::new(),
        }
    }

    /// Sets the sampling temperature, `0.0..=2.0`.
    #[must_use]
    pub fn with_temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets nucleus sampling, `0.0..=1.0`.
    #[must_use]
    pub fn with_top_p(mut self, top_p: f32) -> Self {
        self.top_p = Some(top_p);
        self
    }

    /// Limits the answer to this many tokens, by the name that compatible servers know.
    #[must_use]
    pub fn with_max_tokens(mut self, max_tokens: u32) -> Self {
        self.max_tokens = Some(max_tokens);
        self
    }

    /// Limits the answer to this many tokens, reasoning included, by the name that OpenAI's newer
    /// models want.
    ///
    /// They refuse `max_tokens`, so do not set both.
    #[must_use]
    pub fn with_max_completion_tokens(mut self, max_tokens: u32) -> Self {
        self.max_completion_tokens = Some(max_tokens);
        self
    }

    /// Ends the answer at the first of these texts.
    #[must_use]
    pub fn with_stop(mut self, stop: Vec<String>) -> Self {
        self.stop = stop;
        self
    }

    /// Asks for the same answer each time.
    #[must_use]
    pub fn with_seed(mut self, seed: i64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the form the answer must have.
    #[must_use]
    pub fn with_response_format(mut self, format: ResponseFormat) -> Self {
        self.response_format = Some(format);
        self
    }

    /// The limit on the answer's tokens, by either of its names.
    #[must_use]
    pub fn token_limit(&self) -> Option<u32> {
        self.max_completion_tokens.or(self.max_tokens)
    }
}

/// What a stream carries besides text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StreamOptions {
    /// Whether the last chunk tells the usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_usage: Option<bool>,
    /// Fields this version does not know, such as `include_obfuscation`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl StreamOptions {
    /// Asks for the usage in the last chunk.
    #[must_use]
    pub fn with_usage() -> Self {
        Self { include_usage: Some(true), extra: Map::new() }
    }
}

/// The form an answer must have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The schema and its name, for `json_schema`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<Value>,
    /// Fields this version does not know, such as `grammar`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ResponseFormat {
    /// Any JSON object.
    #[must_use]
    pub fn json_object() -> Self {
        Self { kind: "json_object".to_owned(), json_schema: None, extra: Map::new() }
    }

    /// JSON that fits `schema`, strictly.
    #[must_use]
    pub fn json_schema(name: &str, schema: Value) -> Self {
        let json_schema = serde_json::json!({"name": name, "schema": schema, "strict": true});
        Self { kind: "json_schema".to_owned(), json_schema: Some(json_schema), extra: Map::new() }
    }
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatCompletion {
    /// The server's id for the answer.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// When it was made, in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created: u64,
    /// The model that answered, which may be a dated form of the one asked for.
    #[serde(default = "unnamed")]
    pub model: ModelId,
    /// The answers, one unless more were asked for.
    #[serde(default, deserialize_with = "null_as_default")]
    pub choices: Vec<Choice>,
    /// How many tokens it took, where the server counts them.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// The server's id for the HTTP exchange, from its headers.
    #[serde(skip)]
    pub request_id: Option<String>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ChatCompletion {
    /// A completion with one answer, as a backend in process makes it.
    pub fn new(model: impl Into<ModelId>, message: Message, finish_reason: FinishReason) -> Self {
        let object = ("object".to_owned(), Value::from("chat.completion"));
        Self {
            id: String::new(),
            created: 0,
            model: model.into(),
            choices: vec![Choice {
                index: 0,
                message,
                finish_reason: Some(finish_reason),
                extra: Map::new(),
            }],
            usage: None,
            request_id: None,
            extra: Map::from_iter([object]),
        }
    }

    /// The first answer's text; empty when the model only called tools.
    #[must_use]
    pub fn text(&self) -> String {
        self.choices.first().map(|choice| choice.message.text()).unwrap_or_default()
    }

    /// Why the first answer ended.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.choices.first()?.finish_reason.as_ref()
    }
}

/// One of the answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Choice {
    /// Its place among the answers.
    #[serde(default, deserialize_with = "null_as_default")]
    pub index: u32,
    /// What the model says.
    pub message: Message,
    /// Why it ended.
    #[serde(default)]
    pub finish_reason: Option<FinishReason>,
    /// Fields this version does not know, such as `logprobs`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

open_enum! {
    /// Why an answer ended.
    pub enum FinishReason {
        /// The model was done, or came to a stop text.
        Stop = "stop",
        /// The limit on tokens, or the context window, was reached.
        Length = "length",
        /// The model wants tools called.
        ToolCalls = "tool_calls",
        /// A filter took the answer away.
        ContentFilter = "content_filter",
    }
}

/// How many tokens an answer took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of the request.
    #[serde(default, deserialize_with = "null_as_default")]
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    #[serde(default, deserialize_with = "null_as_default")]
    pub completion_tokens: u64,
    /// Both together.
    #[serde(default, deserialize_with = "null_as_default")]
    pub total_tokens: u64,
    /// Fields this version does not know, such as `prompt_tokens_details`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Usage {
    /// Counts of tokens in the request and in the answer.
    #[must_use]
    pub fn new(prompt_tokens: u64, completion_tokens: u64) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
            extra: Map::new(),
        }
    }
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::deserialize(deserializer)? {
        None => Vec::new(),
        Some(OneOrMany::One(text)) => vec![text],
        Some(OneOrMany::Many(texts)) => texts,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_unknown_within_a_request_survives_a_round_trip() {
        let sent = json!({
            "model": "m",
            "messages": [],
            "tools": [{"type": "custom", "custom": {"name": "c"}}],
            "response_format": {"type": "grammar", "grammar": "root ::= 'x'"},
            "stream_options": {"include_usage": true, "include_obfuscation": false},
            "reasoning_effort": "low",
        });
        let request: ChatRequest = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(serde_json::to_value(&request).unwrap(), sent);
    }

    #[test]
    fn the_limit_on_tokens_goes_out_by_the_name_it_was_set_by() {
        let limits = |request: ChatRequest| {
            let sent = serde_json::to_value(&request).unwrap();
            let limit = request.token_limit();
            (sent["max_tokens"].clone(), sent["max_completion_tokens"].clone(), limit)
        };
        let request = || ChatRequest::new("m", Vec::new());
        assert_eq!(limits(request().with_max_tokens(5)), (json!(5), Value::Null, Some(5)));
        let newer = request().with_max_completion_tokens(6);
        assert_eq!(limits(newer), (Value::Null, json!(6), Some(6)));
    }
}
