//! Learning from stored dialogues: which answers were good.

use std::collections::HashSet;
use std::path::PathBuf;

use dialogue_store::{Dialogue, DialogueStore, Query, Rating, SINGLE_TURN, Speaker, Turn};
use futures_util::TryStreamExt;
use openai_api::{Message, Role};
use trainer::{Dataset, Example, Label, Origin, Problem, TrainingSet};

use crate::convert;
use crate::error::{Error, Result};
use crate::train::TrainOptions;

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

/// What was found in the dialogues.
#[derive(Debug, Default)]
pub(crate) struct Lessons {
    dialogues: usize,
    exchanges: usize,
    examples: Vec<Example>,
    seen: HashSet<(String, Label)>,
    left_out: Vec<Problem>,
}

/// Reads the dialogues and picks what is good in them; what came before an answer is cut to the
/// model's context window, in tokens, where it is known.
pub(crate) async fn collect(
    store: &dyn DialogueStore,
    query: Query,
    unrated: Unrated,
    window: Option<u32>,
) -> Result<Lessons> {
    let mut lessons = Lessons::default();
    let mut summaries = store.list(query);
    while let Some(summary) = summaries.try_next().await? {
        match store.get(&summary.id).await {
            Ok(dialogue) => lessons.take(&dialogue, unrated, window),
            // It was deleted since it was listed.
            Err(dialogue_store::Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(lessons)
}

impl Lessons {
    /// The training set.
    ///
    /// # Errors
    ///
    /// [`Error::NothingToLearn`] if there is nothing in it.
    pub(crate) fn training_set(&self) -> Result<TrainingSet> {
        let set = Dataset::new(self.examples.clone()).curate();
        if set.is_empty() {
            let (dialogues, exchanges) = (self.dialogues, self.exchanges);
            return Err(Error::NothingToLearn { dialogues, exchanges });
        }
        Ok(set)
    }

    /// Leaves out the examples that a trainer refuses; `false` if it was none of these.
    pub(crate) fn leave_out(&mut self, refused: Vec<Problem>) -> bool {
        let place = |origin: &Origin| (origin.file.clone(), origin.line);
        let places: HashSet<_> = refused.iter().map(|problem| place(&problem.origin)).collect();
        let before = self.examples.len();
        self.examples.retain(|example| !places.contains(&place(&example.origin)));
        self.left_out.extend(refused);
        self.examples.len() < before
    }

    /// What was left out, and why.
    pub(crate) fn into_left_out(self) -> Vec<Problem> {
        self.left_out
    }

    fn take(&mut self, dialogue: &Dialogue, unrated: Unrated, window: Option<u32>) {
        self.dialogues += 1;
        let single_turn = dialogue.tags.iter().any(|tag| tag == SINGLE_TURN);
        let mut before: Vec<Message> = Vec::new();
        for (place, turn) in dialogue.turns.iter().enumerate() {
            let known =
                matches!(turn.speaker, Speaker::System | Speaker::User | Speaker::Assistant);
            if !known || turn.text.trim().is_empty() {
                continue;
            }
            let is_answer = turn.speaker == Speaker::Assistant;
            if is_answer && before.iter().any(|message| message.role == Role::User) {
                self.exchanges += 1;
                let origin =
                    Origin::file_line(format!("dialogue {}", dialogue.id), place as u64 + 1);
                for (answer, label) in verdicts(turn, unrated) {
                    self.add(cut_to_window(&before, answer, window), answer, label, &origin);
                }
            }
            if is_answer && single_turn {
                before.clear();
                continue;
            }
            let mut message = convert::message(turn);
            if is_answer {
                // It was judged where it stood; here it is only what came before.
                message.extra.insert("weight".into(), 0.into());
            }
            before.push(message);
        }
    }

    fn add(&mut self, before: Vec<Message>, answer: &str, label: Label, origin: &Origin) {
        let texts = before.iter().map(Message::text).chain([answer.to_owned()]);
        let key = texts.collect::<Vec<_>>().join("\u{1e}");
        if self.seen.insert((key, label)) {
            let messages = before.into_iter().chain([Message::assistant(answer)]).collect();
            let example = Example::new(messages).with_label(label).with_origin(origin.clone());
            self.examples.push(example);
        }
    }
}

/// Leaves out the oldest exchanges until the rest should fit; instructions and the question stay.
fn cut_to_window(before: &[Message], answer: &str, window: Option<u32>) -> Vec<Message> {
    let mut kept = before.to_vec();
    let Some(window) = window else { return kept };
    let room = f64::from(window) / TOKENS_PER_BYTE;
    let bytes = |kept: &[Message]| {
        let texts: usize = kept.iter().map(|message| message.text().len() + AROUND_A_MESSAGE).sum();
        (texts + answer.len() + AROUND_A_MESSAGE) as f64
    };
    while bytes(&kept) > room {
        let mut questions = (0..kept.len()).filter(|place| kept[*place].role == Role::User);
        let (Some(first), Some(second)) = (questions.next(), questions.next()) else { break };
        kept.drain(first..second);
    }
    kept
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

/// High for English (about 0.25), right for Russian.
const TOKENS_PER_BYTE: f64 = 0.4;
/// Bytes that a template puts around each message.
const AROUND_A_MESSAGE: usize = 12;
