//! Dialogues in a SQLite file.

mod database;
mod list;
mod migrate;
mod row;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};

use crate::dialogue::{Dialogue, NewDialogue};
use crate::error::Result;
use crate::id::DialogueId;
use crate::query::Query;
use crate::sqlite::database::Database;
use crate::sqlite::list::Page;
use crate::store::{DialogueStore, DialogueStream};
use crate::turn::{Feedback, Turn};
use crate::worker::Worker;

/// Keeps dialogues in one SQLite file.
///
/// A change is on disk when its call returns. One thread writes and one reads, so that neither
/// waits for the other; many processes may use one file at a time. What is deleted is overwritten.
///
/// ```
/// use dialogue_store::{DialogueStore, NewDialogue, SqliteStore, Turn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let store = SqliteStore::open(folder.path().join("dialogues.db"))?;
/// let id = store.create(NewDialogue::new()).await?;
/// assert_eq!(store.append(&id, vec![Turn::user("Hello!")]).await?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SqliteStore {
    path: PathBuf,
    writer: Worker<Database>,
    reader: Worker<Database>,
}

impl SqliteStore {
    /// Opens a file, brings it up to date, and creates it if there is none, readable by its owner
    /// alone.
    ///
    /// Waits for another process that is changing the file, so call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) if the file is damaged or something else,
    /// [`Error::NewerFormat`](crate::Error::NewerFormat) if a newer version of this crate wrote it,
    /// [`Error::Busy`](crate::Error::Busy) if somebody holds it for longer than 30 seconds.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let writer = Worker::spawn("SQLite", Database::open(&path)?)?;
        let reader = Worker::spawn("SQLite", Database::open_reader(&path)?)?;
        Ok(Self { path, writer, reader })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[async_trait]
impl DialogueStore for SqliteStore {
    async fn create(&self, dialogue: NewDialogue) -> Result<DialogueId> {
        self.writer.run(|database| database.create(&Dialogue::begin(dialogue))).await
    }

    async fn append(&self, id: &DialogueId, turns: Vec<Turn>) -> Result<u64> {
        let id = id.clone();
        self.writer.run(move |database| database.append(&id, &turns)).await
    }

    async fn rate(&self, id: &DialogueId, turn: u64, feedback: Feedback) -> Result<()> {
        let id = id.clone();
        self.writer.run(move |database| database.rate(&id, turn, &feedback)).await
    }

    async fn get(&self, id: &DialogueId) -> Result<Dialogue> {
        let id = id.clone();
        self.reader.run(move |database| database.get(&id)).await
    }

    fn list(&self, query: Query) -> DialogueStream {
        // A page at a time, each of which starts after the last row of the one before.
        let first = Some((self.reader.clone(), Page::first(query)));
        stream::try_unfold(first, |next| async {
            let Some((reader, page)) = next else { return Ok(None) };
            let (found, next) = reader.run(|database| database.list(page)).await?;
            Ok(Some((found, next.map(|page| (reader, page)))))
        })
        .flat_map(|page| {
            stream::iter(match page {
                Ok(found) => found,
                Err(error) => vec![Err(error)],
            })
        })
        .boxed()
    }

    async fn delete(&self, id: &DialogueId) -> Result<()> {
        let id = id.clone();
        self.writer.run(move |database| database.delete(&id)).await
    }
}

#[cfg(test)]
mod tests;
