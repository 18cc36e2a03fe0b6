//! `/chat/completions`, whole and streamed.

use async_trait::async_trait;
use bytes::{Buf as _, Bytes};
use futures_util::{FutureExt as _, StreamExt as _};
use reqwest::header::ACCEPT;
use serde::de::Error as _;

use crate::backend::{ChatBackend, ChatStream};
use crate::chat::{ChatCompletion, ChatRequest, FinishReason, StreamOptions};
use crate::chunk::{ChatChunk, ChunkChoice, Delta, ToolCallDelta};
use crate::client::sse::{Decoder, Event};
use crate::client::transport::{Answer, is_cut_short, without_bom};
use crate::client::{Client, error_body};
use crate::error::{Error, Result};
use crate::model::Model;

#[async_trait]
impl ChatBackend for Client {
    async fn complete(&self, mut request: ChatRequest) -> Result<ChatCompletion> {
        request.stream = None;
        request.stream_options = None;
        let mut answer = self.post(COMPLETIONS)?.json(&request)?.send().await?;
        let body = answer.bytes().await?;
        read_completion(&body, &answer)
    }

    async fn stream(&self, mut request: ChatRequest) -> Result<ChatStream> {
        request.stream = Some(true);
        request.stream_options.get_or_insert_with(StreamOptions::with_usage);
        let call = self.post(COMPLETIONS)?.json(&request)?.header(ACCEPT, "text/event-stream");
        let chunks = Chunks::new(call.send().await?);
        let chunks = futures_util::stream::try_unfold(chunks, |mut chunks| async {
            Ok(chunks.next().await?.map(|chunk| (chunk, chunks)))
        });
        Ok(chunks.boxed())
    }

    async fn models(&self) -> Result<Vec<Model>> {
        self.list_models().await
    }
}

fn read_completion(body: &[u8], answer: &Answer) -> Result<ChatCompletion> {
    let mut completion: ChatCompletion =
        answer.parse(body, COMPLETION, |completion: &ChatCompletion| &completion.extra)?;
    if completion.choices.is_empty() {
        // An answer to some other question would else pass for an empty one to this.
        let missing = serde_json::Error::custom("`choices` is missing or empty");
        return Err(answer.form().unreadable(COMPLETION, Some(missing)));
    }
    completion.request_id.clone_from(&answer.request_id);
    Ok(completion)
}

/// The chunks of an answer under way.
struct Chunks {
    answer: Answer,
    decoder: Decoder,
    /// What came and is not decoded yet.
    input: Bytes,
    /// The beginning of the body, until it shows whether this is a stream at all.
    beginning: Option<Vec<u8>>,
    received: bool,
    progress: Progress,
}

