//! Examples, where they came from, and which of them train.

mod sources;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use openai_api::{Content, Message, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Problem, Result};

/// Whether an answer is one to learn or one to avoid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// To learn.
    #[default]
    Positive,
    /// To avoid.
    Negative,
}

impl Label {
    /// What to say of a word that is no label.
    pub(crate) const EXPECTED: &str =
        "must be positive or negative, true or false, 1 or 0, or be left out";

    /// A label as people write it.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word.trim().to_lowercase().as_str() {
            "positive" | "true" | "1" => Some(Self::Positive),
            "negative" | "false" | "0" => Some(Self::Negative),
            _ => None,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
        })
    }
}

/// Where an example or a fault is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Origin {
    /// The file; `None` for text that was handed over, and for stored dialogues.
    pub file: Option<PathBuf>,
    /// The line, from 1; 0 where there are no lines.
    pub line: u64,
    /// The column: a heading of a CSV file, or a field of a JSON object.
    pub column: Option<String>,
}

impl Origin {
    /// A line of text that was handed over.
    #[must_use]
    pub fn line(line: u64) -> Self {
        Self { file: None, line, column: None }
    }

    /// A line of a file.
    pub fn file_line(file: impl Into<PathBuf>, line: u64) -> Self {
        Self { file: Some(file.into()), line, column: None }
    }

    /// The same place, with a column.
    #[must_use]
    pub fn with_column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// The same line, in a file.
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        self.file = Some(file.to_owned());
        self
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display())?,
            None => f.write_str("data")?,
        }
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        Ok(())
    }
}

/// A conversation that ends with an answer of the assistant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Example {
    /// The messages, oldest first. An assistant message whose `weight` is 0 is not trained on.
    pub messages: Vec<Message>,
    /// Whether the last answer is one to learn.
    pub label: Label,
    /// Where it came from.
    pub origin: Origin,
    /// Fields that stand beside the messages in a training file, such as `tools`.
    pub extra: Map<String, Value>,
}

impl Example {
    /// One question and its answer.
    pub fn pair(prompt: impl Into<String>, completion: impl Into<String>) -> Self {
        let prompt = Message::user(prompt.into());
        Self::new(vec![prompt, Message::assistant(completion.into())])
    }

    /// A conversation to learn from.
    #[must_use]
    pub fn new(messages: Vec<Message>) -> Self {
        let (label, origin) = (Label::Positive, Origin::default());
        Self { messages, label, origin, extra: Map::new() }
    }

    /// Sets whether the answer is one to learn.
    #[must_use]
    pub fn with_label(mut self, label: Label) -> Self {
        self.label = label;
        self
    }

    /// Sets where it came from.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// What comes before the answer.
    #[must_use]
    pub fn prompt(&self) -> &[Message] {
        self.messages.split_last().map(|(_, prompt)| prompt).unwrap_or_default()
    }

    /// The answer, if the last message is one.
    #[must_use]
    pub fn answer(&self) -> Option<&Message> {
        self.messages.last().filter(|message| message.role == Role::Assistant)
    }
}

/// A prompt with a better and a worse answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Preference {
    /// What comes before the answer.
    pub prompt: Vec<Message>,
    /// The better answer.
    pub preferred: Message,
    /// The worse answer.
    pub rejected: Message,
    /// Where it came from: the better answer's place.
    pub origin: Origin,
    /// Fields that stand beside the prompt's messages in a training file, such as `tools`.
    pub extra: Map<String, Value>,
}

impl Preference {
    /// A prompt with a better and a worse answer.
    #[must_use]
    pub fn new(prompt: Vec<Message>, preferred: Message, rejected: Message) -> Self {
        Self { prompt, preferred, rejected, origin: Origin::default(), extra: Map::new() }
    }

    /// Sets where it came from.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// The better answer as a positive example, and the worse one as a negative.
    fn into_examples(self) -> [Example; 2] {
        let Self { prompt, preferred, rejected, origin, extra } = self;
        [(preferred, Label::Positive), (rejected, Label::Negative)].map(|(answer, label)| {
            let messages = prompt.iter().cloned().chain([answer]).collect();
            Example { messages, label, origin: origin.clone(), extra: extra.clone() }
        })
    }
}

/// Labelled examples and ready-made preferences, as they were read.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Dataset {
    /// Conversations with a label each.
    pub examples: Vec<Example>,
    /// Preferences that came as such.
    pub preferences: Vec<Preference>,
}

impl Dataset {
    /// A set of examples.
    #[must_use]
    pub fn new(examples: Vec<Example>) -> Self {
        Self { examples, preferences: Vec::new() }
    }

