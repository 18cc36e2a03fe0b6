//! Training jobs: what is asked for, how far they are, what happens to them.

use std::fmt;

use openai_api::ModelId;
use serde::{Deserialize, Serialize};

use crate::dataset::{Example, TrainingSet};
use crate::error::{Error, Result};
use crate::pace::Pace;
use crate::tuning::Tuning;

/// The id of a training job, such as `ftjob-abc123`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// Takes an id as it is; trainers choose their own form.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for JobId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for JobId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

/// How the examples are trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Method {
    /// Supervised on the good answers; then, where the trainer can do both in one job,
    /// on the preferences. With preferences alone: on those.
    #[default]
    Auto,
    /// On the good answers only.
    Supervised,
    /// On the preferences only (direct preference optimisation,
    /// [Rafailov et al. 2023](https://arxiv.org/abs/2305.18290)).
    Dpo,
}

/// What can be set of the training itself; `None` leaves the choice to the trainer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hyperparameters {
    /// How often all examples are gone through, at least 1.
    pub epochs: Option<u32>,
    /// How many examples make one step, at least 1.
    pub batch_size: Option<u32>,
    /// A factor on the trainer's own learning rate, above 0.
    pub learning_rate_multiplier: Option<f64>,
    /// How far preference training may move from the base model, above 0; larger moves less.
    pub beta: Option<f64>,
}

impl Hyperparameters {
    /// Sets how often all examples are gone through.
    #[must_use]
    pub fn with_epochs(mut self, epochs: u32) -> Self {
        self.epochs = Some(epochs);
        self
    }

    /// Sets how many examples make one step.
    #[must_use]
    pub fn with_batch_size(mut self, batch_size: u32) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Sets the factor on the trainer's own learning rate.
    #[must_use]
    pub fn with_learning_rate_multiplier(mut self, factor: f64) -> Self {
        self.learning_rate_multiplier = Some(factor);
        self
    }

    /// Sets how far preference training may move from the base model.
    #[must_use]
    pub fn with_beta(mut self, beta: f64) -> Self {
        self.beta = Some(beta);
        self
    }
}

/// A job to submit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainingJob {
    /// The model to start from.
    pub base_model: ModelId,
    /// What to train on.
    pub training: TrainingSet,
    /// Examples to measure on and not to train on, as
    /// [`Dataset::into_validation`](crate::Dataset::into_validation) makes them.
    ///
    /// Supervised training is measured on the positive ones. Negative ones are measured only by
    /// preference jobs, each against a positive one with the same prompt.
    pub validation: Vec<Example>,
    /// How to train.
    pub method: Method,
    /// What of the model to train.
    pub tuning: Tuning,
    /// How fast to train, and when it is enough.
    pub pace: Pace,
    /// What is set of the training itself.
    pub hyperparameters: Hyperparameters,
    /// A word that the new model's name shall contain: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub suffix: Option<String>,
    /// The same seed, data and base give the same model where the trainer can promise it.
    pub seed: Option<u64>,
}

impl TrainingJob {
    /// Trains `base_model` on `training`.
    pub fn new(base_model: impl Into<ModelId>, training: TrainingSet) -> Self {
        Self {
            base_model: base_model.into(),
            training,
            validation: Vec::new(),
            method: Method::Auto,
            tuning: Tuning::Auto,
            pace: Pace::default(),
            hyperparameters: Hyperparameters::default(),
            suffix: None,
            seed: None,
        }
    }

    /// Sets the examples to measure on.
    #[must_use]
    pub fn with_validation(mut self, validation: Vec<Example>) -> Self {
        self.validation = validation;
        self
    }

