//! Words with weights, and the rules by which they add up.

mod context;
mod rules;
mod token;
mod words;

use async_trait::async_trait;

use crate::analyzer::SentimentAnalyzer;
use crate::error::Result;
use crate::score::{Label, Sentiment};

/// Adds up the weights of the words it knows, English and Russian, by the rules of both.
///
/// Negation reaches to the end of its clause and turns a word's sign, "very" strengthens and
/// "slightly" weakens what follows, what comes after "but" counts more than what came before it,
/// and exclamation marks, capitals, emoji and emoticons count too. It takes time in proportion to
/// the text's length, and never fails.
///
/// The label is neutral while the compound lies nearer to 0 than 0.2.
///
/// ```
/// use sentiment::{Label, Lexicon};
///
/// assert_eq!(Lexicon.score("What a great idea!").label, Label::Positive);
/// assert_eq!(Lexicon.score("That is not good").label, Label::Negative);
/// assert_eq!(Lexicon.score("Мне не нравится").label, Label::Negative);
/// assert_eq!(Lexicon.score("Goodbye, and hand in your badge").label, Label::Neutral);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lexicon;

impl Lexicon {
    /// Tells how `text` sounds.
    #[must_use]
    pub fn score(&self, text: &str) -> Sentiment {
        let tokens = token::tokens(text);
        let tally = rules::tally(&tokens);
        let compound = tally.compound();
        let label = match compound {
            above if above >= NEUTRAL_BAND => Label::Positive,
            below if below <= -NEUTRAL_BAND => Label::Negative,
            _ => Label::Neutral,
        };
        Sentiment::new(label, compound, tally.positive, tally.neutral, tally.negative)
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

/// Macro-F1 over four English corpora that people rated is highest around here.
const NEUTRAL_BAND: f64 = 0.2;

#[cfg(test)]
mod tests;
