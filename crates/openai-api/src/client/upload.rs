//! A multipart body whose file is read while it is sent.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::HeaderValue;
use tokio::fs::File;
use tokio::io::{AsyncRead as _, ReadBuf};

use crate::error::{Error, Result};
use crate::file::FilePurpose;

/// A form with two fields: what a file is for, and the file.
pub(super) struct Form {
    pub(super) content_type: HeaderValue,
    pub(super) body: FormBody,
}

impl Form {
    /// A form with a file from disk, of the size it has now.
    pub(super) async fn from_disk(path: &Path, purpose: &FilePurpose) -> Result<Self> {
        let fail = |source| Error::File { path: path.to_owned(), source };
        let file = File::open(path).await.map_err(fail)?;
        let metadata = file.metadata().await.map_err(fail)?;
        if !metadata.is_file() {
            return Err(fail(io::Error::other("it is not a regular file")));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::new(&name, purpose, Content::Disk { file, left: metadata.len() })
    }

    /// A form with a file from memory.
    pub(super) fn from_memory(name: &str, bytes: Bytes, purpose: &FilePurpose) -> Result<Self> {
        Self::new(name, purpose, Content::Memory(bytes))
    }

    fn new(name: &str, purpose: &FilePurpose, content: Content) -> Result<Self> {
        let boundary = format!("attune-{:032x}", fastrand::u128(..));
        let content_type =
            HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
                .map_err(|_| Error::invalid("boundary", "is no header"))?;
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n\
             --{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             content-type: application/octet-stream\r\n\r\n",
            escape(name),
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let sent = Arc::new(AtomicU64::new(0));
        let body = FormBody { head: head.into(), content, tail: tail.into(), sent };
        Ok(Self { content_type, body })
    }
}

/// The body of a form; its length is known before it is sent.
pub(super) struct FormBody {
    head: Bytes,
    content: Content,
    tail: Bytes,
    /// How many bytes have gone out.
    pub(super) sent: Arc<AtomicU64>,
}

enum Content {
    Memory(Bytes),
    Disk { file: File, left: u64 },
}

impl Content {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk { left, .. } => *left,
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        match self {
            Self::Memory(bytes) => Poll::Ready(Ok(std::mem::take(bytes))),
            Self::Disk { left: 0, .. } => Poll::Ready(Ok(Bytes::new())),
            Self::Disk { file, left } => {
                let size = usize::try_from(*left).unwrap_or(PIECE).min(PIECE);
                let mut piece = vec![0; size];
                let mut buffer = ReadBuf::new(&mut piece);
                ready!(Pin::new(file).poll_read(cx, &mut buffer))?;
                let read = buffer.filled().len();
                if read == 0 {
                    return Poll::Ready(Err(io::Error::other("it became shorter meanwhile")));
                }
                *left -= read as u64;
                piece.truncate(read);
                Poll::Ready(Ok(piece.into()))
            }
        }
    }
}

impl Body for FormBody {
    type Data = Bytes;
    type Error = ReadFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReadFailed>>> {
        let this = &mut *self;
        let mut piece = std::mem::take(&mut this.head);
        if piece.is_empty() {
            piece = match ready!(this.content.poll_piece(cx)) {
                Ok(piece) => piece,
                Err(error) => return Poll::Ready(Some(Err(ReadFailed(error)))),
            };
        }
        if piece.is_empty() {
            piece = std::mem::take(&mut this.tail);
        }
        if piece.is_empty() {
            return Poll::Ready(None);
        }
        this.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.head.len() as u64 + self.content.len() + self.tail.len() as u64)
    }
}

/// The file could not be read while it was sent.
#[derive(Debug, thiserror::Error)]
#[error("the file could not be read to its end")]
pub(super) struct ReadFailed(#[source] pub(super) io::Error);

/// Escapes a name as browsers do.
fn escape(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

const PIECE: usize = 64 * 1024;