    /// Sets how to train.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets what of the model to train.
    #[must_use]
    pub fn with_tuning(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Sets how fast to train, and when it is enough.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Sets what is set of the training itself.
    #[must_use]
    pub fn with_hyperparameters(mut self, hyperparameters: Hyperparameters) -> Self {
        self.hyperparameters = hyperparameters;
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
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Checks what every trainer must refuse, before anything is sent or changed.
    ///
    /// # Errors
    ///
    /// [`Error::NothingToTrain`] if the set is empty for the chosen method, and
    /// [`Error::InvalidJob`] if a setting is out of its range.
    pub fn check(&self) -> Result<()> {
        let nothing = match self.method {
            Method::Auto => self.training.is_empty(),
            Method::Supervised => self.training.supervised.is_empty(),
            Method::Dpo => self.training.preferences.is_empty(),
        };
        if nothing {
            return Err(Error::NothingToTrain { negatives: self.training.unpaired.len() });
        }
        let settings = &self.hyperparameters;
        at_least_one("hyperparameters.epochs", settings.epochs)?;
        at_least_one("hyperparameters.batch_size", settings.batch_size)?;
        above_zero("hyperparameters.learning_rate_multiplier", settings.learning_rate_multiplier)?;
        above_zero("hyperparameters.beta", settings.beta)?;
        if let Tuning::Lora(lora) = &self.tuning {
            lora.check()?;
        }
        self.pace.check(!self.validation.is_empty())?;
        self.suffix.as_deref().map_or(Ok(()), check_suffix)
    }
}

fn at_least_one(field: &'static str, value: Option<u32>) -> Result<()> {
    match value {
        Some(0) => Err(Error::invalid_job(field, "must be at least 1, found 0")),
        _ => Ok(()),
    }
}

fn above_zero(field: &'static str, value: Option<f64>) -> Result<()> {
    match value {
        Some(value) if !(value > 0.0 && value.is_finite()) => {
            Err(Error::invalid_job(field, format!("must be above 0, found {value}")))
        }
        _ => Ok(()),
    }
}

fn check_suffix(suffix: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if suffix.is_empty() || suffix.len() > MAX_SUFFIX || !suffix.chars().all(allowed) {
        let problem = format!("must be 1 to {MAX_SUFFIX} of A-Z a-z 0-9 . _ -");
        return Err(Error::invalid_job("suffix", problem));
    }
    Ok(())
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobState {
    /// It waits for its turn, or its files are being read.
    Queued,
    /// The model is being trained.
    Running,
    /// Someone paused it.
    Paused,
    /// The new model is there.
    Succeeded,
    /// It went wrong.
    Failed,
    /// Someone cancelled it.
    Cancelled,
}

impl JobState {
    /// Whether the job has ended, well or not.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// The state as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobStatus {
    /// Its id.
    pub id: JobId,
    /// How far it is.
    pub state: JobState,
    /// The model it starts from.
    pub base_model: ModelId,
    /// The new model, once it has succeeded.
    pub fine_tuned_model: Option<ModelId>,
    /// When it was submitted, in seconds since the Unix epoch.
    pub created_at: u64,
    /// When it ended, in seconds since the Unix epoch.
    pub finished_at: Option<u64>,
    /// How many tokens were trained on, all epochs together.
    pub trained_tokens: Option<u64>,
    /// The hyper-parameters in use, where the trainer tells them.
    pub hyperparameters: Hyperparameters,
    /// The seed in use, where the trainer tells it.
    pub seed: Option<u64>,
    /// What went wrong.
    pub error: Option<JobError>,
}

impl JobStatus {
    /// A job of which only this much is known.
    pub fn new(id: impl Into<JobId>, base_model: impl Into<ModelId>, state: JobState) -> Self {
        Self {
            id: id.into(),
            state,
            base_model: base_model.into(),
            fine_tuned_model: None,
            created_at: 0,
            finished_at: None,
            trained_tokens: None,
            hyperparameters: Hyperparameters::default(),
            seed: None,
            error: None,
        }
    }

    /// The new model of a job that has ended.
    ///
    /// # Errors
    ///
    /// [`Error::JobEnded`] if the job has not succeeded.
    pub fn into_model(self) -> Result<ModelId> {
        match self.fine_tuned_model {
            Some(model) if self.state == JobState::Succeeded => Ok(model),
            _ => Err(Error::JobEnded {
                id: self.id,
                state: self.state,
                message: self.error.map(JobError::into_text),
            }),
        }
    }
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobError {
    /// A word for programs.
    pub code: String,
    /// What went wrong and what to do, for people.
    pub message: String,
}

impl JobError {
    /// A word for programs and a text for people.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// The message, or the code where there is none.
    fn into_text(self) -> String {
        if self.message.is_empty() { self.code } else { self.message }
    }
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrainingEvent {
    /// Its id, unique within the job.
    pub id: String,
    /// When it happened, in seconds since the Unix epoch.
    pub at: u64,
    /// How much it matters.
    pub level: EventLevel,
    /// What happened, for people.
    pub message: String,
    /// What was measured, if anything was.
    pub metrics: Option<Metrics>,
}

impl TrainingEvent {
    /// An event with a text for people.
    pub fn new(id: impl Into<String>, at: u64, message: impl Into<String>) -> Self {
        let (level, metrics) = (EventLevel::Info, None);
        Self { id: id.into(), at, level, message: message.into(), metrics }
    }

    /// Sets how much it matters.
    #[must_use]
    pub fn with_level(mut self, level: EventLevel) -> Self {
        self.level = level;
        self
    }

    /// Sets what was measured.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EventLevel {
    /// The ordinary course of things.
    #[default]
    Info,
    /// Worth a look.
    Warn,
    /// It ends the job.
    Error,
}

/// What was measured after a step.
///
/// Losses are mean cross-entropies per trained token, in nats.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metrics {
    /// Steps done, from 1.
    pub step: u64,
    /// Steps there will be.
    pub total_steps: u64,
    /// The epoch the step belongs to, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// Epochs there will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// The loss of the step's examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_loss: Option<f64>,
    /// The loss of the validation examples, at the end of an epoch; after step 0, the base model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_loss: Option<f64>,
    /// The learning rate of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// How long the step's gradient was, before it was cut to the length allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f64>,
    /// Tokens of prompts and answers gone through per second, since the job began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<f64>,
}

impl Metrics {
    /// Step `step` of `total_steps`, with nothing measured yet.
    #[must_use]
    pub fn new(step: u64, total_steps: u64) -> Self {
        Self { step, total_steps, ..Self::default() }
    }
}

const MAX_SUFFIX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    fn job() -> TrainingJob {
        TrainingJob::new("m", Dataset::new(vec![Example::pair("q", "a")]).curate())
    }

    #[test]
    fn a_job_with_good_settings_passes() {
        job().with_suffix("lake-1").check().unwrap();
    }

    #[test]
    fn a_job_with_a_setting_out_of_range_is_refused_by_name() {
        let with = |settings| job().with_hyperparameters(settings).check().unwrap_err().to_string();
        let auto = Hyperparameters::default;
        assert_eq!(
            with(auto().with_epochs(0)),
            "hyperparameters.epochs: must be at least 1, found 0"
        );
        assert_eq!(
            with(auto().with_beta(f64::NAN)),
            "hyperparameters.beta: must be above 0, found NaN"
        );
        for suffix in ["", "a b", "a:b", &"x".repeat(65)] {
            assert!(job().with_suffix(suffix).check().is_err(), "{suffix}");
        }
    }

    #[test]
    fn a_failed_job_says_why_as_well_as_it_can() {
        let why = |error| {
            let mut status = JobStatus::new("j", "m", JobState::Failed);
            status.error = error;
            status.into_model().unwrap_err().to_string()
        };
        let failed = "training job j ended as failed";
        assert_eq!(why(None), failed);
        assert_eq!(why(Some(JobError::new("", ""))), failed);
        assert_eq!(why(Some(JobError::new("no_space", ""))), format!("{failed}: no_space"));
        assert_eq!(
            why(Some(JobError::new("no_space", "disk full"))),
            format!("{failed}: disk full")
        );
    }

    #[test]
    fn a_job_without_an_example_for_its_method_is_refused() {
        assert!(matches!(
            job().with_method(Method::Dpo).check(),
            Err(Error::NothingToTrain { negatives: 0 })
        ));
    }
}
