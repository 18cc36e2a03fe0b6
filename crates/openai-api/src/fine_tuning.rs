//! Fine-tuning jobs: what is asked for, what a server tells of them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::file::FileId;
use crate::model::ModelId;
use crate::open_enum::open_enum;
use crate::wire::{Field, wire};

open_enum! {
    /// How far a job is.
    pub enum FineTuningStatus {
        /// The server reads the files.
        ValidatingFiles = "validating_files",
        /// The job waits for its turn.
        Queued = "queued" | "QUEUED",
        /// The model is being trained.
        Running = "running" | "RUNNING",
        /// Someone paused it.
        Paused = "paused",
        /// The new model is there.
        Succeeded = "succeeded" | "SUCCESS",
        /// It went wrong; the job's `error` says how.
        Failed = "failed" | "FAILED",
        /// Someone cancelled it.
        Cancelled = "cancelled" | "CANCELLED",
    }
}

impl FineTuningStatus {
    /// Whether the job has ended, well or not.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// A value, or `"auto"`: the server shall choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoOr<T> {
    /// The server shall choose.
    #[default]
    Auto,
    /// This value.
    Value(T),
}

impl<T> AutoOr<T> {
    /// The value, unless the server shall choose.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Auto => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<T: fmt::Display> fmt::Display for AutoOr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str(AUTO),
            Self::Value(value) => value.fmt(f),
        }
    }
}

impl<T: Serialize> Serialize for AutoOr<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Field> Deserialize<'de> for AutoOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        // Azure says -1 where the choice is its own.
        let is_minus_one = value.as_f64() == Some(-1.0);
        if value.is_null() || value == AUTO || is_minus_one {
            return Ok(Self::Auto);
        }
        let shown = value.to_string();
        match T::read(value) {
            Ok(Some(value)) => Ok(Self::Value(value)),
            _ => Err(serde::de::Error::custom(format_args!(
                "expected \"{AUTO}\" or a number, found {shown}"
            ))),
        }
    }
}

impl<T: Field> Field for AutoOr<T> {
    fn blank() -> Self {
        Self::Auto
    }

    /// It stands in an `Option`, which is what can be blank.
    fn is_blank(&self) -> bool {
        false
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Option::deserialize(deserializer)
    }
}

wire! {
    /// What can be set of the training itself; `None` and `Auto` leave the choice to the server.
    #[derive(Default)]
    pub struct Hyperparameters {
        /// How often all examples are gone through.
        pub n_epochs: Option<AutoOr<u32>>,
        /// How many examples make one step.
        pub batch_size: Option<AutoOr<u32>>,
        /// A factor on the server's own learning rate.
        pub learning_rate_multiplier: Option<AutoOr<f64>>,
        /// How far preference training (DPO) may move from the base model; larger moves less.
        pub beta: Option<AutoOr<f64>>,
    }
}

wire! {
    /// How a model is trained.
    pub struct FineTuningMethod {
        /// `supervised`, `dpo` or `reinforcement`.
        pub kind as "type": String = required,
        /// Settings of supervised training.
        pub supervised: Option<MethodOptions>,
        /// Settings of preference training.
        pub dpo: Option<MethodOptions>,
    }
}

impl FineTuningMethod {
    /// Training on good answers.
    #[must_use]
    pub fn supervised(hyperparameters: Hyperparameters) -> Self {
        let supervised = Some(MethodOptions::new(hyperparameters));
        Self { kind: SUPERVISED.into(), supervised, ..Self::blank() }
    }

    /// Training on pairs of a better and a worse answer.
    #[must_use]
    pub fn dpo(hyperparameters: Hyperparameters) -> Self {
        let dpo = Some(MethodOptions::new(hyperparameters));
        Self { kind: DPO.into(), dpo, ..Self::blank() }
    }

    /// Whether this is preference training (DPO).
    #[must_use]
    pub fn is_dpo(&self) -> bool {
        self.kind == DPO
    }

    /// The hyper-parameters of the method in use.
    #[must_use]
    pub fn hyperparameters(&self) -> Option<&Hyperparameters> {
        let options = if self.is_dpo() { &self.dpo } else { &self.supervised };
        options.as_ref()?.hyperparameters.as_ref()
    }
}

