//! Files that a server keeps.

use std::time::Duration;

use crate::open_enum::{open_enum, string_id};
use crate::wire::{Field as _, wire};

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

wire! {
    /// A file that a server keeps.
    pub struct File = "file" {
        /// Its id.
        pub id: FileId = required,
        /// Its size in bytes.
        pub bytes: u64 = stated,
        /// When it was uploaded, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// The name it was uploaded under.
        pub filename: String = stated,
        /// What it is for.
        pub purpose: Option<FilePurpose> = stated,
        /// `uploaded`, `processed` or `error`; no longer kept up to date by OpenAI.
        pub status: Option<String>,
        /// When the server will delete it, in seconds since the Unix epoch.
        pub expires_at: Option<u64>,
    }
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
        Self {
            id: id.into(),
            bytes,
            created_at,
            filename: filename.into(),
            purpose: Some(purpose),
            status: Some("processed".to_owned()),
            ..Self::blank()
        }
    }
}

wire! {
    /// What a server says when it has deleted a file.
    pub struct FileDeleted = "file" {
        /// The file's id.
        pub id: FileId = required,
        /// Whether it is gone.
        pub deleted: bool = stated,
    }
}

impl FileDeleted {
    /// A file that is gone.
    #[must_use]
    pub fn new(id: FileId) -> Self {
        Self { id, deleted: true, ..Self::blank() }
    }
}

wire! {
    /// How long after something a file is deleted.
    #[derive(Eq)]
    pub struct ExpiresAfter {
        /// After what: `created_at`.
        pub anchor: String = required,
        /// How many seconds.
        pub seconds: u64 = required,
    }
}

impl ExpiresAfter {
    /// So long after it was made; OpenAI wants an hour to 30 days.
    #[must_use]
    pub fn creation(time: Duration) -> Self {
        Self { anchor: "created_at".to_owned(), seconds: time.as_secs(), ..Self::blank() }
    }
}
