//! Small JSON files that are there whole or not at all.

use std::io::{Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

/// A file that nobody finds yet; dropping it removes it.
pub(crate) fn temporary(dir: &Path) -> Result<NamedTempFile> {
    tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(dir)
}

/// Puts `value` at `path` in one step.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let write = || {
        let dir = path.parent().ok_or(ErrorKind::InvalidInput)?;
        let mut file = temporary(dir)?;
        serde_json::to_writer(&mut file, value)?;
        file.flush()?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| failed("write", path, source))
}

/// What is at `path`, or `None` if nothing is.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let read = match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(Error::from),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    read.map_err(|source| failed("read", path, source))
}

/// The same error, with what was tried and where.
fn failed(action: &'static str, path: &Path, source: Error) -> Error {
    let path = path.to_owned();
    Error::new(source.kind(), AtPath { action, path, source })
}

#[derive(Debug, thiserror::Error)]
#[error("could not {action} {}", path.display())]
struct AtPath {
    action: &'static str,
    path: PathBuf,
    source: Error,
}

/// Does what blocks where blocking is no harm.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::other)?
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds since the Unix epoch.
pub(crate) fn now_secs() -> u64 {
    now() / NANOS
}

/// Removes the temporary files that a server left when it was killed: those a day old.
pub(crate) fn sweep(dir: &Path) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let ours = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        let age = entry.metadata().and_then(|meta| meta.modified()).map(|at| at.elapsed());
        if ours && matches!(age, Ok(Ok(age)) if age.as_secs() > DAY) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a file and tells whether it was there.
pub(crate) fn remove(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// `dir` and a file name with an ending.
pub(crate) fn with_ending(dir: &Path, name: &str, ending: &str) -> PathBuf {
    dir.join(format!("{name}{ending}"))
}

const DAY: u64 = 24 * 60 * 60;
const NANOS: u64 = 1_000_000_000;
const TEMPORARY: &str = ".upload-";
