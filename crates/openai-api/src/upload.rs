//! Uploads: how a file is named and kept, and uploads in parts.

use std::time::Duration;

use crate::file::{ExpiresAfter, File, FilePurpose};
use crate::mime::mime_type;
use crate::open_enum::open_enum;
use crate::wire::{Field as _, wire};

/// What is said of a file that is uploaded; a [purpose](FilePurpose) alone will mostly do.
///
/// ```
/// use std::time::Duration;
///
/// use openai_api::{FilePurpose, UploadOptions};
///
/// let plain = UploadOptions::from(FilePurpose::Batch);
/// let options = UploadOptions::new(FilePurpose::Batch)
///     .with_name("requests.jsonl")
///     .with_expiry(Duration::from_secs(24 * 60 * 60));
/// assert_eq!(options.purpose, plain.purpose);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UploadOptions {
    /// What the file is for.
    pub purpose: FilePurpose,
    /// The name it is kept under; by default the one it has on disk.
    pub name: Option<String>,
    /// Its MIME type; by default `application/octet-stream`, or in an upload in parts the one that
    /// goes with its name's ending.
    pub mime_type: Option<String>,
    /// When the server shall delete it; by default a file for a batch is kept 30 days by OpenAI and
    /// any other for ever.
    pub expires_after: Option<ExpiresAfter>,
}

impl UploadOptions {
    /// A file for a purpose, all else left to the defaults.
    #[must_use]
    pub fn new(purpose: FilePurpose) -> Self {
        Self { purpose, name: None, mime_type: None, expires_after: None }
    }

    /// Sets the name it is kept under.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets its MIME type.
    #[must_use]
    pub fn with_mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Has the server delete it so long after it was made; OpenAI wants an hour to 30 days.
    #[must_use]
    pub fn with_expiry(mut self, after: Duration) -> Self {
        self.expires_after = Some(ExpiresAfter::creation(after));
        self
    }
}

impl From<FilePurpose> for UploadOptions {
    fn from(purpose: FilePurpose) -> Self {
        Self::new(purpose)
    }
}

open_enum! {
    /// How far an upload in parts is.
    pub enum UploadStatus {
        /// Parts can be added.
        Pending = "pending",
        /// The file is there.
        Completed = "completed",
        /// Someone cancelled it.
        Cancelled = "cancelled",
        /// It was not completed in time.
        Expired = "expired",
    }
}

wire! {
    /// A request for an upload in parts.
    pub struct CreateUpload {
        /// The name the file will be kept under.
        pub filename: String = required,
        /// What the file is for.
        pub purpose: FilePurpose = required,
        /// Its size; the parts must add up to it.
        pub bytes: u64 = required,
        /// Its MIME type, which must fit the purpose.
        pub mime_type: String = required,
        /// When the server shall delete the file.
        pub expires_after: Option<ExpiresAfter>,
    }
}

impl CreateUpload {
    /// An upload of a file of so many bytes, with the MIME type that goes with the name's ending.
    pub fn new(filename: impl Into<String>, purpose: FilePurpose, bytes: u64) -> Self {
        let filename = filename.into();
        let mime_type = mime_type(&filename).to_owned();
        Self { filename, purpose, bytes, mime_type, ..Self::blank() }
    }
}

wire! {
    /// An upload in parts, as a server tells it.
    pub struct Upload = "upload" {
        /// Its id, such as `upload_abc123`.
        pub id: String = required,
        /// When it was begun, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// The name the file will be kept under.
        pub filename: String = stated,
        /// The size the file will have.
        pub bytes: u64 = stated,
        /// What the file is for.
        pub purpose: Option<FilePurpose> = stated,
        /// How far it is.
        pub status: UploadStatus = stated,
        /// Until when it must be completed, in seconds since the Unix epoch.
        pub expires_at: Option<u64>,
        /// The file, once it is completed.
        pub file: Option<File>,
    }
}

wire! {
    /// A part of an upload, as a server tells it.
    pub struct UploadPart = "upload.part" {
        /// Its id, such as `part_abc123`.
        pub id: String = required,
        /// When it was added, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// The upload it belongs to.
        pub upload_id: String = stated,
    }
}
