//! Dialogues in JSON files.

mod document;
mod folder;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, stream};

use crate::dialogue::{Dialogue, NewDialogue};
use crate::error::Result;
use crate::id::DialogueId;
use crate::json::folder::Folder;
use crate::query::Query;
use crate::store::{DialogueStore, DialogueStream};
use crate::turn::{Feedback, Turn};
use crate::worker::Worker;

/// Keeps each dialogue as a JSON document in a folder, named after its id.
///
/// A file that holds a bare array of `{"role", "content", "sentiment"?}` is read as a dialogue too,
/// begun when the file was last changed, and becomes a document with the first append. It has the
/// tag [`SINGLE_TURN`](crate::SINGLE_TURN), for nothing in it says that a question was asked with
/// what had been said before; whoever knows better makes a dialogue of it with
/// [`import`](crate::DialogueStoreExt::import).
///
/// A change is on disk when its call returns: a new file takes the old one's place in one step.
/// Many processes may use one folder at a time; a `.lock` in it keeps their changes apart. Each
/// append writes the whole file, which suits dialogues of some hundred turns.
///
/// ```
/// use dialogue_store::{DialogueStore, JsonFileStore, NewDialogue, Turn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let store = JsonFileStore::open(folder.path())?;
/// let id = store.create(NewDialogue::new().with_id("greeting".parse()?)).await?;
/// store.append(&id, vec![Turn::user("Hello!")]).await?;
/// assert!(folder.path().join("greeting.json").exists());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct JsonFileStore {
    path: PathBuf,
    folder: Worker<Folder>,
}

impl JsonFileStore {
    /// Opens a folder, and creates it if there is none, readable by its owner alone.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) if it is no folder or cannot be written to.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let folder = Worker::spawn("JSON", Folder::open(&path)?)?;
        Ok(Self { path, folder })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[async_trait]
impl DialogueStore for JsonFileStore {
    async fn create(&self, dialogue: NewDialogue) -> Result<DialogueId> {
        self.folder.run(|folder| folder.create(&Dialogue::begin(dialogue))).await
    }

    async fn append(&self, id: &DialogueId, turns: Vec<Turn>) -> Result<u64> {
        let id = id.clone();
        self.folder.run(move |folder| folder.append(&id, turns)).await
    }

    async fn rate(&self, id: &DialogueId, turn: u64, feedback: Feedback) -> Result<()> {
        let id = id.clone();
        self.folder.run(move |folder| folder.rate(&id, turn, feedback)).await
    }

    async fn get(&self, id: &DialogueId) -> Result<Dialogue> {
        let id = id.clone();
        self.folder.run(move |folder| folder.read(&id)).await
    }

    fn list(&self, query: Query) -> DialogueStream {
        let folder = self.folder.clone();
        let found = async move { folder.run(move |folder| folder.list(&query)).await };
        found
            .map(|found| stream::iter(found.unwrap_or_else(|error| vec![Err(error)])))
            .flatten_stream()
            .boxed()
    }

    async fn delete(&self, id: &DialogueId) -> Result<()> {
        let id = id.clone();
        self.folder.run(move |folder| folder.delete(&id)).await
    }
}

#[cfg(test)]
mod tests;
