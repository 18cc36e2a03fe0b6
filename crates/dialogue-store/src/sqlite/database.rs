//! A connection, as its thread sees it.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior, named_params,
    params,
};

use crate::dialogue::{Dialogue, DialogueSummary};
use crate::error::{BoxError, Error, Result};
use crate::id::DialogueId;
use crate::sqlite::list::{self, Page};
use crate::sqlite::{migrate, row};
use crate::turn::{Feedback, Turn};

#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    connection: Connection,
}

impl Database {
    /// Opens a file for reading and writing, and brings it up to date.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        create_file(path)?;
        let mut database = Self::connect(path)?;
        database.sql(use_write_ahead_log)?;
        migrate::migrate(&mut database.connection, path)?;
        Ok(database)
    }

    /// Opens a file that is up to date, for reading.
    pub(crate) fn open_reader(path: &Path) -> Result<Self> {
        let mut database = Self::connect(path)?;
        database.sql(|connection| connection.pragma_update(None, "query_only", "ON"))?;
        Ok(database)
    }

    pub(crate) fn create(&mut self, dialogue: &Dialogue) -> Result<DialogueId> {
        let id = dialogue.id.clone();
        let created = self.change(|transaction| {
            let created = transaction.prepare_cached(INSERT_DIALOGUE)?.execute(named_params! {
                ":id": id.as_str(),
                ":created_at": dialogue.created_at.as_unix_millis(),
                ":updated_at": dialogue.updated_at().as_unix_millis(),
                ":title": dialogue.title,
                ":model": dialogue.model,
                ":assistant": dialogue.assistant,
                ":attributes": row::write_attributes(&dialogue.attributes),
                ":turns": dialogue.turns.len() as i64,
            })?;
            if created == 0 {
                return Ok(false);
            }
            let key = transaction.last_insert_rowid();
            for (position, tag) in (0_i64..).zip(&dialogue.tags) {
                transaction.prepare_cached(INSERT_TAG)?.execute(params![key, position, tag])?;
            }
            insert_turns(transaction, key, 0, &dialogue.turns)?;
            Ok(true)
        })?;
        if created { Ok(id) } else { Err(Error::AlreadyExists(id)) }
    }

    pub(crate) fn append(&mut self, id: &DialogueId, turns: &[Turn]) -> Result<u64> {
        let count = self.change(|transaction| {
            let Some((key, before)) = find(transaction, id)? else { return Ok(None) };
            let Some(latest) = turns.iter().map(|turn| turn.at).max() else {
                return Ok(Some(before));
            };
            insert_turns(transaction, key, before, turns)?;
            let count = before + turns.len() as i64;
            let mut update = transaction.prepare_cached(UPDATE_DIALOGUE)?;
            update.execute(params![count, latest.as_unix_millis(), key])?;
            Ok(Some(count))
        })?;
        let count = count.ok_or_else(|| Error::NotFound(id.clone()))?;
        Ok(count.unsigned_abs())
    }

    pub(crate) fn rate(&mut self, id: &DialogueId, turn: u64, feedback: &Feedback) -> Result<()> {
        let (turns, rated) = self
            .change(|transaction| {
                let Some((key, turns)) = find(transaction, id)? else { return Ok(None) };
                // No dialogue has as many turns as would overflow.
                let position = i64::try_from(turn).unwrap_or(i64::MAX);
                let rated =
                    transaction.prepare_cached(UPDATE_FEEDBACK)?.execute(named_params! {
                        ":dialogue": key,
                        ":position": position,
                        ":rating": feedback.rating.as_str(),
                        ":correction": feedback.correction,
                        ":rater": feedback.rater,
                        ":reason": feedback.reason,
                        ":rated_at": feedback.at.as_unix_millis(),
                    })?;
                Ok(Some((turns.unsigned_abs(), rated > 0)))
            })?
            .ok_or_else(|| Error::NotFound(id.clone()))?;
        if rated { Ok(()) } else { Err(Error::NoSuchTurn { id: id.clone(), turn, turns }) }
    }

    pub(crate) fn get(&mut self, id: &DialogueId) -> Result<Dialogue> {
        let found = self.sql(|connection| {
            // One transaction, so that dialogue, tags and turns are of the same moment.
            let transaction = connection.transaction()?;
            let mut select = transaction.prepare_cached(SELECT_DIALOGUE)?;
            let found = select.query_row([id.as_str()], |row| read_dialogue(row, id)).optional()?;
            let Some((key, mut dialogue)) = found else { return Ok(None) };
            let mut turns = transaction.prepare_cached(SELECT_TURNS)?;
            for turn in turns.query_map([key], row::read_turn)? {
                dialogue.turns.push(turn?);
            }
            Ok(Some(dialogue))
        })?;
        found.ok_or_else(|| Error::NotFound(id.clone()))
    }

    pub(crate) fn list(
        &mut self,
        page: Page,
    ) -> Result<(Vec<Result<DialogueSummary>>, Option<Page>)> {
        let (found, next) = self.sql(|connection| list::list(connection, page))?;
        let found = found.into_iter().map(|row| row.map_err(|error| failed(&self.path, error)));
        Ok((found.collect(), next))
    }

    pub(crate) fn delete(&mut self, id: &DialogueId) -> Result<()> {
        let deleted = self.change(|transaction| {
            transaction.prepare_cached(DELETE_DIALOGUE)?.execute([id.as_str()])
        })?;
        if deleted > 0 { Ok(()) } else { Err(Error::NotFound(id.clone())) }
    }

    fn connect(path: &Path) -> Result<Self> {
        let connection = Connection::open(path).map_err(|error| failed(path, error))?;
        let mut database = Self { path: path.to_owned(), connection };
        database.sql(|connection| {
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", "ON")?;
            connection.pragma_update(None, "secure_delete", "ON")
        })?;
        Ok(database)
    }

    /// Changes all or nothing, and keeps other writers out from the start.
    fn change<R>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<R>,
    ) -> Result<R> {
        self.sql(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = change(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    fn sql<R>(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<R>) -> Result<R> {
        work(&mut self.connection).map_err(|error| failed(&self.path, error))
    }
}

/// What a failure of SQLite means to a caller.
pub(crate) fn failed(path: &Path, error: rusqlite::Error) -> Error {
    use rusqlite::Error as Sql;
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::Busy { store: STORE, source: error.into() }
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            let hint = "restore it from a copy, or save what is left with `sqlite3 FILE .recover`";
            corrupt(path, hint.to_owned(), Some(error.into()))
        }
        Some(ErrorCode::NotADatabase) => {
            let hint = "it is no SQLite database, so name another file".to_owned();
            corrupt(path, hint, Some(error.into()))
        }
        _ if matches!(
            error,
            Sql::FromSqlConversionFailure(..)
                | Sql::InvalidColumnType(..)
                | Sql::IntegralValueOutOfRange(..)
                | Sql::Utf8Error(..)
        ) =>
        {
            let hint = "a row is not as this store writes it; restore the file from a copy";
            corrupt(path, hint.to_owned(), Some(error.into()))
        }
        _ => Error::Store { store: STORE, source: error.into() },
    }
}

