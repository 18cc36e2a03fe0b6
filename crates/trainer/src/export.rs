//! Sets as JSON Lines, in the shapes that OpenAI and TRL take.

use std::io::{self, Write};

use crate::dataset::{Dataset, Label, TrainingSet};
use crate::messages::Fault;
use crate::write::{Format, Kind};

impl Dataset {
    /// Writes the whole set as JSON Lines that [`from_jsonl_text`](Self::from_jsonl_text) reads
    /// back: conversations, then preferences in OpenAI's shapes, and negative answers as
    /// `prompt`, `completion` and `"label":false`.
    ///
    /// # Errors
    ///
    /// Whatever `out` fails with.
    pub fn write_jsonl(&self, mut out: impl Write) -> io::Result<()> {
        write_lines(&mut out, &self.examples, |example, line| match example.label {
            Label::Positive => Format::OpenAi.write_example(Kind::Supervised, example, line),
            Label::Negative => Format::Trl.write_example(Kind::Unpaired, example, line),
        })?;
        write_lines(&mut out, &self.preferences, |pair, line| {
            Format::OpenAi.write_preference(pair, line)
        })
    }
}

impl TrainingSet {
    /// Writes the supervised examples as JSON Lines, as OpenAI's supervised fine-tuning takes
    /// them: `{"messages":[…]}`.
    ///
    /// # Errors
    ///
    /// Whatever `out` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use trainer::{Dataset, Example};
    ///
    /// let mut out = Vec::new();
    /// Dataset::new(vec![Example::pair("2+2?", "4")]).curate().write_supervised_jsonl(&mut out)?;
    /// assert_eq!(
    ///     String::from_utf8_lossy(&out),
    ///     "{\"messages\":[{\"role\":\"user\",\"content\":\"2+2?\"},\
    ///      {\"role\":\"assistant\",\"content\":\"4\"}]}\n",
    /// );
    /// # std::io::Result::Ok(())
    /// ```
    pub fn write_supervised_jsonl(&self, out: impl Write) -> io::Result<()> {
        write_lines(out, &self.supervised, |example, line| {
            Format::OpenAi.write_example(Kind::Supervised, example, line)
        })
    }

    /// Writes the preferences as JSON Lines, as OpenAI's preference fine-tuning takes them:
    /// `{"input":{"messages":[…]},"preferred_output":[…],"non_preferred_output":[…]}`.
    ///
    /// # Errors
    ///
    /// Whatever `out` fails with.
    pub fn write_preferences_jsonl(&self, out: impl Write) -> io::Result<()> {
        write_lines(out, &self.preferences, |pair, line| {
            Format::OpenAi.write_preference(pair, line)
        })
    }

    /// Writes the unpaired negative answers as JSON Lines, as TRL takes unpaired preferences (for
    /// KTO): `{"prompt":[…],"completion":[…],"label":false}`.
    ///
    /// # Errors
    ///
    /// Whatever `out` fails with.
    pub fn write_unpaired_jsonl(&self, out: impl Write) -> io::Result<()> {
        write_lines(out, &self.unpaired, |example, line| {
            Format::Trl.write_example(Kind::Unpaired, example, line)
        })
    }
}

/// Writes each item by a function that adds it to a buffer as a line.
fn write_lines<T>(
    mut out: impl Write,
    items: &[T],
    add: impl Fn(&T, &mut Vec<u8>) -> Result<(), Fault>,
) -> io::Result<()> {
    let mut line = Vec::new();
    for item in items {
        line.clear();
        add(item, &mut line)
            .map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault.to_string()))?;
        out.write_all(&line)?;
    }
    Ok(())
}
