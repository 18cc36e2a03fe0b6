#![doc = include_str!("../README.md")]

// `#[inline]` on what a plain chat does not need is not there for speed: such a function is compiled
// in the crates that call it, and by nobody else.

#[cfg(feature = "assistants")]
mod assistant;
mod backend;
#[cfg(feature = "batches")]
mod batch;
mod chat;
mod chunk;
#[cfg(feature = "http")]
mod client;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(feature = "responses")]
mod conversation;
#[cfg(feature = "embeddings")]
mod embedding;
mod error;
mod extra;
#[cfg(feature = "files")]
mod file;
#[cfg(feature = "fine-tuning")]
mod fine_tuning;
#[cfg(any(feature = "schema", feature = "webhook"))]
mod json_fault;
#[cfg(feature = "limit")]
mod limit;
mod mend;
mod message;
mod meta;
#[cfg(feature = "files")]
mod mime;
mod model;
#[cfg(feature = "moderations")]
mod moderation;
mod open_enum;
mod page;
#[cfg(feature = "responses")]
mod response;
#[cfg(feature = "retry")]
mod retry;
#[cfg(feature = "assistants")]
mod run;
mod shown;
mod spelled;
#[cfg(all(feature = "http", any(feature = "limit", feature = "tracing")))]
mod spent;
#[cfg(feature = "http")]
pub mod sse;
#[cfg(feature = "stored-chats")]
mod stored_chat;
#[cfg(feature = "schema")]
mod structured;
#[cfg(any(feature = "assistants", feature = "responses"))]
mod tagged;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(feature = "assistants")]
mod thread;
mod tool;
#[cfg(all(feature = "retry", feature = "tracing"))]
mod trace;
#[cfg(all(feature = "retry", not(feature = "tracing")))]
#[path = "trace/off.rs"]
mod trace;
#[cfg(feature = "files")]
mod upload;
#[cfg(feature = "webhook")]
mod webhook;
mod wire;

#[cfg(feature = "assistants")]
pub use crate::assistant::{AssistantDeleted, AssistantObject, AssistantSettings};
#[cfg(any(test, feature = "mock"))]
pub use crate::backend::MockChatBackend;
pub use crate::backend::{ChatBackend, ChatBackendExt, ChatStream};
#[cfg(feature = "batches")]
pub use crate::batch::{
    Batch, BatchAnswer, BatchCounts, BatchErrors, BatchFailure, BatchRequest, BatchResponse,
    BatchStatus, CreateBatch,
};
pub use crate::chat::{
    ChatCompletion, ChatRequest, Choice, FinishReason, ReasoningEffort, ResponseFormat,
    StreamOptions, TokenDetails, Usage,
};
pub use crate::chunk::{ChatAccumulator, ChatChunk, ChunkChoice, Delta, ToolCallDelta};
#[cfg(all(feature = "http", feature = "responses"))]
pub use crate::client::ResponseStream;
#[cfg(all(feature = "http", feature = "assistants"))]
pub use crate::client::RunStream;
#[cfg(feature = "http")]
pub use crate::client::{
    Azure, ByteStream, Call, Client, ClientBuilder, Entry, EventStream, Key, KeyProvider, List,
    StreamEvent,
};
#[cfg(all(feature = "http", feature = "files"))]
pub use crate::client::{Form, FormFile};
#[cfg(feature = "responses")]
pub use crate::conversation::{
    Conversation, ConversationDeleted, ConversationId, ConversationObject, ConversationRef,
    CreateConversation,
};
#[cfg(feature = "embeddings")]
pub use crate::embedding::{
    Embedding, EmbeddingFormat, EmbeddingInput, EmbeddingRequest, EmbeddingVector, Embeddings,
};
pub use crate::error::{ApiError, BoxError, Error, Result};
#[cfg(feature = "files")]
pub use crate::file::{ExpiresAfter, File, FileDeleted, FileId, FilePurpose};
#[cfg(feature = "fine-tuning")]
pub use crate::fine_tuning::{
    AutoOr, CheckpointPermission, CheckpointPermissionDeleted, CreateFineTuningJob,
    FineTuningCheckpoint, FineTuningDialect, FineTuningError, FineTuningEvent, FineTuningJob,
    FineTuningMethod, FineTuningStatus, GraderRun, GraderValidated, Hyperparameters, Integration,
    MethodOptions, ModelDeleted, ReinforcementOptions, Wandb,
};
#[cfg(any(feature = "schema", feature = "webhook"))]
pub use crate::json_fault::JsonFault;
#[cfg(feature = "limit")]
pub use crate::limit::{Limit, Limits};
pub use crate::message::{Content, ContentPart, ImageUrl, KnownPart, Message, Role};
pub use crate::meta::{Meta, RateLimits, Window};
pub use crate::model::{Model, ModelId};
#[cfg(feature = "moderations")]
pub use crate::moderation::{Moderation, ModerationInput, ModerationRequest, ModerationResult};
pub use crate::page::Page;
#[cfg(feature = "responses")]
pub use crate::response::{
    CompactedResponse, FunctionCallOutput, FunctionTool, IncompleteDetails, IncompleteReason,
    InputFile, InputImage, InputText, InputTokens, ItemStatus, OutputText, Reasoning,
    ReasoningItem, ReasoningText, Refusal, Response, ResponseAccumulator, ResponseContent,
    ResponseDeleted, ResponseDelta, ResponseError, ResponseEvent, ResponseFunctionCall, ResponseId,
    ResponseInput, ResponseItem, ResponseItemEvent, ResponseMessage, ResponsePart,
    ResponseProgress, ResponseRequest, ResponseStatus, ResponseText, ResponseTool, ResponseUsage,
    TextFormat,
};
#[cfg(feature = "retry")]
pub use crate::retry::{Retry, RetryPolicy};
#[cfg(feature = "assistants")]
pub use crate::run::{
    CreateRun, RequiredAction, RequiredOutputs, Run, RunError, RunEvent, RunStatus, RunStep,
    RunStepDelta, RunStepDetails, ToolOutput,
};
pub use crate::spelled::Spelled;
#[cfg(feature = "stored-chats")]
pub use crate::stored_chat::ChatCompletionDeleted;
#[cfg(feature = "schema")]
pub use crate::structured::{NotParsed, NotParsedReason, Parsed, StrictSchema, Toolbox};
#[cfg(feature = "assistants")]
pub use crate::thread::{
    AnnotatedText, CreateThreadMessage, MessageGrowth, Thread, ThreadDeleted, ThreadImageFile,
    ThreadImageUrl, ThreadMessage, ThreadMessageDeleted, ThreadMessageDelta, ThreadPart,
    ThreadRefusal, ThreadSettings, ThreadText, ThreadTextPart,
};
pub use crate::tool::{FunctionCall, FunctionDefinition, Tool, ToolCall, ToolKind};
#[cfg(feature = "files")]
pub use crate::upload::{CreateUpload, Upload, UploadOptions, UploadPart, UploadStatus};
#[cfg(feature = "webhook")]
pub use crate::webhook::{
    WebhookData, WebhookError, WebhookEvent, WebhookEventKind, WebhookVerifier,
};
#[cfg(feature = "http")]
pub use bytes::Bytes;
/// What carries the requests; a client of one's own must be of this version.
#[cfg(feature = "http")]
pub use reqwest;
#[cfg(feature = "http")]
pub use reqwest::{Method, header::HeaderMap};
/// What derives the schemas of types; the version must be this one.
#[cfg(feature = "schema")]
pub use schemars;
