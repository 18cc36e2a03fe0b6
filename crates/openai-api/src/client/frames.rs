//! The events of an answer that is a stream, or should have been one.

use bytes::{Buf as _, Bytes};
use futures_util::FutureExt as _;

use crate::client::answer::{Answer, without_bom};
use crate::client::transport::is_cut_short;
use crate::error::{Error, Result};
use crate::sse::{Decoder, Event};

/// An answer under way, event by event.
///
/// The caller pulls; there is no task and no queue between it and the connection.
pub(super) struct Frames {
    pub(super) answer: Answer,
    decoder: Decoder,
    /// What came and is not decoded yet.
    input: Bytes,
    /// The beginning of the body, until it shows whether this is a stream at all.
    beginning: Option<Vec<u8>>,
    received: bool,
    is_over: bool,
}

/// What comes next.
pub(super) enum Frame<T> {
    /// An event, as it was read.
    Event(T),
    /// The whole body: it is plain JSON and no stream.
    Whole(Bytes),
    /// The stream is over, be it in order, cut in the middle of an event, or broken off.
    End,
}

impl Frames {
    pub(super) fn new(answer: Answer) -> Self {
        Self {
            answer,
            decoder: Decoder::new().with_errors(),
            input: Bytes::new(),
            beginning: Some(Vec::new()),
            received: false,
            is_over: false,
        }
    }

    /// Gives what the next event for which `read` has something is read as.
    pub(super) async fn next<T>(
        &mut self,
        mut read: impl FnMut(&Event<'_>, &Answer) -> Result<Option<T>>,
    ) -> Result<Frame<T>> {
        loop {
            if let Some(event) = self.decode(&mut read)? {
                return Ok(Frame::Event(event));
            }
            if self.is_over {
                return Ok(Frame::End);
            }
            match self.answer.chunk(!self.received).await {
                Ok(Some(piece)) => {
                    self.received = true;
                    if let Some(whole) = self.receive(piece).await? {
                        return Ok(Frame::Whole(whole));
                    }
                }
                Ok(None) => {
                    self.is_over = true;
                    return self.last(&mut read);
                }
                Err(error) if is_cut_short(&error) => {
                    self.is_over = true;
                    return Ok(Frame::End);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the end of the body if it has come along with the rest; that frees the connection for
    /// the next request.
    pub(super) fn take_end(&mut self) {
        let _ = self.answer.chunk(false).now_or_never();
    }

    /// Takes a piece of the body, or all of it if it is no stream but plain JSON.
    async fn receive(&mut self, piece: Bytes) -> Result<Option<Bytes>> {
        let Some(beginning) = &mut self.beginning else {
            self.input = piece;
            return Ok(None);
        };
        if self.answer.encoding().is_some() {
            return Err(self.answer.form().unreadable("stream", None));
        }
        beginning.extend_from_slice(&piece);
        match without_bom(beginning).trim_ascii_start().first() {
            None => Ok(None),
            Some(b'{' | b'[') => {
                let mut body = self.beginning.take().unwrap_or_default();
                while let Some(piece) = self.answer.chunk(false).await? {
                    body.extend_from_slice(&piece);
                }
                self.is_over = true;
                Ok(Some(body.into()))
            }
            Some(b'<') if self.answer.form().is_html() => {
                Err(self.answer.form().unreadable("stream", None))
            }
            Some(_) => {
                self.input = self.beginning.take().unwrap_or_default().into();
                Ok(None)
            }
        }
    }

    fn decode<T>(
        &mut self,
        read: &mut impl FnMut(&Event<'_>, &Answer) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        while !self.input.is_empty() {
            let mut rest = &self.input[..];
            let event = self.decoder.next(&mut rest).map_err(too_long)?;
            let got = match event {
                Some(event) => read(&event, &self.answer)?,
                None => None,
            };
            let used = self.input.len() - rest.len();
            self.input.advance(used);
            if got.is_some() {
                return Ok(got);
            }
        }
        Ok(None)
    }

    /// Reads what the body ended with, if that is an event without its blank line.
    fn last<T>(
        &mut self,
        read: &mut impl FnMut(&Event<'_>, &Answer) -> Result<Option<T>>,
    ) -> Result<Frame<T>> {
        let Some(event) = self.decoder.finish().map_err(too_long)? else {
            return Ok(Frame::End);
        };
        match read(&event, &self.answer) {
            Ok(Some(event)) => Ok(Frame::Event(event)),
            Ok(None) => Ok(Frame::End),
            // The body ended in the middle of it.
            Err(Error::Decode { .. }) => Ok(Frame::End),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn too_long(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Decode { what: "stream", source: error.into() }
}
