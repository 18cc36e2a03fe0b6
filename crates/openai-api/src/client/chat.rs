//! `/chat/completions`, whole and streamed.

use std::future::IntoFuture as _;
use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::future::BoxFuture;
use reqwest::Method;

use crate::backend::{ChatBackend, ChatStream};
use crate::chat::{ChatCompletion, ChatRequest, Choice, FinishReason, StreamOptions, Usage};
use crate::chunk::{ChatAccumulator, ChatChunk, ChunkChoice, Delta, ToolCallDelta};
use crate::client::answer::Answer;
use crate::client::call::Call;
use crate::client::frames::{
    Read, Reader, is_noise, is_plain_error, is_stream, read_all, read_json,
};
use crate::client::repeated::Repeated;
use crate::client::{Client, error_body, json};
use crate::error::Result;
use crate::mend;
use crate::message::{Content, ContentPart};
use crate::model::{Model, ModelId};
use crate::sse::Event;
use crate::wire::{self, Field as _};

#[async_trait]
impl ChatBackend for Client {
    // Written out, so that the future does not hold the request, of which only the body is needed.
    fn complete<'c, 'f>(&'c self, request: ChatRequest) -> BoxFuture<'f, Result<ChatCompletion>>
    where
        'c: 'f,
    {
        self.chat(request).into_future()
    }

    #[inline]
    async fn stream(&self, request: ChatRequest) -> Result<ChatStream> {
        Ok(self.chat_stream(request).with_meta().await?.0)
    }

    #[inline]
    async fn models(&self) -> Result<Vec<Model>> {
        Ok(self.list_models().await?.data)
    }
}

impl Client {
    /// Completes a chat as [`ChatBackend::complete`] does, with headers and a time limit of its
    /// own.
    ///
    /// Mistral's own server refuses what the model thought before it answered
    /// ([`reasoning_content`](crate::Message::reasoning_content)), so it goes to all others only.
    pub fn chat(&self, mut request: ChatRequest) -> Call<ChatCompletion> {
        request.stream = None;
        request.stream_options = None;
        self.chat_call(request).sent_by(|request, _| Box::pin(request.read(read_completion)))
    }

    /// Streams a chat as [`ChatBackend::stream`] does, with headers and a time limit of its own.
    ///
    /// Awaiting the call waits for the first chunk; until then it is sent again when that can help.
    ///
    /// A request without [`stream_options`](ChatRequest::stream_options) asks for the usage in the last
    /// chunk. It does not of Mistral's own server, which refuses that and tells the usage unasked, nor
    /// with Azure's `data_sources`; for other servers that refuse it there is
    /// [`without_stream_options`](ChatRequest::without_stream_options).
    #[inline]
    pub fn chat_stream(&self, mut request: ChatRequest) -> Call<ChatStream> {
        request.stream = Some(true);
        match &request.stream_options {
            None if self.inner.is_mistral || request.extra.contains_key("data_sources") => {}
            None => request.stream_options = Some(StreamOptions::with_usage()),
            Some(options) if options.is_blank() => request.stream_options = None,
            Some(_) => {}
        }
        let answers = request.n.unwrap_or(0);
        let mut call = self.chat_call(request).accept("text/event-stream");
        call.request.answers = answers;
        call.sent_by(|request, _| Box::pin(request.stream::<Chunks>()))
    }

