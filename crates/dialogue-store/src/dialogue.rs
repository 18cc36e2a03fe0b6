//! A dialogue, and what a list shows of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::id::DialogueId;
use crate::time::Timestamp;
use crate::turn::{Feedback, Rating, Turn, TurnSentiment};

/// The tag of a dialogue whose questions do not know of each other.
///
/// Each of its questions was asked without what was said before, so each answer is one to its own
/// question and to the dialogue's instruction alone. Whoever learns from dialogues must not take
/// such a one for a conversation.
///
/// ```
/// use dialogue_store::{NewDialogue, SINGLE_TURN, Turn};
///
/// let log = NewDialogue::new()
///     .with_tags(vec![SINGLE_TURN.to_owned()])
///     .with_turns(vec![
///         Turn::user("2+2?"), Turn::assistant("4"),
///         Turn::user("3+3?"), Turn::assistant("6"),
///     ]);
/// assert_eq!(log.tags, ["single-turn"]);
/// ```
pub const SINGLE_TURN: &str = "single-turn";

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
