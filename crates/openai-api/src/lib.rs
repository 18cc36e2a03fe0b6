#![doc = include_str!("../README.md")]

mod assistant;
mod backend;
mod batch;
mod chat;
mod chunk;
#[cfg(feature = "http")]
mod client;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod conversation;
mod embedding;
mod error;
mod extra;
mod file;
mod fine_tuning;
#[cfg(any(feature = "schema", feature = "webhook"))]
mod json_fault;
#[cfg(feature = "limit")]
mod limit;
mod mend;
mod message;
mod meta;
mod model;
mod moderation;
mod open_enum;
mod page;
mod response;
#[cfg(feature = "retry")]
mod retry;
mod run;
mod shown;
mod spelled;
#[cfg(all(feature = "http", any(feature = "limit", feature = "tracing")))]
mod spent;
#[cfg(feature = "http")]
pub mod sse;
#[cfg(feature = "schema")]
mod structured;
mod tagged;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod thread;
mod tool;
#[cfg(all(feature = "retry", feature = "tracing"))]
mod trace;
#[cfg(all(feature = "retry", not(feature = "tracing")))]
#[path = "trace/off.rs"]
mod trace;
mod upload;
#[cfg(feature = "webhook")]
mod webhook;
mod wire;

pub use crate::assistant::{AssistantDeleted, AssistantObject, AssistantSettings};
#[cfg(any(test, feature = "mock"))]
pub use crate::backend::MockChatBackend;
pub use crate::backend::{ChatBackend, ChatBackendExt, ChatStream};
pub use crate::batch::{
    Batch, BatchAnswer, BatchCounts, BatchErrors, BatchFailure, BatchRequest, BatchResponse,
    BatchStatus, CreateBatch,
};
pub use crate::chat::{
    ChatCompletion, ChatCompletionDeleted, ChatRequest, Choice, FinishReason, ResponseFormat,
    StreamOptions, TokenDetails, Usage,
};
pub use crate::chunk::{ChatAccumulator, ChatChunk, ChunkChoice, Delta, ToolCallDelta};
#[cfg(feature = "http")]
pub use crate::client::{
    Azure, ByteStream, Call, Client, ClientBuilder, Entry, EventStream, Form, FormFile, Key,
    KeyProvider, List, ResponseStream, RunStream, StreamEvent,
};
pub use crate::conversation::{
    Conversation, ConversationDeleted, ConversationId, ConversationObject, ConversationRef,
    CreateConversation,
};
pub use crate::embedding::{
    Embedding, EmbeddingFormat, EmbeddingInput, EmbeddingRequest, EmbeddingVector, Embeddings,
};
pub use crate::error::{ApiError, BoxError, Error, Result};
pub use crate::file::{ExpiresAfter, File, FileDeleted, FileId, FilePurpose};
pub use crate::fine_tuning::{
    AutoOr, CheckpointPermission, CheckpointPermissionDeleted, CreateFineTuningJob,
    FineTuningCheckpoint, FineTuningDialect, FineTuningError, FineTuningEvent, FineTuningJob,
    FineTuningMethod, FineTuningStatus, GraderRun, GraderValidated, Hyperparameters, Integration,
    MethodOptions, ReinforcementOptions, Wandb,
};
#[cfg(any(feature = "schema", feature = "webhook"))]
pub use crate::json_fault::JsonFault;
#[cfg(feature = "limit")]
pub use crate::limit::{Limit, Limits};
pub use crate::message::{Content, ContentPart, ImageUrl, KnownPart, Message, Role};
pub use crate::meta::{Meta, RateLimits, Window};
pub use crate::model::{Model, ModelDeleted, ModelId};
pub use crate::moderation::{Moderation, ModerationInput, ModerationRequest, ModerationResult};
pub use crate::page::Page;
pub use crate::response::{
    CompactedResponse, FunctionCallOutput, FunctionTool, IncompleteDetails, IncompleteReason,
    InputFile, InputImage, InputText, InputTokens, ItemStatus, OutputText, Reasoning,
    ReasoningEffort, ReasoningItem, ReasoningText, Refusal, Response, ResponseAccumulator,
    ResponseContent, ResponseDeleted, ResponseDelta, ResponseError, ResponseEvent,
    ResponseFunctionCall, ResponseId, ResponseInput, ResponseItem, ResponseItemEvent,
    ResponseMessage, ResponsePart, ResponseProgress, ResponseRequest, ResponseStatus, ResponseText,
    ResponseTool, ResponseUsage, TextFormat,
};
#[cfg(feature = "retry")]
pub use crate::retry::{Retry, RetryPolicy};
pub use crate::run::{
    CreateRun, RequiredAction, RequiredOutputs, Run, RunError, RunEvent, RunStatus, RunStep,
    RunStepDelta, RunStepDetails, ToolOutput,
};
pub use crate::spelled::Spelled;
#[cfg(feature = "schema")]
pub use crate::structured::{NotParsed, NotParsedReason, Parsed, StrictSchema, Toolbox};
pub use crate::thread::{
    AnnotatedText, CreateThreadMessage, MessageGrowth, Thread, ThreadDeleted, ThreadImageFile,
    ThreadImageUrl, ThreadMessage, ThreadMessageDeleted, ThreadMessageDelta, ThreadPart,
    ThreadRefusal, ThreadSettings, ThreadText, ThreadTextPart,
};
pub use crate::tool::{FunctionCall, FunctionDefinition, Tool, ToolCall, ToolKind};
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
