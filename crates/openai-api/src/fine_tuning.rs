//! Fine-tuning jobs: what is asked for, what a server tells of them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::file::FileId;
use crate::model::{ModelId, unnamed};
use crate::open_enum::open_enum;
use crate::serde_util::null_as_default;

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

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AutoOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire<T> {
            Value(T),
            Word(String),
            Null(()),
        }
        match Wire::deserialize(deserializer)? {
            Wire::Value(value) => Ok(Self::Value(value)),
            Wire::Null(()) => Ok(Self::Auto),
            Wire::Word(word) if word == AUTO => Ok(Self::Auto),
            Wire::Word(word) => Err(serde::de::Error::custom(format_args!(
                "expected \"{AUTO}\" or a number, found {word:?}"
            ))),
        }
    }
}

/// What can be set of the training itself; `None` and `Auto` leave the choice to the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hyperparameters {
    /// How often all examples are gone through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_epochs: Option<AutoOr<u32>>,
    /// How many examples make one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<AutoOr<u32>>,
    /// A factor on the server's own learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_multiplier: Option<AutoOr<f64>>,
    /// How far preference training (DPO) may move from the base model; larger moves less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<AutoOr<f64>>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How a model is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FineTuningMethod {
    /// `supervised`, `dpo` or `reinforcement`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Settings of supervised training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervised: Option<MethodOptions>,
    /// Settings of preference training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpo: Option<MethodOptions>,
    /// Fields this version does not know, such as `reinforcement`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl FineTuningMethod {
    /// Training on good answers.
    #[must_use]
    pub fn supervised(hyperparameters: Hyperparameters) -> Self {
        let options = MethodOptions { hyperparameters: Some(hyperparameters), extra: Map::new() };
        Self { kind: SUPERVISED.into(), supervised: Some(options), dpo: None, extra: Map::new() }
    }

    /// Training on pairs of a better and a worse answer.
    #[must_use]
    pub fn dpo(hyperparameters: Hyperparameters) -> Self {
        let options = MethodOptions { hyperparameters: Some(hyperparameters), extra: Map::new() };
        Self { kind: DPO.into(), supervised: None, dpo: Some(options), extra: Map::new() }
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

/// Settings of a method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MethodOptions {
    /// The hyper-parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hyperparameters: Option<Hyperparameters>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A request for a fine-tuning job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CreateFineTuningJob {
    /// The model to start from.
    pub model: ModelId,
    /// The uploaded file of examples.
    pub training_file: FileId,
    /// An uploaded file of examples to measure on and not to train on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_file: Option<FileId>,
    /// How to train; supervised if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<FineTuningMethod>,
    /// Hyper-parameters in the place where older servers look for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hyperparameters: Option<Hyperparameters>,
    /// A word, at most 64 characters long, that the new model's name shall contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// The same seed, data and base should give the same model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Fields this version does not know, such as `integrations`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl CreateFineTuningJob {
    /// Trains `model` on the examples of `training_file`.
    pub fn new(model: impl Into<ModelId>, training_file: impl Into<FileId>) -> Self {
        Self {
            model: model.into(),
            training_file: training_file.into(),
            validation_file: None,
            method: None,
            hyperparameters: None,
            suffix: None,
            seed: None,
            extra: Map::new(),
        }
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

/// A fine-tuning job as a server tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FineTuningJob {
    /// Its id, such as `ftjob-abc123`.
    pub id: String,
    /// When it was created, in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: u64,
    /// When it ended, in seconds since the Unix epoch.
    #[serde(default)]
    pub finished_at: Option<u64>,
    /// The model it starts from.
    #[serde(default = "unnamed")]
    pub model: ModelId,
    /// The new model, once the job has succeeded.
    #[serde(default)]
    pub fine_tuned_model: Option<ModelId>,
    /// How far it is.
    pub status: FineTuningStatus,
    /// The file of examples.
    #[serde(default)]
    pub training_file: Option<FileId>,
    /// The file it is measured on.
    #[serde(default)]
    pub validation_file: Option<FileId>,
    /// Files of what was measured.
    #[serde(default, deserialize_with = "null_as_default")]
    pub result_files: Vec<FileId>,
    /// How many tokens were trained on, all epochs together.
    #[serde(default)]
    pub trained_tokens: Option<u64>,
    /// The hyper-parameters in use.
    #[serde(default)]
    pub hyperparameters: Option<Hyperparameters>,
    /// How it is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<FineTuningMethod>,
    /// What went wrong; see [`failure`](Self::failure).
    #[serde(default)]
    pub error: Option<FineTuningError>,
    /// The seed in use.
    #[serde(default)]
    pub seed: Option<i64>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl FineTuningJob {
    /// A job as a server of one's own tells it.
    pub fn new(id: impl Into<String>, model: ModelId, status: FineTuningStatus) -> Self {
        let object = ("object".to_owned(), Value::from("fine_tuning.job"));
        Self {
            id: id.into(),
            created_at: 0,
            finished_at: None,
            model,
            fine_tuned_model: None,
            status,
            training_file: None,
            validation_file: None,
            result_files: Vec::new(),
            trained_tokens: None,
            hyperparameters: None,
            method: None,
            error: None,
            seed: None,
            extra: Map::from_iter([object]),
        }
    }

    /// What went wrong; servers also send an empty error when nothing did.
    #[must_use]
    pub fn failure(&self) -> Option<&FineTuningError> {
        self.error.as_ref().filter(|error| error.code.is_some() || error.message.is_some())
    }
}

/// What went wrong with a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FineTuningError {
    /// A word for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The field of the request that is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl FineTuningError {
    /// A failure with a word for programs and a text for people.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: Some(code.into()), message: Some(message.into()), ..Self::default() }
    }
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FineTuningEvent {
    /// Its id; events are told apart by it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// When it happened, in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: u64,
    /// `info`, `warn` or `error`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub level: String,
    /// What happened, for people.
    #[serde(default, deserialize_with = "null_as_default")]
    pub message: String,
    /// `message` or `metrics`.
    #[serde(rename = "type", default, deserialize_with = "null_as_default")]
    pub kind: String,
    /// What was measured, for `metrics`: `step`, `total_steps`, `train_loss`, `valid_loss`, ….
    #[serde(default)]
    pub data: Option<Value>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl FineTuningEvent {
    /// An event as a server of one's own tells it.
    pub fn new(id: impl Into<String>, created_at: u64, message: impl Into<String>) -> Self {
        let object = ("object".to_owned(), Value::from("fine_tuning.job.event"));
        Self {
            id: id.into(),
            created_at,
            level: "info".into(),
            message: message.into(),
            kind: "message".into(),
            data: None,
            extra: Map::from_iter([object]),
        }
    }
}

/// A model as it was after an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FineTuningCheckpoint {
    /// Its id.
    pub id: String,
    /// When it was written, in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: u64,
    /// The model's name, to use it by.
    #[serde(default = "unnamed")]
    pub fine_tuned_model_checkpoint: ModelId,
    /// After which step.
    #[serde(default, deserialize_with = "null_as_default")]
    pub step_number: u64,
    /// What was measured then.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metrics: Map<String, Value>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
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
