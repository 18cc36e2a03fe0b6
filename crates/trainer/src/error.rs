//! What can go wrong, and what to do then.

use std::fmt;
use std::path::PathBuf;

use crate::dataset::Origin;
use crate::job::{JobId, JobState};
use crate::messages::Fault;

/// A cause of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result whose error is this crate's, unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between a pile of data and a trained model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data has faults; none of it was used.
    #[error("{}", summary(.0))]
    InvalidData(Vec<Problem>),
    /// There is no example to train on.
    #[error("{}", nothing_to_train(*.negatives))]
    NothingToTrain {
        /// How many negative answers there were, which are kept for export only.
        negatives: usize,
    },
    /// A setting of the job is out of its range.
    #[error("{field}: {problem}")]
    InvalidJob {
        /// Which setting.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// No job has this id.
    #[error("no training job with id {0}")]
    JobNotFound(JobId),
    /// The trainer cannot start from this model.
    #[error("cannot train {model}: {reason}")]
    UntrainableModel {
        /// The model asked for.
        model: String,
        /// Why not, and which could be trained.
        reason: String,
    },
    /// The server trains no more, for all or for this customer.
    #[error("{reason}; {hint}")]
    FineTuningClosed {
        /// The server's words.
        reason: String,
        /// Since when, and who else trains.
        hint: &'static str,
    },
    /// The job ended without a model.
    #[error("training job {id} ended as {state}{}", reason(.message.as_deref()))]
    JobEnded {
        /// Which job.
        id: JobId,
        /// Failed or cancelled.
        state: JobState,
        /// What the trainer says of it.
        message: Option<String>,
    },
    /// A file or folder could not be read or written.
    #[error("could not {action} {}", path.display())]
    Io {
        /// `read`, `write`, `lock`, ….
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file of a job registry is broken; it was left as it is.
    #[error(
        "{}, line {line}, column {column}: not an array of jobs; mend it or move it away",
        path.display()
    )]
    InvalidRegistry {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The byte in the line, from 1; 0 at its beginning.
        column: usize,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// A tokenizer could not be read, or could not read a text.
    #[error("the tokenizer {name} cannot be used")]
    Tokenizer {
        /// Which one: its file, if it has one.
        name: String,
        /// Why not.
        source: BoxError,
    },
    /// A server's API failed.
    #[error("the fine-tuning API failed")]
    Api(#[from] openai_api::Error),
    /// A trainer failed in a way of its own.
    #[error("the {trainer} trainer failed")]
    Trainer {
        /// Which trainer.
        trainer: &'static str,
        /// How.
        source: BoxError,
    },
}

impl Error {
    /// A setting of the job that is out of its range.
    pub fn invalid_job(field: &'static str, problem: impl Into<String>) -> Self {
        Self::InvalidJob { field, problem: problem.into() }
    }

    /// Data with one fault.
    #[must_use]
    pub fn invalid_data(problem: Problem) -> Self {
        Self::InvalidData(vec![problem])
    }

    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Api(error) if error.is_retryable())
    }
}

/// A fault in the data: where, what, and what to do. Never quotes the data itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Where it is.
    pub origin: Origin,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Problem {
    /// A fault at a place.
    pub fn new(origin: Origin, message: impl Into<String>) -> Self {
        Self { origin, message: message.into() }
    }

    /// A fault in a field of what is at a place.
    pub(crate) fn of(fault: Fault, origin: Origin) -> Self {
        let origin = if fault.field.is_empty() { origin } else { origin.with_column(fault.field) };
        Self::new(origin, fault.message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

fn summary(problems: &[Problem]) -> String {
    match problems {
        [] => "the data has faults".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

fn nothing_to_train(negatives: usize) -> String {
    match negatives {
        0 => "there is no example to train on".to_owned(),
        n => format!(
            "there is no example to train on: all {n} answers are negative; \
             add a good answer to the same prompts to make preference pairs"
        ),
    }
}

fn reason(message: Option<&str>) -> String {
    let message = message.filter(|message| !message.is_empty());
    message.map(|message| format!(": {message}")).unwrap_or_default()
}
