//! What a model was trained on, kept in its folder to be rehearsed when it learns more.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use openai_api::Message;
use serde::{Deserialize, Serialize};
use trainer::{Example, Preference};

use crate::error::{Error, Result};
use crate::files::{ModelFiles, TRAINING_SET};

/// One remembered conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    pub(crate) messages: Vec<Message>,
    /// How many trainings ago it was learned; 0 is the latest.
    #[serde(default)]
    pub(crate) age: u32,
}

impl Remembered {
    pub(crate) fn to_example(&self) -> Example {
        Example::new(self.messages.clone())
    }
}

/// Reads what a model remembers; a model from elsewhere remembers nothing.
pub(crate) fn read(files: &ModelFiles) -> Result<Vec<Remembered>> {
    let Some(bytes) = files.read_if_present(TRAINING_SET)? else { return Ok(Vec::new()) };
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let parse = |line| serde_json::from_slice(line);
    lines
        .map(parse)
        .collect::<Result<_, _>>()
        .map_err(|source| Error::Json { file: files.display(TRAINING_SET), source })
}

/// Takes out what is taught anew: trained on beside its successor, an old answer would hold it up.
///
/// Two prompts are the same if their roles and texts are, spaces at the ends apart.
pub(crate) fn without_retaught(
    old: Vec<Remembered>,
    new: &[Example],
    preferences: &[Preference],
) -> Vec<Remembered> {
    let retaught: HashSet<_> = (new.iter().map(|example| prompt(&example.messages)))
        .chain(preferences.iter().map(|pair| words(&pair.prompt)))
        .collect();
    old.into_iter().filter(|kept| !retaught.contains(&prompt(&kept.messages))).collect()
}

/// What the new model shall remember: the new examples, then the old ones, as many as fit.
pub(crate) fn add(new: &[Example], old: Vec<Remembered>) -> Vec<Remembered> {
    let fresh = new.iter().map(|example| Remembered { messages: example.messages.clone(), age: 0 });
    let older = without_retaught(old, new, &[])
        .into_iter()
        .map(|kept| Remembered { age: kept.age + 1, ..kept });
    fresh.chain(older).take(MOST).collect()
}

/// All messages but the last, which is the answer.
fn prompt(messages: &[Message]) -> Vec<(String, String)> {
    words(messages.split_last().map_or(&[], |(_, prompt)| prompt))
}

fn words(messages: &[Message]) -> Vec<(String, String)> {
    let words = |message: &Message| (message.role.to_string(), message.text().trim().to_owned());
    messages.iter().map(words).collect()
}

pub(crate) fn write(remembered: &[Remembered], folder: &Path) -> Result<()> {
    let path = folder.join(TRAINING_SET);
    let mut bytes = Vec::new();
    for kept in remembered {
        let line = serde_json::to_writer(&mut bytes, kept).map_err(std::io::Error::from);
        line.and_then(|()| bytes.write_all(b"\n")).map_err(Error::io("write", &path))?;
    }
    std::fs::write(&path, bytes).map_err(Error::io("write", path))
}

/// At most so many conversations are remembered; the oldest are forgotten first.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(question: &str, answer: &str) -> Remembered {
        Remembered { messages: Example::pair(question, answer).messages, age: 0 }
    }

    #[test]
    fn what_is_taught_anew_replaces_what_was_remembered() {
        let old = vec![remembered("Who cooks?", "Olga."), remembered("Who sails?", "Matvey.")];
        let both = add(&[Example::pair("Who cooks? ", "Ivan.")], old);
        let answers: Vec<(String, u32)> =
            both.iter().map(|kept| (kept.messages[1].text(), kept.age)).collect();
        assert_eq!(answers, [("Ivan.".to_owned(), 0), ("Matvey.".to_owned(), 1)]);
    }

    #[test]
    fn a_preference_takes_out_the_answer_to_its_prompt() {
        let old = vec![remembered("Who cooks?", "Olga."), remembered("Who sails?", "Matvey.")];
        let [good, bad] = ["Ivan.", "Olga."].map(Message::assistant);
        let pair = Preference::new(vec![Message::user("Who cooks?")], good, bad);
        assert_eq!(without_retaught(old.clone(), &[], &[pair]), old[1..]);
    }
}
