//! What a file holds.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use crate::array_format;
use crate::dialogue::{Dialogue, SINGLE_TURN};
use crate::error::{BoxError, Error, Result};
use crate::id::DialogueId;
use crate::time::Timestamp;

/// The bytes of a document.
pub(crate) fn write(dialogue: &Dialogue) -> serde_json::Result<Vec<u8>> {
    let mut bytes =
        serde_json::to_vec_pretty(&Document { format: FORMAT, version: VERSION, dialogue })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The dialogue in a file, be it a document or a bare array of turns.
pub(crate) fn read(
    path: &Path,
    bytes: &[u8],
    id: &DialogueId,
    changed: Timestamp,
) -> Result<Dialogue> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return read_array(path, bytes, id, changed);
    }
    let header: Header = serde_json::from_slice(bytes).map_err(|error| damaged(path, error))?;
    if header.format != FORMAT {
        let hint = format!("its `format` is not `{FORMAT}`, so move it out of the folder");
        return Err(corrupt(path, None, None, hint, None));
    }
    if header.version > VERSION {
        let (found, supported) = (header.version, VERSION);
        return Err(Error::NewerFormat { path: path.to_owned(), found, supported });
    }
    let mut dialogue: Dialogue =
        serde_json::from_slice(bytes).map_err(|error| damaged(path, error))?;
    // A copy under another name is a dialogue of that name.
    dialogue.id = id.clone();
    Ok(dialogue)
}

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u64,
    #[serde(flatten)]
    dialogue: &'a Dialogue,
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

fn read_array(path: &Path, bytes: &[u8], id: &DialogueId, changed: Timestamp) -> Result<Dialogue> {
    let mut turns = array_format::read(bytes).map_err(|error| match error {
        Error::Syntax { line, column, source } => {
            corrupt(path, Some(line), Some(column), BROKEN.to_owned(), source)
        }
        other => corrupt(path, None, None, other.to_string(), None),
    })?;
    for turn in &mut turns {
        turn.at = changed;
    }
    Ok(Dialogue {
        id: id.clone(),
        created_at: changed,
        title: None,
        model: None,
        assistant: None,
        // Programs that keep such files send a question without what was said before.
        tags: vec![SINGLE_TURN.to_owned()],
        attributes: serde_json::Map::new(),
        turns,
    })
}

fn damaged(path: &Path, error: serde_json::Error) -> Error {
    let (line, column) = (Some(error.line()), Some(error.column()));
    match error.classify() {
        // This one quotes what it found, so it is not passed on.
        Category::Data => {
            let hint = "a field is missing or of another type; correct it, or move the file away";
            corrupt(path, line, column, hint.to_owned(), None)
        }
        _ => corrupt(path, line, column, BROKEN.to_owned(), Some(error.into())),
    }
}

fn corrupt(
    path: &Path,
    line: Option<usize>,
    column: Option<usize>,
    hint: String,
    source: Option<BoxError>,
) -> Error {
    Error::Corrupt { path: path.to_owned(), line, column, hint, source }
}

const FORMAT: &str = "attune-dialogue";
const VERSION: u64 = 1;
const BROKEN: &str = "restore it from a copy, or move it away to go on without it";
