//! A dialogue and the turns in it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::id::DialogueId;
use crate::time::Timestamp;

/// A stored dialogue, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dialogue {
    /// What it is called.
    pub id: DialogueId,
    /// When it was begun.
    pub created_at: Timestamp,
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The model it was begun with; a turn may name another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The assistant that took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Anything else worth keeping.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Value>,
    /// What was said, oldest first.
    #[serde(default)]
    pub turns: Vec<Turn>,
}

impl Dialogue {
    /// The dialogue that `new` asks for; a missing id is made up, a missing time is now.
    #[must_use]
    pub fn begin(new: NewDialogue) -> Self {
        Self {
            id: new.id.unwrap_or_else(DialogueId::random),
            created_at: new.created_at.unwrap_or_else(Timestamp::now),
            title: new.title,
            model: new.model,
            assistant: new.assistant,
            tags: new.tags,
            attributes: new.attributes,
            turns: new.turns,
        }
    }

    /// When the last turn was said, or the dialogue begun if that is later.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.turns.iter().map(|turn| turn.at).fold(self.created_at, Timestamp::max)
    }

    /// The latest sentiment that a turn has.
    #[must_use]
    pub fn sentiment(&self) -> Option<&TurnSentiment> {
        self.turns.iter().rev().find_map(|turn| turn.sentiment.as_ref())
    }

    /// Sets the feedback on a turn, counted from 0.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchTurn`] if there is no such turn.
    pub fn rate(&mut self, turn: u64, feedback: Feedback) -> Result<()> {
        let turns = self.turns.len() as u64;
        let found = usize::try_from(turn).ok().and_then(|turn| self.turns.get_mut(turn));
        let missing = || Error::NoSuchTurn { id: self.id.clone(), turn, turns };
        found.ok_or_else(missing)?.feedback = Some(feedback);
        Ok(())
    }

    /// What a list shows of it.
    #[must_use]
    pub fn summary(&self) -> DialogueSummary {
        let rated = |rating| {
            let is = |turn: &&Turn| turn.feedback.as_ref().is_some_and(|it| it.rating == rating);
            self.turns.iter().filter(is).count() as u64
        };
        DialogueSummary {
            id: self.id.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at(),
            title: self.title.clone(),
            model: self.model.clone(),
            assistant: self.assistant.clone(),
            tags: self.tags.clone(),
            turns: self.turns.len() as u64,
            sentiment: self.sentiment().cloned(),
            ups: rated(Rating::Up),
            downs: rated(Rating::Down),
        }
    }
}

/// A dialogue to be created.
///
/// ```
/// use dialogue_store::{NewDialogue, Turn};
///
/// let new = NewDialogue::new()
///     .with_model("attune-tiny")
///     .with_tags(vec!["demo".to_owned()])
///     .with_turns(vec![Turn::system("Be brief.")]);
/// assert_eq!(new.turns.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct NewDialogue {
    /// Its id; `None` for a random one.
    pub id: Option<DialogueId>,
    /// When it was begun; `None` for now.
    pub created_at: Option<Timestamp>,
    /// A line for people.
    pub title: Option<String>,
    /// The model it is begun with.
    pub model: Option<String>,
    /// The assistant that takes part.
    pub assistant: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Anything else worth keeping.
    pub attributes: Map<String, Value>,
    /// What was said already, oldest first.
    pub turns: Vec<Turn>,
}

impl NewDialogue {
    /// An empty dialogue with a random id, begun now.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets its id.
    #[must_use]
    pub fn with_id(mut self, id: DialogueId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets when it was begun.
    #[must_use]
    pub fn with_created_at(mut self, at: Timestamp) -> Self {
        self.created_at = Some(at);
        self
    }

    /// Sets a line for people.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the model it is begun with.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the assistant that takes part.
    #[must_use]
    pub fn with_assistant(mut self, assistant: impl Into<String>) -> Self {
        self.assistant = Some(assistant.into());
        self
    }

    /// Sets the words to find it by.
    #[must_use]
    pub fn with_tags(mut self, tags: Vec<String>) -> Self {
        self.tags = tags;
        self
    }

    /// Keeps one more thing.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Sets what was said already.
    #[must_use]
    pub fn with_turns(mut self, turns: Vec<Turn>) -> Self {
        self.turns = turns;
        self
    }
}

/// What a list shows of a dialogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DialogueSummary {
    /// What it is called.
    pub id: DialogueId,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When the last turn was said, or the dialogue begun if that is later.
    pub updated_at: Timestamp,
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The model it was begun with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The assistant that took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How many turns it has.
    pub turns: u64,
    /// The latest sentiment that a turn has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentiment: Option<TurnSentiment>,
    /// How many turns are rated up.
    pub ups: u64,
    /// How many turns are rated down.
    pub downs: u64,
}

impl DialogueSummary {
    /// A summary of an empty dialogue; its fields are public, to be filled by a store.
    #[must_use]
    pub fn new(id: DialogueId, created_at: Timestamp) -> Self {
        let begun = NewDialogue::new().with_id(id).with_created_at(created_at);
        Dialogue::begin(begun).summary()
    }
}

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
