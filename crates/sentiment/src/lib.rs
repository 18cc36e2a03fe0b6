#![doc = include_str!("../README.md")]

mod analyzer;
#[cfg(any(test, feature = "conformance"))]
#[allow(clippy::missing_panics_doc, clippy::unwrap_used)]
pub mod conformance;
mod error;
mod keywords;
mod lexicon;
#[cfg(feature = "model")]
mod model;
mod score;

#[cfg(any(test, feature = "mock"))]
pub use crate::analyzer::MockSentimentAnalyzer;
pub use crate::analyzer::{SentimentAnalyzer, SentimentAnalyzerExt};
pub use crate::error::{BoxError, Error, Result};
pub use crate::keywords::Keywords;
pub use crate::lexicon::Lexicon;
#[cfg(feature = "model")]
pub use crate::model::ModelAnalyzer;
pub use crate::score::{Label, Sentiment, Trajectory};