wire! {
    /// Settings of a method.
    #[derive(Default)]
    pub struct MethodOptions {
        /// The hyper-parameters.
        pub hyperparameters: Option<Hyperparameters>,
    }
}

wire! {
    /// A request for a fine-tuning job.
    pub struct CreateFineTuningJob {
        /// The model to start from.
        pub model: ModelId = required,
        /// The uploaded file of examples.
        pub training_file: FileId = required,
        /// An uploaded file of examples to measure on and not to train on.
        pub validation_file: Option<FileId>,
        /// How to train; supervised if absent.
        pub method: Option<FineTuningMethod>,
        /// Hyper-parameters in the place where older servers look for them.
        pub hyperparameters: Option<Hyperparameters>,
        /// A word, at most 64 characters long, that the new model's name shall contain.
        pub suffix: Option<String>,
        /// The same seed, data and base should give the same model.
        pub seed: Option<i64>,
    }
}

impl CreateFineTuningJob {
    /// Trains `model` on the examples of `training_file`.
    pub fn new(model: impl Into<ModelId>, training_file: impl Into<FileId>) -> Self {
        Self { model: model.into(), training_file: training_file.into(), ..Self::blank() }
    }

    /// Sets the file to measure on.
    #[must_use]
    pub fn with_validation_file(mut self, file: impl Into<FileId>) -> Self {
        self.validation_file = Some(file.into());
        self
    }

    /// Sets how to train.
    #[must_use]
    pub fn with_method(mut self, method: FineTuningMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// Sets the word that the new model's name shall contain.
    #[must_use]
    pub fn with_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = Some(suffix.into());
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: i64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The hyper-parameters, from the method or from the older place.
    #[must_use]
    pub fn effective_hyperparameters(&self) -> Hyperparameters {
        let of_method = self.method.as_ref().and_then(FineTuningMethod::hyperparameters);
        of_method.or(self.hyperparameters.as_ref()).cloned().unwrap_or_default()
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
        /// How far it is.
        pub status: FineTuningStatus = required,
        /// The file of examples.
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
    }
}

impl FineTuningJob {
    /// A job as a server of one's own tells it.
    pub fn new(id: impl Into<String>, model: ModelId, status: FineTuningStatus) -> Self {
        Self { id: id.into(), model, status, ..Self::blank() }
    }

    /// What went wrong; servers also send an empty error when nothing did.
    #[must_use]
    pub fn failure(&self) -> Option<&FineTuningError> {
        self.error.as_ref().filter(|error| error.code.is_some() || error.message.is_some())
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

impl MethodOptions {
    fn new(hyperparameters: Hyperparameters) -> Self {
        Self { hyperparameters: Some(hyperparameters), ..Self::blank() }
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
    }
}

const AUTO: &str = "auto";
const SUPERVISED: &str = "supervised";
const DPO: &str = "dpo";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_a_word_a_number_or_null() {
        let read = |json: &str| serde_json::from_str::<AutoOr<u32>>(json).ok();
        assert_eq!(read(r#""auto""#), Some(AutoOr::Auto));
        assert_eq!(read("null"), Some(AutoOr::Auto));
        assert_eq!(read("3"), Some(AutoOr::Value(3)));
        assert_eq!(read(r#""soon""#), None);
    }

    #[test]
    fn an_empty_error_is_no_failure() {
        for error in ["{}", "null", r#"{"code":null,"message":null,"param":null}"#] {
            let json = format!(r#"{{"id":"j","status":"succeeded","error":{error}}}"#);
            let job: FineTuningJob = serde_json::from_str(&json).unwrap();
            assert_eq!(job.failure(), None, "{error}");
        }
    }

    #[test]
    fn an_unknown_status_is_kept() {
        let job: FineTuningJob = serde_json::from_str(r#"{"id":"j","status":"resting"}"#).unwrap();
        assert_eq!(job.status, FineTuningStatus::Other("resting".into()));
        assert!(!job.status.is_terminal());
    }
}
