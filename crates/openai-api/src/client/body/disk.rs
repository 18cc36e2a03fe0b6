//! What lies on disk, read while it is sent.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::fs::File;
use tokio::io::{AsyncRead as _, AsyncSeekExt as _, ReadBuf};

use crate::client::body::SLICE;
use crate::client::transport::causes;
use crate::error::{BoxError, Error, Result};

/// `length` bytes of a file, from `offset` on.
#[derive(Clone, Debug)]
pub(in crate::client) struct Disk {
    path: Arc<PathBuf>,
    offset: u64,
    length: u64,
    file: Reading,
}

impl Disk {
    /// A whole file, of the size it has now.
    pub(in crate::client) async fn whole(path: &Path) -> Result<Self> {
        let fail = |source| Error::File { path: path.to_owned(), source };
        // Opened too, so that one that may not be read is told before anything is sent.
        let file = File::open(path).await.map_err(fail)?;
        let metadata = file.metadata().await.map_err(fail)?;
        if !metadata.is_file() {
            return Err(fail(io::Error::other("it is not a regular file")));
        }
        let path = Arc::new(path.to_owned());
        Ok(Self { path, offset: 0, length: metadata.len(), file: Reading::default() })
    }

    /// How many bytes it has that were not read yet.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// The `length` bytes from `start` on.
    pub(in crate::client) fn part(&self, start: u64, length: u64) -> Self {
        Self { offset: self.offset + start, length, ..self.clone() }
    }

    /// Reads a slice from its beginning, which it then no longer has.
    pub(super) fn poll_slice(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BoxError>> {
        let path = &self.path;
        let fail = |source| ReadFailed { path: Arc::clone(path), source };
        loop {
            match self.file.0.get_or_insert_with(|| open(Arc::clone(path), self.offset)) {
                Open::Opening(opening) => {
                    let opening = opening.get_mut().unwrap_or_else(PoisonError::into_inner);
                    let file = ready!(opening.as_mut().poll(cx)).map_err(fail)?;
                    self.file.0 = Some(Open::Reading(Box::new(file)));
                }
                Open::Reading(file) => {
                    let size = usize::try_from(self.length).unwrap_or(SLICE).min(SLICE);
                    let mut slice = vec![0; size];
                    let mut buffer = ReadBuf::new(&mut slice);
                    ready!(Pin::new(file).poll_read(cx, &mut buffer)).map_err(fail)?;
                    let read = buffer.filled().len();
                    if read == 0 {
                        let problem = io::Error::other("it became shorter meanwhile");
                        return Poll::Ready(Err(fail(problem).into()));
                    }
                    self.length -= read as u64;
                    slice.truncate(read);
                    return Poll::Ready(Ok(slice.into()));
                }
            }
        }
    }

    /// The error to tell when sending failed because a file could not be read.
    pub(in crate::client) fn failure(error: &Error) -> Option<Error> {
        let failed = causes(error).find_map(|cause| cause.downcast_ref::<ReadFailed>())?;
        let source = io::Error::new(failed.source.kind(), failed.source.to_string());
        Some(Error::File { path: failed.path.as_ref().clone(), source })
    }
}

/// The file while it is read; a clone is to be opened anew.
#[derive(Default)]
struct Reading(Option<Open>);

enum Open {
    /// A mutex, which nobody ever waits for, makes it `Sync`, as hyper wants its bodies.
    Opening(Mutex<Pin<Box<dyn Future<Output = io::Result<File>> + Send>>>),
    Reading(Box<File>),
}

impl Clone for Reading {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
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

/// The file could not be read while it was sent.
#[derive(Debug, thiserror::Error)]
#[error("the file could not be read to its end")]
struct ReadFailed {
    path: Arc<PathBuf>,
    source: io::Error,
}
