//! Chat completions: the request and the whole answer.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::message::{Content, Message};
use crate::meta::Meta;
use crate::model::ModelId;
use crate::open_enum::open_enum;
use crate::tool::Tool;
use crate::wire::{Field as _, wire};

wire! {
    /// A request for a chat completion.
    ///
    /// What is `None` is left to the server's default and is not sent.
    pub struct ChatRequest {
        /// Which model to ask.
        pub model: ModelId = required,
        /// The conversation so far, oldest first.
        pub messages: Vec<Message> = required,
        /// Sampling temperature, `0.0..=2.0`; 0 is greedy.
        pub temperature: Option<f32>,
        /// Nucleus sampling, `0.0..=1.0`: only the most likely tokens that make up this share.
        pub top_p: Option<f32>,
        /// At most this many tokens in the answer; what compatible servers know.
        pub max_tokens: Option<u32>,
        /// At most this many tokens in the answer, reasoning included; what OpenAI's newer models want.
        pub max_completion_tokens: Option<u32>,
        /// Texts at which the answer ends; they are not part of it.
        pub stop: Vec<String>,
        /// The same seed and request should give the same answer.
        pub seed: Option<i64>,
        /// The form the answer must have.
        pub response_format: Option<ResponseFormat>,
        /// The tools that the model may call.
        pub tools: Vec<Tool>,
        /// `auto`, `none`, `required`, or an object that names a tool.
        pub tool_choice: Option<Value>,
        /// Whether the model may call several tools at once.
        pub parallel_tool_calls: Option<bool>,
        /// How long the model thinks before it answers.
        pub reasoning_effort: Option<ReasoningEffort>,
        /// How many answers to give.
        pub n: Option<u32>,
        /// How much to shun what was said at all, `-2.0..=2.0`.
        pub presence_penalty: Option<f32>,
        /// How much to shun what was said often, `-2.0..=2.0`.
        pub frequency_penalty: Option<f32>,
        /// Whether to tell how likely each token was.
        pub logprobs: Option<bool>,
        /// For how many tokens in each place, at most 20.
        pub top_logprobs: Option<u32>,
        /// `auto`, `default`, `flex` or `priority`.
        pub service_tier: Option<String>,
        /// Whether the server keeps the answer.
        pub store: Option<bool>,
        /// Pairs to find a stored answer by; at most 16.
        pub metadata: Map<String, Value>,
        /// Who asks, for the server to tell its users apart.
        pub user: Option<String>,
        /// Whether the answer comes in chunks; set by the backend, not by the caller.
        pub stream: Option<bool>,
        /// What a stream carries besides text; a client leaves a blank one out, and asks for the
        /// [usage](StreamOptions::with_usage) where there is none.
        pub stream_options: Option<StreamOptions>,
    }
}

impl ChatRequest {
    /// Asks `model` to continue `messages`.
    pub fn new(model: impl Into<ModelId>, messages: Vec<Message>) -> Self {
        Self { model: model.into(), messages, ..Self::blank() }
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

    /// Sets the tools that the model may call.
    #[must_use]
    pub fn with_tools(mut self, tools: Vec<Tool>) -> Self {
        self.tools = tools;
        self
    }

    /// Sets whether tools are called: `auto`, `none`, `required`, or an object that names one.
    #[must_use]
    pub fn with_tool_choice(mut self, choice: impl Into<Value>) -> Self {
        self.tool_choice = Some(choice.into());
        self
    }

    /// Sets whether the model may call several tools at once.
    #[must_use]
    pub fn with_parallel_tool_calls(mut self, parallel: bool) -> Self {
        self.parallel_tool_calls = Some(parallel);
        self
    }

    /// Sets how long the model thinks before it answers.
    #[must_use]
    pub fn with_reasoning_effort(mut self, effort: ReasoningEffort) -> Self {
        self.reasoning_effort = Some(effort);
        self
    }

    /// Asks for so many answers at once.
    #[must_use]
    pub fn with_n(mut self, n: u32) -> Self {
        self.n = Some(n);
        self
    }

    /// Sets how much to shun what was said at all, `-2.0..=2.0`.
    #[must_use]
    pub fn with_presence_penalty(mut self, penalty: f32) -> Self {
        self.presence_penalty = Some(penalty);
        self
    }

    /// Sets how much to shun what was said often, `-2.0..=2.0`.
    #[must_use]
    pub fn with_frequency_penalty(mut self, penalty: f32) -> Self {
        self.frequency_penalty = Some(penalty);
        self
    }

    /// Asks how likely each token was, and so many others in its place, at most 20.
    #[must_use]
    pub fn with_logprobs(mut self, others: u32) -> Self {
        self.logprobs = Some(true);
        self.top_logprobs = (others > 0).then_some(others);
        self
    }

    /// Sets how the request is served: `auto`, `default`, `flex` or `priority`.
    #[must_use]
    pub fn with_service_tier(mut self, tier: impl Into<String>) -> Self {
        self.service_tier = Some(tier.into());
        self
    }

    /// Sets whether the server keeps the answer.
    #[must_use]
    pub fn with_store(mut self, store: bool) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds a pair to find a stored answer by.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), Value::String(value.into()));
        self
    }

    /// Sets who asks, for the server to tell its users apart.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets what a stream carries besides text, in place of [the usage](StreamOptions::with_usage).
    #[must_use]
    pub fn with_stream_options(mut self, options: StreamOptions) -> Self {
        self.stream_options = Some(options);
        self
    }

    /// Sends nothing on what a stream carries besides text, for servers that refuse to be asked.
    #[must_use]
    pub fn without_stream_options(self) -> Self {
        self.with_stream_options(StreamOptions::default())
    }

    /// The limit on the answer's tokens, by either of its names.
    #[must_use]
    pub fn token_limit(&self) -> Option<u32> {
        self.max_completion_tokens.or(self.max_tokens)
    }
}

