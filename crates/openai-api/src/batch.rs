//! Batches: many requests in a file, answered within a day.

mod line;

use serde_json::{Map, Value};

pub use self::line::{BatchAnswer, BatchFailure, BatchRequest, BatchResponse};
use crate::file::{ExpiresAfter, FileId};
use crate::model::ModelId;
use crate::open_enum::open_enum;
use crate::wire::{Field as _, wire};

open_enum! {
    /// How far a batch is.
    pub enum BatchStatus {
        /// The server reads the input file.
        Validating = "validating" | "VALIDATING",
        /// The input file cannot be used; the batch's `errors` say why.
        Failed = "failed" | "FAILED",
        /// Requests are being answered.
        InProgress = "in_progress" | "IN_PROGRESS",
        /// All are answered, and the files are being written.
        Finalizing = "finalizing",
        /// The files are there.
        Completed = "completed" | "COMPLETED",
        /// Time ran out; what was answered until then is there.
        Expired = "expired" | "EXPIRED",
        /// Someone cancelled it, and it has not stopped yet.
        Cancelling = "cancelling" | "CANCELING",
        /// Someone cancelled it; what was answered until then is there.
        Cancelled = "cancelled" | "CANCELLED",
    }
}

impl BatchStatus {
    /// Whether the batch has ended, well or not.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Failed | Self::Completed | Self::Expired | Self::Cancelled)
    }
}

wire! {
    /// A request for a batch.
    pub struct CreateBatch {
        /// The uploaded file of [requests](BatchRequest).
        pub input_file_id: FileId = required,
        /// The endpoint that all requests are for, such as `/v1/chat/completions`.
        pub endpoint: String = required,
        /// Within which time to answer; servers know `24h`.
        pub completion_window: String = required,
        /// Notes to keep with the batch.
        pub metadata: Map<String, Value>,
        /// When the server shall delete what it answers.
        pub output_expires_after: Option<ExpiresAfter>,
    }
}

impl CreateBatch {
    /// Has the requests of a file answered within 24 hours.
    pub fn new(input_file: impl Into<FileId>, endpoint: impl Into<String>) -> Self {
        Self {
            input_file_id: input_file.into(),
            endpoint: endpoint.into(),
            completion_window: "24h".to_owned(),
            ..Self::blank()
        }
    }

    /// Notes something with the batch.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, text: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), text.into().into());
        self
    }

    /// Sets when the server shall delete what it answers.
    #[must_use]
    pub fn with_output_expires_after(mut self, expiry: ExpiresAfter) -> Self {
        self.output_expires_after = Some(expiry);
        self
    }
}

wire! {
    /// A batch as a server tells it.
    pub struct Batch = "batch" {
        /// Its id, such as `batch_abc123`.
        pub id: String = required,
        /// The endpoint that all its requests are for.
        pub endpoint: String = stated,
        /// The model in use.
        pub model: Option<ModelId>,
        /// Why the input file cannot be used.
        pub errors: Option<BatchErrors>,
        /// The file of requests.
        pub input_file_id: FileId = stated,
        /// Within which time it shall be answered.
        pub completion_window: String = stated,
        /// How far it is.
        pub status: BatchStatus = required,
        /// The file of answers.
        pub output_file_id: Option<FileId>,
        /// The file of requests that failed.
        pub error_file_id: Option<FileId>,
        /// When it was created, in seconds since the Unix epoch; so are the following.
        pub created_at: u64 = stated,
        /// When the server began to answer.
        pub in_progress_at: Option<u64>,
        /// When it will run out of time.
        pub expires_at: Option<u64>,
        /// When all were answered.
        pub finalizing_at: Option<u64>,
        /// When it was completed.
        pub completed_at: Option<u64>,
        /// When it failed.
        pub failed_at: Option<u64>,
        /// When it ran out of time.
        pub expired_at: Option<u64>,
        /// When someone cancelled it.
        pub cancelling_at: Option<u64>,
        /// When it stopped thereupon.
        pub cancelled_at: Option<u64>,
        /// How many of its requests are done.
        pub request_counts: Option<BatchCounts>,
        /// How many tokens it took, as JSON.
        pub usage: Option<Value>,
        /// What its maker noted of it.
        pub metadata: Map<String, Value>,
    }
}

wire! {
    /// How many requests of a batch are done.
    #[derive(Default, Eq)]
    pub struct BatchCounts {
        /// All.
        pub total: u64 = stated,
        /// Those that were answered.
        pub completed: u64 = stated,
        /// Those that failed.
        pub failed: u64 = stated,
    }
}

wire! {
    /// Why a batch's input file cannot be used.
    pub struct BatchErrors = "list" {
        /// The faults.
        pub data: Vec<BatchFailure> = stated,
    }
}
