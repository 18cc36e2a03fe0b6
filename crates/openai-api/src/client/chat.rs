//! `/chat/completions`, whole and streamed.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use reqwest::Method;
use serde::de::Error as _;

use crate::backend::{ChatBackend, ChatStream};
use crate::chat::{ChatCompletion, ChatRequest, FinishReason, StreamOptions};
use crate::chunk::{ChatChunk, ChunkChoice, Delta, ToolCallDelta};
use crate::client::answer::{Answer, Misread};
use crate::client::call::Call;
use crate::client::frames::{Frame, Frames};
use crate::client::{Client, error_body, json};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::sse::Event;
use crate::wire::Field as _;

#[async_trait]
impl ChatBackend for Client {
    async fn complete(&self, mut request: ChatRequest) -> Result<ChatCompletion> {
        request.stream = None;
        request.stream_options = None;
        self.chat_call(request)
            .request
            .run(|mut answer: Answer| async move {
                let body = answer.bytes().await?;
                read_completion(&body, &answer)
            })
            .await
    }

    async fn stream(&self, mut request: ChatRequest) -> Result<ChatStream> {
        request.stream = Some(true);
        request.stream_options.get_or_insert_with(StreamOptions::with_usage);
        let call = self.chat_call(request).accept("text/event-stream");
        // A stream is sent again until its first chunk is there, and never after that.
        let read = |answer: Answer| async {
            let mut chunks = Chunks { frames: Frames::new(answer), progress: Progress::default() };
            Ok((chunks.next().await?, chunks))
        };
        let (first, chunks) = call.request.run(read).await?;
        let rest = futures_util::stream::try_unfold(chunks, |mut chunks| async {
            Ok(chunks.next().await?.map(|chunk| (chunk, chunks)))
        });
        Ok(match first {
            Some(first) => futures_util::stream::iter([Ok(first)]).chain(rest).boxed(),
            None => futures_util::stream::empty().boxed(),
        })
    }

    async fn models(&self) -> Result<Vec<Model>> {
        Ok(self.list_models().await?.data)
    }
}

impl Client {
    fn chat_call(&self, mut request: ChatRequest) -> Call<ChatCompletion> {
        let body = json::chat_body(&mut request);
        self.call(Method::POST, COMPLETIONS, COMPLETION).with_json(body)
    }
}

fn read_completion(body: &[u8], answer: &Answer) -> Result<ChatCompletion> {
    let is_error = |completion: &ChatCompletion| error_body::is_error(&completion.extra);
    let mut completion: ChatCompletion = answer.parse(body, COMPLETION, is_error)?;
    if completion.choices.is_empty() {
        // An answer to some other question would else pass for an empty one to this.
        let missing = serde_json::Error::custom("`choices` is missing or empty");
        return Err(answer.form().unreadable(COMPLETION, Some(&missing)));
    }
    completion.meta = Some(Arc::clone(&answer.meta));
    Ok(completion)
}

/// The chunks of an answer under way.
struct Chunks {
    frames: Frames,
    progress: Progress,
}

impl Chunks {
    async fn next(&mut self) -> Result<Option<ChatChunk>> {
        let Self { frames, progress } = self;
        if progress.done {
            return Ok(None);
        }
        let read = |event: &Event<'_>, answer: &Answer| read_event(event, progress, answer);
        match frames.next(read).await {
            Ok(Frame::Event(Some(chunk))) => Ok(Some(chunk)),
            Ok(Frame::Event(None)) => {
                progress.done = true;
                frames.take_end();
                Ok(None)
            }
            Ok(Frame::Whole(body)) => {
                progress.done = true;
                Ok(Some(as_chunk(read_completion(&body, &frames.answer)?)))
            }
            // What breaks after the answer is complete is no loss.
            Ok(Frame::End) | Err(Error::Transport { .. } | Error::Timeout { .. })
                if progress.is_complete() =>
            {
                progress.done = true;
                Ok(None)
            }
            Ok(Frame::End) => Err(Error::Truncated),
            Err(error) => Err(error),
        }
    }
}

/// Reads an event: a chunk, `None` for the end, or nothing at all.
fn read_event(
    event: &Event<'_>,
    progress: &mut Progress,
    answer: &Answer,
) -> Result<Option<Option<ChatChunk>>> {
    let data = event.data.trim_ascii();
    if data.is_empty() || event.kind == b"ping" {
        return Ok(None);
    }
    if data == b"[DONE]" {
        return Ok(Some(None));
    }
    if event.kind == b"error" {
        return Err(answer.late_error(data));
    }
    // The specification replaces what is no UTF-8, and so do we.
    let read = serde_json::from_slice(data).or_else(|error| match std::str::from_utf8(data) {
        Ok(_) => Err(error),
        Err(_) => serde_json::from_str(&String::from_utf8_lossy(data)),
    });
    let mut chunk: ChatChunk = read.map_err(|error| Error::Decode {
        what: "chunk of the stream",
        source: Misread::new(&error).into(),
    })?;
    if error_body::is_error(&chunk.extra) {
        return Err(answer.late_error(data));
    }
    chunk.meta = Some(Arc::clone(&answer.meta));
    progress.note(&chunk);
    Ok(Some(Some(chunk)))
}

/// A whole answer as the only chunk of a stream.
fn as_chunk(completion: ChatCompletion) -> ChatChunk {
    let choices = completion.choices.into_iter().map(|choice| {
        let text = choice.message.text();
        let pieces = choice.message.tool_calls.into_iter().zip(0..);
        let mut delta = Delta::text(text);
        delta.role = Some(choice.message.role);
        delta.refusal = choice.message.refusal;
        delta.tool_calls = pieces
            .map(|(call, index)| ToolCallDelta {
                index,
                id: Some(call.id),
                kind: Some(call.kind),
                function: call.function,
                extra: call.extra,
                ..ToolCallDelta::blank()
            })
            .collect();
        delta.extra = choice.message.extra;
        ChunkChoice {
            index: choice.index,
            delta,
            // Plain JSON that parses is whole, so an answer without a reason was not cut short.
            finish_reason: choice.finish_reason.or(Some(FinishReason::Stop)),
            extra: choice.extra,
            ..ChunkChoice::blank()
        }
    });
    let mut chunk = ChatChunk::new(completion.id, completion.model, Delta::default(), None);
    chunk.choices = choices.collect();
    chunk.created = completion.created;
    chunk.usage = completion.usage;
    chunk.meta = completion.meta;
    chunk
}

/// How far the answers of a stream are.
#[derive(Debug, Default)]
struct Progress {
    /// The answers that have begun, and whether they have ended.
    choices: Vec<(u32, bool)>,
    /// There is nothing more to come.
    done: bool,
}

impl Progress {
    fn note(&mut self, chunk: &ChatChunk) {
        for choice in &chunk.choices {
            let ended = choice.finish_reason.is_some();
            match self.choices.iter_mut().find(|(index, _)| *index == choice.index) {
                Some((_, known)) => *known |= ended,
                None => self.choices.push((choice.index, ended)),
            }
        }
    }

    fn is_complete(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|(_, ended)| *ended)
    }
}

const COMPLETION: &str = "chat completion";
const COMPLETIONS: &[&str] = &["chat", "completions"];
