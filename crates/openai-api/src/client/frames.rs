//! The events of an answer that is a stream, or should have been one.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use serde::de::DeserializeOwned;

use crate::client::answer::{Answer, Misread};
use crate::client::outgoing::{Intake, Opening, Outgoing};
use crate::client::transport::is_cut_short;
use crate::error::{Error, Result};
use crate::mend::{self, BYTE_ORDER_MARK, without_bom};
use crate::meta::Meta;
use crate::sse::{Decoder, Event};

/// Makes items of the events of an answer.
pub(super) trait Reader: Default + Send + Unpin + 'static {
    /// What the caller gets.
    type Item: Send + Unpin + 'static;

    /// Takes note of how many answers were asked for, where that was said.
    fn expect(&mut self, _answers: u32) {}

    /// Reads an event.
    fn read(&mut self, event: &Event<'_>, answer: &Answer) -> Result<Read<Self::Item>>;

    /// Reads what the body ended with, if that is an event without its blank line.
    fn read_end(&mut self, event: Option<&Event<'_>>, answer: &Answer) -> Result<Read<Self::Item>> {
        event.map_or(Ok(Read::Nothing), |event| self.read(event, answer))
    }

    /// Reads the whole body: plain JSON, answered to a request for a stream.
    ///
    /// What is not [the last](Read::Last) is followed by nothing, and so cut short.
    fn read_whole(&mut self, body: &[u8], answer: &Answer) -> Result<Read<Self::Item>>;

    /// Whether all that was to come has come, so that a connection that breaks now is no loss.
    fn is_complete(&self) -> bool;
}

/// What an event is read as.
pub(super) enum Read<T> {
    /// Something for the caller.
    Item(T),
    /// The last thing for the caller.
    Last(T),
    /// Nothing.
    Nothing,
    /// The end.
    Done,
}

impl Outgoing {
    /// Sends the request and gives the items of its answer.
    ///
    /// It is sent again until its first item is there, and never after that.
    pub(super) async fn stream<R: Reader>(
        self: Box<Self>,
    ) -> Result<(BoxStream<'static, Result<R::Item>>, Arc<Meta>)> {
        let mut opening = FirstItem::<R> { answers: self.answers, taken: None };
        self.run(Intake::Begun(&mut opening)).await?;
        let (mut items, meta) = opening.taken.ok_or(Error::Truncated)?;
        items.is_out = true;
        Ok((items.boxed(), meta))
    }
}

/// Waits for the first item.
struct FirstItem<R: Reader> {
    answers: u32,
    taken: Option<(Items<R>, Arc<Meta>)>,
}

impl<R: Reader> Opening for FirstItem<R> {
    fn begin(&mut self, answer: Answer) {
        let meta = Arc::clone(&answer.meta);
        let mut reader = R::default();
        reader.expect(self.answers);
        let frames = Some(Frames::new(answer));
        self.taken = Some((Items { frames, reader, first: None, is_out: false }, meta));
    }

    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some((items, _)) = &mut self.taken else { return Poll::Ready(Ok(())) };
        let first = ready!(items.poll_next_unpin(cx));
        items.first = first.transpose()?;
        Poll::Ready(Ok(()))
    }
}

/// The items of an answer under way.
struct Items<R: Reader> {
    /// `None` once nothing more is to come, so that the connection is free.
    frames: Option<Frames>,
    reader: R,
    /// The first item, until it is handed out.
    first: Option<R::Item>,
    /// Whether the caller has it, so that an error ends it and not an attempt.
    is_out: bool,
}

