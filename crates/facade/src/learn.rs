//! Learning from stored dialogues: which answers were good.

use std::collections::HashSet;
use std::path::PathBuf;

use dialogue_store::{Dialogue, DialogueStore, Query, Rating, Speaker, Turn};
use futures_util::TryStreamExt;
use openai_api::Message;
use trainer::{Dataset, Example, Label};

use crate::blocking;
use crate::convert;
use crate::error::{Error, Result};
use crate::train::{ReadyData, TrainOptions, validation_examples};

/// Which stored answers to learn from, and how.
///
/// An answer rated up is learned. An answer rated down is one to avoid. A correction is learned in
/// place of the answer it corrects, and the two make a preference pair. An answer that nobody
/// rated goes by [`Unrated`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Learn {
    /// Which dialogues to look at: by date, model, sentiment, feedback, assistant or tag.
    pub query: Query,
    /// What to do with answers that nobody rated.
    pub unrated: Unrated,
    /// A file or folder to measure on and not to train on.
    pub validation: Option<PathBuf>,
    /// How to train.
    pub options: TrainOptions,
}

/// What to do with answers that nobody rated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unrated {
    /// Learn those whose sentiment is positive.
    #[default]
    Positive,
    /// Learn those whose sentiment is not negative.
    NotNegative,
    /// Leave them out.
    Skip,
}

impl Learn {
    /// Sets which dialogues to look at.
    #[must_use]
    pub fn with_query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    /// Sets what to do with answers that nobody rated.
    #[must_use]
    pub fn with_unrated(mut self, unrated: Unrated) -> Self {
        self.unrated = unrated;
        self
    }

    /// Sets a file or folder to measure on.
    #[must_use]
    pub fn with_validation(mut self, path: impl Into<PathBuf>) -> Self {
        self.validation = Some(path.into());
        self
    }

    /// Sets how to train.
    #[must_use]
    pub fn with_options(mut self, options: TrainOptions) -> Self {
        self.options = options;
        self
    }
}

/// Reads the dialogues and picks what is good in them.
pub(crate) async fn collect(store: &dyn DialogueStore, learn: Learn) -> Result<ReadyData> {
    let mut found = Found::default();
    let mut summaries = store.list(learn.query);
    while let Some(summary) = summaries.try_next().await? {
        match store.get(&summary.id).await {
            Ok(dialogue) => found.take(&dialogue, learn.unrated),
            // It was deleted since it was listed.
            Err(dialogue_store::Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (dialogues, exchanges) = (found.dialogues, found.exchanges);
    let training = Dataset::new(found.examples).curate();
    if training.is_empty() {
        return Err(Error::NothingToLearn { dialogues, exchanges });
    }
    let validation = match learn.validation {
        Some(path) => blocking::run(move || validation_examples(&path)).await?,
        None => Vec::new(),
    };
    Ok(ReadyData { training, validation, options: learn.options })
}

#[derive(Default)]
struct Found {
    dialogues: usize,
    exchanges: usize,
    examples: Vec<Example>,
    seen: HashSet<(String, Label)>,
}

impl Found {
    fn take(&mut self, dialogue: &Dialogue, unrated: Unrated) {
        self.dialogues += 1;
        let single_turn = dialogue.tags.iter().any(|tag| tag == convert::SINGLE_TURN);
        let mut before: Vec<Message> = Vec::new();
        for turn in &dialogue.turns {
            if turn.speaker == Speaker::Assistant && !before.is_empty() {
                self.exchanges += 1;
                for (answer, label) in verdicts(turn, unrated) {
                    self.add(&before, answer, label);
                }
            }
            if turn.speaker == Speaker::Assistant && single_turn {
                before.clear();
                continue;
            }
            let mut message = convert::message(turn);
            if turn.speaker == Speaker::Assistant {
                // It was judged where it stood; here it is only what came before.
                message.extra.insert("weight".into(), 0.into());
            }
            before.push(message);
        }
    }

    fn add(&mut self, before: &[Message], answer: &str, label: Label) {
        let texts = before.iter().map(Message::text).chain([answer.to_owned()]);
        let key = texts.collect::<Vec<_>>().join("\u{1e}");
        if self.seen.insert((key, label)) {
            let messages = before.iter().cloned().chain([Message::assistant(answer)]).collect();
            self.examples.push(Example::new(messages).with_label(label));
        }
    }
}

fn verdicts(turn: &Turn, unrated: Unrated) -> Vec<(&str, Label)> {
    let answer = turn.text.as_str();
    let Some(feedback) = &turn.feedback else {
        let sentiment = turn.sentiment.as_ref().map_or("neutral", |s| s.label.as_str());
        let good = match unrated {
            Unrated::Positive => sentiment == "positive",
            Unrated::NotNegative => sentiment != "negative",
            Unrated::Skip => false,
        };
        return if good { vec![(answer, Label::Positive)] } else { Vec::new() };
    };
    match (&feedback.correction, feedback.rating) {
        (Some(better), _) => vec![(better, Label::Positive), (answer, Label::Negative)],
        (None, Rating::Up) => vec![(answer, Label::Positive)],
        (None, Rating::Down) => vec![(answer, Label::Negative)],
    }
}
