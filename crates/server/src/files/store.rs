//! Files in a folder, each with what is known of it beside it.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openai_api::{File, FilePurpose};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::disk::{blocking, now, read_json, remove, sweep, temporary, with_ending, write_json};
use crate::random;

/// A folder of files: `file-…` is the content, `file-….json` the record.
///
/// The content is there before its record and goes after it, so whoever finds a record finds the
/// content as well. Several servers may share a folder.
#[derive(Clone, Debug)]
pub(crate) struct FileStore {
    dir: Arc<Path>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// When the file was stored, in nanoseconds since the Unix epoch: the order of lists.
    stored_ns: u64,
    file: File,
}

impl FileStore {
    /// Opens a folder and makes it if it is not there.
    pub(crate) fn open(dir: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&dir)?;
        sweep(&dir)?;
        Ok(Self { dir: dir.into() })
    }

    #[cfg(feature = "fine-tuning")]
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A place for content that is still coming; dropping it removes what has come.
    pub(crate) async fn begin(&self) -> Result<NamedTempFile> {
        let store = self.clone();
        blocking(move || temporary(&store.dir)).await
    }

    /// Keeps what has come, under a new id.
    pub(crate) async fn keep(
        &self,
        content: NamedTempFile,
        filename: String,
        purpose: FilePurpose,
    ) -> Result<File> {
        let store = self.clone();
        blocking(move || {
            let id = random::secret_id(ID_PREFIX)?;
            content.as_file().sync_all()?;
            let bytes = content.as_file().metadata()?.len();
            let stored_ns = now();
            let created_at = stored_ns / 1_000_000_000;
            let file = File::new(id.as_str(), filename, bytes, purpose, created_at);
            content.persist_noclobber(store.dir.join(&id))?;
            let record = Record { stored_ns, file };
            if let Err(error) = write_json(&store.record_path(&id), &record) {
                remove(&store.dir.join(&id))?;
                return Err(error);
            }
            Ok(record.file)
        })
        .await
    }

    /// All files, newest first, and why records were left out.
    pub(crate) async fn list(&self) -> Result<(Vec<File>, Vec<Error>)> {
        let store = self.clone();
        blocking(move || {
            let (mut records, mut unreadable) = (Vec::<Record>::new(), Vec::new());
            for entry in std::fs::read_dir(&store.dir)? {
                let name = entry?.file_name();
                let id = name.to_str().and_then(|name| name.strip_suffix(RECORD));
                let Some(id) = id.filter(|id| is_id(id)) else { continue };
                match read_json::<Record>(&store.record_path(id)) {
                    // It may have been deleted since the folder was read.
                    Ok(record) => records.extend(record),
                    Err(error) => unreadable.push(error),
                }
            }
            records.sort_by(|a, b| {
                (b.stored_ns, b.file.id.as_str()).cmp(&(a.stored_ns, a.file.id.as_str()))
            });
            Ok((records.into_iter().map(|record| record.file).collect(), unreadable))
        })
        .await
    }

    /// What is known of a file.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<File>> {
        if !is_id(id) {
            return Ok(None);
        }
        let path = self.record_path(id);
        Ok(blocking(move || read_json::<Record>(&path)).await?.map(|record| record.file))
    }

    /// Deletes a file and tells whether it was there.
    pub(crate) async fn delete(&self, id: &str) -> Result<bool> {
        if !is_id(id) {
            return Ok(false);
        }
        let (record, content) = (self.record_path(id), self.dir.join(id));
        blocking(move || {
            let was_there = remove(&record)?;
            if was_there {
                remove(&content)?;
            }
            Ok(was_there)
        })
        .await
    }

    /// Opens a file's content and tells its length.
    pub(crate) async fn open_content(&self, id: &str) -> Result<Option<(tokio::fs::File, u64)>> {
        if self.get(id).await?.is_none() {
            return Ok(None);
        }
        match tokio::fs::File::open(self.dir.join(id)).await {
            Ok(file) => {
                let length = file.metadata().await?.len();
                Ok(Some((file, length)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where the content of a file that [`get`](Self::get) has found is.
    #[cfg(feature = "fine-tuning")]
    pub(crate) fn content_path(&self, id: &str) -> Option<PathBuf> {
        is_id(id).then(|| self.dir.join(id))
    }

    fn record_path(&self, id: &str) -> PathBuf {
        with_ending(&self.dir, id, RECORD)
    }
}

/// Whether a text can be the id of a file; then it can be the name of one.
fn is_id(text: &str) -> bool {
    text.strip_prefix(ID_PREFIX).is_some_and(|rest| {
        (1..=64).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

const ID_PREFIX: &str = "file-";
const RECORD: &str = ".json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_store_made_is_an_id() {
        assert!(is_id(&random::secret_id(ID_PREFIX).unwrap()));
        for text in ["", "file-", "file-a.json", "file-../x", "../file-a", "file-a/b", "file-я"] {
            assert!(!is_id(text), "{text}");
        }
    }
}
