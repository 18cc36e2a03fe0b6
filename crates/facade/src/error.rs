//! What can go wrong, and what to do then.

use std::path::PathBuf;

use openai_api::{ChatCompletion, ModelId};

use crate::ask::Reply;

/// A result whose error is this crate's, unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between a question and a better model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The backend could not answer.
    #[error(transparent)]
    Backend(#[from] openai_api::Error),
    /// The backend does not know the model.
    #[error("unknown model {model}{}", did_you_mean(.near))]
    UnknownModel {
        /// The model that was asked for.
        model: ModelId,
        /// Models that the backend has and whose names are near, nearest first.
        near: Vec<ModelId>,
        /// What the backend said.
        source: openai_api::Error,
    },
    /// No assistant has this id, in the catalogue or on the server.
    #[error("unknown assistant {id}{}", in_catalogue(.known))]
    UnknownAssistant {
        /// The id that was asked for.
        id: String,
        /// The ids in the catalogue.
        known: Vec<String>,
    },
    /// The catalogue of assistants has a fault.
    #[error("{}, line {line}{}: {problem}", path.display(), field_name(*.field))]
    Catalogue {
        /// The catalogue file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The field of the entry, if one is at fault.
        field: Option<&'static str>,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Nothing was set up for what was asked.
    #[error("{what} is not set up; {remedy}")]
    NotConfigured {
        /// What is missing, such as `a trainer`.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// An argument cannot be used.
    #[error("{what}: {problem}")]
    InvalidInput {
        /// Which argument.
        what: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// There are dialogues, or there are none, but nothing in them is fit to learn from.
    #[error(
        "nothing to learn from: {exchanges} exchanges in {dialogues} dialogues, none of them rated \
         up, corrected, or of positive sentiment; rate some answers first"
    )]
    NothingToLearn {
        /// How many dialogues the query found.
        dialogues: usize,
        /// How many questions with their answers were in them.
        exchanges: usize,
    },
    /// A file could not be used.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The model answered, and the answer could not be stored; nothing of the exchange was.
    #[error("the answer could not be kept")]
    NotKept {
        /// The answer.
        reply: Hidden<Box<Reply>>,
        /// Why it could not be stored.
        source: dialogue_store::Error,
    },
    /// The model answered, and the answer could not be judged; it was stored without a judgement
    /// if the store could.
    #[error("the answer could not be judged")]
    NotJudged {
        /// The answer.
        completion: Hidden<Box<ChatCompletion>>,
        /// Why it could not be judged.
        source: sentiment::Error,
    },
    /// The runtime shut down before the work was done.
    #[error("the program is shutting down")]
    ShuttingDown,
    /// The dialogue store failed.
    #[error(transparent)]
    Store(#[from] dialogue_store::Error),
    /// The sentiment could not be determined.
    #[error(transparent)]
    Sentiment(#[from] sentiment::Error),
    /// Data or training failed.
    #[error(transparent)]
    Training(#[from] trainer::Error),
    /// The embedded engine failed.
    #[cfg(feature = "local")]
    #[error(transparent)]
    Engine(#[from] local_engine::Error),
}

impl Error {
    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Backend(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::Training(error) => error.is_retryable(),
            Self::Sentiment(error) | Self::NotJudged { source: error, .. } => error.is_retryable(),
            #[cfg(feature = "local")]
            Self::Engine(error) => error.is_retryable(),
            _ => false,
        }
    }
}

/// Something whose text `Debug` does not show, so that no error brings it into a log.
#[derive(Clone, PartialEq)]
pub struct Hidden<T>(pub T);

impl<T> std::ops::Deref for Hidden<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> std::fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(..)")
    }
}

fn did_you_mean(near: &[ModelId]) -> String {
    if near.is_empty() {
        return "; `models` lists what there is".to_owned();
    }
    format!("; near names are: {}", join(near.iter().map(ModelId::as_str)))
}

fn in_catalogue(ids: &[String]) -> String {
    if ids.is_empty() {
        return "; the catalogue is empty".to_owned();
    }
    format!("; the catalogue has: {}", join(ids.iter().map(String::as_str)))
}

fn field_name(field: Option<&str>) -> String {
    field.map(|field| format!(", field {field}")).unwrap_or_default()
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
