//! Training on data: which, and how.

use std::path::{Path, PathBuf};

use openai_api::ModelId;
use trainer::{
    Dataset, Example, Hyperparameters, JobId, Label, Method, Pace, Problem, TrainingJob,
    TrainingSet, Tuning,
};

use crate::error::{Error, Result};

/// Where training data is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TrainingData {
    /// A file of CSV or JSONL, told apart by its ending.
    File(PathBuf),
    /// A folder; all its CSV files are read, in the order of their names.
    Folder(PathBuf),
    /// CSV text, or the path of a CSV file.
    Text(String),
    /// A dataset that is in memory already.
    Dataset(Dataset),
    /// The folder that was set with [`Builder::training_dir`](crate::Builder::training_dir).
    DefaultFolder,
}

/// What to train on, and how.
///
/// ```
/// use facade::Train;
///
/// let job = Train::data_file("training_data.csv").with_epochs(20).with_suffix("lake");
/// let pairs = Train::data("prompt,completion\n2+2?,4\n").with_negatives("wrong_answers.csv");
/// # let _ = (job, pairs);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Train {
    /// The data.
    pub data: TrainingData,
    /// Whether its answers are ones to learn, where the data itself does not say.
    pub label: Label,
    /// A file or folder of answers to avoid.
    pub negatives: Option<PathBuf>,
    /// A file or folder to measure on and not to train on.
    pub validation: Option<PathBuf>,
    /// How to train.
    pub options: TrainOptions,
}

impl Train {
    /// Trains on a file of CSV or JSONL.
    pub fn data_file(path: impl Into<PathBuf>) -> Self {
        Self::new(TrainingData::File(path.into()))
    }

    /// Trains on all CSV files of a folder.
    pub fn data_dir(path: impl Into<PathBuf>) -> Self {
        Self::new(TrainingData::Folder(path.into()))
    }

    /// Trains on CSV text, or on the CSV file whose path it is.
    pub fn data(text: impl Into<String>) -> Self {
        Self::new(TrainingData::Text(text.into()))
    }

    /// Trains on all CSV files of the folder that was set up for it.
    #[must_use]
    pub fn default_dir() -> Self {
        Self::new(TrainingData::DefaultFolder)
    }

    /// Trains on data that was read already.
    #[must_use]
    pub fn dataset(dataset: Dataset) -> Self {
        Self::new(TrainingData::Dataset(dataset))
    }

    /// Trains on data from anywhere.
    #[must_use]
    pub fn new(data: TrainingData) -> Self {
        Self {
            data,
            label: Label::Positive,
            negatives: None,
            validation: None,
            options: TrainOptions::default(),
        }
    }

    /// Sets whether the answers are ones to learn.
    #[must_use]
    pub fn with_label(mut self, label: Label) -> Self {
        self.label = label;
        self
    }

    /// Adds a file or folder of answers to avoid.
    #[must_use]
    pub fn with_negatives(mut self, path: impl Into<PathBuf>) -> Self {
        self.negatives = Some(path.into());
        self
    }

    /// Sets a file or folder to measure on.
    #[must_use]
    pub fn with_validation(mut self, path: impl Into<PathBuf>) -> Self {
        self.validation = Some(path.into());
        self
    }

    /// Sets how often all examples are gone through.
    #[must_use]
    pub fn with_epochs(mut self, epochs: u32) -> Self {
        self.options.hyperparameters.epochs = Some(epochs);
        self
    }

    /// Sets the word that the new model's name shall contain.
    #[must_use]
    pub fn with_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.options.suffix = Some(suffix.into());
        self
    }

    /// Sets how to train.
    #[must_use]
    pub fn with_options(mut self, options: TrainOptions) -> Self {
        self.options = options;
        self
    }

    /// Reads everything; blocks on files.
    pub(crate) fn read(self, default_dir: Option<&Path>) -> Result<ReadyData> {
        let mut dataset = match self.data {
            TrainingData::File(path) => Dataset::from_path(&path, self.label)?,
            TrainingData::Folder(path) => Dataset::from_csv_dir(&path, self.label)?,
            TrainingData::Text(text) => Dataset::from_data(&text, self.label)?,
            TrainingData::Dataset(dataset) => dataset,
            TrainingData::DefaultFolder => {
                let dir = default_dir.ok_or(Error::NotConfigured {
                    what: "a default training folder",
                    remedy: "name a file or folder, or set `training_dir` on the builder",
                })?;
                Dataset::from_csv_dir(dir, self.label)?
            }
        };
        if let Some(path) = self.negatives {
            dataset.extend(Dataset::from_path(&path, Label::Negative)?);
        }
        let validation = match self.validation {
            Some(path) => validation_examples(&path)?,
            None => Vec::new(),
        };
        Ok(ReadyData { training: dataset.curate(), validation, options: self.options })
    }
}

/// Examples to measure on; blocks on files.
pub(crate) fn validation_examples(path: &Path) -> Result<Vec<Example>> {
    Ok(Dataset::from_path(path, Label::Positive)?.into_validation()?)
}

/// How to train, whatever the data.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TrainOptions {
    /// The model to start from; the model in use unless set.
    pub base_model: Option<ModelId>,
    /// On good answers, on preferences, or both.
    pub method: Method,
    /// All weights of the model, or an adapter beside them.
    pub tuning: Tuning,
    /// How fast to train, and when it is enough.
    pub pace: Pace,
    /// What is set of the training itself.
    pub hyperparameters: Hyperparameters,
    /// The word that the new model's name shall contain.
    pub suffix: Option<String>,
    /// The same seed, data and base give the same model where the trainer can promise it.
    pub seed: Option<u64>,
}

/// Data that was read, checked and sorted.
pub(crate) struct ReadyData {
    pub(crate) training: TrainingSet,
    pub(crate) validation: Vec<Example>,
    pub(crate) options: TrainOptions,
}

impl ReadyData {
    /// The job, and what there is to tell of it.
    pub(crate) fn into_job(self, model: ModelId) -> (TrainingJob, Submitted) {
        let Self { training, validation, options } = self;
        let base_model = options.base_model.unwrap_or(model);
        let submitted = Submitted {
            id: JobId::new(""),
            base_model: base_model.clone(),
            supervised: training.supervised.len(),
            preferences: training.preferences.len(),
            unpaired: training.unpaired.clone(),
            left_out: Vec::new(),
        };
        let mut job = TrainingJob::new(base_model, training)
            .with_validation(validation)
            .with_method(options.method)
            .with_tuning(options.tuning)
            .with_pace(options.pace)
            .with_hyperparameters(options.hyperparameters);
        job.suffix = options.suffix;
        job.seed = options.seed;
        (job, submitted)
    }
}

/// A job that was submitted, and what it trains on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Submitted {
    /// The job's id.
    pub id: JobId,
    /// The model it starts from.
    pub base_model: ModelId,
    /// How many good answers there are.
    pub supervised: usize,
    /// How many prompts with a better and a worse answer there are.
    pub preferences: usize,
    /// Bad answers with no good one beside them: not trained on, here to be exported.
    pub unpaired: Vec<Example>,
    /// What learning from dialogues left out because the trainer refused it; the file is the
    /// dialogue, the line is the turn, from 1.
    pub left_out: Vec<Problem>,
}