impl<R: Reader> Stream for Items<R> {
    type Item = Result<R::Item>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Self { frames, reader, is_out, .. } = this;
        let Some(under_way) = frames else { return Poll::Ready(None) };
        let frame = ready!(under_way.poll_next(cx, reader));
        if let Ok(Frame::Item(item)) = frame {
            return Poll::Ready(Some(Ok(item)));
        }
        let last = match frame {
            Ok(Frame::Item(item)) => Some(Ok(item)),
            Ok(Frame::Last(item)) => {
                under_way.take_end();
                Some(Ok(item))
            }
            Ok(Frame::Done) => {
                under_way.take_end();
                None
            }
            Ok(Frame::Whole(body)) => match reader.read_whole(&body, &under_way.answer) {
                Ok(Read::Item(item)) => return Poll::Ready(Some(Ok(item))),
                Ok(Read::Last(item)) => Some(Ok(item)),
                Ok(Read::Nothing | Read::Done) => None,
                Err(error) => Some(Err(error)),
            },
            Ok(Frame::End) | Err(Error::Transport { .. } | Error::Timeout { .. })
                if reader.is_complete() =>
            {
                None
            }
            Ok(Frame::End) => Some(Err(Error::Truncated)),
            Err(error) => Some(Err(error)),
        };
        if let (true, Some(Err(error))) = (*is_out, &last) {
            under_way.answer.trace.failed(error);
        }
        *frames = None;
        Poll::Ready(last)
    }
}

/// An answer under way, event by event.
///
/// The caller pulls; there is no task and no queue between it and the connection.
struct Frames {
    answer: Answer,
    decoder: Decoder,
    /// What came and is not decoded yet.
    input: Bytes,
    form: Form,
    received: bool,
    is_over: bool,
}

/// What the body turned out to be.
enum Form {
    /// Not told by its beginning yet, of which this is left.
    Unknown(Vec<u8>),
    /// A stream of events.
    Stream,
    /// Plain JSON, of which this much has come.
    Json(Vec<u8>),
}

/// What comes next.
enum Frame<T> {
    /// What an event was read as.
    Item(T),
    /// The same, and nothing is to follow.
    Last(T),
    /// The server says that this is all.
    Done,
    /// The whole body: it is plain JSON and no stream.
    Whole(Bytes),
    /// The stream is over, be it in order, cut in the middle of an event, or broken off.
    End,
}

