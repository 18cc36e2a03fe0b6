//! What can go wrong.

/// A cause of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result whose error is this crate's, unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with an analysis. The text analysed never appears in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This is the name of no label.
    #[error("no such label: it is one of positive, negative and neutral")]
    UnknownLabel,
    /// A model answered with something that is no sentiment.
    #[error("{model} answered with no sentiment: {problem}; try again, or use another model")]
    Answer {
        /// Which model.
        model: String,
        /// What is wrong with the answer.
        problem: &'static str,
    },
    /// An analyser failed in a way of its own.
    #[error("the {analyzer} analyser failed")]
    Analyzer {
        /// Which analyser.
        analyzer: &'static str,
        /// Whether the same call may succeed when it is made again.
        retryable: bool,
        /// How.
        source: BoxError,
    },
}

impl Error {
    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Answer { .. } => true,
            Self::Analyzer { retryable, .. } => *retryable,
            Self::UnknownLabel => false,
        }
    }
}