    /// How many examples and preferences there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.examples.len() + self.preferences.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: Self) {
        self.examples.extend(other.examples);
        self.preferences.extend(other.preferences);
    }

    /// Sorts the examples into what trains and what does not.
    ///
    /// Positive examples are supervised. Each negative answer whose prompt has a positive one
    /// becomes a preference as well: the i-th negative answer is set against the i-th positive
    /// one, or against the last where there are fewer, so three good answers and a bad one make
    /// one preference. Equal answers make none. A negative answer whose prompt has no positive one
    /// is unpaired.
    ///
    /// ```
    /// use trainer::{Dataset, Example, Label};
    ///
    /// let set = Dataset::new(vec![
    ///     Example::pair("2+2?", "4"),
    ///     Example::pair("2+2?", "5").with_label(Label::Negative),
    ///     Example::pair("3+3?", "7").with_label(Label::Negative),
    /// ])
    /// .curate();
    /// assert_eq!((set.supervised.len(), set.preferences.len(), set.unpaired.len()), (1, 1, 1));
    /// ```
    #[must_use]
    pub fn curate(self) -> TrainingSet {
        let mut by_prompt: HashMap<String, Vec<usize>> = HashMap::new();
        let (supervised, negatives): (Vec<_>, Vec<_>) =
            self.examples.into_iter().partition(|example| example.label == Label::Positive);
        for (place, example) in supervised.iter().enumerate() {
            by_prompt.entry(prompt_key(example.prompt())).or_default().push(place);
        }
        let mut set =
            TrainingSet { supervised, preferences: self.preferences, unpaired: Vec::new() };
        let mut used: HashMap<String, usize> = HashMap::new();
        for negative in negatives {
            let key = prompt_key(negative.prompt());
            let Some(places) = by_prompt.get(&key) else {
                set.unpaired.push(negative);
                continue;
            };
            let turn = used.entry(key).or_default();
            let positive = &set.supervised[places[(*turn).min(places.len() - 1)]];
            *turn += 1;
            let (Some(preferred), Some(rejected)) = (positive.answer(), negative.answer()) else {
                continue;
            };
            if preferred.text() != rejected.text() {
                let prompt = negative.prompt().to_vec();
                let mut pair = Preference::new(prompt, preferred.clone(), rejected.clone())
                    .with_origin(positive.origin.clone());
                pair.extra = positive.extra.clone();
                set.preferences.push(pair);
            }
        }
        set
    }

    /// Turns the set into examples to measure on: a job's
    /// [`validation`](crate::TrainingJob::validation).
    ///
    /// Good answers become positive examples. Each preference becomes a positive and a negative
    /// example with the same prompt, which [`curate`](Self::curate) makes one of again. A negative
    /// answer whose prompt has no positive one is left out.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidData`] if nothing is left; it names the file if all came from one.
    ///
    /// # Examples
    ///
    /// ```
    /// use trainer::{Dataset, Example, Label};
    ///
    /// let good = Example::pair("2+2?", "4");
    /// let bad = Example::pair("2+2?", "5").with_label(Label::Negative);
    /// let alone = Example::pair("3+3?", "7").with_label(Label::Negative);
    ///
    /// let set = Dataset::new(vec![good.clone(), bad.clone(), alone.clone()]);
    /// assert_eq!(set.into_validation()?, [good, bad]);
    /// assert!(Dataset::new(vec![alone]).into_validation().is_err());
    /// # Ok::<(), trainer::Error>(())
    /// ```
    pub fn into_validation(self) -> Result<Vec<Example>> {
        let nothing = self.nothing_to_measure();
        // Preferences come first, so that `curate` sets the same answers against each other.
        let pairs = self.preferences.into_iter().flat_map(Preference::into_examples);
        let mut examples: Vec<Example> = pairs.chain(self.examples).collect();
        let answered: HashSet<String> = examples
            .iter()
            .filter(|example| example.label == Label::Positive)
            .map(|example| prompt_key(example.prompt()))
            .collect();
        examples.retain(|example| answered.contains(&prompt_key(example.prompt())));
        if examples.is_empty() { Err(nothing) } else { Ok(examples) }
    }

    /// What to say if no example has a good answer.
    fn nothing_to_measure(&self) -> Error {
        let message = if self.examples.is_empty() {
            "there is no example to measure on"
        } else {
            "there is no example to measure on: every answer is negative; \
             add a good answer to the same prompts"
        };
        let mut files = self.examples.iter().map(|example| &example.origin.file);
        let file = files.next().cloned().flatten();
        let file = file.filter(|file| files.all(|other| other.as_ref() == Some(file)));
        Error::invalid_data(Problem::new(Origin { file, ..Origin::default() }, message))
    }
}

impl Extend<Example> for Dataset {
    fn extend<I: IntoIterator<Item = Example>>(&mut self, examples: I) {
        self.examples.extend(examples);
    }
}

/// What a job trains on, sorted by how.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TrainingSet {
    /// Examples whose answers are learned.
    pub supervised: Vec<Example>,
    /// Prompts with a better and a worse answer.
    pub preferences: Vec<Preference>,
    /// Bad answers with no good one beside them: kept for export, never trained on.
    pub unpaired: Vec<Example>,
}

impl TrainingSet {
    /// Whether there is nothing to train on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.supervised.is_empty() && self.preferences.is_empty()
    }
}

/// Prompts are equal when roles and contents are.
fn prompt_key(prompt: &[Message]) -> String {
    // A NUL and a record separator cannot stand in a role.
    prompt.iter().fold(String::new(), |mut key, message| {
        key.push_str(message.role.as_str());
        key.push('\0');
        match &message.content {
            Some(Content::Text(text)) => key.push_str(text.trim()),
            // Parts may be images: two images under one text are two prompts.
            Some(other) => key.push_str(&serde_json::to_string(other).unwrap_or_default()),
            None => {}
        }
        key.push('\u{1e}');
        key
    })
}

#[cfg(test)]
mod tests;