impl Frames {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            decoder: Decoder::new().with_errors(),
            input: Bytes::new(),
            form: Form::Unknown(Vec::new()),
            received: false,
            is_over: false,
        }
    }

    /// Polls for what the next event in which the reader finds something is read as.
    #[inline]
    fn poll_next<R: Reader>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
    ) -> Poll<Result<Frame<R::Item>>> {
        loop {
            if let Some(frame) = self.decode(reader)? {
                return Poll::Ready(Ok(frame));
            }
            if self.is_over {
                return Poll::Ready(Ok(Frame::End));
            }
            // As long as a piece of it is held, hyper cannot use its buffer again.
            self.input = Bytes::new();
            match ready!(self.answer.poll_chunk(cx, !self.received)) {
                Ok(Some(piece)) => {
                    self.received = true;
                    self.receive(piece)?;
                }
                Ok(None) => {
                    self.is_over = true;
                    if let Form::Json(body) = &mut self.form {
                        return Poll::Ready(Ok(Frame::Whole(mem::take(body).into())));
                    }
                    return Poll::Ready(self.last(reader));
                }
                Err(error) if is_cut_short(&error) && matches!(self.form, Form::Stream) => {
                    self.is_over = true;
                    return Poll::Ready(Ok(Frame::End));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Takes the end of the body if it has come along with the rest; that frees the connection for
    /// the next request.
    fn take_end(&mut self) {
        let _ = self.answer.chunk(false).now_or_never();
    }

    /// Takes a piece of the body.
    #[inline]
    fn receive(&mut self, piece: Bytes) -> Result<()> {
        let beginning = match &mut self.form {
            Form::Stream => {
                self.input = piece;
                return Ok(());
            }
            Form::Json(body) => {
                self.answer.check_length(body.len() + piece.len())?;
                body.extend_from_slice(&piece);
                return Ok(());
            }
            Form::Unknown(_) if self.answer.encoding().is_some() => {
                return Err(self.answer.form().unreadable("stream", None));
            }
            Form::Unknown(beginning) => {
                beginning.extend_from_slice(&piece);
                mem::take(beginning)
            }
        };
        let text = without_bom(&beginning);
        self.form = match text.trim_ascii_start().first() {
            _ if BYTE_ORDER_MARK.starts_with(&beginning) => Form::Unknown(beginning),
            // Of blanks, however many there are, one is kept that is not at the end of a line.
            None => Form::Unknown(match text.last() {
                None | Some(b'\n' | b'\r') => Vec::new(),
                Some(_) => vec![b' '],
            }),
            Some(b'{' | b'[') => {
                self.answer.check_length(beginning.len())?;
                Form::Json(beginning)
            }
            Some(b'<') if self.answer.form().is_html() => {
                return Err(self.answer.form().unreadable("stream", None));
            }
            Some(_) => {
                self.input = beginning.into();
                Form::Stream
            }
        };
        Ok(())
    }

    #[inline]
    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<Option<Frame<R::Item>>> {
        while !self.input.is_empty() {
            let mut rest = &self.input[..];
            let event = self.decoder.next(&mut rest).map_err(too_long)?;
            let read = match event {
                Some(event) => {
                    self.answer.heed(event.data);
                    reader.read(&event, &self.answer)?
                }
                None => Read::Nothing,
            };
            let used = self.input.len() - rest.len();
            self.input.advance(used);
            match read {
                Read::Item(item) => return Ok(Some(Frame::Item(item))),
                Read::Last(item) => return Ok(Some(Frame::Last(item))),
                Read::Done => return Ok(Some(Frame::Done)),
                Read::Nothing => {}
            }
        }
        Ok(None)
    }

    /// Reads what the body ended with, if that is an event without its blank line.
    fn last<R: Reader>(&mut self, reader: &mut R) -> Result<Frame<R::Item>> {
        let event = self.decoder.finish().map_err(too_long)?;
        match reader.read_end(event.as_ref(), &self.answer) {
            Ok(Read::Item(item)) => Ok(Frame::Item(item)),
            Ok(Read::Last(item)) => Ok(Frame::Last(item)),
            Ok(Read::Done) => Ok(Frame::Done),
            // The body ended in the middle of it.
            Ok(Read::Nothing) | Err(Error::Decode { .. }) => Ok(Frame::End),
            Err(error) => Err(error),
        }
    }
}

/// Whether a body is a stream, which some servers answer to every request.
pub(super) fn is_stream(body: &[u8]) -> bool {
    let body = without_bom(body).trim_ascii_start();
    let starts: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    starts.iter().any(|start| body.starts_with(start))
}

/// Whether an event's data is an error for people, in the place of JSON.
pub(super) fn is_plain_error(data: &[u8]) -> bool {
    data.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"error:"))
}

/// Reads a stream that has come as a whole.
pub(super) fn read_all<R: Reader>(
    body: &[u8],
    answer: &Answer,
    mut reader: R,
) -> impl Iterator<Item = Result<R::Item>> {
    let (mut decoder, mut rest) = (Decoder::new().with_errors(), body);
    let mut is_over = false;
    std::iter::from_fn(move || {
        while !is_over {
            is_over = rest.is_empty();
            let event = if is_over { decoder.finish() } else { decoder.next(&mut rest) };
            let read = match event.map_err(too_long) {
                Ok(Some(event)) => {
                    answer.heed(event.data);
                    reader.read(&event, answer)
                }
                Ok(None) => Ok(Read::Nothing),
                Err(error) => Err(error),
            };
            match read {
                Ok(Read::Item(item)) => return Some(Ok(item)),
                Ok(Read::Last(item)) => {
                    is_over = true;
                    return Some(Ok(item));
                }
                Ok(Read::Nothing) => {}
                Ok(Read::Done) => is_over = true,
                Err(error) => {
                    is_over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    })
}

/// Whether an event only keeps the connection open.
#[inline]
pub(super) fn is_noise(event: &Event<'_>) -> bool {
    let data = event.data.trim_ascii_start();
    // A gateway that does not know comments wraps them into data.
    data.is_empty() || data.starts_with(b":") || event.kind == b"ping"
}

/// Reads the JSON in an event.
#[inline]
pub(super) fn read_json<T: DeserializeOwned>(data: &[u8], what: &'static str) -> Result<T> {
    mend::from_slice(data)
        .map_err(|error| Error::Decode { what, source: Misread::new(&error).into() })
}

fn too_long(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Decode { what: "stream", source: error.into() }
}
