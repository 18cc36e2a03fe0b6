//! Three lists of words, and nothing else.

use async_trait::async_trait;

use crate::analyzer::SentimentAnalyzer;
use crate::error::Result;
use crate::score::{Label, Sentiment};

/// Looks for words of three lists anywhere in the text, also within other words.
///
/// Kept for those who need the verdicts of earlier years: a positive word wins over a negative one,
/// whatever stands before it, so "not good" is positive, and "badge" is negative. The compound is
/// +1, −1 or 0. [`Lexicon`](crate::Lexicon) does far better.
///
/// ```
/// use sentiment::{Keywords, Label};
///
/// assert_eq!(Keywords.label("This is a GREAT product!"), Label::Positive);
/// assert_eq!(Keywords.label("I hate this."), Label::Negative);
/// assert_eq!(Keywords.label("It's okay."), Label::Neutral);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keywords;

impl Keywords {
    /// Tells which list the text has a word of: the positive, else the negative, else neither.
    #[must_use]
    pub fn label(&self, text: &str) -> Label {
        let text = text.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if has(&POSITIVE) {
            Label::Positive
        } else if has(&NEGATIVE) {
            Label::Negative
        } else {
            // The third list (okay, fine, neutral, average, moderate, acceptable, sufficient) is
            // not looked for: a text without any of the words is neutral too.
            Label::Neutral
        }
    }
}

#[async_trait]
impl SentimentAnalyzer for Keywords {
    async fn analyze(&self, text: &str) -> Result<Sentiment> {
        Ok(Sentiment::pure(self.label(text)))
    }

    async fn analyze_batch(&self, texts: &[String]) -> Result<Vec<Sentiment>> {
        Ok(texts.iter().map(|text| Sentiment::pure(self.label(text))).collect())
    }
}

const POSITIVE: [&str; 8] =
    ["good", "great", "excellent", "happy", "love", "wonderful", "amazing", "positive"];
const NEGATIVE: [&str; 8] =
    ["bad", "terrible", "hate", "sad", "angry", "horrible", "negative", "awful"];

#[cfg(test)]
mod tests {
    use super::*;

    crate::sentiment_conformance!(keywords, async { Keywords }, []);

    #[track_caller]
    fn check(label: Label, texts: &[&str]) {
        for text in texts {
            assert_eq!(Keywords.label(text), label, "{text:?}");
        }
    }

    #[test]
    fn each_word_of_the_lists_tells() {
        check(Label::Positive, &POSITIVE);
        check(Label::Negative, &NEGATIVE);
        check(
            Label::Neutral,
            &[
                "okay",
                "fine",
                "neutral",
                "average",
                "moderate",
                "acceptable",
                "sufficient",
                "",
                "x",
            ],
        );
    }

    #[test]
    fn a_positive_word_wins_and_words_are_found_within_words() {
        check(
            Label::Positive,
            &["not good", "GOODBYE", "unhappy", "sadly amazing", "bad but good"],
        );
        check(Label::Negative, &["badge", "fine but sad", "HATE"]);
    }
}