impl Chunks {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            decoder: Decoder::default(),
            input: Bytes::new(),
            beginning: Some(Vec::new()),
            received: false,
            progress: Progress::default(),
        }
    }

    async fn next(&mut self) -> Result<Option<ChatChunk>> {
        loop {
            if self.progress.ended {
                let complete = self.progress.is_complete();
                return if complete { Ok(None) } else { Err(Error::Truncated) };
            }
            if let Some(chunk) = self.decode()? {
                return Ok(Some(chunk));
            }
            if self.progress.done {
                // The end of the body has mostly come along; taking it frees the connection for
                // the next request.
                let _ = self.answer.chunk(false).now_or_never();
                self.progress.ended = true;
                continue;
            }
            match self.answer.chunk(!self.received).await {
                Ok(Some(piece)) => {
                    self.received = true;
                    if let Some(chunk) = self.receive(piece).await? {
                        return Ok(Some(chunk));
                    }
                }
                Ok(None) => {
                    self.progress.ended = true;
                    if let Some(chunk) = self.last_event()? {
                        return Ok(Some(chunk));
                    }
                }
                // What breaks after the answer is complete is no loss.
                Err(_) if self.progress.is_complete() => self.progress.ended = true,
                Err(error) if is_cut_short(&error) => return Err(Error::Truncated),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes a piece of the body; a chunk comes of it if the body is no stream but plain JSON.
    async fn receive(&mut self, piece: Bytes) -> Result<Option<ChatChunk>> {
        let Some(beginning) = &mut self.beginning else {
            self.input = piece;
            return Ok(None);
        };
        beginning.extend_from_slice(&piece);
        match without_bom(beginning).trim_ascii_start().first() {
            None => Ok(None),
            Some(b'{' | b'[') => self.read_whole().await.map(Some),
            Some(b'<') if self.answer.form().is_html() => {
                Err(self.answer.form().unreadable("stream", None))
            }
            Some(_) => {
                self.input = self.beginning.take().unwrap_or_default().into();
                Ok(None)
            }
        }
    }

    /// Reads plain JSON, answered to a request for a stream, as one chunk.
    async fn read_whole(&mut self) -> Result<ChatChunk> {
        let mut body = self.beginning.take().unwrap_or_default();
        while let Some(piece) = self.answer.chunk(false).await? {
            body.extend_from_slice(&piece);
        }
        self.progress.done = true;
        Ok(as_chunk(read_completion(&body, &self.answer)?))
    }

    /// Decodes what has come up to the next chunk.
    fn decode(&mut self) -> Result<Option<ChatChunk>> {
        while !self.progress.done && !self.input.is_empty() {
            let mut rest = &self.input[..];
            let event = self.decoder.next(&mut rest).map_err(too_long)?;
            let chunk = match event {
                Some(event) => read_event(&event, &mut self.progress, &self.answer)?,
                None => None,
            };
            let used = self.input.len() - rest.len();
            self.input.advance(used);
            if chunk.is_some() {
                return Ok(chunk);
            }
        }
        Ok(None)
    }

    /// Reads what the body ended with, if that is an event without its blank line.
    fn last_event(&mut self) -> Result<Option<ChatChunk>> {
        let Some(event) = self.decoder.finish().map_err(too_long)? else { return Ok(None) };
        read_event(&event, &mut self.progress, &self.answer).map_err(|error| match error {
            // The body ended in the middle of it.
            Error::Decode { .. } => Error::Truncated,
            error => error,
        })
    }
}

fn too_long(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Decode { what: "stream", source: error.into() }
}

fn read_event(
    event: &Event<'_>,
    progress: &mut Progress,
    answer: &Answer,
) -> Result<Option<ChatChunk>> {
    let data = event.data.trim_ascii();
    if data.is_empty() || event.kind == b"ping" {
        return Ok(None);
    }
    if data == b"[DONE]" {
        progress.done = true;
        return Ok(None);
    }
    if event.kind == b"error" {
        return Err(answer.late_error(data));
    }
    // The specification replaces what is no UTF-8, and so do we.
    let text = String::from_utf8_lossy(data);
    let mut chunk: ChatChunk = serde_json::from_str(&text)
        .map_err(|error| Error::Decode { what: "chunk of the stream", source: error.into() })?;
    if error_body::is_error(&chunk.extra) {
        return Err(answer.late_error(data));
    }
    chunk.request_id.clone_from(&answer.request_id);
    progress.note(&chunk);
    Ok(Some(chunk))
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
            })
            .collect();
        delta.extra = choice.message.extra;
        ChunkChoice {
            index: choice.index,
            delta,
            // Plain JSON that parses is whole, so an answer without a reason was not cut short.
            finish_reason: choice.finish_reason.or(Some(FinishReason::Stop)),
            extra: choice.extra,
        }
    });
    let mut chunk = ChatChunk::new(completion.id, completion.model, Delta::default(), None);
    chunk.choices = choices.collect();
    chunk.created = completion.created;
    chunk.usage = completion.usage;
    chunk.request_id = completion.request_id;
    chunk
}

/// How far the answers of a stream are.
#[derive(Debug, Default)]
struct Progress {
    /// The answers that have begun, and whether they have ended.
    choices: Vec<(u32, bool)>,
    /// `[DONE]` has come.
    done: bool,
    /// There is nothing more to give.
    ended: bool,
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
        self.done || (!self.choices.is_empty() && self.choices.iter().all(|(_, ended)| *ended))
    }
}

const COMPLETION: &str = "chat completion";
const COMPLETIONS: &[&str] = &["chat", "completions"];