    fn chat_call(&self, mut request: ChatRequest) -> Call {
        if self.inner.is_mistral {
            for message in &mut request.messages {
                message.reasoning_content = None;
            }
        }
        let body = json::chat_body(&mut request);
        let url = self.inner.completions.clone();
        self.call_at(Ok(url), Method::POST, COMPLETION).with_json(body)
    }
}

fn read_completion(body: &[u8], answer: &Answer) -> Result<ChatCompletion> {
    if is_stream(body) {
        return read_streamed(body, answer);
    }
    let failed = |choice: &Choice| error_body::is_error(&choice.extra);
    let is_error = |completion: &ChatCompletion| {
        error_body::is_error(&completion.extra) || completion.choices.iter().any(failed)
    };
    let mut completion: ChatCompletion = answer.parse(without_done(body), COMPLETION, is_error)?;
    if completion.choices.is_empty() {
        // An answer to some other question would else pass for an empty one to this.
        return Err(answer.lacks(COMPLETION, "`choices` is missing or empty"));
    }
    completion.meta = Some(Arc::clone(&answer.meta));
    Ok(completion)
}

/// A body without the end of a stream, which some gateways put behind plain JSON.
fn without_done(body: &[u8]) -> &[u8] {
    let strip =
        || body.trim_ascii_end().strip_suffix(b"[DONE]")?.trim_ascii_end().strip_suffix(b"data:");
    strip().unwrap_or(body)
}

/// Puts the chunks of a stream that has come as a whole together.
fn read_streamed(body: &[u8], answer: &Answer) -> Result<ChatCompletion> {
    let mut whole = ChatAccumulator::default();
    for chunk in read_all(body, answer, Chunks::default()) {
        whole.push(chunk?);
    }
    whole.finish()
}

/// How far the answers of a stream are.
#[derive(Debug, Default)]
struct Chunks {
    /// The answers that have begun, and whether they have ended.
    choices: Vec<(u32, bool)>,
    /// How many there are to be at least.
    expected: usize,
    /// Id and model, which all chunks of a stream share.
    id: String,
    model: Option<ModelId>,
    repeated: Repeated,
}

impl Chunks {
    /// What the server's word that this is all adds: that the answers which tell no reason have ended.
    fn end(&mut self, answer: &Answer) -> Read<ChatChunk> {
        let cut = self.choices.iter().filter(|(_, ended)| !ended);
        let choices: Vec<_> = cut
            .map(|(index, _)| ChunkChoice {
                index: *index,
                finish_reason: Some(FinishReason::Stop),
                ..ChunkChoice::blank()
            })
            .collect();
        let Some(model) = self.model.take().filter(|_| !choices.is_empty()) else {
            return Read::Done;
        };
        let mut chunk = ChatChunk::new(mem::take(&mut self.id), model, Delta::default(), None);
        chunk.choices = choices;
        chunk.meta = Some(Arc::clone(&answer.meta));
        Read::Last(chunk)
    }
}

impl Reader for Chunks {
    type Item = ChatChunk;

    fn expect(&mut self, answers: u32) {
        self.expected = answers as usize;
    }

    #[inline]
    fn read(&mut self, event: &Event<'_>, answer: &Answer) -> Result<Read<ChatChunk>> {
        let data = event.data.trim_ascii();
        if is_noise(event) {
            return Ok(Read::Nothing);
        }
        if data == b"[DONE]" {
            return Ok(self.end(answer));
        }
        if event.kind == b"error" {
            return Err(answer.late_error(data));
        }
        if let Some(chunk) = self.repeated.read(data) {
            return Ok(Read::Item(chunk));
        }
        let mut chunk: ChatChunk = match read_json(data, "chunk of the stream") {
            Err(_) if is_plain_error(data) => return Err(answer.late_error(data)),
            chunk => chunk?,
        };
        let failed = |choice: &ChunkChoice| error_body::is_error(&choice.extra);
        if error_body::is_error(&chunk.extra) || chunk.choices.iter().any(failed) {
            return Err(answer.late_error(data));
        }
        if chunk.usage.is_none() {
            chunk.usage = usage_of_groq(&chunk);
        }
        chunk.meta = Some(Arc::clone(&answer.meta));
        for choice in &chunk.choices {
            let ended = choice.finish_reason.is_some();
            match self.choices.iter_mut().find(|(index, _)| *index == choice.index) {
                Some((_, known)) => *known |= ended,
                None => self.choices.push((choice.index, ended)),
            }
        }
        if self.model.is_none() && !chunk.choices.is_empty() {
            self.id.clone_from(&chunk.id);
            self.model = Some(chunk.model.clone());
        }
        self.repeated.remember(data, &chunk);
        Ok(Read::Item(chunk))
    }

