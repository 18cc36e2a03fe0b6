//! Responses: the whole answer of `/responses`.

mod accumulator;
mod event;
mod item;
mod request;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use self::accumulator::ResponseAccumulator;
pub use self::event::{ResponseDelta, ResponseEvent, ResponseItemEvent, ResponseProgress};
pub use self::item::{
    FunctionCallOutput, InputFile, InputImage, InputText, ItemStatus, OutputText, ReasoningItem,
    ReasoningText, Refusal, ResponseContent, ResponseFunctionCall, ResponseItem, ResponseMessage,
    ResponsePart,
};
pub use self::request::{
    FunctionTool, Reasoning, ResponseInput, ResponseRequest, ResponseText, ResponseTool, TextFormat,
};
use crate::chat::TokenDetails;
use crate::conversation::ConversationRef;
use crate::meta::Meta;
use crate::model::ModelId;
use crate::open_enum::{open_enum, string_id};
use crate::wire::wire;

string_id! {
    /// The id of a response, such as `resp_67ccd2bed1ec8190b14f964abc054267`.
    ResponseId
}

wire! {
    /// A response, whole or under way.
    pub struct Response = "response" {
        /// The server's id for it.
        pub id: ResponseId = stated,
        /// When it was asked for, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// When it was complete, in seconds since the Unix epoch.
        pub completed_at: Option<u64>,
        /// How far it is.
        pub status: Option<ResponseStatus>,
        /// What went wrong.
        pub error: Option<ResponseError> = stated,
        /// What cut it off.
        pub incomplete_details: Option<IncompleteDetails> = stated,
        /// What stood above the conversation.
        pub instructions: Option<ResponseInput> = stated,
        /// The model that answered.
        pub model: ModelId = stated,
        /// What the model made, in order.
        pub output: Vec<ResponseItem> = stated,
        /// How many tokens it took, where the server counts them.
        pub usage: Option<ResponseUsage>,
        /// The response that this one continues.
        pub previous_response_id: Option<ResponseId>,
        /// The conversation it belongs to.
        pub conversation: Option<ConversationRef>,
        /// The limit on its tokens.
        pub max_output_tokens: Option<u32>,
        /// The sampling temperature it was made with.
        pub temperature: Option<f32> = stated,
        /// The nucleus sampling it was made with.
        pub top_p: Option<f32> = stated,
        /// The tools that the model could call.
        pub tools: Vec<ResponseTool> = stated,
        /// Whether it had to.
        pub tool_choice: Option<Value> = stated,
        /// Whether it could call several functions at once.
        pub parallel_tool_calls: Option<bool> = stated,
        /// The form of the text.
        pub text: Option<ResponseText>,
        /// How the model reasoned.
        pub reasoning: Option<Reasoning>,
        /// Whether the server keeps it.
        pub store: Option<bool>,
        /// Whether the server went on by itself.
        pub background: Option<bool>,
        /// What was done with more than the context window holds.
        pub truncation: Option<String>,
        /// How it was served.
        pub service_tier: Option<String>,
        /// Pairs to find it by.
        pub metadata: Map<String, Value> = stated,
    }
    own {
        /// Status and headers of the HTTP exchange, where there was one.
        pub meta: Option<Arc<Meta>>,
    }
}

impl Response {
    /// The model's text: that of all its messages joined, empty if there is none.
    #[must_use]
    pub fn text(&self) -> String {
        self.messages().map(ResponseMessage::text).collect()
    }

    /// Why the model would not answer, if it did not.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.messages().find_map(|message| message.content.refusal())
    }

    /// The functions that the model wants called, in order.
    pub fn function_calls(&self) -> impl Iterator<Item = &ResponseFunctionCall> {
        self.output.iter().filter_map(|item| match item {
            ResponseItem::FunctionCall(call) => Some(call),
            _ => None,
        })
    }

    /// The messages among the output.
    fn messages(&self) -> impl Iterator<Item = &ResponseMessage> {
        self.output.iter().filter_map(|item| match item {
            ResponseItem::Message(message) => Some(message),
            _ => None,
        })
    }
}

open_enum! {
    /// How far a response is.
    pub enum ResponseStatus {
        /// It waits for its turn.
        Queued = "queued",
        /// The model is at it.
        InProgress = "in_progress",
        /// It is whole.
        Completed = "completed",
        /// It was cut off; `incomplete_details` says by what.
        Incomplete = "incomplete",
        /// It went wrong; `error` says how.
        Failed = "failed",
        /// Someone cancelled it.
        Cancelled = "cancelled",
    }
}

impl ResponseStatus {
    /// Whether nothing more is to come, well or not.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed | Self::Incomplete | Self::Failed | Self::Cancelled)
    }
}

wire! {
    /// What went wrong with a response.
    #[derive(Eq)]
    pub struct ResponseError {
        /// A word for programs, such as `server_error` or `rate_limit_exceeded`.
        pub code: String = stated,
        /// The explanation.
        pub message: String = stated,
    }
}

wire! {
    /// What cut a response off.
    #[derive(Eq)]
    pub struct IncompleteDetails {
        /// Why it ended.
        pub reason: Option<IncompleteReason>,
    }
}

open_enum! {
    /// Why a response was cut off.
    pub enum IncompleteReason {
        /// The limit on tokens, or the context window, was reached.
        MaxOutputTokens = "max_output_tokens",
        /// A filter took the rest away.
        ContentFilter = "content_filter",
    }
}

wire! {
    /// How many tokens a response took.
    #[derive(Default)]
    pub struct ResponseUsage {
        /// Tokens of the request.
        pub input_tokens: u64 = stated,
        /// What they were.
        pub input_tokens_details: Option<TokenDetails>,
        /// Tokens of the answer.
        pub output_tokens: u64 = stated,
        /// What they were.
        pub output_tokens_details: Option<TokenDetails>,
        /// Both together.
        pub total_tokens: u64 = stated,
    }
}

wire! {
    /// What a server says when it has deleted a response.
    pub struct ResponseDeleted = "response" {
        /// The response's id.
        pub id: ResponseId = required,
        /// Whether it is gone.
        pub deleted: bool = stated,
    }
}

wire! {
    /// How many tokens an input would take.
    pub struct InputTokens = "response.input_tokens" {
        /// How many.
        pub input_tokens: u64 = required,
    }
}

wire! {
    /// A conversation made shorter, to go on with in its place.
    pub struct CompactedResponse = "response.compaction" {
        /// The server's id for it.
        pub id: String = stated,
        /// When it was made, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// The shorter conversation; part of it is for the server alone to read.
        pub output: Vec<ResponseItem> = required,
        /// How many tokens it took.
        pub usage: Option<ResponseUsage>,
    }
}
