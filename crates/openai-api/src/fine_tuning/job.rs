//! What a server tells of a fine-tuning job.

use serde_json::{Map, Value};

use crate::file::FileId;
use crate::fine_tuning::Integration;
use crate::fine_tuning::method::{FineTuningMethod, Hyperparameters};
use crate::model::ModelId;
use crate::open_enum::open_enum;
use crate::spelled::Spelled;
use crate::wire::{Field as _, wire};

open_enum! {
    /// How far a job is.
    pub enum FineTuningStatus {
        /// The server reads the files.
        ValidatingFiles = "validating_files" | "VALIDATING",
        /// The files are good; where the job does not start by itself, it waits to be started.
        Validated = "validated" | "VALIDATED",
        /// The job waits for its turn.
        Queued = "queued" | "QUEUED",
        /// The model is being trained.
        Running = "running" | "RUNNING" | "STARTED",
        /// Someone paused it.
        Paused = "paused",
        /// Someone cancelled it, and it has not stopped yet.
        Cancelling = "cancelling" | "CANCELLATION_REQUESTED",
        /// The new model is there.
        Succeeded = "succeeded" | "SUCCESS",
        /// It went wrong; the job's `error` says how.
        Failed = "failed" | "FAILED" | "FAILED_VALIDATION",
        /// Someone cancelled it.
        Cancelled = "cancelled" | "CANCELLED" | "canceled",
    }
}

impl FineTuningStatus {
    /// Whether the job has ended, well or not.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

wire! {
    /// A fine-tuning job as a server tells it.
    pub struct FineTuningJob = "fine_tuning.job" {
        /// Its id, such as `ftjob-abc123`.
        pub id: String = required,
        /// When it was created, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// When it ended, in seconds since the Unix epoch.
        pub finished_at: Option<u64> = stated,
        /// The model it starts from.
        pub model: ModelId = stated,
        /// The new model, once the job has succeeded.
        pub fine_tuned_model: Option<ModelId> = stated,
        /// How far it is; written as the server spelled it.
        pub status: Spelled<FineTuningStatus> = required,
        /// The file of examples; see [`trained_on`](Self::trained_on).
        pub training_file: Option<FileId> = stated,
        /// The files of examples, from servers such as Mistral's that take several.
        pub training_files: Vec<FileId>,
        /// The file it is measured on.
        pub validation_file: Option<FileId> = stated,
        /// Files of what was measured.
        pub result_files: Vec<FileId> = stated,
        /// How many tokens were trained on, all epochs together.
        pub trained_tokens: Option<u64> = stated,
        /// The hyper-parameters in use.
        pub hyperparameters: Option<Hyperparameters> = stated,
        /// How it is trained.
        pub method: Option<FineTuningMethod>,
        /// What went wrong; see [`failure`](Self::failure).
        pub error: Option<FineTuningError> = stated,
        /// The seed in use.
        pub seed: Option<i64> = stated,
        /// When it should end, in seconds since the Unix epoch, while it runs.
        pub estimated_finish: Option<u64>,
        /// Services that are told of its progress.
        pub integrations: Vec<Integration>,
        /// What its maker noted of it; Mistral tells costs here.
        pub metadata: Map<String, Value>,
        /// The organisation it belongs to.
        pub organization_id: Option<String>,
    }
}

impl FineTuningJob {
    /// A job as a server of one's own tells it.
    pub fn new(id: impl Into<String>, model: ModelId, status: FineTuningStatus) -> Self {
        Self { id: id.into(), model, status: status.into(), ..Self::blank() }
    }

    /// What went wrong; servers also send an empty error when nothing did.
    #[must_use]
    pub fn failure(&self) -> Option<&FineTuningError> {
        self.error.as_ref().filter(|error| error.code.is_some() || error.message.is_some())
    }

    /// The files it is trained on, be it one or several.
    #[must_use]
    pub fn trained_on(&self) -> &[FileId] {
        match &self.training_file {
            Some(file) => std::slice::from_ref(file),
            None => &self.training_files,
        }
    }
}

wire! {
    /// What went wrong with a job.
    #[derive(Default)]
    pub struct FineTuningError {
        /// A word for programs.
        pub code: Option<String>,
        /// What went wrong, for people.
        pub message: Option<String>,
        /// The field of the request that is at fault.
        pub param: Option<String>,
    }
}

impl FineTuningError {
    /// A failure with a word for programs and a text for people.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: Some(code.into()), message: Some(message.into()), ..Self::default() }
    }
}

