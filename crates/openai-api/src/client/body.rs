//! What a request carries, ready to be sent more than once.

#[cfg(feature = "files")]
mod disk;

#[cfg(feature = "limit")]
use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

#[cfg(feature = "files")]
pub(super) use self::disk::Disk;
use crate::error::{BoxError, Result};

/// A body of known length that can be opened anew for each attempt; cloning it copies nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pieces: Vec<Piece>,
}

/// A part of a body.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Memory(Bytes),
    #[cfg(feature = "files")]
    Disk(Disk),
}

impl Body {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        Self { pieces }
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }

    /// The whole body, where it lies in memory in one short piece.
    fn as_short(&self) -> Option<&Bytes> {
        match &self.pieces[..] {
            [Piece::Memory(bytes)] if bytes.len() <= LONGEST_WHOLE => Some(bytes),
            _ => None,
        }
    }

    /// The bytes it begins with, where they lie in memory.
    pub(super) fn start(&self) -> Option<&[u8]> {
        self.pieces.first()?.in_memory()
    }

    /// The body as JSON, if that is what it is, without the images that lie in pieces of their own;
    /// and how many they are.
    #[cfg(feature = "limit")]
    pub(super) fn json(&self) -> Option<(Cow<'_, [u8]>, usize)> {
        // Each stands between two pieces of JSON.
        let json =
            self.pieces.iter().step_by(2).map(Piece::in_memory).collect::<Option<Vec<_>>>()?;
        let lifted = self.pieces.len() / 2;
        Some((if let [json] = json[..] { json.into() } else { json.concat().into() }, lifted))
    }

    /// Opens it for one attempt; `sent` becomes what grows as it goes out, if that takes time.
    pub(super) fn open(&self, sent: &mut Option<Arc<AtomicU64>>) -> reqwest::Body {
        if let Some(bytes) = self.as_short() {
            return bytes.clone().into();
        }
        let mut pieces = self.pieces.clone();
        pieces.reverse();
        let flow =
            Flow { pieces, left: self.len(), sent: Arc::clone(sent.get_or_insert_default()) };
        reqwest::Body::wrap(flow)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { pieces: vec![Piece::Memory(bytes)] }
    }
}

impl Piece {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            #[cfg(feature = "files")]
            Self::Disk(disk) => disk.len(),
        }
    }

    fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Self::Memory(bytes) => Some(bytes),
            #[cfg(feature = "files")]
            Self::Disk(_) => None,
        }
    }

    /// Takes a slice from its beginning, which it then no longer has.
    #[cfg_attr(
        not(feature = "files"),
        expect(unused_variables, reason = "what lies in memory is always there")
    )]
    fn poll_slice(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BoxError>> {
        match self {
            // In slices, so that a transport that copies, as TLS does, copies little.
            Self::Memory(bytes) => Poll::Ready(Ok(bytes.split_to(bytes.len().min(SLICE)))),
            #[cfg(feature = "files")]
            Self::Disk(disk) => disk.poll_slice(cx),
        }
    }
}

/// A body under way.
struct Flow {
    /// What is still to come, last piece first.
    pieces: Vec<Piece>,
    left: u64,
    sent: Arc<AtomicU64>,
}

impl Flow {
    fn poll_slice(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        while let Some(piece) = self.pieces.last_mut() {
            if piece.len() > 0 {
                return piece.poll_slice(cx).map(Some);
            }
            self.pieces.pop();
        }
        Poll::Ready(None)
    }
}

impl http_body::Body for Flow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let slice = ready!(self.poll_slice(cx));
        if let Some(Ok(slice)) = &slice {
            let length = slice.len() as u64;
            self.left = self.left.saturating_sub(length);
            self.sent.fetch_add(length, Ordering::Relaxed);
        }
        Poll::Ready(slice.map(|slice| slice.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

const SLICE: usize = 64 * 1024;
const LONGEST_WHOLE: usize = 256 * 1024;