    #[inline]
    fn read_whole(&mut self, body: &[u8], answer: &Answer) -> Result<Read<ChatChunk>> {
        read_completion(body, answer).map(as_chunk).map(Read::Last)
    }

    fn is_complete(&self) -> bool {
        !self.choices.is_empty()
            && self.choices.len() >= self.expected
            && self.choices.iter().all(|(_, ended)| *ended)
    }
}

/// What an answer took, in the corner where Groq tells it.
fn usage_of_groq(chunk: &ChatChunk) -> Option<Usage> {
    // By way of a text: reading it from a `Value` as well would be compiled for this alone.
    mend::from_slice(chunk.extra.get("x_groq")?.get("usage")?.to_string().as_bytes()).ok()
}

/// What the model thought, where that stands among the parts of what it says.
#[inline]
fn thoughts(content: &Content) -> Option<String> {
    let Content::Parts(parts) = content else { return None };
    let thoughts = parts.iter().filter_map(|part| match part {
        ContentPart::Other(part) => wire::thought(part),
        ContentPart::Known(_) => None,
    });
    Some(thoughts.collect()).filter(|thoughts: &String| !thoughts.is_empty())
}

/// A whole answer as the only chunk of a stream.
#[inline]
fn as_chunk(completion: ChatCompletion) -> ChatChunk {
    let choices = completion.choices.into_iter().map(|choice| {
        let text = choice.message.text();
        let pieces = choice.message.tool_calls.into_iter().zip(0..);
        let mut delta = Delta::text(text);
        delta.role = Some(choice.message.role);
        delta.refusal = choice.message.refusal;
        let thoughts = choice.message.content.as_ref().and_then(thoughts);
        delta.reasoning_content = choice.message.reasoning_content.or(thoughts);
        delta.tool_calls = pieces
            .map(|(call, index)| ToolCallDelta {
                index: Some(index),
                id: Some(call.id),
                kind: Some(call.kind),
                function: call.function,
                extra: call.extra,
                ..ToolCallDelta::blank()
            })
            .collect();
        delta.extra = choice.message.extra;
        if !choice.message.annotations.is_empty() {
            delta.extra.insert("annotations".to_owned(), choice.message.annotations.into());
        }
        if let Some(audio) = choice.message.audio {
            delta.extra.insert("audio".to_owned(), audio);
        }
        ChunkChoice {
            index: choice.index,
            delta,
            // Plain JSON that parses is whole, so an answer without a reason was not cut short.
            finish_reason: choice.finish_reason.or(Some(FinishReason::Stop)),
            logprobs: choice.logprobs,
            extra: choice.extra,
            ..ChunkChoice::blank()
        }
    });
    let mut chunk = ChatChunk::new(completion.id, completion.model, Delta::default(), None);
    chunk.choices = choices.collect();
    chunk.created = completion.created;
    chunk.service_tier = completion.service_tier;
    chunk.system_fingerprint = completion.system_fingerprint;
    chunk.usage = completion.usage;
    chunk.extra = completion.extra;
    chunk.meta = completion.meta;
    chunk
}

const COMPLETION: &str = "chat completion";
/// Where chats are completed.
pub(super) const COMPLETIONS: &[&str] = &["chat", "completions"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    #[test]
    fn a_request_under_way_needs_little_memory() {
        let client = Client::builder().base_url("http://127.0.0.1:9/v1").build().unwrap();
        let call = client.chat(ChatRequest::new("m", vec![Message::user("Where is the lake?")]));
        let under_way = call.request.read(read_completion);
        assert!(size_of_val(&under_way) <= 1536, "{}", size_of_val(&under_way));
    }
}
