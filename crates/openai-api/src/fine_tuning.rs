//! Fine-tuning jobs: what is asked for, what a server tells of them.

mod dialect;
mod grader;
mod job;
mod method;
mod model;

use serde_json::{Map, Value};

pub use self::dialect::FineTuningDialect;
pub use self::grader::{GraderRun, GraderValidated};
pub use self::job::{
    CheckpointPermission, CheckpointPermissionDeleted, FineTuningCheckpoint, FineTuningError,
    FineTuningEvent, FineTuningJob, FineTuningStatus,
};
pub use self::method::{
    AutoOr, FineTuningMethod, Hyperparameters, MethodOptions, ReinforcementOptions,
};
pub use self::model::ModelDeleted;
use crate::file::FileId;
use crate::model::ModelId;
use crate::wire::{Field as _, wire};

wire! {
    /// A request for a fine-tuning job.
    ///
    /// What a server knows besides, such as Azure's `trainingType`, goes into `extra`.
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
        /// Services to tell of the progress.
        pub integrations: Vec<Integration>,
        /// Notes to keep with the job: at most 16, with keys of at most 64 and texts of at most 512
        /// characters.
        pub metadata: Map<String, Value>,
    }
    own {
        /// In whose dialect to send it; by default the one that goes with the client's base URL.
        pub dialect: Option<FineTuningDialect>,
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

    /// Has the server tell another service of the progress.
    #[must_use]
    pub fn with_integration(mut self, integration: Integration) -> Self {
        self.integrations.push(integration);
        self
    }

    /// Notes something with the job.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, text: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), text.into().into());
        self
    }

    /// Sets in whose dialect to send it.
    #[must_use]
    pub fn with_dialect(mut self, dialect: FineTuningDialect) -> Self {
        self.dialect = Some(dialect);
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
    /// A service that a server tells of a job's progress.
    pub struct Integration {
        /// Which one: `wandb`, for Weights and Biases.
        pub kind as "type": String = required,
        /// Settings for Weights and Biases; Mistral has them beside `type`, which is in `extra`.
        pub wandb: Option<Wandb>,
    }
}

impl Integration {
    /// Tells Weights and Biases.
    #[must_use]
    pub fn wandb(wandb: Wandb) -> Self {
        Self { kind: WANDB.to_owned(), wandb: Some(wandb), ..Self::blank() }
    }
}

wire! {
    /// Where in Weights and Biases a job shows up.
    pub struct Wandb {
        /// The project.
        pub project: String = required,
        /// The run's name; the job's id if absent.
        pub name: Option<String>,
        /// The team or user; the one that goes with the key if absent.
        pub entity: Option<String>,
        /// Tags for the run.
        pub tags: Vec<String>,
    }
}

impl Wandb {
    /// A project, with a run named after the job.
    pub fn new(project: impl Into<String>) -> Self {
        Self { project: project.into(), ..Self::blank() }
    }
}

const WANDB: &str = "wandb";
