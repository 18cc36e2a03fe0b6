//! What a model was trained on, kept in its folder to be rehearsed when it learns more.

use std::io::Write;
use std::path::Path;

use openai_api::Message;
use serde::{Deserialize, Serialize};
use trainer::Example;

use crate::error::{Error, Result};
use crate::weights::{ModelFiles, TRAINING_SET};

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

/// What the new model shall remember: the new examples, then the old ones, as many as fit.
pub(crate) fn add(new: &[Example], old: Vec<Remembered>) -> Vec<Remembered> {
    let fresh = new.iter().map(|example| Remembered { messages: example.messages.clone(), age: 0 });
    let older = old.into_iter().map(|kept| Remembered { age: kept.age + 1, ..kept });
    fresh.chain(older).take(MOST).collect()
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
