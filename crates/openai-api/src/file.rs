//! Files that a server keeps.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::open_enum::{open_enum, string_id};
use crate::serde_util::null_as_default;

string_id! {
    /// The id of an uploaded file, such as `file-abc123`.
    FileId
}

open_enum! {
    /// What an uploaded file is for.
    pub enum FilePurpose {
        /// Examples to train on.
        FineTune = "fine-tune",
        /// What a training job measured.
        FineTuneResults = "fine-tune-results",
        /// Requests to run as a batch.
        Batch = "batch",
        /// What a batch answered.
        BatchOutput = "batch_output",
        /// Images to look at.
        Vision = "vision",
        /// Material for assistants.
        Assistants = "assistants",
        /// Anything a user wants a model to read.
        UserData = "user_data",
    }
}

/// A file that a server keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// Its size in bytes.
    #[serde(default, deserialize_with = "null_as_default")]
    pub bytes: u64,
    /// When it was uploaded, in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: u64,
    /// The name it was uploaded under.
    #[serde(default, deserialize_with = "null_as_default")]
    pub filename: String,
    /// What it is for.
    #[serde(default)]
    pub purpose: Option<FilePurpose>,
    /// Fields this version does not know, such as `status` and `expires_at`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl File {
    /// A file as a server of one's own tells it.
    pub fn new(
        id: impl Into<FileId>,
        filename: impl Into<String>,
        bytes: u64,
        purpose: FilePurpose,
        created_at: u64,
    ) -> Self {
        let extra = [("object", "file"), ("status", "processed")];
        Self {
            id: id.into(),
            bytes,
            created_at,
            filename: filename.into(),
            purpose: Some(purpose),
            extra: extra.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect(),
        }
    }
}

/// What a server says when it has deleted a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileDeleted {
    /// The file's id.
    pub id: FileId,
    /// Whether it is gone.
    #[serde(default, deserialize_with = "null_as_default")]
    pub deleted: bool,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl FileDeleted {
    /// A file that is gone.
    #[must_use]
    pub fn new(id: FileId) -> Self {
        let object = ("object".to_owned(), Value::from("file"));
        Self { id, deleted: true, extra: Map::from_iter([object]) }
    }
}