wire! {
    /// What a stream carries besides text.
    #[derive(Default, Eq)]
    pub struct StreamOptions {
        /// Whether the last chunk tells the usage.
        pub include_usage: Option<bool>,
    }
}

impl StreamOptions {
    /// Asks for the usage in the last chunk.
    #[must_use]
    pub fn with_usage() -> Self {
        Self { include_usage: Some(true), ..Self::blank() }
    }
}

wire! {
    /// The form an answer must have.
    pub struct ResponseFormat {
        /// `text`, `json_object` or `json_schema`.
        pub kind as "type": String = required,
        /// The schema and its name, for `json_schema`.
        pub json_schema: Option<Value>,
    }
}

impl ResponseFormat {
    /// Any JSON object.
    #[must_use]
    pub fn json_object() -> Self {
        Self { kind: "json_object".to_owned(), ..Self::blank() }
    }

    /// JSON that fits `schema`, strictly.
    #[must_use]
    #[inline]
    pub fn json_schema(name: &str, schema: Value) -> Self {
        let json_schema = serde_json::json!({"name": name, "schema": schema, "strict": true});
        Self { kind: "json_schema".to_owned(), json_schema: Some(json_schema), ..Self::blank() }
    }
}

wire! {
    /// A whole answer.
    pub struct ChatCompletion = "chat.completion" {
        /// The server's id for the answer.
        pub id: String = stated,
        /// When it was made, in seconds since the Unix epoch.
        pub created: u64 = stated,
        /// The model that answered, which may be a dated form of the one asked for.
        pub model: ModelId = stated,
        /// The answers, one unless more were asked for.
        pub choices: Vec<Choice> = stated,
        /// How many tokens it took, where the server counts them.
        pub usage: Option<Usage> = stated,
        /// Which tier of service answered, such as `default` or `flex`.
        pub service_tier: Option<String>,
        /// Which configuration of the server answered; with another, the same seed may give
        /// another answer.
        pub system_fingerprint: Option<String>,
    }
    own {
        /// Status and headers of the HTTP exchange, where there was one.
        pub meta: Option<Arc<Meta>>,
    }
}

impl ChatCompletion {
    /// A completion with one answer, as a backend in process makes it.
    pub fn new(model: impl Into<ModelId>, message: Message, finish_reason: FinishReason) -> Self {
        let choice = Choice { message, finish_reason: Some(finish_reason), ..Choice::blank() };
        Self { model: model.into(), choices: vec![choice], ..Self::blank() }
    }

    /// The first answer's text; empty when the model only called tools.
    #[must_use]
    pub fn text(&self) -> String {
        self.choices.first().map(|choice| choice.message.text()).unwrap_or_default()
    }

    /// The first answer's text, where nothing else of the completion is needed.
    #[must_use]
    #[inline]
    pub fn into_text(self) -> String {
        let first = self.choices.into_iter().next();
        first.and_then(|choice| choice.message.content).map(Content::into_text).unwrap_or_default()
    }

    /// The server's id for the HTTP exchange, to quote when asking for help.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.meta.as_ref()?.request_id()
    }

    /// Why the first answer ended.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.choices.first()?.finish_reason.as_ref()
    }
}

wire! {
    /// One of the answers.
    pub struct Choice {
        /// Its place among the answers.
        pub index: u32 = stated,
        /// What the model says.
        pub message: Message = stated,
        /// How likely the tokens were, where asked for.
        pub logprobs: Option<Value>,
        /// Why it ended.
        pub finish_reason: Option<FinishReason> = stated,
    }
}

open_enum! {
    /// How long a model reasons; not every model knows every value.
    pub enum ReasoningEffort {
        /// Not at all.
        None = "none",
        /// Hardly.
        Minimal = "minimal",
        /// Little.
        Low = "low",
        /// As much as seems right.
        Medium = "medium",
        /// Much.
        High = "high",
        /// Very much.
        XHigh = "xhigh",
        /// As much as it can.
        Max = "max",
    }
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

wire! {
    /// How many tokens an answer took.
    #[derive(Default)]
    pub struct Usage {
        /// Tokens of the request.
        pub prompt_tokens: u64 = stated,
        /// Tokens of the answer.
        pub completion_tokens: u64 = stated,
        /// Both together.
        pub total_tokens: u64 = stated,
        /// What the request's were.
        pub prompt_tokens_details: Option<Box<TokenDetails>>,
        /// What the answer's were.
        pub completion_tokens_details: Option<Box<TokenDetails>>,
    }
}

impl Usage {
    /// Counts of tokens in the request and in the answer.
    #[must_use]
    pub fn new(prompt_tokens: u64, completion_tokens: u64) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
            ..Self::blank()
        }
    }
}

wire! {
    /// What some of the tokens were; `None` where a server does not count them apart.
    #[derive(Default, Eq)]
    pub struct TokenDetails {
        /// Of the request: those that the server had kept, which cost less.
        pub cached_tokens: Option<u64>,
        /// Of the request: those that the server keeps from now on.
        pub cache_write_tokens: Option<u64>,
        /// Of the answer: those that the model thought before it answered.
        pub reasoning_tokens: Option<u64>,
        /// Those that stand for sound.
        pub audio_tokens: Option<u64>,
        /// Of the answer: those that were predicted rightly.
        pub accepted_prediction_tokens: Option<u64>,
        /// Of the answer: those that were predicted wrongly, and cost as much.
        pub rejected_prediction_tokens: Option<u64>,
    }
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
