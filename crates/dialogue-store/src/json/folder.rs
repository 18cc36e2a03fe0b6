//! The folder of a JSON store, as its thread sees it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::dialogue::{Dialogue, DialogueSummary};
use crate::error::{Error, Result};
use crate::id::DialogueId;
use crate::json::document;
use crate::query::Query;
use crate::time::Timestamp;
use crate::turn::{Feedback, Turn};

#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        create_folder(path).map_err(failed("create", path))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(failed("open", &lock_path))?;
        let folder = Self { path: path.to_owned(), lock };
        folder.remove_leftovers()?;
        Ok(folder)
    }

    pub(crate) fn create(&self, dialogue: &Dialogue) -> Result<DialogueId> {
        let _guard = self.lock()?;
        let path = self.file(&dialogue.id);
        if path.try_exists().map_err(failed("look for", &path))? {
            return Err(Error::AlreadyExists(dialogue.id.clone()));
        }
        self.write(dialogue)?;
        Ok(dialogue.id.clone())
    }

    pub(crate) fn append(&self, id: &DialogueId, turns: Vec<Turn>) -> Result<u64> {
        let _guard = self.lock()?;
        let mut dialogue = self.read(id)?;
        if !turns.is_empty() {
            dialogue.turns.extend(turns);
            self.write(&dialogue)?;
        }
        Ok(dialogue.turns.len() as u64)
    }

    pub(crate) fn rate(&self, id: &DialogueId, turn: u64, feedback: Feedback) -> Result<()> {
        let _guard = self.lock()?;
        let mut dialogue = self.read(id)?;
        dialogue.rate(turn, feedback)?;
        self.write(&dialogue)
    }

    /// Needs no lock: a file is replaced in one step.
    pub(crate) fn read(&self, id: &DialogueId) -> Result<Dialogue> {
        let path = self.file(id);
        let read = || -> io::Result<(Vec<u8>, Timestamp)> {
            let bytes = fs::read(&path)?;
            let changed = fs::metadata(&path)?.modified()?;
            Ok((bytes, Timestamp::from(changed)))
        };
        match read() {
            Ok((bytes, changed)) => document::read(&path, &bytes, id, changed),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NotFound(id.clone())),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// The dialogues that fit; after them, those that cannot be read.
    pub(crate) fn list(&self, query: &Query) -> Result<Vec<Result<DialogueSummary>>> {
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        for id in self.ids()? {
            match self.read(&id) {
                Ok(dialogue) if query.matches(&dialogue) => found.push(dialogue.summary()),
                // Deleted since the folder was read.
                Ok(_) | Err(Error::NotFound(_)) => {}
                Err(error) => unreadable.push(Err(error)),
            }
        }
        query.arrange(&mut found);
        Ok(found.into_iter().map(Ok).chain(unreadable).collect())
    }

    pub(crate) fn delete(&self, id: &DialogueId) -> Result<()> {
        let _guard = self.lock()?;
        let path = self.file(id);
        match fs::remove_file(&path) {
            Ok(()) => self.sync(),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NotFound(id.clone())),
            Err(error) => Err(failed("delete", &path)(error)),
        }
    }

    fn file(&self, id: &DialogueId) -> PathBuf {
        self.path.join(format!("{id}{EXTENSION}"))
    }

    /// In the order of their names, so that errors come in the same order each time.
    fn ids(&self) -> Result<Vec<DialogueId>> {
        let mut ids = Vec::new();
        for name in self.names()? {
            let id = name.strip_suffix(EXTENSION).and_then(|id| id.parse().ok());
            ids.extend(id);
        }
        ids.sort();
        Ok(ids)
    }

    fn names(&self) -> Result<Vec<String>> {
        let read = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                names.extend(entry?.file_name().into_string());
            }
            Ok(names)
        };
        read().map_err(failed("read", &self.path))
    }

    /// Writes a new file, and lets it take the place of the old one once it is on disk.
    fn write(&self, dialogue: &Dialogue) -> Result<()> {
        let path = self.file(&dialogue.id);
        let write = || -> io::Result<()> {
            let bytes = document::write(dialogue)?;
            let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(&self.path)?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(failed("write", &path))?;
        self.sync()
    }

    /// Makes a change of names in the folder last.
    fn sync(&self) -> Result<()> {
        if cfg!(unix) {
            let sync = File::open(&self.path).and_then(|folder| folder.sync_all());
            sync.map_err(failed("sync", &self.path))?;
        }
        Ok(())
    }

    /// Removes what a process that died while writing has left.
    fn remove_leftovers(&self) -> Result<()> {
        let _guard = self.lock()?;
        for name in self.names()?.iter().filter(|name| name.starts_with(TEMPORARY)) {
            let path = self.path.join(name);
            fs::remove_file(&path).map_err(failed("delete", &path))?;
        }
        Ok(())
    }

    /// Waits until no other process changes the folder.
    fn lock(&self) -> Result<Guard<'_>> {
        self.lock.lock().map_err(failed("lock", &self.path.join(LOCK)))?;
        Ok(Guard(&self.lock))
    }
}

struct Guard<'a>(&'a File);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // If this fails, the lock goes with the file when the store is dropped.
        let _ = self.0.unlock();
    }
}

fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

const EXTENSION: &str = ".json";
const LOCK: &str = ".lock";
/// No id starts with a dot, so no dialogue has such a name.
const TEMPORARY: &str = ".tmp-";
