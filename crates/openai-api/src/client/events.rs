//! Streams that this crate has no types for: bytes, and events.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use crate::client::answer::Answer;
use crate::client::call::{Call, Sending};
use crate::client::error_body;
use crate::client::frames::{Read, Reader, read_json};
use crate::client::outgoing::{Intake, Opening, Outgoing};
use crate::client::transport::is_cut_short;
use crate::error::{Error, Result};
use crate::mend::{self, without_bom};
use crate::sse::Event;
use crate::wire::Told as _;

/// An answer's body as it comes; dropping it frees the connection.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// The events of an answer as they come; dropping it frees the connection.
pub type EventStream = BoxStream<'static, Result<StreamEvent>>;

/// An event of an answer that is read by [`Call::events`].
///
/// `Debug` shows how long its texts are and not what they say.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamEvent {
    /// What the server calls it; empty unless it does.
    pub kind: String,
    /// What it says: its lines of data with a line feed between them.
    pub data: String,
    /// The last id that the stream has told, with this event or before it; empty if none.
    pub id: String,
}

impl StreamEvent {
    /// Reads what it says as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if it is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        read_json(self.data.as_bytes(), EVENT)
    }
}

impl From<&Event<'_>> for StreamEvent {
    fn from(event: &Event<'_>) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self { kind: text(event.kind), data: text(event.data), id: text(event.id) }
    }
}

impl fmt::Debug for StreamEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamEvent")
            .field("kind", &self.kind)
            .field("data", &format_args!("{} bytes", self.data.len()))
            .field("id", &format_args!("{} bytes", self.id.len()))
            .finish()
    }
}

impl<T> Call<T> {
    /// Reads the answer as a whole and as it is, however long: sound, an image, a file.
    ///
    /// ```
    /// use openai_api::Client;
    /// use openai_api::testing::{Reply, ScriptedServer};
    /// use serde_json::json;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let server = ScriptedServer::start([Reply::new(200, "audio/mpeg", "ID3")]).await?;
    /// let client = Client::builder().base_url(server.url()).build()?;
    /// let request = json!({"model": "tts-1", "voice": "alloy", "input": "The lake is deep."});
    /// let (sound, meta) = client.post("audio/speech").json(&request).bytes().with_meta().await?;
    /// assert_eq!((&sound[..], meta.header("content-type")), (&b"ID3"[..], Some("audio/mpeg")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn bytes(self) -> Call<Bytes> {
        self.accept_anything().sent_by(send_bytes)
    }

    /// Reads the answer piece by piece, as it is.
    ///
    /// Awaiting the call waits for the first piece; until then it is sent again when that can help,
    /// and never after that. Once it has begun, errors come as an item, after which the stream ends:
    /// [`Error::Truncated`] if the connection breaks before the body's end, [`Error::Timeout`] if
    /// nothing comes for as long as [pieces may take](crate::ClientBuilder::idle_timeout).
    ///
    /// ```
    /// use futures_util::TryStreamExt as _;
    /// use openai_api::Client;
    /// use openai_api::testing::{Reply, ScriptedServer};
    /// use serde_json::json;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let sound = Reply::new(200, "audio/pcm", "").in_pieces(["1234", "56"]);
    /// let server = ScriptedServer::start([sound]).await?;
    /// let client = Client::builder().base_url(server.url()).build()?;
    /// let request = json!({"model": "tts-1", "voice": "alloy", "input": "The lake is deep."});
    /// let mut pieces = client.post("audio/speech").json(&request).byte_stream().await?;
    /// let mut length = 0;
    /// while let Some(piece) = pieces.try_next().await? {
    ///     length += piece.len();
    /// }
    /// assert_eq!(length, 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn byte_stream(self) -> Call<ByteStream> {
        self.accept_anything().sent_by(stream_bytes)
    }

    /// Reads the answer as Server-Sent Events, of whatever kind.
    ///
    /// Awaiting the call waits for the first event; until then it is sent again when that can help,
    /// and never after that. Each event is handed out as it is, save those without a kind that say
    /// nothing; `[DONE]` ends the stream and is not handed out.
    /// A server that answers with plain JSON gives a stream of one event.
    ///
    /// Once the stream has begun, errors come as an item, after which it ends: [`Error::Api`] in the
    /// place of an `error` event, or of one that says nothing but an `error`; [`Error::Truncated`] if
    /// the connection breaks before `[DONE]` or the body's end, or the body ends within an event. That
    /// the last event is missing cannot be told here: know it by what the endpoint ends with.
    ///
    /// ```
    /// use futures_util::TryStreamExt as _;
    /// use openai_api::Client;
    /// use openai_api::testing::{Reply, ScriptedServer};
    /// use serde_json::{Value, json};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let told = "event: token\ndata: {\"text\": \"deep\"}\n\n";
    /// let server = ScriptedServer::start([Reply::events([told, "data: [DONE]\n\n"])]).await?;
    /// let client = Client::builder().base_url(server.url()).build()?;
    /// let mut events = client.post("generate").json(&json!({"stream": true})).events().await?;
    /// while let Some(event) = events.try_next().await? {
    ///     assert_eq!(event.kind, "token");
    ///     assert_eq!(event.json::<Value>()?["text"], "deep");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn events(self) -> Call<EventStream> {
        self.accept("text/event-stream")
            .sent_by(|request, _| Box::pin(request.stream::<RawEvents>()))
    }
}

