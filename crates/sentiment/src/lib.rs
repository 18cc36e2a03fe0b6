#![doc = include_str!("../README.md")]

mod analyzer;
mod error;
mod keywords;
mod lexicon;
mod score;

#[cfg(any(test, feature = "mock"))]
pub use crate::analyzer::MockSentimentAnalyzer;
pub use crate::analyzer::{SentimentAnalyzer, SentimentAnalyzerExt};
pub use crate::error::{BoxError, Error, Result};
pub use crate::keywords::Keywords;
pub use crate::lexicon::Lexicon;
pub use crate::score::{Label, Sentiment, Trajectory};
