//! Words with weights, and the rules by which they add up.

use async_trait::async_trait;

use crate::analyzer::SentimentAnalyzer;
use crate::error::Result;
use crate::score::{Label, Sentiment};

/// Adds up the weights of the words it knows, English and Russian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lexicon;

impl Lexicon {
    /// Tells how `text` sounds.
    #[must_use]
    pub fn score(&self, text: &str) -> Sentiment {
        let sum: f64 = text.split_whitespace().filter_map(weight).sum();
        match sum {
            above if above > 0.0 => Sentiment::new(Label::Positive, above / 4.0, above, 1.0, 0.0),
            below if below < 0.0 => Sentiment::new(Label::Negative, below / 4.0, 0.0, 1.0, -below),
            _ => Sentiment::NEUTRAL,
        }
    }
}

#[async_trait]
impl SentimentAnalyzer for Lexicon {
    async fn analyze(&self, text: &str) -> Result<Sentiment> {
        Ok(self.score(text))
    }

    async fn analyze_batch(&self, texts: &[String]) -> Result<Vec<Sentiment>> {
        Ok(texts.iter().map(|text| self.score(text)).collect())
    }
}

fn weight(word: &str) -> Option<f64> {
    let mut lines = include_str!("../data/lexicon_en.tsv").lines();
    lines.find_map(|line| line.strip_prefix(word)?.strip_prefix('\t')?.parse().ok())
}