#[inline]
fn send_bytes(request: Box<Outgoing>, _what: &'static str) -> Sending<Bytes> {
    Box::pin(async {
        let mut kept = None;
        request.run(Intake::Kept(&mut kept)).await?;
        kept.ok_or(Error::Truncated)
    })
}

#[inline]
fn stream_bytes(request: Box<Outgoing>, _what: &'static str) -> Sending<ByteStream> {
    Box::pin(async {
        let mut opening = FirstPiece::default();
        request.run(Intake::Begun(&mut opening)).await?;
        let answer = opening.answer.ok_or(Error::Truncated)?;
        let meta = Arc::clone(&answer.meta);
        let state = opening.piece.map(|first| (Some(first), answer));
        let pieces = futures_util::stream::try_unfold(state, |state| async {
            let Some((first, mut answer)) = state else { return Ok(None) };
            let piece = match first {
                Some(first) => Some(first),
                None => {
                    let piece = answer.chunk(false).await.map_err(cut_short);
                    piece.inspect_err(|error| answer.trace.failed(error))?
                }
            };
            Ok(piece.map(|piece| (piece, Some((None, answer)))))
        });
        Ok((pieces.boxed(), meta))
    })
}

/// Waits for the first piece of a body.
#[derive(Default)]
struct FirstPiece {
    answer: Option<Answer>,
    piece: Option<Bytes>,
}

impl Opening for FirstPiece {
    #[inline]
    fn begin(&mut self, answer: Answer) {
        self.answer = Some(answer);
    }

    #[inline]
    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(answer) = &mut self.answer else { return Poll::Ready(Ok(())) };
        self.piece = ready!(answer.poll_chunk(cx, true)).map_err(cut_short)?;
        Poll::Ready(Ok(()))
    }
}

/// The error for a body that ended before all had come that was promised.
#[inline]
fn cut_short(error: Error) -> Error {
    if is_cut_short(&error) { Error::Truncated } else { error }
}

/// Reads events of any kind; they are complete when the body ends in order.
#[derive(Default)]
struct RawEvents {
    has_ended: bool,
}

impl Reader for RawEvents {
    type Item = StreamEvent;

    #[inline]
    fn read(&mut self, event: &Event<'_>, answer: &Answer) -> Result<Read<StreamEvent>> {
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            return Ok(Read::Done);
        }
        if event.kind == b"error" || is_error(data) {
            return Err(answer.late_error(data));
        }
        if data.is_empty() && event.kind.is_empty() {
            return Ok(Read::Nothing);
        }
        Ok(Read::Item(event.into()))
    }

    #[inline]
    fn read_end(
        &mut self,
        event: Option<&Event<'_>>,
        answer: &Answer,
    ) -> Result<Read<StreamEvent>> {
        // Servers forget the blank line behind the last event, and JSON that is whole was not cut.
        let is_whole = |data: &[u8]| {
            data.trim_ascii() == b"[DONE]" || mend::from_slice::<IgnoredAny>(data).is_ok()
        };
        self.has_ended = event.is_none_or(|event| is_whole(event.data));
        match event {
            Some(event) if self.has_ended => self.read(event, answer),
            _ => Ok(Read::Nothing),
        }
    }

    #[inline]
    fn read_whole(&mut self, body: &[u8], answer: &Answer) -> Result<Read<StreamEvent>> {
        let body = without_bom(body).trim_ascii();
        if is_error(body) {
            return Err(answer.late_error(body));
        }
        let data = String::from_utf8_lossy(body).into_owned();
        Ok(Read::Last(StreamEvent { data, ..StreamEvent::default() }))
    }

    fn is_complete(&self) -> bool {
        self.has_ended
    }
}

/// Whether JSON says nothing but an error; one that belongs to an object, as to a job that failed,
/// is none of the stream's.
fn is_error(data: &[u8]) -> bool {
    memchr::memmem::find(data, b"\"error\"").is_some()
        && mend::from_slice::<Value>(data)
            .is_ok_and(|value| value.extra().is_some_and(error_body::is_error))
}

const EVENT: &str = "event of the stream";
