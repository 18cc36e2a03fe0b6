//! What is asked of `/responses`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::chat::{ReasoningEffort, ResponseFormat};
use crate::conversation::ConversationRef;
use crate::model::ModelId;
use crate::response::{ResponseId, ResponseItem};
use crate::shown::shows_no_text;
use crate::tagged::tagged;
use crate::tool::Tool;
use crate::wire::{Field as _, plain_field, wire};

wire! {
    /// A request for a response.
    ///
    /// What is `None` is left to the server's default and is not sent.
    pub struct ResponseRequest {
        /// Which model to ask.
        pub model: ModelId = stated,
        /// What to answer.
        pub input: Option<ResponseInput>,
        /// What stands above the conversation, for this request alone.
        pub instructions: Option<String>,
        /// The response that this one continues; the server has to have stored it.
        pub previous_response_id: Option<ResponseId>,
        /// The conversation that input and output belong to.
        pub conversation: Option<ConversationRef>,
        /// At most this many tokens in the answer, reasoning included.
        pub max_output_tokens: Option<u32>,
        /// Sampling temperature, `0.0..=2.0`; 0 is greedy.
        pub temperature: Option<f32>,
        /// Nucleus sampling, `0.0..=1.0`: only the most likely tokens that make up this share.
        pub top_p: Option<f32>,
        /// The tools that the model may call.
        pub tools: Vec<ResponseTool>,
        /// `auto`, `none`, `required`, or an object that names a tool.
        pub tool_choice: Option<Value>,
        /// Whether the model may call several functions at once.
        pub parallel_tool_calls: Option<bool>,
        /// The form of the text.
        pub text: Option<ResponseText>,
        /// How the model reasons.
        pub reasoning: Option<Reasoning>,
        /// What to tell besides, such as `reasoning.encrypted_content`.
        pub include: Vec<String>,
        /// Whether the server keeps the response; it does by default.
        pub store: Option<bool>,
        /// Whether the server answers at once and goes on by itself; look again with
        /// `Client::response`.
        pub background: Option<bool>,
        /// `auto` to leave out what is older than the context window, `disabled` to fail.
        pub truncation: Option<String>,
        /// `auto`, `default`, `flex` or `priority`.
        pub service_tier: Option<String>,
        /// Pairs to find the response by; at most 16.
        pub metadata: Map<String, Value>,
        /// Whether the answer comes in events; set by the client, not by the caller.
        pub stream: Option<bool>,
    }
}

impl ResponseRequest {
    /// Asks `model` to answer `input`: a text, or items.
    pub fn new(model: impl Into<ModelId>, input: impl Into<ResponseInput>) -> Self {
        Self { model: model.into(), input: Some(input.into()), ..Self::blank() }
    }

    /// Sets what stands above the conversation.
    #[must_use]
    pub fn with_instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Continues a response that the server keeps.
    #[must_use]
    pub fn with_previous_response(mut self, id: impl Into<ResponseId>) -> Self {
        self.previous_response_id = Some(id.into());
        self
    }

    /// Makes input and output part of a conversation.
    #[must_use]
    pub fn with_conversation(mut self, conversation: impl Into<ConversationRef>) -> Self {
        self.conversation = Some(conversation.into());
        self
    }