pub(crate) fn corrupt(path: &Path, hint: String, source: Option<BoxError>) -> Error {
    Error::Corrupt { path: path.to_owned(), line: None, column: None, hint, source }
}

/// Creates what is missing of the path, for its owner alone; SQLite gives its other files the same
/// permissions.
fn create_file(path: &Path) -> Result<()> {
    let failed = |action, path: &Path, source| Error::Io { action, path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| failed("create", folder, error))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed("create", path, error)),
    }
}

/// Changes the journal's mode, which SQLite does not wait for when two do it at a time.
fn use_write_ahead_log(connection: &mut Connection) -> rusqlite::Result<()> {
    let mut attempts = 0;
    loop {
        let changed = connection.pragma_update(None, "journal_mode", "WAL");
        let busy = |error: &rusqlite::Error| {
            matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            )
        };
        match changed {
            Err(error) if busy(&error) && attempts < MOST_ATTEMPTS => attempts += 1,
            done => return done,
        }
        // For this it does wait.
        connection.transaction_with_behavior(TransactionBehavior::Immediate)?.commit()?;
    }
}

/// The key of a dialogue, and how many turns it has.
fn find(transaction: &Transaction<'_>, id: &DialogueId) -> rusqlite::Result<Option<(i64, i64)>> {
    let mut select = transaction.prepare_cached("SELECT key, turns FROM dialogues WHERE id = ?")?;
    select.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

fn insert_turns(
    transaction: &Transaction<'_>,
    key: i64,
    first: i64,
    turns: &[Turn],
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(row::INSERT_TURN)?;
    for (position, turn) in (first..).zip(turns) {
        row::insert_turn(&mut insert, key, position, turn)?;
    }
    Ok(())
}

fn read_dialogue(row: &Row<'_>, id: &DialogueId) -> rusqlite::Result<(i64, Dialogue)> {
    let dialogue = Dialogue {
        id: id.clone(),
        created_at: row::read_time(row, "created_at")?,
        title: row.get("title")?,
        model: row.get("model")?,
        assistant: row.get("assistant")?,
        tags: row::read_strings(row, "tags")?,
        attributes: row::read_attributes(row)?,
        turns: Vec::new(),
    };
    Ok((row.get("key")?, dialogue))
}

const STORE: &str = "SQLite";
/// How long to wait for another process that is changing the file.
const PATIENCE: Duration = Duration::from_secs(30);
const MOST_ATTEMPTS: u32 = 100;

const INSERT_DIALOGUE: &str = "
    INSERT INTO dialogues (id, created_at, updated_at, title, model, assistant, attributes, turns)
    VALUES (:id, :created_at, :updated_at, :title, :model, :assistant, :attributes, :turns)
    ON CONFLICT (id) DO NOTHING";
const INSERT_TAG: &str = "INSERT INTO tags (dialogue, position, tag) VALUES (?, ?, ?)";
const UPDATE_DIALOGUE: &str =
    "UPDATE dialogues SET turns = ?, updated_at = max(updated_at, ?) WHERE key = ?";
const UPDATE_FEEDBACK: &str = "
    UPDATE turns
    SET rating = :rating, correction = :correction, rater = :rater, reason = :reason,
        rated_at = :rated_at
    WHERE dialogue = :dialogue AND position = :position";
const SELECT_DIALOGUE: &str = "
    SELECT *, (
        SELECT json_group_array(tag)
        FROM (SELECT tag FROM tags WHERE dialogue = key ORDER BY position)
    ) AS tags
    FROM dialogues WHERE id = ?";
const SELECT_TURNS: &str = "SELECT * FROM turns WHERE dialogue = ? ORDER BY position";
const DELETE_DIALOGUE: &str = "DELETE FROM dialogues WHERE id = ?";
