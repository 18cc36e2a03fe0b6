//! One thing that was said, and what was thought of it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::time::Timestamp;

/// One thing that was said.
///
/// ```
/// use dialogue_store::{Turn, TurnSentiment};
///
/// let turn = Turn::assistant("Gladly!")
///     .with_model("attune-tiny")
///     .with_sentiment(TurnSentiment::new("positive").with_score(0.6))
///     .with_attribute("completion_tokens", 3);
/// assert_eq!(turn.attributes["completion_tokens"], 3);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Turn {
    /// Who said it.
    pub speaker: Speaker,
    /// What was said, exactly.
    pub text: String,
    /// When it was said.
    pub at: Timestamp,
    /// The model that said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How it sounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentiment: Option<TurnSentiment>,
    /// What somebody thought of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Feedback>,
    /// Anything else worth keeping, such as counts of tokens or a request's id.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Value>,
}

impl Turn {
    /// A turn said now.
    pub fn new(speaker: Speaker, text: impl Into<String>) -> Self {
        Self {
            speaker,
            text: text.into(),
            at: Timestamp::now(),
            model: None,
            sentiment: None,
            feedback: None,
            attributes: Map::new(),
        }
    }

    /// An instruction.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Speaker::System, text)
    }

    /// A question.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Speaker::User, text)
    }

    /// An answer.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Speaker::Assistant, text)
    }

    /// Sets when it was said.
    #[must_use]
    pub fn with_at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }

    /// Sets the model that said it.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets how it sounds.
    #[must_use]
    pub fn with_sentiment(mut self, sentiment: TurnSentiment) -> Self {
        self.sentiment = Some(sentiment);
        self
    }

    /// Sets what somebody thought of it.
    #[must_use]
    pub fn with_feedback(mut self, feedback: Feedback) -> Self {
        self.feedback = Some(feedback);
        self
    }

    /// Keeps one more thing.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }
}

/// Who said something.
///
/// Serialised as a lower-case word; a word that is not known survives as [`Other`](Self::Other).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum Speaker {
    /// Whoever instructs the model.
    System,
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    Tool,
    /// Somebody else.
    Other(String),
}

impl Speaker {
    /// The speaker as a word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Speaker {
    fn from(word: String) -> Self {
        match word.as_str() {
            "system" => Self::System,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" => Self::Tool,
            _ => Self::Other(word),
        }
    }
}

impl From<Speaker> for String {
    fn from(speaker: Speaker) -> Self {
        match speaker {
            Speaker::Other(word) => word,
            known => known.as_str().to_owned(),
        }
    }
}

impl fmt::Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// How a turn sounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TurnSentiment {
    /// `positive`, `negative` or `neutral`.
    pub label: String,
    /// How much so, `-1.0..=1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

impl TurnSentiment {
    /// A sentiment without a score.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), score: None }
    }

    /// Sets how much so, `-1.0..=1.0`.
    #[must_use]
    pub fn with_score(mut self, score: f64) -> Self {
        self.score = Some(score);
        self
    }
}

/// What somebody thought of a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Feedback {
    /// Whether it was good.
    pub rating: Rating,
    /// What should have been said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<String>,
    /// Who thought so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rater: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was given.
    pub at: Timestamp,
}

impl Feedback {
    /// A rating given now.
    #[must_use]
    pub fn new(rating: Rating) -> Self {
        Self { rating, correction: None, rater: None, reason: None, at: Timestamp::now() }
    }

    /// Sets what should have been said.
    #[must_use]
    pub fn with_correction(mut self, correction: impl Into<String>) -> Self {
        self.correction = Some(correction.into());
        self
    }

    /// Sets who thought so.
    #[must_use]
    pub fn with_rater(mut self, rater: impl Into<String>) -> Self {
        self.rater = Some(rater.into());
        self
    }

    /// Sets why.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Sets when it was given.
    #[must_use]
    pub fn with_at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }
}

/// Whether a turn was good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// Thumbs up.
    Up,
    /// Thumbs down.
    Down,
}

impl Rating {
    /// `up` or `down`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Rating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