wire! {
    /// Something that happened to a job.
    pub struct FineTuningEvent = "fine_tuning.job.event" {
        /// Its id; events are told apart by it.
        pub id: String = stated,
        /// When it happened, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// `info`, `warn` or `error`.
        pub level: String = stated,
        /// What happened, for people.
        pub message: String = stated,
        /// `message` or `metrics`.
        pub kind as "type": String = stated,
        /// What was measured, for `metrics`: `step`, `total_steps`, `train_loss`, `valid_loss`, ….
        pub data: Option<Value> = stated,
    }
}

impl FineTuningEvent {
    /// An event as a server of one's own tells it.
    pub fn new(id: impl Into<String>, created_at: u64, message: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            created_at,
            level: "info".into(),
            message: message.into(),
            kind: "message".into(),
            ..Self::blank()
        }
    }
}

wire! {
    /// A model as it was after an epoch.
    pub struct FineTuningCheckpoint = "fine_tuning.job.checkpoint" {
        /// Its id.
        pub id: String = required,
        /// When it was written, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// The model's name, to use it by.
        pub fine_tuned_model_checkpoint: ModelId = stated,
        /// After which step.
        pub step_number: u64 = stated,
        /// What was measured then.
        pub metrics: Map<String, Value> = stated,
        /// The job it is of.
        pub fine_tuning_job_id: Option<String>,
    }
}

wire! {
    /// That a project may use a checkpoint.
    pub struct CheckpointPermission = "checkpoint.permission" {
        /// Its id, such as `cp_abc123`.
        pub id: String = required,
        /// When it was given, in seconds since the Unix epoch.
        pub created_at: u64 = stated,
        /// The project it was given to.
        pub project_id: String = stated,
    }
}

wire! {
    /// What a server says when it has taken a permission back.
    pub struct CheckpointPermissionDeleted = "checkpoint.permission" {
        /// The permission's id.
        pub id: String = required,
        /// Whether it is gone.
        pub deleted: bool = stated,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_error_is_no_failure() {
        for error in ["{}", "null", r#"{"code":null,"message":null,"param":null}"#] {
            let json = format!(r#"{{"id":"j","status":"succeeded","error":{error}}}"#);
            let job: FineTuningJob = serde_json::from_str(&json).unwrap();
            assert_eq!(job.failure(), None, "{error}");
            assert_eq!(serde_json::to_string(&job).unwrap(), json);
        }
    }

    #[test]
    fn an_unknown_status_is_kept() {
        let job: FineTuningJob = serde_json::from_str(r#"{"id":"j","status":"resting"}"#).unwrap();
        assert_eq!(job.status, FineTuningStatus::Other("resting".into()));
        assert!(!job.status.is_terminal());
    }

    /// By <https://docs.mistral.ai/api/endpoint/fine-tuning>.
    #[test]
    fn mistrals_statuses_mean_something_and_go_back_as_they_came() {
        use FineTuningStatus::{
            Cancelled, Cancelling, Failed, Queued, Running, Succeeded, Validated, ValidatingFiles,
        };
        for (told, expected) in [
            ("QUEUED", Queued),
            ("STARTED", Running),
            ("VALIDATING", ValidatingFiles),
            ("VALIDATED", Validated),
            ("RUNNING", Running),
            ("FAILED_VALIDATION", Failed),
            ("FAILED", Failed),
            ("SUCCESS", Succeeded),
            ("CANCELLED", Cancelled),
            ("CANCELLATION_REQUESTED", Cancelling),
        ] {
            let json = json!({"id": "1", "status": told, "training_files": ["a", "b"]});
            let job: FineTuningJob = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(job.status, expected);
            assert_eq!(job.trained_on(), ["a", "b"]);
            assert_eq!(serde_json::to_value(&job).unwrap(), json);
        }
    }
}