    /// Limits the answer to this many tokens, reasoning included.
    #[must_use]
    pub fn with_max_output_tokens(mut self, max_tokens: u32) -> Self {
        self.max_output_tokens = Some(max_tokens);
        self
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

    /// Sets the tools that the model may call.
    #[must_use]
    pub fn with_tools<T: Into<ResponseTool>>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        self.tools = tools.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether tools are called: `auto`, `none`, `required`, or an object that names one.
    #[must_use]
    pub fn with_tool_choice(mut self, choice: impl Into<Value>) -> Self {
        self.tool_choice = Some(choice.into());
        self
    }

    /// Sets whether the model may call several functions at once.
    #[must_use]
    pub fn with_parallel_tool_calls(mut self, parallel: bool) -> Self {
        self.parallel_tool_calls = Some(parallel);
        self
    }

    /// Sets the form of the text; a chat's [`ResponseFormat`] will do.
    #[must_use]
    pub fn with_text_format(mut self, format: impl Into<TextFormat>) -> Self {
        self.text.get_or_insert_with(ResponseText::blank).format = Some(format.into());
        self
    }

    /// Sets how much to say: `low`, `medium` or `high`.
    #[must_use]
    pub fn with_verbosity(mut self, verbosity: impl Into<String>) -> Self {
        self.text.get_or_insert_with(ResponseText::blank).verbosity = Some(verbosity.into());
        self
    }

    /// Sets how long the model reasons.
    #[must_use]
    pub fn with_reasoning_effort(mut self, effort: ReasoningEffort) -> Self {
        self.reasoning.get_or_insert_with(Reasoning::blank).effort = Some(effort);
        self
    }

    /// Asks for a summary of the reasoning: `auto`, `concise` or `detailed`.
    #[must_use]
    pub fn with_reasoning_summary(mut self, summary: impl Into<String>) -> Self {
        self.reasoning.get_or_insert_with(Reasoning::blank).summary = Some(summary.into());
        self
    }

    /// Asks for more to be told, such as `reasoning.encrypted_content`.
    #[must_use]
    pub fn with_include(mut self, what: impl Into<String>) -> Self {
        self.include.push(what.into());
        self
    }

    /// Sets whether the server keeps the response.
    #[must_use]
    pub fn with_store(mut self, store: bool) -> Self {
        self.store = Some(store);
        self
    }

    /// Has the server answer at once and go on by itself.
    #[must_use]
    pub fn with_background(mut self, background: bool) -> Self {
        self.background = Some(background);
        self
    }

    /// Sets what becomes of input that is longer than the context window: `auto` or `disabled`.
    #[must_use]
    pub fn with_truncation(mut self, truncation: impl Into<String>) -> Self {
        self.truncation = Some(truncation.into());
        self
    }

    /// Sets how the request is served: `auto`, `default`, `flex` or `priority`.
    #[must_use]
    pub fn with_service_tier(mut self, tier: impl Into<String>) -> Self {
        self.service_tier = Some(tier.into());
        self
    }

    /// Adds a pair to find the response by.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), Value::String(value.into()));
        self
    }
}

/// What to answer, or the instructions for it: a text, or items.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ResponseInput {
    /// What the person says.
    Text(String),
    /// Messages, calls and whatever else belongs to the conversation, oldest first.
    Items(Vec<ResponseItem>),
    /// What this version does not know, as it came.
    Other(Value),
}

shows_no_text! { ResponseInput }

plain_field! {
    ResponseInput: Self::Text(String::new()) => |_| false,
}

impl From<&str> for ResponseInput {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ResponseInput {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<ResponseItem>> for ResponseInput {
    fn from(items: Vec<ResponseItem>) -> Self {
        Self::Items(items)
    }
}

tagged! {
    /// A tool that the model may call.
    ///
    /// The tools that a server runs itself, such as `web_search`, are given as JSON:
    /// `json!({"type": "web_search"}).into()`.
    pub enum ResponseTool {
        /// A function of the caller's own.
        Function(FunctionTool) = "function",
    }
}

impl From<Tool> for ResponseTool {
    /// A chat's tool; there the function is an object of its own, here its fields stand beside the
    /// type.
    fn from(tool: Tool) -> Self {
        if tool.kind != crate::tool::ToolKind::Function {
            return Self::Other(serde_json::to_value(tool).unwrap_or_default());
        }
        let function = tool.function;
        Self::Function(FunctionTool {
            name: function.name,
            description: function.description,
            parameters: function.parameters,
            extra: function.extra,
            ..FunctionTool::blank()
        })
    }
}

impl From<Value> for ResponseTool {
    fn from(tool: Value) -> Self {
        Self::Other(tool)
    }
}

wire! {
    /// What a model is told of a function.
    pub struct FunctionTool tagged "function" {
        /// The name to call it by.
        pub name: String = stated,
        /// What it does, for the model to read.
        pub description: Option<String>,
        /// The JSON schema of its arguments.
        pub parameters: Option<Value> = stated,
        /// Whether the arguments have to fit the schema; OpenAI's default is yes, and it wants the
        /// field written all the same.
        pub strict: Option<bool> = stated,
    }
}

impl FunctionTool {
    /// A function that takes arguments of a JSON schema.
    pub fn new(name: impl Into<String>, description: impl Into<String>, parameters: Value) -> Self {
        Self {
            name: name.into(),
            description: Some(description.into()),
            parameters: Some(parameters),
            ..Self::blank()
        }
    }

