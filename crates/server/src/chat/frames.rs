//! A streamed answer as server-sent events.

use std::convert::Infallible;

use axum::response::sse::Event;
use futures_core::Stream;
use futures_util::{StreamExt, stream};
use openai_api::{ChatChunk, ChatStream, Delta, ModelId, Usage};
use serde::Serialize;

use crate::app::App;
use crate::chat::ID_PREFIX;
use crate::disk::now_secs;
use crate::exchange::RequestId;
use crate::failure::Failure;
use crate::random;

/// Turns the chunks of an answer into events; dropping it drops the backend's stream.
pub(crate) struct Frames {
    app: App,
    request_id: RequestId,
    chunks: ChatStream,
    with_usage: bool,
    usage: Option<Usage>,
    id: String,
    created: u64,
    model: ModelId,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Chunks,
    Done,
    Ended,
}

impl Frames {
    pub(crate) fn new(app: App, id: RequestId, chunks: ChatStream, with_usage: bool) -> Self {
        Self {
            app,
            request_id: id,
            chunks,
            with_usage,
            usage: None,
            id: random::id(ID_PREFIX),
            created: now_secs(),
            model: ModelId::new(""),
            stage: Stage::Chunks,
        }
    }

    /// One event per chunk; then the usage if asked for; then `[DONE]`. An error ends it all.
    pub(crate) fn into_events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut frames| async {
            let event = frames.next().await?;
            Some((Ok(event), frames))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        match self.stage {
            Stage::Chunks => {}
            Stage::Done => {
                self.stage = Stage::Ended;
                return Some(Event::default().data("[DONE]"));
            }
            Stage::Ended => return None,
        }
        loop {
            return Some(match self.chunks.next().await {
                Some(Ok(chunk)) => match self.told(chunk) {
                    Some(chunk) => self.event(&chunk),
                    None => continue,
                },
                Some(Err(error)) => self.failed(&error.into()),
                None => {
                    self.stage = Stage::Done;
                    match self.usage.take().filter(|_| self.with_usage) {
                        Some(usage) => self.event(&self.usage_chunk(usage)),
                        None => {
                            self.stage = Stage::Ended;
                            Event::default().data("[DONE]")
                        }
                    }
                }
            });
        }
    }

    /// As OpenAI tells a chunk. Backends tell the usage in any chunk, asked for or not; clients
    /// look for it in a last chunk without choices, and only if they asked.
    fn told(&mut self, mut chunk: ChatChunk) -> Option<ChatChunk> {
        if chunk.id.is_empty() {
            chunk.id.clone_from(&self.id);
        }
        if chunk.created == 0 {
            chunk.created = self.created;
        }
        chunk.extra.entry("object").or_insert_with(|| OBJECT.into());
        self.id.clone_from(&chunk.id);
        self.model.clone_from(&chunk.model);
        let usage = chunk.usage.take();
        let only_usage = usage.is_some() && chunk.choices.is_empty();
        self.usage = usage.or(self.usage.take());
        (!only_usage).then_some(chunk)
    }

    fn usage_chunk(&self, usage: Usage) -> ChatChunk {
        let delta = Delta::default();
        let mut chunk = ChatChunk::new(self.id.clone(), self.model.clone(), delta, None);
        chunk.created = self.created;
        chunk.choices.clear();
        chunk.usage = Some(usage);
        chunk
    }

    fn event(&mut self, value: &impl Serialize) -> Event {
        match serde_json::to_string(value) {
            Ok(json) => Event::default().data(json),
            Err(error) => self.failed(&Failure::internal("a chunk could not be written", error)),
        }
    }

    fn failed(&mut self, failure: &Failure) -> Event {
        self.stage = Stage::Ended;
        let id = self.request_id.as_str();
        if failure.status().is_server_error() {
            self.app.report(id, failure);
        }
        Event::default().data(failure.to_body(id).to_string())
    }
}

const OBJECT: &str = "chat.completion.chunk";
