//! `/v1/chat/completions`: whole answers, and answers as they grow.

mod frames;

use axum::extract::State;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::{StreamExt, TryStreamExt};
use openai_api::{ChatCompletion, ChatRequest};

use crate::app::App;
use crate::body::JsonBody;
use crate::chat::frames::Frames;
use crate::disk::now_secs;
use crate::exchange::RequestId;
use crate::failure::Failure;
use crate::random;

/// Answers whole or in chunks, as asked. A client that goes away gives the request up: the
/// backend's future or stream is dropped.
pub(crate) async fn create(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    JsonBody(mut request): JsonBody<ChatRequest>,
) -> Result<Response, Failure> {
    if request.messages.is_empty() {
        return Err(Failure::invalid("messages", "must hold at least one message"));
    }
    // Whether to stream is for the backend to say to a server of its own, if it asks one.
    if request.stream.take() == Some(true) {
        return stream(app, request_id, request).await;
    }
    if request.stream_options.is_some() {
        let message = "is for streams only; set `stream` to true or leave it out";
        return Err(Failure::invalid("stream_options", message));
    }
    let completion = app.backend.complete(request).await?;
    Ok(Json(told(completion)).into_response())
}

async fn stream(app: App, id: RequestId, request: ChatRequest) -> Result<Response, Failure> {
    let with_usage = request.stream_options.as_ref().and_then(|options| options.include_usage);
    let mut chunks = app.backend.stream(request).await?;
    // Until the first chunk has come, an error is still an answer with a status of its own.
    let first = chunks.try_next().await?;
    let chunks = futures_util::stream::iter(first.map(Ok)).chain(chunks).boxed();
    let frames = Frames::new(app, id, chunks, with_usage.unwrap_or_default());
    Ok(Sse::new(frames.into_events()).keep_alive(KeepAlive::default()).into_response())
}

/// As OpenAI tells a completion; a backend in process need not make up ids and times.
fn told(mut completion: ChatCompletion) -> ChatCompletion {
    if completion.id.is_empty() {
        completion.id = random::id(ID_PREFIX);
    }
    if completion.created == 0 {
        completion.created = now_secs();
    }
    completion.extra.entry("object").or_insert_with(|| "chat.completion".into());
    completion
}

const ID_PREFIX: &str = "chatcmpl-";
