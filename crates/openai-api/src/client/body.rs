//! What a request carries, ready to be sent more than once.

#[cfg(feature = "limit")]
use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::fs::File;
use tokio::io::{AsyncRead as _, AsyncSeekExt as _, ReadBuf};

use crate::error::{Error, Result};

/// A body of known length that can be opened anew for each attempt; cloning it copies nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pieces: Vec<Piece>,
}

/// A part of a body.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Memory(Bytes),
    /// `length` bytes of a file, from `offset` on.
    Disk {
        path: Arc<PathBuf>,
        offset: u64,
        length: u64,
    },
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
        let flow = Flow {
            pieces,
            open: None,
            left: self.len(),
            sent: Arc::clone(sent.get_or_insert_default()),
        };
        reqwest::Body::wrap(flow)
    }

    /// The error to tell when sending failed because the file could not be read.
    pub(super) fn failure(error: &Error) -> Option<Error> {
        let failed =
            super::transport::causes(error).find_map(|cause| cause.downcast_ref::<ReadFailed>())?;
        let source = io::Error::new(failed.source.kind(), failed.source.to_string());
        Some(Error::File { path: failed.path.as_ref().clone(), source })
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
            Self::Disk { length, .. } => *length,
        }
    }

    fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Self::Memory(bytes) => Some(bytes),
            Self::Disk { .. } => None,
        }
    }

    /// Cuts it into pieces of `size` bytes, the last of which may be shorter.
    #[cfg(feature = "files")]
    pub(super) fn cut(&self, size: u64) -> impl Iterator<Item = Self> {
        let total = self.len();
        (0..total.div_ceil(size)).map(move |place| {
            let start = place * size;
            let length = size.min(total - start);
            match self {
                // What lies in memory has a length that fits.
                Self::Memory(bytes) => {
                    Self::Memory(bytes.slice(start as usize..(start + length) as usize))
                }
                Self::Disk { path, offset, .. } => {
                    Self::Disk { path: Arc::clone(path), offset: offset + start, length }
                }
            }
        })
    }
}

/// A body under way.
struct Flow {
    /// What is still to come, last piece first.
    pieces: Vec<Piece>,
    /// The file being read.
    open: Option<Open>,
    left: u64,
    sent: Arc<AtomicU64>,
}

enum Open {
    /// A mutex, which nobody ever waits for, makes it `Sync`, as hyper wants its bodies.
    Opening(Mutex<Pin<Box<dyn Future<Output = io::Result<File>> + Send>>>),
    Reading(File),
}

impl Flow {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ReadFailed>> {
        while let Some(piece) = self.pieces.last_mut() {
            let (path, offset, length) = match piece {
                // In slices, so that a transport that copies, as TLS does, copies little.
                Piece::Memory(bytes) if !bytes.is_empty() => {
                    return Poll::Ready(Ok(bytes.split_to(bytes.len().min(SLICE))));
                }
                Piece::Disk { path, offset, length } if *length > 0 => (path, offset, length),
                _ => {
                    self.pieces.pop();
                    self.open = None;
                    continue;
                }
            };
            let fail = |source| ReadFailed { path: Arc::clone(path), source };
            match self.open.get_or_insert_with(|| open(Arc::clone(path), *offset)) {
                Open::Opening(opening) => {
                    let opening = opening.get_mut().unwrap_or_else(PoisonError::into_inner);
                    let file = ready!(opening.as_mut().poll(cx)).map_err(fail)?;
                    self.open = Some(Open::Reading(file));
                }
                Open::Reading(file) => {
                    let size = usize::try_from(*length).unwrap_or(SLICE).min(SLICE);
                    let mut slice = vec![0; size];
                    let mut buffer = ReadBuf::new(&mut slice);
                    ready!(Pin::new(file).poll_read(cx, &mut buffer)).map_err(fail)?;
                    let read = buffer.filled().len();
                    if read == 0 {
                        let problem = io::Error::other("it became shorter meanwhile");
                        return Poll::Ready(Err(fail(problem)));
                    }
                    *length -= read as u64;
                    slice.truncate(read);
                    return Poll::Ready(Ok(slice.into()));
                }
            }
        }
        Poll::Ready(Ok(Bytes::new()))
    }
}

fn open(path: Arc<PathBuf>, offset: u64) -> Open {
    Open::Opening(Mutex::new(Box::pin(async move {
        let mut file = File::open(&*path).await?;
        if offset > 0 {
            file.seek(io::SeekFrom::Start(offset)).await?;
        }
        Ok(file)
    })))
}

impl http_body::Body for Flow {
    type Data = Bytes;
    type Error = ReadFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReadFailed>>> {
        let piece = match ready!(self.poll_piece(cx)) {
            Ok(piece) if piece.is_empty() => return Poll::Ready(None),
            Ok(piece) => piece,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        let length = piece.len() as u64;
        self.left = self.left.saturating_sub(length);
        self.sent.fetch_add(length, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// The file could not be read while it was sent.
#[derive(Debug, thiserror::Error)]
#[error("the file could not be read to its end")]
struct ReadFailed {
    path: Arc<PathBuf>,
    source: io::Error,
}

const SLICE: usize = 64 * 1024;
const LONGEST_WHOLE: usize = 256 * 1024;
