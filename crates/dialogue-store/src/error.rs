//! What can go wrong, and what to do then.

use std::path::PathBuf;

use crate::id::DialogueId;

/// A cause of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result whose error is this crate's, unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with a store. What was said in a dialogue never appears in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No dialogue has this id.
    #[error("no dialogue with id {0}")]
    NotFound(DialogueId),
    /// A dialogue has this id already.
    #[error("there is a dialogue with id {0} already")]
    AlreadyExists(DialogueId),
    /// This cannot be the id of a dialogue.
    #[error("{id:?} is no dialogue id: {problem}")]
    InvalidId {
        /// What was given, cut at 128 characters.
        id: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The dialogue has no such turn.
    #[error("dialogue {id} has no turn {turn}: it has {turns} turns, counted from 0")]
    NoSuchTurn {
        /// Which dialogue.
        id: DialogueId,
        /// The turn asked for, counted from 0.
        turn: u64,
        /// How many there are.
        turns: u64,
    },
    /// A file of the store is damaged.
    #[error("{} is damaged{}; {hint}", path.display(), at(*line, *column))]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// The line, counted from 1, where that is known.
        line: Option<usize>,
        /// The column, counted from 1, where that is known.
        column: Option<usize>,
        /// What is wrong and what to do.
        hint: String,
        /// What the reader said, where that is more.
        source: Option<BoxError>,
    },
    /// A file was written by a newer version of this crate.
    #[error(
        "{} has format {found}, and this version reads up to {supported}; use a newer version",
        path.display()
    )]
    NewerFormat {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format that can be read.
        supported: u64,
    },
    /// A text to be imported is no JSON.
    #[error("line {line}, column {column}: not an array of turns in JSON")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
        /// What the reader said, where that is more.
        source: Option<BoxError>,
    },
    /// A turn to be imported is not as it should be.
    #[error("entry {entry}, field `{field}`: {problem}")]
    Entry {
        /// Which entry of the array, counted from 0.
        entry: usize,
        /// Which of its fields.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file or folder could not be used.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried, such as `read`.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The writer or reader that was handed in failed.
    #[error("could not {action} the dialogue")]
    Stream {
        /// What was tried: `export` or `import`.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Somebody else held the store for too long.
    #[error("the {store} store is busy; try again")]
    Busy {
        /// Which store.
        store: &'static str,
        /// What it said.
        source: BoxError,
    },
    /// The store failed in a way of its own.
    #[error("the {store} store failed")]
    Store {
        /// Which store.
        store: &'static str,
        /// How.
        source: BoxError,
    },
}

impl Error {
    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        use std::io::ErrorKind;
        match self {
            Self::Busy { .. } => true,
            Self::Io { source, .. } => matches!(
                source.kind(),
                ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::ResourceBusy
            ),
            _ => false,
        }
    }
}

fn at(line: Option<usize>, column: Option<usize>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(" at line {line}, column {column}"),
        (Some(line), None) => format!(" at line {line}"),
        _ => String::new(),
    }
}