    /// Sets whether the arguments have to fit the schema.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = Some(strict);
        self
    }
}

impl From<FunctionTool> for ResponseTool {
    fn from(tool: FunctionTool) -> Self {
        Self::Function(tool)
    }
}

wire! {
    /// The form of the text.
    pub struct ResponseText {
        /// Plain text, JSON, or JSON of a schema.
        pub format: Option<TextFormat>,
        /// How much to say: `low`, `medium` or `high`.
        pub verbosity: Option<String>,
    }
}

wire! {
    /// The form an answer must have, as `/responses` puts it.
    pub struct TextFormat {
        /// `text`, `json_object` or `json_schema`.
        pub kind as "type": String = stated,
        /// The schema's name.
        pub name: Option<String>,
        /// The schema.
        pub schema: Option<Value>,
        /// Whether the answer has to fit it.
        pub strict: Option<bool>,
    }
}

impl TextFormat {
    /// JSON that fits `schema`, strictly.
    pub fn json_schema(name: impl Into<String>, schema: Value) -> Self {
        Self {
            kind: "json_schema".to_owned(),
            name: Some(name.into()),
            schema: Some(schema),
            strict: Some(true),
            ..Self::blank()
        }
    }
}

impl From<ResponseFormat> for TextFormat {
    /// A chat's format; there the schema's settings are an object of their own.
    fn from(format: ResponseFormat) -> Self {
        let mut fields = format.extra;
        if let Some(Value::Object(settings)) = format.json_schema {
            fields.extend(settings);
        }
        let mut take = |name: &str| fields.remove(name);
        let name = take("name").and_then(|name| Some(name.as_str()?.to_owned()));
        let (schema, strict) = (take("schema"), take("strict").and_then(|value| value.as_bool()));
        Self { kind: format.kind, name, schema, strict, extra: fields, ..Self::blank() }
    }
}

wire! {
    /// How a model reasons.
    pub struct Reasoning {
        /// How long.
        pub effort: Option<ReasoningEffort>,
        /// What to tell of it: `auto`, `concise` or `detailed`.
        pub summary: Option<String>,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::response::ResponsePart;

    #[test]
    fn files_and_images_are_given_in_every_way_that_the_server_takes() {
        let parts = vec![
            ResponsePart::from_image_file("file-1"),
            ResponsePart::from_file("file-2"),
            ResponsePart::from_file_url("https://lake.example/map.pdf"),
            ResponsePart::from_file_bytes("map.pdf", "application/pdf", b"%PDF"),
        ];
        assert_eq!(
            serde_json::to_value(parts).unwrap(),
            json!([
                {"type": "input_image", "file_id": "file-1"},
                {"type": "input_file", "file_id": "file-2"},
                {"type": "input_file", "file_url": "https://lake.example/map.pdf"},
                {"type": "input_file", "filename": "map.pdf",
                 "file_data": "data:application/pdf;base64,JVBERg=="},
            ])
        );
    }

    #[test]
    fn whatever_a_request_may_say_can_be_set() {
        let request = ResponseRequest::new("m", "hi")
            .with_verbosity("low")
            .with_truncation("auto")
            .with_service_tier("flex")
            .with_extra("prompt_cache_key", "lake");
        assert_eq!(
            serde_json::to_value(request).unwrap(),
            json!({
                "model": "m", "input": "hi", "text": {"verbosity": "low"}, "truncation": "auto",
                "service_tier": "flex", "prompt_cache_key": "lake",
            })
        );
    }
}
